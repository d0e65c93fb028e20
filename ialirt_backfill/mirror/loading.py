"""Load the days that changed: options -> plan -> one day after another -> report."""

from __future__ import annotations

import csv
import logging
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path

import pyarrow as pa
from crump import sync_file_to_db
from pyarrow import csv as pa_csv

from ialirt_backfill import __version__
from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL, Stop
from ialirt_backfill.exceptions import (
    DayFileError,
    IalirtBackfillError,
    Interrupted,
    MirrorError,
    MirrorUnavailable,
    UsageError,
)
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.listening import guarded
from ialirt_backfill.mirror import shape
from ialirt_backfill.mirror.configuration import job
from ialirt_backfill.mirror.retyping import make_doubles
from ialirt_backfill.mirror.tables import FILE_DATE, TIME_UTC, columns_for, marker_name, table_name
from ialirt_backfill.mirror.target import Target
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.demonstration import is_synthetic_throughout
from ialirt_backfill.store.places import day_path
from ledger import DayState, Ledger, LedgerError, MirroredDay

log = logging.getLogger(__name__)

# It warns of every known column that a file lacks, which is no news; rows that it leaves out are noticed here.
logging.getLogger("crump").setLevel(logging.ERROR)


class MirrorAction(Enum):
    """What is decided for a day that has a file."""

    LOAD = "load"
    SKIP_LOADED = "skip-loaded"
    SKIP_GROWING = "skip-growing"


class MirrorStatus(Enum):
    """How the load of a day ended."""

    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MirrorDecision:
    """One day that has a file: what to do with it, and why."""

    instrument: Instrument
    day: date
    path: Path
    action: MirrorAction
    reason: str
    last: MirroredDay | None = None
    """What the ledger remembered of its last load when this was decided."""


