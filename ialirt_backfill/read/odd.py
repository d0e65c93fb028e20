"""Cells that their column cannot hold: what is said of them, and where their text is kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from ialirt_backfill.exceptions import DayFileError, OddCells
from ialirt_backfill.read.schema import EXTRA_TYPE

_LONGEST_SHOWN = 60
_WHAT = {
    pa.float64(): "no number",
    pa.int64(): "no whole number of 64 bits",
    pa.bool_(): "neither True nor False",
}
_NO_ARRAY = "no array of numbers, as deep as it should be"


@dataclass(slots=True)
class _Noted:
    """The first odd cell of a column, in words, what such are called, and how many there are."""

    first: str
    such: str
    count: int = 0


class Odd:
    """The odd cells of one reading. A strict one raises DayFileError at the first."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._noted: dict[tuple[str, str], _Noted] = {}

    def note(self, path: Path, field: pa.Field, cell: str, time: datetime, count: int) -> None:
        """Take down the odd cells that a file has in one column: the first and its time, and how many there are."""
        what = _WHAT.get(field.type, _NO_ARRAY)
        said = f"{field.name} is {_shown(cell)} at {_clock(time)}, which is {what}"
        self._note(field.name, said, "cells", count, path)

    def note_arrays(self, column: str, shape: Sequence[int], time: datetime, count: int) -> None:
        """Take down arrays that are not of the shape of their column: the time of the first, and how many there are."""
        said = f"{column} is no array of {' x '.join(map(str, shape))} at {_clock(time)}"
        self._note(column, said, "arrays", count)

    def note_timeless(self, column: str, time: datetime, count: int) -> None:
        """Take down measurements that do not say when they were made: the time of the first one's record, and how many
        there are."""
        self._note(column, f"{column} has a measurement without its time at {_clock(time)}", "measurements", count)

    def _note(self, column: str, said: str, such: str, count: int, path: Path | None = None) -> None:
        if self._strict:
            raise DayFileError(f"{f'{path}: ' if path else ''}{said}. Without strict it is read as missing")
        first = _Noted(f"{path.name}: {said}" if path else said, such)
        self._noted.setdefault((column, such), first).count += count

    def tell(self) -> None:
        """Warn of each column once."""
        for (column, _), noted in self._noted.items():
            others = f": {noted.count:,} such {noted.such} of {column} are" if noted.count > 1 else ": it is"
            warnings.warn(f"{noted.first}{others} read as missing", OddCells, stacklevel=2)
        self._noted.clear()


def extra_of(cells: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """The cells of a row that are not null, by the name of their column; null for a row that has none."""
    named = {name: array for name, array in sorted(cells.items()) if array.null_count < rows}
    if not named:
        return pa.nulls(rows, EXTRA_TYPE)
    is_there = np.column_stack([np.asarray(array.is_valid()) for array in named.values()])
    row, column = is_there.nonzero()  # row by row
    texts = pa.concat_arrays(list(named.values())).take(pa.array(column * rows + row))
    names = pa.array(list(named), pa.string()).take(pa.array(column))
    counts = is_there.sum(axis=1)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.MapArray.from_arrays(offsets, names, texts, mask=pa.array(counts == 0))


def _clock(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat()


def _shown(cell: object) -> str:
    """A cell in a message: an array of CoDICE has thousands of characters."""
    text = repr(cell)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
