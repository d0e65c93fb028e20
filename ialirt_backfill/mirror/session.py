"""An open session of the mirror's database: statements, transactions, and errors in plain words.

This is the one seam where errors of psycopg and sqlite3 become ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from ialirt_backfill.exceptions import MirrorError, MirrorUnavailable
from ialirt_backfill.mirror.address import DatabaseAddress
from ledger import locks
from ledger.addresses import sqlite_url

logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns that a session that is lost could not roll back

_CONNECT_SECONDS = 10

_NO_SUCH_CHARACTER = "22021"

_OF_THE_SERVER = {"25", "40", "53", "55", "57", "58", "XX"}
"""Classes of PostgreSQL's codes for what is not the fault of a row."""

_OF_A_ROW = {"23", "2B"}
"""Classes where the detail says which row or which other object it is."""

_LONGEST_DETAIL = 120

_AS_CRUMP_NEEDS_IT = "-c TimeZone=UTC -c DateStyle=ISO"
"""crump gives PostgreSQL aware times for columns without a zone."""


class StatementRefused(MirrorError):
    """PostgreSQL has refused a statement, in the words of ``said`` and ``detail``; ``state`` is its code for it.

    ``state`` is empty where its driver has done so.
    """

    def __init__(self, message: str, said: str, state: str, detail: str) -> None:
        super().__init__(message)
        self.said, self.state, self.detail = said, state, detail

    @property
    def may_be_of_a_cell(self) -> bool:
        """Whether something in the statement may be the reason, and not the server's time, room or other sessions."""
        return self.state[:2] not in _OF_THE_SERVER


