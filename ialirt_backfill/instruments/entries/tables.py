"""One table of a catalogue as it is read, and what is found wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

_T = TypeVar("_T")
_D = TypeVar("_D")

Place = tuple[str, ...]
"""Where something stands in a catalogue: ``("mag", "fields", "mag_epoch", "unit")``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a catalogue, and what to do."""

    place: Place
    what: str


@dataclass(slots=True)
class Table:
    """One table as it is read: every key is taken once, and those that nobody takes are unknown."""

    values: Mapping[str, Any]
    place: Place
    problems: list[Problem]
    taken: set[str] = field(default_factory=set)

    def wrong(self, what: str, *keys: str) -> None:
        """Note what is wrong with a key of this table, or with the table itself."""
        self.problems.append(Problem((*self.place, *keys), what))

    def get(self, key: str, form: Callable[[Any], _T], default: _D) -> _T | _D:
        """The value of a key; the default where it is not there, or is wrong."""
        self.taken.add(key)
        if key not in self.values:
            return default
        try:
            return form(self.values[key])
        except ValueError as error:
            self.wrong(str(error), key)
            return default

    def tables(self, key: str) -> dict[str, Table]:
        """The tables in the table of a key, by name."""
        self.taken.add(key)
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.wrong("write a table", key)
            return {}
        for name, values in found.items():
            if not isinstance(values, dict):
                self.wrong("write a table: { … }", key, name)
        tables = {name: values for name, values in found.items() if isinstance(values, dict)}
        return {name: Table(values, (*self.place, key, name), self.problems) for name, values in tables.items()}

    def refuse_unknown(self) -> None:
        """Note every key that was not taken."""
        for key in self.values:
            if key not in self.taken:
                self.wrong(f"there is no key {key}. {nearest(key, self.taken)}", key)


def nearest(word: str, known: Collection[str]) -> str:
    """The word that was meant, it seems; all that are known, where none is like it."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}"
