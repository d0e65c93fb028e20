"""What this user may not do with a ledger that exists, found out without doing it."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ledger.addresses import sqlite_file
from ledger.opening import Access, open_database
from ledger.schema import metadata

_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")
_SHARED = "workflow_progress"
"""Rows of it are other programs' as well: none is ever deleted."""


def denied(url: str, *, timeout_seconds: float = 30.0) -> list[str]:
    """What is needed for a run and not allowed, in words; none where there is no ledger yet. Raises LedgerError."""
    file = sqlite_file(url)
    if file is not None:
        places = (file, file.absolute().parent) if file.exists() else ()
        return [f"writing {place}" for place in places if not _is_writable(place)]
    database = open_database(url, Access.READ, timeout_seconds)
    if database is None:
        return []
    try:
        return database.read_once(_denied_tables)
    finally:
        database.close()


def _denied_tables(connection: Connection) -> list[str]:
    there = set(inspect(connection).get_table_names())
    asked = text("SELECT has_table_privilege(:name, :privilege)")
    return [
        f"{privilege} on {name}"
        for name in sorted(there & set(metadata.tables))
        for privilege in _NEEDED
        if not (name == _SHARED and privilege == "DELETE")
        if not connection.execute(asked, {"name": name, "privilege": privilege}).scalar()
    ]


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