class DatabaseSession:
    """A session in which every statement is by itself until `transaction` is entered; for one thread at a time.

    Raises MirrorError and MirrorUnavailable only, never with a password in them. A SQLite file that is not there is not
    made: in its place stands an empty database, in which nothing is found.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        self._schema = ""
        self._sqlite: sqlite3.Connection | None = None
        self._postgresql: psycopg.Connection[tuple[Any, ...]] | None = None
        with self.translated():
            if address.path is None:
                self._postgresql = _connected(address)
                self._place = self._read_place()
                return
            if not address.path.parent.is_dir():
                raise MirrorUnavailable(f"{address.shown} cannot be made: there is no folder {address.path.parent}")
            path = address.path if address.path.exists() else ":memory:"
            self._sqlite = sqlite3.connect(
                path, timeout=_CONNECT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._place = f"{sqlite_url(address.path.resolve())}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self._sqlite or self.postgresql).close()

    @property
    def shown(self) -> str:
        """The database's address without a password."""
        return self.address.shown

    @property
    def is_sqlite(self) -> bool:
        return self._sqlite is not None

    @property
    def sqlite(self) -> sqlite3.Connection:
        """The connection to SQLite."""
        assert self._sqlite is not None  # noqa: S101 - whoever asks has looked at is_sqlite
        return self._sqlite

    @property
    def postgresql(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The connection to PostgreSQL."""
        assert self._postgresql is not None  # noqa: S101 - whoever asks has looked at is_sqlite
        return self._postgresql

    @property
    def is_lost(self) -> bool:
        """Whether the server has ended the session."""
        return self._postgresql is not None and self._postgresql.closed

    def identity(self, table: str) -> str:
        """What the ledger remembers a table by: server, database, schema and table, neither user nor password."""
        return self._place + table

    def lock_key(self, name: str) -> int:
        """The number of an advisory lock for a name in this schema.

        Such a lock is the database's own, and another mirror may have come to it by another address.
        """
        return int.from_bytes(hashlib.sha256(f"{self._schema}.{name}".encode()).digest()[:8], signed=True)

    # --- statements ---------------------------------------------------------------------------------------------------

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that a statement gives; none for one that gives none."""
        with self.translated():
            if self._sqlite is not None:
                return self._sqlite.execute(statement).fetchall()
            cursor = self.postgresql.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str) -> Any:
        """The first cell of the first row, None where there is no row."""
        rows = self.rows(statement)
        return rows[0][0] if rows else None

    def execute(self, statement: str) -> int:
        """The number of rows that a statement has changed."""
        with self.translated():
            if self._sqlite is not None:
                return self._sqlite.execute(statement).rowcount
            return self.postgresql.execute(statement.encode()).rowcount

    def literal(self, text: str) -> str:
        """A text as it stands in a statement, which has no parameters: a name in it may hold what looks like one."""
        if self._sqlite is not None:
            return "'" + text.replace("'", "''") + "'"
        return sql.Literal(text).as_string(self.postgresql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, committed where the block ends well, else as if it had never been.

        Inside another it is a part of that, which can be undone by itself.
        """
        with self.translated():
            if self._sqlite is None:
                with self.postgresql.transaction():
                    yield
                return
            begin, end, undo = "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
            if self._sqlite.in_transaction:
                begin, end, undo = "SAVEPOINT part", "RELEASE part", "ROLLBACK TO part"
            self._sqlite.execute(begin)
            try:
                yield
                self._sqlite.execute(end)
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has ended it already
                    self._sqlite.execute(undo)
                raise

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Errors of the database, raised inside, come out as ours."""
        return in_plain_words(self.address)

    def regclass(self, table: str) -> str:
        """PostgreSQL's expression for a table of the schema that tables are made in; null where it is not there."""
        return f"to_regclass(quote_ident(current_schema()) || '.' || {self.literal(quoted(table))})"

    # --- within -------------------------------------------------------------------------------------------------------

    def _read_place(self) -> str:
        info = self.postgresql.info
        schema = self.value("SELECT current_schema()")
        if schema is None:
            self.postgresql.close()
            raise MirrorError("--database has no schema in its search path: ask its owner to make one")
        self._schema = schema
        return f"postgresql://{info.host}:{info.port}/{info.dbname}/{schema}."


def make_file(address: DatabaseAddress) -> None:
    """Make the SQLite file, unless it is there, so that a commit costs one wait for the disk and no reader waits.

    A file that is there keeps its journal as it is.
    """
    if address.path is None or address.path.exists():
        return
    with in_plain_words(address), contextlib.closing(sqlite3.connect(address.path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def quoted(name: str) -> str:
    """A name as both databases take it."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str], before: str = "") -> str:
    """Names with commas between them, each with something ``before`` it: the table it is of, for example."""
    return ", ".join(before + quoted(name) for name in names)


def _connected(address: DatabaseAddress) -> psycopg.Connection[tuple[Any, ...]]:
    wanted = {"connect_timeout": str(_CONNECT_SECONDS), "application_name": "ialirt-backfill"}
    settings: dict[str, Any] = wanted | address.settings
    settings["options"] = f"{settings.get('options', '')} {_AS_CRUMP_NEEDS_IT}".strip()
    settings["client_encoding"] = "utf8"  # as the files are; a server of another one translates, SQL_ASCII keeps them
    return psycopg.connect(**settings, autocommit=True)


# --- errors -----------------------------------------------------------------------------------------------------------


@contextmanager
def in_plain_words(address: DatabaseAddress) -> Iterator[None]:
    """Errors of the database, raised inside, come out as ours."""
    try:
        yield
    except (psycopg.Error, sqlite3.Error) as error:
        raise _translated(address, error) from None


def _translated(address: DatabaseAddress, error: psycopg.Error | sqlite3.Error) -> MirrorError:
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = address.without_secrets(first_line.rstrip(".:"))
    if isinstance(error, sqlite3.Error):
        kind = MirrorUnavailable if _code(error) == sqlite3.SQLITE_FULL else MirrorError
        folder = (address.path or Path()).absolute().parent
        return kind(f"{address.shown} cannot be used ({said}): {_sqlite_advice(error, folder)}")
    state = error.sqlstate or ""
    if isinstance(error, psycopg.DataError) and not state:  # psycopg itself does not send it, and says no code
        code = _NO_SUCH_CHARACTER if "NUL" in said else "22000"
        return StatementRefused(f"{address.shown} refused ({said}): {_advice(code)}", said, code, "")
    if state == "53100":
        return MirrorUnavailable(f"{address.shown} has a full disk ({said}): make room, then run again")
    if _ends_session(error, state):
        return MirrorUnavailable(
            f"{address.shown} cannot be reached ({said}): check that the server is up and that --database is right"
        )
    if not state:
        unknown = f"failed in a way that this program does not know ({type(error).__name__}: {said})"
        return StatementRefused(f"{address.shown} {unknown}: please report this", said, state, "")
    detail = address.without_secrets(error.diag.message_detail or "")
    told = f"{said}: {_cut(detail)}" if detail and state[:2] in _OF_A_ROW else said
    return StatementRefused(f"{address.shown} refused ({told}): {_advice(state)}", said, state, detail)


def _cut(detail: str) -> str:
    """One line, and not a whole row of CoDICE."""
    line = " ".join(detail.split()).rstrip(".")
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}…"


def _ends_session(error: psycopg.Error, state: str) -> bool:
    """Whether nothing more can be had of the server for now."""
    if not state:  # libpq's own words: the server has said nothing
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if state == "57014":  # a statement that took longer than its role may
        return False
    return state[:2] in {"08", "28", "3D", "57"} or state in {"53300", "25P03", "25P04"}


def _advice(state: str) -> str:
    match state:
        case "42501":
            return "its owner can GRANT CREATE, USAGE on the schema, and TEMPORARY on the database"
        case "55P03" | "40P01" | "40001":
            return "another program holds what it needs; run again when that is done"
        case "57014":
            return "ask its owner to let this role's statements take longer"
    return "ask its owner"


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _sqlite_advice(error: sqlite3.Error, folder: Path) -> str:
    if locks.are_refused(error, folder):
        return "its file system does not lock as SQLite needs; take a local disk, or PostgreSQL"
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program holds it; wait until that is done, then run again"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "it is no SQLite database, or a damaged one"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "check that this user may write the file and its folder"
        case sqlite3.SQLITE_CONSTRAINT:
            return "a row breaks a rule that its owner has made; change the rule, then run again"
        case sqlite3.SQLITE_FULL:
            return "its disk is full; make room, then run again"
    return "check that this file is the right one"
