"""Means over equal stretches of time: what a table of `days` holds, by the minute or the hour or the day.

One rule, which the mirror's views follow as well: of every number but a time in nanoseconds there is the arithmetic
mean of the values that are there, and how many these are. A flag counts as 0 or 1, so that its mean is the fraction of
records where it is set. The mean of angles is the direction between them, from -180 to 180 degrees: that of 350 and 20
is 5, not 185. Text and arrays have no mean here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Column, ColumnType, Instrument
from ialirt_backfill.options.forms import write_duration

_ANGLE = "deg"
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = {ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.MEASUREMENT}
_SUM, _SINE, _COSINE, _COUNT = "sum", "sine", "cosine", "count"


def has_mean(column: Column) -> bool:
    """Whether a mean of the column's values is made."""
    return column.type in _NUMBERS and not column.is_time


def is_direction(column: Column) -> bool:
    """Whether the column's values are angles, whose mean is the direction between them."""
    return column.unit == _ANGLE


def count_name(column: str) -> str:
    """The name of the column that says of how many values a mean is made."""
    return f"{column}_count"


def records_name(instrument: Instrument) -> str:
    """The name of the column that says how many records a stretch has."""
    return f"{instrument.name}_records"


def averages_schema(instrument: Instrument, schema: pa.Schema) -> pa.Schema:
    """The schema of the means of tables in ``schema``: ``time_utc``, where a stretch begins; the means, under the names
    of their columns; how many values each is of; how many records there are."""
    means = [name for name in schema.names if name in instrument.columns and has_mean(instrument.columns[name])]
    kept = [_mean_field(schema.field(name), instrument.columns[name]) for name in means]
    counts = [
        pa.field(count_name(name), pa.int64(), metadata={b"description": f"values in the mean of {name}".encode()})
        for name in means
    ]
    records = pa.field(records_name(instrument), pa.int64(), metadata={b"description": b"records in the stretch"})
    return pa.schema([schema.field(TIME_UTC), *kept, *counts, records], metadata=schema.metadata)


def _mean_field(field: pa.Field, column: Column) -> pa.Field:
    if not is_direction(column):
        return field.with_type(pa.float64())
    return field.with_metadata(field.metadata | {b"valid_min": b"-180.0", b"valid_max": b"180.0"})


def averaged(tables: Iterable[pa.Table], instrument: Instrument, every: timedelta) -> Iterator[pa.Table]:
    """The means of an instrument's tables, which rise in time, in stretches as long as ``every``.

    Stretches begin at midnight UTC; those without a record are left out. No more is held in memory than one table and
    one stretch, which may go on in the next table. Raises UsageError for a stretch that does not go into a day.
    """
    return _averaged(tables, instrument, _width(every))


def _width(every: timedelta) -> int:
    """In microseconds."""
    if every <= timedelta(0) or (_DAY % every and every % _DAY):
        raise UsageError(
            f"{write_duration(every)} is no stretch to average over: a day is made of whole ones, as 1m, 5m, 1h or 12h,"
            " or it is made of whole days"
        )
    return every // _MICROSECOND


def _averaged(tables: Iterable[pa.Table], instrument: Instrument, width: int) -> Iterator[pa.Table]:
    open_: _Sums | None = None
    for table in tables:
        schema = averages_schema(instrument, table.schema)
        sums = _sums(table, instrument, width)
        if open_ is not None:
            sums = open_.followed_by(sums)
        if len(sums.starts) > 1:
            yield sums.part(slice(None, -1)).means(instrument, schema)
        open_ = sums.part(slice(-1, None))
    if open_ is not None and len(open_.starts):
        yield open_.means(instrument, schema)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of each stretch its start (microseconds) and sums, by column and kind; ``records`` counts its rows."""

    starts: NDArray[np.int64]
    records: NDArray[np.int64]
    parts: Mapping[tuple[str, str], NDArray[np.float64]]

    def part(self, which: slice) -> _Sums:
        parts = {key: values[which] for key, values in self.parts.items()}
        return _Sums(self.starts[which], self.records[which], parts)

    def followed_by(self, later: _Sums) -> _Sums:
        """Both, with the last stretch of these and the first of the later ones as one where they are the same."""
        starts = np.concatenate([self.starts, later.starts])
        records = np.concatenate([self.records, later.records])
        parts = {key: np.concatenate([values, later.parts[key]]) for key, values in self.parts.items()}
        return _united(starts, records, parts)

    def means(self, instrument: Instrument, schema: pa.Schema) -> pa.Table:
        columns = {TIME_UTC: pa.array(self.starts).cast(schema.field(TIME_UTC).type)}
        for (name, kind), counts in self.parts.items():
            if kind == _COUNT:
                columns[name] = pa.array(self._mean(name, counts), mask=counts == 0)
                columns[count_name(name)] = pa.array(counts.astype(np.int64))
        columns[records_name(instrument)] = pa.array(self.records)
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _mean(self, name: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        if (name, _SUM) in self.parts:
            return np.divide(self.parts[name, _SUM], counts, where=counts > 0, out=np.zeros(len(counts)))
        return np.degrees(np.arctan2(self.parts[name, _SINE], self.parts[name, _COSINE]))


def _sums(table: pa.Table, instrument: Instrument, width: int) -> _Sums:
    times = table[TIME_UTC].cast(pa.int64()).to_numpy()
    parts = {}
    for name in table.column_names:
        column = instrument.columns.get(name)
        if column is None or not has_mean(column):
            continue
        cells = table[name].combine_chunks().cast(pa.float64(), safe=False)
        values = cells.fill_null(0.0).to_numpy()
        there = np.asarray(cells.is_valid())
        if is_direction(column):
            angles = np.radians(values)
            parts[name, _SINE], parts[name, _COSINE] = np.sin(angles) * there, np.cos(angles) * there
        else:
            parts[name, _SUM] = values
        parts[name, _COUNT] = there.astype(np.float64)
    return _united(times // width * width, np.ones(len(times), np.int64), parts)


def _united(
    starts: NDArray[np.int64], records: NDArray[np.int64], parts: Mapping[tuple[str, str], NDArray[np.float64]]
) -> _Sums:
    """Neighbours of one start added up."""
    if not len(starts):
        return _Sums(starts, records, parts)
    first = np.concatenate([[0], np.flatnonzero(np.diff(starts)) + 1])
    added = {key: np.add.reduceat(values, first) for key, values in parts.items()}
    return _Sums(starts[first], np.add.reduceat(records, first), added)
