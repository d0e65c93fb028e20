"""How a ledger's database is opened: what SQLite and PostgreSQL need, so that both behave as `Database` promises."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from ledger import locks
from ledger.addresses import SECRET_KEYS, sqlite_file, sqlite_path, sqlite_url
from ledger.database import Database
from ledger.exceptions import LedgerError, LedgerUnavailable
from ledger.faults import primary_code, without_locks

POSTGRESQL_DRIVERS = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = "write it as sqlite:///path/to/ledger.sqlite or postgresql+psycopg://user:password@host/database"


class Access(Enum):
    """What a connection may do."""

    CREATE = "create"
    READ = "read"


def open_database(url: str, access: Access, timeout_seconds: float) -> Database | None:
    """The database at `url`; None where a SQLite file is to be read that does not exist.

    With `Access.CREATE` a SQLite file and the folder above it are made. PostgreSQL is not contacted yet.
    """
    if url.startswith("sqlite"):
        return _open_sqlite(_lasting_file(url), access, timeout_seconds)
    return _open_postgresql(_postgresql_url(url), access, timeout_seconds)


def _lasting_file(url: str) -> Path:
    """The file that the address means. Raises LedgerError where it is none that outlives the run."""
    if sqlite_path(url) is None:
        raise LedgerError(f"The ledger's URL names no SQLite file: {_FORMS}.")
    if (file := sqlite_file(url)) is None:
        raise LedgerError(f"A ledger must be a file that outlives the run, not a database in memory: {_FORMS}.")
    return file


def _postgresql_url(url: str) -> URL:
    """The address in its parts, with the driver that is used. Raises LedgerError where it cannot be understood."""
    try:
        parsed = make_url(url)
        scheme = parsed.drivername
    except (SQLAlchemyError, ValueError):
        # Neither the URL nor what the parser said of it is shown: both may hold a part of the password.
        raise LedgerError(f"The ledger's URL cannot be understood: {_FORMS}.") from None
    if scheme not in POSTGRESQL_DRIVERS:
        raise LedgerError(f"A ledger cannot be kept in {scheme!r}: {_FORMS}.")
    if "@" in f"{parsed.host}{parsed.database}":  # then a part of the password was taken for the host
        raise LedgerError("The ledger's URL cannot be understood: write an @ in its user or password as %40.")
    return parsed.set(drivername="postgresql+psycopg")


# SQLite


def _open_sqlite(path: Path, access: Access, timeout_seconds: float) -> Database | None:
    """As `open_database`. The address is shown with the path as it was given, which may be relative."""
    shown, path = sqlite_url(path), path.absolute()
    if access is Access.CREATE:
        connect = _sqlite_writer(path, timeout_seconds)
        with _named_os_errors(shown):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() and not locks.are_kept_in(path.parent):  # SQLite would wait for them first
                raise without_locks(shown, "it refuses a lock")
    else:
        with _named_os_errors(shown):
            if not path.exists():
                return None
        connect = _sqlite_reader(path, timeout_seconds)
    # A reader connects anew for every read, because how it may connect changes as writers come and go.
    pool: Pool = QueuePool(connect, max_overflow=-1) if access is Access.CREATE else NullPool(connect)
    engine = create_engine("sqlite://", pool=pool, hide_parameters=True)
    database = Database(engine, shown, (), timeout_seconds)
    if access is Access.CREATE:
        with database.translated():
            _create_in_wal_mode(path, timeout_seconds)
    return database


def _sqlite_writer(path: Path, timeout_seconds: float) -> Callable[[], Any]:
    """What connects for writing, with every commit safely on disk."""

    def connect() -> sqlite3.Connection:
        # mode=rw: a ledger that is taken away while a run goes on must not come back as an empty one
        connection = _connect_sqlite(path, "mode=rw", timeout_seconds)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    return connect


def _sqlite_reader(path: Path, timeout_seconds: float) -> Callable[[], Any]:
    """What connects for reading, and leaves nothing behind that was not there before.

    SQLite keeps two files beside a ledger in use (-wal, -shm). Where they are absent, a connection that may write
    makes them and takes them away again, and one that may only read would leave them; so it is the other way round
    where they are there. In a folder that cannot be written, and without them, nobody writes: "immutable" needs none.
    """

    def connect() -> sqlite3.Connection:
        in_use = Path(f"{path}-wal").exists()
        if not in_use and _is_writable(path) and _is_writable(path.parent):
            connection = _connect_sqlite(path, "mode=rw", timeout_seconds)
        else:
            connection = _connect_sqlite(path, "mode=ro" if in_use else "mode=ro&immutable=1", timeout_seconds)
        connection.execute("PRAGMA query_only=ON")
        return connection

    return connect


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _connect_sqlite(path: Path, query: str, timeout_seconds: float) -> sqlite3.Connection:
    """A connection that any thread may use; ``query`` is that of SQLite's own URIs, as in ``mode=rw``."""
    return sqlite3.connect(
        f"{path.as_uri()}?{query}",
        uri=True,
        timeout=timeout_seconds,
        isolation_level=None,  # transactions begin where `_begin_sqlite` says, not where the driver guesses
        check_same_thread=False,
    )


