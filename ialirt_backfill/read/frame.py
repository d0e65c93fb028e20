"""The daily files as a pandas DataFrame."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import parse_instruments
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.read.typed import read_typed
from ialirt_backfill.store import dayfile

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype()}
"""What has room for a missing value: left to itself, pandas would make floats of integers, and lose digits."""


def read_days(
    datastore: str | Path,
    instrument: str,
    start: date,
    end: date | None = None,
    *,
    catalogue: str | Path | None = None,
) -> pd.DataFrame:
    """The rows of one instrument from ``start`` to ``end``, both days included (default: one day).

    ``catalogue`` names the files that add to what is known of the instruments, or change it, separated by commas.

    The index is ``time_utc``, aware. Flags, nanoseconds and the counts of SWE are nullable 64-bit integers; all that is
    measured, and the counts of HIT, are floats; JSON and what the table of instruments does not know stay text.
    Days without a file are left out.
    Raises UsageError for an unknown instrument or a wrong catalogue, and DayFileError for a file that cannot be read or
    understood.
    """
    found = parse_instruments(instrument, catalogue_of(None if catalogue is None else str(catalogue)))
    if len(found) != 1:
        raise UsageError(f"{instrument!r}: one instrument at a time has one set of columns")
    [entry] = found
    days = [start + timedelta(days=n) for n in range(((end or start) - start).days + 1)]
    places = ([Path(datastore) / name for name in entry.paths(day)] for day in days)
    there = [next((path for path in paths if dayfile.size(path) is not None), None) for paths in places]
    frames = [_frame(read_typed(path, entry)) for path in there if path is not None]
    if not frames:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name=TIME_UTC))
    return pd.concat(frames)


def _frame(rows: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas(types_mapper=_NULLABLE.get)
    return frame.set_index(TIME_UTC)
