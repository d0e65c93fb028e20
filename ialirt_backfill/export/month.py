"""One month of an instrument as Parquet: its days one after another, few of them in memory at once."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ialirt_backfill.exceptions import DayFileError, ExportError, OddCells
from ialirt_backfill.export.columns import fingerprint, stored
from ialirt_backfill.export.folder import METADATA_KEY, Held, HeldDay
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.read.days import table_of
from ialirt_backfill.read.schema import TIME
from ialirt_backfill.store import dayfile

log = logging.getLogger(__name__)

_ROWS_OF_A_GROUP = 200_000
"""Rows that are compressed and read together, at least: many small groups cost every reader time."""

_WHOLE = (TIME, pa.int64())
"""What rises, or hardly changes, from row to row: times above all."""

_TRIES = 5


@dataclass(slots=True)
class Month:
    """A month's file to be made: of the days in ``files``, each with its day file, and of those that the file ``path``
    holds besides. These are taken over from it, which costs a third of reading them again; so is a day whose file
    cannot be read.
    """

    instrument: Instrument
    schema: pa.Schema
    files: Mapping[date, Path]
    path: Path
    held: Held | None
    failed: dict[date, str] = field(default_factory=dict)
    days: dict[date, HeldDay] = field(default_factory=dict)
    _longest: dict[str, int] = field(default_factory=dict)

    def content(self, now: datetime) -> pa.Buffer | None:
        """The file's bytes, None where no day of it is left. Raises ExportError."""
        sink = pa.BufferOutputStream()
        whole = [it.name for it in self.schema if it.type in _WHOLE]
        with pq.ParquetWriter(
            sink,
            self.schema,
            store_schema=False,
            compression="zstd",
            use_dictionary=[_leaf(it) for it in self.schema if it.name not in whole],
            column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
            sorting_columns=[pq.SortingColumn(0)],
        ) as writer:
            for rows in _in_groups(self._tables()):
                writer.write_table(rows, row_group_size=rows.num_rows)
            said = Held(self.days, now, fingerprint(self.schema)).to_json()
            writer.add_key_value_metadata({METADATA_KEY: said, **stored(self.schema, self._longest)})
        return sink.getvalue() if self.days else None

    @property
    def is_as_before(self) -> bool:
        """Whether the content that was made is that of the file."""
        return self.held is not None and (self.held.days, self.held.schema) == (self.days, fingerprint(self.schema))

    def _tables(self) -> Iterator[pa.Table]:
        held: Mapping[date, HeldDay] = {} if self.held is None else self.held.days
        old = _Rows(self.path, held)
        for day in sorted({*self.files.keys(), *held.keys()}):
            rows = self._read(day) if day in self.files else None
            if rows is None and day in held:
                rows = self._taken_over(old, day)
                self.days[day] = held[day]
            if rows is not None:
                self._note_lengths(rows)
                yield rows

    def _read(self, day: date) -> pa.Table | None:
        """The rows of a day's file as it is, which is noted; None where it cannot be read, which is noted as well."""
        try:
            rows, sha256 = _read(self.files[day], self.instrument, day)
        except DayFileError as error:
            self.failed[day] = f"{self.instrument.name} {day} was not exported: {error}"
            return None
        self.days[day] = HeldDay(sha256, rows.num_rows)
        return rows.select(self.schema.names).cast(self.schema)

    def _taken_over(self, old: _Rows, day: date) -> pa.Table:
        """The rows of a day as the file has them. ExportError where its columns are not those of today."""
        try:
            rows = old.of(day)
        except (pa.ArrowException, OSError) as error:
            said = " ".join(str(error).split())
            raise ExportError(f"{self.path} cannot be read ({said}): remove it and export again") from error
        if not rows.schema.equals(self.schema):
            raise ExportError(
                f"{self.path} has {day} in other columns than those of today, and the day's own file is gone or cannot"
                " be read: bring that back, or remove the Parquet file and export again"
            )
        return rows.cast(self.schema)

    def _note_lengths(self, rows: pa.Table) -> None:
        """The longest text of each column, which astropy wants to know beforehand."""
        for it in self.schema:
            if it.type == pa.string():
                longest = pc.max(pc.utf8_length(rows[it.name])).as_py() or 1
                self._longest[it.name] = max(longest, self._longest.get(it.name, 1))


def _leaf(field: pa.Field) -> str:
    """The name that Parquet has for the numbers of a column, however deep they lie in lists."""
    name: str = field.name
    type_ = field.type
    while pa.types.is_list(type_):
        name, type_ = f"{name}.list.element", type_.value_type
    return name


class _Rows:
    """The rows of a file by their day: they stand there one day behind the other, and how many each has it says."""

    def __init__(self, path: Path, days: Mapping[date, HeldDay]) -> None:
        self._path = path
        counts = [days[day].records for day in sorted(days)]
        ends = list(accumulate(counts))
        self._places = {day: (end - count, end) for day, count, end in zip(sorted(days), counts, ends, strict=True)}
        self._file: pq.ParquetFile | None = None
        self._group: tuple[int, pa.Table] | None = None

    def of(self, day: date) -> pa.Table:
        """Those of a day, group by group as far as they reach."""
        if self._file is None:
            self._file = pq.ParquetFile(self._path)
        start, end = self._places[day]
        parts, first = [self._file.schema_arrow.empty_table()], 0
        for number in range(self._file.num_row_groups):
            behind = first + self._file.metadata.row_group(number).num_rows
            if first < end and start < behind:
                group = self._read_group(self._file, number)
                parts.append(group.slice(max(0, start - first), min(end, behind) - max(start, first)))
            first = behind
        return pa.concat_tables(parts)

    def _read_group(self, file: pq.ParquetFile, number: int) -> pa.Table:
        """A group; the last one is kept, for neighbouring days are asked for one after another."""
        if self._group is None or self._group[0] != number:
            self._group = number, file.read_row_group(number)
        return self._group[1]


def _in_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Neighbouring days together, until they are enough."""
    waiting: list[pa.Table] = []
    for rows in tables:
        if rows.num_rows:
            waiting.append(rows)
        if sum(it.num_rows for it in waiting) >= _ROWS_OF_A_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _read(path: Path, instrument: Instrument, day: date) -> tuple[pa.Table, str]:
    """The rows of a day's file and its checksum, both of one version of it: a run may publish another meanwhile."""
    for _ in range(_TRIES):
        before = _version(path)
        sha256, rows = dayfile.checksum(path), _told(path, instrument, day)
        if before == _version(path):
            return rows, sha256
    raise DayFileError(f"{path} changes faster than it can be read")


def _told(path: Path, instrument: Instrument, day: date) -> pa.Table:
    """The rows; of odd cells the log is told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OddCells)
        rows = table_of(path, instrument, day)
    for warning in caught:
        log.warning("%s", warning.message)
    return rows


def _version(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - as `disk` does
    except OSError as error:
        raise DayFileError(f"{path} cannot be looked at: {error.strerror}") from error
    return status.st_ino, status.st_size, status.st_mtime_ns
