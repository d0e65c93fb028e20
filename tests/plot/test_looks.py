"""What must not happen to a picture, whatever the data are: a crash, an overlap, a label without its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import BOARDS, INSTRUMENTS
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plot import figure, look
from ialirt_backfill.plot.marks import join_ticks
from ialirt_backfill.plot.timeaxis import set_time
from ialirt_backfill.plot.window import Window
from tests.plot.samples import FIRST, at, heights, write

LAST = date(2026, 2, 3)


def drawn(datastore: Path, **options: Any) -> Figure:
    given: dict[str, Any] = {"datastore": str(datastore), "start": FIRST, "end": LAST} | options
    return figure(PlotOptions(**given))


_drawn_once: dict[str, Figure] = {}


def drawn_once(datastore: Path, **options: Any) -> Figure:
    """One picture for all tests that look at it and leave it as it is."""
    name = f"{datastore} {sorted(options.items())}"
    if name not in _drawn_once:
        _drawn_once[name] = drawn(datastore, **options)
    return _drawn_once[name]


def laid_out(picture: Figure) -> Any:
    """Give all of it its place, as in a file, which costs less than to draw it; what measures it."""
    canvas: Any = FigureCanvasAgg(picture)
    picture.draw_without_rendering()
    return canvas.get_renderer()


def rendered(picture: Figure) -> Any:
    """Draw all of it, as into a file; what drew it."""
    canvas: Any = FigureCanvasAgg(picture)
    canvas.draw()
    return canvas.get_renderer()


def texts(picture: Figure) -> list[str]:
    return [it.get_text() for it in picture.findobj(Text) if it.get_text()]


def boxes(picture: Figure, found: Callable[[], Sequence[Text]]) -> Sequence[tuple[str, Bbox]]:
    """Where the texts stand that are shown; ticks have no text before the picture was laid out."""
    renderer = laid_out(picture)
    shown = [it for it in found() if it.get_text().strip() and it.get_visible()]
    return [(it.get_text(), it.get_window_extent(renderer)) for it in shown]


def overlaps(found: Sequence[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    shrunk = [(text, box.padded(-1.0)) for text, box in found]
    return [(one, other) for (one, a), (other, b) in combinations(shrunk, 2) if a.overlaps(b)]


def tick_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = [it for it in axis.get_major_ticks() if low <= it.get_loc() <= high]
    return [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]


def labels(axes: Axes) -> list[Text]:
    ticks = [*tick_labels(axes.xaxis), *tick_labels(axes.yaxis)]
    return [*ticks, axes.xaxis.label, axes.yaxis.label, axes.title]


PICTURES: list[dict[str, Any]] = [
    {"board": "solar-wind"},
    {"board": "mag-health"},
    {"board": "orbit"},
    {"board": "solar-wind", "end": FIRST},
    {"instrument": "mag_hk,swe,spacecraft"},
    {"instrument": "codice_hi,codice_lo,hit"},
]


@pytest.mark.parametrize("options", PICTURES, ids=str)
def test_no_label_overlaps_another_or_leaves_the_picture(days: Path, options: dict[str, Any]) -> None:
    picture = drawn_once(days, **options)
    found = boxes(picture, lambda: [*picture.texts, *(it for axes in picture.axes for it in labels(axes))])
    assert overlaps(found) == []
    width, height = picture.canvas.get_width_height()
    assert [text for text, box in found if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height] == []


@pytest.mark.parametrize("options", PICTURES, ids=str)
def test_every_axis_of_values_has_its_unit(days: Path, options: dict[str, Any]) -> None:
    for axes in drawn_once(days, **options).axes:
        label, has_rows = axes.get_ylabel(), axes.yaxis_inverted()
        assert has_rows or ("[" in label and label.endswith("]")), label


@pytest.mark.parametrize("board", ["solar-wind", "mag-health"])
def test_panels_stand_on_one_axis_of_time(days: Path, board: str) -> None:
    picture = drawn_once(days, board=board)
    panels = [it for it in picture.axes if it.get_label() != "<colorbar>" and it.get_xlim()[0] > 1_000]
    assert len({it.get_xlim() for it in panels}) == 1
    if board == "solar-wind":
        assert len({(it.get_position().x0, it.get_position().x1) for it in panels}) == 1, (
            "no bar of colours shrinks one"
        )


def test_most_of_a_grid_is_its_panels(days: Path) -> None:
    picture = drawn_once(days, board="mag-health")
    laid_out(picture)
    assert sum(it.get_position().width for it in picture.axes[:4]) > 0.62


def test_lines_of_two_axes_do_not_lie_upon_each_other(days: Path) -> None:
    picture = drawn_once(days, board="mag-health")
    laid_out(picture)

    def span(name: str) -> tuple[float, float]:
        """Of what is drawn, the shade as well, from the lower to the upper edge of the panel: 0 to 1."""
        [axes] = [it for it in picture.axes if any(line.get_gid() == name for line in it.lines)]
        low, high = axes.get_ylim()
        there = [y for it in axes.collections if isinstance(it, FillBetweenPolyCollection) for y in heights(it)]
        return (min(there) - low) / (high - low), (max(there) - low) / (high - low)

    for upper in ("mag_hk_hk3v3", "mag_hk_hkn8v5"):
        assert 0 < span(f"{upper}_current")[0] < span(f"{upper}_current")[1] < span(upper)[0] < span(upper)[1] < 1


def test_received_and_missing_differ_in_grey() -> None:
    received, gap = (np.dot(to_rgb(it), [0.2126, 0.7152, 0.0722]) for it in (look.RECEIVED, look.GAP))
    assert received - gap > 0.4


LENGTHS = [
    *(timedelta(hours=n) for n in (1, 2, 3, 5, 7, 11, 17, 24, 31, 47)),
    *(timedelta(days=n) for n in (3, 4, 5, 7, 8, 9, 10, 14, 20, 27, 28, 31, 45, 62, 93, 180, 366, 800, 1_500, 3_650)),
]


@pytest.mark.parametrize("most", [5, 10])
@pytest.mark.parametrize("length", LENGTHS, ids=str)
def test_labels_of_time_never_overlap(length: timedelta, most: int) -> None:
    for begin in (date(2025, 12, 30), date(2026, 2, 24), date(2026, 7, 17)):
        picture = Figure(figsize=(3.1 if most == 5 else 10.3, 2.0), dpi=100)
        axes = picture.add_axes((0.1, 0.3, 0.8, 0.6))
        start = at(begin)
        set_time(axes, Window(start, start + length, start + length), most=most, labelled=True)
        join_ticks(axes)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
        found = boxes(picture, partial(tick_labels, axes.xaxis))
        assert 1 < len(found) <= most + 2
        assert overlaps(found) == []


def test_title_range_newest_record_and_what_these_data_are(days: Path) -> None:
    said = " ".join(texts(drawn_once(days, board="solar-wind")))
    assert "IMAP I-ALiRT   Real-time solar wind" in said
    assert "2026-02-01 00:00 to 2026-02-04 00:00 UTC" in said
    assert "newest record 2026-02-03 23:59:56 UTC, drawn 2026-02-04 12:00:00 UTC" in said
    assert "near-real-time, uncalibrated" in said
    assert "Synthetic" not in said


def test_a_demonstration_says_that_it_is_one(days: Path, tmp_path: Path) -> None:
    write(tmp_path, "swapi", FIRST, [0.0], {"swapi_pseudo_proton_speed": [400.0]})
    (tmp_path / "ledger.synthetic").write_text("x")
    assert any(it.startswith("Synthetic data") for it in texts(drawn(tmp_path, instrument="swapi")))


# --- odd data ---------------------------------------------------------------------------------------------------------


def test_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "ialirt").mkdir()
    for board in ("solar-wind", "mag-health", "orbit"):
        said = texts(drawn(tmp_path, board=board))
        assert ("no position" if board == "orbit" else "no data") in said
        assert any("no record" in it for it in said)


@pytest.mark.parametrize("instrument", ["mag", "mag_hk", "swe", "hit", "codice_hi", "spacecraft", "spacecraft_status"])
def test_one_record_without_a_value(tmp_path: Path, instrument: str) -> None:
    write(
        tmp_path,
        instrument,
        FIRST,
        [3_600.0],
        {next(iter(INSTRUMENTS[instrument].columns.keys() - {"time_utc"})): [None]},
    )
    assert "1 record, no value" in texts(drawn(tmp_path, instrument=instrument))


def test_one_sample_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "swapi", FIRST, [3_600.0], {"swapi_pseudo_proton_speed": [400.0]})
    for last in (FIRST, date(2026, 4, 1)):
        picture = drawn(tmp_path, instrument="swapi", columns="swapi_pseudo_proton_speed", end=last)
        [axes] = picture.axes
        assert any(it.get_marker() == "." and np.array_equal(it.get_ydata(), [400.0]) for it in axes.lines)
        low, high = axes.get_ylim()
        assert low < 400.0 < high


@pytest.mark.parametrize(
    ("instrument", "column", "value"),
    [
        ("mag", "mag_phi_B_GSM", 360.0),
        ("swe", "swe_normalized_counts_3", 7),
        ("hit", "hit_h_omni_low_en", 0.0),
        ("codice_lo", "codice_lo_c_over_o_abundance", 0.0),
        ("codice_hi", "codice_hi_h", '"[[[[1]]]]"'),
        ("mag_hk", "mag_hk_mode", "Mode 7, never seen"),
        ("mag_hk", "mag_hk_pri_isvalid", "True"),
        ("spacecraft_status", "sc_mag_status", 3),
        ("spacecraft", "sc_position_GSE_x", 1.0),
    ],
)
def test_one_value_of_each_kind(tmp_path: Path, instrument: str, column: str, value: Any) -> None:
    quoted = f'"{value}"' if isinstance(value, str) and "," in value and not value.startswith('"') else value
    write(tmp_path, instrument, FIRST, [3_600.0], {column: [quoted]})
    name = "codice_hi_h" if column == "codice_hi_h" else column
    rendered(drawn(tmp_path, instrument=instrument, columns=name))
    for name, board in BOARDS.items():
        if INSTRUMENTS[instrument] in {board.instrument, *(panel.instrument for panel in board.panels)}:
            drawn(tmp_path, board=name)


def test_a_mode_is_text_and_each_has_its_row(days: Path) -> None:
    [axes] = drawn(days, instrument="mag_hk", columns="mag_hk_mode").axes
    assert [it.get_text() for it in axes.get_yticklabels()] == ["Config", "Normal"]


def test_what_cannot_be_true_is_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "swapi", FIRST, [0.0, 12.0, 24.0], {"swapi_pseudo_proton_speed": [400.0, 99_999.0, -1.0]})
    picture = drawn(tmp_path, instrument="swapi", columns="swapi_pseudo_proton_speed")
    assert "2 out of range, left out" in texts(picture)
    assert picture.axes[0].get_ylim()[1] < 500.0


def test_a_leap_day(tmp_path: Path) -> None:
    day = date(2028, 2, 29)
    write(tmp_path, "swapi", day, list(np.arange(0.0, 86_400.0, 12.0)), {"swapi_pseudo_proton_speed": [400.0] * 7_200})
    picture = drawn(
        tmp_path, instrument="swapi", start=date(2028, 2, 27), end=date(2028, 3, 2), as_of=at(date(2028, 3, 9))
    )
    rendered(picture)
    labels = [it.get_text().strip() for it in picture.axes[-1].get_xticklabels()]
    assert any("Feb 29" in it or "2028-02-29" in it for it in labels)


@pytest.mark.parametrize("column", ["time_utc", "ttj2000ns", "mag_epoch"])
def test_a_time_is_no_value(tmp_path: Path, column: str) -> None:
    write(tmp_path, "mag", FIRST, [0.0], {"ttj2000ns": [848_491_272_184_000_000]})
    with pytest.raises(UsageError, match=f"{column} is a time, which all panels have as their axis"):
        drawn(tmp_path, instrument="mag", columns=column)


def test_of_a_text_that_is_ever_another_the_first_have_rows(tmp_path: Path) -> None:
    write(tmp_path, "mag_hk", FIRST, list(range(0, 40_000, 4)), {"mag_hk_mode": [f"M{n:05}" for n in range(10_000)]})
    [axes] = drawn(tmp_path, instrument="mag_hk", columns="mag_hk_mode").axes
    assert [it.get_text() for it in axes.get_yticklabels()] == [*(f"M{n:05}" for n in range(8)), "others"]


def test_a_logarithm_says_what_it_has_no_place_for(tmp_path: Path) -> None:
    ratio, other = "codice_lo_c_over_o_abundance", "codice_lo_mg_over_o_abundance"
    seconds = list(range(0, 2_400, 240))
    write(tmp_path, "codice_lo", FIRST, seconds, {ratio: [0.5, 0.0, *[0.7] * 8], other: [0.1] * 10})
    some = drawn(tmp_path, board="solar-wind", instrument="codice_lo")
    assert "1 not above 0, left out" in texts(some)
    [line] = [it for it in some.axes[0].lines if it.get_gid() == ratio]
    assert 0.0 not in np.asarray(line.get_ydata())
    write(tmp_path, "codice_lo", FIRST, seconds, {ratio: [0.0] * 10})
    said = texts(drawn(tmp_path, board="solar-wind", instrument="codice_lo"))
    assert "no value above 0, and the axis is logarithmic" in said


@pytest.mark.parametrize(
    ("range_", "labelled"),
    [("[2.0, 9.0]", {"2", "5"}), ("[1.0, 1000.0]", {"1", "10", "100", "1000"}), ("[1.0, 1e12]", {"1"})],
)
def test_a_logarithm_has_labels_for_the_range_that_it_is_given(
    days: Path, tmp_path: Path, range_: str, labelled: set[str]
) -> None:
    board = f"""
