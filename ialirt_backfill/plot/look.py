"""How pictures look: the same for everybody, whatever matplotlib is set to where they are drawn.

The colours are those of Okabe and Ito, which the colour-blind can tell apart, in an order in which neighbours differ in
grey as well; where there are three lines or more each has its mark, too.
"""

from __future__ import annotations

from typing import Any

COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MARKS_PER_LINE = 9

MARKED = "#D55E00"
BELOW = "#7A0014"
NORMAL = "#C9DDEA"
STATE = "#0072B2"
RECEIVED, GAP = "#9CC9E8", "#B03A00"
"""Light and dark, so that grey tells them apart as well."""
MISSING_FACE, MISSING_EDGE, MISSING_HATCH = "#DADADA", "#9C9C9C", "////"
GREY = "#5F5F5F"
SPECTRUM = "viridis"
AVAILABILITY = "cividis"
LESS_THAN_SHOWN = "#1A0020"

LINE, MARK, POINT = 0.9, 3.2, 1.1
"""Widths and sizes, in points."""
ENVELOPE, ENVELOPE_IN_A_CROWD = 0.28, 0.13
"""How much of its colour the span between the extremes has."""

LEAST_PIXELS = 2.5
"""So wide is the shortest bar."""

TITLE, TEXT, SMALL, TINY = 12.0, 8.0, 7.0, 6.3

DPI, GRID_DPI = 100, 125
"""Letters of a grid are larger for its sheet is: its panels are side by side."""

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.7,
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",  # which matplotlib brings along
    "font.size": TEXT,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.4,
    "hatch.color": MISSING_EDGE,
    "hatch.linewidth": 0.5,
    "path.simplify": False,
    "savefig.dpi": "figure",
    "text.parse_math": False,  # a $ in a label is one
    "svg.fonttype": "path",
    "svg.hashsalt": "ialirt-backfill",
    "xtick.direction": "in",
    "xtick.labelsize": SMALL,
    "xtick.top": True,
    "ytick.direction": "in",
    "ytick.labelsize": SMALL,
    "ytick.right": True,
}
"""What is set over matplotlib's own defaults."""
