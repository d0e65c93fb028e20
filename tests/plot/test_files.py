"""Pictures as files: the same bytes for the same data, whole or not at all; and the command that makes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import cli
from ialirt_backfill.exceptions import DayFileError, UsageError
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plot import draw, figure
from tests.plot.samples import FIRST, write
from tests.support import tripwire
from tests.support.commands import Command, Here

__all__: list[str] = []
SPEED = "swapi_pseudo_proton_speed"


def options(datastore: Path, **more: Any) -> PlotOptions:
    given: dict[str, Any] = {"instrument": "swapi", "columns": SPEED} | more
    return PlotOptions(datastore=str(datastore), start=FIRST, end=FIRST, **given)


DRAW = """
import sys
from datetime import date
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plot import draw
day = date(2026, 2, 1)
for file in sys.argv[2:]:
    draw(PlotOptions(board="solar-wind", instrument="mag,swe", datastore=sys.argv[1], start=day, end=day), file)
"""


def test_the_same_data_make_the_same_bytes_in_every_process(days: Path, tmp_path: Path) -> None:
    kinds = ("png", "svg", "pdf")
    for seed, order in enumerate((kinds, kinds[::-1]), start=1):
        files = [str(tmp_path / f"{seed}.{kind}") for kind in order]
        subprocess.run(
            [sys.executable, "-W", "error", "-c", DRAW, str(days), *files],
            env={"PYTHONHASHSEED": str(seed), "SOURCE_DATE_EPOCH": "1770206400", "HOME": str(tmp_path)},
            check=True,
        )
    for kind in kinds:
        one, other = ((tmp_path / f"{seed}.{kind}").read_bytes() for seed in (1, 2))
        assert one == other, kind
        assert len(one) > 10_000


def test_whoever_set_matplotlib_up_otherwise_gets_the_same_picture(days: Path, tmp_path: Path) -> None:
    draw(options(days), tmp_path / "a.png")
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.facecolor": "red"}):
        draw(options(days), tmp_path / "b.png")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_when_it_was_drawn_is_the_clock_where_nobody_says_otherwise(
    days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    said = " ".join(it.get_text() for it in figure(options(days)).texts)
    assert f"drawn {datetime.now(UTC):%Y-%m-%d %H:}" in said
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "noon")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is not a number of Unix seconds: noon"):
        figure(options(days))


def test_a_picture_is_replaced_whole_or_not_at_all(days: Path, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    draw(options(days), file)
    before = file.read_bytes()
    write(tmp_path, "swapi", FIRST, [0.0], {SPEED: [400.0]}).write_text("<html>\n")
    with pytest.raises(DayFileError, match="cannot be understood"):
        draw(options(tmp_path), file)
    assert file.read_bytes() == before
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DayFileError, match=r"folder\.png is a directory, not a file"):
        draw(options(days), tmp_path / "folder.png")
    (tmp_path / "one.png").symlink_to("other.png")
    (tmp_path / "other.png").symlink_to("one.png")
    with pytest.raises(DayFileError, match=r"one\.png cannot be followed"):
        draw(options(days), tmp_path / "one.png")
    for name in ("one.png", "other.png"):
        (tmp_path / name).unlink()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["folder.png", "ialirt", "picture.png"]


def test_what_a_killed_drawing_left_is_swept_by_a_later_one(days: Path, tmp_path: Path) -> None:
    file = tmp_path / "wind.png"
    draw(options(days), file)
    before = file.read_bytes()
    words = ["plot", "--instrument", "swapi", "--columns", SPEED, "--datastore", str(days), "--start", "2026-02-01"]
    words += ["--end", "2026-02-02", "--out", str(file), "--quiet"]
    assert tripwire.run(words, at=1) == -signal.SIGKILL, "before the second half is written"
    [left] = tmp_path.glob(".wind.png.*.tmp")
    assert left.stat().st_size > 0
    assert file.read_bytes() == before
    draw(options(days), file)
    assert left.exists(), "it may be of a process that lives"
    os.utime(left, (0, 0))
    draw(options(days), file)
    assert list(tmp_path.iterdir()) == [file]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_draws_and_says_what(days: Path, here: Here, tmp_path: Path) -> None:
    words = ["--instrument", "swapi", "--datastore", str(days), "--start", "2026-02-01", "--end", "2026-02-02"]
    done = here("plot", *words, "--out", "wind.svg")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(
        "wind.svg  SWAPI, 2026-02-01 00:00 … 2026-02-03 00:00Z, newest record 2026-02-02 23:59:48Z\n"
    )
    said = here("plot", *words, "--out", "wind.png", "--json").json
    assert said == {
        "file": said["file"], "title": "SWAPI", "start": "2026-02-01T00:00:00Z", "stop": "2026-02-03T00:00:00Z",
        "newest": "2026-02-02T23:59:48Z", "left_out": [],
    }  # fmt: skip
    assert Path(said["file"]).read_bytes().startswith(b"\x89PNG")


def test_the_command_says_that_no_record_lies_in_the_range(days: Path, here: Here) -> None:
    words = ["--instrument", "swapi", "--datastore", str(days), "--start", "2026-03-01", "--end", "2026-03-02"]
    done = here("plot", *words, "--out", "empty.png")
    assert done.code == 0
    assert done.out.endswith("2026-03-01 00:00 … 2026-03-03 00:00Z, no record\n")
    assert done.err == "no record lies in 2026-03-01 00:00 … 2026-03-03 00:00Z: the picture shows no data\n"
    assert here("plot", *words, "--out", "empty.png", "--json").json["newest"] is None
    assert here("plot", *words, "--out", "empty.png", "--quiet").err == ""
    assert Path("empty.png").stat().st_size > 10_000


def test_the_command_says_what_it_left_out(days: Path, here: Here) -> None:
    words = ["--board", "mag-health", "--public", "--datastore", str(days), "--start", "2026-02-01", "--out", "a.png"]
    done = here("plot", *words, "--end", "2026-02-01")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].startswith("left out: mag_hk_hk1v5_danger, mag_hk_hk1v5c_danger,")
    assert done.out.endswith(" more (for keys with a scope only)\n")
    said = here("plot", *words, "--end", "2026-02-01", "--json").json["left_out"]
    assert said[0] == {
        "instrument": "mag_hk", "column": "mag_hk_hk1v5_danger", "reason": "for keys with a scope only",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--board is missing: choose from solar-wind, mag-health, coverage, orbit, or name an --instrument"),
        (["--board", "solarwind"], "unknown board 'solarwind'. Did you mean 'solar-wind'?"),
        (["--board", "orbit"], "--out is missing: the file of the picture, as --out orbit.png"),
        (["--board", "orbit", "--out", "a.gif"], "--out a.gif: the end of its name says what it is made as"),
        (["--board", "orbit", "--columns", "mag_B_GSE", "--out", "a.png"], "--columns goes with --instrument"),
        (["--instrument", "mag", "--columns", "mag_B_GSX", "--out", "a.png"], "Did you mean 'mag_B_GS"),
        (["--instrument", "mag", "--columns", "codice_hi_h", "--out", "a.png"], "no column 'codice_hi_h'"),
        (["--board", "orbit", "--datastore", "nowhere", "--out", "a.png"], "nowhere: there is no such folder"),
        (["--board", "coverage", "--out", "a.png"], "there is no ledger yet"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(days: Path, here: Here, words: list[str], said: str) -> None:
    place = [] if "nowhere" in words else ["--datastore", str(days)]
    done = here("plot", *words, *place)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_cells_that_cannot_be_read_are_told_of_in_a_line(here: Here, tmp_path: Path) -> None:
    write(tmp_path, "swapi", FIRST, [0.0, 12.0], {SPEED: [400.0, "fast"]})
    done = here(
        "plot", "--instrument", "swapi", "--datastore", str(tmp_path), "--start", "2026-02-01", "--out", "a.png"
    )
    assert done.code == 0
    assert f"{SPEED}" in done.err
    assert "'fast'" in done.err
    assert "OddCells" not in done.err


WITHOUT = """
import sys
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "matplotlib" else find(name, *more)
import cli
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words", [["plot", "--board", "orbit", "--out", "a.png"], ["poll", "--once", "--picture", "a.png"]], ids=" ".join
)
def test_without_matplotlib_it_says_how_to_get_it(command: Command, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, *words],
        env=command.env | {"PYTHONPATH": str(Path(cli.__file__).parent)},
        cwd=command.cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("ialirt-backfill: pictures need matplotlib: in a clone `pip install '.[plot]'`")
    assert done.stderr.count("\n") == 1


