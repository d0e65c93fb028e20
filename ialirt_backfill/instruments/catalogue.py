"""The catalogue: the instruments of I-ALiRT by name, as the file ``catalogue.toml`` beside this one has them, and as
further files change it.

A catalogue never changes. Who works with another than the default one is given it, or has it in its options; an
instrument takes its own definition along into other processes, so that none of them needs the files.
"""

from __future__ import annotations

import json
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import takewhile
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from ialirt_backfill.exceptions import CatalogueError
from ialirt_backfill.instruments.boards import KEY as BOARDS_KEY
from ialirt_backfill.instruments.boards import Board, boards_of, own_tables
from ialirt_backfill.instruments.entries.instrument import instrument_of
from ialirt_backfill.instruments.entries.merging import check_taken_away, expanded, merged
from ialirt_backfill.instruments.entries.tables import Place, Problem
from ialirt_backfill.instruments.model import Instrument

COMMON = "common"
"""The table of the fields that every instrument has unless it says otherwise."""

_OWN = "catalogue.toml"


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What is known of the instruments, by the name that the API gives them; and the boards that show them.

    ``common`` are the fields that every further instrument has, as a table of TOML; ``board_tables`` are the boards as
    such tables.
    """

    instruments: Mapping[str, Instrument]
    common: Mapping[str, Any] = field(default_factory=dict)
    board_tables: Mapping[str, Any] = field(default_factory=dict)
    boards: Mapping[str, Board] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Callable[..., Catalogue], tuple[Any, ...]]:
        if self is default():
            return default, ()
        return _assembled, (tuple(self.instruments.values()), dict(self.common), dict(self.board_tables))

    def of_file(self, name: str) -> tuple[Instrument, date] | None:
        """The instrument and day that the name of a file says, under any of the names in use; None: it is no day's
        file."""
        prefix, digits = name[len("imap_") : -len("YYYYMMDD.csv")], name[-len("YYYYMMDD.csv") : -len(".csv")]
        if name != f"imap_{prefix}{digits}.csv" or not (digits.isascii() and digits.isdigit()):
            return None
        for instrument in self.instruments.values():
            if prefix in _prefixes(instrument):
                try:
                    return instrument, date.fromisoformat(digits)
                except ValueError:
                    return None
        return None

    def with_file(self, text: str, shown: str) -> Catalogue:
        """This catalogue with what a file adds and changes; ``shown`` is the file's name, for complaints.

        Raises CatalogueError, which tells all that is wrong with the file.
        """
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also of a number of thousands of digits, and of deep nesting
            raise CatalogueError([f"{shown} is not TOML: {error}"]) from None
        problems: list[Problem] = []
        found = dict(self.instruments)
        own_boards = tables.pop(BOARDS_KEY, {})
        for name, table in tables.items():
            if name == COMMON or not isinstance(table, dict):
                what = "belongs to the program's own catalogue" if name == COMMON else "write a table for an instrument"
                problems.append(Problem((name,), what))
                continue
            known = self.instruments.get(name)
            own = json.loads(known.definition) if known else self._new
            check_taken_away(name, table, self._ever_known(name, own), problems)
            try:
                found[name] = _instrument(name, merged(own, table), problems)
            except RecursionError:
                problems.append(Problem((name,), "it is nested too deeply"))
        problems += _collisions(found, tables)
        board_tables = dict(self.board_tables)
        if isinstance(own_boards, dict):
            boards_of(own_boards, found, problems)
            board_tables |= own_boards
        else:
            problems.append(Problem((BOARDS_KEY,), "write a table for a board: [board.NAME]"))
        if problems:
            placed = sorted(((line_of(text, it.place) or 0, it) for it in problems), key=itemgetter(0))
            raise CatalogueError([_written(it, number, shown) for number, it in placed])
        return _assembled(found.values(), self.common, board_tables)

    @property
    def _new(self) -> dict[str, Any]:
        """What a further instrument begins with."""
        return {"fields": dict(self.common)}

    def _ever_known(self, name: str, table: Mapping[str, Any]) -> set[str]:
        """The fields of an instrument's table, and those that an earlier file may have taken away already."""
        own = default().instruments.get(name)
        return {*table["fields"], *self.common, *(it.name for it in (own.fields if own else ()))}


@cache
def default() -> Catalogue:
    """The catalogue that comes with the program."""
    tables = tomllib.loads((pkgutil.get_data(__package__, _OWN) or b"").decode())
    common = tables.pop(COMMON)
    problems: list[Problem] = []
    found = {name: _instrument(name, merged({"fields": common}, table), problems) for name, table in tables.items()}
    problems += _collisions(found, tables)
    if problems:
        raise CatalogueError([f"{_OWN}: {it.what} ({'.'.join(it.place)})" for it in problems])
    return _assembled(found.values(), common, own_tables())


