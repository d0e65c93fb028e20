"""The next version of a day's file: what will stand in it once more rows are merged in.

Takes the bytes of the file as it is and a table of new rows; gives which of these bytes stay and what follows them
(`FileVersion`). Adding to the end of a day parses only the rows from the first new time on. That place is found by
bisection, because rows rise in time; what stands before it is taken over byte for byte. A file that is not as this
program writes it (an edited one, another program's, one cut short) is parsed whole, put in order and written whole: its
rows count as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from ialirt_backfill.day import content, table
from ialirt_backfill.instruments import TIME_UTC

_ROW = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,\n]")


@dataclass(frozen=True, slots=True)
class FileVersion:
    """What will stand in the file: the first ``cut`` bytes of the old one, and behind them ``rest``.

    ``rest`` can be gone through once. ``is_old``: all of it stands there already. ``replaced`` counts the rows of
    the old file behind ``cut``; ``last_kept`` is the time of the last row before it (None: there is none), ``tail`` the
    times (Unix seconds) of those that will stand behind it.
    """

    cut: int
    rest: Iterable[bytes | pa.Buffer]
    is_old: bool
    replaced: int
    last_kept: datetime | None
    tail: list[int]


class _Unlike(Exception):
    """The file is not as this program writes it."""


def first_version(new: pa.Table) -> FileVersion:
    """A file of new rows only."""
    return FileVersion(0, content.whole_file(new), False, 0, None, table.times(new))


def next_version(old: bytes, new: pa.Table, *, whole: bool) -> FileVersion:
    """The old file with new rows merged in; ``whole``: even where it looks as this program wrote it, it may not be so.

    Raises NotUnderstood where all of the old file must be read and cannot be.
    """
    return (None if whole else _longer(old, new)) or _rewritten(old, new)


def _rewritten(data: bytes, new: pa.Table) -> FileVersion:
    """All of the old file put in order, with the new rows merged in."""
    old = content.read_in_order(data)
    rows = table.merge(old, new)
    written = b"".join(content.whole_file(rows))
    is_old = written == data or not (rows.num_rows or data)
    return FileVersion(0, [written], is_old, old.num_rows, None, table.times(rows))


def _longer(old: bytes, new: pa.Table) -> FileVersion | None:
    """The old file up to the first new time, and from there on its rows with the new ones merged in.

    None where that is not possible: the file lacks a column of ``new``, or is not as this program writes it.
    """
    first = new[TIME_UTC][0].as_py() if new.num_rows else None
    try:
        lines = _Lines(old)
        if not set(lines.columns).issuperset(new.column_names):
            return None
        cut = len(old) if first is None else lines.first_from(first.encode())
        kept, rows = lines.rows_around(cut)
    except (_Unlike, pa.ArrowException):
        return None
    if kept is not None and first is not None and kept >= first:
        return None
    merged = table.merge(rows, new)
    tail = content.to_csv(merged, lines.columns)
    last_kept = None if kept is None else datetime.fromisoformat(kept).replace(tzinfo=UTC)
    return FileVersion(cut, [tail], tail == old[cut:], rows.num_rows, last_kept, table.times(merged))


class _Lines:
    """The lines of a day's file as this program writes it. Raises _Unlike where it turns out not to be one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._begin = data.find(b"\n") + 1
        try:
            self.columns = content.names_of(data[: self._begin])
        except ValueError:
            raise _Unlike from None
        written = content.header([TIME_UTC, *sorted(set(self.columns) - {TIME_UTC})])
        if not data.startswith(written) or len(written) != self._begin or not data.endswith(b"\n"):
            raise _Unlike

    def first_from(self, time: bytes) -> int:
        """Where the first row begins whose time is ``time`` or later; the end of the file if there is none."""

        def is_late(position: int) -> bool:
            start = self._row_start(position)
            return start == len(self._data) or self._time(start) >= time

        found = bisect_left(range(self._begin, len(self._data)), True, key=is_late)
        return self._row_start(self._begin + found)

    def rows_around(self, cut: int) -> tuple[str | None, pa.Table]:
        """The time of the row that ends at ``cut`` (None: there is none), and the rows behind it.

        That row is parsed too: its time is asked for, and its form tells that of those before it.
        """
        before = cut if cut == self._begin else self._data.rfind(b"\n", 0, cut - 1) + 1
        self._check_row_starts(before, cut)
        rows = content.parse_lines(self._data[before:], self.columns)
        if not table.is_ordered(rows) or content.to_csv(rows, self.columns) != self._data[before:]:
            raise _Unlike
        return (rows[TIME_UTC][0].as_py(), rows.slice(1)) if before < cut else (None, rows)

    def _check_row_starts(self, *positions: int) -> None:
        """Raise _Unlike where one is inside a cell: behind a line break in a cell may stand what looks like a row."""
        if self._data.find(b'"', self._begin, max(positions)) >= 0:
            for position in positions:
                if self._data.count(b'"', self._begin, position) % 2:
                    raise _Unlike

    def _row_start(self, position: int) -> int:
        """Where the first row begins that does not begin before ``position``."""
        return max(self._begin, self._data.find(b"\n", position - 1) + 1)

    def _time(self, start: int) -> bytes:
        match = _ROW.match(self._data, start)
        if match is None:
            raise _Unlike
        return match[1]
