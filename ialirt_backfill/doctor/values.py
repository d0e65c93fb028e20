"""The values of records against what the catalogue says of them. Pure: decoded records in, what does not fit out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ialirt_backfill.day.cells import is_missing
from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Field, Instrument, Shape

_TT_AHEAD_SECONDS = 69.184
"""How far Terrestrial Time is ahead of UTC; since 2017, and no other leap second is announced."""
_J2000 = 946_728_000
"""2000-01-01T12:00:00 in seconds since 1970."""

_INT64 = 2**63
"""No time in nanoseconds lies beyond; but a server's number may, and then it has no place in a float."""

_SHOWN = 40
"""So many letters of an odd value are shown."""

Record = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """The values of one field: how many there were, how many are odd, and the first of these with its time."""

    name: str
    expected: str
    values: int = 0
    odd: int = 0
    first: str = ""

    def count(self, is_odd: bool, time: object, shown: str) -> None:
        self.values += 1
        if is_odd:
            self.odd += 1
            self.first = self.first or f"{shown} at {str(time)[:_SHOWN]}"

    @property
    def is_mostly_odd(self) -> bool:
        return 2 * self.odd >= self.values

    def __str__(self) -> str:
        return f"{self.name}: {self.odd:,} of {self.values:,} values, the first {self.first}"


@dataclass(slots=True)
class Judgement:
    """What is odd about the values of an instrument, field by field: their types, their ranges."""

    misfits: list[Tally] = field(default_factory=list)
    outside: list[Tally] = field(default_factory=list)


def judge(instrument: Instrument, records: Sequence[Record]) -> Judgement:
    """The fields with values that do not fit their type, and those with values outside what may be true."""
    judged = Judgement()
    for entry in instrument.fields:
        types = Tally(entry.name, _meant(entry))
        ranges = Tally(entry.name, _bounds(entry.columns[0]))
        for record in records:
            value, time = record.get(entry.name), record.get(TIME_UTC)
            if is_missing(value):
                continue
            parts = [(column, part) for column, part in _parts(entry, value) if not _is_missing(column, part)]
            misfits = [part for column, part in parts if not _fits(column, part)]
            types.count(bool(misfits), time, _kind(misfits[0]) if misfits else "")
            outside = [part for column, part in parts if _is_outside(column, part)]
            ranges.count(bool(outside), time, f"{outside[0]}"[:_SHOWN] if outside else "")
        judged.misfits += [types] if types.odd else []
        judged.outside += [ranges] if ranges.odd and not types.odd else []
    return judged


def names_of(records: Iterable[Record]) -> set[str]:
    """The fields that any record has; the members of objects as ``field.member``."""
    names: set[str] = set()
    for record in records:
        for name, value in record.items():
            names.add(name)
            names.update(f"{name}.{member}" for member in value) if isinstance(value, dict) else None
    return names - {INSTRUMENT}


def known_names(instrument: Instrument, *, restricted: bool) -> set[str]:
    """The fields that the catalogue has, members as above: those for keys with a scope only, or all the others."""
    names = set()
    for entry in instrument.fields:
        if any(column.scopes for column in entry.columns) == restricted:
            names.add(entry.name)
            names.update(f"{entry.name}.{member}" for member in entry.members)
    return names


def seconds_of(records: Iterable[Record]) -> list[float]:
    """The times of the records in seconds since 1970, rising and distinct; without those that cannot be read."""
    return sorted({at for record in records if (at := _second(record)) is not None})


def farthest_epoch(instrument: Instrument, records: Iterable[Record]) -> dict[str, float]:
    """By how many seconds each field of nanoseconds is off the time of its record, at most."""
    columns = {it.name: it.columns[0] for it in instrument.fields if it.columns[0].is_time}
    farthest: dict[str, float] = {}
    for record in records:
        second = _second(record)
        for name in columns if second is not None else ():
            value = record.get(name)
            first = value[0] if isinstance(value, list) and value else value
            if type(first) is int and not _is_missing(columns[name], first) and second is not None:
                off = max(-_INT64, min(first, _INT64)) / 1e9 + _J2000 - _TT_AHEAD_SECONDS - second
                farthest[name] = max(farthest.get(name, 0.0), off, key=abs)
    return farthest


