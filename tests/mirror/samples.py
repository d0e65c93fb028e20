"""Days to mirror, and a look into the databases that goes no way of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from ialirt_backfill.mirror.events import MirrorReport
from tests.support.stores import Rows

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 2)
NOON = datetime(2026, 1, 3, 12, tzinfo=UTC)
"""When the third day of `hit` was asked for last: it is still growing."""

Mirror = Callable[..., MirrorReport]


def execute(database: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows that a statement gives, if any; what it changes is kept."""
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), parameters).fetchall()
    with psycopg.connect(database, autocommit=True) as server:
        cursor = server.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def table(database: str, name: str, day: date | None = None) -> dict[str, dict[str, Any]]:
    """The rows of a table by their time as the files write it, without the day in the file's name."""
    where = f" WHERE file_date = '{day:%Y%m%d}'" if day else ""
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"{where}')]
    else:
        with psycopg.connect(database, row_factory=psycopg.rows.dict_row) as server:
            rows = server.execute(f'SELECT * FROM "{name}"{where}'.encode()).fetchall()
    for row in rows:
        row.pop("file_date")
        if isinstance(row["time_utc"], datetime):
            row["time_utc"] = row["time_utc"].isoformat()
    return {row["time_utc"]: row for row in rows}


def texts(rows: Rows) -> dict[str, dict[str, str | None]]:
    """The rows of a file by their time, None where a cell is empty."""
    return {row["time_utc"]: {name: cell or None for name, cell in row.items()} for row in rows}


def in_schema(database: str, schema: str) -> str:
    """The address of a schema in a PostgreSQL database."""
    return f"{database}&options=-csearch_path%3D{schema}"
