"""The ticks that have no label, drawn together.

matplotlib makes three lines and two texts of each tick, whether it has a label or not: for a day of the magnetometer
that was half of the CPU. Marks that are one line at each edge of a panel take next to none, and look the same.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT, TICKRIGHT, TICKUP
from matplotlib.ticker import NullFormatter, NullLocator

_OVER_WHAT_IS_MISSING = 0.6


def join_ticks(axes: Axes) -> None:
    """Draw the ticks of a panel that have no label together. It must be finished: they do not follow its limits."""
    for axis in (axes.xaxis, axes.yaxis):
        if not axis.get_visible():
            continue
        if isinstance(axis.get_minor_formatter(), NullFormatter):
            _join(axes, axis, "minor", axis.get_minorticklocs())
            axis.set_minor_locator(NullLocator())
        if isinstance(axis.get_major_formatter(), NullFormatter):
            _join(axes, axis, "major", axis.get_majorticklocs())
            axis.set_major_locator(NullLocator())


def _join(axes: Axes, axis: Axis, which: Literal["major", "minor"], places: Any) -> None:
    low, high = sorted(axis.get_view_interval())
    places = np.asarray(places)
    places = places[(low <= places) & (places <= high)]
    shown: dict[str, Any] = axis.get_tick_params(which=which)
    settings: Any = rcParams
    name = "xtick" if isinstance(axis, XAxis) else "ytick"
    if shown["gridOn"]:
        ends = np.tile([0.0, 1.0, np.nan], len(places))
        look = {"color": settings["grid.color"], "linewidth": settings["grid.linewidth"]}
        _add(axes, name, np.repeat(places, 3), ends, **look)
    for edge, (side, marker) in enumerate(_INWARD[name]):
        if shown[side]:
            _add(
                axes, name, places, np.full(len(places), edge), linestyle="none", color=settings[f"{name}.color"],
                marker=marker, markersize=settings[f"{name}.{which}.size"],
                markeredgewidth=settings[f"{name}.{which}.width"],
            )  # fmt: skip


_INWARD = {
    "xtick": (("bottom", TICKUP), ("top", TICKDOWN)),
    "ytick": (("left", TICKRIGHT), ("right", TICKLEFT)),
}


def _add(axes: Axes, name: str, along: Any, across: Any, **look: Any) -> None:
    """Along the axis in its values, across it from 0 to 1."""
    if name == "xtick":
        line = Line2D(along, across, transform=axes.get_xaxis_transform(), **look)
    else:
        line = Line2D(across, along, transform=axes.get_yaxis_transform(), **look)
    line.set_zorder(_OVER_WHAT_IS_MISSING)
    axes.add_artist(line)
