"""The file of a day, found with what the ledger says of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path, PurePosixPath

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.store import dayfile
from ledger import DayAccess, DayState


def day_path(instrument: Instrument, day: date, row: DayState | None) -> PurePosixPath:
    """Where a day's file lies, relative to the datastore: where the ledger has it, else at its usual place."""
    return PurePosixPath(row.path) if row is not None and row.path else instrument.path(day)


def size_on_disk(datastore: Path, instrument: Instrument, day: date, row: DayState | None) -> int | None:
    """The size of a day's file in bytes, None where there is none.

    None also where it cannot be looked at: so the day is decided to be asked for, and its attempt tells the reason.
    """
    name = row.path if row is not None and row.path else instrument.path(day)
    try:
        return dayfile.size(f"{datastore}/{name}")
    except DayFileError:
        return None


def access_shown(datastore: Path, instrument: Instrument, row: DayState) -> DayAccess | None:
    """With what access a day was fetched: as the ledger has it; where it does not know, as its file's header shows.

    None where the file cannot be read, or has nothing restricted to tell by.
    """
    if row.access is not None or not row.path or not instrument.has_restricted_fields:
        return row.access
    try:
        names = dayfile.header(datastore / row.path)
    except DayFileError:
        return None
    return DayAccess.FULL if instrument.restricted_columns <= set(names) else DayAccess.NONE
