"""What a person sees of a command that copies days elsewhere: what happens meanwhile, its plan, or its summary."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.table import Column

from ialirt_backfill.options import ExportOptions, MirrorOptions
from ialirt_backfill.options.typed import advised
from ialirt_backfill.plan.decided import Decided
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
from ialirt_backfill.terminal.words import nothing_left, stretch


class CopyReport(Protocol):
    """What was planned and done. ``run_id`` is None for a dry run."""

    @property
    def run_id(self) -> str | None: ...

    @property
    def is_synthetic(self) -> bool: ...

    @property
    def plan(self) -> Sequence[Decided]: ...

    @property
    def summary(self) -> dict[str, int]: ...

    def to_json(self) -> dict[str, object]: ...


_ListenerT = TypeVar("_ListenerT")
_ReportT = TypeVar("_ReportT", bound=CopyReport)


class CopyScreen(ABC, Generic[_ListenerT, _ReportT]):
    """Results go to standard output, everything else to standard error."""

    verb: ClassVar[str]
    finishing: ClassVar[str]
    """What is said when the person has asked for an end."""
    kept: ClassVar[str]
    """What an interrupted run leaves."""
    untouched: ClassVar[str]
    """What a dry run leaves undone."""
    numbers: ClassVar[Sequence[str]]
    """The columns of the summary, behind that of the instrument."""

    def __init__(self, options: MirrorOptions | ExportOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)

    # --- what differs -------------------------------------------------------------------------------------------------

    @abstractmethod
    def _silent(self) -> _ListenerT:
        """Who hears a dry run."""

    @abstractmethod
    def _bars(self) -> AbstractContextManager[_ListenerT]:
        """Who shows what happens on a terminal."""

    @abstractmethod
    def _lines(self) -> AbstractContextManager[_ListenerT]:
        """Who tells of it elsewhere."""

    @abstractmethod
    def _target(self, report: _ReportT) -> str:
        """Where the days go."""

    @abstractmethod
    def _has_worked(self, report: _ReportT) -> bool:
        """Whether anything was done, or kept from it by trouble."""

    @abstractmethod
    def _row(self, name: str, report: _ReportT) -> Sequence[str]:
        """The line of an instrument in the summary."""

    # --- what is the same ---------------------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[_ListenerT]:
        """Show what happens while the work goes on."""
        if self._options.dry_run:
            yield self._silent()
        else:
            is_drawn = is_screen(self._err) and not self._options.quiet
            with self._bars() if is_drawn else self._lines() as listener:
                yield listener

    def stopping(self) -> None:
        """The person has asked for an end."""
        say(self._err, self.finishing)

    def show(self, report: _ReportT, *, interrupted: bool, command: str) -> None:
        """Show the plan of a dry run, or what was done, and the command that goes on from there."""
        options = self._options
        if options.json:
            sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
        elif report.run_id is None:
            self._show_plan(report)
        elif not options.quiet:
            self._show_summary(report)
        if not options.json and not options.quiet:
            tell_of_places(self._err, options)
        if interrupted:
            said = advised(f"Interrupted; {self.kept}. To go on", command)
            say(self._err, said, style="bold", to_copy=True)

    def _show_plan(self, report: _ReportT) -> None:
        show_synthetic(self._out, report.is_synthetic)
        self._out.print(f"Into {self._target(report)}; {self.untouched} (--dry-run)", soft_wrap=True)
        rows = [
            (first.instrument.name, stretch(first.day, last.day), first.action.value, first.reason)
            for first, last in _folded(report.plan)
        ]
        if rows:
            show_table(self._out, [word("instrument"), word("day"), word("decision"), prose("reason")], rows)
        else:
            self._out.print("No day of the range has a file.")

    def _show_summary(self, report: _ReportT) -> None:
        show_synthetic(self._out, report.is_synthetic)
        self._out.print(f"Into {self._target(report)}", soft_wrap=True)
        names = dict.fromkeys(decision.instrument.name for decision in report.plan)
        if not names:
            self._out.print("No day of the range has a file.")
            return
        columns: list[Column] = [word("instrument"), *(number(name) for name in self.numbers)]
        show_table(self._out, columns, [self._row(name, report) for name in names])
        if not self._has_worked(report):
            self._out.print(nothing_left(self.verb, {"still growing": report.summary["skipped_growing"]}))


def _folded(plan: Sequence[Decided]) -> Iterator[tuple[Decided, Decided]]:
    """Runs of neighbouring days of one instrument with the same action and reason, as their first and last."""
    run: list[Decided] = []
    for it in sorted(plan, key=lambda decision: (decision.instrument.name, decision.day)):
        if run and (_words(run[-1]) != _words(it) or (it.day - run[-1].day).days != 1):
            yield run[0], run[-1]
            run = []
        run.append(it)
    if run:
        yield run[0], run[-1]


def _words(decision: Decided) -> tuple[str, str, str]:
    return decision.instrument.name, decision.action.value, decision.reason
