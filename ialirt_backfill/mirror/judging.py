"""How a file's columns fill a table's, where crump would take every cell as it stands.

Then the text of the cells is all that the database need be given. Where crump has something to decide (a cell to look
up or to compute, a text too long, a row to leave out), it must see each row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from crump import ColumnMapping, CrumpJob

from ialirt_backfill.instruments import TIME_UTC
from ialirt_backfill.mirror.shape import FoundTable, Holds
from ialirt_backfill.mirror.staging import BOOLEANS, CellSource

_INTEGERS = {"integer": pa.int32(), "int": pa.int32(), "bigint": pa.int64()}
_BOOLEANS = {"boolean", "bool"}
_TIMES = {"date", "datetime", "timestamp"}
_KEEPS_TIMES_APART = {"", "text", "string", "datetime", "timestamp"}


def columns_of(job: CrumpJob, names: Sequence[str]) -> list[ColumnMapping]:
    """What a job makes of a file with these columns, the key first; of all columns where it names none."""
    if job.columns:
        return [*job.id_mapping, *job.columns]
    keys = {mapping.csv_column for mapping in job.id_mapping}
    return [*job.id_mapping, *(ColumnMapping(name, name) for name in names if name not in keys)]


def sources_of(
    job: CrumpJob, mappings: Sequence[ColumnMapping], rows: pa.Table, others: Collection[str]
) -> list[CellSource] | None:
    """The columns of the file that fill some of the table's; None where crump must see each row.

    ``others`` are the columns that the file's name fills.
    """
    names = [*(mapping.db_column for mapping in mappings), *others]
    if len(set(names)) < len(names) or (job.sample_percentage is not None and job.sample_percentage < 100):
        return None
    found = []
    for mapping in mappings:
        if mapping.lookup is not None or mapping.expression or mapping.function:
            return None
        if mapping.csv_column not in rows.column_names:
            if mapping.nullable is False:
                return None
            continue
        if _is_judged(mapping, rows[mapping.csv_column].combine_chunks()):
            return None
        kind = _kind(mapping)
        keeps_empty = not mapping.nullable and kind not in _TIMES
        found.append(CellSource(mapping.csv_column, mapping.db_column, keeps_empty, kind in _BOOLEANS))
    return found


def is_timed(job: CrumpJob, found: FoundTable | None) -> bool:
    """Whether rows of different times have different keys. ``found`` is the table, None where the job makes it."""
    return any(
        mapping.csv_column == TIME_UTC and mapping.lookup is None and _keeps_times_apart(mapping, found)
        for mapping in job.id_mapping
    )


def _keeps_times_apart(mapping: ColumnMapping, found: FoundTable | None) -> bool:
    if found is None:
        return _kind(mapping) in _KEEPS_TIMES_APART
    there = found.columns.get(mapping.db_column)
    return there is not None and there.holds in {Holds.TIME, Holds.TEXT}


def _kind(mapping: ColumnMapping) -> str:
    return (mapping.data_type or "").lower().strip()


def _is_judged(mapping: ColumnMapping, cells: pa.Array) -> bool:
    """Whether crump would change one of the cells, or leave out its row."""
    kind = _kind(mapping)
    if limit := re.fullmatch(r"varchar\((\d+)\)", kind):
        longest = pc.max(pc.utf8_length(cells)).as_py() or 0
        return bool(longest > int(limit[1]))
    if kind in _BOOLEANS:
        return not BOOLEANS.keys() >= {cell.lower() for cell in cells.drop_null().unique().to_pylist()}
    if kind in _INTEGERS:
        try:
            cells.cast(_INTEGERS[kind])
        except pa.ArrowInvalid:
            return True
    if kind in _TIMES:
        shortest = pc.min(pc.utf8_length(pc.utf8_trim_whitespace(cells))).as_py()
        return shortest == 0 or bool(cells.null_count and mapping.nullable is False)
    return False
