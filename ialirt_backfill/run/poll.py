"""The live poll: pass after pass the newest records of today, and between passes whatever else is missing.

A pass begins with the *tail* of today for every instrument: what has not been asked for, or cannot be relied on yet.
Then, until the next pass is due, it *catches up*: days since the newest record on which nothing ran, yesterday's last
minutes after midnight, final passes that have fallen due, days that failed (with growing pauses). Passes stand on an
even grid of the clock, so that they do not drift.

What is missing is remembered in the ledger, never here: a poll that is killed at any moment, and one that begins anew
every hour, go on where the last one ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL, Stop
from ialirt_backfill.exceptions import IalirtBackfillError, UsageError
from ialirt_backfill.instruments import LAUNCH, Instrument
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.decisions import Decision, Policy, decide
from ialirt_backfill.plan.decisions import plan as plan_days
from ialirt_backfill.run.clock import Clock, end_of_hour, next_pass, running_clock
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.planning import expected_admission
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import Session, session
from ialirt_backfill.run.workers import CarryOut
from ialirt_backfill.store.demonstration import refuse_at_sight, refuse_mixing
from ialirt_backfill.store.places import size_on_disk
from ledger import DayState, DayStatus, Ledger, LedgerError

log = logging.getLogger(__name__)

Sleep = Callable[[float], object]
Key = tuple[str, date]

_MARGIN = timedelta(seconds=30)
"""How long before the end a pass must begin at the latest, however fast the passes are."""
_SHORTEST_PATIENCE_SECONDS = 10.0
ACCESS_ASKED_EVERY = timedelta(hours=1)
"""How long a poll believes a refusal for want of a key or a scope before it asks again."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What a pass found of one instrument today.

    ``outcome`` is None where nothing was asked, and ``decision`` says why. ``newest`` is the time of the newest record
    stored so far, of whichever day; ``availability_pct`` that of today so far.
    """

    instrument: Instrument
    decision: Decision
    outcome: DayOutcome | None
    availability_pct: float | None
    newest: datetime | None

    @property
    def failed(self) -> bool:
        return self.outcome is not None and self.outcome.status is DayStatus.FAILED and not self.outcome.interrupted


class PollListener(Listener):
    """Hears what a poll does, beside what every run tells."""

    def pass_begun(self, now: datetime) -> None:
        """A pass begins."""

    def tails_asked(self, now: datetime, tails: Sequence[Tail]) -> None:
        """Every instrument has been asked for the newest records of today."""


@dataclass(slots=True)
class Pass:
    """One pass: when it began, what it planned, and what became of that."""

    context: Context
    planned: tuple[Decision, ...]
    rows: dict[Key, DayState]
    newest: dict[str, datetime]
    report: Report

    @property
    def now(self) -> datetime:
        return self.context.now

    def take_in(self, report: Report) -> None:
        """Add what became of a part of the pass."""
        self.report = _joined([self.report, report])

    @property
    def tails(self) -> tuple[Tail, ...]:
        """What was found of every instrument today."""
        outcomes = {outcome.instrument: outcome for outcome in self.report.outcomes if outcome.day == self.now.date()}
        skipped = {decision.instrument: decision for decision in self.report.skipped}
        return tuple(
            self._tail(skipped.get(planned.instrument, planned), outcomes.get(planned.instrument))
            for planned in self.planned
        )

    def _tail(self, decision: Decision, outcome: DayOutcome | None) -> Tail:
        row = self.rows.get((decision.instrument.progress_key, decision.day))
        known = outcome or row
        newest = [self.newest.get(decision.instrument.name), outcome.last_record if outcome else None]
        return Tail(
            instrument=decision.instrument,
            decision=decision,
            outcome=outcome,
            availability_pct=known.availability_pct if known else None,
            newest=max((moment for moment in newest if moment), default=None),
        )


class Alarm(Stop):
    """Set when the poll is told to stop, and while it is later than ``due``.

    So whatever still runs when the next pass is due ends after the request in flight, with its state kept.
    """

    def __init__(self, stop: Stop, clock: Clock) -> None:
        super().__init__()
        self._stop, self._clock = stop, clock
        self.due: datetime | None = None

    def is_set(self) -> bool:
        return self._stop.is_set() or (self.due is not None and self._clock() >= self.due)

    def set(self) -> None:
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        if self.due is not None:
            left = max(0.0, (self.due - self._clock()).total_seconds())
            timeout = left if timeout is None else min(timeout, left)
        self._stop.wait(timeout)
        return self.is_set()


class Poll:
    """A poll that has begun: its passes, one after another. Made by :func:`polling`."""

    def __init__(
        self,
        options: PollOptions,
        run: Session,
        alarm: Alarm,
        stop: Stop,
        clock: Clock,
        sleep: Sleep,
        listener: PollListener,
        end: datetime | None,
    ) -> None:
        self.options = options
        self.run = run
        self._alarm, self._stop, self._clock, self._sleep, self._listener = alarm, stop, clock, sleep, listener
        self._end = end
        self._policy = _policy(options, first=True)
        self._noted: date | None = None
        self._slowest = timedelta(0)
        self._due: datetime | None = None
        self._refused_since: datetime | None = None
        self.report = Report(run.context.run_id, (), is_synthetic=run.is_synthetic)

    # --- a pass -------------------------------------------------------------------------------------------------------

    def begin(self) -> Pass:
        """A new pass, with the plan for the tail of every instrument."""
        now = self._clock()
        self._due = None
        self._alarm.due = self._end
        if self._noted != now.date():
            note_missed_days(self.run.context.ledger, self.options, now)
            self._noted = now.date()
        self._ask_again_for_access(now)
        admission = self.run.context.api.admission
        planned, rows, newest = _plan_tails(self.run.context.ledger, self.options, self._policy, now, admission)
        self._listener.pass_begun(now)
        context = replace(self.run.context, now=now, policy=self._policy)
        report = Report(self.run.context.run_id, (), is_synthetic=self.run.is_synthetic)
        return Pass(context, planned, rows, newest, report)

    def ask(self, this: Pass, how: CarryOut = carry_out) -> Report:
        """Ask for the tails of all instruments and add them to the pass."""
        report = self.run.carry_out(this.planned, context=this.context, fail_fast=self.options.fail_fast, ask=how)
        this.take_in(report)
        return report

    def catch_up(self, this: Pass) -> Report:
        """Tell about the tails; then, until the next pass is due, ask for what else is missing."""
        asked_at = self._clock()
        self._slowest = max(self._slowest, asked_at - this.now)
        self._listener.tails_asked(this.now, this.tails)
        admission = self.run.context.api.admission
        planned = _plan_missing(self.run.context.ledger, self.options, self._policy, this.now, admission)
        if self.options.once:
            self._alarm.due = self._end
        else:
            self._due = next_pass(asked_at, self.options.every)
            self._alarm.due = self._due if self._end is None else min(self._due, self._end)
        try:
            if not (self.options.fail_fast and this.report.summary["failed"]):
                self._listener.planned(planned)
                this.take_in(self.run.carry_out(planned, context=this.context, fail_fast=self.options.fail_fast))
        finally:
            self._alarm.due = None
        if self._refused_since is None and self.run.context.api.admission.refusals:
            self._refused_since = this.now
        # Fetch whatever is there, and repairing, are orders for once, not for every five minutes.
        self._policy = _policy(self.options, first=False)
        self._conclude(this.report)
        return this.report

    def _conclude(self, report: Report) -> None:
        self.report = report
        self.run.exit_code = EXIT_FAILED if has_failed(report) else EXIT_WELL

    def fail(self, error: Exception) -> None:
        """The pass could not be carried out at all."""
        log.error("this pass could not be carried out: %s", error)
        report = Report(self.run.context.run_id, (), failed_beyond_days=True, is_synthetic=self.run.is_synthetic)
        self._conclude(report)

    @property
    def exit_code(self) -> int:
        """1 if the last pass of any instrument failed."""
        return self.run.exit_code

    def _ask_again_for_access(self, now: datetime) -> None:
        """Once an hour, forget what was refused: the key may have got another scope; at once, where it was all."""
        is_due = self._refused_since is not None and now - self._refused_since >= ACCESS_ASKED_EVERY
        if is_due or self.report.locked_out is not None:
            self.run.context.api.permissions.forget_refusals()
            self._refused_since = None

    # --- between passes -----------------------------------------------------------------------------------------------

    def wait(self) -> bool:
        """Sleep until the next pass is due. False where none will be: stopped, or the end comes first."""
        if self.options.once or (self.options.fail_fast and self.exit_code):
            return False
        due = self._due or next_pass(self._clock(), self.options.every)
        margin = max(2 * self._slowest, min(_MARGIN, self.options.every))
        if self._end is not None and max(due, self._clock()) + margin > self._end:
            return False
        while not self._stop.is_set() and (left := (due - self._clock()).total_seconds()) > 0:
            self._sleep(left)
        return not self._stop.is_set()


def poll(
    options: PollOptions,
    *,
    key: str | None = None,
    listener: PollListener | None = None,
    stop: Stop | None = None,
    clock: Clock | None = None,
    sleep: Sleep | None = None,
) -> Report:
    """Poll until told to stop, for one pass, or to the end of the hour, as the options say. The last pass's report.

    ``clock`` gives the time, ``sleep`` waits for so many seconds (default: until ``stop`` is set). Raises UsageError
    and ledger.LedgerError; what happens to single instruments is in the report, and :func:`has_failed` judges it.
    """
    if options.dry_run:
        now = (clock or running_clock(options.as_of))()
        planned = dry_plan(options, now, key=key)
        (listener or Listener()).planned(planned)
        return Report(None, tuple(planned), is_synthetic=options.demo)
    with polling(options, key=key, listener=listener, stop=stop, clock=clock, sleep=sleep) as it:
        while True:
            try:
                this = it.begin()
                it.ask(this)
                it.catch_up(this)
            except (LedgerError, IalirtBackfillError) as error:
                if options.once:
                    raise
                it.fail(error)
            if not it.wait():
                return it.report


@contextmanager
def polling(
    options: PollOptions,
    *,
    key: str | None = None,
    listener: PollListener | None = None,
    stop: Stop | None = None,
    clock: Clock | None = None,
    sleep: Sleep | None = None,
    end: datetime | None = None,
) -> Iterator[Poll]:
    """Open what a poll needs. It ends at ``end`` (default: at the next full hour, where the options say so)."""
    own_clock = clock or running_clock(options.as_of)
    now = own_clock()
    if options.since is not None and options.since > now.date():
        raise UsageError(f"--since {options.since} lies after today, {now.date()} (UTC)")
    if end is None and options.until_end_of_hour:
        end = end_of_hour(now)
    stop, listener = stop or Stop(), listener or PollListener()
    alarm = Alarm(stop, own_clock)
    with session(
        options,
        _policy(options, first=True),
        "poll",
        key=key,
        listener=listener,
        stop=alarm,
        clock=None if clock is None and options.as_of is None else own_clock,
        patience=_patience(options),
    ) as run:
        yield Poll(options, run, alarm, stop, own_clock, sleep or _sleep_until(stop), listener, end)


def dry_plan(options: PollOptions, now: datetime, *, key: str | None = None) -> list[Decision]:
    """What one pass would do; nothing is asked, written or made."""
    policy, admission = _policy(options, first=True), expected_admission(options, key)

    def new(instrument: Instrument, day: date) -> Decision:
        size = size_on_disk(Path(options.datastore), instrument, day, None)
        return decide(instrument, day, None, size, now, policy, admission)

    refuse_at_sight(options)
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        refuse_mixing(options, None)
        return [new(instrument, now.date()) for instrument in options.instruments]
    with ledger:
        refuse_mixing(options, ledger)
        missed = [
            new(instrument, day) for instrument, days in missed_days(ledger, options, now).items() for day in days
        ]
        tails, _, _ = _plan_tails(ledger, options, policy, now, admission)
        planned = [*missed, *_plan_missing(ledger, options, policy, now, admission), *tails]
        return sorted(planned, key=lambda decision: decision.day)


# --- the clock --------------------------------------------------------------------------------------------------------


def _sleep_until(stop: Stop) -> Sleep:
    """Sleep that ends when ``stop`` is set.

    A signal's handler may set it in the very thread that sleeps, where waiting for the event itself could lock up.
    """

    def sleep(seconds: float) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))

    return sleep


# --- what to ask for --------------------------------------------------------------------------------------------------


def note_missed_days(ledger: Ledger, options: PollOptions, now: datetime) -> None:
    """Write down, before anything newer is stored, the days since the newest record on which nothing ran.

    Afterwards the newest record no longer tells about them.
    """
    for instrument, days in missed_days(ledger, options, now).items():
        if days:
            log.info("%s: nothing ran on %d days since %s", instrument.name, len(days), days[0])
            ledger.note_days(instrument.progress_key, days)


def missed_days(ledger: Ledger, options: PollOptions, now: datetime) -> dict[Instrument, list[date]]:
    """The days from the first that a poll cares for up to yesterday that the ledger knows nothing of."""
    today = now.date()
    progress = ledger.progress([instrument.progress_key for instrument in options.instruments])
    missed: dict[Instrument, list[date]] = {}
    for instrument in options.instruments:
        key = instrument.progress_key
        stored = progress[key].progress_timestamp if key in progress else None
        first = options.since or (stored.date() if stored else ledger.newest_day(key)) or today
        days = [first + timedelta(days=n) for n in range((today - first).days)] if first < today else []
        known = ledger.days([key], first, today) if days else {}
        missed[instrument] = [day for day in days if day >= LAUNCH and (key, day) not in known]
    return missed


def _plan_tails(
    ledger: Ledger, options: PollOptions, policy: Policy, now: datetime, admission: Admission
) -> tuple[tuple[Decision, ...], dict[Key, DayState], dict[str, datetime]]:
    """What to do about today; today's rows; and the time of each instrument's newest record."""
    today, datastore = now.date(), Path(options.datastore)
    keys = {instrument.progress_key: instrument for instrument in options.instruments}
    rows = ledger.days(list(keys), today, today)
    planned = []
    for key, instrument in keys.items():
        row = rows.get((key, today))
        size = size_on_disk(datastore, instrument, today, row)
        planned.append(decide(instrument, today, row, size, now, policy, admission))
    newest = {
        keys[key].name: known.progress_timestamp
        for key, known in ledger.progress(list(keys)).items()
        if known.progress_timestamp is not None
    }
    return tuple(planned), rows, newest


def _plan_missing(
    ledger: Ledger, options: PollOptions, policy: Policy, now: datetime, admission: Admission
) -> list[Decision]:
    """What to do about earlier days that are not final, or of which more may be had now; with ``--redownload`` or a
    repair, about all final ones too."""
    today, datastore = now.date(), Path(options.datastore)
    keys = {instrument.progress_key: instrument for instrument in options.instruments}
    lacking = {key: admission.lacking(instrument) for key, instrument in keys.items()}
    rows = ledger.unfinished(list(keys), today, lacking)
    if options.since and (policy.redownload or policy.min_availability_pct is not None):
        rows |= ledger.days(list(keys), options.since, today - timedelta(days=1))
    order = list(keys)
    pairs = sorted(rows, key=lambda pair: order.index(pair[0]))
    pairs.sort(key=lambda pair: pair[1], reverse=options.newest_first)

    def size_of(instrument: Instrument, day: date, row: DayState | None) -> int | None:
        return size_on_disk(datastore, instrument, day, row)

    days = ((keys[key], day) for key, day in pairs)
    return list(plan_days(days, rows, size_of, now, policy, admission, options.limit_days))


def _policy(options: PollOptions, *, first: bool) -> Policy:
    """The options that bear on decisions; in the ``first`` pass also those that would never come to an end."""
    return Policy(
        retry_failed=options.retry_failed,
        redownload=options.redownload and first,
        min_availability_pct=options.min_availability if first else None,
        settle=options.settle,
        overlap=options.overlap,
        lag=options.lag,
        polling=True,
    )


def _patience(options: PollOptions) -> Patience:
    """An instrument that hangs has failed by the time the next pass is due, which asks again anyway."""
    half = max(options.every.total_seconds() / 2, _SHORTEST_PATIENCE_SECONDS)
    return Patience(answer=min(options.timeout.total_seconds(), half), in_all=half)


# --- what became of it ------------------------------------------------------------------------------------------------


def has_failed(report: Report) -> bool:
    """Whether anything failed that this pass asked for. Days that wait for their next try have not, nor those that the
    server refuses, unless it refuses everything."""
    return bool(report.summary["failed"]) or report.failed_beyond_days or report.locked_out is not None


def _joined(reports: Sequence[Report]) -> Report:
    """The parts of one pass as one report."""
    return Report(
        run_id=reports[0].run_id,
        plan=tuple(decision for report in reports for decision in report.plan),
        outcomes=tuple(outcome for report in reports for outcome in report.outcomes),
        skipped=tuple(decision for report in reports for decision in report.skipped),
        ended=next((report.ended for report in reports if report.ended), None),
        failed_beyond_days=any(report.failed_beyond_days for report in reports),
        takes_what_it_may=all(report.takes_what_it_may for report in reports),
        is_synthetic=reports[0].is_synthetic,
    )
