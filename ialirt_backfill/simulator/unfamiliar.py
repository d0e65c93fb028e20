"""Values of fields that `weather` knows nothing of, made from what a catalogue says of them: shape, axes, type, valid
range, codes, conversion.

They vary with the mood of an episode, stay within what may be true, and along an axis they fall. What stands in a
record as a time is not known before the record is: a mark is left for it, which `with_times` replaces.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ialirt_backfill.instruments import Column, ColumnKind, ColumnType, Field, Shape
from ialirt_backfill.simulator.signals import lose, sent, wave_of

_WIDE = 1000.0
"""A range wider than this says what a field can hold, not what it mostly does."""
_USUAL = 100.0
_LOST = 0.003
"""The share of records in which a field is missing."""
_RAW = (1000.0, 3000.0)
"""What arrives of a measurement whose conversion is known and whose range is not."""

_MARK = "\x00"
_MARKED = re.compile(r'"\\u0000(ns|utc)(\d+)"')


def with_times(text: str, nanoseconds: Callable[[int], str], utc: Callable[[int], str]) -> str:
    """The text of a record with its times: each of these two is given the seconds since the record's own time."""
    return _MARKED.sub(lambda it: (nanoseconds if it[1] == "ns" else utc)(int(it[2])), text)


def has_times(text: str) -> bool:
    """Whether marks stand in it."""
    return "\\u0000" in text


def values_of(rng: random.Random, entry: Field, length: int, strength: float, cadence: int) -> list[dict[str, Any]]:
    """What so many records in a row say of a field: an object that has it, or is empty where the field is missing."""
    numbers = [i for i, column in enumerate(entry.columns) if _is_number(column)]
    records = []
    for height in wave_of(rng, length, rng.choice((5, 9, 20))):
        values = {entry.name: _value(entry, _Place(rng, 0.5 * strength * height, cadence))}
        if entry.shape is Shape.OBJECT and numbers:
            lose(rng, values[entry.name], _LOST, entry.members[rng.choice(numbers)])
        elif numbers:
            lose(rng, values, _LOST)
        records.append(values)
    return records


class _Place:
    """Where in its range a record's field lies: from -1 to 1, falling along its axes."""

    def __init__(self, rng: random.Random, height: float, cadence: int) -> None:
        self._rng, self._height, self._cadence = rng, height, cadence

    def at(self, along: float) -> float:
        """``along`` is 0 at the beginning of an axis and 1 at its end."""
        return math.tanh(self._height + 0.9 * (0.5 - along))

    def near(self, along: float) -> float:
        """These values with some noise."""
        return max(-1.0, min(1.0, self.at(along) + self._rng.gauss(0.0, 0.02)))

    def seconds(self, along: float) -> int:
        """How long after the record's own time the elements of a list of times lie: within the cadence."""
        return int(self._cadence * along)


def _value(entry: Field, place: _Place) -> Any:
    columns = entry.columns
    match entry.shape:
        case Shape.SCALAR:
            return _one(columns[0], place, 0.0)
        case Shape.LIST:
            return [_one(column, place, i / len(columns)) for i, column in enumerate(columns)]
        case Shape.OBJECT:
            return {member: _one(column, place, 0.0) for member, column in zip(entry.members, columns, strict=True)}
        case Shape.CELL:
            return _nested(columns[0], place, [len(axis) for axis in entry.axes], 0.0, 1.0)


def _nested(column: Column, place: _Place, sizes: Sequence[int], along: float, share: float) -> Any:
    """Lists of lists: each axis has half of the fall that the one around it has."""
    if not sizes:
        return _one(column, place, along)
    size, *inner = sizes
    own = share / 2 if inner else share
    return [_nested(column, place, inner, along + own * i / size, share - own) for i in range(size)]


def _one(column: Column, place: _Place, along: float) -> Any:
    if column.kind is ColumnKind.TIME:
        return f"{_MARK}{'utc' if column.type is ColumnType.TEXT else 'ns'}{place.seconds(along)}"
    if column.codes:
        codes = list(column.codes)
        return codes[min(len(codes) - 1, int(0.5 * (place.at(along) + 1.0) * len(codes)))]
    if column.type is ColumnType.BOOLEAN:
        return place.at(along) > 0.8
    if column.type is ColumnType.TEXT:
        return "nominal" if place.at(along) < 0.8 else "other"
    if column.kind is ColumnKind.FLAG:
        least, greatest = _flags(column)
        return round(least + 0.5 * (place.at(along) + 1.0) * (greatest - least))
    least, greatest = _range(column)
    value = least + 0.5 * (place.near(along) + 1.0) * (greatest - least)
    is_whole = column.type is ColumnType.INTEGER or column.kind is ColumnKind.COUNT or bool(column.polynomial)
    return round(value) if is_whole else sent(value)


def _is_number(column: Column) -> bool:
    return column.kind in {ColumnKind.MEASUREMENT, ColumnKind.COUNT}


def _flags(column: Column) -> tuple[float, float]:
    least = 0.0 if column.valid_min is None else column.valid_min
    return least, least + 1.0 if column.valid_max is None else min(column.valid_max, least + 3.0)


@lru_cache(maxsize=4096)
def _range(column: Column) -> tuple[float, float]:
    """What a field mostly holds, as it arrives."""
    least, greatest = column.valid_min, column.valid_max
    if least is None or greatest is None:
        return _RAW if column.polynomial else (0.0, _USUAL)
    if column.polynomial:
        return _raw(column.polynomial, least, greatest)
    if greatest - least > _WIDE and least <= 0.0 <= greatest:
        return max(least, -_USUAL), min(greatest, _USUAL)
    return least, greatest


def _raw(polynomial: Sequence[float], least: float, greatest: float) -> tuple[float, float]:
    """Raw values of 16 bits at most whose conversion may be true: the middle half of them."""
    for numbers in (range(4096), range(0, 65_536, 16)):
        fit = [raw for raw in numbers if least <= sum(k * raw**n for n, k in enumerate(polynomial)) <= greatest]
        if fit:
            return float(fit[len(fit) // 4]), float(fit[3 * len(fit) // 4])
    return _RAW
