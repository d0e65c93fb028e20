"""Means over equal stretches of time: what a table of `days` holds, by the minute or the hour or the day.

One rule, which the mirror's views follow as well: of every number but a time in nanoseconds there is the arithmetic
mean of the values that are there, and how many these are. A flag counts as 0 or 1, so that its mean is the fraction of
records where it is set. The mean of angles is the direction between them, from -180 to 180 degrees: that of 350 and 20
is 5, not 185. Of arrays each element has its mean and its number of values; along the time of their measurements
(`codice_hi` has four in a record, which all count in the stretch of the record) there is one mean. Text has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import TIME_UTC, Axis, Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.options.forms import write_duration
from ialirt_backfill.read.arrays import array_of, lists_of
from ialirt_backfill.read.odd import Odd

_ANGLE = "deg"
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = {ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.MEASUREMENT, ColumnType.JSON}
_SUM, _SINE, _COSINE, _COUNT = "sum", "sine", "cosine", "count"


def has_mean(column: Column) -> bool:
    """Whether a mean of the column's values is made."""
    return column.type in _NUMBERS and not column.is_time


def is_direction(column: Column) -> bool:
    """Whether the column's values are angles, whose mean is the direction between them."""
    return column.unit == _ANGLE


def mean_axes(entry: Field) -> tuple[Axis, ...]:
    """The axes that the means of a field's arrays have: all but one that is time."""
    return tuple(axis for axis in entry.axes if not axis.field) if entry.shape is Shape.CELL else ()


def count_name(column: str) -> str:
    """The name of the column that says of how many values a mean is made."""
    return f"{column}_count"


def records_name(instrument: Instrument) -> str:
    """The name of the column that says how many records a stretch has."""
    return f"{instrument.name}_records"


def averages_schema(instrument: Instrument, schema: pa.Schema) -> pa.Schema:
    """The schema of the means of tables in ``schema``: ``time_utc``, where a stretch begins; the means, under the names
    of their columns; how many values each is of; how many records there are."""
    columns, entries = instrument.columns, _entries(instrument)
    means = [name for name in schema.names if name in columns and has_mean(columns[name])]
    kept = [_mean_field(schema.field(name), columns[name], entries[name]) for name in means]
    counts = [
        pa.field(
            count_name(name),
            _nested(pa.int64(), entries[name]),
            metadata={b"description": f"values in the mean of {name}".encode()},
        )
        for name in means
    ]
    records = pa.field(records_name(instrument), pa.int64(), metadata={b"description": b"records in the stretch"})
    return pa.schema([schema.field(TIME_UTC), *kept, *counts, records], metadata=schema.metadata)


def _entries(instrument: Instrument) -> dict[str, Field]:
    """The field that each column belongs to."""
    return {column.name: entry for entry in instrument.fields for column in entry.columns}


def _nested(type_: pa.DataType, entry: Field) -> pa.DataType:
    for _ in mean_axes(entry):
        type_ = pa.list_(type_)
    return type_


def _mean_field(field: pa.Field, column: Column, entry: Field) -> pa.Field:
    metadata = dict(field.metadata or {})
    if is_direction(column):
        metadata |= {b"valid_min": b"-180.0", b"valid_max": b"180.0"}
    if column.description:
        metadata[b"description"] = mean_description(entry, column.description).encode()
    return pa.field(field.name, _nested(pa.float64(), entry), metadata=metadata)


def mean_description(entry: Field, description: str) -> str:
    """What is said of the mean of a column: of arrays that lose an axis, which they keep."""
    kept = mean_axes(entry)
    if entry.shape is not Shape.CELL or len(kept) == len(entry.axes):
        return description
    return f"{description}; of means {' x '.join(f'{len(axis)} {axis.name}' for axis in kept) or 'one number'}"


def averaged(
    tables: Iterable[pa.Table], instrument: Instrument, every: timedelta, *, strict: bool = False
) -> Iterator[pa.Table]:
    """The means of an instrument's tables, which rise in time, in stretches as long as ``every``.

    Stretches begin at midnight UTC; those without a record are left out. No more is held in memory than one table and
    one stretch, which may go on in the next table. Arrays of another shape than their axes have are as missing; a
    warning (OddCells) tells of them at the end, or with ``strict`` a DayFileError. Raises UsageError for a stretch that
    does not go into a day.
    """
    return _averaged(tables, instrument, width_of(every), Odd(strict=strict))


