"""Progress where there is no terminal: one line for every finished day, and one every 30 s on long days."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ialirt_backfill.options import StoreOptions
from ialirt_backfill.options.datastore import LEDGER
from ialirt_backfill.plan.coverage import Span, percent
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.plan.estimate import Basis, Estimate
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.terminal.plan import totals
from ialirt_backfill.terminal.words import both_ends, clock, counted, one_line, rough_length, rough_size, stretch
from ledger import DayStatus

if TYPE_CHECKING:
    from ialirt_backfill.run.report import Report  # it loads pyarrow, which whoever has a report has loaded already

LONG_DAY_SECONDS = 30.0


@dataclass(slots=True)
class _InWork:
    decision: Decision
    since: float
    spoken: float
    state: str = "begun"


class Lines(Listener):
    """Speaks in lines; ``quiet`` leaves only the failures. ``places`` are the options whose places are told of."""

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        every_seconds: float = LONG_DAY_SECONDS,
        places: StoreOptions | None = None,
    ) -> None:
        self._console, self._quiet, self._every_seconds = console, quiet, every_seconds
        self._places = None if quiet else places
        self._lock = threading.Lock()
        self._in_work: dict[Decision, _InWork] = {}

    @contextmanager
    def shown(self) -> Iterator[Listener]:
        """Tell of long days for as long as the block lasts."""
        finished = threading.Event()

        def watch() -> None:
            while not finished.wait(min(1.0, self._every_seconds)):
                self._tell_of_long_days()

        watcher = threading.Thread(target=watch, name="long days", daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            finished.set()
            watcher.join()

    def planned(self, plan: Sequence[Decision]) -> None:
        self.tell_of_places()
        if plan and not self._quiet:
            say(self._console, plan_line(plan))

    def tell_of_places(self) -> None:
        """The first time only."""
        if self._places is not None:
            tell_of_places(self._console, self._places)
        self._places = None

    def estimated(self, cost: Estimate) -> None:
        if not self._quiet:
            say(self._console, cost_line(cost))

    def day_started(self, decision: Decision) -> None:
        now = time.monotonic()
        with self._lock:
            self._in_work[decision] = _InWork(decision, now, now)

    def asking(self, decision: Decision, window: Span, retry_of: str | None) -> None:
        self._note(decision, f"asking for {window}" + (f" again: {one_line(retry_of)}" if retry_of else ""))

    def answered(self, decision: Decision, window: Span, records: int) -> None:
        self._note(decision, f"has {window}")

    def day_finished(self, outcome: DayOutcome) -> None:
        with self._lock:
            self._in_work.pop(outcome.decision, None)
        tell_of_trouble(self._console, outcome)
        if not self._quiet and not outcome.interrupted and outcome.status is not DayStatus.FAILED:
            say(self._console, f"{name(outcome.decision)}  {found(outcome)}")

    def day_skipped(self, decision: Decision) -> None:
        with self._lock:
            for day in [
                day for day in self._in_work if (day.instrument, day.day) == (decision.instrument, decision.day)
            ]:
                del self._in_work[day]
        if not self._quiet and decision.refusal is None:  # what is refused is told of at the end, all at once
            say(self._console, f"{name(decision)}  {decision.action.value}  {decision.reason}")

    def stopping(self, why: str) -> None:
        say(self._console, f"No further day is begun: {why}")

    def _note(self, decision: Decision, state: str) -> None:
        with self._lock:
            if day := self._in_work.get(decision):
                day.state = state

    def _tell_of_long_days(self) -> None:
        now = time.monotonic()
        with self._lock:
            long = [day for day in self._in_work.values() if now - day.spoken >= self._every_seconds]
            for day in long:
                day.spoken = now
        if not self._quiet:
            for day in long:
                say(self._console, f"{name(day.decision)}  in work for {clock(now - day.since)}, {day.state}")


def say(console: Console, line: str, style: str = "", *, to_copy: bool = False) -> None:
    """One line; on a terminal it goes on below, between words, unless it is one ``to_copy``."""
    console.print(Text(one_line(line) if "\n" in line else line, style), soft_wrap=to_copy or not console.is_terminal)


def tell_of_places(console: Console, options: StoreOptions) -> None:
    """Where the files are and where the ledger is: once in a run."""
    ledger = f"its ledger is {LEDGER}" if options.is_own_ledger else f"ledger {options.ledger_shown}"
    say(console, f"Datastore {options.datastore_shown}, {ledger}", to_copy=True)


def plan_line(plan: Sequence[Decision]) -> str:
    """The plan in a line."""
    names = dict.fromkeys(decision.instrument.name for decision in plan)
    return f"{both_ends([decision.day for decision in plan])}; {', '.join(names)}: {totals(plan)}"


def cost_line(cost: Estimate) -> str:
    """What a plan is going to cost, and what says so."""
    takes = f"Takes {rough_length(cost.seconds)} and {rough_size(cost.size_bytes)} on disk"
    if cost.basis is Basis.HISTORY:
        return f"{takes}, going by earlier runs"
    return f"{takes}: a guess, at a second a request and by the table of instruments"


def tell_of_refusals(console: Console, report: Report) -> None:
    """What the server refused, and what to do about it: a line for each reason."""
    days: dict[str, list[Decision]] = {}
    for decision in report.without_access:
        days.setdefault(decision.reason, []).append(decision)
    for reason, refused in days.items():
        names = ", ".join(dict.fromkeys(it.instrument.name for it in refused))
        first, last = min(it.day for it in refused), max(it.day for it in refused)
        style = "bold" if any(it in report.missed for it in refused) else ""
        what = f"{names} {stretch(first, last)} ({counted(len(refused), 'instrument-day')})"
        say(console, f"Not to be had: {what}: {reason}. Then the same command fetches them.", style=style)


def tell_of_trouble(console: Console, outcome: DayOutcome) -> None:
    """A failure in red, rejected records in yellow; nothing where there is neither."""
    if outcome.status is DayStatus.FAILED and not outcome.interrupted:
        say(console, f"{name(outcome.decision)}  failed  {one_line(outcome.error or '')}", style="red")
    tell_of_rejected(console, outcome)


def tell_of_rejected(console: Console, outcome: DayOutcome) -> None:
    """The records that could not be kept, and how the first of them begins."""
    if outcome.rejected:
        rejected = counted(len(outcome.rejected), "record")
        say(console, f"{name(outcome.decision)}  {rejected} rejected: {one_line(outcome.rejected[0])}", style="yellow")


def name(decision: Decision) -> str:
    return f"{decision.instrument.name} {decision.day}"


def found(outcome: DayOutcome) -> str:
    """What a day holds now."""
    if outcome.status is DayStatus.NO_DATA:
        return "no data"
    return f"{counted(outcome.records, 'record')}  {percent(outcome.availability_pct)}  (+{outcome.records_added:,})"
