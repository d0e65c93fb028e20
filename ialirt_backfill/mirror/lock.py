"""The lock on a table: no other mirror changes it meanwhile. The lock of a process that dies is gone at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ialirt_backfill.exceptions import Interrupted, MirrorUnavailable
from ialirt_backfill.mirror.session import DatabaseSession
from ledger import locks

_LOOK_SECONDS = 0.2


@contextmanager
def exclusive(
    session: DatabaseSession, table: str, stopped: Callable[[], bool], waiting: Callable[[], None]
) -> Iterator[None]:
    """Hold the lock until the block is left.

    While another holds it, ``waiting`` is called once, and Interrupted is raised when ``stopped`` says so.
    """
    lock = _try_file if session.is_sqlite else _try_advisory
    release = lock(session, table)
    if release is None:
        waiting()
    while release is None:
        if stopped():
            raise Interrupted
        time.sleep(_LOOK_SECONDS)
        release = lock(session, table)
    try:
        yield
    finally:
        release()


def _try_advisory(session: DatabaseSession, table: str) -> Callable[[], None] | None:
    """The session's own, so that whoever lost the session has lost the lock, and what was begun under it."""
    key = session.lock_key(table)
    if not session.value(f"SELECT pg_try_advisory_lock({key})"):
        return None

    def release() -> None:
        if not session.is_lost and not session.value(f"SELECT pg_advisory_unlock({key})"):
            raise MirrorUnavailable(f"{session.shown} lost the lock on {table}: run again")

    return release


def _try_file(session: DatabaseSession, table: str) -> Callable[[], None] | None:
    """A transaction on an empty file beside the database: on the database itself it would keep readers out."""
    path = (session.address.path or Path()).resolve()  # another mirror may have come to it by a link
    with session.translated():
        connection = sqlite3.connect(f"{path}.mirror-lock", timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            connection.close()
            is_held = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if is_held and not locks.are_refused(error, path.parent):
                return None
            raise
    return connection.close
