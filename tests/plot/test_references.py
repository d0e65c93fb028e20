"""Pictures beside references, which a person has looked at.

The tolerance is the root mean square of the differences of all pixels, of 255: another release of the library that
draws letters changes a few of them by a little, another line or another label changes more.
To make the references anew: ``pytest tests/plot/test_references.py -n0 --mpl-generate-path=tests/plot/references``.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from ialirt_backfill.options import AdoptOptions, PlotOptions
from ialirt_backfill.plot import figure
from ialirt_backfill.upkeep.adopt import adopt
from tests.plot.samples import FIRST

LAST = date(2026, 2, 3)
TOLERANCE = 4.0
compared = pytest.mark.mpl_image_compare(
    baseline_dir="references", tolerance=TOLERANCE, style="default", savefig_kwargs={"dpi": 60}
)


@compared
def test_solar_wind(days: Path) -> Figure:
    return figure(PlotOptions(board="solar-wind", datastore=str(days), start=FIRST, end=LAST))


@compared
def test_mag_health(days: Path) -> Figure:
    return figure(PlotOptions(board="mag-health", datastore=str(days), start=FIRST, end=LAST))


@compared
def test_orbit(days: Path) -> Figure:
    return figure(PlotOptions(board="orbit", datastore=str(days), start=FIRST, end=LAST))


@compared
def test_coverage(days: Path, tmp_path: Path) -> Figure:
    now = datetime(2026, 2, 4, 6, 20, tzinfo=UTC)
    datastore = str(shutil.copytree(days, tmp_path / "days"))
    adopt(AdoptOptions(datastore=datastore, start=FIRST, end=LAST, as_of=now))
    return figure(PlotOptions(board="coverage", datastore=datastore, start=date(2026, 1, 30), as_of=now))


@compared
def test_columns_of_instruments(days: Path) -> Figure:
    return figure(PlotOptions(instrument="mag_hk,swe", datastore=str(days), start=FIRST, end=FIRST))


@compared
def test_today(days: Path) -> Figure:
    """What has not come yet is neither there nor missing."""
    now = datetime(2026, 2, 3, 15, 10, tzinfo=UTC)
    return figure(PlotOptions(board="solar-wind", instrument="mag,hit", datastore=str(days), as_of=now))
