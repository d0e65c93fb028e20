"""The connection to a ledger's database: what SQLite and PostgreSQL need, transactions, retries, errors in plain words.

This is the one seam where errors of SQLAlchemy, sqlite3 and psycopg become those of `ledger.exceptions`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from ledger import locks
from ledger.exceptions import LedgerCorrupt, LedgerError, LedgerPrivilege, LedgerUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_DRIVERS = ("postgresql", "postgres", "postgresql+psycopg")
FORMS = "write it as sqlite:///path/to/ledger.sqlite or postgresql+psycopg://user:password@host/database"
SECRET_QUERY_KEYS = ("password", "sslpassword")


class Access(Enum):
    """What a connection may do."""

    CREATE = "create"
    READ = "read"


class Database:
    """One SQLite file or PostgreSQL database, for use by any number of threads.

    `timeout_seconds` is how long a lock is waited for and how long a lost PostgreSQL connection is sought again.
    """

    url_shown: str

    def __init__(self, engine: Engine, url_shown: str, secrets: tuple[str, ...], timeout_seconds: float) -> None:
        self.url_shown = url_shown
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._secrets = secrets
        self._timeout_seconds = timeout_seconds
        self._is_away = False
        if self.is_sqlite:
            event.listen(engine, "begin", _begin_sqlite)
            self._reading = engine
        else:
            self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writing = engine.execution_options(writes=True)

    def check_writable(self) -> None:
        """Raise at once where the tables may only be read: the database itself says so at the first change only."""
        if self.is_sqlite:
            self.write_once(lambda connection: connection.exec_driver_sql("DELETE FROM run WHERE 0"))
            return
        missing = self.read_once(lambda connection: connection.execute(_MISSING_PRIVILEGES).scalars().all())
        if missing:
            raise LedgerPrivilege(
                f"The ledger {self.url_shown} does not allow this role enough ({'; '.join(missing)} missing): {GRANTS}."
            )

    def close(self) -> None:
        self._engine.dispose()

    def clock(self) -> datetime:
        """The database's clock, asked by itself."""
        return datetime.now(UTC) if self.is_sqlite else self.read(self.now)

    def now(self, connection: Connection) -> datetime:
        """The database's clock, or this machine's for SQLite, which has none of its own."""
        if self.is_sqlite:
            return datetime.now(UTC)
        moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads; tried again while a lost connection comes back."""
        return self._persistently(self._reading, work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction; tried again, whole, while a lost connection comes back.

        Where a commit's answer was lost, `work` may run although it took effect already: it must bear that.
        """
        return self._persistently(self._writing, work)

    def read_once(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads, tried once: for the first contact, where waiting would only hide a wrong URL."""
        with self.translated(), self._reading.begin() as connection:
            return work(connection)

    def write_once(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, tried once."""
        with self.translated(), self._writing.begin() as connection:
            return work(connection)

    @contextmanager
    def transaction(self, first: Callable[[Connection], None]) -> Iterator[Connection]:
        """One write transaction that begins with `first`. Only the beginning is tried again, never what follows."""
        connection = self._begun(first)
        with connection:
            try:
                yield connection
            except BaseException:
                with suppress(SQLAlchemyError):  # what went wrong in the body matters more than a lost connection
                    connection.rollback()
                raise
            with self.translated():
                connection.commit()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database, raised inside, come out as ours."""
        try:
            yield
        except LedgerError:
            raise
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._in_plain_words(error) from error
        except Exception as error:
            raise _unknown(error, _without(self._secrets, _first_line(error)), self.url_shown) from error

    def _begun(self, first: Callable[[Connection], None]) -> Connection:
        def begin() -> Connection:
            connection = self._writing.connect()
            try:
                connection.begin()
                first(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        return self._retried(begin)

    def _persistently(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        def try_once() -> T:
            with engine.begin() as connection:
                return work(connection)

        return self._retried(try_once)

    def _retried(self, attempt: Callable[[], T]) -> T:
        # Where a whole wait was in vain, the next calls do not wait as long again, until one has succeeded.
        deadline = time.monotonic() + (0.0 if self._is_away else self._timeout_seconds)
        pause_seconds, is_lost = 0.1, False
        while True:
            try:
                with self.translated():
                    result = attempt()
            except LedgerError as error:
                if not _may_pass(error.__cause__):
                    raise
                if time.monotonic() + pause_seconds > deadline:
                    self._is_away = True
                    raise
                if not is_lost:
                    log.warning("%s Trying again for %g s.", error, self._timeout_seconds)
                is_lost = True
            else:
                if is_lost:
                    log.warning("The ledger %s answers again.", self.url_shown)
                self._is_away = False
                return result
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, 5.0)

    def _in_plain_words(self, error: SQLAlchemyError | sqlite3.Error) -> Exception:
        if isinstance(error, StatementError) and not isinstance(error, DBAPIError) and error.orig is not None:
            return _unwrapped(error.orig)  # a value of ours that its column refuses: a bug, not the ledger's state
        original: BaseException = error
        if isinstance(error, DBAPIError) and error.orig is not None:
            original = error.orig
        said = _without(self._secrets, _first_line(original))
        if isinstance(original, sqlite3.Error):
            return _sqlite_error(original, said, self.url_shown, self._timeout_seconds)
        if isinstance(error, DBAPIError):
            return _postgresql_error(original, said, self.url_shown, self._timeout_seconds)
        return _unknown(original, said, self.url_shown)


# Opening


def open_database(url: str, access: Access, timeout_seconds: float) -> Database | None:
    """The database at `url`; None where a SQLite file is to be read that does not exist.

    With `Access.CREATE` a SQLite file and the folder above it are made. PostgreSQL is not contacted yet.
    """
    if url.startswith("sqlite"):
        return _open_sqlite(_sqlite_path(url), access, timeout_seconds)
    return _open_postgresql(_postgresql_url(url), access, timeout_seconds)


def _sqlite_path(url: str) -> Path:
    """The rest of the URL is the path as it stands: a folder may have ``?``, ``%`` and spaces in its name."""
    scheme, separator, path = url.partition("://")
    if scheme not in {"sqlite", "sqlite+pysqlite"} or not separator or not path.startswith("/"):
        raise LedgerError(f"The ledger's URL names no SQLite file: {FORMS}.")
    if path in {"/", "/:memory:"} or path.startswith("/file:"):
        raise LedgerError(f"A ledger must be a file that outlives the run, not a database in memory: {FORMS}.")
    return Path(path[1:])


def _postgresql_url(url: str) -> URL:
    try:
        parsed = make_url(url)
        scheme = parsed.drivername
    except (SQLAlchemyError, ValueError):
        # Neither the URL nor what the parser said of it is shown: both may hold a part of the password.
        raise LedgerError(f"The ledger's URL cannot be understood: {FORMS}.") from None
    if scheme not in POSTGRESQL_DRIVERS:
        raise LedgerError(f"A ledger cannot be kept in {scheme!r}: {FORMS}.")
    if "@" in f"{parsed.host}{parsed.database}":  # then a part of the password was taken for the host
        raise LedgerError("The ledger's URL cannot be understood: write an @ in its user or password as %40.")
    return parsed.set(drivername="postgresql+psycopg")


# SQLite


def _open_sqlite(path: Path, access: Access, timeout_seconds: float) -> Database | None:
    shown, path = f"{SQLITE_PREFIX}{path}", path.absolute()
    if access is Access.CREATE:
        connect = _sqlite_writer(path, timeout_seconds)
        with _named_os_errors(shown):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() and not locks.are_kept_in(path.parent):  # SQLite would wait for them first
                raise _without_locks(shown, "it refuses a lock")
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
    def connect() -> sqlite3.Connection:
        # mode=rw: a ledger that is taken away while a run goes on must not come back as an empty one
        connection = _connect_sqlite(path, "mode=rw", timeout_seconds)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    return connect


def _sqlite_reader(path: Path, timeout_seconds: float) -> Callable[[], Any]:
    """Reads and leaves nothing behind that was not there before.

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
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)
    finally:
        connection.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock when it begins: to ask for it later fails at once when another has written meanwhile."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _named_os_errors(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger {shown} cannot be reached ({error.strerror}: {error.filename}): check the path and its rights."
        ) from error


