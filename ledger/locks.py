"""Whether a file system locks, as SQLite needs it: network shares often do not, and say so in many ways."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from functools import cache
from pathlib import Path


@cache
def are_kept_in(folder: Path) -> bool:
    """Whether files in this folder can be locked; True also where that cannot be found out.

    SQLite itself tells a refusal apart from a lock that another process holds in some cases only.
    """
    try:
        import fcntl  # noqa: PLC0415 - there is none where files are locked in another way
    except ImportError:
        return True
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # nobody else can hold a lock on a file that nobody else knows
            return False
    return True


def are_refused(error: sqlite3.Error, folder: Path) -> bool:
    """Whether SQLite failed because the file system of this folder gives no locks, nor memory that processes share."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    if code & 0xFF == sqlite3.SQLITE_BUSY:  # some refusals, as those of a network share without a lock server
        return not are_kept_in(folder)
    return code == sqlite3.SQLITE_PROTOCOL or code in _CODES


_CODES = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
}
