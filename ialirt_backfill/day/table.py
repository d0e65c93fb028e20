"""Tables of one day in memory: several become one.

Every cell is kept as its final text: a table is a ``pa.Table`` of ``pa.string()`` columns in which null is an empty
cell, ``time_utc`` comes first, the other columns follow in sorted order, and rows rise in time, one per ``time_utc``.
So a cell that was written once keeps its digits whatever arrives later, and merging is exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.day.times import are_canonical, unix_seconds
from ialirt_backfill.instruments import TIME_UTC


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of several of the same day, in any order; what is out of order in one of them is put in order, too.

    Per cell, the last of them that is not empty wins; no row and no column is lost.
    """
    if not tables:
        return empty()
    names = sorted(set().union(*(table.column_names for table in tables)) - {TIME_UTC})
    rows = pa.concat_tables(tables, promote_options="default").select([TIME_UTC, *names])
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


def _rising(times: pa.Array) -> bool:
    """Whether each time is later than the one before."""
    return bool(pc.all(pc.less(times[:-1], times[1:]), min_count=0).as_py()) if len(times) > 1 else True


def _united(rows: pa.Table) -> pa.Table:
    """One row for each time, rising: of each column the last cell that is not empty."""
    names = rows.column_names
    # Numbers for names: arrow 26 takes one such as ``.x`` for the path of a field, and finds none.
    numbered = rows.rename_columns([str(number) for number in range(len(names))])
    others = numbered.column_names[1:]
    groups = numbered.group_by("0", use_threads=False).aggregate([(name, "last") for name in others])
    united = groups.select(["0", *(f"{name}_last" for name in others)]).rename_columns(names)
    return united.take(pc.sort_indices(united[TIME_UTC]))
