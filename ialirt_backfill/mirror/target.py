"""The database that days are mirrored into: its address without the password, its tables, its lock, its errors.

This is the one seam where errors of SQLAlchemy, psycopg, sqlite3 and crump become ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy import types as sql_types
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ialirt_backfill.exceptions import Interrupted, MirrorError, MirrorUnavailable, UsageError
from ialirt_backfill.mirror.shape import FoundColumn, FoundTable, Holds, made_as
from ialirt_backfill.mirror.tables import FILE_DATE, TableColumn
from ledger import locks

FORMS = "write it as postgresql://user:password@host/database or sqlite:///path/to/mirror.sqlite"
SECRET_KEYS = ("password", "sslpassword", "oauth_client_secret")

_SESSION = "-c synchronous_commit=off -c TimeZone=UTC -c DateStyle=ISO"
"""How crump's sessions are to be: it commits every row, and no row need wait for the disk (see `Target.make_durable`);
it gives PostgreSQL aware times for columns without a zone."""

_TEXT = {"client_encoding": "utf8"}
"""A database in SQL_ASCII says otherwise, and text would arrive as bytes."""

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 0.2

T = TypeVar("T")


class Target:
    """A PostgreSQL database or a SQLite file. Raises MirrorError and UsageError only, never with a password in it."""

    def __init__(self, url: str) -> None:
        self._path: Path | None = None
        self._settings: dict[str, str] = {}
        if url.startswith("sqlite"):
            self._path = _sqlite_path(url)
            self.shown = f"sqlite:///{self._path}"
            self.crump_url = self.shown
        else:
            self._settings = _settings(url)
            self.shown = _shown(self._settings)
            self.crump_url = _crump_url(self._settings)
        self._engine = self._make_engine()
        self._place = ""

    @property
    def is_sqlite(self) -> bool:
        return self._path is not None

    @property
    def has_secret(self) -> bool:
        """Whether the address holds a password."""
        return any(self._settings.get(key) for key in SECRET_KEYS)

    @property
    def exists(self) -> bool:
        """False for a SQLite file that is not there yet."""
        return self._path is None or self._path.exists()

    def __enter__(self) -> Self:
        """Make the first contact."""
        if self._path is not None:
            self._place = f"sqlite:///{self._path.resolve()}/"
            if not self._path.parent.is_dir():
                raise MirrorUnavailable(f"{self.shown} cannot be made: there is no folder {self._path.parent}")
        else:
            self._place = self._read(_place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def identity(self, table: str) -> str:
        """What the ledger remembers a table by: server, database, schema and table, neither user nor password."""
        return self._place + table

    # --- what is there ------------------------------------------------------------------------------------------------

    def find(self, table: str) -> FoundTable | None:
        """The table as it is, None where there is none."""
        return self._read(lambda connection: _found(connection, table)) if self.exists else None

    def has_function(self, name: str) -> bool:
        """Whether SQLite was built with a function of one number."""
        try:
            self._read(lambda connection: connection.exec_driver_sql(f"SELECT {name}(1)"))
        except MirrorError:
            return False
        return True

    def days(self, table: str) -> set[date]:
        """The days of which the table has any rows; quick where there is an index on the date."""
        # The index is walked from day to day: to look for distinct days would read every row.
        query = text(
            f"WITH RECURSIVE days(day) AS (SELECT min({FILE_DATE}) FROM {quoted(table)} UNION ALL"  # noqa: S608
            f" SELECT (SELECT min({FILE_DATE}) FROM {quoted(table)} WHERE {FILE_DATE} > day)"
            " FROM days WHERE day IS NOT NULL) SELECT day FROM days WHERE day IS NOT NULL"
        )
        found = self._read(lambda connection: list(connection.execute(query).scalars()))
        return {day if isinstance(day, date) else date.fromisoformat(day) for day in found}

    def count(self, table: str, day: date) -> int:
        """How many rows the table has of a day's file."""
        query = text(f"SELECT count(*) FROM {quoted(table)} WHERE {FILE_DATE} = :day")  # noqa: S608 - our own names
        return self._read(lambda connection: int(connection.execute(query, {"day": f"{day:%Y%m%d}"}).scalar_one()))

    def prepare(self) -> None:
        """Make the SQLite file, unless it is there, so that a commit costs one wait for the disk and no reader waits.

        A file that is there keeps its journal as it is.
        """
        if self._path is None or self._path.exists():
            return
        with self.translated(), contextlib.closing(sqlite3.connect(self._path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def is_empty(self, table: str) -> bool:
        """Whether the table has no row, or is not there."""
        if self.find(table) is None:
            return True
        query = text(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)})")  # noqa: S608 - our own names
        return not self._read(lambda connection: connection.execute(query).scalar_one())

    def is_named(self, table: str, marker: str) -> bool:
        """Whether the table ``marker`` beside a table names it."""

        def look(connection: Connection) -> bool:
            schema = _schema_of(connection, table)
            if not inspect(connection).has_table(marker, schema):
                return False
            query = text(f"SELECT EXISTS (SELECT 1 FROM {_place_of(marker, schema)} WHERE table_name = :name)")  # noqa: S608
            return bool(connection.execute(query, {"name": table}).scalar_one())

        return self.exists and self._read(look)

    # --- changes ------------------------------------------------------------------------------------------------------

    def name(self, table: str, marker: str, *, named: bool) -> None:
        """Let the table ``marker`` beside a table name it, or name it no more; to be called with `exclusive` held."""

        def change(connection: Connection) -> None:
            if not self.is_sqlite:  # whose lock is one for all tables, and held
                key = {"key": self._lock_key(marker)}
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
            schema = _schema_of(connection, table)
            place = _place_of(marker, schema)
            if not inspect(connection).has_table(marker, schema):
                connection.exec_driver_sql(f"CREATE TABLE {place} (table_name text PRIMARY KEY)")
            statement = f"DELETE FROM {place} WHERE table_name = :name"  # noqa: S608
            if named:
                statement = f"INSERT INTO {place} VALUES (:name) ON CONFLICT DO NOTHING"  # noqa: S608
            connection.execute(text(statement), {"name": table})

        self.write(change)

    def add_columns(self, table: str, columns: Sequence[TableColumn]) -> None:
        """Add columns. crump would, but it looks for those that are there already in all schemas at once."""

        def add(connection: Connection) -> None:
            for column in columns:
                type_ = made_as(column.kind, self.is_sqlite).value
                connection.exec_driver_sql(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(column.name)} {type_}")

        self.write(add)

    def empty_day(self, table: str, day: date) -> None:
        """Take a day's rows away: crump leaves them where the file has none."""
        query = text(f"DELETE FROM {quoted(table)} WHERE {FILE_DATE} = :day")  # noqa: S608
        self.write(lambda connection: connection.execute(query, {"day": f"{day:%Y%m%d}"}))

    def make_durable(self) -> None:
        """Return when everything written so far is as safe as the server's own setting for commits makes it.

        A commit that waits for the disk takes with it all commits before it that did not wait. A message in the log
        of the server is the smallest thing there is to commit.
        """
        if not self.is_sqlite:
            message = text("SELECT pg_logical_emit_message(true, 'ialirt-backfill', 'mirrored')")
            self.write(lambda connection: connection.execute(message))

    def write(self, work: Callable[[Connection], object]) -> None:
        """Do the work in one transaction."""
        with self.translated(), self._engine.begin() as connection:
            work(connection)

    # --- the lock -----------------------------------------------------------------------------------------------------

    @contextmanager
    def exclusive(self, table: str, stopped: Callable[[], bool], waiting: Callable[[], None]) -> Iterator[None]:
        """No other mirror changes the table until the block is left; the lock of a process that dies is gone at once.

        While another holds it, ``waiting`` is called once, and Interrupted is raised when ``stopped`` says so.
        """
        lock = self._try_sqlite_lock if self.is_sqlite else self._try_advisory_lock
        release = lock(table)
        if release is None:
            waiting()
        while release is None:
            if stopped():
                raise Interrupted
            time.sleep(_LOOK_SECONDS)
            release = lock(table)
        try:
            yield
        finally:
            release()

    def _try_advisory_lock(self, table: str) -> Callable[[], None] | None:
        key = self._lock_key(table)
        with self.translated():
            connection = self._engine.execution_options(isolation_level="AUTOCOMMIT").connect()
            try:
                taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one()
            except BaseException:
                connection.close()
                raise
        if not taken:
            connection.close()
            return None

        def release() -> None:
            with self.translated():
                try:
                    kept = connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key}).scalar_one()
                finally:
                    connection.close()
            if not kept:
                raise MirrorUnavailable(f"{self.shown} lost the lock on {table}: run again")

        return release

    def _lock_key(self, table: str) -> int:
        return int.from_bytes(hashlib.sha256(self.identity(table).encode()).digest()[:8], signed=True)

    def _try_sqlite_lock(self, table: str) -> Callable[[], None] | None:
        """A transaction on an empty file beside the database: on the database itself it would keep crump out."""
        with self.translated():
            connection = sqlite3.connect(f"{self._path}.mirror-lock", timeout=0, isolation_level=None)
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                connection.close()
                is_held = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if is_held and self._path is not None and locks.are_kept_in(self._path.absolute().parent):
                    return None
                raise
        return connection.close

    # --- errors -------------------------------------------------------------------------------------------------------

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database and of crump, raised inside, come out as ours."""
        try:
            yield
        except (SQLAlchemyError, psycopg.Error, sqlite3.Error) as error:
            raise self._in_plain_words(error) from None

    def _in_plain_words(self, error: Exception) -> MirrorError:
        original: BaseException = error
        if isinstance(error, DBAPIError) and error.orig is not None:
            original = error.orig
        said = self.without_secrets((str(original).strip().splitlines() or [type(original).__name__])[0].rstrip(".:"))
        if isinstance(original, sqlite3.Error):
            folder = (self._path or Path()).absolute().parent
            return MirrorError(f"{self.shown} cannot be used ({said}): {_sqlite_advice(original, folder)}")
        state = getattr(original, "sqlstate", None)
        if state is None and not isinstance(original, psycopg.OperationalError | psycopg.InterfaceError):
            kind = type(original).__name__
            return MirrorError(
                f"{self.shown} failed in a way that this program does not know ({kind}: {said}): please report this"
            )
        if state is None or state[:2] in {"08", "28", "3D", "57"} or state == "53300":
            return MirrorUnavailable(
                f"{self.shown} cannot be reached ({said}): check that the server is up and that --database is right"
            )
        advice = "its owner can GRANT CREATE, USAGE on the schema" if state == "42501" else "ask its owner"
        return MirrorError(f"{self.shown} refused ({said}): {advice}")

    def without_secrets(self, words: str) -> str:
        """The same words, with the passwords in them hidden."""
        for key in SECRET_KEYS:
            if self._settings.get(key):
                words = words.replace(self._settings[key], "***")
        return words

    # --- within -------------------------------------------------------------------------------------------------------

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.translated(), self._engine.connect() as connection:
            return work(connection)

    def _make_engine(self) -> Engine:
        if self._path is not None:
            path = self._path
            return create_engine(
                "sqlite://", creator=lambda: sqlite3.connect(path, timeout=_CONNECT_SECONDS), poolclass=NullPool
            )
        settings: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, **_TEXT, **self._settings}
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(**settings),
            poolclass=NullPool,
            hide_parameters=True,
        )


def quoted(name: str) -> str:
    """A name as both databases take it."""
    return '"' + name.replace('"', '""') + '"'


# --- addresses --------------------------------------------------------------------------------------------------------


def _sqlite_path(url: str) -> Path:
    match = re.fullmatch(r"sqlite(?:\+pysqlite)?:///(.+)", url)
    if match is None or match[1].startswith((":memory:", "file:")):
        raise UsageError(f"--database names no SQLite file: {FORMS}")
    return Path(match[1])


def _settings(url: str) -> dict[str, str]:
    match = re.fullmatch(r"postgres(?:ql)?(?:\+\w+)?://(.*)", url, re.DOTALL)
    if match is None:
        raise UsageError(f"--database is neither PostgreSQL nor SQLite: {FORMS}")
    with contextlib.suppress(psycopg.Error):
        found = conninfo_to_dict(f"postgresql://{match[1]}")
        return {key: str(value) for key, value in found.items()}
    # Neither the address nor what the parser said of it is shown: both may hold a part of the password.
    raise UsageError(f"--database cannot be understood: {FORMS}") from None


def _shown(settings: dict[str, str]) -> str:
    host, port = settings.get("host", ""), settings.get("port", "")
    user = f"{settings['user']}@" if "user" in settings else ""
    if host.startswith("/"):
        return f"postgresql://{user}/{settings.get('dbname', '')}?host={host}"
    return f"postgresql://{user}{host}{':' if port else ''}{port}/{settings.get('dbname', '')}"


def _crump_url(settings: dict[str, str]) -> str:
    """The same address as crump takes it, with the session's settings."""
    options = f"{settings.get('options', '')} {_SESSION}".strip()
    wanted = {"connect_timeout": str(_CONNECT_SECONDS), "application_name": "ialirt-backfill"}
    parts = {**wanted, **_TEXT, **settings, "options": options}
    return "postgresql://?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in parts.items())


