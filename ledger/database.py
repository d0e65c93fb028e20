"""A ledger's database: transactions, patience with a lost connection, and errors in plain words.

This is the one seam where errors of SQLAlchemy, sqlite3 and psycopg become those of `ledger.exceptions`; how one is
opened is in `ledger.opening`.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from ledger.exceptions import LedgerCorrupt, LedgerError, LedgerPrivilege
from ledger.faults import GRANTS, MISSING_PRIVILEGES, in_plain_words, may_pass, unknown

log = logging.getLogger(__name__)

T = TypeVar("T")


class Unreadable(Exception):
    """A row holds what this program cannot read: the message says which, where in the ledger, and what to do."""


def database_time(connection: Connection) -> datetime:
    """The database's clock, aware UTC; this machine's for SQLite, which has none of its own."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: str = connection.execute(text("SELECT clock_timestamp()::text")).scalar_one()
    return datetime.fromisoformat(moment).astimezone(UTC)


class Database:
    """One SQLite file or PostgreSQL database, for use by any number of threads.

    `url_shown` is its address without the `secrets`, which appear in no message either. `timeout_seconds` is how long a
    lock is waited for and how long a lost PostgreSQL connection is sought again.
    """

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
        missing = self.read_once(lambda connection: connection.execute(MISSING_PRIVILEGES).scalars().all())
        if missing:
            raise LedgerPrivilege(
                f"The ledger {self.url_shown} does not allow this role enough ({'; '.join(missing)} missing): {GRANTS}."
            )

    def close(self) -> None:
        self._engine.dispose()

    def clock(self) -> datetime:
        """`database_time`, asked by itself."""
        return datetime.now(UTC) if self.is_sqlite else self.read(database_time)

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
    def transaction(self, first: Callable[[Connection], T]) -> Iterator[tuple[Connection, T]]:
        """One write transaction that begins with `first`, and what that gave.

        Only the beginning is tried again, never what follows.
        """
        connection, found = self._begun(first)
        with connection:
            try:
                yield connection, found
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
            raise in_plain_words(error, self.url_shown, self._secrets, self._timeout_seconds) from error
        except Unreadable as error:
            raise LedgerCorrupt(f"The ledger {self.url_shown} holds {error}") from error
        except Exception as error:
            raise unknown(error, self.url_shown, self._secrets) from error

    def _begun(self, first: Callable[[Connection], T]) -> tuple[Connection, T]:
        """A connection in whose transaction `first` has been done, and what that gave; the caller ends both."""

        def begin() -> tuple[Connection, T]:
            connection = self._writing.connect()
            try:
                connection.begin()
                return connection, first(connection)
            except BaseException:
                connection.close()
                raise

        return self._retried(begin)

    def _persistently(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        """`work` in a transaction of its own, committed; tried again, whole, while a lost connection comes back."""

        def try_once() -> T:
            with engine.begin() as connection:
                return work(connection)

        return self._retried(try_once)

    def _retried(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives; tried again, in growing pauses, while a lost connection comes back."""
        # Where a whole wait was in vain, the next calls do not wait as long again, until one has succeeded.
        deadline = time.monotonic() + (0.0 if self._is_away else self._timeout_seconds)
        pause_seconds, is_lost = 0.1, False
        while True:
            try:
                with self.translated():
                    result = attempt()
            except LedgerError as error:
                if not may_pass(error.__cause__):
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


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock when it begins: to ask for it later fails at once when another has written meanwhile."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