# PostgreSQL


def _open_postgresql(url: URL, access: Access, timeout_seconds: float) -> Database:
    secrets = [url.password or "", *(value for key in SECRET_QUERY_KEYS for value in url.normalized_query.get(key, ()))]
    shown = url.difference_update_query(SECRET_QUERY_KEYS).render_as_string(hide_password=True)
    settings: dict[str, Any] = {
        "connect_timeout": max(2, min(10, int(timeout_seconds))),
        "application_name": "ialirt-backfill",
        "client_encoding": "utf8",  # a database in SQL_ASCII says otherwise, and text would arrive as bytes
        # a connection whose other end has vanished without a word is noticed within a minute
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    try:
        engine = create_engine(
            url,
            connect_args={key: value for key, value in settings.items() if key not in url.query},
            pool_pre_ping=True,
            max_overflow=-1,
            hide_parameters=True,
        )
    except SQLAlchemyError:
        raise LedgerError(f"The ledger {shown} cannot be used: {FORMS}.") from None
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - a ledger on SQLite needs no psycopg

    statements = _session_settings(access, timeout_seconds)

    @event.listens_for(engine, "connect")
    def prepare_session(connection: Any, _: object) -> None:
        for type_name in ("timestamp", "json"):
            connection.adapters.register_loader(type_name, TextLoader)
        connection.autocommit = True
        connection.execute(statements)
        connection.autocommit = False

    return Database(engine, shown, tuple(secret for secret in secrets if secret), timeout_seconds)


def _session_settings(access: Access, timeout_seconds: float) -> str:
    """No idle-in-transaction time-out: a process frozen while it publishes a day keeps that day's lock.

    The keep-alives of the server's side free the locks of a host that has vanished, within two minutes.
    """
    wait = max(1, int(timeout_seconds * 1000))
    return (
        f"SET lock_timeout = {wait}; SET statement_timeout = {max(60_000, 2 * wait)};"
        " SET DateStyle = 'ISO'; SET idle_in_transaction_session_timeout = 0;"
        " SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;"
        f" SET default_transaction_read_only = {'on' if access is Access.READ else 'off'}"
    )


# Errors


_MISSING_PRIVILEGES = text(
    "SELECT privilege || ' ON ' || name FROM (VALUES"
    " ('workflow_progress', 'SELECT,INSERT,UPDATE'), ('instrument_day', 'SELECT,INSERT,UPDATE'),"
    " ('attempt', 'SELECT,INSERT'), ('run', 'SELECT,INSERT,UPDATE'), ('ledger_property', 'SELECT'))"
    " AS needed (name, privileges),"
    " unnest(string_to_array(privileges, ',')) AS privilege WHERE NOT has_table_privilege(name, privilege)"
)
"""Without these no day can be recorded; what mirrors and pruning need besides is found missing by them."""


def _may_pass(error: BaseException | None) -> bool:
    """Whether an error comes from a lost PostgreSQL connection or a restart, and may be gone in a moment."""
    if not isinstance(error, DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return type(error.orig).__name__ in _OF_CONNECTIONS
    return error.connection_invalidated or state[:2] == "08" or state in _PASSING_STATES


_OF_CONNECTIONS = {"OperationalError", "ConnectionTimeout", "InterfaceError"}
"""What psycopg raises by itself where there is no connection, or none any more."""

_PASSING_STATES = {
    "57P01",  # the server is being shut down
    "57P02",  # the server crashed
    "57P03",  # the server is starting
    "53300",  # too many connections
    "40001",  # serialization failure
    "40P01",  # deadlock
}


def _sqlite_error(error: sqlite3.Error, said: str, shown: str, timeout_seconds: float) -> LedgerError:
    if _is_about_locks(error, Path(shown.removeprefix(SQLITE_PREFIX))):
        return _without_locks(shown, said)
    match _primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerUnavailable(
                f"The ledger {shown} was locked by another process for more than {timeout_seconds:g} s:"
                " wait until that process is done, then run again."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return LedgerCorrupt(
                f"The ledger {shown} is damaged ({said}): restore it from a backup,"
                " or move it away and adopt the files into a new one."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return LedgerUnavailable(
                f"The ledger {shown} cannot be opened or written ({said}):"
                " check that the path is right and that this user may read and write the file and its folder."
            )
        case sqlite3.SQLITE_FULL:
            return LedgerUnavailable(f"The disk of the ledger {shown} is full: make room, then run again.")
        case sqlite3.SQLITE_IOERR:
            return LedgerUnavailable(f"The disk of the ledger {shown} fails ({said}): check it, then run again.")
        case sqlite3.SQLITE_ERROR:
            return LedgerError(f"The ledger {shown} cannot be used ({said}): check that this file is a ledger.")
    return _unknown(error, said, shown)


def _without_locks(shown: str, said: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The file system of the ledger {shown} does not lock as SQLite needs ({said}):"
        " name one on a local disk with --ledger, or one in PostgreSQL."
    )


def _is_about_locks(error: sqlite3.Error, path: Path) -> bool:
    """Whether the file system refuses locks, or the memory that processes share beside a ledger."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    if code & 0xFF == sqlite3.SQLITE_BUSY:  # some refusals, as those of a network share without a lock server
        return not locks.are_kept_in(path.absolute().parent)
    return code == sqlite3.SQLITE_PROTOCOL or code in _LOCK_CODES


_LOCK_CODES = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
}


def _primary_code(error: sqlite3.Error) -> int:
    """The extended codes keep their family in the lowest byte."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def _postgresql_error(error: BaseException, said: str, shown: str, timeout_seconds: float) -> LedgerError:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None and type(error).__name__ not in _OF_CONNECTIONS:
        return _unknown(error, said, shown)
    if state is None or state[:2] in {"08", "57"} or state == "53300":
        if state == "57014":
            return LedgerUnavailable(f"The ledger {shown} took too long to answer ({said}): run again when it is idle.")
        return LedgerUnavailable(
            f"The ledger {shown} cannot be reached ({said.removeprefix('connection failed: ')}):"
            " check that the server is up, and the host, database, user and password in the URL."
        )
    if state[:2] == "28":
        return LedgerUnavailable(f"The ledger {shown} refused this user ({said}): check user and password in its URL.")
    if state == "3D000":
        return LedgerUnavailable(f"The ledger {shown} does not exist ({said}): create the database, then run again.")
    if state == "55P03":
        return LedgerUnavailable(
            f"The ledger {shown} was locked by another session for more than {timeout_seconds:g} s:"
            " wait until that session is done, then run again."
        )
    if state == "42501":
        return LedgerPrivilege(f"The ledger {shown} does not allow this role enough ({said}): {GRANTS}.")
    if state in {"25006", "53100", "53200"}:
        return LedgerUnavailable(f"The ledger {shown} cannot be written ({said}): ask its owner, then run again.")
    if state == "22P05":
        return LedgerError(
            f"The ledger {shown} is a database that does not know every character ({said}):"
            " keep it in one that was created with ENCODING 'UTF8' TEMPLATE template0."
        )
    if state[:2] == "XX":
        return LedgerCorrupt(f"The ledger {shown} is damaged ({said}): ask its owner to repair or restore it.")
    return LedgerError(f"The ledger {shown} cannot be used ({said}).")


GRANTS = (
    "its owner can GRANT SELECT, INSERT, UPDATE, DELETE ON instrument_day, attempt, mirrored_day, run,"
    " ledger_property,"
    " SELECT, INSERT, UPDATE ON workflow_progress and SELECT ON ialirt_backfill_version to it"
)


def _unknown(error: BaseException, said: str, shown: str) -> LedgerError:
    """The last line: what nothing above knows is said to be that."""
    return LedgerError(
        f"The ledger {shown} failed in a way that this program does not know ({type(error).__name__}: {said}):"
        " please report this."
    )


def _unwrapped(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")


def _without(secrets: tuple[str, ...], words: str) -> str:
    for secret in secrets:
        words = words.replace(secret, "***")
    return words
