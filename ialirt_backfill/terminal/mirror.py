"""What a person sees of a mirror: a line per day, its plan or its summary, and the views that were made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ialirt_backfill.mirror.loading import (
    MirrorAction,
    MirrorDecision,
    MirrorListener,
    MirrorOutcome,
    MirrorReport,
    MirrorStatus,
)
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.terminal.consoles import (
    make_console,
    number,
    prose,
    set_up_logging,
    show_synthetic,
    show_table,
    word,
)
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import clock, counted, one_line, stretch

if TYPE_CHECKING:
    from rich.console import Console

    from ialirt_backfill.mirror.views import ViewsReport


class MirrorScreen(MirrorListener):
    """Results go to standard output, everything else to standard error."""

    def __init__(self, options: MirrorOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)
        self._to_load = self._done = 0
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)

    # --- while it goes on ---------------------------------------------------------------------------------------------

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        self._to_load = sum(decision.action is MirrorAction.LOAD for decision in plan)
        if not self._options.dry_run:
            self._tell(f"{counted(self._to_load, 'day')} to load, {len(plan) - self._to_load:,} to skip")

    def waiting(self, decision: MirrorDecision) -> None:
        self._tell(f"{_name(decision)}  waiting: another mirror works on this table")

    def day_finished(self, outcome: MirrorOutcome) -> None:
        self._done += 1
        if outcome.status is MirrorStatus.FAILED:
            say(self._err, one_line(outcome.error or ""), style="red")
            return
        rows = f"{outcome.records:,} records in {outcome.seconds:.1f} s"
        self._tell(f"{_name(outcome.decision)}  {rows}  ({self._done:,} of {self._to_load:,})")

    def day_skipped(self, decision: MirrorDecision) -> None:
        self._done += 1
        self._tell(f"{_name(decision)}  {decision.action.value}  {decision.reason}")

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, "Finishing the day in work; once more to stop at once (the day is then loaded again).")

    def _tell(self, line: str) -> None:
        if not self._options.quiet:
            say(self._err, line)

    # --- at the end ---------------------------------------------------------------------------------------------------

    def show(self, report: MirrorReport, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what was loaded, and the command that goes on from there."""
        if self._options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            _show_plan(self._out, report)
        elif not self._options.quiet:
            _show_summary(self._out, report)
        if interrupted:
            say(self._err, f"Interrupted; what is loaded is remembered. To go on: {command}", style="bold")
        elif report.ended:
            say(self._err, f"Ended early: {one_line(report.ended)}", style="yellow")

    def show_views(self, report: ViewsReport) -> None:
        """Show which views stand."""
        if self._options.json:
            write_json(report)
            return
        show_synthetic(self._out, report.synthetic)
        for table in report.without_table:
            self._tell(f"{table} is not there yet: load days first")
        for view in report.views:
            self._out.print(f"{view.name}  {'made' if view.is_new else 'stands'}")


def _show_plan(console: Console, report: MirrorReport) -> None:
    show_synthetic(console, report.is_synthetic)
    console.print(f"Into {report.database}; nothing is loaded or written (--dry-run)")
    rows = [
        (first.instrument.name, stretch(first.day, last.day), first.action.value, first.reason)
        for first, last in _folded(report.plan)
    ]
    if rows:
        show_table(console, [word("instrument"), word("day"), word("decision"), prose("reason")], rows)
    else:
        console.print("No day of the range has a file.")


def _show_summary(console: Console, report: MirrorReport) -> None:
    rows = [_row(name, report) for name in dict.fromkeys(decision.instrument.name for decision in report.plan)]
    show_synthetic(console, report.is_synthetic)
    console.print(f"Into {report.database}")
    if not rows:
        console.print("No day of the range has a file.")
        return
    numbers = [number(name) for name in ("days", "loaded", "failed", "skipped", "records", "time")]
    show_table(console, [word("instrument"), *numbers], rows)
    if not report.outcomes and not report.ended:
        console.print("Nothing is left to do.")


def _row(name: str, report: MirrorReport) -> tuple[str, ...]:
    plan = [decision for decision in report.plan if decision.instrument.name == name]
    outcomes = [outcome for outcome in report.outcomes if outcome.decision.instrument.name == name]
    skipped = sum(decision.action is not MirrorAction.LOAD for decision in plan)
    skipped += sum(decision.instrument.name == name for decision in report.skipped)
    statuses = [outcome.status for outcome in outcomes]
    return (
        name,
        f"{len(plan):,}",
        f"{statuses.count(MirrorStatus.LOADED):,}",
        f"{statuses.count(MirrorStatus.FAILED):,}",
        f"{skipped:,}",
        f"{sum(outcome.records for outcome in outcomes):,}",
        clock(sum(outcome.seconds for outcome in outcomes)),
    )


def _folded(plan: Sequence[MirrorDecision]) -> Iterator[tuple[MirrorDecision, MirrorDecision]]:
    """Runs of neighbouring lines of one instrument with the same action and reason, as their first and last."""
    first = last = None
    for decision in sorted(plan, key=lambda decision: (decision.instrument.name, decision.day)):
        if first is not None and last is not None:
            if _words(first) == _words(decision) and (decision.day - last.day).days == 1:
                last = decision
                continue
            yield first, last
        first = last = decision
    if first is not None and last is not None:
        yield first, last


def _words(decision: MirrorDecision) -> tuple[str, str, str]:
    return decision.instrument.name, decision.action.value, decision.reason


def _name(decision: MirrorDecision) -> str:
    return f"{decision.instrument.name} {decision.day}"
