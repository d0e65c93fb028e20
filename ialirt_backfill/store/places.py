"""The file of a day, found with what the ledger says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path, PurePosixPath

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.files import is_of_the_system
from ledger import DayAccess, DayState

LedgerRows = dict[tuple[str, date], DayState]
"""By progress key and day."""


def day_path(datastore: Path, instrument: Instrument, day: date, row: DayState | None) -> PurePosixPath:
    """Where a day's file lies, relative to the datastore: where the ledger has it, else at its usual place.

    Or, where there is none, beside that, under another of the names in use: other programs rename files.
    """
    usual = _recorded(row) or instrument.path(day)
    return _renamed(datastore, instrument, day, usual) or PurePosixPath(usual)


def size_on_disk(datastore: Path, instrument: Instrument, day: date, row: DayState | None) -> int | None:
    """The size of a day's file in bytes, None where there is none.

    None also where it cannot be looked at: so the day is decided to be asked for, and its attempt tells the reason.
    """
    usual = _recorded(row) or instrument.path(day)
    try:
        size = dayfile.size(f"{datastore}/{usual}")
        if size is None and (renamed := _renamed(datastore, instrument, day, usual)):
            return dayfile.size(datastore / renamed)
    except DayFileError:
        return None
    return size


def follow_renamed(
    datastore: Path, instruments: Iterable[Instrument], rows: Mapping[tuple[str, date], DayState]
) -> LedgerRows:
    """The rows whose files another program has renamed, as they are to be read now.

    A file whose content is the one recorded is the day's, at its new ``path``. Of any other the ledger knows no size,
    so that it is read and merged with what it lacks.
    """
    by_key = {it.progress_key: it for it in instruments if it.other_file_prefixes}
    renamed = {}
    for (key, day), row in rows.items():
        if (instrument := by_key.get(key)) is None or not (usual := _recorded(row)):
            continue
        if path := _renamed(datastore, instrument, day, usual):
            is_same = row.sha256 is not None and _checksum(datastore / path) == row.sha256
            renamed[key, day] = row._replace(path=str(path)) if is_same else row._replace(size_bytes=None)
    return renamed


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


def _recorded(row: DayState | None) -> str | None:
    """The path that the ledger has; but not one in a folder of the system's, which an earlier version has adopted."""
    return row.path if row is not None and row.path and not is_of_the_system(row.path) else None


def _renamed(datastore: Path, instrument: Instrument, day: date, usual: str | PurePosixPath) -> PurePosixPath | None:
    """Where a file lies that is not at its usual place but beside it, under another of the names in use."""
    if not instrument.other_file_prefixes or _is_there(f"{datastore}/{usual}"):
        return None
    places = [PurePosixPath(usual).with_name(path.name) for path in instrument.paths(day)]
    return next((place for place in places if _is_there(f"{datastore}/{place}")), None)


def _is_there(path: str) -> bool:
    """Whether there is a file, or something that cannot be looked at."""
    try:
        return dayfile.size(path) is not None
    except DayFileError:
        return True


def _checksum(path: Path) -> str | None:
    try:
        return dayfile.checksum(path)
    except DayFileError:
        return None
