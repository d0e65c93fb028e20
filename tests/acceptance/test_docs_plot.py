"""The commands and the program of docs/plot.md work as they stand."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.instruments import BOARDS
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.simulator import Simulator
from tests.support.commands import Command

PAGE = (Path(__file__).parents[2] / "docs" / "plot.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    ialirt-backfill (plot .+)$", PAGE, flags=re.MULTILINE)
PROGRAM = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
BOARD = re.findall(r"```toml\n(.+?)```", PAGE, flags=re.DOTALL)


def test_the_page_names_every_board_and_option() -> None:
    assert all(f"| `{name}` |" in PAGE for name in BOARDS)
    own = {"--board", "--columns", "--out", "--public", "--as-of"}
    assert own <= {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(PlotOptions)}
    assert all(f"`{flag}" in PAGE or f" {flag} " in PAGE for flag in own)


def test_what_the_page_types_draws_pictures(command: Command, simulator: Simulator) -> None:
    simulator.now = lambda: datetime.now(UTC) + timedelta(minutes=10)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert command("--instrument", "mag,swapi", "--start", today, "--datastore", "demo-data").code == 0
    assert (
        command("--instrument", "mag", "--start", "2026-02-01", "--end", "2026-02-01", "--datastore", "demo-data").code
        == 0
    )
    (command.cwd / "boards.toml").write_text(BOARD[0], encoding="utf-8")
    assert len(COMMANDS) == 4
    for line in COMMANDS:
        done = command(*line.split(), "--datastore", "demo-data", timeout=110)
        assert done.code == 0, done.err
    code = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM[0]], cwd=command.cwd, env=command.env, check=False
    ).returncode
    assert code == 0
    made = {it.name for it in command.cwd.iterdir() if it.suffix in {".png", ".svg", ".pdf"}}
    assert made == {"solar-wind.png", "field.svg", "coverage.pdf", "fast-wind.png", "event.png"}


@pytest.mark.parametrize("image", ["solar-wind.png"])
def test_the_readme_shows_the_solar_wind(image: str) -> None:
    root = Path(__file__).parents[2]
    assert f"](docs/images/{image})" in (root / "README.md").read_text(encoding="utf-8").split("## ")[0]
    assert 10_000 < (root / "docs" / "images" / image).stat().st_size < 300_000
