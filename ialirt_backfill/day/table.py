"""Tables of one day: several become one, and the lines of its file.

Every cell is kept as its final text: a table is a ``pa.Table`` of ``pa.string()`` columns in which null is an empty
cell, ``time_utc`` comes first, the other columns follow in sorted order, and rows rise in time, one per ``time_utc``.
So a cell that was written once keeps its digits whatever arrives later, and merging is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.day.times import TIME_UTC, are_canonical, unix_seconds

_MUST_QUOTE = (b",", b'"', b"\n", b"\r")
_LINES_AT_ONCE = 4096
"""About a megabyte: so memory holds one copy of a day, not two or three."""


def concatenate(windows: Sequence[pa.Table]) -> pa.Table:
    """One table of several of the same day, in any order.

    Per cell, the last of them that is not empty wins; no row and no column is lost.
    """
    if not windows:
        return empty()
    names = sorted(set().union(*(table.column_names for table in windows)) - {TIME_UTC})
    rows = pa.concat_tables(windows, promote_options="default").select([TIME_UTC, *names])
    return rows if _rising(rows[TIME_UTC].combine_chunks()) else _united(rows)


def merge(old: pa.Table, new: pa.Table) -> pa.Table:
    """Both tables as one: per cell the new value wins, unless it is empty; no row and no column is lost."""
    return concatenate([old, new])


def empty() -> pa.Table:
    """A table without rows."""
    return pa.table({TIME_UTC: pa.array([], pa.string())})


def times(rows: pa.Table) -> list[int]:
    """The times of the rows, in Unix seconds."""
    seconds: list[int] = unix_seconds(rows[TIME_UTC].combine_chunks()).tolist()
    return seconds


def is_ordered(rows: pa.Table) -> bool:
    """Whether the times are written as a day's file writes them, and each is later than the one before."""
    times = rows[TIME_UTC].combine_chunks()
    return are_canonical(times) and _rising(times)


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
    """The same lines as one text."""
    return b"".join(lines(rows, columns))


# --- lines ------------------------------------------------------------------------------------------------------------


def _rising(times: pa.Array) -> bool:
    """Whether each time is later than the one before."""
    return bool(pc.all(pc.less(times[:-1], times[1:]), min_count=0).as_py()) if len(times) > 1 else True


def _united(rows: pa.Table) -> pa.Table:
    """One row for each time, rising: of each column the last cell that is not empty."""
    names = rows.column_names
    numbered = rows.rename_columns([str(number) for number in range(len(names))])  # some names have a meaning for arrow
    others = numbered.column_names[1:]
    groups = numbered.group_by("0", use_threads=False).aggregate([(name, "last") for name in others])
    united = groups.select(["0", *(f"{name}_last" for name in others)]).rename_columns(names)
    return united.take(pc.sort_indices(united[TIME_UTC]))


def _cells(rows: pa.RecordBatch, columns: Sequence[str]) -> list[pa.Array]:
    """The cells of each column as they stand in the file; those of the last with the end of the line."""
    nothing = pa.nulls(rows.num_rows, pa.string())
    present = set(rows.schema.names)
    cells = [_quoted_cells(rows[name]) if name in present else nothing for name in columns]
    return [*cells[:-1], _joined([cells[-1], "\n"], "")]


def _joined(parts: Sequence[pa.Array | str], separator: str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator, null_handling="replace", null_replacement="")


def _quoted_cells(cells: pa.Array) -> pa.Array:
    """The same cells, with quotes around those that need them."""
    data = cells.buffers()[2]
    text = b"" if data is None else data.to_pybytes()
    if not any(special in text for special in _MUST_QUOTE):
        return cells
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(cells, '[",\r\n]'), quoted, cells)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(special in text for special in ',"\r\n') else text
