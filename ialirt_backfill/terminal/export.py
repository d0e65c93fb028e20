"""What a person sees of an export: its progress, and its plan or its summary."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ialirt_backfill.export.events import ExportAction, ExportDecision, ExportListener, ExportReport, MonthOutcome
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.terminal.consoles import is_screen
from ialirt_backfill.terminal.copying import CopyScreen
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.words import clock, counted, one_line


class ExportScreen(CopyScreen[ExportListener, ExportReport]):
    """What a person sees of an export."""

    verb = "export"
    finishing = "Finishing the file in work; once more to stop at once (it is then as it was)."
    kept = "the files that are written stay"
    untouched = "nothing is written"
    numbers = ("days", "exported", "failed", "skipped", "records", "files", "time")

    def _silent(self) -> ExportListener:
        return ExportListener()

    def _bars(self) -> AbstractContextManager[ExportListener]:
        return ExportBar(self._err, transient=is_screen(self._out)).shown()

    def _lines(self) -> AbstractContextManager[ExportListener]:
        return nullcontext(ExportLines(self._err, quiet=self._options.quiet))

    def _target(self, report: ExportReport) -> str:
        return str(report.to)

    def _has_worked(self, report: ExportReport) -> bool:
        return bool(report.outcomes)

    def _row(self, name: str, report: ExportReport) -> Sequence[str]:
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
