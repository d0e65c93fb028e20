"""The numbers that are drawn are the numbers that were read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plot import figure
from ialirt_backfill.plot.gathering import numbers
from ialirt_backfill.plot.series import Line, Points, Presence, Spectrum
from ialirt_backfill.plot.window import BINS, Window, micros
from ialirt_backfill.read.days import tables
from tests.plot.samples import FIRST, GAPS, at, heights, intensities, write

DAY = 86_400.0
MICROS_A_DAY = 86_400e6


def drawn(days: Path, instrument: str, columns: str, last: date = FIRST) -> Figure:
    return figure(PlotOptions(instrument=instrument, columns=columns, datastore=str(days), start=FIRST, end=last))


def named(axes: Axes, name: str) -> Line2D:
    """The line or the points of a column."""
    [found] = [it for it in axes.lines if it.get_gid() == name]
    return found


def data(line: Line2D) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.asarray(line.get_xdata(orig=False)), np.asarray(line.get_ydata(orig=False))


def read(
    days: Path, instrument: str, column: str, last: date = FIRST
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Times in microseconds since 1970, and values."""
    found = pa.concat_tables(tables(days, INSTRUMENTS[instrument], at(FIRST), at(last, DAY), columns=[column]))
    return found["time_utc"].cast(pa.int64()).to_numpy(), numbers(found, column)


def bins_of(times: np.ndarray[Any, Any], days: int) -> np.ndarray[Any, Any]:
    """The column of pixels of each time."""
    found: np.ndarray[Any, Any] = (times - micros(at(FIRST))) * BINS // int(days * MICROS_A_DAY)
    return found


def test_each_record_is_drawn_where_they_are_few(days: Path) -> None:
    x, y = data(named(drawn(days, "hit", "hit_h_omni_low_en").axes[0], "hit_h_omni_low_en"))
    times, values = read(days, "hit", "hit_h_omni_low_en")
    assert len(times) <= 2 * BINS
    there = ~np.isnan(y)
    np.testing.assert_array_equal(x[there], times / MICROS_A_DAY)
    np.testing.assert_array_equal(y[there], values)


def test_a_line_is_interrupted_at_a_gap_and_nowhere_else(days: Path) -> None:
    x, y = data(named(drawn(days, "hit", "hit_h_omni_low_en").axes[0], "hit_h_omni_low_en"))
    [place] = np.flatnonzero(np.isnan(y))
    since, until = (micros(at(FIRST, second)) / MICROS_A_DAY for second in GAPS["hit"][0])
    assert x[place - 1] < since < x[place] < until <= x[place + 1]


def test_an_envelope_holds_the_extremes_and_the_mean_of_each_column_of_pixels(days: Path) -> None:
    axes = drawn(days, "mag", "mag_B_GSM_z", date(2026, 2, 3)).axes[0]
    times, values = read(days, "mag", "mag_B_GSM_z", date(2026, 2, 3))
    bins = bins_of(times, 3)
    own = [values[bins == place] for place in np.unique(bins)]
    _, middle = data(named(axes, "mag_B_GSM_z"))
    np.testing.assert_allclose(middle[~np.isnan(middle)], [it.mean() for it in own], rtol=1e-9)
    [envelope] = [it for it in axes.collections if isinstance(it, FillBetweenPolyCollection)]
    corners = heights(envelope)
    assert {*(it.min() for it in own), *(it.max() for it in own)} <= {*corners}


def test_one_sample_in_a_month_is_seen(tmp_path: Path) -> None:
    for number in range(28):
        seconds = np.arange(0.0, DAY, 12.0)
        speed = [400.0] * len(seconds)
        if number == 13:
            speed[3_333] = 1_234.5
        write(tmp_path, "swapi", FIRST + timedelta(days=number), list(seconds), {"swapi_pseudo_proton_speed": speed})
    axes = drawn(tmp_path, "swapi", "swapi_pseudo_proton_speed", date(2026, 2, 28)).axes[0]
    [envelope] = [it for it in axes.collections if isinstance(it, FillBetweenPolyCollection)]
    assert max(heights(envelope)) == 1_234.5
    assert axes.get_ylim()[1] > 1_234.5


def test_points_are_records(days: Path) -> None:
    x, y = data(named(drawn(days, "mag", "mag_phi_B_GSM").axes[0], "mag_phi_B_GSM"))
    times, values = read(days, "mag", "mag_phi_B_GSM")
    assert {*zip(x, y, strict=True)} <= {*zip(times / MICROS_A_DAY, values, strict=True)}
    cells = {*zip(bins_of(times, 1), (values / 2).astype(int), strict=True)}
    assert len(x) == len(cells)


