"""The ledger: what has happened so far to every item and UTC day, who works on which, and what every run did.

Each method is one transaction; what is done in it is in `states`, `changes`, `claims`, `recording`, `history`,
`mirrors` and `properties`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from ledger import changes, claims, history, mirrors, properties, states
from ledger.database import Database
from ledger.opening import Access, open_database
from ledger.recording import Recording
from ledger.records import (
    Attempt,
    Claim,
    DayAccess,
    DayChange,
    DayState,
    Experience,
    Extent,
    MirroredDay,
    Progress,
    Run,
    Totals,
)
from ledger.versions import bring_up_to_date, check_readable, current_version


class Ledger:
    """One ledger, for use by any number of threads. Every method but `recording` is a transaction of its own.

    Methods raise `LedgerError` and its kinds only. On PostgreSQL a lost connection is sought again for
    ``timeout_seconds`` before `LedgerUnavailable`; on both databases a lock is waited for as long.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Claim] = {}  # by token: what the heartbeat keeps alive; each step is atomic

    @classmethod
    def open(cls, url: str, *, timeout_seconds: float = 30.0) -> Self:
        """The ledger at `url`, made or upgraded where needed.

        ``sqlite:///path`` (the folders above the file are made too) or ``postgresql+psycopg://user:password@host/name``;
        ``postgresql://`` and ``postgres://`` mean the same driver.
        """
        database = open_database(url, Access.CREATE, timeout_seconds)
        assert database is not None  # noqa: S101 - only reading can find nothing
        try:
            bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def open_existing(cls, url: str, *, timeout_seconds: float = 30.0) -> Self | None:
        """The ledger at `url`, for reading only, or None where there is none yet. Makes and changes nothing."""
        database = open_database(url, Access.READ, timeout_seconds)
        if database is None:
            return None
        try:
            version = database.read_once(current_version)
            if version is not None:
                check_readable(version, database.url_shown)
                return cls(database)
        except BaseException:
            database.close()
            raise
        database.close()
        return None

    def close(self) -> None:
        """Close all connections; the ledger is not used any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url_shown(self) -> str:
        """The URL without its password."""
        return self._database.url_shown

    def now(self) -> datetime:
        """The clock that claims, runs and attempts go by: the database's, or this machine's for SQLite."""
        return self._database.clock()

    # The state of the days

    def days(self, item_names: Collection[str], start: date, end: date) -> dict[tuple[str, date], DayState]:
        """The rows there are from `start` to `end`, both included. One query, of one table."""
        return self._database.read(lambda connection: states.between(connection, item_names, start, end))

    def totals(self, item_names: Collection[str], start: date, end: date) -> dict[str, Totals]:
        """What the days from `start` to `end`, both included, hold together; items without a row are left out."""
        return self._database.read(lambda connection: states.totals(connection, item_names, start, end))

    def day(self, item_name: str, day: date) -> DayState | None:
        """The row of one day, or None."""
        return self.days([item_name], day, day).get((item_name, day))

    def unfinished(
        self, item_names: Collection[str], before: date, lacking: Mapping[str, Collection[DayAccess]] | None = None
    ) -> dict[tuple[str, date], DayState]:
        """The rows of earlier days that are not final, or hold records that were fetched with too little access.

        ``lacking`` says by item which is too little.
        """
        return self._database.read(lambda connection: states.unfinished(connection, item_names, before, lacking or {}))

    def newest_day(self, item_name: str) -> date | None:
        """The last day that has a row, None where there is no row."""
        return self._database.read(lambda connection: states.newest_day(connection, item_name))

    def extents(self, item_names: Collection[str]) -> dict[str, Extent]:
        """From when to when the records of each item go; items without one are left out."""
        return self._database.read(lambda connection: states.extents(connection, item_names))

    def note_days(self, item_name: str, days: Collection[date]) -> None:
        """Remember that these days are to be asked for: those without a row get a pending one."""
        if days:
            self._database.write(lambda connection: states.note_days(connection, item_name, days))

    def note_refused(self, item_name: str, days: Collection[date], reason: str) -> None:
        """Remember that these days were refused for want of a right; those without a row get a pending one.

        Neither a status nor anything else that is known of a day changes, and no attempt is written.
        """
        if days:
            self._database.write(lambda connection: states.note_refused(connection, item_name, days, reason))

    def without_access(self, item_name: str) -> dict[date, DayState]:
        """The rows of an item that hold records, and of which it is not known with what access they were fetched."""
        return self._database.read(lambda connection: states.without_access(connection, item_name))

    def note_access(self, item_name: str, accesses: Mapping[date, DayAccess]) -> None:
        """Remember with what access days were fetched, where that is not known and nobody is at work on them."""
        if accesses:
            self._database.write(lambda connection: states.note_access(connection, item_name, accesses))

    def note_paths(self, item_name: str, paths: Mapping[date, str]) -> None:
        """Remember where the files of days lie now, which others have renamed; not of days that somebody works on."""
        if paths:
            self._database.write(lambda connection: states.note_paths(connection, item_name, paths))

    def progress(self, item_names: Collection[str]) -> dict[str, Progress]:
        """What other programs are told of each item; items without a row are left out."""
        return self._database.read(lambda connection: states.progress(connection, item_names))

    def changes(
        self, item_names: Collection[str], *, after: Mapping[str, int] | None = None, since: datetime | None = None
    ) -> tuple[list[DayChange], dict[str, int]]:
        """The days whose content has changed, each once, oldest first; and by item the number of its last change.

        Those behind the numbers `after`, an item that is not among them from its beginning, and not before `since`.
        With the numbers that came back as the next `after` no change is missed and none comes twice.
        """
        return self._database.read(lambda connection: changes.behind(connection, item_names, after or {}, since))

    # Claims

    def claim(self, item_name: str, day: date, *, seen_version: int | None, run_id: str) -> Claim | None:
        """Take a day for this process: it holds for two minutes, and as long as `renew` is called.

        `seen_version` is the version of the row that was decided on, None where there was no row. None is returned
        where the row has changed since, or another living process has claimed it: then decide again from the fresh row.
        Taking over from a process that ended without a word writes an interrupted attempt to the history.
        Claiming never changes a status.
        """
        token = secrets.token_hex(8)  # made here: by it, a transaction that is tried again knows what it did before

        def take(connection: Connection) -> Claim | None:
            return claims.take(connection, item_name, day, seen_version=seen_version, run_id=run_id, token=token)

        claim = self._database.write(take)
        if claim is not None:
            self._held[token] = claim
        return claim

    def renew(self, run_id: str) -> int:
        """The heartbeat: the run's claims that were taken here hold for two more minutes. How many there are.

        Call it every 30 seconds. A claim that has lapsed is renewed too, as long as nobody has taken it over; one that
        was released is not, even where releasing it failed.
        """
        mine = [claim for claim in self._held.copy().values() if claim.run_id == run_id]
        return self._database.write(lambda connection: claims.extend(connection, mine)) if mine else 0

    def release(self, claim: Claim) -> None:
        """Give a day back without a result. Nothing happens where the claim is gone already."""
        self._held.pop(claim.token, None)
        self._database.write(lambda connection: claims.give_back(connection, claim))

    @contextmanager
    def recording(self, claim: Claim) -> Iterator[Recording]:
        """The one transaction in which a day's file is published and its result recorded: state, attempt, progress.

        Entering locks the day's row, so that nobody can take the day over until the block is left; ClaimLost where
        the claim is gone. Leaving it commits; an exception rolls back and goes on to the caller.

        Only entering is tried again when the connection is lost. Nothing that follows is: whether a commit whose
        answer was lost took effect is not known, and LedgerUnavailable is raised. What remains then: if the session
        dies after the file was published and before the commit, the file is newer than the ledger says (the next
        plan notices its size), and until this process finds out, another may take the day over and publish too.
        """
        with self._database.transaction(lambda connection: claims.lock(connection, claim)) as (connection, sha256):
            recording = Recording(self._database, connection, claim, sha256)
            yield recording
        if recording.ends_claim:
            self._held.pop(claim.token, None)

    # Runs and history

    def start_run(self, command: str, options: Mapping[str, object], version: str) -> str:
        """Note that a run begins; `options` must hold no secret. Its id sorts by time: ``20260201T101500Z-3fa9c1``."""
        return self._database.write(lambda connection: history.start_run(connection, command, options, version))

    def finish_run(self, run_id: str, counts: Mapping[str, int], exit_code: int) -> None:
        """Note that a run has ended, and how."""
        self._database.write(lambda connection: history.finish_run(connection, run_id, counts, exit_code))

    def attempts(self, item_name: str, day: date) -> list[Attempt]:
        """The history of one day, oldest first."""
        return self._database.read(lambda connection: history.attempts_at(connection, item_name, day))

    def runs(self, limit: int = 20) -> list[Run]:
        """The last runs, newest first."""
        return self._database.read(lambda connection: history.last_runs(connection, limit))

    def experience(self, item_names: Collection[str]) -> dict[str, Experience]:
        """What these items have cost so far; those without an answered attempt or a file are left out."""
        return self._database.read(lambda connection: _experience(connection, item_names))

    def prune(self, older_than: timedelta) -> dict[str, int]:
        """Trim the history, never the state. How many rows went, by table: ``{"attempt": 120, "run": 3}``.

        An attempt goes when it ended longer ago, a run when it began longer ago and has no attempt left.
        """
        before = self.now() - older_than
        return {
            "attempt": self._in_portions(lambda connection: history.delete_attempts(connection, before)),
            "run": self._in_portions(lambda connection: history.delete_runs(connection, before)),
        }

    def _in_portions(self, delete_some: Callable[[Connection], int]) -> int:
        """Delete until nothing is left to delete, each portion in a transaction of its own; how many rows went."""
        total = 0
        while gone := self._database.write(delete_some):
            total += gone
        return total

    # Mirrors

    def mirrored(
        self, target: str, item_names: Collection[str], start: date, end: date
    ) -> dict[tuple[str, date], MirroredDay]:
        """What of the days from `start` to `end`, both included, was last taken to a table or a folder elsewhere."""
        return self._database.read(lambda connection: mirrors.between(connection, target, item_names, start, end))

    def record_mirrored(self, target: str, item_name: str, day: date, *, sha256: str, records: int) -> None:
        """Remember that a day was loaded into a table elsewhere, in place of what was remembered before."""
        self.record_mirrored_days(target, item_name, {day: (sha256, records)})

    def record_mirrored_days(self, target: str, item_name: str, days: Mapping[date, tuple[str, int]]) -> None:
        """`record_mirrored` for several days at once, each with its checksum and its records."""
        if days:
            self._database.write(lambda connection: mirrors.record(connection, target, item_name, days))

    # What is true of the whole ledger

    def read_property(self, name: str) -> str | None:
        """A property of the whole ledger, None where it was never set. Pruning leaves it alone."""
        return self._database.read(lambda connection: properties.read(connection, name))

    def set_property(self, name: str, value: str) -> None:
        """Remember a property of the whole ledger, in place of what was remembered before."""
        self._database.write(lambda connection: properties.put(connection, name, value))

    def identity(self) -> str:
        """By what this ledger is told from any other; empty in one that no program has opened since they have it.

        It goes along into copies, and tells nothing of what has become of them.
        """
        return self.read_property(properties.IDENTITY) or ""

    def is_empty(self) -> bool:
        """Whether nothing was ever done with this ledger: it has neither a run nor a day."""
        return self._database.read(properties.is_empty)


def _experience(connection: Connection, item_names: Collection[str]) -> dict[str, Experience]:
    costs, sizes = history.cost_of_newest(connection), states.sizes(connection, item_names)
    known = [name for name in item_names if name in costs or name in sizes]
    return {name: Experience(*costs.get(name, (0, 0.0)), *sizes.get(name, (0, 0))) for name in known}
