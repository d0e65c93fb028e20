"""Pictures of the daily files: boards by their name, and the columns of instruments.

    from ialirt_backfill import PlotOptions
    from ialirt_backfill.plot import draw, figure

    options = PlotOptions(board="solar-wind", datastore="ialirt-data", last=timedelta(days=3))
    figure(options)                       # a matplotlib Figure, to go on with
    draw(options, "solar-wind.png")       # as a file: png, svg or pdf, by the end of its name

The way of the data: ``choosing`` (which panels) → ``gathering`` (the days are read once, and reduced to what can be
seen, ``series``) → ``sheet`` and ``panels`` (a Figure) → ``drawing`` (a file). matplotlib is loaded when something is
drawn.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.extras import installing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ialirt_backfill.options import PlotOptions
    from ialirt_backfill.plot.drawing import Drawn

__all__ = ["draw", "figure", "require"]


def figure(options: PlotOptions) -> Figure:
    """The picture that the options describe. Raises UsageError, DayFileError and ledger.LedgerError."""
    require()
    from ialirt_backfill.plot.drawing import figure as make  # noqa: PLC0415 - it loads matplotlib

    return make(options)


def draw(options: PlotOptions, file: str | Path) -> Drawn:
    """Draw into a file, whole or not at all. Raises as `figure` does, and DayFileError where it cannot be written."""
    require()
    from ialirt_backfill.plot.drawing import draw as make  # noqa: PLC0415 - it loads matplotlib

    return make(options, Path(file))


def require() -> None:
    """Raise UsageError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UsageError(f"pictures need matplotlib: {installing('plot')}")
