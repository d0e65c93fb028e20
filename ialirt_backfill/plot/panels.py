"""One panel: what was gathered for it, on its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    SymmetricalLogLocator,
)

from ialirt_backfill.instruments import Axis, Column, ColumnKind
from ialirt_backfill.instruments.boards import Mark, PanelKind, Scale
from ialirt_backfill.plot import look
from ialirt_backfill.plot.gathering import (
    OTHERS,
    Gathered,
    GatheredLines,
    GatheredPoints,
    GatheredRows,
    GatheredSpectrum,
)
from ialirt_backfill.plot.series import Numbers, Trace
from ialirt_backfill.plot.timeaxis import days
from ialirt_backfill.plot.window import DAY_MICROS, Window
from ialirt_backfill.plot.words import MINUS, raised, unit_written, units_written, without_shared

_LEAST_DECADES = 1.0
_FEW_DECADES = 1.7
"""On so few a tick at each power of ten says too little."""
_APART = 1.08
"""So much of its own height an axis leaves to the lines of the other one."""
_CROWD = 4
"""So many lines have fainter envelopes."""


@dataclass(slots=True)
class Painted:
    """A panel that is painted: its axes, that at the right, and what stands beside it."""

    axes: Axes
    right: Axes | None = None
    handles: list[Line2D] = field(default_factory=list)
    colours: ScalarMappable | None = None
    colours_label: str = ""
    has_less: bool = False


def paint(it: Gathered, axes: Axes, window: Window) -> Painted:
    """Paint what was gathered, and what is missing; the axis of values has no label yet."""
    match it:
        case GatheredLines():
            painted = _paint_lines(it, axes)
        case GatheredPoints():
            painted = _paint_points(it, axes)
        case GatheredSpectrum():
            painted = _paint_spectrum(it, axes)
        case GatheredRows():
            painted = _paint_rows(it, axes, window)
        case _:
            raise TypeError(f"there is no way to paint {it!r}")
    _paint_missing(it, axes, window)
    return painted


def _paint_missing(it: Gathered, axes: Axes, window: Window) -> None:
    """Hatch what is missing; say it in words where all of it is."""
    start, stop = window.seen
    shortest = window.length // (4 * window.columns)
    spans = [span for span in it.presence.missing(start, stop) if span[1] - span[0] > shortest]
    if isinstance(it, GatheredSpectrum):  # its cells lie above, and may be narrower than what they stand for
        room = window.length // window.columns
        spans = [(max(start, since - room), min(stop, until + room)) for since, until in spans]
    if spans:
        axes.broken_barh(
            [(since / DAY_MICROS, (until - since) / DAY_MICROS) for since, until in spans],
            (0.0, 1.0),
            transform=axes.get_xaxis_transform(),
            facecolor=look.MISSING_FACE,
            edgecolor=look.MISSING_EDGE,
            hatch=look.MISSING_HATCH,
            linewidth=0.0,
            zorder=0.5,
        )
    if not it.has_values:
        _say(axes, _nothing(it))


def _say(axes: Axes, text: str) -> None:
    """In the middle of a panel that has nothing else to show."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", size=look.TEXT,
        bbox={"facecolor": "white", "edgecolor": look.MISSING_EDGE, "linewidth": 0.5},
    )  # fmt: skip


def _nothing(it: Gathered) -> str:
    if not it.records:
        return "no data"
    records = "1 record" if it.records == 1 else f"{it.records:,} records"
    return f"{records}, no value" if not it.outside else f"{records}, no value within the valid range"


# --- lines ------------------------------------------------------------------------------------------------------------