class _Default(Mapping[str, Instrument]):
    """The instruments of the default catalogue. It is read when the first of them is looked at."""

    def __getitem__(self, name: str) -> Instrument:
        return default().instruments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(default().instruments)

    def __len__(self) -> int:
        return len(default().instruments)


class _DefaultBoards(Mapping[str, Board]):
    """The boards of the default catalogue, in the same way."""

    def __getitem__(self, name: str) -> Board:
        return default().boards[name]

    def __iter__(self) -> Iterator[str]:
        return iter(default().boards)

    def __len__(self) -> int:
        return len(default().boards)


BOARDS: Mapping[str, Board] = _DefaultBoards()
"""The boards of the default catalogue, by name."""

INSTRUMENTS: Mapping[str, Instrument] = _Default()
"""The instruments of the default catalogue, by the name the API gives them."""


def of_file(name: str) -> tuple[Instrument, date] | None:
    """As `Catalogue.of_file`, of the default catalogue."""
    return default().of_file(name)


# --- instruments ------------------------------------------------------------------------------------------------------

_MADE: dict[tuple[str, str], Instrument] = {}
"""Every instrument of this process, by its name and definition: what is defined alike is one and the same."""


def _instrument(name: str, table: Mapping[str, Any], problems: list[Problem]) -> Instrument:
    found = instrument_of(name, expanded(name, table, problems), problems)
    return found if problems else _MADE.setdefault((name, found.definition), found)


def defined(name: str, definition: str) -> Instrument:
    """The instrument of a definition, which another process may have written; of the default catalogue without one."""
    if not definition:
        return default().instruments[name]
    return _MADE.get((name, definition)) or _instrument(name, json.loads(definition), [])


def is_own(instrument: Instrument) -> bool:
    """Whether an instrument is one of the default catalogue, unchanged."""
    return default().instruments.get(instrument.name) is instrument


def _assembled(instruments: Iterable[Instrument], common: Mapping[str, Any], tables: Mapping[str, Any]) -> Catalogue:
    """A catalogue of these; a panel of a board that no longer fits its instrument is left out."""
    by_name = {it.name: it for it in instruments}
    boards = boards_of(tables, by_name, [])
    return Catalogue(MappingProxyType(by_name), common, tables, MappingProxyType(boards))


def _prefixes(instrument: Instrument) -> tuple[str, ...]:
    return instrument.file_prefix, *instrument.other_file_prefixes


def _collisions(instruments: Mapping[str, Instrument], changed: Mapping[str, Any]) -> Iterator[Problem]:
    """Where two instruments would share a row of progress or the name of a file; told of the one that was changed."""
    keys: dict[str, str] = {}
    files: dict[str, str] = {}
    for name in sorted(instruments, key=lambda name: name in changed):
        instrument = instruments[name]
        if other := keys.get(instrument.progress_key):
            yield Problem((name, "progress_key"), f"{instrument.progress_key} is that of {other} already")
        for prefix in dict.fromkeys(_prefixes(instrument)):
            key = "file_name" if prefix == instrument.file_prefix else "other_file_names"
            if other := files.get(prefix):
                yield Problem((name, key), f"imap_{prefix}YYYYMMDD.csv is a file of {other} already")
            files.setdefault(prefix, name)
        keys.setdefault(instrument.progress_key, name)


# --- where in the file ------------------------------------------------------------------------------------------------

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[(\[?)\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


def _written(problem: Problem, number: int, shown: str) -> str:
    where = f"{shown}, line {number}" if number else shown
    said = f"{where}: {'.'.join(problem.place)}: {problem.what}"
    return "".join(letter if letter.isprintable() else "?" for letter in said)  # keys may be any text


def line_of(text: str, place: Place) -> int | None:
    """The line that a place stands in, or else what is nearest to it; None where nothing is of its instrument.

    By the looks of the lines: the reader of TOML does not tell. What stands in an inline table is in that one's line.
    """
    best, depth = None, 0
    table: Place = ()
    several: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(line):
            here = table = _parts(match[2])
            if match[1]:  # one table of several, which are numbered
                several[table] = several.get(table, 0) + 1
                here = table = (*table, str(several[table]))
        elif match := _KEY.match(line):
            here = (*table, *_parts(match[1]))
        else:
            continue
        common = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(here, place, strict=False))))
        if common > depth:
            best, depth = number, common
    return best


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
