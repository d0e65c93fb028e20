"""The ledger: what has happened so far to every item and UTC day, who works on which, and what every run did."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Row, Select, Text, and_, cast, delete, func, insert, or_, select, update
from sqlalchemy import exists as sql_exists

from ledger.claimant import Claimant
from ledger.database import Access, Database, open_database
from ledger.exceptions import ClaimLost, LedgerCorrupt
from ledger.gc_pause import gc_paused
from ledger.records import (
    Attempt,
    AttemptResult,
    AttemptStatus,
    Claim,
    DayAccess,
    DayResult,
    DayState,
    DayStatus,
    MirroredDay,
    Progress,
    Run,
)
from ledger.schema import attempt as attempt_table
from ledger.schema import instrument_day, ledger_property, mirrored_day, workflow_progress
from ledger.schema import run as run_table
from ledger.statements import (
    CHANGE_CLAIMED,
    DAY_COLUMNS,
    INSERT_ATTEMPT,
    LOCK_CLAIMED,
    LOCK_CLAIMED_IF_FREE,
    LOCK_DAY,
    NOTE_ACCESS,
    NOTE_REFUSED,
    SAVE,
    SAVE_PROGRESS,
    TAKE,
    chosen,
    insert_if_absent,
    is_there,
    make_item,
)
from ledger.versions import NEWEST, bring_up_to_date, check_readable, current_version

DayRow = Row[*tuple[Any, ...]]
"""A row of `DAY_COLUMNS`."""

CLAIM_LASTS = timedelta(minutes=2)
"""How long a claim holds without a heartbeat."""

PRUNED_AT_ONCE = 10_000
"""Rows deleted in one transaction, so that pruning a long history keeps no runner waiting."""


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

    # State

    def days(self, item_names: Collection[str], start: date, end: date) -> dict[tuple[str, date], DayState]:
        """The rows there are from `start` to `end`, both included. One query, of one table."""
        wanted = select(*DAY_COLUMNS).where(
            instrument_day.c.item_name.in_(list(item_names)), instrument_day.c.day.between(start, end)
        )

        return self._read_days(wanted)

    def day(self, item_name: str, day: date) -> DayState | None:
        """The row of one day, or None."""
        return self.days([item_name], day, day).get((item_name, day))

    def unfinished(
        self, item_names: Collection[str], before: date, lacking: Mapping[str, Collection[DayAccess]] | None = None
    ) -> dict[tuple[str, date], DayState]:
        """The rows of earlier days that are not final, or hold records that were fetched with too little access.

        ``lacking`` says by item which is too little.
        """
        too_little = [
            and_(
                instrument_day.c.item_name == item_name,
                instrument_day.c.access.in_(list(accesses)),
                instrument_day.c.records > 0,
            )
            for item_name, accesses in (lacking or {}).items()
            if accesses
        ]
        wanted = select(*DAY_COLUMNS).where(
            instrument_day.c.item_name.in_(list(item_names)),
            instrument_day.c.day < before,
            or_(instrument_day.c.is_final.is_(False), *too_little),
        )

        return self._read_days(wanted)

    def newest_day(self, item_name: str) -> date | None:
        """The last day that has a row, None where there is no row."""
        wanted = select(func.max(instrument_day.c.day)).where(instrument_day.c.item_name == item_name)
        newest: date | None = self._database.read(lambda connection: connection.execute(wanted).scalar_one())
        return newest

    def note_days(self, item_name: str, days: Collection[date]) -> None:
        """Remember that these days are to be asked for: those without a row get a pending one."""

        def note(connection: Connection) -> None:
            now = self._database.now(connection)
            for day in days:
                self._insert_pending(connection, item_name, day, now)

        if days:
            self._database.write(note)

    def note_refused(self, item_name: str, days: Collection[date], reason: str) -> None:
        """Remember that these days were refused for want of a right; those without a row get a pending one.

        Neither a status nor anything else that is known of a day changes, and no attempt is written.
        """

        def note(connection: Connection) -> None:
            now = self._database.now(connection)
            for day in days:
                self._insert_pending(connection, item_name, day, now)
                noted = {"of_reason": reason, "refused": reason, "updated_at": now}
                connection.execute(NOTE_REFUSED, {"of_item": item_name, "of_day": day, **noted})

        if days:
            self._database.write(note)

    def without_access(self, item_name: str) -> dict[date, DayState]:
        """The rows of an item that hold records, and of which it is not known with what access they were fetched."""
        wanted = select(*DAY_COLUMNS).where(
            instrument_day.c.item_name == item_name, instrument_day.c.access.is_(None), instrument_day.c.records > 0
        )
        return {day: row for (_, day), row in self._read_days(wanted).items()}

    def note_access(self, item_name: str, accesses: Mapping[date, DayAccess]) -> None:
        """Remember with what access days were fetched, where that is not known and nobody is at work on them."""

        def note(connection: Connection) -> None:
            for day, access in accesses.items():
                connection.execute(NOTE_ACCESS, {"of_item": item_name, "of_day": day, "access": access})

        if accesses:
            self._database.write(note)

    def progress(self, item_names: Collection[str]) -> dict[str, Progress]:
        """What other programs are told of each item; items without a row are left out."""
        wanted = select(workflow_progress).where(workflow_progress.c.item_name.in_(list(item_names)))
        return self._database.read(lambda connection: {row[0]: Progress(*row) for row in connection.execute(wanted)})

    # Claims

    def claim(self, item_name: str, day: date, *, seen_version: int | None, run_id: str) -> Claim | None:
        """Take a day for this process: it holds for two minutes, and as long as `renew` is called.

        `seen_version` is the version of the row that was decided on, None where there was no row. None is returned
        where the row has changed since, or another living process holds it: then decide again from the fresh row.
        Taking over from a process that ended without a word writes an interrupted attempt to the history.
        Claiming never changes a status.
        """
        holder: Claimant | None = None

        def take(connection: Connection) -> Claim | None:
            nonlocal holder
            now = self._database.now(connection)
            holder = holder or Claimant.this_process(run_id, now)
            row = self._locked_row(connection, item_name, day)
            if row is None and not is_there(connection, item_name, day):
                self._insert_pending(connection, item_name, day, now)
                row = self._locked_row(connection, item_name, day)
            if row is None:
                return None  # locked by the one who records it now
            if row.claimed_by == holder.text:
                state = self._day_state(row, now)._replace(claim=None)  # taken before the connection was lost
                return Claim(item_name, day, holder, state)
            state = self._day_state(row, now)
            if state.claim is not None or state.version != (seen_version or 0):
                return None
            if row.claimed_by is not None:
                _record_interruption(connection, state, self._holder(row), row.claimed_until, now)
            attempts, version = state.attempts + (row.claimed_by is not None), state.version + 1
            taken = connection.execute(
                TAKE,
                {
                    "of_item": item_name,
                    "of_day": day,
                    "of_version": state.version,
                    "claimed_by": holder.text,
                    "claimed_until": now + CLAIM_LASTS,
                    "attempts": attempts,
                    "version": version,
                    "updated_at": now,
                },
            )
            if not taken.rowcount:
                return None
            return Claim(item_name, day, holder, state._replace(attempts=attempts, version=version, updated_at=now))

        claim = self._database.write(take)
        if claim is not None:
            self._held[claim.token] = claim
        return claim

    def renew(self, run_id: str) -> int:
        """The heartbeat: the run's claims that were taken here hold for two more minutes. How many there are.

        Call it every 30 seconds. A claim that has lapsed is renewed too, as long as nobody has taken it over; one that
        was released is not, even where releasing it failed.
        """
        mine = [claim for claim in self._held.copy().values() if claim.run_id == run_id]

        def extend(connection: Connection) -> int:
            now = self._database.now(connection)
            return sum(_extend(connection, claim, now) for claim in mine)

        return self._database.write(extend) if mine else 0

    def release(self, claim: Claim) -> None:
        """Give a day back without a result. Nothing happens where the claim is gone already."""
        self._held.pop(claim.token, None)

        def give_back(connection: Connection) -> None:
            given_back = {"claimed_by": None, "claimed_until": None, "updated_at": self._database.now(connection)}
            connection.execute(CHANGE_CLAIMED, {**chosen(claim), **given_back})

        self._database.write(give_back)

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

        def lock(connection: Connection) -> None:
            if connection.execute(LOCK_CLAIMED, chosen(claim)).first() is None:
                raise ClaimLost(
                    f"{claim.item_name} {claim.day} was taken over by another runner, so nothing was recorded:"
                    " the next plan decides the day again."
                )

        with self._database.transaction(lock) as connection:
            recording = Recording(self._database, connection, claim)
            yield recording
        if recording.ends_claim:
            self._held.pop(claim.token, None)

    # Mirrors

    def mirrored(
        self, target: str, item_names: Collection[str], start: date, end: date
    ) -> dict[tuple[str, date], MirroredDay]:
        """What of the days from `start` to `end`, both included, was last loaded into a table elsewhere."""
        wanted = select(mirrored_day).where(
            mirrored_day.c.target == target,
            mirrored_day.c.item_name.in_(list(item_names)),
            mirrored_day.c.day.between(start, end),
        )
        return self._database.read(
            lambda connection: {(row.item_name, row.day): MirroredDay(*row) for row in connection.execute(wanted)}
        )

    def record_mirrored(self, target: str, item_name: str, day: date, *, sha256: str, records: int) -> None:
        """Remember that a day was loaded into a table elsewhere, in place of what was remembered before."""

        def note(connection: Connection) -> None:
            values = {"sha256": sha256, "records": records, "loaded_at": self._database.now(connection)}
            make_item(connection, item_name)
            insert_if_absent(connection, mirrored_day, {"target": target, "item_name": item_name, "day": day, **values})
            connection.execute(
                update(mirrored_day)
                .where(
                    mirrored_day.c.target == target,
                    mirrored_day.c.item_name == item_name,
                    mirrored_day.c.day == day,
                )
                .values(values)
            )

        self._database.write(note)

    # What is true of the whole ledger

    def read_property(self, name: str) -> str | None:
        """A property of the whole ledger, None where it was never set. Pruning leaves it alone."""
        wanted = select(ledger_property.c.value).where(ledger_property.c.name == name)
        return self._database.read(lambda connection: connection.execute(wanted).scalar_one_or_none())

    def set_property(self, name: str, value: str) -> None:
        """Remember a property of the whole ledger, in place of what was remembered before."""

        def note(connection: Connection) -> None:
            insert_if_absent(connection, ledger_property, {"name": name, "value": value})
            connection.execute(update(ledger_property).where(ledger_property.c.name == name).values(value=value))

        self._database.write(note)

    def is_empty(self) -> bool:
        """Whether nothing was ever done with this ledger: it has neither a run nor a day."""
        wanted = select(sql_exists().select_from(instrument_day), sql_exists().select_from(run_table))
        return self._database.read(lambda connection: not any(connection.execute(wanted).one()))

    # Runs and history

    def start_run(self, command: str, options: Mapping[str, object], version: str) -> str:
        """Note that a run begins; `options` must hold no secret. Its id sorts by time: ``20260201T101500Z-3fa9c1``."""
        kept_options = json.loads(json.dumps(dict(options), default=str))

        def note(connection: Connection) -> str:
            now = self._database.now(connection)
            run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
            connection.execute(
                insert(run_table).values(
                    run_id=run_id,
                    command=command,
                    options=kept_options,
                    host=socket.gethostname(),
                    version=version,
                    started=now,
                    counts={},
                )
            )
            return run_id

        return self._database.write(note)

    def finish_run(self, run_id: str, counts: Mapping[str, int], exit_code: int) -> None:
        """Note that a run has ended, and how."""

        def note(connection: Connection) -> None:
            connection.execute(
                update(run_table)
                .where(run_table.c.run_id == run_id)
                .values(finished=self._database.now(connection), counts=dict(counts), exit_code=exit_code)
            )

        self._database.write(note)

    def attempts(self, item_name: str, day: date) -> list[Attempt]:
        """The history of one day, oldest first."""
        wanted = (
            select(*(attempt_table.c[field.name] for field in fields(Attempt)))
            .where(attempt_table.c.item_name == item_name, attempt_table.c.day == day)
            .order_by(attempt_table.c.id)
        )
        return self._database.read(lambda connection: [Attempt(*row) for row in connection.execute(wanted)])

    def runs(self, limit: int = 20) -> list[Run]:
        """The last runs, newest first."""
        wanted = (
            select(*(run_table.c[field.name] for field in fields(Run)))
            .order_by(run_table.c.started.desc(), run_table.c.run_id.desc())
            .limit(limit)
        )
        return self._database.read(lambda connection: [Run(*row) for row in connection.execute(wanted)])

    def run_options_seen(self, key: str) -> set[object]:
        """The values an option has had in all runs kept here: strings, numbers and booleans; not None, not lists."""
        wanted = select(cast(run_table.c.options, Text)).distinct()

        def read(connection: Connection) -> set[object]:
            values = [json.loads(options).get(key) for options in connection.execute(wanted).scalars()]
            return {value for value in values if isinstance(value, (str, int, float))}

        return self._database.read(read)

    def prune(self, older_than: timedelta) -> dict[str, int]:
        """Trim the history, never the state. How many rows went, by table: ``{"attempt": 120, "run": 3}``.

        An attempt goes when it ended longer ago, a run when it began longer ago and has no attempt left.
        """
        limit = self.now() - older_than
        old_attempts = select(attempt_table.c.id).where(attempt_table.c.finished < limit)
        old_runs = select(run_table.c.run_id).where(
            run_table.c.started < limit,
            or_(run_table.c.finished.is_(None), run_table.c.finished < limit),
            ~sql_exists().where(attempt_table.c.run_id == run_table.c.run_id),
        )
        return {
            "attempt": self._delete_in_portions(
                lambda: delete(attempt_table).where(attempt_table.c.id.in_(old_attempts.limit(PRUNED_AT_ONCE)))
            ),
            "run": self._delete_in_portions(
                lambda: delete(run_table).where(run_table.c.run_id.in_(old_runs.limit(PRUNED_AT_ONCE)))
            ),
        }

    # Within

    def _read_days(self, wanted: Select[*tuple[Any, ...]]) -> dict[tuple[str, date], DayState]:
        def read(connection: Connection) -> dict[tuple[str, date], DayState]:
            now = self._database.now(connection)
            portions = connection.execute(wanted).partitions(1000)
            return {(row[0], row[1]): self._day_state(row, now) for rows in portions for row in rows}

        with gc_paused:
            return self._database.read(read)

    def _delete_in_portions(self, statement: Callable[[], Any]) -> int:
        total = 0
        while gone := self._database.write(lambda connection: int(connection.execute(statement()).rowcount)):
            total += gone
        return total

    def _locked_row(self, connection: Connection, item_name: str, day: date) -> DayRow | None:
        return connection.execute(LOCK_DAY, {"of_item": item_name, "of_day": day}).first()

    @staticmethod
    def _insert_pending(connection: Connection, item_name: str, day: date, now: datetime) -> None:
        make_item(connection, item_name)
        insert_if_absent(
            connection,
            instrument_day,
            {
                "item_name": item_name,
                "day": day,
                "status": DayStatus.PENDING,
                "records": 0,
                "expected_records": 0,
                "gaps": (),
                "is_final": False,
                "attempts": 0,
                "failures": 0,
                "rejected": 0,
                "version": 0,
                "updated_at": now,
            },
        )

    def _day_state(self, row: DayRow, now: datetime) -> DayState:
        claim = None
        if row[-2] is not None:
            holder = self._holder(row)
            claim = holder if holder.is_living(row.claimed_until, now) else None
        return DayState._make((*row[:-2], claim))

    def _holder(self, row: DayRow) -> Claimant:
        try:
            return Claimant.from_text(row.claimed_by)
        except (ValueError, TypeError, KeyError) as error:
            raise LedgerCorrupt(
                f"The ledger {self.url_shown} holds a claim on {row.item_name} {row.day} that cannot be read:"
                " set claimed_by and claimed_until of that row in instrument_day to NULL."
            ) from error


class Recording:
    """An open transaction on one claimed day; see `Ledger.recording`."""

    def __init__(self, database: Database, connection: Connection, claim: Claim) -> None:
        self._database = database
        self._connection = connection
        self._claim = claim
        self.ends_claim = False

    def save(
        self,
        result: DayResult,
        attempt: AttemptResult | None,
        *,
        checked: datetime | None,
        progress: datetime | None,
        keep_claim: bool = False,
    ) -> None:
        """The day's new state, its attempt, and what other programs are told; the claim ends unless it is kept.

        `checked` is when the item was last asked for (None: it was not), `progress` the time of the newest record
        stored by this attempt, or None; the item's progress only ever moves forward.
        """
        with self._database.translated():
            now = self._database.now(self._connection)
            self._save_state(result, now, attempted=attempt is not None, keep_claim=keep_claim)
            if attempt is not None:
                _insert_attempt(self._connection, self._claim.item_name, self._claim.day, self._claim.run_id, attempt)
            self._save_progress(now, checked, progress)
            self.ends_claim = not keep_claim

    def _save_state(self, result: DayResult, now: datetime, *, attempted: bool, keep_claim: bool) -> None:
        saved = self._connection.execute(
            SAVE,
            {
                **chosen(self._claim),
                "of_attempts": int(attempted),
                "of_failed": int(result.status is DayStatus.FAILED),
                **{name: getattr(result, name) for name in _RESULT_COLUMNS},
                "last_error": result.error,
                "refused": None,
                "claimed_by": self._claim.holder.text if keep_claim else None,
                "claimed_until": now + CLAIM_LASTS if keep_claim else None,
                "updated_at": now,
            },
        )
        if not saved.rowcount:
            raise ClaimLost(
                f"{self._claim.item_name} {self._claim.day} is not claimed any more: its result was saved already."
            )

    def _save_progress(self, now: datetime, checked: datetime | None, progress: datetime | None) -> None:
        """Last, because other days of the item wait for this row until the commit."""
        if checked is not None or progress is not None:
            moved = {"of_checked": checked, "of_newest": progress, "of_now": now}
            self._connection.execute(SAVE_PROGRESS, {"of_item": self._claim.item_name, **moved})


def upgrade(url: str, *, timeout_seconds: float = 30.0) -> tuple[str | None, str]:
    """Make or upgrade the ledger at `url`: the version it had (None where it is new) and the one it has now."""
    before, _ = current(url, timeout_seconds=timeout_seconds)
    Ledger.open(url, timeout_seconds=timeout_seconds).close()
    return before, NEWEST


def current(url: str, *, timeout_seconds: float = 30.0) -> tuple[str | None, str]:
    """The version of the ledger at `url` (None where there is none) and the one this program works with."""
    database = open_database(url, Access.READ, timeout_seconds)
    if database is None:
        return None, NEWEST
    try:
        return database.read_once(current_version), NEWEST
    finally:
        database.close()


_RESULT_COLUMNS = [field.name for field in fields(DayResult) if field.name != "error"]


def _extend(connection: Connection, claim: Claim, now: datetime) -> int:
    """One more claim that holds on, or none. A locked row is being recorded: it cannot be taken over meanwhile."""
    if connection.execute(LOCK_CLAIMED_IF_FREE, chosen(claim)).first() is None:
        return 0
    connection.execute(CHANGE_CLAIMED, {**chosen(claim), "claimed_until": now + CLAIM_LASTS})
    return 1


def _insert_attempt(connection: Connection, item_name: str, day: date, run_id: str, result: AttemptResult) -> None:
    values = {field.name: getattr(result, field.name) for field in fields(AttemptResult)}
    connection.execute(INSERT_ATTEMPT, {"item_name": item_name, "day": day, "run_id": run_id, **values})


def _record_interruption(
    connection: Connection, state: DayState, dead: Claimant, claimed_until: datetime, now: datetime
) -> None:
    """The history of a day whose runner ended without a word: it cannot have worked longer than its claim held."""
    ended = max(dead.since, min(now, claimed_until))
    result = AttemptResult(
        decision="run",
        reason=f"{dead.describe()} ended without recording a result",
        status=AttemptStatus.INTERRUPTED,
        records_fetched=0,
        records_added=0,
        availability_pct=state.availability_pct,
        requests=0,
        seconds=(ended - dead.since).total_seconds(),
        error_type=None,
        error=None,
        rejected=0,
        rejected_sample=None,
        started=dead.since,
        finished=ended,
    )
    _insert_attempt(connection, state.item_name, state.day, dead.run_id, result)