# --- what a poll keeps fresh ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--board", "orbit"], ["--picture", "a.gif"], ["--picture", "a.png", "--board", "x"]]
)
def test_a_poll_refuses_what_cannot_be_drawn(here: Here, words: list[str]) -> None:
    assert here("poll", "--once", *words).code == 2


def test_a_poll_draws_after_a_pass_that_changed_something(command: Command) -> None:
    def pass_(as_of: str) -> bytes:
        done = command(
            "poll", "--once", "--instrument", "mag,swapi", "--picture", "wind.png", "--as-of", as_of, "--json",
            SOURCE_DATE_EPOCH="1770206400",
        )  # fmt: skip
        assert done.code == 0, done.err
        json.loads(done.out)
        return (command.cwd / "wind.png").read_bytes()

    first = pass_("2026-02-01T03:00:00Z")
    drawn_at = (command.cwd / "wind.png").stat().st_mtime_ns
    assert pass_("2026-02-01T03:00:00Z") == first
    assert (command.cwd / "wind.png").stat().st_mtime_ns == drawn_at, "nothing had changed"
    assert pass_("2026-02-01T03:20:00Z") != first


def test_a_picture_that_fails_never_fails_a_poll(command: Command) -> None:
    (command.cwd / "taken.png").mkdir()
    done = command(
        "poll", "--once", "--instrument", "hit", "--picture", "taken.png", "--board", "coverage",
        "--as-of", "2026-02-01T03:00:00Z",
    )  # fmt: skip
    assert done.code == 0
    assert "taken.png could not be drawn: " in done.err
    assert "is a directory, not a file" in done.err
    assert "+" in done.out