@dataclass(frozen=True, slots=True)
class MirrorOutcome:
    """What became of one load. ``records`` are the rows of the file, all of which are in the table now."""

    decision: MirrorDecision
    status: MirrorStatus
    records: int
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a mirror planned and did.

    ``run_id`` is None for a dry run. ``skipped`` were planned, but another mirror had loaded them meanwhile. ``ended``
    says why it ended before its plan did. ``is_synthetic`` says that the data are those of a demonstration.
    """

    database: str
    run_id: str | None
    plan: tuple[MirrorDecision, ...]
    outcomes: tuple[MirrorOutcome, ...] = ()
    skipped: tuple[MirrorDecision, ...] = ()
    ended: str | None = None
    is_synthetic: bool = False

    @property
    def summary(self) -> dict[str, int]:
        """Counts of instrument-days, under the names of the JSON contract."""
        actions = Counter(decision.action for decision in (*self.plan, *self.skipped))
        statuses = Counter(outcome.status for outcome in self.outcomes)
        return {
            "planned": len(self.plan),
            "loaded": statuses[MirrorStatus.LOADED],
            "failed": statuses[MirrorStatus.FAILED],
            "skipped_loaded": actions[MirrorAction.SKIP_LOADED],
            "skipped_growing": actions[MirrorAction.SKIP_GROWING],
            "records": sum(outcome.records for outcome in self.outcomes),
        }

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when a day failed."""
        return EXIT_FAILED if self.ended or self.summary["failed"] else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The stable contract of ``--json``."""
        return {
            "run_id": self.run_id,
            "synthetic": self.is_synthetic,
            "database": self.database,
            "plan": [
                {
                    "instrument": decision.instrument.name,
                    "day": decision.day.isoformat(),
                    "action": decision.action.value,
                    "reason": decision.reason,
                }
                for decision in self.plan
            ],
            "results": [
                {
                    "instrument": outcome.decision.instrument.name,
                    "day": outcome.decision.day.isoformat(),
                    "status": outcome.status.value,
                    "records": outcome.records,
                    "seconds": round(outcome.seconds, 3),
                    "error": outcome.error,
                }
                for outcome in self.outcomes
            ],
            "summary": self.summary,
        }


class MirrorListener:
    """Hears what a mirror does. Every method may be overridden; none must raise."""

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        """The plan stands; nothing has been loaded yet."""

    def waiting(self, decision: MirrorDecision) -> None:
        """Another mirror works on the table of this day; as soon as it lets go, the day is decided again."""

    def day_started(self, decision: MirrorDecision) -> None:
        """The load of a day begins."""

    def day_finished(self, outcome: MirrorOutcome) -> None:
        """A day is loaded and remembered, or has failed."""

    def day_skipped(self, decision: MirrorDecision) -> None:
        """Another mirror has loaded the day meanwhile."""


def mirror(options: MirrorOptions, *, listener: MirrorListener | None = None, stop: Stop | None = None) -> MirrorReport:
    """Load the days whose files have changed since they were last loaded.

    ``stop`` ends it after the day in work. Raises UsageError, MirrorError (before any row is touched) and
    ledger.LedgerError; what happens to single days is in the report.
    """
    listener, stop = guarded(listener or MirrorListener()), stop or Stop()
    if not Path(options.datastore).is_dir():
        raise UsageError(f"--datastore {options.datastore}: there is no such folder")
    is_synthetic_throughout(options, None)
    with ExitStack() as stack:
        target = stack.enter_context(Target(options.database_url))
        if options.dry_run:
            ledger = Ledger.open_existing(options.ledger_url)
            if ledger is not None:
                stack.enter_context(ledger)
            now = datetime.now(UTC) if ledger is None else ledger.now()
            is_synthetic = is_synthetic_throughout(options, ledger)
            plan = _plan(options, target, ledger, now, is_synthetic)
            listener.planned(plan)
            return MirrorReport(target.shown, None, plan, is_synthetic=is_synthetic)
        ledger = stack.enter_context(Ledger.open(options.ledger_url))
        is_synthetic = is_synthetic_throughout(options, ledger)
        plan = _plan(options, target, ledger, ledger.now(), is_synthetic)
        with _run(ledger, options, target, stop, is_synthetic) as run:
            target.prepare()
            listener.planned(plan)
            run.load(plan, options, listener)
            return MirrorReport(
                database=target.shown,
                run_id=run.run_id,
                plan=plan,
                outcomes=tuple(run.outcomes),
                skipped=tuple(run.skipped),
                ended=run.ended,
                is_synthetic=is_synthetic,
            )


# --- the plan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an instrument's days: what the ledger says of their files, of loads, and what the table has."""

    states: Mapping[tuple[str, date], DayState]
    mirrored: Mapping[tuple[str, date], MirroredDay]
    in_table: frozenset[date]


def _plan(
    options: MirrorOptions, target: Target, ledger: Ledger | None, now: datetime, is_synthetic: bool
) -> tuple[MirrorDecision, ...]:
    """Decide for every day of the range that has a file. MirrorError where a table cannot take them."""
    tables = {instrument.name: _check_table(options, target, instrument) for instrument in options.instruments}
    days = options.days(now)
    known = {
        instrument.name: _known(options, target, ledger, instrument, days, tables[instrument.name])
        for instrument in options.instruments
    }
    decisions = (
        _decide(options, known[instrument.name], instrument, day, now)
        for day in days
        for instrument in options.instruments
    )
    plan = tuple(decision for decision in decisions if decision is not None)
    for instrument in dict.fromkeys(decision.instrument for decision in plan):
        _refuse_mixing(options, target, ledger, instrument, is_synthetic)
    return plan


def _check_table(options: MirrorOptions, target: Target, instrument: Instrument) -> shape.FoundTable | None:
    table = table_name(instrument, options.table_prefix)
    found = target.find(table)
    if found is not None and (reasons := shape.differences(instrument, found)):
        raise MirrorError(
            f"{target.shown} has a table {table} that is not the mirror's, and nothing was changed: give"
            f" --table-prefix, or another schema or database. The difference: {'; '.join(reasons)}"
        )
    if options.dry_run and found is not None and (columns := shape.outgrown_columns(instrument, found)):
        log.warning("%s: the next load makes columns double precision first: %s", table, ", ".join(columns))
    return found


