"""One flow an hour: it polls all instruments every few minutes and ends before the hour does."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import show_plan, show_results, show_today
from flows.days import label
from flows.forms import LEFT_EMPTY, POLL
from flows.logs import library_logs
from flows.notices import Notices
from flows.origin import Origin
from flows.settings import api_key, completed, in_one_sentence
from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import IalirtBackfillError
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.clock import Clock, end_of_hour, running_clock
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import Pass
from ialirt_backfill.run.poll import Poll, has_failed, polling
from ialirt_backfill.run.poll_planning import dry_plan
from ledger import DayStatus, LedgerError

NAME = "ialirt-poll"


@flow(name=NAME)
def poll(options: Annotated[PollOptions | Mapping[str, object], POLL] = LEFT_EMPTY) -> State[None]:
    """Keep today complete until the hour of this run's schedule ends.

    Args:
        options: what to poll and how; what is left empty comes from the worker's environment
    """
    return in_one_sentence(POLL, lambda: _poll(completed(POLL, options)))


def _poll(options: PollOptions) -> State[None]:
    clock = running_clock(options.as_of)
    scheduled = flow_run.scheduled_start_time
    slot = datetime.fromtimestamp(scheduled.timestamp(), UTC) if scheduled and not options.as_of else clock()
    return poll_hour(options, slot, clock)


def poll_hour(
    options: PollOptions, slot: datetime, clock: Clock, sleep: Callable[[float], object] | None = None
) -> State[None]:
    """Poll until the end of the hour of ``slot``, inside a flow. The state that the flow is to end in."""
    end, now = end_of_hour(slot), clock()
    if now >= end:
        return Completed(name="Skipped", message=f"started at {now:%H:%M:%S}Z, after its hour had ended")
    origin = Origin.of(options, synthetic=options.demo)
    if options.dry_run:
        show_plan(NAME, dry_plan(options, now, key=api_key(options)), origin)
        return Completed(message=origin.flagged("planned only (dry run)"))
    hour = _Hour(origin)
    get_run_logger().info("%s", origin.place)
    stop = Stop()
    with (
        library_logs(),
        polling(options, key=api_key(options), listener=hour, stop=stop, clock=clock, sleep=sleep, end=end) as it,
    ):
        try:
            while True:
                try:
                    this = it.begin()
                    it.ask(this)
                    it.catch_up(this)
                    hour.take_in(this)
                except (LedgerError, IalirtBackfillError) as error:
                    it.fail(error)
                    hour.fail(clock(), str(error))
                if not it.wait():
                    break
        finally:
            stop.set()
            hour.show()
    return hour.state(it)


class _Hour(Notices):
    """What the passes of one run came to. A pass is a line of the log and no task: Prefect keeps tasks for ever."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin)
        self._log = get_run_logger()
        self._passes = 0
        self._added: Counter[str] = Counter()
        self._last: Pass | None = None
        self._earlier: dict[tuple[str, str], DayOutcome] = {}
        self._all_failed: list[tuple[datetime, str]] = []
        self._refusals: set[str] = set()

    def take_in(self, this: Pass) -> None:
        """A pass is done."""
        self._passes += 1
        self._last = this
        for outcome in this.report.outcomes:
            self._added[outcome.instrument.name] += outcome.records_added
            if outcome.day != this.now.date() and not outcome.interrupted:
                self._earlier[outcome.instrument.name, outcome.day.isoformat()] = outcome
        self._tell_of(this)
        self.tell()
        if reason := _all_failed(this):
            self._all_failed.append((this.now, reason))

    def _tell_of(self, this: Pass) -> None:
        """The line of a pass."""
        added = sum(outcome.records_added for outcome in this.report.outcomes)
        told = f"{this.now:%H:%M:%S}Z: +{added:,} records of {len(this.report.results)} instrument-days"
        failed = [
            f"{label(outcome.decision)} ({outcome.error})"
            for outcome in this.report.results
            if outcome.status is DayStatus.FAILED
        ]
        if reason := _all_failed(this):
            told = f"{this.now:%H:%M:%S}Z: every instrument failed: {POLL.words(reason)}"
        elif failed:
            told += f"; failed: {', '.join(failed)}"
        refused = dict.fromkeys(it.reason for it in this.report.without_access if it.reason not in self._refusals)
        self._refusals.update(refused)
        if refused:
            told += f"; not to be had: {', '.join(refused)}"
        self._log.log(logging.WARNING if failed or reason else logging.INFO, "%s", told)

    def fail(self, now: datetime, error: str) -> None:
        """A pass could not be carried out at all."""
        self._passes += 1
        self._all_failed.append((now, error))

    def show(self) -> None:
        """The artifacts of the run, and what of a pass that did not end has not been told of yet."""
        if self._last is not None:
            show_today(NAME, self._last.tails, self._added, self.origin)
        if self._earlier:
            show_results(NAME, self._earlier.values(), self.origin)
        self.tell()

    def state(self, it: Poll) -> State[None]:
        """Failed where in some pass every instrument failed."""
        passes = "1 pass" if self._passes == 1 else f"{self._passes} passes"
        told = self.origin.flagged(f"{passes}, +{self._added.total():,} records")
        self._log.info("%s", told)
        if self._all_failed:
            times = ", ".join(f"{now:%H:%M:%S}Z" for now, _ in self._all_failed)
            reason = POLL.words(self._all_failed[-1][1])
            return Failed(message=f"every instrument failed in the pass of {times}: {reason}")
        if has_failed(it.report):
            bad = {outcome.instrument.name for outcome in it.report.outcomes if outcome.status is DayStatus.FAILED}
            told += f"; the last pass failed for {', '.join(sorted(bad)) or 'lack of a ledger'}"
        return Completed(message=told)


def _all_failed(this: Pass) -> str | None:
    """Why every instrument failed in a pass; None where one did not."""
    if refusal := this.report.locked_out:
        return refusal.reason
    if this.report.never_reached:
        return this.report.ended or "unknown"
    tails = [tail for tail in this.tails if tail.decision.refusal is None]
    if not tails or not all(tail.failed for tail in tails):
        return None
    errors = [tail.outcome.error for tail in tails if tail.outcome and tail.outcome.error]
    return errors[0] if errors else "unknown"