def width_of(every: timedelta) -> int:
    """How long a stretch is, in microseconds. Raises UsageError for one that does not go into a day."""
    if every <= timedelta(0) or (_DAY % every and every % _DAY):
        raise UsageError(
            f"{write_duration(every)} is no stretch to average over: a day is made of whole ones, as 1m, 5m, 1h or 12h,"
            " or it is made of whole days"
        )
    return every // _MICROSECOND


def _averaged(tables: Iterable[pa.Table], instrument: Instrument, width: int, odd: Odd) -> Iterator[pa.Table]:
    open_: _Sums | None = None
    try:
        for table in tables:
            schema = averages_schema(instrument, table.schema)
            sums = _sums(table, instrument, width, odd)
            if open_ is not None:
                sums = open_.followed_by(sums)
            if len(sums.starts) > 1:
                yield sums.part(slice(None, -1)).means(instrument, schema)
            open_ = sums.part(slice(-1, None))
        if open_ is not None and len(open_.starts):
            yield open_.means(instrument, schema)
    finally:
        odd.tell()


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of each stretch its start (microseconds) and sums, by column and kind; ``records`` counts its rows.

    Sums of arrays are arrays: their first dimension is that of the stretches.
    """

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
                found = counts.astype(np.int64)
                columns[name] = lists_of(self._mean(name, counts), schema.field(name).type)
                columns[count_name(name)] = lists_of(found, schema.field(count_name(name)).type)
        columns[records_name(instrument)] = pa.array(self.records)
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _mean(self, name: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """NaN where there is none."""
        is_there = counts > 0
        if (name, _SUM) in self.parts:
            means = np.divide(self.parts[name, _SUM], counts, where=is_there, out=np.zeros(counts.shape))
        else:
            means = np.degrees(np.arctan2(self.parts[name, _SINE], self.parts[name, _COSINE]))
        return np.where(is_there, means, np.nan)


def _sums(table: pa.Table, instrument: Instrument, width: int, odd: Odd) -> _Sums:
    times = table[TIME_UTC].cast(pa.int64()).to_numpy()
    entries = _entries(instrument)
    parts = {}
    for name in table.column_names:
        column = instrument.columns.get(name)
        if column is None or not has_mean(column):
            continue
        values, there = _values(table, entries[name], name, odd)
        if is_direction(column):
            angles = np.radians(values)
            sums = {_SINE: np.sin(angles) * there, _COSINE: np.cos(angles) * there}
        else:
            sums = {_SUM: values}
        sums[_COUNT] = there.astype(np.float64)
        over_time = tuple(place for place, axis in enumerate(entries[name].axes, 1) if axis.field)
        for kind, summed in sums.items():
            parts[name, kind] = summed.sum(axis=over_time) if over_time and summed.ndim > 1 else summed
    return _united(times // width * width, np.ones(len(times), np.int64), parts)


def _values(table: pa.Table, entry: Field, name: str, odd: Odd) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values of a column, 0 where one is missing, and which are there."""
    if entry.shape is not Shape.CELL:
        cells = table[name].combine_chunks().cast(pa.float64(), safe=False)
        return cells.fill_null(0.0).to_numpy(), np.asarray(cells.is_valid())
    shape = [len(axis) for axis in entry.axes]
    values, others = array_of(table[name], shape)
    if len(others):
        odd.note_arrays(name, shape, table[TIME_UTC][int(others[0])].as_py(), len(others))
    there = ~np.isnan(values)
    return np.where(there, values, 0.0), there


def _united(
    starts: NDArray[np.int64], records: NDArray[np.int64], parts: Mapping[tuple[str, str], NDArray[np.float64]]
) -> _Sums:
    """Neighbours of one start added up."""
    if not len(starts):
        return _Sums(starts, records, parts)
    first = np.concatenate([[0], np.flatnonzero(np.diff(starts)) + 1])
    added = {key: np.add.reduceat(values, first) for key, values in parts.items()}
    return _Sums(starts[first], np.add.reduceat(records, first), added)