def _place(connection: Connection) -> str:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101 - the engine makes no other
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    if schema is None:
        raise MirrorError("--database has no schema in its search path: ask its owner to make one")
    return f"postgresql://{raw.info.host}:{raw.info.port}/{raw.info.dbname}/{schema}."


# --- tables -----------------------------------------------------------------------------------------------------------


def _schema_of(connection: Connection, table: str) -> str | None:
    """The schema that a table is in, or will be made in; None in SQLite, which has none."""
    if connection.dialect.name == "sqlite":
        return None
    query = text(
        "SELECT coalesce((SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE pg_class.oid = to_regclass(:name)), current_schema())"
    )
    schema: str = connection.execute(query, {"name": quoted(table)}).scalar_one()
    return schema


def _place_of(table: str, schema: str | None) -> str:
    return quoted(table) if schema is None else f"{quoted(schema)}.{quoted(table)}"


def _found(connection: Connection, table: str) -> FoundTable | None:
    inspector = inspect(connection)
    is_sqlite = connection.dialect.name == "sqlite"
    if table in inspector.get_view_names():
        return FoundTable({}, (), is_sqlite)
    if not inspector.has_table(table):
        return None
    columns = {
        column["name"]: FoundColumn(
            name=column["name"],
            type=str(column["type"]).lower(),
            holds=_holds(column["type"], is_sqlite),
            nullable=column["nullable"],
            has_default=column["default"] is not None or bool(column.get("identity")) or "computed" in column,
        )
        for column in inspector.get_columns(table)
    }
    return FoundTable(columns, tuple(inspector.get_pk_constraint(table)["constrained_columns"]), is_sqlite)


