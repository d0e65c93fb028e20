"""What this user may not do with a ledger that exists, found out without doing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from ledger.addresses import sqlite_file
from ledger.faults import MISSING_PRIVILEGES
from ledger.opening import Access, open_database


def denied(url: str, *, timeout_seconds: float = 30.0) -> Sequence[str]:
    """What a run needs and is not allowed, in words, of a ledger of this program's version. Raises LedgerError."""
    file = sqlite_file(url)
    if file is not None:
        places = (file, file.absolute().parent) if file.exists() else ()
        return [f"writing {place}" for place in places if not _is_writable(place)]
    database = open_database(url, Access.READ, timeout_seconds)
    if database is None:
        return []
    try:
        return database.read_once(_missing)
    finally:
        database.close()


def _missing(connection: Connection) -> list[str]:
    return [str(it) for it in connection.execute(MISSING_PRIVILEGES).scalars()]


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
