"""The sheet that panels stand on: a stack on one axis of time, or a grid; above it, what it is and of when."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ialirt_backfill.instruments.boards import LeftOut
from ialirt_backfill.plot import look
from ialirt_backfill.plot.gathering import Gathered, GatheredLines, GatheredRows
from ialirt_backfill.plot.marks import join_ticks
from ialirt_backfill.plot.panels import Painted, paint, set_colours
from ialirt_backfill.plot.timeaxis import set_time
from ialirt_backfill.plot.window import Window
from ialirt_backfill.plot.words import in_words, range_written, short_name, time_written, without_shared
from ialirt_backfill.store.demonstration import SYNTHETIC

UNCALIBRATED = "near-real-time, uncalibrated"

_HEADER, _FOOTER = 0.82, 0.62
"""Inches."""
_STACK_WIDTH, _LEFT, _RIGHT = 11.0, 0.98, 1.72
_PANEL, _BETWEEN = 1.0, 0.11
_CELL_WIDTH, _CELL_HEIGHT, _GRID_FOOTER, _GRID_EDGE = 3.4, 2.0, 0.3, 0.15
_LEAST_GRID_WIDTH = 8.0
_GRID_TIMES = 5
_TITLE: dict[str, Any] = {"size": look.TEXT + 1, "weight": "bold", "loc": "left", "pad": 4.0}
_TITLE_LETTER, _TINY_LETTER = 0.08, 0.052
"""How wide a letter is, about, in inches."""
_UNDER = 0.17
"""From the upper edge of a panel to the names of its lines, below that of the instrument."""
_BESIDE, _BESIDE_RIGHT = 0.1, 0.62
"""From a panel to what stands at its right, without and with an axis of its own between."""
_LONGEST_TITLE = 56
_LETTERS_PER_INCH = 17
_HATCHED = "hatched: no data"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above and below a picture. ``drawn`` is when it was made."""

    title: str
    window: Window
    newest: datetime | None
    drawn: datetime
    is_synthetic: bool
    left_out: tuple[LeftOut, ...] = ()


def make_figure(width: float, height: float, header: Header, *, dpi: int = look.DPI) -> Figure:
    """An empty sheet, in inches, with its header."""
    figure = Figure(figsize=(width, height), dpi=dpi)
    newest = "no record" if header.newest is None else f"newest record {time_written(header.newest)} UTC"
    left, right = 0.25 / width, 1 - 0.25 / width

    def write(x: float, inches: float, text: str, **how: Any) -> None:
        figure.text(x, 1 - inches / height, text, va="top", **how)

    write(
        left,
        0.14,
        f"IMAP I-ALiRT   {textwrap.shorten(header.title, _LONGEST_TITLE, placeholder=' …')}",
        size=look.TITLE,
        weight="bold",
    )
    write(left, 0.40, range_written(header.window.start, header.window.stop), size=look.TEXT)
    write(right, 0.17, UNCALIBRATED, size=look.TEXT + 1, weight="bold", ha="right")
    write(right, 0.40, f"{newest}, drawn {time_written(header.drawn)} UTC", size=look.TEXT, ha="right")
    if header.is_synthetic:
        write(left, 0.57, SYNTHETIC, size=look.TEXT, weight="bold", color=look.MARKED)
    return figure


def set_footer(figure: Figure, header: Header, *said: str) -> None:
    """Small at the lower edge: what explains all of the sheet, and what was left out."""
    width, height = figure.get_size_inches()
    gone = [f"left out: {in_words(header.left_out)}"] if header.left_out else []
    text = textwrap.shorten("; ".join([*said, *gone]), int(width * _LETTERS_PER_INCH), placeholder=" …")
    figure.text(0.25 / width, 0.1 / height, text, size=look.SMALL, color=look.GREY)