def _known(
    options: MirrorOptions,
    target: Target,
    ledger: Ledger | None,
    instrument: Instrument,
    days: Sequence[date],
    found: shape.FoundTable | None,
) -> _Known:
    table = table_name(instrument, options.table_prefix)
    key = instrument.progress_key
    return _Known(
        states={} if ledger is None else ledger.days([key], days[0], days[-1]),
        mirrored={} if ledger is None else ledger.mirrored(target.identity(table), [key], days[0], days[-1]),
        in_table=frozenset() if found is None else frozenset(target.days(table)),
    )


def _decide(
    options: MirrorOptions, known: _Known, instrument: Instrument, day: date, now: datetime
) -> MirrorDecision | None:
    """Decide from what is known and from a look at the file; None where the day has none."""
    state = known.states.get((instrument.progress_key, day))
    last = known.mirrored.get((instrument.progress_key, day))
    path = Path(options.datastore) / day_path(instrument, day, state)
    size = dayfile.size(path)
    if size is None:
        return None

    def decision(action: MirrorAction, reason: str) -> MirrorDecision:
        return MirrorDecision(instrument, day, path, action, reason, last)

    if options.reload:
        return decision(MirrorAction.LOAD, "to be loaded again (--reload)")
    if last is None:
        return decision(MirrorAction.LOAD, "never loaded")
    # The ledger may have been told of a load into a table that was dropped since, or into one behind the same address.
    if last.records and day not in known.in_table:
        return decision(MirrorAction.LOAD, "the table has no row of it")
    is_as_recorded = state is not None and state.sha256 is not None and state.size_bytes == size
    sha256 = state.sha256 if state is not None and is_as_recorded else dayfile.checksum(path)
    when = f"{last.loaded_at:%Y-%m-%d %H:%M}Z"
    if sha256 == last.sha256:
        return decision(MirrorAction.SKIP_LOADED, f"{last.records:,} records, loaded {when}")
    due = last.loaded_at + _OF_OPEN_EVERY * options.open_every
    if _is_growing(state, day, now) and now < due:
        return decision(MirrorAction.SKIP_GROWING, f"still growing, loaded {when}; next at {due:%H:%M}Z")
    return decision(MirrorAction.LOAD, f"changed since {when}")


_OF_OPEN_EVERY = 0.9
"""A load is remembered with the time when it ended: a schedule as long as ``open_every`` itself would find the day too
young by these seconds, and load it every second time only."""


def _is_growing(state: DayState | None, day: date, now: datetime) -> bool:
    """Whether records are still to be appended: the day is not over, or has not been asked for to its end."""
    end = day_span(day).end
    return now < end if state is None or state.asked_through is None else state.asked_through < end


def _refuse_mixing(
    options: MirrorOptions, target: Target, ledger: Ledger | None, instrument: Instrument, is_synthetic: bool
) -> None:
    """MirrorError where a table would come to hold both real and synthetic days. An empty one takes either."""
    table = table_name(instrument, options.table_prefix)
    if target.is_named(table, marker_name(options.table_prefix)) is is_synthetic or target.is_empty(table):
        return
    elsewhere = "give --table-prefix, or another schema or database"
    if not is_synthetic:
        raise MirrorError(
            f"{target.shown} has a table {table} that holds the synthetic days of a demonstration, and nothing was"
            f" changed: drop it, or {elsewhere}"
        )
    before = {} if ledger is None else ledger.mirrored(target.identity(table), [instrument.progress_key], *_EVER)
    loaded = f". An earlier version has loaded {len(before):,} of them into it: if it holds no others, drop it"
    raise MirrorError(
        f"{target.shown} has a table {table} whose days are real, as far as is known, and those of {options.datastore}"
        f" are synthetic; nothing was changed: {elsewhere}{loaded if before else ''}"
    )


