"""Load the days that changed: options -> plan -> days of different tables at once -> report."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ialirt_backfill import __version__
from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL, Stop
from ialirt_backfill.exceptions import IalirtBackfillError, Interrupted, MirrorUnavailable, UsageError
from ialirt_backfill.listening import guarded
from ialirt_backfill.mirror import markers
from ialirt_backfill.mirror.address import DatabaseAddress
from ialirt_backfill.mirror.events import (
    MirrorAction,
    MirrorDecision,
    MirrorListener,
    MirrorOutcome,
    MirrorReport,
    MirrorStatus,
)
from ialirt_backfill.mirror.jobs import jobs_of
from ialirt_backfill.mirror.lock import exclusive
from ialirt_backfill.mirror.one_day import load_day
from ialirt_backfill.mirror.planning import MirrorPlanner
from ialirt_backfill.mirror.retyping import make_doubles
from ialirt_backfill.mirror.session import DatabaseSession, make_file
from ialirt_backfill.mirror.tables import marker_name
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.store.demonstration import is_synthetic_throughout
from ledger import Ledger, LedgerError

log = logging.getLogger(__name__)


def mirror(options: MirrorOptions, *, listener: MirrorListener | None = None, stop: Stop | None = None) -> MirrorReport:
    """Load the days whose files have changed since they were last loaded.

    ``stop`` ends it after the days in work. Raises UsageError, MirrorError (before any row is touched) and
    ledger.LedgerError; what happens to single days is in the report.
    """
    listener, stop = guarded(listener or MirrorListener()), stop or Stop()
    if not Path(options.datastore).is_dir():
        raise UsageError(f"--datastore {options.datastore}: there is no such folder")
    is_synthetic_throughout(options, None)
    address, jobs = DatabaseAddress(options.database_url), jobs_of(options)
    with ExitStack() as stack:
        session = stack.enter_context(DatabaseSession(address))
        ledger = (Ledger.open_existing if options.dry_run else Ledger.open)(options.ledger_url)
        if ledger is not None:
            stack.enter_context(ledger)
        planner = MirrorPlanner(options, jobs, ledger, is_synthetic_throughout(options, ledger))
        plan = planner.plan(session, datetime.now(UTC) if ledger is None else ledger.now())
        if options.dry_run or ledger is None:
            listener.planned(plan)
            report = MirrorReport(session.shown, None, plan, is_synthetic=planner.is_synthetic)
            return replace(report, datastore=options.datastore_shown, ledger=options.ledger_shown)
        with _run(planner, ledger, session, stop, listener) as run:
            listener.planned(plan)
            run.load(plan)
            return MirrorReport(
                database=session.shown,
                run_id=run.run_id,
                plan=plan,
                outcomes=tuple(run.outcomes),
                skipped=tuple(run.skipped),
                ended=run.ended,
                is_synthetic=planner.is_synthetic,
                datastore=options.datastore_shown,
                ledger=options.ledger_shown,
            )


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """A row in the ledger's list of runs, and what came of it."""

    planner: MirrorPlanner
    ledger: Ledger
    address: DatabaseAddress
    run_id: str
    stop: Stop
    listener: MirrorListener
    outcomes: list[MirrorOutcome] = field(default_factory=list)
    skipped: list[MirrorDecision] = field(default_factory=list)
    ended: str | None = None

    @property
    def options(self) -> MirrorOptions:
        return self.planner.options

    def load(self, plan: Sequence[MirrorDecision]) -> None:
        """Load what the plan says, until it is done, stopped, or the database is gone.

        Raises MirrorError, before any row is touched, where a table of an earlier version cannot be changed.
        """
        queue = _Queue([planned for planned in plan if planned.action is MirrorAction.LOAD])
        if not queue.first_days:
            return
        make_file(self.address)
        with ExitStack() as stack:
            sessions = [stack.enter_context(session) for session in self._sessions(len(queue.first_days))]
            try:
                for first in queue.first_days:
                    self._change_types(sessions[0], first)
            except Interrupted:
                return
            self._load_all(queue, sessions)

    def _sessions(self, tables: int) -> Iterator[DatabaseSession]:
        """A session for each worker, or fewer where the server grants no more. SQLite has one writer at a time."""
        yield DatabaseSession(self.address)
        for number in range(1, 1 if self.address.is_sqlite else min(self.options.jobs, tables)):
            try:
                yield DatabaseSession(self.address)
            except MirrorUnavailable as error:
                log.warning("loading with --jobs %d: %s", number, error)
                return

    def _change_types(self, session: DatabaseSession, first: MirrorDecision) -> None:
        """Give the columns of a table the types they have in a new one. ``first`` is its first day."""
        table = first.place.table

        def outgrown() -> list[str]:
            return self.planner.jobs.check(session, first.instrument, table)

        if not outgrown():
            return
        with exclusive(session, table, self.stop.is_set, lambda: self.listener.waiting(first)):
            if columns := outgrown():  # unless another mirror has changed them meanwhile
                make_doubles(session, table, columns)
                log.warning("%s: columns of whole numbers are double precision now: %s", table, ", ".join(columns))

    def _load_all(self, queue: _Queue, sessions: Sequence[DatabaseSession]) -> None:
        with ThreadPoolExecutor(len(sessions), "mirror") as pool:
            workers: list[Future[None]] = []
            try:
                for session in sessions:
                    # Each in a copy of the context: whoever logs by context (Prefect does) finds the run again.
                    workers.append(pool.submit(contextvars.copy_context().run, self._work, session, queue))
            except RuntimeError as error:  # this machine starts no more threads
                if not workers:
                    raise
                log.warning("loading with --jobs %d: this machine says %s", len(workers), error)
            try:
                for worker in workers:
                    worker.result()
            except BaseException as error:  # whatever ends the waiting ends the run
                self.ended = self.ended or str(error)
                raise

    def _work(self, session: DatabaseSession, queue: _Queue) -> None:
        """Load days one after another, in a session of one's own."""
        try:
            while not (self.stop.is_set() or self.ended) and (planned := queue.take()) is not None:
                try:
                    self._load(session, planned)
                finally:
                    queue.done(planned)
        except Interrupted:
            return
        except BaseException as error:
            self.ended = self.ended or str(error)  # so that the others end as well
            raise

    def _load(self, session: DatabaseSession, planned: MirrorDecision) -> None:
        """Load one day, alone on its table. Raises Interrupted."""
        began = time.monotonic()
        try:
            with exclusive(session, planned.place.table, self.stop.is_set, lambda: self.listener.waiting(planned)):
                if self._is_done(session, planned):
                    return
                self._keep_apart(session, planned)
                self.listener.day_started(planned)
                outcome = self._loaded(session, planned, began)
        except (Interrupted, LedgerError):
            raise
        except Exception as error:  # whatever a day meets, it must not take the other days with it
            if isinstance(error, MirrorUnavailable):
                self.ended = str(error)
            if not isinstance(error, IalirtBackfillError | OSError | ValueError):
                log.exception("%s %s: unexpected failure; please report this", planned.instrument.name, planned.day)
            words = self.address.without_secrets(str(error))
            told = f"{planned.instrument.name} {planned.day} was not loaded: {words}"
            outcome = MirrorOutcome(planned, MirrorStatus.FAILED, 0, time.monotonic() - began, told)
        self.outcomes.append(outcome)
        self.listener.day_finished(outcome)

    def _loaded(self, session: DatabaseSession, planned: MirrorDecision, began: float) -> MirrorOutcome:
        """Load a day and remember it: the ledger is told only when all of it is there."""
        loaded = load_day(session, self.planner.jobs, planned, history=self.options.history)
        self.ledger.record_mirrored(
            session.identity(planned.place.table),
            planned.instrument.progress_key,
            planned.day,
            sha256=loaded.sha256,
            records=loaded.records,
        )
        if loaded.left_out:
            log.warning("%s: crump's rules left out %s of its rows", planned.path.name, f"{loaded.left_out:,}")
        return MirrorOutcome(
            planned,
            MirrorStatus.LOADED,
            loaded.records,
            time.monotonic() - began,
            written=loaded.merged.written,
            deleted=loaded.merged.deleted,
        )

    def _keep_apart(self, session: DatabaseSession, planned: MirrorDecision) -> None:
        """Let the database say of which kind the table's days are, before there is one of them."""
        if not self.planner.refuse_mixing(session, planned):
            marker = marker_name(self.options.table_prefix)
            markers.name(session, planned.place.table, marker, named=self.planner.is_synthetic)

    def _is_done(self, session: DatabaseSession, planned: MirrorDecision) -> bool:
        """Whether another mirror has loaded the day since the plan was made."""
        fresh = self.planner.decide_again(session, planned, self.ledger.now())
        if fresh is None or fresh.action is MirrorAction.LOAD:
            return False
        self.skipped.append(fresh)
        self.listener.day_skipped(fresh)
        return True


