"""A stretch of time as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import TIME_UTC
from ialirt_backfill.read.arrays import array_of, shape_of
from ialirt_backfill.read.asked import Moment, asked, names_of, stretch_of
from ialirt_backfill.read.averages import has_mean
from ialirt_backfill.read.chosen import chosen
from ialirt_backfill.read.schema import is_of_numbers
from ialirt_backfill.read.table import whole

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype()}
"""What has room for a missing value: left to itself, pandas would make floats of integers, and lose digits."""


def read_days(
    datastore: str | Path,
    instrument: str | Iterable[str],
    start: Moment,
    end: Moment | None = None,
    *,
    columns: str | Iterable[str] | None = None,
    average: str | timedelta | None = None,
    index: str | None = TIME_UTC,
    strict: bool = False,
    catalogue: str | Path | None = None,
) -> pd.DataFrame:
    """The records of one instrument, or of several on one time axis, as a DataFrame; near-real-time, uncalibrated.

    ``start``, ``end``, ``columns``, ``average``, ``strict`` and ``catalogue`` are as in `read_table`; so are errors and
    warnings. The columns are its own: what most instruments have (``ttj2000ns``, ``kernel_set_key``) and what only a
    file has (``extra``) comes where it is named. ``frame.attrs["units"]`` has their units.

    The index is ``time_utc``, aware; ``index="mag_epoch_utc"`` is the time of the measurement to the nanosecond, and
    with ``index=None`` times are a column like others. Flags, nanoseconds and counts of SWE are nullable, what is
    measured is ``float64``, whatever the days hold. Of several instruments there is a row for each second that any of
    them has a record of; means meet in the same stretches.
    """
    what = asked(datastore, instrument, start, end, catalogue)
    every = stretch_of(average)
    frames: list[pd.DataFrame] = []
    units: dict[str, str] = {}
    wanted = chosen(what.instruments, names_of(columns), has_mean=has_mean if every is not None else None)
    if index not in {TIME_UTC, None}:
        if len(what.instruments) > 1 or every is not None:
            raise UsageError(f"index {index!r}: several instruments, and means, have time_utc in common")
        wanted = {one: [index, *names] for one, names in wanted.items()}
    for one, names in wanted.items():
        table = whole(what, one, names, every, strict=strict)
        units |= _units(table.schema)
        frames.append(_frame(table, index or TIME_UTC))
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, axis=1, sort=True)
    frame.attrs = {"units": units, "source": "IMAP I-ALiRT, near-real-time, uncalibrated"}
    return frame if index is not None else frame.reset_index()


def _units(schema: pa.Schema) -> Mapping[str, str]:
    about = {field.name: field.metadata or {} for field in schema}
    return {name: metadata[b"unit"].decode() for name, metadata in about.items() if b"unit" in metadata}


def _frame(table: pa.Table, index: str) -> pd.DataFrame:
    if not pa.types.is_timestamp(table.schema.field(index).type):
        raise UsageError(
            f"index {index!r} is no time: an index may be time_utc, or the name of a time with _utc behind"
        )
    arrays = [
        it.name for it in table.schema if pa.types.is_list(it.type) and not pa.types.is_timestamp(it.type.value_type)
    ]
    frame: pd.DataFrame = table.drop_columns(arrays).to_pandas(types_mapper=_NULLABLE.get)
    for name in arrays:
        place = table.column_names.index(name)
        frame.insert(place, name, pd.Series(_arrays(table[name]), index=frame.index, dtype=object))
    return frame.set_index(index)


def _arrays(column: pa.ChunkedArray) -> list[Any]:
    """An array of numpy for each cell of lists, None for null: each in its own shape, whatever the others have.

    Left to itself, pandas would make arrays of arrays, and floats of whole numbers among which one is missing.
    """
    found: list[Any] = [None] * len(column)
    shape = shape_of(column.drop_null().slice(0, 1))
    others = np.flatnonzero(np.asarray(column.combine_chunks().is_valid()))
    if is_of_numbers(column.type) and shape is not None:
        blocks, odd = array_of(column, shape)
        for row in np.setdiff1d(others, odd):
            found[row] = blocks[row]
        others = odd
    for row in others:
        found[row] = _array(column[int(row)].as_py(), is_whole=not is_of_numbers(column.type))
    return found


def _array(cell: list[Any], *, is_whole: bool) -> NDArray[Any]:
    """One of objects where it is no block of numbers."""
    try:
        return np.array(cell, np.int64 if is_whole else np.float64)
    except (TypeError, ValueError):
        return np.array(cell, object)
