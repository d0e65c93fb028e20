"""What a person sees of an export: its progress, and its plan or its summary."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ialirt_backfill.export.events import ExportAction, ExportDecision, ExportListener, ExportReport, MonthOutcome
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import ExportOptions
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
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.words import clock, counted, nothing_left, one_line, stretch


class ExportScreen:
    """Results go to standard output, everything else to standard error."""

    def __init__(self, options: ExportOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)

    @contextmanager
    def watching(self) -> Iterator[ExportListener]:
        """Show what happens while the export goes on."""
        options = self._options
        if options.dry_run:
            yield ExportListener()
        elif is_screen(self._err) and not options.quiet:
            with ExportBar(self._err, transient=is_screen(self._out)).shown() as listener:
                yield listener
        else:
            yield ExportLines(self._err, quiet=options.quiet)

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, "Finishing the file in work; once more to stop at once (it is then as it was).")

    # --- at the end ---------------------------------------------------------------------------------------------------

    def show(self, report: ExportReport, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what was written, and the command that goes on from there."""
        if self._options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            _show_plan(self._out, report)
        elif not self._options.quiet:
            _show_summary(self._out, report)
        if interrupted:
            said = advised("Interrupted; the files that are written stay. To go on", command)
            say(self._err, said, style="bold", to_copy=True)


class ExportLines(ExportListener):
    """Speaks in lines; ``quiet`` leaves only the failures."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet

    def planned(self, plan: Sequence[ExportDecision]) -> None:
        self._tell(plan_line(plan))

    def waiting(self, folder: Path) -> None:
        self._tell(waiting_line(folder))

    def month_finished(self, outcome: MonthOutcome) -> None:
        tell_of_failures(self._console, outcome)
        if outcome.records:
            self._tell(month_line(outcome))

    def _tell(self, line: str) -> None:
        if not self._quiet:
            say(self._console, line)


class ExportBar(ExportListener):
    """A bar for all days, by the size of their files, with the time left; failures scroll above."""

    def __init__(self, console: Console, *, transient: bool) -> None:
        self._console = console
        words = TextColumn("{task.description}")
        self._progress = Progress(words, BarColumn(), TimeRemainingColumn(), console=console, transient=transient)
        self._task: TaskID | None = None
        self._sizes: dict[tuple[Instrument, date], int] = {}
        self._lock = threading.RLock()

    @contextmanager
    def shown(self) -> Iterator[ExportListener]:
        with self._progress:
            yield self

    def planned(self, plan: Sequence[ExportDecision]) -> None:
        say(self._console, plan_line(plan))
        to_write = {(it.instrument, it.month) for it in plan if it.action is ExportAction.EXPORT}
        for it in plan:
            if (it.instrument, it.month) in to_write:
                self._sizes[it.instrument, it.month] = self._sizes.get((it.instrument, it.month), 0) + it.size
        if to_write:
            self._task = self._progress.add_task("", total=sum(self._sizes.values()))

    def waiting(self, folder: Path) -> None:
        say(self._console, waiting_line(folder))

    def month_started(self, instrument: Instrument, month: date, days: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, description=f"{instrument.name} {month:%Y-%m}")

    def month_finished(self, outcome: MonthOutcome) -> None:
        tell_of_failures(self._console, outcome)
        if self._task is not None:
            self._progress.advance(self._task, self._sizes[outcome.instrument, outcome.month])


def plan_line(plan: Sequence[ExportDecision]) -> str:
    """The plan in a line."""
    to_write = [it for it in plan if it.action is ExportAction.EXPORT]
    files = len({(it.instrument, it.month) for it in to_write})
    skipped = len(plan) - len(to_write)
    return f"{counted(len(to_write), 'day')} to write into {counted(files, 'file')}, {skipped:,} to skip"


def waiting_line(folder: Path) -> str:
    return f"waiting: another export writes into {folder}"


def month_line(outcome: MonthOutcome) -> str:
    days, rows = counted(len(outcome.records), "day"), f"{sum(outcome.records.values()):,} records"
    return f"{outcome.instrument.name} {outcome.month:%Y-%m}  {days}, {rows} in {outcome.seconds:.1f} s"


def tell_of_failures(console: Console, outcome: MonthOutcome) -> None:
    """A line for each reason, once, in red."""
    for reason in dict.fromkeys(outcome.failed.values()):
        say(console, one_line(reason), style="red")


# --- plan and summary -------------------------------------------------------------------------------------------------


def _show_plan(console: Console, report: ExportReport) -> None:
    show_synthetic(console, report.is_synthetic)
    console.print(f"Into {report.to}; nothing is written (--dry-run)", soft_wrap=True)
    rows = [
        (first.instrument.name, stretch(first.day, last.day), first.action.value, first.reason)
        for first, last in _folded(report.plan)
    ]
    if rows:
        show_table(console, [word("instrument"), word("day"), word("decision"), prose("reason")], rows)
    else:
        console.print("No day of the range has a file.")


def _folded(plan: Sequence[ExportDecision]) -> Iterator[tuple[ExportDecision, ExportDecision]]:
    """Runs of neighbouring days of one instrument with the same action and reason, as their first and last."""
    run: list[ExportDecision] = []
    for it in sorted(plan, key=lambda decision: (decision.instrument.name, decision.day)):
        if run and (_words(run[-1]) != _words(it) or (it.day - run[-1].day).days != 1):
            yield run[0], run[-1]
            run = []
        run.append(it)
    if run:
        yield run[0], run[-1]


def _words(decision: ExportDecision) -> tuple[str, str, str]:
    return decision.instrument.name, decision.action.value, decision.reason


def _show_summary(console: Console, report: ExportReport) -> None:
    show_synthetic(console, report.is_synthetic)
    console.print(f"Into {report.to}", soft_wrap=True)
    names = list(dict.fromkeys(decision.instrument.name for decision in report.plan))
    if not names:
        console.print("No day of the range has a file.")
        return
    numbers = [number(name) for name in ("days", "exported", "failed", "skipped", "records", "files", "time")]
    show_table(console, [word("instrument"), *numbers], [_row(name, report) for name in names])
    if not report.outcomes:
        console.print(nothing_left("export", {"still growing": report.summary["skipped_growing"]}))


def _row(name: str, report: ExportReport) -> tuple[str, ...]:
    plan = [it for it in report.plan if it.instrument.name == name]
    outcomes = [it for it in report.outcomes if it.instrument.name == name]
    return (
        name,
        f"{len(plan):,}",
        f"{sum(len(it.records) for it in outcomes):,}",
        f"{sum(len(it.failed) for it in outcomes):,}",
        f"{sum(it.action is not ExportAction.EXPORT for it in plan):,}",
        f"{sum(sum(it.records.values()) for it in outcomes):,}",
        f"{sum(it.size > 0 for it in outcomes):,}",
        clock(sum(it.seconds for it in outcomes)),
    )
