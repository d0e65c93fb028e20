"""What stands in the CSV of a day: read from its bytes, and as it will stand once more rows are merged in.

Adding to the end of a day parses only the rows from the first new time on. That place is found by bisection, because
rows rise in time; what stands before it is taken over byte for byte. A file that is not as this program writes it (an
edited one, another program's, one cut short) is parsed whole, put in order and written whole: its rows count as they
are.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.csv

from ialirt_backfill.day import table
from ialirt_backfill.day.times import TIME_UTC, canonical_times

_ROW = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,\n]")


_QUOTED = re.compile(rb'"[^"]*"')


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Version:
    """What will stand in the file: the first ``cut`` bytes of the old one, and behind them ``content``.

    ``content`` can be gone through once. ``is_old``: all that stands there already. The others are those of Staged.
    """

    cut: int
    content: Iterable[bytes | pa.Buffer]
    is_old: bool
    replaced: int
    last_kept: datetime | None
    tail: list[int]


class NotUnderstood(Exception):
    """The bytes are not the CSV of a day; the message says where."""


class _Unlike(Exception):
    """The file is not as this program writes it."""


def first_version(new: pa.Table) -> Version:
    return Version(0, _content(new), False, 0, None, table.times(new))


def whole_version(data: bytes, new: pa.Table) -> Version:
    """All of the old file put in order, with the new rows merged in."""
    old = understood(data)
    rows = table.merge(old, new)
    content = b"".join(_content(rows))
    is_old = content == data or not (rows.num_rows or data)
    return Version(0, [content], is_old, old.num_rows, None, table.times(rows))


def _content(rows: pa.Table) -> Iterator[bytes | pa.Buffer]:
    names = rows.column_names
    yield table.header(names)
    yield from table.lines(rows, names)


def longer_version(old: bytes, new: pa.Table) -> Version | None:
    """The old file up to the first new time, and from there on its rows with the new ones merged in.

    None where that is not possible: the file lacks a column of ``new``, or is not as this program writes it.
    """
    try:
        lines = _Lines(old)
        if not set(lines.columns).issuperset(new.column_names):
            return None
        first = new[TIME_UTC][0].as_py() if new.num_rows else None
        cut = len(old) if first is None else lines.first_from(first.encode())
        # The row before the cut is looked at too: its time is asked for, and its form tells that of those before it.
        before = lines.start_of_row_before(cut)
        lines.check_row_starts(before, cut)
        rows = _parsed(old[before:], lines.columns)
    except (_Unlike, pa.ArrowException):
        return None
    if not table.is_ordered(rows) or table.to_csv(rows, lines.columns) != old[before:]:
        return None
    last_kept = None
    if before < cut:
        if first is not None and rows[TIME_UTC][0].as_py() >= first:
            return None
        last_kept = datetime.fromtimestamp(table.times(rows.slice(0, 1))[0], UTC)
        rows = rows.slice(1)
    merged = table.merge(rows, new)
    tail = table.to_csv(merged, lines.columns)
    return Version(cut, [tail], tail == old[cut:], rows.num_rows, last_kept, table.times(merged))


class _Lines:
    """The lines of a day's file as this program writes it. Raises _Unlike where it turns out not to be one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._begin = data.find(b"\n") + 1
        try:
            self.columns = names_of(data[: self._begin])
        except ValueError:
            raise _Unlike from None
        written = table.header([TIME_UTC, *sorted(set(self.columns) - {TIME_UTC})])
        if not data.startswith(written) or len(written) != self._begin or not data.endswith(b"\n"):
            raise _Unlike

    def first_from(self, time: bytes) -> int:
        """Where the first row begins whose time is ``time`` or later; the end of the file if there is none."""

        def is_late(position: int) -> bool:
            start = self._row_start(position)
            return start == len(self._data) or self._time(start) >= time

        found = bisect_left(range(self._begin, len(self._data)), True, key=is_late)
        return self._row_start(self._begin + found)

    def start_of_row_before(self, end: int) -> int:
        """Where the row begins that ends at ``end``; ``end`` itself if that is where the rows begin."""
        return end if end == self._begin else self._data.rfind(b"\n", 0, end - 1) + 1

    def check_row_starts(self, *positions: int) -> None:
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


def understood(data: bytes) -> pa.Table:
    """The rows of a file whoever wrote it, put in order. Raises NotUnderstood."""
    return table.concatenate([rows_of(data)])


def rows_of(data: bytes) -> pa.Table:
    """The rows of a file as they stand, but for the form of their times. Raises NotUnderstood."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data:
        return table.empty()
    try:
        data.decode()  # so that the words of the error name the byte, whichever line it is in
        end = _first_line_end(data)
        names = names_of(data[:end])
        if TIME_UTC not in names:
            raise ValueError(f"its first line names no column {TIME_UTC}")
        if len(set(names)) < len(names):
            raise ValueError("its first line names a column twice")
        rows = _parsed(_whole_lines(data[end:], names), names)
        times = canonical_times(rows[TIME_UTC].combine_chunks())
        if times.null_count:
            row = times.is_null().index(True).as_py()
            raise ValueError(f"the time of row {row + 1}, {rows[TIME_UTC][row].as_py()!r}, cannot be read")
    except (ValueError, csv.Error) as error:  # arrow's ArrowInvalid and UnicodeDecodeError are ValueErrors
        raise NotUnderstood(str(error)) from error
    return rows.set_column(names.index(TIME_UTC), TIME_UTC, times)


def _first_line_end(data: bytes) -> int:
    """Where the second line begins; a line break inside quotes ends no line."""
    end = 0
    while True:
        end = data.find(b"\n", end) + 1
        if end == 0:
            return len(data)
        if data.count(b'"', 0, end) % 2 == 0:
            return end


def names_of(line: bytes) -> list[str]:
    """The cells of a header line. Raises ValueError where it is none."""
    try:
        return next(csv.reader(io.StringIO(line.decode(), newline=""), strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"its first line cannot be read ({error})") from None


def _whole_lines(data: bytes, names: Sequence[str]) -> bytes:
    """The lines without the last one, where that was cut short."""
    if data.endswith(b"\n") or not data:
        return data
    start = data.rfind(b"\n") + 1
    while data.count(b'"', 0, start) % 2:  # that line break stands inside quotes
        start = data.rfind(b"\n", 0, start - 1) + 1
    last = data[start:]
    is_cut = last.count(b'"') % 2 or _QUOTED.sub(b"", last).count(b",") + 1 < len(names)
    return data[:start] if is_cut else data + b"\n"


def _parsed(lines: bytes, names: Sequence[str]) -> pa.Table:
    """The cells of these lines, as the text that stands there. Raises ArrowInvalid for a line of another length."""
    if not lines:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pa.csv.read_csv(
        pa.BufferReader(lines),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=list(names)),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