def boxes(figure: Figure, *inches: tuple[float, float, float, float]) -> list[Axes]:
    """Axes at these places: left, top (from the sheet's own), width and height, in inches."""
    width, height = figure.get_size_inches()
    return [
        figure.add_axes((left / width, 1 - (top + tall) / height, wide / width, tall / height))
        for left, top, wide, tall in inches
    ]


def stack(gathered: Sequence[Gathered], header: Header) -> Figure:
    """Panels under one another."""
    heights = [max(_PANEL * it.panel.height, _least_height(it)) for it in gathered]
    height = _HEADER + sum(heights) + _BETWEEN * (len(heights) - 1) + _FOOTER
    figure = make_figure(_STACK_WIDTH, height, header)
    wide = _STACK_WIDTH - _LEFT - _RIGHT
    tops = [_HEADER + sum(heights[:place]) + _BETWEEN * place for place in range(len(heights))]
    places = [(_LEFT, top, wide, tall) for top, tall in zip(tops, heights, strict=True)]
    for number, (it, axes) in enumerate(zip(gathered, boxes(figure, *places), strict=True)):
        painted = paint(it, axes, header.window)
        set_time(axes, header.window, most=10, labelled=number == len(gathered) - 1)
        if isinstance(it, GatheredRows):  # whose names need the room at the right
            axes.set_ylabel(_wrapped(f"{short_name(it.panel.instrument)}\n{it.label}", heights[number]))
            axes.tick_params(axis="y", labelleft=False, labelright=True)
        else:
            axes.set_ylabel(_wrapped(f"{it.label}\n{it.unit}".strip(), heights[number]))
            _beside(figure, painted, it, _LEFT + wide, tops[number], heights[number])
        axes.yaxis.set_label_coords(-0.53 / wide, 0.5)
        join_ticks(axes)
    axes.set_xlabel("Time (UTC)")
    set_footer(figure, header, _HATCHED)
    return figure


def _least_height(it: Gathered) -> float:
    """What the names of a panel's lines or rows need, in inches."""
    if isinstance(it, GatheredLines):
        return _UNDER + 0.115 * len(it.lines)
    return 0.115 * it.rows if isinstance(it, GatheredRows) else 0.0


def _wrapped(label: str, height: float) -> str:
    """A label in lines that are no longer than its panel is high: two for a name at most, of units all."""
    most = max(8, int(height / 0.064))
    found: list[str] = []
    for line in label.split("\n"):
        lines = None if line.startswith("[") else 2
        found += textwrap.wrap(line, most, break_long_words=False, max_lines=lines, placeholder=" …") or [line]
    return "\n".join(found)


def _beside(figure: Figure, painted: Painted, it: Gathered, left: float, top: float, tall: float) -> None:
    """What explains a panel, at its right."""
    inches = _BESIDE if painted.right is None else _BESIDE_RIGHT
    beside = inches / (_STACK_WIDTH - _LEFT - _RIGHT)
    painted.axes.text(
        1 + beside, 1.0, short_name(it.panel.instrument),
        transform=painted.axes.transAxes, size=look.SMALL, weight="bold", va="top",
    )  # fmt: skip
    if painted.handles:
        room = int((_RIGHT - inches - 0.25) / _TINY_LETTER)
        labels = [textwrap.fill(str(handle.get_label()), room) for handle in painted.handles]
        legend = painted.axes.legend(
            handles=painted.handles, labels=labels, loc="upper left", bbox_to_anchor=(1 + beside, 1 - _UNDER / tall),
            frameon=False, fontsize=look.TINY, handlelength=1.3, handletextpad=0.5, labelspacing=0.25,
            borderaxespad=0.0, borderpad=0.0,
        )  # fmt: skip
        legend.set_in_layout(False)
    if painted.colours is not None:
        [bar] = boxes(figure, (left + 0.1, top + _UNDER, 0.11, tall - _UNDER))
        shown = set_colours(figure, painted, painted.colours, cax=bar)
        shown.tick_params(labelsize=look.TINY, direction="out")
        shown.set_ylabel(_wrapped(painted.colours_label, tall - _UNDER), size=look.TINY, labelpad=2.0)
    if gone := _gone(it):
        painted.axes.text(
            1 + beside, 0.0, gone, transform=painted.axes.transAxes, size=look.TINY, color=look.GREY, va="bottom"
        )


