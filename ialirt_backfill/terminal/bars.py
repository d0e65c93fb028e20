"""Progress on a terminal: a bar for each instrument, a line for each day in work, failures scrolling above."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ialirt_backfill.options import StoreOptions
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.plan.estimate import Estimate
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.terminal.lines import cost_line, name, plan_line, say, tell_of_places, tell_of_trouble
from ialirt_backfill.terminal.words import clock, counted, one_line, short_count
from ledger import DayStatus

REFRESHES_PER_SECOND = 8
LEAST_BAR, WIDEST_BAR = 6, 40
BETWEEN = 3


@dataclass(slots=True)
class _InWork:
    """A day that a worker has taken."""

    decision: Decision
    since: float
    asked_seconds: float
    answered_seconds: float = 0.0
    window: Span | None = None
    retries: int = 0
    retry_of: str | None = None

    @property
    def share_done(self) -> float:
        return min(1.0, self.answered_seconds / self.asked_seconds) if self.asked_seconds else 0.0


@dataclass(slots=True)
class _Row:
    """The days of one instrument that are to be asked for."""

    total: int = 0
    finished: int = 0
    failed: int = 0
    no_data: int = 0
    records: int = 0
    ended: float | None = None
    in_work: dict[Decision, _InWork] = field(default_factory=dict)

    @property
    def done(self) -> float:
        """Days, with those in work counted as far as they have come."""
        return self.finished + sum(day.share_done for day in self.in_work.values())


class Bars(Listener):
    """Draws itself anew several times a second, for as long as the block of :meth:`shown` lasts.

    With ``transient`` the bars go when they are done, because a summary follows on the same screen. ``places`` are the
    options whose places are told of.
    """

    def __init__(
        self,
        console: Console,
        *,
        transient: bool = True,
        clock: Callable[[], float] = time.monotonic,
        places: StoreOptions | None = None,
    ) -> None:
        self._places = places
        self._console, self._transient, self._clock = console, transient, clock
        # A signal handler prints, and printing draws: the thread that holds the lock may come back for it.
        self._lock = threading.RLock()
        self._rows: dict[str, _Row] = {}
        self._began = clock()

    @contextmanager
    def shown(self) -> Iterator[Listener]:
        live = Live(
            console=self._console,
            get_renderable=self.frame,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=self._transient,
            vertical_overflow="crop",
        )
        with live:
            yield self

    # --- what the run tells -------------------------------------------------------------------------------------------

    def planned(self, plan: Sequence[Decision]) -> None:
        rows: dict[str, _Row] = {}
        for decision in plan:
            if decision.action.asks:
                rows.setdefault(decision.instrument.name, _Row()).total += 1
        with self._lock:
            self._rows, self._began = rows, self._clock()
        if self._places is not None:
            tell_of_places(self._console, self._places)
            self._places = None
        if plan:
            say(self._console, plan_line(plan))

    def estimated(self, cost: Estimate) -> None:
        say(self._console, cost_line(cost))

    def day_started(self, decision: Decision) -> None:
        asked_seconds = sum(span.duration.total_seconds() for span in decision.spans)
        with self._lock:
            self._row(decision).in_work[decision] = _InWork(decision, self._clock(), asked_seconds)

    def asking(self, decision: Decision, window: Span, retry_of: str | None) -> None:
        with self._lock:
            if day := self._row(decision).in_work.get(decision):
                day.retries = day.retries + 1 if retry_of else 0
                day.window, day.retry_of = window, retry_of

    def answered(self, decision: Decision, window: Span, records: int) -> None:
        with self._lock:
            if day := self._row(decision).in_work.get(decision):
                day.answered_seconds += window.duration.total_seconds()
                day.retries, day.retry_of = 0, None

    def day_finished(self, outcome: DayOutcome) -> None:
        with self._lock:
            row = self._row(outcome.decision)
            row.in_work.pop(outcome.decision, None)
            if not outcome.interrupted:
                row.finished += 1
                row.failed += outcome.status is DayStatus.FAILED
                row.no_data += outcome.status is DayStatus.NO_DATA
            row.records += outcome.records_added
            self._note_end(row)
        tell_of_trouble(self._console, outcome)

    def day_skipped(self, decision: Decision) -> None:
        with self._lock:
            row = self._row(decision)
            for day in [day for day in row.in_work if day.day == decision.day]:
                del row.in_work[day]
            row.total = max(0, row.total - 1)
            self._note_end(row)

    def stopping(self, why: str) -> None:
        say(self._console, f"No further day is begun: {why}", style="yellow")

    def _row(self, decision: Decision) -> _Row:
        return self._rows.setdefault(decision.instrument.name, _Row(total=1))

    def _note_end(self, row: _Row) -> None:
        if row.finished >= row.total:
            row.ended = self._clock()

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def frame(self) -> RenderableType:
        """The display as it stands."""
        with self._lock:
            rows = dict(self._rows)
            in_work = [day for row in rows.values() for day in row.in_work.values()]
            room = max(1, self._console.height - len(rows) - 3)
            lines = [self._work_line(day) for day in in_work[:room]]
            if len(in_work) > room:
                lines.append(Text(f"  and {counted(len(in_work) - room, 'day')} more in work", style="dim"))
            return Group(self._table(rows), *lines)

    def _table(self, rows: dict[str, _Row]) -> RenderableType:
        digits = max((len(f"{row.total:,}") for row in rows.values()), default=1)
        texts = {name: self._text(row, digits) for name, row in rows.items()}
        longest = max((text.cell_len for text in texts.values()), default=0)
        left_for_bar = self._console.width - max(map(len, rows), default=0) - longest - BETWEEN
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(width=max(LEAST_BAR, min(WIDEST_BAR, left_for_bar)))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for instrument, row in rows.items():
            bar = ProgressBar(
                total=max(row.total, 1),
                completed=row.done if row.total else 1,
                complete_style="yellow" if row.failed else "cyan",
                finished_style="red" if row.failed else "green",
            )
            grid.add_row(Text(instrument, style="bold"), bar, texts[instrument])
        return grid

    def _text(self, row: _Row, digits: int) -> Text:
        parts = [Text(f"{row.finished:>{digits},}/{row.total:<{digits},} day{'' if row.total == 1 else 's'}")]
        if row.failed:
            parts.append(Text(f"{row.failed:,} failed", style="red"))
        if row.no_data:
            parts.append(Text(f"{row.no_data:,} no data"))
        parts += [Text(f"{short_count(row.records)} record{'' if row.records == 1 else 's'}"), Text(self._left(row))]
        return Text(" · ").join(parts)

    def _left(self, row: _Row) -> str:
        """The time left, as the days so far foretell it."""
        if row.ended is not None:
            return f"took {clock(row.ended - self._began)}"
        if not row.done:
            return "-:-- left"
        return f"{clock((self._clock() - self._began) * (row.total - row.done) / row.done)} left"

    def _work_line(self, day: _InWork) -> Text:
        line = Text(f"  {name(day.decision)}  ", no_wrap=True, overflow="ellipsis")
        line.append("" if day.window is None else f"{day.window}  ")
        line.append(clock(self._clock() - day.since), style="dim")
        if day.retry_of:
            line.append(f"  retry {day.retries}: {one_line(day.retry_of)}", style="yellow")
        return line
