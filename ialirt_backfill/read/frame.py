"""The daily files as a pandas DataFrame, with the types that the table of instruments gives."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Column, ColumnType, Instrument
from ialirt_backfill.options import parse_instruments


def read_days(datastore: str | Path, instrument: str, start: date, end: date | None = None) -> pd.DataFrame:
    """The rows of one instrument from ``start`` to ``end``, both days included (default: one day).

    The index is ``time_utc``, aware. Flags, nanoseconds and the counts of SWE are nullable 64-bit integers; all that is
    measured, and the counts of HIT, are floats; JSON and what the table of instruments does not know stay text.
    Days without a file are left out.
    Raises UsageError for an unknown instrument.
    """
    found = parse_instruments(instrument)
    if len(found) != 1:
        raise UsageError(f"{instrument!r}: one instrument at a time has one set of columns")
    [entry] = found
    last = end or start
    days = [start + timedelta(days=n) for n in range((last - start).days + 1)]
    there = ([path for name in entry.paths(day) if (path := Path(datastore) / name).exists()] for day in days)
    frames = [_read_file(paths[0], entry) for paths in there if paths]
    if not frames:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time_utc"))
    return pd.concat(frames)


def _read_file(path: Path, instrument: Instrument) -> pd.DataFrame:
    known = instrument.columns
    cells = pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
    index = pd.to_datetime(cells.pop("time_utc"), format="ISO8601", utc=True)
    frame = pd.DataFrame({name: _typed(cells[name], known.get(str(name))) for name in cells})
    return frame.set_index(pd.DatetimeIndex(index, name="time_utc"))


def _typed(cells: pd.Series[str], column: Column | None) -> pd.Series[Any]:
    """The cells in the type of their column; as text where one of them does not fit it."""
    try:
        match column and column.type:
            case ColumnType.BOOLEAN:
                return cells.map({"True": True, "False": False}, na_action="ignore").astype("boolean")
            case ColumnType.INTEGER:
                return cells.astype("Int64")
            case ColumnType.MEASUREMENT:
                return cells.astype("float64")
    except (ValueError, TypeError):
        pass
    return cells
