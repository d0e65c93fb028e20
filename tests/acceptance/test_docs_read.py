"""The commands and examples of docs/read.md work as they stand, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ialirt_backfill import read_days, read_table
from tests.support.commands import typed

PAGE = (Path(__file__).parents[2] / "docs" / "read.md").read_text(encoding="utf-8")
[SHELL] = re.findall(r"^```sh\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLES = re.findall(r"^```python\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
DRAWS = re.compile(r"\.plot|to_netcdf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's commands have been typed, but for the one that installs."""
    folder = tmp_path_factory.mktemp("read")
    install, command = SHELL.splitlines()
    assert install.startswith("pip install '.[xarray]'")
    done = typed(command, folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})
    assert done.code == 0, done.err
    return folder


def run(code: str, folder: Path) -> str:
    """What a program says that is typed in that folder; a warning ends it."""
    env = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_run_one_after_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the lines that need what only some have."""
    code = "\n".join(line for example in EXAMPLES for line in example.splitlines() if not DRAWS.search(line))
    check = "\nassert len(mag) == len(noon) * 48 > 43_000\nassert strongest > 5\nassert len(both) == 576"
    monkeypatch.chdir(folder)
    exec(code + check, {})
    assert capsys.readouterr().out.splitlines() == ["nT", "b'deg'"]


@pytest.mark.interop
def test_they_all_do_and_the_first_draws_bz_with_its_unit(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("netCDF4")
    assert len([line for line in EXAMPLES[0].splitlines() if line]) == 3
    axis = "\nimport matplotlib.pyplot as p; print(p.gca().get_ylabel())"
    assert run(EXAMPLES[0] + axis, folder).split() == ["magnetic", "field,", "GSM", "[nT]"]
    run("\n".join(EXAMPLES), folder)
    assert (folder / "codice_hi_20260201.nc").exists()


def test_the_page_names_every_function_and_says_what_the_data_are() -> None:
    for name in ("read_days", "open_dataset", "read_table", "day_tables"):
        assert f"| `{name}` |" in PAGE
    assert "near-real-time and uncalibrated" in PAGE


def test_what_it_says_of_one_day_is_so(folder: Path) -> None:
    assert len(read_days(folder / "demo-data", "mag", "2026-02-01")) == 21_600
    schema = read_table(folder / "demo-data", "mag", "2026-02-01").schema
    named = {key.decode() for name in schema.names for key in schema.field(name).metadata or {}}
    assert all(f"`{key}`" in PAGE for key in named)