def test_energies_of_arrays_are_means_over_the_directions_at_the_time_of_each_measurement(days: Path) -> None:
    axes = drawn(days, "codice_hi", "codice_hi_h").axes[0]
    [mesh] = [it for it in axes.collections if isinstance(it, QuadMesh)]
    values = np.asarray(mesh.get_array()).reshape(15, -1)
    wanted = np.array([np.mean(intensities(second), axis=(2, 3)) for second in np.arange(0.0, DAY, 240.0)])
    shown = wanted.reshape(-1, 15).T
    np.testing.assert_allclose(values[:14], shown[:14], rtol=1e-12)
    assert (values[14] < shown[shown > 0].min()).all(), "0 is less than all that is shown, and no missing value"
    edges = np.asarray(mesh.get_coordinates())[0, :, 0]
    np.testing.assert_allclose(np.diff(edges[:-1]) * DAY, 60.0, atol=1e-3)


def test_colours_keep_the_greatest(days: Path) -> None:
    axes = drawn(days, "swe", "swe_normalized_counts").axes[0]
    [mesh] = [it for it in axes.collections if isinstance(it, QuadMesh)]
    values = np.asarray(mesh.get_array()).reshape(8, BINS)
    for place in range(8):
        times, own = read(days, "swe", f"swe_normalized_counts_{place + 1}")
        bins = bins_of(times, 1)
        np.testing.assert_array_equal(values[place], [own[bins == it].max() for it in range(BINS)])


def test_what_is_missing_is_hatched_from_the_last_record_to_the_next(days: Path) -> None:
    axes = drawn(days, "hit", "hit_h_omni_low_en").axes[0]
    [hatched] = [it for it in axes.collections if isinstance(it, PolyCollection) and it.get_hatch()]
    [path] = hatched.get_paths()
    corners = np.asarray(path.vertices)[:, 0]
    first, last = (micros(at(FIRST, second)) / MICROS_A_DAY for second in (19_980, 27_000))
    assert (corners.min(), corners.max()) == pytest.approx((first, last), abs=1e-9)


# --- a day after the other --------------------------------------------------------------------------------------------

WINDOW = Window(at(FIRST), at(FIRST, 10 * DAY), datetime(2027, 1, 1, tzinfo=UTC))
START = micros(WINDOW.start)
samples = st.lists(
    st.tuples(st.integers(0, 10 * 86_400 - 1), st.floats(-1e6, 1e6) | st.just(float("nan"))),
    min_size=1, max_size=120, unique_by=lambda it: it[0],
).map(sorted)  # fmt: skip


@settings(max_examples=80)
@given(samples, st.sampled_from([4, 1_000]), st.integers(1, 119))
def test_lines_do_not_depend_on_how_the_samples_come(found: list[tuple[int, float]], cadence: int, cut: int) -> None:
    times = np.array([START + second * 10**6 for second, _ in found])
    values = np.array([value for _, value in found])
    whole, parts = (Line(WINDOW, cadence * 10**6, 5_000 * 10**6) for _ in range(2))
    whole.feed(times, values)
    parts.feed(times[:cut], values[:cut])
    parts.feed(times[cut:], values[cut:])
    one, other = whole.trace(), parts.trace()
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_allclose(one.middle, other.middle, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(one.low, other.low)
    there = ~np.isnan(values)
    assert one.samples == there.sum()
    assert one.is_envelope == (cadence == 4)
    if there.any():
        assert np.nanmin(one.low) == values[there].min()
        assert np.nanmax(one.high) == values[there].max()
        assert (np.diff(one.times) >= 0).all()


@settings(max_examples=80)
@given(samples, st.integers(1, 119))
def test_pauses_do_not_depend_on_how_the_samples_come(found: list[tuple[int, float]], cut: int) -> None:
    times = np.array([START + second * 10**6 for second, _ in found])
    pause = 3_600 * 10**6
    presence = Presence(pause)
    presence.feed(times[:cut])
    presence.feed(times[cut:])
    start, stop = START, micros(WINDOW.stop)
    edges = [start, *times.tolist(), stop]
    assert presence.missing(start, stop) == [
        (since, until) for since, until in pairwise(edges) if until - since > pause
    ]
    assert presence.count == len(times)


def test_nothing_that_was_given_is_nothing_that_is_drawn() -> None:
    none, values = np.empty(0, np.int64), np.empty(0)
    line, points, spectrum = Line(WINDOW, 4, 10), Points(WINDOW, (0.0, 360.0)), Spectrum(WINDOW, 3, 1, 2)
    line.feed(none, values)
    points.feed(none, values)
    spectrum.feed(none, np.empty((0, 3)))
    assert not len(line.trace().times)
    assert not len(points.points()[0])
    assert np.isnan(spectrum.cells()[1]).all()