def _second(record: Record) -> float | None:
    try:
        return datetime.fromisoformat(record[TIME_UTC]).replace(tzinfo=UTC).timestamp()
    except (KeyError, TypeError, ValueError):
        return None


# --- one value --------------------------------------------------------------------------------------------------------


_NUMBERS: frozenset[type] = frozenset({int, float})
_NOT_A_PART = Column("", ColumnType.TEXT)
"""Of what has not the shape of its field: nothing fits it."""


def _parts(entry: Field, value: Any) -> Iterator[tuple[Column, Any]]:
    """The parts of a value, each with its column."""
    if entry.shape is Shape.SCALAR:
        yield entry.columns[0], value
    elif entry.shape is Shape.OBJECT and isinstance(value, dict):
        yield from ((column, value.get(member)) for member, column in zip(entry.members, entry.columns, strict=True))
    elif entry.shape is Shape.LIST and isinstance(value, list) and len(value) == len(entry.columns):
        yield from zip(entry.columns, value, strict=True)
    elif entry.shape is Shape.CELL and isinstance(value, list):
        yield from ((entry.columns[0], number) for number in _leaves(value, entry.depth))
    else:
        yield _NOT_A_PART, value


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    """The elements of nested lists; what is nested less or more deeply, as it is."""
    if depth and isinstance(value, list):
        for element in value:
            yield from _leaves(element, depth - 1)
    else:
        yield value


def _fits(column: Column, value: Any) -> bool:
    """Whether a part that is there is of its column's type. A whole number may come as ``12.0``; but a time has lost
    digits then."""
    if type(value) is float and column.type is ColumnType.INTEGER and not value.is_integer():
        return False
    return type(value) in _types_of(column)


@cache
def _types_of(column: Column) -> frozenset[type]:
    """The types that a part may have in Python."""
    if column is _NOT_A_PART:
        return frozenset()
    if column.codes:
        return frozenset({int, str})
    if column.is_time and column.type is ColumnType.INTEGER:
        return frozenset({int})
    return {ColumnType.BOOLEAN: frozenset({bool}), ColumnType.TEXT: frozenset({str})}.get(column.type, _NUMBERS)


def _is_missing(column: Column, value: Any) -> bool:
    return is_missing(value) or value == column.stated_fill


def _is_outside(column: Column, value: Any) -> bool:
    """Whether a part that is there is no number that may be true."""
    if type(value) not in _NUMBERS or column.type is ColumnType.BOOLEAN:
        return False
    if column.polynomial:
        try:
            value = sum(factor * value**power for power, factor in enumerate(column.polynomial))
        except OverflowError:
            return True
    least, most = column.valid_min, column.valid_max
    return (least is not None and value < least) or (most is not None and value > most)


# --- words ------------------------------------------------------------------------------------------------------------


_TYPES = {
    ColumnType.INTEGER: "a whole number",
    ColumnType.MEASUREMENT: "a number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.TEXT: "a text",
    ColumnType.JSON: "numbers",
}


def _meant(entry: Field) -> str:
    """What a value of a field is, by the catalogue."""
    match entry.shape:
        case Shape.LIST:
            return f"a list of {len(entry.columns)}, each {_TYPES[entry.columns[0].type]}"
        case Shape.OBJECT:
            return f"an object with {len(entry.members)} members"
        case Shape.CELL:
            return "a list" if entry.depth == 1 else f"lists nested {entry.depth} deep"
    return _TYPES[entry.columns[0].type]


def _kind(odd: Any) -> str:
    """What a value is that does not fit."""
    if isinstance(odd, list):
        return f"a list of {len(odd)}"
    return "an object" if isinstance(odd, dict) else repr(odd)[:_SHOWN]


def _bounds(column: Column) -> str:
    unit = f" {column.unit_shown}" if column.unit_shown else ""
    least = "" if column.valid_min is None else f"{column.valid_min:g}"
    most = "" if column.valid_max is None else f"{column.valid_max:g}"
    return f"{least} … {most}{unit}"
