"""crump at work on a connection of ours: it makes its tables and its notes inside a transaction that it does not end.

crump's loader knows its database by a backend. Given one of these it decides all that it always does (the table, its
columns, types and indexes; which rows are left out, and what becomes of each cell), and the rows that it would have
written one by one are handed to us.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from crump import CrumpJob
from crump.database import DatabaseConnection, PostgreSQLBackend, SQLiteBackend
from crump.history import record_sync_history

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.mirror.session import DatabaseSession

HISTORY = "_crump_history"

Row = Mapping[str, Any]
Receive = Callable[[Row], None]

_LOCK_SECONDS = 10
"""How long a change of a table waits for its readers. Whoever comes after us waits as well, so it must not be long."""

# It warns of every known column that a file lacks, which is no news. What it makes of rows it may say.
logging.getLogger("crump.database").addFilter(lambda record: "not found in CSV" not in str(record.msg))


def run(
    session: DatabaseSession, job: CrumpJob, file: Path, values: Mapping[str, str | None] | None, receive: Receive
) -> bool:
    """Let crump load a file, but for the rows, which are received; whether it has changed the table.

    Inside a transaction. Raises MirrorError with crump's words where it refuses the file.
    """
    backend = _Backend(session, receive)
    loader = DatabaseConnection(session.shown)
    loader.backend = backend
    with session.translated():
        _wait_for_readers(session, _LOCK_SECONDS)
        try:
            loader.sync_tabular_file(file, job, dict(values) if values else None)
        except (ValueError, RuntimeError) as error:  # RuntimeError: an expression or a function of the job has failed
            raise MirrorError(f"crump refuses {file.name} (job {job.name}): {error}") from None
        _wait_for_readers(session, None)
    return backend.has_changed


def note(session: DatabaseSession, file: Path, table: str, *, began: datetime, ended: datetime, **what: Any) -> None:
    """Note a load in crump's history. ``what`` is by crump's names: rows_upserted, rows_deleted, success and so on."""
    if not session.is_sqlite:  # two that make the table at once would be in each other's way
        session.rows(f"SELECT pg_advisory_xact_lock({session.lock_key(HISTORY)})")
    with session.translated():
        backend = _Backend(session, lambda row: None)
        record_sync_history(backend, file, table, start_time=began, end_time=ended, **what)


def _wait_for_readers(session: DatabaseSession, seconds: int | None) -> None:
    if not session.is_sqlite:
        session.execute(f"SET LOCAL lock_timeout = {'DEFAULT' if seconds is None else seconds * 1000}")


class _Backend:
    """What crump's loader takes for its database. ``has_changed`` tells whether a table was made or changed."""

    def __init__(self, session: DatabaseSession, receive: Receive) -> None:
        self._crump = _InSQLite(session) if session.is_sqlite else _InPostgreSQL(session)
        self._receive = receive
        self.has_changed = False

    def __getattr__(self, name: str) -> Any:
        """All that is not told otherwise here is as crump has it."""
        return getattr(self._crump, name)

    def upsert_row(self, table_name: str, conflict_columns: list[str], row_data: dict[str, Any]) -> None:
        if table_name == HISTORY:
            self._crump.upsert_row(table_name, conflict_columns, row_data)
        else:
            self._receive(row_data)

    def delete_stale_records_compound(self, *arguments: Any) -> int:
        """The rows of the day that are gone are deleted where the others are merged."""
        return 0

    def create_table_if_not_exists(self, table_name: str, *others: Any, **more: Any) -> None:
        """PostgreSQL wants the right to make tables also of those who would find that there is one."""
        if not self._crump.table_exists(table_name):
            self.has_changed = True
            self._crump.create_table_if_not_exists(table_name, *others, **more)

    def add_column(self, *arguments: Any) -> None:
        self.has_changed = True
        self._crump.add_column(*arguments)

    def alter_column_type(self, *arguments: Any) -> None:
        self.has_changed = True
        self._crump.alter_column_type(*arguments)

    def create_index(self, *arguments: Any) -> None:
        self.has_changed = True
        self._crump.create_index(*arguments)


class _InPostgreSQL(PostgreSQLBackend):  # type: ignore[misc] # crump has no types
    """crump's own, on our connection; it looks for a table in the schema that it makes tables in, not in all."""

    def __init__(self, session: DatabaseSession) -> None:
        self.conn = session.postgresql
        self._regclass = session.regclass

    def commit(self) -> None:
        """The transaction is not crump's to end."""

    def _found(self, query: str, table_name: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.fetchall(query.format(self._regclass(table_name)))
        return rows

    def table_exists(self, table_name: str) -> bool:
        return bool(self._found("SELECT {} IS NOT NULL", table_name)[0][0])

    def get_existing_columns_with_types(self, table_name: str) -> dict[str, str]:
        columns = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = {}"
        found = self._found(f"{columns} AND attnum > 0 AND NOT attisdropped", table_name)
        return {name.lower(): type_.replace("character varying", "varchar") for name, type_ in found}

    def get_existing_columns(self, table_name: str) -> set[str]:
        return set(self.get_existing_columns_with_types(table_name))

    def get_existing_indexes(self, table_name: str) -> set[str]:
        indexes = "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = {}"
        return {name.lower() for (name,) in self._found(indexes, table_name)}


class _InSQLite(SQLiteBackend):  # type: ignore[misc]
    """crump's own, on our connection."""

    def __init__(self, session: DatabaseSession) -> None:
        self.conn = session.sqlite
        self.cursor = self.conn.cursor()

    def commit(self) -> None:
        """The transaction is not crump's to end."""

    def upsert_row(self, table_name: str, conflict_columns: list[str], row_data: dict[str, Any]) -> None:
        """Times as sqlite3 used to write them by itself, which it gives up."""
        written = {k: it.isoformat(" ") if isinstance(it, datetime) else it for k, it in row_data.items()}
        super().upsert_row(table_name, conflict_columns, written)
