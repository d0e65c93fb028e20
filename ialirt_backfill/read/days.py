"""The daily files of an instrument as tables of arrow, a day at a time, all of one schema: see `schema`.

A day as this program writes it is read in one pass, by arrow and in the types of its columns. Any other (an odd cell,
times in another form or out of order) is read as text, put in order and then looked at column by column, which takes
longer and comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from ialirt_backfill.day.content import Divided
from ialirt_backfill.day.times import canonical_seconds, unix_seconds
from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.read.epochs import utc_of
from ialirt_backfill.read.odd import Odd, extra_of
from ialirt_backfill.read.schema import AS_UTC, EXTRA, TIME, projected, schema_of, stored
from ialirt_backfill.read.values import FALSE, TRUE, measured, values_of, without_fill
from ialirt_backfill.store import dayfile

_AT_ONCE = 1 << 19
"""What arrow parses at once, in bytes, on as many threads as there are: less is more work, more are fewer threads."""

_DAY = timedelta(days=1)


def tables(
    datastore: str | Path,
    instrument: Instrument,
    start: datetime,
    stop: datetime,
    *,
    columns: Sequence[str] | None = None,
    strict: bool = False,
) -> Iterator[pa.Table]:
    """The rows from ``start`` to before ``stop``, a table for each day that has any, rising in time.

    Each has the instrument's schema, or that of ``columns`` after ``time_utc``; one is made when it is asked for, so
    that a year is never held in memory. Times without a zone are UTC. Of a day without a file nothing is said.

    A cell that its column cannot hold is null, its text stands in ``extra``, and a warning (OddCells) tells of each
    such column once, at the end; ``strict`` raises DayFileError instead. Raises UsageError for an unknown column, and
    DayFileError for a file that cannot be read or understood.
    """
    schema = projected(instrument, columns)
    reading = _Reading(instrument, schema, stored(instrument, schema), Odd(strict=strict))
    return reading.tables(Path(datastore), _aware(start), _aware(stop))


def table_of(path: Path, instrument: Instrument, day: date) -> pa.Table:
    """The rows of a day that are in its file, wherever that lies, as `tables` gives them."""
    schema = schema_of(instrument)
    reading = _Reading(instrument, schema, stored(instrument, schema), Odd(strict=False))
    midnight = datetime.combine(day, time(), UTC)
    try:
        return reading._table(path, midnight, midnight + _DAY)
    finally:
        reading.odd.tell()


def file_of(datastore: Path, instrument: Instrument, day: date) -> Path | None:
    """Where the file of a day lies, under any of its names; None where there is none."""
    paths = (datastore / name for name in instrument.paths(day))
    return next((path for path in paths if dayfile.size(path) is not None), None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Days of an instrument being read in one ``schema``, made of the columns ``stored`` in the files, and their odd
    cells."""

    instrument: Instrument
    schema: pa.Schema
    stored: pa.Schema
    odd: Odd

    def tables(self, datastore: Path, start: datetime, stop: datetime) -> Iterator[pa.Table]:
        try:
            midnight = datetime.combine(start.date(), time(), UTC)
            while midnight < stop:
                path = file_of(datastore, self.instrument, midnight.date())
                if path is not None:
                    # What a file has of another day, that day's file has as well.
                    found = self._table(path, max(start, midnight), min(stop, midnight + _DAY))
                    if found.num_rows:
                        yield found
                midnight += _DAY
        finally:
            self.odd.tell()

    def _table(self, path: Path, start: datetime, stop: datetime) -> pa.Table:
        rows = self._in_one_pass(dayfile.divided(path))
        if rows is None:
            rows = dayfile.read(path)
            rows = _timed(rows, unix_seconds(rows[TIME_UTC].combine_chunks()))
        return self._typed(path, _between(rows, start, stop))

    def _in_one_pass(self, file: Divided) -> pa.Table | None:
        """The rows, in the types of their columns where these are no arrays; the other columns are text.

        None where a cell is of another type, or where the times are not in our form, or do not rise.
        """
        types = {field.name: _as_parsed(field.type) for field in self.stored if field.name in file.names}
        types |= dict.fromkeys([TIME_UTC, *self._late(file.names)], pa.string())
        try:
            rows = pa.csv.read_csv(
                pa.BufferReader(_arrows_own(file.lines)),
                read_options=pa.csv.ReadOptions(block_size=_AT_ONCE, column_names=file.names),
                parse_options=pa.csv.ParseOptions(newlines_in_values=file.has_quotes),  # if so, it is slower
                convert_options=pa.csv.ConvertOptions(
                    include_columns=list(types),
                    column_types=types,
                    strings_can_be_null=True,
                    null_values=[""],
                    true_values=TRUE,
                    false_values=FALSE,
                ),
            )
        except pa.ArrowInvalid:
            return None
        seconds = canonical_seconds(rows[TIME_UTC].combine_chunks())
        return None if seconds is None or not (np.diff(seconds) > 0).all() else _timed(rows, seconds)

    def _late(self, names: Sequence[str]) -> list[str]:
        """The columns that only the file has, where they are wanted."""
        known = {*schema_of(self.instrument).names} - {EXTRA}
        return [name for name in names if name not in known] if EXTRA in self.schema.names else []

    def _typed(self, path: Path, rows: pa.Table) -> pa.Table:
        """The rows in the schema; of their columns some have their type already."""
        extra = {name: rows[name].combine_chunks() for name in self._late(rows.column_names)}
        found = {}
        known = self.instrument.columns
        for field in self.stored:
            values, odd = self._values(path, rows, field)
            fill = known[field.name].stated_fill
            found[field.name] = values if fill is None else without_fill(values, fill)
            if odd:
                extra[field.name] = pc.if_else(_at(odd, rows.num_rows), rows[field.name], None).combine_chunks()
        for field in self.schema:
            if field.name == EXTRA:
                found[EXTRA] = extra_of(extra, rows.num_rows)
            elif field.name not in found:
                found[field.name] = utc_of(_array(found[field.name.removesuffix(AS_UTC)]))
        return pa.table([found[name] for name in self.schema.names], schema=self.schema)

    def _values(self, path: Path, rows: pa.Table, field: pa.Field) -> tuple[pa.Array | pa.ChunkedArray, list[int]]:
        """The values of a column, and the rows where its cell is odd."""
        if field.name not in rows.column_names:
            return pa.nulls(rows.num_rows, field.type), []
        cells = rows[field.name]
        if cells.type == field.type:
            return measured(cells) if field.type == pa.float64() else cells, []
        values, odd = values_of(_array(cells), field.type)
        if odd:
            first = odd[0]
            self.odd.note(path, field, cells[first].as_py(), rows[TIME_UTC][first].as_py(), len(odd))
        return values, odd