class _Queue:
    """The days to load in the order of the plan, but never two of one table at once."""

    def __init__(self, to_load: Sequence[MirrorDecision]) -> None:
        self._lock = threading.Lock()
        self._in_work: set[str] = set()
        self._waiting: dict[str, deque[tuple[int, MirrorDecision]]] = {}
        for number, planned in enumerate(to_load):
            self._waiting.setdefault(planned.place.table, deque()).append((number, planned))
        self.first_days = [days[0][1] for days in self._waiting.values()]

    def take(self) -> MirrorDecision | None:
        """The next day; None where all that are left are of tables in work, whose workers will go on with them."""
        with self._lock:
            free = [days for table, days in self._waiting.items() if days and table not in self._in_work]
            if not free:
                return None
            _, planned = min(free, key=lambda days: days[0][0]).popleft()
            self._in_work.add(planned.place.table)
            return planned

    def done(self, planned: MirrorDecision) -> None:
        """The day is no longer in work."""
        with self._lock:
            self._in_work.discard(planned.place.table)


@contextmanager
def _run(
    planner: MirrorPlanner, ledger: Ledger, session: DatabaseSession, stop: Stop, listener: MirrorListener
) -> Iterator[_Run]:
    """Write the run's row, and how it ended."""
    run_id = ledger.start_run("mirror", _recorded(planner.options, ledger, session), __version__)
    run = _Run(planner, ledger, session.address, run_id, stop, listener)
    exit_code = EXIT_FAILED
    try:
        yield run
        failed = run.ended or any(outcome.status is MirrorStatus.FAILED for outcome in run.outcomes)
        exit_code = EXIT_FAILED if failed else EXIT_WELL
    finally:
        counts = Counter(outcome.status.value for outcome in run.outcomes)
        ledger.finish_run(run.run_id, counts, stop.exit_code if stop.is_set() else exit_code)


def _recorded(options: MirrorOptions, ledger: Ledger, session: DatabaseSession) -> dict[str, object]:
    """The options as the ledger remembers them: without passwords."""
    recorded: dict[str, object] = {
        name: value if isinstance(value, bool | int | float | None) else str(value)
        for name, value in asdict(options).items()
    }
    return recorded | {"ledger": ledger.url_shown, "database": session.shown}
