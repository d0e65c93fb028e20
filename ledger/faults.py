"""What can go wrong with a ledger's database: an error of a driver becomes one of ours, in plain words.

SQLite tells by the code of its error, PostgreSQL by its SQLSTATE, a lost connection by having none.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from ledger import locks
from ledger.addresses import sqlite_file, without
from ledger.exceptions import LedgerCorrupt, LedgerError, LedgerPrivilege, LedgerUnavailable


def in_plain_words(
    error: SQLAlchemyError | sqlite3.Error, shown: str, secrets: tuple[str, ...], timeout_seconds: float
) -> Exception:
    """What to raise in place of an error of the database at `shown`, without the `secrets` of its address.

    An error of ours that SQLAlchemy has only wrapped (a value that its column refuses) comes out as it was: it is a
    bug, not the ledger's state.
    """
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError) and error.orig is not None:
        return _unwrapped(error.orig)
    original: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        original = error.orig
    said = without(secrets, _first_line(original))
    if isinstance(original, sqlite3.Error):
        return _sqlite_error(original, said, shown, timeout_seconds)
    if isinstance(error, DBAPIError):
        return _postgresql_error(original, said, shown, timeout_seconds)
    return _unknown(original, said, shown)


def unknown(error: Exception, shown: str, secrets: tuple[str, ...]) -> LedgerError:
    """What to raise in place of an error that is of no database: what came from there has not been understood."""
    return _unknown(error, without(secrets, _first_line(error)), shown)


def without_locks(shown: str, said: str) -> LedgerUnavailable:
    """What to raise where the ledger's file system gives no locks."""
    return LedgerUnavailable(
        f"The file system of the ledger {shown} does not lock as SQLite needs ({said}):"
        " name one on a local disk with --ledger, or one in PostgreSQL."
    )


def may_pass(error: BaseException | None) -> bool:
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
    """``said`` is what the driver says, without secrets."""
    if locks.are_refused(error, (sqlite_file(shown) or Path()).absolute().parent):
        return without_locks(shown, said)
    match primary_code(error):
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


def primary_code(error: sqlite3.Error) -> int:
    """The extended codes keep their family in the lowest byte."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def _postgresql_error(error: BaseException, said: str, shown: str, timeout_seconds: float) -> LedgerError:
    """``said`` is what the server or the driver says, without secrets. SQLSTATEs: PostgreSQL's manual, appendix A."""
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


GRANTS = (
    "its owner can GRANT SELECT, INSERT, UPDATE, DELETE ON instrument_day, attempt, mirrored_day, run,"
    " ledger_property,"
    " SELECT, INSERT, UPDATE ON workflow_progress and SELECT ON ialirt_backfill_version to it"
)

MISSING_PRIVILEGES = text(
    "SELECT privilege || ' ON ' || name FROM (VALUES"
    " ('workflow_progress', 'SELECT,INSERT,UPDATE'), ('instrument_day', 'SELECT,INSERT,UPDATE'),"
    " ('attempt', 'SELECT,INSERT'), ('run', 'SELECT,INSERT,UPDATE'), ('ledger_property', 'SELECT'))"
    " AS needed (name, privileges),"
    " unnest(string_to_array(privileges, ',')) AS privilege WHERE NOT has_table_privilege(name, privilege)"
)
"""Without these no day can be recorded; what mirrors and pruning need besides is found missing by them."""