_EVER = (date.min, date.max)


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """A row in the ledger's list of runs, and what came of it."""

    ledger: Ledger
    target: Target
    run_id: str
    stop: Stop
    is_synthetic: bool
    outcomes: list[MirrorOutcome] = field(default_factory=list)
    skipped: list[MirrorDecision] = field(default_factory=list)
    ended: str | None = None

    def load(self, plan: Sequence[MirrorDecision], options: MirrorOptions, listener: MirrorListener) -> None:
        """Load what the plan says, until it is done, stopped, or the database is gone.

        Raises MirrorError, before any row is touched, where a table of an earlier version cannot be changed.
        """
        to_load = [planned for planned in plan if planned.action is MirrorAction.LOAD]
        try:
            for first in {planned.instrument: planned for planned in reversed(to_load)}.values():
                self._change_types(first, options, listener)
            for planned in to_load:
                if self.stop.is_set() or self.ended:
                    return
                self._load_day(planned, options, listener)
        except Interrupted:
            return

    def _change_types(self, first: MirrorDecision, options: MirrorOptions, listener: MirrorListener) -> None:
        """Give the columns of an instrument's table the types they have in a new one. ``first`` is its first day."""
        table = table_name(first.instrument, options.table_prefix)

        def outgrown() -> list[str]:
            found = self.target.find(table)
            return [] if found is None else shape.outgrown_columns(first.instrument, found)

        if not outgrown():
            return
        with self.target.exclusive(table, self.stop.is_set, lambda: listener.waiting(first)):
            if columns := outgrown():  # unless another mirror has changed them meanwhile
                make_doubles(self.target, table, columns)
                log.warning("%s: columns of whole numbers are double precision now: %s", table, ", ".join(columns))

    def _load_day(self, planned: MirrorDecision, options: MirrorOptions, listener: MirrorListener) -> None:
        """Load one day, alone on its table."""
        began = time.monotonic()

        def failed(error: Exception) -> MirrorOutcome:
            name = f"{planned.instrument.name} {planned.day}"
            words = self.target.without_secrets(str(error))
            return MirrorOutcome(
                planned, MirrorStatus.FAILED, 0, time.monotonic() - began, f"{name} was not loaded: {words}"
            )

        table = table_name(planned.instrument, options.table_prefix)
        try:
            with self.target.exclusive(table, self.stop.is_set, lambda: listener.waiting(planned)):
                if self._is_done(planned, options, listener):
                    return
                self._keep_apart(planned.instrument, options)
                listener.day_started(planned)
                records = _load(self.target, self.ledger, planned, options)
            outcome = MirrorOutcome(planned, MirrorStatus.LOADED, records, time.monotonic() - began)
        except Interrupted:
            raise
        except MirrorUnavailable as error:
            outcome = failed(error)
            self.ended = str(error)
        except (IalirtBackfillError, OSError, ValueError, csv.Error) as error:
            outcome = failed(error)
        except LedgerError:
            raise
        except Exception as error:  # whatever a day meets, it must not take the other days with it
            log.exception("%s %s: unexpected failure; please report this", planned.instrument.name, planned.day)
            outcome = failed(error)
        self.outcomes.append(outcome)
        listener.day_finished(outcome)

    def _keep_apart(self, instrument: Instrument, options: MirrorOptions) -> None:
        """Let the database say of which kind the table's days are, before there is one of them."""
        _refuse_mixing(options, self.target, self.ledger, instrument, self.is_synthetic)
        table, marker = table_name(instrument, options.table_prefix), marker_name(options.table_prefix)
        if self.target.is_named(table, marker) is not self.is_synthetic:
            self.target.name(table, marker, named=self.is_synthetic)

    def _is_done(self, planned: MirrorDecision, options: MirrorOptions, listener: MirrorListener) -> bool:
        """Whether another mirror has loaded the day since the plan was made."""
        instrument, day, key = planned.instrument, planned.day, planned.instrument.progress_key
        table = table_name(instrument, options.table_prefix)
        mirrored = self.ledger.mirrored(self.target.identity(table), [key], day, day)
        if mirrored.get((key, day)) == planned.last:
            return False
        states, in_table = self.ledger.days([key], day, day), frozenset({day})
        fresh = _decide(options, _Known(states, mirrored, in_table), instrument, day, self.ledger.now())
        if fresh is None or fresh.action is MirrorAction.LOAD:
            return False
        self.skipped.append(fresh)
        listener.day_skipped(fresh)
        return True


