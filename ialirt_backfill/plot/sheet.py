"""The sheet that panels stand on: a stack on one axis of time, or a grid; above it, what it is and of when."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ialirt_backfill.plot import look
from ialirt_backfill.plot.gathering import Gathered, GatheredRows
from ialirt_backfill.plot.panels import Painted, paint
from ialirt_backfill.plot.timeaxis import set_time
from ialirt_backfill.plot.window import Window
from ialirt_backfill.plot.words import range_written, short_name, time_written, without_shared
from ialirt_backfill.store.demonstration import SYNTHETIC

UNCALIBRATED = "near-real-time, uncalibrated"

_HEADER, _FOOTER = 0.82, 0.62
"""Inches."""
_STACK_WIDTH, _LEFT, _RIGHT = 11.0, 0.98, 1.72
_PANEL, _BETWEEN = 1.0, 0.11
_CELL_WIDTH, _CELL_HEIGHT = 4.25, 2.3
_CELL_LEFT, _CELL_RIGHT, _CELL_TOP, _CELL_BOTTOM = 1.05, 0.72, 0.34, 0.46
_LONGEST_TITLE = 56
_HATCHED = "hatched: no data"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above a picture. ``drawn`` is when it was made."""

    title: str
    window: Window
    newest: datetime | None
    drawn: datetime
    is_synthetic: bool
    note: str = ""


def make_figure(width: float, height: float, header: Header) -> Figure:
    """An empty sheet, in inches, with its header."""
    figure = Figure(figsize=(width, height), dpi=look.DPI)
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
    if header.note:
        write(right, 0.57, header.note, size=look.TEXT, color=look.GREY, ha="right")
    return figure


def boxes(figure: Figure, *inches: tuple[float, float, float, float]) -> list[Axes]:
    """Axes at these places: left, top (from the sheet's own), width and height, in inches."""
    width, height = figure.get_size_inches()
    return [
        figure.add_axes((left / width, 1 - (top + tall) / height, wide / width, tall / height))
        for left, top, wide, tall in inches
    ]


def stack(gathered: Sequence[Gathered], header: Header) -> Figure:
    """Panels under one another."""
    heights = [_PANEL * it.panel.height for it in gathered]
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
    axes.set_xlabel("Time (UTC)")
    figure.text(0.25 / _STACK_WIDTH, 0.1 / height, _HATCHED, size=look.SMALL, color=look.GREY)
    return figure


def _wrapped(label: str, height: float) -> str:
    """A label in lines that are no longer than its panel is high."""
    most = max(8, int(height / 0.064))
    return "\n".join(
        part for line in label.split("\n") for part in textwrap.wrap(line, most, break_long_words=False) or [line]
    )


def _beside(figure: Figure, painted: Painted, it: Gathered, left: float, top: float, tall: float) -> None:
    """What explains a panel, at its right."""
    beside = 0.1 / (_STACK_WIDTH - _LEFT - _RIGHT)
    painted.axes.text(
        1 + beside, 1.0, short_name(it.panel.instrument),
        transform=painted.axes.transAxes, size=look.SMALL, weight="bold", va="top",
    )  # fmt: skip
    under = 0.17
    if painted.handles:
        legend = painted.axes.legend(
            handles=painted.handles, loc="upper left", bbox_to_anchor=(1 + beside, 1 - under / tall), frameon=False,
            fontsize=look.TINY, handlelength=1.3, handletextpad=0.5, labelspacing=0.25, borderaxespad=0.0,
            borderpad=0.0,
        )  # fmt: skip
        legend.set_in_layout(False)
    if painted.colours is not None:
        [bar] = boxes(figure, (left + 0.1, top + under, 0.11, tall - under))
        shown = figure.colorbar(painted.colours, cax=bar, extend="min" if painted.has_less else "neither")
        shown.ax.tick_params(labelsize=look.TINY, direction="out")
        shown.ax.set_ylabel(_wrapped(painted.colours_label, tall - under), size=look.TINY, labelpad=2.0)
    if it.outside:
        painted.axes.text(
            1 + beside, 0.0, f"{it.outside:,} out of range, left out",
            transform=painted.axes.transAxes, size=look.TINY, color=look.GREY, va="bottom",
        )  # fmt: skip


def grid(gathered: Sequence[Gathered], across: int, header: Header) -> Figure:
    """Panels side by side, row after row."""
    across = min(across, len(gathered))
    rows = -(-len(gathered) // across)
    height = _HEADER + rows * _CELL_HEIGHT + 0.25
    width = max(across * _CELL_WIDTH, 8.0)
    figure = make_figure(width, height, header)
    places = [
        (
            place % across * _CELL_WIDTH + _CELL_LEFT,
            _HEADER + place // across * _CELL_HEIGHT + _CELL_TOP,
            _CELL_WIDTH - _CELL_LEFT - _CELL_RIGHT,
            _CELL_HEIGHT - _CELL_TOP - _CELL_BOTTOM,
        )
        for place in range(len(gathered))
    ]
    for it, axes in zip(gathered, boxes(figure, *places), strict=True):
        painted = paint(it, axes, header.window)
        set_time(axes, header.window, most=5, labelled=True)
        axes.set_title(it.label, size=look.TEXT + 1, weight="bold", loc="left", pad=4.0)
        axes.set_ylabel(it.unit)
        if painted.handles and len(painted.handles) > 1 and painted.right is None:
            labels = without_shared([str(handle.get_label()) for handle in painted.handles])
            axes.legend(
                painted.handles, labels, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False,
                fontsize=look.TINY, handlelength=1.2, handletextpad=0.4, columnspacing=0.9, borderaxespad=0.2,
            )  # fmt: skip
        if painted.colours is not None:
            shown = figure.colorbar(painted.colours, ax=axes, extend="min" if painted.has_less else "neither", pad=0.02)
            shown.ax.set_ylabel(painted.colours_label, size=look.TINY)
    figure.text(0.25 / width, 0.1 / height, f"time: UTC; {_HATCHED}", size=look.SMALL, color=look.GREY)
    return figure
