"""The catalogue: the instruments of I-ALiRT by name, as the file ``catalogue.toml`` beside this one has them."""

from __future__ import annotations

import pkgutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from ialirt_backfill.instruments.entries import Problem, expanded, instrument_of
from ialirt_backfill.instruments.model import Instrument

COMMON = "common"
"""The table of the fields that every instrument has unless it says otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What is known of the instruments, by the name that the API gives them."""

    instruments: Mapping[str, Instrument]

    def of_file(self, name: str) -> tuple[Instrument, date] | None:
        """The instrument and day that the name of a file says, under any of the names in use; None: it is no day's
        file."""
        prefix, digits = name[len("imap_") : -len("YYYYMMDD.csv")], name[-len("YYYYMMDD.csv") : -len(".csv")]
        if name != f"imap_{prefix}{digits}.csv" or not (digits.isascii() and digits.isdigit()):
            return None
        for instrument in self.instruments.values():
            if prefix in {instrument.file_prefix, *instrument.other_file_prefixes}:
                try:
                    return instrument, date.fromisoformat(digits)
                except ValueError:
                    return None
        return None


@cache
def default() -> Catalogue:
    """The catalogue that comes with the program."""
    text = pkgutil.get_data(__package__, "catalogue.toml") or b""
    tables = tomllib.loads(text.decode())
    common = tables.pop(COMMON)
    problems: list[Problem] = []
    found = {}
    for name, table in tables.items():
        whole = expanded(name, table | {"fields": common | table["fields"]}, problems)
        found[name] = instrument_of(name, whole, problems)
    if problems:
        raise ValueError(f"catalogue.toml: {problems}")
    return Catalogue(MappingProxyType(found))


class _Default(Mapping[str, Instrument]):
    """The instruments of the default catalogue. It is read when the first of them is looked at."""

    def __getitem__(self, name: str) -> Instrument:
        return default().instruments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(default().instruments)

    def __len__(self) -> int:
        return len(default().instruments)


INSTRUMENTS: Mapping[str, Instrument] = _Default()
"""The instruments by the name the API gives them."""


def of_file(name: str) -> tuple[Instrument, date] | None:
    """As `Catalogue.of_file`, of the default catalogue."""
    return default().of_file(name)
