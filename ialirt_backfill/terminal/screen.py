"""The screen of one run: logging, progress, then its plan or its summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ialirt_backfill.options import BackfillOptions, VerifyOptions, WorkOptions
from ialirt_backfill.options.typed import advised
from ialirt_backfill.run.events import Listener
from ialirt_backfill.terminal.bars import Bars
from ialirt_backfill.terminal.consoles import is_screen, make_console, set_up_logging
from ialirt_backfill.terminal.lines import Lines, cost_line, say, tell_of_places, tell_of_refusals
from ialirt_backfill.terminal.plan import show_plan
from ialirt_backfill.terminal.summary import show_summary

if TYPE_CHECKING:
    from ialirt_backfill.run.report import Report  # it loads pyarrow, which whoever has a report has loaded already


class Screen:
    """What a person sees of one run. Results go to standard output, everything else to standard error."""

    def __init__(self, options: WorkOptions) -> None:
        self._options = options
        self._is_rehearsal = isinstance(options, BackfillOptions) and options.dry_run
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)

    @contextmanager
    def watching(self) -> Iterator[Listener]:
        """Show what happens while the run goes on."""
        options = self._options
        bars = is_screen(self._err) and not options.quiet
        set_up_logging(
            self._err,
            verbose=options.verbose,
            quiet=options.quiet,
            retries_are_shown=bars and not options.verbose,
        )
        if options.demo and not options.quiet:
            say(self._err, "Demonstration: a simulator on this machine answers; the data are synthetic.", style="bold")
        places = None if isinstance(options, VerifyOptions) else options  # what it finds is told with its place
        if self._is_rehearsal:
            yield Listener()
        elif bars:
            with Bars(self._err, transient=is_screen(self._out), places=places).shown() as listener:
                yield listener
        else:
            with Lines(self._err, quiet=options.quiet, places=places).shown() as listener:
                yield listener

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, "Finishing the requests in flight; once more to stop at once (nothing is lost either way).")

    def show(self, report: Report, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what a run did, and the commands that go on from there."""
        if self._options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            if not self._options.quiet:
                tell_of_places(self._err, self._options)
            show_plan(self._out, report.plan, unfolded=self._options.verbose, synthetic=report.is_synthetic)
            if report.estimate is not None:
                say(self._out, cost_line(report.estimate))
        elif not self._options.quiet:
            show_summary(self._out, report)
        summary = report.summary
        has_failed = report.exit_code and (summary["failed"] or summary["skipped_failed"])
        again = command if "--retry-failed" in command or not has_failed else f"{command} --retry-failed"
        if report.ended and not interrupted:
            say(self._err, f"Ended early: {report.ended}", style="yellow")
        if interrupted:
            say(self._err, advised("Interrupted; what arrived is kept. To go on", again), style="bold", to_copy=True)
        elif has_failed:
            say(self._err, advised("To ask again for what failed", again), style="bold", to_copy=True)
        if report.run_id is not None and (not self._options.quiet or report.missed):
            tell_of_refusals(self._err, report)
