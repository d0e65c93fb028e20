"""Where the spacecraft is: the plane of the ecliptic from above, and from the side, with the Earth and L1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from ialirt_backfill.instruments import TIME_UTC, Column, Instrument
from ialirt_backfill.instruments.boards import Board
from ialirt_backfill.plot import look, sheet
from ialirt_backfill.plot.gathering import numbers
from ialirt_backfill.plot.series import Line, Trace
from ialirt_backfill.plot.window import Window, moment_of
from ialirt_backfill.plot.words import MINUS
from ialirt_backfill.read.days import tables

_MICROSECOND = timedelta(microseconds=1)
_IN = 1e6
"""Kilometres are drawn in millions."""
MOON = 384_400.0
"""The mean distance of the Moon, in km: for a sense of scale."""


@dataclass(frozen=True, slots=True)
class Track:
    """Positions over time: one line for each component; ``last`` is the newest whole position, in km."""

    components: tuple[Trace, ...]
    columns: tuple[Column, ...]
    places: Mapping[str, tuple[float, ...]]
    newest: datetime | None
    last: tuple[float, ...] | None


def read(board: Board, instrument: Instrument, datastore: str | Path, window: Window) -> Track:
    """The positions in the daily files. Only records that have all three components count."""
    entry = next(it for it in instrument.fields if it.name == board.position)
    cadence, pause = (int(it / _MICROSECOND) for it in (instrument.cadence, instrument.longest_pause))
    lines = [Line(window, cadence, pause) for _ in entry.columns]
    newest, last = None, None
    names = [column.name for column in entry.columns]
    for table in tables(datastore, instrument, *window.observed, columns=names):
        times = table[TIME_UTC].combine_chunks().cast(pa.int64()).to_numpy()
        position = np.column_stack([numbers(table, name) for name in names])
        newest = moment_of(times[-1])
        there = ~np.isnan(position).any(axis=1)
        if there.any():
            last = tuple(map(float, position[there][-1]))
        for line, values in zip(lines, position[there].T, strict=True):
            line.feed(times[there], values)
    return Track(tuple(line.trace() for line in lines), entry.columns, board.places, newest, last)


def paint(track: Track, header: sheet.Header) -> Figure:
    """Both views, on the same scale."""
    figure = sheet.make_figure(11.0, 8.6, header)
    above, beside = sheet.boxes(figure, (1.0, 1.0, 9.6, 3.9), (1.0, 5.35, 9.6, 2.65))
    reach = _reach(track)
    for axes, other, name, tall in ((above, 1, "Y", 3.9), (beside, 2, "Z", 2.65)):
        _view(axes, track, other)
        axes.set_xlim(-0.06 * reach, 1.1 * reach)
        half = 1.16 * reach * tall / 9.6 / 2
        axes.set_ylim(-half, half)
        axes.set_ylabel(f"{name} GSE\n[10⁶ km]")
        axes.xaxis.set_major_locator(MaxNLocator(9))
        axes.yaxis.set_major_locator(MaxNLocator(7))
    above.set_title("From the north: XY", size=look.TEXT + 1, weight="bold", loc="left", pad=4)
    beside.set_title("From the side: XZ", size=look.TEXT + 1, weight="bold", loc="left", pad=4)
    beside.set_xlabel("X GSE [10⁶ km], toward the Sun →")
    above.add_patch(Circle((0, 0), MOON / _IN, fill=False, linestyle=(0, (1, 2)), edgecolor=look.GREY, linewidth=0.8))
    above.text(MOON / _IN * 0.72, MOON / _IN * 0.74, "the Moon's orbit", size=look.SMALL, color=look.GREY)
    figure.text(1.0 / 11.0, 0.12 / 8.6, _in_words(track), size=look.TEXT)
    return figure


def _reach(track: Track) -> float:
    """How far from the Earth along X the picture goes, in millions of km."""
    far = [place[0] for place in track.places.values()]
    high = track.components[0].high
    far += [float(np.nanmax(high))] if np.any(~np.isnan(high)) else []
    return max([0.5, *(it / _IN for it in far)])


def _view(axes: Axes, track: Track, other: int) -> None:
    axes.set_aspect("equal", adjustable="box")
    axes.plot(0, 0, marker="o", markersize=9, color=look.COLOURS[2], linestyle="none", zorder=3)
    axes.annotate("Earth", (0, 0), (8, -12), textcoords="offset points", size=look.TEXT)
    for name, place in track.places.items():
        at = place[0] / _IN, place[other] / _IN
        axes.plot(*at, marker="+", markersize=9, markeredgewidth=1.4, color=look.GREY, linestyle="none", zorder=3)
        axes.annotate(name, at, (6, 6), textcoords="offset points", size=look.TEXT, color=look.GREY)
    x, y = track.components[0].middle / _IN, track.components[other].middle / _IN
    axes.plot(x, y, color=look.COLOURS[0], linewidth=1.2, zorder=2, gid=track.columns[other].name)
    if track.last is None:
        axes.text(0.5, 0.5, "no position", transform=axes.transAxes, ha="center", va="center", size=look.TITLE)
        return
    there = np.flatnonzero(~np.isnan(x))
    first = x[there[0]], y[there[0]]
    axes.plot(*first, marker="o", markersize=4, color=look.COLOURS[0], linestyle="none", zorder=3)
    began = f"{moment_of(int(track.components[0].times[there[0]])):%Y-%m-%d}"
    axes.annotate(began, first, (-6, -3), textcoords="offset points", size=look.TINY, color=look.GREY, ha="right")
    at = track.last[0] / _IN, track.last[other] / _IN
    axes.plot(
        *at, marker="D", markersize=8, color=look.MARKED, markeredgecolor="black", linestyle="none", zorder=4,
        markeredgewidth=0.7,
    )  # fmt: skip
    axes.annotate("IMAP", at, (9, -4), textcoords="offset points", size=look.TEXT + 1, weight="bold")


def _in_words(track: Track) -> str:
    if track.last is None:
        return "No position was received in this range."
    x, y, z = track.last
    distance = float(np.linalg.norm(track.last))
    said = f"Newest position, GSE: X {x:,.0f}, Y {y:,.0f}, Z {z:,.0f} km; {distance:,.0f} km from the Earth."
    return said.replace("-", MINUS)
