"""One flow an hour: it polls all instruments every few minutes and ends before the hour does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import flagged, show_plan, show_results, show_today
from flows.days import in_threads, skipped, threads
from flows.logs import library_logs
from flows.notices import Notices
from flows.settings import api_key, completed
from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import IalirtBackfillError
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.clock import Clock, end_of_hour, running_clock
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import Pass
from ialirt_backfill.run.poll import Poll, has_failed, polling
from ialirt_backfill.run.poll_planning import dry_plan
from ledger import DayStatus, LedgerError

NAME = "ialirt-poll"


@flow(name=NAME)
def poll(options: PollOptions = PollOptions()) -> State[None]:  # noqa: B008 - frozen, and so the form shows defaults
    """Keep today complete until the hour of this run's schedule ends.

    Args:
        options: what to poll and how; what is left at its default comes from the worker's environment
    """
    options = completed(options)
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
        return Completed(name="Skipped", message=f"started at {now:%H:%M:%S}, after its hour had ended")
    if options.dry_run:
        show_plan(NAME, dry_plan(options, now, key=api_key(options)), synthetic=options.demo)
        return Completed(message=flagged("planned only (dry run)", synthetic=options.demo))
    hour = _Hour(synthetic=options.demo)
    stop = Stop()
    with (
        library_logs(),
        polling(options, key=api_key(options), listener=hour, stop=stop, clock=clock, sleep=sleep, end=end) as it,
        threads(options.jobs) as tasks,
    ):
        try:
            while True:
                try:
                    this = it.begin()
                    called = _called(this.now)
                    for decision in this.planned:
                        if not decision.action.asks and decision.refusal is None:  # a refusal had its task already
                            skipped(tasks, decision, called)
                    it.ask(this, in_threads(tasks, called))
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


def _called(now: datetime) -> Callable[[Decision], str]:
    """The name of an instrument's task in the pass of ``now``."""
    return lambda decision: f"{decision.instrument.name} {now:%H:%M}"


class _Hour(Notices):
    """What the passes of one run came to."""

    def __init__(self, *, synthetic: bool) -> None:
        super().__init__(synthetic=synthetic)
        self._passes = 0
        self._added: Counter[str] = Counter()
        self._last: Pass | None = None
        self._earlier: dict[tuple[str, str], DayOutcome] = {}
        self._all_failed: list[tuple[datetime, str]] = []

    def take_in(self, this: Pass) -> None:
        """A pass is done."""
        self._passes += 1
        self._last = this
        for outcome in this.report.outcomes:
            self._added[outcome.instrument.name] += outcome.records_added
            if outcome.day != this.now.date() and not outcome.interrupted:
                self._earlier[outcome.instrument.name, outcome.day.isoformat()] = outcome
        if refusal := this.report.locked_out:
            self._all_failed.append((this.now, refusal.reason))
            return
        if this.report.never_reached:
            self._all_failed.append((this.now, this.report.ended or "unknown"))
            return
        tails = [tail for tail in this.tails if tail.decision.refusal is None]
        if tails and all(tail.failed for tail in tails):
            errors = [tail.outcome.error for tail in tails if tail.outcome and tail.outcome.error]
            self._all_failed.append((this.now, errors[0] if errors else "unknown"))

    def fail(self, now: datetime, error: str) -> None:
        """A pass could not be carried out at all."""
        self._passes += 1
        self._all_failed.append((now, error))

    def show(self) -> None:
        """The artifacts of the run."""
        if self._last is not None:
            show_today(NAME, self._last.tails, self._added, synthetic=self._synthetic)
        if self._earlier:
            show_results(NAME, self._earlier.values(), synthetic=self._synthetic)

    def state(self, it: Poll) -> State[None]:
        """Failed where in some pass every instrument failed."""
        told = flagged(f"{self._passes} passes, +{self._added.total():,} records", synthetic=self._synthetic)
        get_run_logger().info(told)
        if self._all_failed:
            times = ", ".join(f"{now:%H:%M:%S}" for now, _ in self._all_failed)
            return Failed(message=f"every instrument failed in the pass of {times}: {self._all_failed[-1][1]}")
        if has_failed(it.report):
            bad = {outcome.instrument.name for outcome in it.report.outcomes if outcome.status is DayStatus.FAILED}
            told += f"; the last pass failed for {', '.join(sorted(bad)) or 'lack of a ledger'}"
        return Completed(message=told)