def _gone(it: Gathered) -> str:
    """How many values a panel does not show."""
    said = [f"{it.outside:,} out of range, left out"] if it.outside else []
    if isinstance(it, GatheredLines) and it.below:
        said.append(f"{it.below:,} not above 0, left out")
    return "\n".join(said)


def grid(gathered: Sequence[Gathered], across: int, header: Header) -> Figure:
    """Panels side by side, row after row."""
    across = min(across, len(gathered))
    rows = -(-len(gathered) // across)
    height = _HEADER + rows * _CELL_HEIGHT + _GRID_FOOTER
    width = max(across * _CELL_WIDTH, _LEAST_GRID_WIDTH)
    figure = make_figure(width, height, header, dpi=look.GRID_DPI)
    edge, footer = _GRID_EDGE / width, _GRID_FOOTER / height
    inside = (edge, footer, 1 - 2 * edge, 1 - footer - _HEADER / height)
    # Each column and row of the grid gets the room that its labels need.
    figure.set_layout_engine("constrained", rect=inside, w_pad=0.06, h_pad=0.05, wspace=0.0, hspace=0.0)
    places = figure.add_gridspec(rows, across)
    cells = []
    for place, it in enumerate(gathered):
        axes = figure.add_subplot(places[divmod(place, across)])
        painted = paint(it, axes, header.window)
        set_time(axes, header.window, most=_GRID_TIMES, labelled=True)
        axes.set_ylabel(it.unit)
        axes.set_title(_shortened(it.label, _CELL_WIDTH), **_TITLE)
        if painted.colours is not None:
            bar = set_colours(figure, painted, painted.colours, ax=axes, pad=0.02)
            bar.set_ylabel(painted.colours_label, size=look.TINY)
        cells.append((it, painted))
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)  # now it is known how wide the panels are
    is_higher = False
    for it, painted in cells:
        wide = painted.axes.get_position().width * width
        is_higher = _set_above(painted, it, wide) or is_higher
        set_time(painted.axes, header.window, most=max(2, min(_GRID_TIMES, int(wide / 0.42))), labelled=True)
        join_ticks(painted.axes)
    if not is_higher:
        figure.set_layout_engine("none")  # it would find the same once more
    set_footer(figure, header, f"time: UTC; {_HATCHED}")
    return figure


def _set_above(painted: Painted, it: Gathered, wide: float) -> bool:
    """Above a panel of so many inches what it shows, and its lines: beside it, or below where that is too long.

    Returns whether it is higher than a title.
    """
    title, pad = _shortened(it.label, wide), 0.0
    if len(painted.handles) > 1:
        labels = without_shared([str(handle.get_label()) for handle in painted.handles])
        entries = [_TINY_LETTER * len(label) + 0.28 for label in labels]
        is_beside = _TITLE_LETTER * len(title) + sum(entries) <= wide
        across = len(labels) if is_beside else max(1, int(wide / max(entries)))
        painted.axes.legend(
            painted.handles, labels, loc="lower right" if is_beside else "lower left", ncols=across, frameon=False,
            bbox_to_anchor=(1.0 if is_beside else 0.0, 1.0), fontsize=look.TINY, handlelength=1.2, handletextpad=0.4,
            columnspacing=0.9, borderaxespad=0.2, borderpad=0.2, labelspacing=0.3,
        )  # fmt: skip
        pad = 0.0 if is_beside else -(-len(labels) // across) * 1.45 * look.TINY
    painted.axes.set_title(title, **_TITLE | {"pad": _TITLE["pad"] + pad})
    return pad > 0


def _shortened(title: str, wide: float) -> str:
    return textwrap.shorten(title, max(24, int(wide / _TITLE_LETTER)), placeholder=" …")
