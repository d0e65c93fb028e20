"""How complete the days are: instruments by days, and the gaps of the last days to the minute. All from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.instruments.boards import LeftOut
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plan.coverage import Span, day_span, gaps_of, is_answered
from ialirt_backfill.plot import look, sheet
from ialirt_backfill.plot.choosing import RESTRICTED
from ialirt_backfill.plot.timeaxis import day as day_number
from ialirt_backfill.plot.timeaxis import set_time
from ialirt_backfill.plot.window import Window
from ialirt_backfill.plot.words import in_words
from ialirt_backfill.reports.status import DayStanding, InstrumentStatus, Standing, instrument_status, open_ledger
from ledger import DayState, DayStatus

CLOSE_DAYS = 3
"""Of so many days at the end the gaps are drawn to the minute."""
_MOST_WRITTEN = 16
"""Of so many days at most each cell says its percentage."""
_WIDTH, _LEFT, _RIGHT, _ROW = 11.0, 1.35, 1.2, 0.3
_SIGNS = {
    Standing.FAILED: "!",
    Standing.NO_DATA: "0",
    Standing.NO_ACCESS: "k",
    Standing.NEVER_ASKED: "",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What the ledger says of a range."""

    days: Sequence[date]
    instruments: Sequence[Instrument]
    statuses: Sequence[InstrumentStatus]
    rows: Mapping[tuple[str, date], DayState]
    newest: datetime | None
    left_out: Sequence[LeftOut]


def look_up(options: PlotOptions, window: Window) -> Found:
    """Read the ledger. Raises UsageError where there is none, or nothing in it that may be seen."""
    days = [day for day in options.days(window.now) if day <= window.now.date()]
    if not days:
        raise UsageError(f"{window.start:%Y-%m-%d} has not begun: there is no coverage to be drawn")
    restricted = [it for it in options.instruments if options.public and it.scopes]
    left_out = [LeftOut(it.name, None, RESTRICTED) for it in restricted]
    instruments = [it for it in options.instruments if it not in restricted]
    if not instruments:
        raise UsageError(f"nothing of {options.board} is left to be drawn: {in_words(left_out)}")
    with open_ledger(options) as ledger:
        rows = ledger.days([it.progress_key for it in instruments], days[0], days[-1])
    seen = {key for (key, _), row in rows.items() if row.status is not DayStatus.PENDING}
    if options.takes_what_it_may:
        instruments = [it for it in instruments if it.progress_key in seen or not it.optional]
    statuses = [instrument_status(it, days, rows, window.now) for it in instruments]
    newest = max((it.newest_record for it in statuses if it.newest_record is not None), default=None)
    return Found(days, instruments, statuses, rows, newest, left_out)


def paint(found: Found, header: sheet.Header) -> Figure:
    """The calendar above, the gaps of its last days below."""
    tall = _ROW * len(found.instruments)
    height = 1.05 + tall + 0.85 + tall + 0.65
    figure = sheet.make_figure(_WIDTH, height, header)
    wide = _WIDTH - _LEFT - _RIGHT
    calendar, close, bar = sheet.boxes(
        figure,
        (_LEFT, 1.05, wide, tall),
        (_LEFT, 1.05 + tall + 0.85, wide, tall),
        (_WIDTH - _RIGHT + 0.15, 1.05, 0.14, tall),
    )
    _calendar(calendar, found, header.window)
    _close(close, found, header.window)
    shown = figure.colorbar(ScalarMappable(Normalize(0, 100), colormaps[look.AVAILABILITY]), cax=bar)
    shown.ax.set_ylabel("Availability [%]", size=look.TEXT)
    sheet.set_footer(figure, header)
    return figure


# --- days -------------------------------------------------------------------------------------------------------------


