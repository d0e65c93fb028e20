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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL, Stop
from ialirt_backfill.exceptions import IalirtBackfillError, UsageError
from ialirt_backfill.listening import guarded
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.alarm import Alarm, Sleep, sleep_until
from ialirt_backfill.run.circuit import in_vain
from ialirt_backfill.run.clock import Clock, end_of_hour, next_pass, running_clock
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.passes import Pass, PollListener
from ialirt_backfill.run.poll_planning import dry_plan, note_missed_days, plan_missing, plan_tails, poll_policy
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import Session, session
from ialirt_backfill.run.workers import CarryOut
from ledger import LedgerError

log = logging.getLogger(__name__)


_MARGIN = timedelta(seconds=30)
"""How long before the end a pass must begin at the latest, however fast the passes are."""
_SHORTEST_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 60.0
"""How often a sleeping poll looks at the clock, which may have been set, or gone on while the machine was suspended."""
ACCESS_ASKED_EVERY = timedelta(hours=1)
"""How long a poll believes a refusal for want of a key or a scope before it asks again."""


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
        self._policy = poll_policy(options, first=True)
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
        planned, rows, newest = plan_tails(self.run.context.ledger, self.options, self._policy, now, admission)
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
        planned = plan_missing(self.run.context.ledger, self.options, self._policy, this.now, admission)
        if self.options.once:
            self._alarm.due = self._end
        else:
            self._due = next_pass(asked_at, self.options.every)
            self._alarm.due = self._due if self._end is None else min(self._due, self._end)
        try:
            if cause := in_vain(this.report.outcomes):  # nor would the rest of the pass
                if this.report.ended is None:
                    self._listener.stopping(cause)
                this.report = replace(this.report, ended=cause)
            elif not (self.options.fail_fast and this.report.summary["failed"]):
                self._listener.planned(planned)
                this.take_in(self.run.carry_out(planned, context=this.context, fail_fast=self.options.fail_fast))
        finally:
            self._alarm.due = None
        if self._refused_since is None and self.run.context.api.admission.refusals:
            self._refused_since = this.now
        # Asking whatever is there, and repairing, are orders for once, not for every five minutes.
        self._policy = poll_policy(self.options, first=False)
        self._conclude(this.report)
        self._listener.pass_ended(this.now)
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

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to end, which is no end of its own."""
        return self._stop.is_set()

    def _ask_again_for_access(self, now: datetime) -> None:
        """Once an hour, forget what was refused: the key may have got another scope; at once, where it was all."""
        is_due = self._refused_since is not None and abs(now - self._refused_since) >= ACCESS_ASKED_EVERY
        if is_due or self.report.locked_out is not None:
            self.run.context.api.permissions.forget_refusals()
            self._refused_since = None

    # --- between passes -----------------------------------------------------------------------------------------------

    def wait(self) -> bool:
        """Sleep until the next pass is due. False where none will be: stopped, or the end comes first.

        Never longer than from pass to pass: the clock may be set back meanwhile, or the machine suspended.
        """
        if self.options.once or (self.options.fail_fast and self.exit_code):
            return False
        due = self._due or next_pass(self._clock(), self.options.every)
        margin = max(2 * self._slowest, min(_MARGIN, self.options.every))
        if self._end is not None and max(due, self._clock()) + margin > self._end:
            return False
        patience = self.options.every.total_seconds()
        while not self._stop.is_set() and (left := min(patience, (due - self._clock()).total_seconds())) > 0:
            self._sleep(min(left, _LOOK_SECONDS))
            patience -= min(left, _LOOK_SECONDS)
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
    datastore, ledger = options.datastore_shown, options.ledger_shown
    stop = stop or Stop()
    if options.dry_run:
        now = (clock or running_clock(options.as_of))()
        planned = dry_plan(options, now, key=key)
        guarded(listener or Listener()).planned(planned)
        return Report(None, tuple(planned), is_synthetic=options.demo, datastore=datastore, ledger=ledger)
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
                if it.is_stopped:
                    it.run.exit_code = stop.exit_code
                return replace(it.report, datastore=datastore, ledger=ledger)


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
    stop, listener = stop or Stop(), guarded(listener or PollListener())
    alarm = Alarm(stop, own_clock)
    with session(
        options,
        poll_policy(options, first=True),
        "poll",
        key=key,
        listener=listener,
        stop=alarm,
        clock=None if clock is None and options.as_of is None else own_clock,
        patience=_patience(options),
    ) as run:
        yield Poll(options, run, alarm, stop, own_clock, sleep or sleep_until(stop), listener, end)


# --- the clock --------------------------------------------------------------------------------------------------------


# --- what to ask for --------------------------------------------------------------------------------------------------


def _patience(options: PollOptions) -> Patience:
    """An instrument that hangs has failed by the time the next pass is due, which asks again anyway."""
    half = max(options.every.total_seconds() / 2, _SHORTEST_PATIENCE_SECONDS)
    return Patience(answer=min(options.timeout.total_seconds(), half), in_all=half)


# --- what became of it ------------------------------------------------------------------------------------------------


def has_failed(report: Report) -> bool:
    """Whether anything failed that this pass asked for. Days that wait for their next try have not, nor those that the
    server refuses, unless it refuses everything."""
    has_failures = bool(report.summary["failed"]) or report.failed_beyond_days
    return has_failures or report.never_reached or report.locked_out is not None