def _paint_lines(it: GatheredLines, axes: Axes) -> Painted:
    traces = [(column, it.lines[column.name].trace()) for column in it.columns]
    painted = Painted(axes)
    several = len(traces) + len(it.right) > 2
    for place, (column, trace) in enumerate(traces):
        painted.handles += [
            _line(axes, trace, column, place, marked=several, count=len(traces), is_empty=not it.has_values)
        ]
    _set_values(axes, it.panel.scale, [trace for _, trace in traces], it.columns, it.panel.range)
    if it.has_values and it.below and not any(trace.samples for _, trace in traces):
        _say(axes, "no value above 0, and the axis is logarithmic")
    if it.panel.mark is not None:
        _paint_mark(axes, it.panel.mark, it.lines[it.panel.mark.column].trace())
    if it.right:
        painted.right = axes.twinx()
        right = [(column, it.lines[column.name].trace()) for column in it.right]
        for place, (column, trace) in enumerate(right, start=len(traces)):
            painted.handles += [_line(painted.right, trace, column, place, marked=several, count=len(right))]
        _set_values(painted.right, Scale.LINEAR, [trace for _, trace in right], it.right, None)
        _set_apart(axes, painted.right)
        colour = look.COLOURS[1] if len(traces) == len(right) == 1 else "black"  # of its line, where that is one
        painted.right.set_ylabel(units_written(it.right), color=colour)
        painted.right.tick_params(axis="y", colors=colour)
        painted.right.grid(visible=False)
        axes.tick_params(axis="y", right=False)
    return painted


def _line(
    axes: Axes, trace: Trace, column: Column, place: int, *, marked: bool, count: int, is_empty: bool = False
) -> Line2D:
    """Draw a line; what explains it."""
    colour = look.COLOURS[place % len(look.COLOURS)]
    x = days(trace.times)
    if trace.is_envelope:
        alpha = look.ENVELOPE if count < _CROWD else look.ENVELOPE_IN_A_CROWD
        axes.fill_between(x, trace.low, trace.high, color=colour, alpha=alpha, linewidth=0.0, zorder=1.5)
    axes.plot(x, trace.middle, color=colour, linewidth=look.LINE, zorder=2.0, gid=column.name)
    alone = trace.alone
    if alone.any():
        axes.errorbar(
            x[alone], trace.middle[alone], color=colour, linestyle="none", marker=".", markersize=look.MARK,
            yerr=(trace.middle[alone] - trace.low[alone], trace.high[alone] - trace.middle[alone]),
            elinewidth=look.LINE, zorder=2.0,
        )  # fmt: skip
    marker = look.MARKERS[place % len(look.MARKERS)] if marked else ""
    if marker:
        at = _spread(trace, place / max(count, 1))
        axes.plot(
            x[at], trace.middle[at], color=colour, linestyle="none", marker=marker, markersize=look.MARK, zorder=2.5,
            markeredgecolor="white", markeredgewidth=0.3,
        )  # fmt: skip
    return Line2D(
        [], [], color=colour, linewidth=1.4, marker=marker or None, markersize=look.MARK + 0.8,
        label=column.label if trace.samples or is_empty else f"{column.label} (no data)",
    )  # fmt: skip


