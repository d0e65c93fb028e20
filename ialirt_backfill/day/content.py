"""The CSV of a day as bytes: a table of text becomes its lines, and its lines a table of text.

Tables are as `table` says: columns of text, null where a cell is empty. What this program writes it reads back cell for
cell. Files of other programs, edited ones and such as were cut short are read as far as they can be understood: with a
byte order mark, other line ends, quotes nobody needs, times in other forms, half a last line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ialirt_backfill.day import table
from ialirt_backfill.day.times import canonical_times
from ialirt_backfill.instruments import TIME_UTC

_MUST_QUOTE = (b",", b'"', b"\n", b"\r")
_LINES_AT_ONCE = 4096
"""About a megabyte: so memory holds one copy of a day, not two or three."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXT = pa.string()
_QUOTED = re.compile(rb'"[^"]*"')


class NotUnderstood(Exception):
    """The bytes are not the CSV of a day; the message says where."""


# --- writing ----------------------------------------------------------------------------------------------------------


def header(columns: Sequence[str]) -> bytes:
    """The header line of a day's file."""
    return (",".join(_quoted(name) for name in columns) + "\n").encode()


def lines(rows: pa.Table, columns: Sequence[str]) -> Iterator[pa.Buffer]:
    """The lines of a day's file below its header, some thousands at a time, with cells in the order of ``columns``.

    A column that ``rows`` does not have gives empty cells.
    """
    for batch in rows.to_batches():
        cells = _cells(batch, columns)
        for start in range(0, len(batch), _LINES_AT_ONCE):
            some = [column.slice(start, _LINES_AT_ONCE) for column in cells]
            yield _joined(some, ",").buffers()[2]  # where arrow keeps the texts one behind the other


def to_csv(rows: pa.Table, columns: Sequence[str]) -> bytes:
    """All of `lines` as one text."""
    return b"".join(lines(rows, columns))


def whole_file(rows: pa.Table) -> Iterator[bytes | pa.Buffer]:
    """A file with these rows and their columns: its header, then its lines."""
    yield header(rows.column_names)
    yield from lines(rows, rows.column_names)


def _cells(rows: pa.RecordBatch, columns: Sequence[str]) -> list[pa.Array]:
    """The cells of each column as they stand in the file; those of the last with the end of the line."""
    nothing = pa.nulls(rows.num_rows, pa.string())
    present = set(rows.schema.names)
    cells = [_quoted_cells(rows[name]) if name in present else nothing for name in columns]
    return [*cells[:-1], _joined([cells[-1], "\n"], "")]


def _joined(parts: Sequence[pa.Array | str], separator: str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator, null_handling="replace", null_replacement="")


def _quoted_cells(cells: pa.Array) -> pa.Array:
    """The cells, with quotes around those that need them."""
    data = cells.buffers()[2]
    text = b"" if data is None else data.to_pybytes()
    if not any(special in text for special in _MUST_QUOTE):
        return cells
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(cells, '[",\r\n]'), quoted, cells)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(special in text for special in ',"\r\n') else text


# --- reading ----------------------------------------------------------------------------------------------------------


def read(data: bytes) -> pa.Table:
    """The rows of a file as they stand, whoever wrote it, but for the form of their times. Raises NotUnderstood.

    Columns are in the order of the file. A last line that was cut short is left out.
    """
    parts = divided(data)
    try:
        rows = parse_lines(parts.lines, parts.names)
        times = _readable_times(rows)
    except ValueError as error:  # arrow's ArrowInvalid is one
        raise NotUnderstood(str(error)) from error
    return rows.set_column(parts.names.index(TIME_UTC), TIME_UTC, times)


@dataclass(frozen=True, slots=True)
class Divided:
    """A file's first line, read: the ``names`` of its columns; and the ``lines`` below it as they stand, without a last
    one that was cut short. ``has_quotes``: a cell of these may hold a line break."""

    names: list[str]
    lines: bytes | memoryview
    has_quotes: bool


def divided(data: bytes) -> Divided:
    """A file as its first line and those below. Raises NotUnderstood where this is no file of a day, or not UTF-8."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data:
        return Divided(table.empty().column_names, b"", False)
    try:
        if not data.isascii():
            data.decode()  # so that the words of the error name the byte, whichever line it is in
        first = first_line(data)
        names = _names_with_time(first)
        return Divided(names, _whole_lines(data, len(first), names), b'"' in data)
    except (ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
        raise NotUnderstood(str(error)) from error


def read_in_order(data: bytes) -> pa.Table:
    """The rows of a file, put in order: rising in time, one for each. Raises NotUnderstood."""
    return table.concatenate([read(data)])


def first_line(data: bytes) -> bytes:
    """The first line with its end; a line break inside quotes ends no line."""
    end = 0
    while True:
        end = data.find(b"\n", end) + 1
        if end == 0:
            return data
        if data.count(b'"', 0, end) % 2 == 0:
            return data[:end]


def names_of(line: bytes) -> list[str]:
    """The cells of a header line. Raises ValueError where it is none."""
    try:
        return next(csv.reader(io.StringIO(line.decode(), newline=""), strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"its first line cannot be read ({error})") from None


def parse_lines(lines: bytes | memoryview, names: Sequence[str], type_: pa.DataType = _TEXT) -> pa.Table:
    """The cells of these lines as they stand there, null where one is empty. Raises ArrowInvalid for a line of another
    length."""
    if not lines:
        return pa.table({name: pa.array([], type_) for name in names})
    return pa.csv.read_csv(
        pa.BufferReader(lines),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=list(names)),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, type_), strings_can_be_null=True, null_values=[""]
        ),
    )


def _names_with_time(line: bytes) -> list[str]:
    """The names of the columns of a day's file. Raises ValueError where its first line is none of such a file."""
    names = names_of(line)
    if TIME_UTC not in names:
        raise ValueError(f"its first line names no column {TIME_UTC}")
    if len(set(names)) < len(names):
        raise ValueError("its first line names a column twice")
    return names


def _readable_times(rows: pa.Table) -> pa.Array:
    """The times of all rows in our form. Raises ValueError for the first that cannot be read."""
    times = canonical_times(rows[TIME_UTC].combine_chunks())
    if times.null_count:
        row = times.is_null().index(True).as_py()
        raise ValueError(f"the time of row {row + 1}, {rows[TIME_UTC][row].as_py()!r}, cannot be read")
    return times


def _whole_lines(data: bytes, begin: int, names: Sequence[str]) -> bytes | memoryview:
    """The lines from ``begin`` on, without the last one where that was cut short."""
    if data.endswith(b"\n") or len(data) == begin:
        return memoryview(data)[begin:]  # not copied: that costs as much as reading them from the disk
    data = data[begin:]
    start = data.rfind(b"\n") + 1
    while data.count(b'"', 0, start) % 2:  # that line break stands inside quotes
        start = data.rfind(b"\n", 0, start - 1) + 1
    last = data[start:]
    has_lost_cells = last.count(b'"') % 2 or _QUOTED.sub(b"", last).count(b",") + 1 < len(names)
    return data[:start] if has_lost_cells else data + b"\n"