def _calendar(axes: Axes, found: Found, window: Window) -> None:
    """A cell for each day; what has no availability has a sign."""
    whole = replace(window, stop=day_span(found.days[-1]).end)
    values = np.full((len(found.instruments), len(found.days)), np.nan)
    for row, status in enumerate(found.statuses):
        for column, cell in enumerate(status.calendar):
            if cell.standing in {Standing.COMPLETE, Standing.INCOMPLETE} and cell.availability_pct is not None:
                values[row, column] = cell.availability_pct
    edges = [day_number(day_span(day).start) for day in found.days] + [day_number(whole.stop)]
    colours = colormaps[look.AVAILABILITY]
    axes.patch.set(facecolor="white", edgecolor=look.MISSING_EDGE, hatch=look.MISSING_HATCH)
    axes.pcolormesh(
        edges, np.arange(len(found.instruments) + 1) - 0.5, np.ma.masked_invalid(values), cmap=colours, vmin=0,
        vmax=100, edgecolor="white", linewidth=0.5 if len(found.days) <= 120 else 0.0,
    )  # fmt: skip
    _write_cells(axes, found, edges)
    set_time(axes, whole, most=10, labelled=True)
    _set_instruments(axes, found)
    axes.set_title("Availability by day", size=look.TEXT + 1, weight="bold", loc="left", pad=4)
    axes.text(
        1.0, 1.03, "!  failed     0  asked, no data     k  needs a key     only hatched: never asked",
        transform=axes.transAxes, ha="right", va="bottom", size=look.SMALL, color=look.GREY,
    )  # fmt: skip


def _write_cells(axes: Axes, found: Found, edges: Sequence[float]) -> None:
    """Signs and, where there is room, percentages; rounded down, so that only a complete day reads as 100."""
    if len(found.days) > 120:
        return
    for row, status in enumerate(found.statuses):
        for column, cell in enumerate(status.calendar):
            text, colour = _cell(cell, is_wide=len(found.days) <= _MOST_WRITTEN)
            axes.text(
                (edges[column] + edges[column + 1]) / 2, row, text, ha="center", va="center", size=look.SMALL,
                color=colour, clip_on=True,
            )  # fmt: skip


def _cell(cell: DayStanding, *, is_wide: bool) -> tuple[str, str]:
    if cell.standing in _SIGNS:
        return _SIGNS[cell.standing], "black"
    if not is_wide or cell.availability_pct is None:
        return "", "black"
    return f"{int(cell.availability_pct)}", "black" if cell.availability_pct > 55 else "white"


# --- minutes ----------------------------------------------------------------------------------------------------------


def _close(axes: Axes, found: Found, window: Window) -> None:
    """The last days: what was received, what is missing, what was not asked for."""
    last = found.days[-CLOSE_DAYS:]
    close = replace(window, start=day_span(last[0]).start)
    for row, instrument in enumerate(found.instruments):
        asked: list[Span] = []
        gaps: list[Span] = []
        for day in last:
            state = found.rows.get((instrument.progress_key, day))
            if state is not None and is_answered(state) and state.asked_through is not None:
                asked += [Span(day_span(day).start, state.asked_through)]
                gaps += gaps_of(state)
        _bars(axes, [Span(close.start, min(close.stop, close.now))], row, look.MISSING_FACE, 0.5, is_hatched=True)
        _bars(axes, asked, row, look.RECEIVED, 0.5)
        _bars(axes, gaps, row, look.GAP, 0.84)
    set_time(axes, close, most=10, labelled=True)
    _set_instruments(axes, found)
    axes.set_xlabel("Time (UTC)")
    count = "day" if len(last) == 1 else f"{len(last)} days"
    axes.set_title(f"Gaps of the last {count}", size=look.TEXT + 1, weight="bold", loc="left", pad=4)
    axes.legend(
        handles=[
            Patch(color=look.RECEIVED, label="received"), Patch(color=look.GAP, label="gap"),
            Patch(
                facecolor=look.MISSING_FACE, edgecolor=look.MISSING_EDGE, hatch=look.MISSING_HATCH,
                label="not asked for yet",
            ),
        ],
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=look.SMALL,
        handlelength=1.2,
    )  # fmt: skip


def _bars(axes: Axes, spans: Sequence[Span], row: int, colour: str, height: float, *, is_hatched: bool = False) -> None:
    day = timedelta(days=1)
    if spans:
        axes.broken_barh(
            [(day_number(it.start), max(it.duration / day, 1 / 1440)) for it in spans],
            (row - height / 2, height),
            facecolor=colour,
            edgecolor=look.MISSING_EDGE,
            hatch=look.MISSING_HATCH if is_hatched else None,
            linewidth=0.0,
            zorder=1.5,
        )


def _set_instruments(axes: Axes, found: Found) -> None:
    axes.set_yticks(range(len(found.instruments)), [it.name for it in found.instruments])
    axes.set_ylim(len(found.instruments) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