def _holds(type_: sql_types.TypeEngine[Any], is_sqlite: bool) -> Holds:
    match type_:
        case sql_types.DateTime() if not type_.timezone:
            return Holds.TIME
        case sql_types.Date():
            return Holds.DATE
        case sql_types.Boolean():
            return Holds.BOOLEAN
        case sql_types.REAL():
            return Holds.DOUBLE if is_sqlite else Holds.OTHER  # seven digits in PostgreSQL
        case sql_types.Float():
            return Holds.DOUBLE
        case sql_types.Numeric() if type_.precision is None:
            return Holds.NUMERIC
        case sql_types.BigInteger():
            return Holds.BIGINT
        case sql_types.Integer() if is_sqlite:
            return Holds.BIGINT
        case sql_types.String() if type_.length is None:
            return Holds.TEXT
        case sql_types.JSON():
            return Holds.JSON
    return Holds.OTHER


def _sqlite_advice(error: sqlite3.Error, folder: Path) -> str:
    match (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED if locks.are_kept_in(folder):
            return "another program holds it; wait until that is done, then run again"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL | sqlite3.SQLITE_IOERR:
            return "check its disk; SQLite needs one that locks: a local one, not a network share, or take PostgreSQL"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "it is no SQLite database, or a damaged one"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "check that this user may write the file and its folder"
        case sqlite3.SQLITE_FULL:
            return "its disk is full; make room, then run again"
    return "check that this file is the right one"
