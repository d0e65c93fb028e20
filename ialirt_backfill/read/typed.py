"""The cells of a day's file in the types that the table of instruments gives: for programs that work with arrow."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.instruments import Column, ColumnType, Instrument
from ialirt_backfill.read.text import read_text

_TIME = pa.timestamp("us", "UTC")
"""The type of ``time_utc``. Microseconds, as pandas 3 has them: Parquet has no seconds."""


def read_typed(path: Path, instrument: Instrument) -> pa.Table:
    """All rows of a day's file, as `read_text` gives them, but for the types of their columns.

    ``time_utc`` is a time in UTC. Measurements are ``float64``, integers and nanoseconds ``int64``, flags ``bool``;
    JSON and what the table of instruments does not know stay text, and so does a column with a cell of another type.
    Raises DayFileError where the file cannot be read or understood.
    """
    rows = read_text(path)
    known = instrument.columns
    columns = {name: typed(known.get(name), rows[name]) for name in rows.column_names}
    return pa.table(columns | {TIME_UTC: rows[TIME_UTC].cast(pa.timestamp("s")).cast(_TIME)})


def typed(column: Column | None, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cells in the type of their column; as text where one of them does not fit it, or the column is not known."""
    try:
        match column and column.type:
            case ColumnType.MEASUREMENT:
                return _decimals(cells)
            case ColumnType.INTEGER:
                return cells.cast(pa.int64())
            case ColumnType.BOOLEAN:
                return _flags(cells)
    except pa.ArrowInvalid:
        pass
    return cells


def _decimals(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return cells.cast(pa.float64())
    except pa.ArrowInvalid:  # it may be blanks around a number, as another program writes them
        return pc.utf8_trim_whitespace(cells).cast(pa.float64())


def _flags(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Only as we write them: arrow takes more for a flag, ``1`` for example."""
    found = pc.index_in(cells, pa.array(["False", "True"]))
    return found.cast(pa.bool_()) if found.null_count == cells.null_count else cells
