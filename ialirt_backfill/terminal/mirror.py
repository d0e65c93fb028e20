"""What a person sees of a mirror: its progress, its plan or its summary, and the views that were made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ialirt_backfill.mirror.events import MirrorAction, MirrorDecision, MirrorListener, MirrorReport, MirrorStatus
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.options.typed import advised
from ialirt_backfill.terminal.consoles import (
    is_screen,
    make_console,
    number,
    prose,
    set_up_logging,
    show_synthetic,
    show_table,
    word,
)
from ialirt_backfill.terminal.lines import say, tell_of_places
from ialirt_backfill.terminal.mirror_progress import MirrorBars, MirrorLines
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import clock, nothing_left, one_line, stretch

if TYPE_CHECKING:
    from rich.console import Console

    from ialirt_backfill.mirror.views import ViewsReport


class MirrorScreen:
    """Results go to standard output, everything else to standard error."""

    def __init__(self, options: MirrorOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)

    @contextmanager
    def watching(self) -> Iterator[MirrorListener]:
        """Show what happens while the mirror goes on."""
        options = self._options
        if options.dry_run:
            yield MirrorListener()
        elif is_screen(self._err) and not options.quiet:
            with MirrorBars(self._err, transient=is_screen(self._out)).shown() as listener:
                yield listener
        else:
            with MirrorLines(self._err, quiet=options.quiet).shown() as listener:
                yield listener

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, "Finishing the days in work; once more to stop at once (they are then loaded again).")

    # --- at the end ---------------------------------------------------------------------------------------------------

    def show(self, report: MirrorReport, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what was loaded, and the command that goes on from there."""
        if self._options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            _show_plan(self._out, report)
        elif not self._options.quiet:
            _show_summary(self._out, report)
        if not self._options.json and not self._options.quiet:
            tell_of_places(self._err, self._options)
        if interrupted:
            said = advised("Interrupted; what is loaded is remembered. To go on", command)
            say(self._err, said, style="bold", to_copy=True)
        elif report.ended:
            say(self._err, f"Ended early: {one_line(report.ended)}", style="yellow")

    def show_views(self, report: ViewsReport) -> None:
        """Show which views stand."""
        if self._options.json:
            write_json(report)
            return
        show_synthetic(self._out, report.synthetic)
        for table in report.without_table:
            if not self._options.quiet:
                say(self._err, f"{table} is not there yet: load days first")
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
        console.print(nothing_left("load", {"still growing": report.summary["skipped_growing"]}))


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
