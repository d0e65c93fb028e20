"""How far a mirror has come: on a terminal a table that draws itself anew, elsewhere a line for every day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ialirt_backfill.mirror.events import MirrorAction, MirrorDecision, MirrorListener, MirrorOutcome, MirrorStatus
from ialirt_backfill.terminal.bars import BETWEEN, LEAST_BAR, REFRESHES_PER_SECOND, WIDEST_BAR
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.words import clock, counted, one_line, short_count

_ALL = "all"


class MirrorLines(MirrorListener):
    """Speaks in lines; ``quiet`` leaves only the failures."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._lock = threading.Lock()
        self._to_load = self._done = 0

    @contextmanager
    def shown(self) -> Iterator[MirrorListener]:
        yield self

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        self._to_load = sum(decision.action is MirrorAction.LOAD for decision in plan)
        self._tell(plan_line(plan))

    def waiting(self, decision: MirrorDecision) -> None:
        self._tell(waiting_line(decision))

    def day_finished(self, outcome: MirrorOutcome) -> None:
        done = self._count()
        if outcome.status is MirrorStatus.FAILED:
            say(self._console, one_line(outcome.error or ""), style="red")
            return
        rows = f"{counted(outcome.records, 'record')} in {outcome.seconds:.1f} s"
        self._tell(f"{name(outcome.decision)}  {rows}  ({done:,} of {self._to_load:,})")

    def day_skipped(self, decision: MirrorDecision) -> None:
        self._count()
        self._tell(f"{name(decision)}  {decision.action.value}  {decision.reason}")

    def _count(self) -> int:
        with self._lock:
            self._done += 1
            return self._done

    def _tell(self, line: str) -> None:
        if not self._quiet:
            say(self._console, line)


@dataclass(slots=True)
class _Row:
    """The days of one instrument, or of all, that are to be loaded. Sizes are in bytes."""

    days: int = 0
    size: int = 0
    finished: int = 0
    finished_size: int = 0
    failed: int = 0
    records: int = 0

    def finish(self, decision: MirrorDecision) -> None:
        self.finished += 1
        self.finished_size += decision.size

    def take_in(self, outcome: MirrorOutcome) -> None:
        self.finish(outcome.decision)
        self.failed += outcome.status is MirrorStatus.FAILED
        self.records += outcome.records


class MirrorBars(MirrorListener):
    """A bar for each instrument and one for all, with the time left; failures scroll above."""

    def __init__(
        self, console: Console, *, transient: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._transient, self._clock = console, transient, clock
        # A signal handler prints, and printing draws: the thread that holds the lock may come back for it.
        self._lock = threading.RLock()
        self._rows: dict[str, _Row] = {}
        self._in_work: dict[str, float] = {}
        self._began = clock()

    @contextmanager
    def shown(self) -> Iterator[MirrorListener]:
        live = Live(
            console=self._console,
            get_renderable=self.frame,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=self._transient,
            vertical_overflow="crop",
        )
        with live:
            yield self

    # --- what the mirror tells ----------------------------------------------------------------------------------------

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        rows: dict[str, _Row] = {}
        for decision in plan:
            if decision.action is MirrorAction.LOAD:
                for title in (decision.instrument.name, _ALL):
                    row = rows.setdefault(title, _Row())
                    row.days += 1
                    row.size += decision.size
        if _ALL in rows:
            rows[_ALL] = rows.pop(_ALL)  # the last
        with self._lock:
            self._rows, self._began = rows, self._clock()
        say(self._console, plan_line(plan))

    def waiting(self, decision: MirrorDecision) -> None:
        say(self._console, waiting_line(decision))

    def day_started(self, decision: MirrorDecision) -> None:
        with self._lock:
            self._in_work[name(decision)] = self._clock()

    def day_finished(self, outcome: MirrorOutcome) -> None:
        with self._lock:
            self._in_work.pop(name(outcome.decision), None)
            for title in (outcome.decision.instrument.name, _ALL):
                self._rows[title].take_in(outcome)
        if outcome.status is MirrorStatus.FAILED:
            say(self._console, one_line(outcome.error or ""), style="red")

    def day_skipped(self, decision: MirrorDecision) -> None:
        with self._lock:
            for title in (decision.instrument.name, _ALL):
                self._rows[title].finish(decision)

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def frame(self) -> RenderableType:
        """The display as it stands."""
        with self._lock:
            in_work = [Text(f"  {it}  {clock(self._clock() - since)}") for it, since in self._in_work.items()]
            room = max(1, self._console.height - len(self._rows) - 2)
            return Group(self._table(), *in_work[:room])

    def _table(self) -> RenderableType:
        titles = [title for title in self._rows if title != _ALL or len(self._rows) > 2]
        digits = max((len(f"{row.days:,}") for row in self._rows.values()), default=1)
        texts = {title: self._text(self._rows[title], digits, is_last=title == titles[-1]) for title in titles}
        longest = max((text.cell_len for text in texts.values()), default=0)
        left_for_bar = self._console.width - max(map(len, titles), default=0) - longest - BETWEEN
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(width=max(LEAST_BAR, min(WIDEST_BAR, left_for_bar)))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for title, text in texts.items():
            row = self._rows[title]
            bar = ProgressBar(
                total=max(row.size, 1),
                completed=row.finished_size if row.size else 1,
                complete_style="yellow" if row.failed else "cyan",
                finished_style="red" if row.failed else "green",
            )
            grid.add_row(Text(title, style="bold"), bar, text)
        return grid

    def _text(self, row: _Row, digits: int, *, is_last: bool) -> Text:
        parts = [Text(f"{row.finished:>{digits},}/{row.days:<{digits},} day{'' if row.days == 1 else 's'}")]
        if row.failed:
            parts.append(Text(f"{row.failed:,} failed", style="red"))
        parts.append(Text(f"{short_count(row.records)} record{'' if row.records == 1 else 's'}"))
        if is_last:
            parts.append(Text(self._left(row)))
        return Text(" · ").join(parts)

    def _left(self, row: _Row) -> str:
        """The time left for all, as the bytes so far foretell it."""
        passed = self._clock() - self._began
        if row.finished >= row.days:
            return f"took {clock(passed)}"
        if not row.finished_size:
            return "-:-- left"
        return f"{clock(passed * (row.size - row.finished_size) / row.finished_size)} left"


def plan_line(plan: Sequence[MirrorDecision]) -> str:
    """The plan in a line."""
    to_load = sum(decision.action is MirrorAction.LOAD for decision in plan)
    return f"{counted(to_load, 'day')} to load, {len(plan) - to_load:,} to skip"


def waiting_line(decision: MirrorDecision) -> str:
    return f"{name(decision)}  waiting: another mirror works on this table"


def name(decision: MirrorDecision) -> str:
    return f"{decision.instrument.name} {decision.day}"
