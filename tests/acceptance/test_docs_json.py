"""docs/json.md has every key that --json prints, and no other."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
HIT = ("--instrument", "hit", "--start", "2026-01-04", "--end", "2026-01-05")
OF_OTHERS = {"options", "counts", "claim", "rejected_sample", "codes"}
"""What these hold is told elsewhere: options, counts of a run, whose claim a day is, a record as it came,
what the codes of a column stand for."""


def keys(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, held in value.items():
                yield name
                if name not in OF_OTHERS:
                    yield from keys(held)
        case list():
            for held in value:
                yield from keys(held)


def documented(heading: str) -> set[str]:
    [text] = re.findall(rf"^## {re.escape(heading)}\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    form = "".join(re.findall(r"^    .+\n", text, re.MULTILINE))
    return set(re.findall(r'"([a-z0-9_ ]+)"', form))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two days of a demonstration, a day with gaps among them, and beside them the same as files that nobody knows."""
    folder = tmp_path_factory.mktemp("json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        assert cli.main(["--demo", *HIT, "--datastore", "demo", "--quiet"]) == 0
        shutil.copytree("demo/ialirt", "files/ialirt")
        assert cli.main(["mirror", "--database", "sqlite:///loaded.sqlite", "--datastore", "demo", "--quiet"]) == 0
        yield folder


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> set[str]:
    capsys.readouterr()
    cli.main([*words, "--json"])
    return set(keys(json.loads(capsys.readouterr().out)))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("mirror", ["mirror", "--database", "sqlite:///mirror.sqlite"]),
        ("mirror views", ["mirror", "views", "--database", "sqlite:///loaded.sqlite"]),
        ("export", ["export", "--to", "parquet"]),
        ("plot", ["plot", "--board", "solar-wind", "--public", *HIT, "--out", "hit.png"]),
        ("status", ["status"]),
        ("gaps", ["gaps"]),
        ("history", ["history", "--instrument", "hit", "--day", "2026-01-05"]),
        ("runs", ["runs"]),
        ("changes", ["changes"]),
        ("ledger current, ledger upgrade", ["ledger", "current"]),
        ("ledger prune", ["ledger", "prune", "--keep", "90d"]),
    ],
)
def test_what_is_told_of_days(heading: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, *words, "--datastore", "demo") == documented(heading)


@pytest.mark.usefixtures("folder")
def test_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--demo", "--datastore", "demo", "--instrument", "hit", "--start", "2026-01-04", "--end", "2026-01-06"]
    assert printed(capsys, *words) == documented("A run: backfill, poll --once")


@pytest.mark.usefixtures("folder")
def test_what_the_doctor_finds(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "doctor", "--demo", "--datastore", "demo", "--instrument", "hit") == documented("doctor")


@pytest.mark.usefixtures("folder")
def test_what_is_told_of_files_that_are_not_as_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("demo", "damaged")
    next(Path("damaged").rglob("imap*.csv")).write_text("nothing\n")
    found = printed(capsys, "verify", "--datastore", "damaged")
    assert found == documented("verify")


@pytest.mark.usefixtures("folder")
def test_what_is_told_of_adopted_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "adopt", "--datastore", "files") == documented("adopt")


@pytest.mark.usefixtures("folder")
def test_what_is_told_of_settings_and_instruments(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "config") == documented("config")
    assert printed(capsys, "instruments") == documented("instruments")