@contextmanager
def _run(ledger: Ledger, options: MirrorOptions, target: Target, stop: Stop, is_synthetic: bool) -> Iterator[_Run]:
    """Write the run's row, and how it ended."""
    run_id = ledger.start_run("mirror", _recorded(options, ledger, target), __version__)
    run = _Run(ledger, target, run_id, stop, is_synthetic)
    exit_code = EXIT_FAILED
    try:
        yield run
        failed = run.ended or any(outcome.status is MirrorStatus.FAILED for outcome in run.outcomes)
        exit_code = EXIT_FAILED if failed else EXIT_WELL
    finally:
        counts = Counter(outcome.status.value for outcome in run.outcomes)
        ledger.finish_run(run.run_id, counts, stop.exit_code if stop.is_set() else exit_code)


def _recorded(options: MirrorOptions, ledger: Ledger, target: Target) -> dict[str, object]:
    """The options as the ledger remembers them: without passwords."""
    recorded: dict[str, object] = {
        name: value if isinstance(value, bool | int | float | None) else str(value)
        for name, value in asdict(options).items()
    }
    return recorded | {"ledger": ledger.url_shown, "database": target.shown}


# --- one day ----------------------------------------------------------------------------------------------------------


def _load(target: Target, ledger: Ledger, planned: MirrorDecision, options: MirrorOptions) -> int:
    """Load one day's file as it is now, and remember that; the number of its records.

    Nothing is changed before the file is known to fit. crump commits every row: readers see a day fill up, and a load
    that is killed leaves the rest to the next, because the ledger is told only when all of it is there.
    """
    instrument, day = planned.instrument, planned.day
    with tempfile.TemporaryDirectory(prefix="ialirt-mirror-") as folder:
        copy = _copy(planned.path, Path(folder))
        rows = _read(copy)
        table = table_name(instrument, options.table_prefix)
        found = target.find(table)
        columns = columns_for(instrument, rows.column_names)
        shape.check_cells(rows, columns, found, target.is_sqlite)
        if found is not None:
            if late := shape.late_columns(columns, found):
                target.add_columns(table, late)
            columns += shape.forgotten_columns(columns, found)
        made = job(instrument, options.table_prefix, columns, shape.types_differing(columns, found))
        with target.translated():
            loaded = sync_file_to_db(copy, made, target.crump_url, {"date": f"{day:%Y%m%d}"}, options.history)
        if not rows.num_rows:
            target.empty_day(table, day)  # crump leaves them where the file has none
        _check_count(target, table, day, rows, loaded)
        target.make_durable()
        ledger.record_mirrored(
            target.identity(table),
            instrument.progress_key,
            day,
            sha256=dayfile.checksum(copy),
            records=rows.num_rows,
        )
    return int(rows.num_rows)


def _copy(path: Path, folder: Path) -> Path:
    """The file as it is now: crump reads it more than once, and the next pass may replace it meanwhile."""
    try:
        return Path(shutil.copyfile(path, folder / path.name))
    except OSError as error:
        raise DayFileError(f"{path} cannot be read: {error.strerror}") from None


def _read(path: Path) -> pa.Table:
    """All cells as text, empty ones as empty text."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            names = next(csv.reader(lines), [])
        rows = pa_csv.read_csv(
            path,
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DayFileError(f"{path.name} is damaged ({error}): let verify look at it") from None
    if names[:1] != [TIME_UTC]:
        raise DayFileError(f"{path.name} is damaged (its first column is not {TIME_UTC}): let verify look at it")
    return rows


def _check_count(target: Target, table: str, day: date, rows: pa.Table, loaded: int) -> None:
    """crump leaves out, with a warning, rows that it finds unfit: then the day is not loaded."""
    expected = len(rows[TIME_UTC].unique())
    if loaded == rows.num_rows and target.count(table, day) == expected:
        return
    raise MirrorError(
        f"{table} has {target.count(table, day):,} rows where {FILE_DATE} is {day}, the file has {expected:,}:"
        " another program may have changed them; run again"
    )