def _array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _as_parsed(type_: pa.DataType) -> pa.DataType:
    """The type that arrow makes of a column at once: an array is text to it."""
    return pa.string() if pa.types.is_nested(type_) or pa.types.is_timestamp(type_) else type_


def _arrows_own(lines: bytes | memoryview) -> pa.Buffer:
    """The lines in memory of arrow's. Its threads may let go of them when Python is about to end, and to let go of
    Python's memory then would end the process with SIGABRT."""
    memory = pa.allocate_buffer(len(lines))
    memoryview(memory).cast("B")[:] = lines
    return memory


def _timed(rows: pa.Table, seconds: NDArray[np.int64]) -> pa.Table:
    """The rows with their times as such, from Unix seconds."""
    times = pa.array(seconds, pa.timestamp("s", "UTC")).cast(TIME)
    return rows.set_column(rows.column_names.index(TIME_UTC), TIME_UTC, times)


def _between(rows: pa.Table, start: datetime, stop: datetime) -> pa.Table:
    """The rows in a stretch of time."""
    times = rows[TIME_UTC].cast(pa.int64()).to_numpy()
    first, last = np.searchsorted(times, [pa.scalar(edge, TIME).value for edge in (start, stop)])
    return rows if last - first == rows.num_rows else rows.slice(first, last - first)


def _at(rows: Sequence[int], count: int) -> pa.Array:
    """True in these rows, and false in the others."""
    found = np.zeros(count, np.bool_)
    found[rows] = True
    return pa.array(found)
