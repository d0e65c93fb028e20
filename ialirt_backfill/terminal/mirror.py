"""What a person sees of a mirror: its progress, its plan or its summary, and the views that were made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ialirt_backfill.mirror.events import MirrorAction, MirrorListener, MirrorReport, MirrorStatus
from ialirt_backfill.terminal.consoles import is_screen, show_synthetic
from ialirt_backfill.terminal.copying import CopyScreen
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.mirror_progress import MirrorBars, MirrorLines
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import clock, one_line

if TYPE_CHECKING:
    from ialirt_backfill.mirror.views import ViewsReport


class MirrorScreen(CopyScreen[MirrorListener, MirrorReport]):
    """What a person sees of a mirror."""

    verb = "load"
    finishing = "Finishing the days in work; once more to stop at once (they are then loaded again)."
    kept = "what is loaded is remembered"
    untouched = "nothing is loaded or written"
    numbers = ("days", "loaded", "failed", "skipped", "records", "time")

    def show(self, report: MirrorReport, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what was loaded; the command that goes on from there, or why it ended."""
        super().show(report, interrupted=interrupted, command=command)
        if report.ended and not interrupted:
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

    def _silent(self) -> MirrorListener:
        return MirrorListener()

    def _bars(self) -> AbstractContextManager[MirrorListener]:
        return MirrorBars(self._err, transient=is_screen(self._out)).shown()

    def _lines(self) -> AbstractContextManager[MirrorListener]:
        return MirrorLines(self._err, quiet=self._options.quiet).shown()

    def _target(self, report: MirrorReport) -> str:
        return report.database

    def _has_worked(self, report: MirrorReport) -> bool:
        return bool(report.outcomes or report.ended)

    def _row(self, name: str, report: MirrorReport) -> Sequence[str]:
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
