"""The daily files as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.forms import parse_day, parse_instruments, parse_last_day
from ialirt_backfill.options.texts import full_path
from ialirt_backfill.read.typed import read_typed
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.files import DayFiles

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype()}
"""What has room for a missing value: left to itself, pandas would make floats of integers, and lose digits."""


def read_days(datastore: str | Path, instrument: str, start: date | str, end: date | str | None = None) -> pd.DataFrame:
    """The rows of one instrument from ``start`` to ``end``, both days included (default: one day).

    Days may be given as text, ``2026-02-01``, as on the command line.
    The index is ``time_utc``, aware. Flags, nanoseconds and the counts of SWE are nullable 64-bit integers; all that is
    measured, and the counts of HIT, are floats; JSON and what the table of instruments does not know stay text.
    Days without a file are left out.
    Raises UsageError for an unknown instrument, a folder without day files and days in the wrong order, and
    DayFileError for a file that cannot be read or understood.
    """
    found = parse_instruments(instrument)
    if len(found) != 1:
        raise UsageError(f"{instrument!r}: one instrument at a time has one set of columns")
    [entry] = found
    first = _day(start, parse_day)
    last = first if end is None else _day(end, parse_last_day)
    if last < first:
        raise UsageError(f"the last day, {last}, lies before the first, {first}")
    folder = Path(full_path("the datastore", str(datastore)))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    places = ([folder / name for name in entry.paths(day)] for day in days)
    there = [next((path for path in paths if dayfile.size(path) is not None), None) for paths in places]
    frames = [_frame(read_typed(path, entry)) for path in there if path is not None]
    if not frames:
        _refuse_where_nothing_is(folder)
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name=TIME_UTC))
    return pd.concat(frames)


def _day(given: date | str, parse: Callable[[str], date]) -> date:
    if isinstance(given, str):
        return parse(given)
    return given.date() if isinstance(given, datetime) else given


def _refuse_where_nothing_is(folder: Path) -> None:
    """UsageError where a folder cannot be the datastore that was meant."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    if next(iter(DayFiles(folder)), None) is None:
        raise UsageError(f"{folder} holds no day files: name the datastore, the folder that has `ialirt` in it")


def _frame(rows: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas(types_mapper=_NULLABLE.get)
    return frame.set_index(TIME_UTC)