def _create_in_wal_mode(path: Path, timeout_seconds: float) -> None:
    """SQLite does not wait for a lock when it changes to WAL, so several processes at once need their own patience."""
    deadline = time.monotonic() + timeout_seconds
    connection = _connect_sqlite(path, "mode=rwc", timeout_seconds)
    try:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)
    finally:
        connection.close()


@contextmanager
def _named_os_errors(shown: str) -> Iterator[None]:
    """What the file system refuses inside, comes out as LedgerUnavailable."""
    try:
        yield
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger {shown} cannot be reached ({error.strerror}: {error.filename}): check the path and its rights."
        ) from error


# PostgreSQL


def _open_postgresql(url: URL, access: Access, timeout_seconds: float) -> Database:
    """As `open_database`. Its passwords are kept apart, to be taken out of what the server says."""
    secrets = [url.password or "", *(value for key in SECRET_KEYS for value in url.normalized_query.get(key, ()))]
    shown = url.difference_update_query(SECRET_KEYS).render_as_string(hide_password=True)
    settings = _connection_settings(timeout_seconds)
    try:
        engine = create_engine(
            url,
            connect_args={key: value for key, value in settings.items() if key not in url.query},
            pool_pre_ping=True,
            max_overflow=-1,
            hide_parameters=True,
        )
    except SQLAlchemyError:
        raise LedgerError(f"The ledger {shown} cannot be used: {_FORMS}.") from None
    _prepare_sessions(engine, _session_settings(access, timeout_seconds))
    return Database(engine, shown, tuple(secret for secret in secrets if secret), timeout_seconds)


def _connection_settings(timeout_seconds: float) -> dict[str, Any]:
    """Parameters of a connection, for what the URL leaves open.

    By the keep-alives, one whose other end has vanished without a word is noticed within a minute.
    """
    return {
        "connect_timeout": max(2, min(10, int(timeout_seconds))),
        "application_name": "ialirt-backfill",
        "client_encoding": "utf8",  # a database in SQL_ASCII says otherwise, and text would arrive as bytes
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


def _prepare_sessions(engine: Engine, statements: str) -> None:
    """Every new session begins with these statements, and hands over times and JSON as text (see `schema`)."""
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - a ledger on SQLite needs no psycopg

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for type_name in ("timestamp", "timestamptz", "json"):
            connection.adapters.register_loader(type_name, TextLoader)
        connection.autocommit = True
        connection.execute(statements)
        connection.autocommit = False


def _session_settings(access: Access, timeout_seconds: float) -> str:
    """How long a session waits, and what it may do, as statements.

    No idle-in-transaction time-out: a process frozen while it publishes a day keeps that day's lock.

    The keep-alives of the server's side free the locks of a host that has vanished, within two minutes. In a column
    with a zone, which another program may have made, a time of ours is in UTC whatever the server's own zone is.
    """
    wait = max(1, int(timeout_seconds * 1000))
    return (
        f"SET lock_timeout = {wait}; SET statement_timeout = {max(60_000, 2 * wait)};"
        " SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET idle_in_transaction_session_timeout = 0;"
        " SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;"
        f" SET default_transaction_read_only = {'on' if access is Access.READ else 'off'}"
    )