def _spread(trace: Trace, offset: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A few samples along a line, for its marks; those of other lines are elsewhere."""
    there = np.flatnonzero(~np.isnan(trace.middle))
    if not len(there):
        return there
    places = (np.arange(look.MARKS_PER_LINE) + offset) / look.MARKS_PER_LINE * len(there)
    return np.unique(there[np.minimum(places.astype(np.int64), len(there) - 1)])


def _paint_mark(axes: Axes, mark: Mark, trace: Trace) -> None:
    """Fill what lies below a value."""
    x = days(trace.times)
    below = np.where(np.isnan(trace.low), np.nan, np.minimum(trace.low, mark.below))
    axes.fill_between(x, mark.below, below, color=look.BELOW, linewidth=0.0, zorder=2.2)
    low, _ = axes.get_ylim()
    if low < mark.below:
        axes.axhline(mark.below, color=look.BELOW, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1.2)


def _set_values(
    axes: Axes, scale: Scale, traces: Sequence[Trace], columns: Sequence[Column], range_: tuple[float, float] | None
) -> None:
    """The axis of values: all of what is drawn, with some room around it."""
    low, high = _extremes([trace.low for trace in traces] + [trace.high for trace in traces])
    if scale is Scale.LOG and all(it.kind is ColumnKind.COUNT for it in columns):
        _set_counts(axes, low, high)
    elif scale is Scale.LOG:
        _set_log(axes, low, high)
    else:
        room = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        if low < 0 < high:
            axes.axhline(0.0, color=look.GREY, linewidth=0.6, zorder=1.1)
    if range_ is not None:
        axes.set_ylim(*range_)
    if axes.get_yscale() == "log":
        _set_decades(axes)


def _set_apart(upper: Axes, lower: Axes) -> None:
    """Room for the lines of one axis above those of the other, which they may be like; each has ticks where it is."""
    for axes, above, below in ((upper, 0.0, _APART), (lower, _APART, 0.0)):
        scale = axes.yaxis.get_transform()
        low, high = scale.transform(np.array(axes.get_ylim()))
        room = high - low
        inner = scale.inverted().transform(np.array([low + 0.04 * room, high - 0.04 * room]))
        if axes.get_yscale() == "linear":
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
        ticks = axes.yaxis.get_major_locator().tick_values(*inner)
        axes.yaxis.set_major_locator(FixedLocator([it for it in ticks if inner[0] <= it <= inner[1]]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(*scale.inverted().transform(np.array([low - below * room, high + above * room])))


def _extremes(values: Sequence[Numbers]) -> tuple[float, float]:
    """The least and the greatest of all; 0 and 1 where there is none."""
    every = np.concatenate([np.empty(0), *values])
    every = every[~np.isnan(every)]
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)


def _set_log(axes: Axes, low: float, high: float) -> None:
    low, high = (low, high) if low > 0 else (0.1, 10.0)  # there is none
    exponents = np.log10([low, high])
    room = max(0.06 * (exponents[1] - exponents[0]), 0.5 * (_LEAST_DECADES - (exponents[1] - exponents[0])), 0.02)
    axes.set_ylim(10 ** (exponents[0] - room), 10 ** (exponents[1] + room))  # before the scale, which looks at them
    axes.set_yscale("log")


def _set_decades(axes: Axes) -> None:
    """The ticks of a logarithm, as many as fit its limits."""
    low, high = axes.get_ylim()
    is_short = np.log10(high / low) < _FEW_DECADES
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_short else (1.0,), numticks=9))
    axes.yaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=60))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(_power))


def _set_counts(axes: Axes, low: float, high: float) -> None:
    """A logarithm that has a place for 0, which is a count like any other."""
    axes.set_yscale("symlog", linthresh=1.0, linscale=0.35)
    axes.set_ylim(min(-0.3, 1.3 * low), max(10.0, 1.6 * high))
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=1.0))
    axes.yaxis.set_minor_locator(SymmetricalLogLocator(base=10.0, linthresh=1.0, subs=[*map(float, range(2, 10))]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(_power))


def _plain(value: float, _: object) -> str:
    return f"{value:.10g}".replace("-", MINUS)


def _power(value: float, _: object) -> str:
    """0.1, 1, 10 and 100 as they are, others as a power of ten."""
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return _plain(value, None)
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    factor = round(value / 10.0**exponent)
    shown = {1: "", -1: MINUS}.get(factor, f"{_plain(factor, None)}\N{MULTIPLICATION SIGN}")
    return f"{shown}10{raised(exponent)}"


# --- points -----------------------------------------------------------------------------------------------------------


def _paint_points(it: GatheredPoints, axes: Axes) -> Painted:
    painted = Painted(axes)
    for place, column in enumerate(it.columns):
        times, values = it.points[column.name].points()
        colour = look.COLOURS[place % len(look.COLOURS)]
        axes.plot(
            days(times), values, linestyle="none", marker="o", markersize=look.POINT, color=colour, zorder=2.0,
            markeredgewidth=0.0, gid=column.name,
        )  # fmt: skip
        painted.handles += [
            Line2D([], [], color=colour, linestyle="none", marker="o", markersize=2, label=column.label)
        ]
    low, high = it.range
    axes.set_ylim(low, high)
    if (low, high) == (0.0, 360.0):
        axes.set_yticks([90.0, 180.0, 270.0])
        axes.set_yticks(np.arange(0.0, 361.0, 30.0), minor=True)
    return painted


# --- energies ---------------------------------------------------------------------------------------------------------


def _paint_spectrum(it: GatheredSpectrum, axes: Axes) -> Painted:
    edges, values = it.spectrum.cells()
    positive = np.where(values > 0, values, np.nan)
    low, high = _extremes([positive.ravel()])
    norm: Normalize = LogNorm(low, high if high > low else 10 * low) if low > 0 else LogNorm(1.0, 10.0)
    bounds = _bounds(it.energies)
    has_less = bool(np.any(values <= 0))
    if len(values):
        shown = np.where(values <= 0, low / 10, values)
        mesh = axes.pcolormesh(
            days(edges), bounds, np.ma.masked_invalid(shown.T), norm=norm, cmap=_colours(), rasterized=True, zorder=1.0
        )
        mesh.set_gid(it.panel.columns[0])
    axes.set_yscale("log")
    axes.set_ylim(bounds[0], bounds[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(_power))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=False)
    label = f"{it.entry.label}\n[{unit_written(it.columns[0].unit)}]"
    return Painted(axes, colours=ScalarMappable(norm, _colours()), colours_label=label, has_less=has_less)


def set_colours(figure: Figure, painted: Painted, colours: ScalarMappable, **place: Any) -> Axes:
    """The bar that explains the colours of a panel: in axes of its own (``cax``), or beside others (``ax``)."""
    extend: Literal["min", "neither"] = "min" if painted.has_less else "neither"
    return figure.colorbar(colours, extend=extend, format=FuncFormatter(_power), **place).ax


def _colours() -> Colormap:
    return colormaps[look.SPECTRUM].with_extremes(under=look.LESS_THAN_SHOWN)


def _bounds(axis: Axis) -> Numbers:
    """The edges of the energies: as the catalogue has them, else halfway between on a logarithmic axis."""
    values = np.array(axis.values)
    if axis.minus and axis.plus:
        return np.concatenate([values - np.array(axis.minus), [values[-1] + axis.plus[-1]]])
    if len(values) == 1:
        return np.array([values[0] / 2, values[0] * 2])
    middle = np.sqrt(values[1:] * values[:-1])
    return np.concatenate([[values[0] ** 2 / middle[0]], middle, [values[-1] ** 2 / middle[-1]]])


# --- flags and states -------------------------------------------------------------------------------------------------


def _paint_rows(it: GatheredRows, axes: Axes, window: Window) -> Painted:
    if it.panel.kind is PanelKind.FLAGS:
        _paint_flags(it, axes, window)
    else:
        _paint_states(it, axes, window)
    return Painted(axes)


def _paint_flags(it: GatheredRows, axes: Axes, window: Window) -> None:
    names = without_shared([column.label for column in it.columns])
    for place, column in enumerate(it.columns):
        _bars(axes, it.valid.spans(column.name), place, look.NORMAL, 0.32)
        colour = look.STATE if it.panel.normal is None else look.MARKED
        _bars(axes, it.marked.spans(column.name), place, colour, 0.8, least=_visible(axes, window))
        count = it.marked.counts.get(column.name, 0)
        if count and it.panel.normal is not None:
            names[place] += f"\n{count:,}x" if len(names) < 5 else f"  {count:,}x"
    _set_rows(axes, names)


def _paint_states(it: GatheredRows, axes: Axes, window: Window) -> None:
    known = [code for column in it.columns for code in column.codes.values()]

    def order(name: str) -> tuple[bool, int, str]:
        return name == OTHERS, known.index(name) if name in known else len(known), name

    seen = sorted(it.marked.counts, key=order)
    for place, name in enumerate(seen):
        _bars(axes, it.marked.spans(name), place, look.STATE, 0.5, least=_visible(axes, window))
    _set_rows(axes, seen)


def _visible(axes: Axes, window: Window) -> float:
    """How long a stretch must be to be seen, in microseconds: one flag of a month is not to be overlooked."""
    return window.length * look.LEAST_PIXELS / axes.get_window_extent().width


def _bars(
    axes: Axes, spans: Sequence[tuple[int, int]], place: int, colour: str, height: float, least: float = 0.0
) -> None:
    """Stretches of a row, each at least so long that it can be seen."""
    if spans:
        axes.broken_barh(
            [(start / DAY_MICROS, max(stop - start, least) / DAY_MICROS) for start, stop in spans],
            (place - height / 2, height),
            facecolor=colour,
            linewidth=0.0,
            zorder=1.5,
        )


def _set_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    room = max(0.6, 1.6 - len(names) / 2)
    axes.set_ylim(max(len(names), 1) - 1 + room, -room)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