[board.ours]
title = "Ours"
[[board.ours.panels]]
instrument = "mag"
lines = ["mag_B_magnitude"]
scale = "log"
range = {range_}
"""
    (tmp_path / "ours.toml").write_text(board)
    picture = drawn(days, board="ours", catalogue=str(tmp_path / "ours.toml"))
    laid_out(picture)
    [axes] = picture.axes
    shown = tick_labels(axes.yaxis)
    assert labelled <= {it.get_text() for it in shown}
    assert not overlaps(boxes(picture, lambda: tick_labels(axes.yaxis)))
    assert 2 <= len(shown) <= 9


def test_days_to_come_are_drawn_as_such(days: Path) -> None:
    now = at(date(2026, 2, 1))
    said = " ".join(texts(drawn(days, board="solar-wind", start=LAST, end=LAST, as_of=now)))
    assert "2026-02-03 00:00 to 2026-02-04 00:00 UTC" in said
    with pytest.raises(UsageError, match="2026-02-03 has not begun: there is no coverage to be drawn"):
        drawn(days, board="coverage", start=LAST, end=LAST, as_of=now)


OWN = """
[board.ours]
kind = "{kind}"
title = '$x_1$ and $\\frac{{1$'
[[board.ours.panels]]
instrument = "mag"
lines = ["mag_B_GSE"]
label = '$B_1$ < 100% & \\alpha'
[[board.ours.panels]]
instrument = "hit"
lines = [
    "hit_e_a_side_low_en", "hit_e_a_side_med_en", "hit_h_omni_low_en", "hit_h_omni_med_en", "hit_h_a_side_high_en",
    "hit_he_omni_low_en", "hit_he_omni_high_en",
]
label = "Counts with a name that has no end and goes on as long as it can, and then some"
height = 0.2
[[board.ours.panels]]
instrument = "swapi"
lines = ["swapi_pseudo_proton_density"]
right = ["swapi_pseudo_proton_speed"]
scale = "log"
[[board.ours.panels]]
instrument = "swe"
spectrum = ["swe_normalized_counts"]
"""


@pytest.mark.parametrize("kind", ["stack", "grid"])
def test_a_board_of_a_team_may_say_what_it_likes(days: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "ours.toml").write_text(OWN.format(kind=kind), encoding="utf-8")
    picture = drawn(days, board="ours", catalogue=str(tmp_path / "ours.toml"))
    legends = [it.get_legend() for it in picture.axes]
    found = boxes(picture, lambda: [*picture.texts, *(it for axes in picture.axes for it in labels(axes))])
    said = [text for text, _ in found]
    assert any(it.startswith("IMAP I-ALiRT   $x_1$ and $") for it in said)
    assert any("$B_1$ < 100% &" in it for it in [*said, *(it.get_title("left") for it in picture.axes)])
    found = [*found, *((str(it), it.get_window_extent()) for it in legends if it is not None)]
    assert overlaps(found) == []
    width, height = picture.canvas.get_width_height()
    assert [text for text, box in found if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height] == []


# --- what is left out ---


def test_what_a_catalogue_took_away_is_said(days: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("""
[swapi.fields]
swapi_pseudo_proton_speed = false
[hit.fields]
hit_h_omni_low_en = { type = "text", kind = "text" }
[spacecraft.fields]
sc_position_GSE = false
""")
    picture = drawn(days, board="solar-wind", end=FIRST, catalogue=str(file))
    [said] = [it for it in texts(picture) if "left out" in it]
    assert said.endswith("; left out: swapi_pseudo_proton_speed (no column of swapi); hit_h_omni_low_en (no number)")
    assert "Omni H+ 6 to 8 MeV" not in texts(picture)
    assert "Omni H+ 12 to 15 MeV" in texts(picture), "the others of its panel are there"
    assert not any("left out" in it for it in texts(drawn(days, board="mag-health", end=FIRST, catalogue=str(file))))
    with pytest.raises(UsageError, match=r"nothing of orbit is left to be drawn: sc_position_GSE \(no vector of 3\)"):
        drawn(days, board="orbit", catalogue=str(file))


# --- who may see it ---------------------------------------------------------------------------------------------------


def test_for_the_public_the_columns_with_a_scope_are_left_out(days: Path) -> None:
    all_ = " ".join(texts(drawn_once(days, board="solar-wind")))
    public = " ".join(texts(drawn(days, board="solar-wind", end=FIRST, public=True)))
    restricted = [column.label for column in INSTRUMENTS["hit"].columns.values() if column.scopes]
    assert any(label in all_ for label in restricted)
    assert not any(label in public for label in restricted)
    assert "Omni H+ 6 to 8 MeV" in public
    assert "left out: hit_e_a_side_low_en, hit_h_a_side_high_en (for keys with a scope only)" in public
    assert len(drawn(days, board="mag-health", end=FIRST, public=True).axes) == 1
    with pytest.raises(UsageError, match=r"nothing of coverage is left to be drawn: mag_hk \(for keys with"):
        drawn(days, board="coverage", instrument="mag_hk", public=True)
    with pytest.raises(UsageError, match="nothing of mag_hk is left"):
        drawn(days, instrument="mag_hk", public=True)


def test_of_a_board_the_panels_of_some_instruments(days: Path) -> None:
    assert len(drawn(days, board="solar-wind", instrument="swapi").axes) == 3
    for board, instrument in (("solar-wind", "mag_hk"), ("orbit", "mag")):
        with pytest.raises(UsageError, match=f"nothing of {board} is left"):
            drawn(days, board=board, instrument=instrument)


def test_the_boards_that_there_are() -> None:
    assert list(BOARDS) == ["solar-wind", "mag-health", "coverage", "orbit"]
    assert len(BOARDS["mag-health"].panels) == 12
