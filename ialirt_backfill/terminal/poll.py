"""What a person sees of a poll: one line per pass and instrument, and one for each earlier day that was completed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime

from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.access import Refusal
from ialirt_backfill.plan.coverage import percent
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import PollListener, Tail
from ialirt_backfill.run.report import Report
from ialirt_backfill.terminal.consoles import make_console, set_up_logging, show_synthetic
from ialirt_backfill.terminal.lines import Lines, name, say, tell_of_places
from ialirt_backfill.terminal.plan import show_plan
from ialirt_backfill.terminal.words import counted, length, one_line


class PollScreen:
    """What a person sees of a poll. Passes go to standard output, everything else to standard error."""

    def __init__(self, options: PollOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)
        self._told: set[str] = set()
        self._has_shown = options.json or options.quiet

    def listener(self) -> PollListener:
        """Show what happens from now on."""
        options = self._options
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)
        if options.demo and not options.quiet:
            say(self._err, "Demonstration: a simulator on this machine answers; the data are synthetic.", style="bold")
        return PollLines(self)

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, "Ending after the requests in flight; once more to stop at once (nothing is lost either way).")

    def show_pass(self, now: datetime, tails: Sequence[Tail]) -> None:
        """One line per instrument; of a refusal, the first time only."""
        if not self._has_shown:
            show_synthetic(self._out, self._options.demo)
        self._has_shown = True
        width = max((len(tail.instrument.name) for tail in tails), default=0)
        for tail in tails:
            if tail.decision.refusal is not None and not self.is_new(tail.decision.refusal):
                continue
            if tail.failed or not self._options.quiet:
                line = f"{now:%Y-%m-%d %H:%M:%S}Z  {tail.instrument.name:{width}}  {tail_line(tail, now)}"
                say(self._out, line, style="red" if tail.failed else "")

    def is_new(self, refusal: Refusal) -> bool:
        """Whether this refusal is told of for the first time."""
        if refusal.reason in self._told:
            return False
        self._told.add(refusal.reason)
        return True

    def show(self, report: Report) -> None:
        """Show the plan of a dry run, or the object that was asked for."""
        if self._options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            if not self._options.quiet:
                tell_of_places(self._err, self._options)
            show_plan(self._out, report.plan, unfolded=self._options.verbose, synthetic=report.is_synthetic)
        if report.ended:
            say(self._err, f"Ended early: {report.ended}", style="yellow")


class PollLines(Lines, PollListener):
    """Tells of earlier days as a backfill does; of today, one line per pass and instrument."""

    def __init__(self, screen: PollScreen) -> None:
        super().__init__(screen._err, quiet=screen._options.quiet, places=screen._options)
        self._screen = screen
        self._now: datetime | None = None

    def pass_begun(self, now: datetime) -> None:
        self._now = now
        self.tell_of_places()

    def tails_asked(self, now: datetime, tails: Sequence[Tail]) -> None:
        self._screen.show_pass(now, tails)

    def planned(self, plan: Sequence[Decision]) -> None:
        if any(decision.action.asks for decision in plan):
            super().planned(plan)

    def day_finished(self, outcome: DayOutcome) -> None:
        if self._now is None or outcome.day != self._now.date():
            super().day_finished(outcome)

    def day_skipped(self, decision: Decision) -> None:
        if self._now is not None and decision.day == self._now.date():
            return
        if decision.refusal is None:
            super().day_skipped(decision)
        elif self._screen.is_new(decision.refusal) and not self._quiet:
            say(self._console, f"{name(decision)}  {decision.action.value}  {decision.reason}")


def tail_line(tail: Tail, now: datetime) -> str:
    """New records, availability so far, and the age of the newest record; or why there is nothing to tell."""
    if tail.outcome is None or tail.decision.refusal is not None:
        return f"{tail.decision.action.value}  {one_line(tail.decision.reason)}"
    if tail.outcome.interrupted and tail.outcome.unreached:
        return f"not reached  {one_line(tail.outcome.unreached)}"
    if tail.outcome.interrupted:
        return "interrupted"
    if tail.failed:
        return f"failed  {one_line(tail.outcome.error or '')}"
    new = f"+{counted(tail.outcome.records_added, 'record')}"
    age = f"newest {length((now - tail.newest).total_seconds())} old" if tail.newest else "no record yet"
    rejected = f"  {counted(len(tail.outcome.rejected), 'record')} rejected" if tail.outcome.rejected else ""
    return f"{new:>14}  {percent(tail.availability_pct):>7}  {age}{rejected}"
