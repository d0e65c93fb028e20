"""Commands and queries of the pages that need no network, typed after a demonstration as they stand."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import cli
from tests.support.blocks import ROOT, Block, blocks


def block(page: str, begin: str) -> Block:
    return next(it for it in blocks(ROOT / "docs" / page) if it.text.startswith(begin))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two days of a demonstration where the commands look for them."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        for name in ("IALIRT_DATASTORE", "IALIRT_LEDGER_URL"):
            patch.delenv(name, raising=False)
        words = ["--demo", "--instrument", "hit", "--start", "2026-02-03", "--end", "2026-02-04", "--quiet"]
        assert cli.main([*words, "--datastore", "ialirt-data"]) == 0
        yield folder


def test_the_questions_to_the_ledger(folder: Path) -> None:
    queries = [it for it in block("ledger.md", "-- what is missing").text.split(";") if it.strip()]
    assert len(queries) == 3
    with closing(sqlite3.connect(folder / "ialirt-data" / "ledger.sqlite")) as ledger:
        _, attempts, at_work = [ledger.execute(query).fetchall() for query in queries]
    assert len(attempts) == 1
    assert at_work == []


@pytest.mark.usefixtures("folder")
def test_the_ledger_is_looked_after_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    for begin in ("$ ialirt-backfill ledger current", "$ ialirt-backfill ledger prune"):
        for line in block("ledger.md", begin).commands:
            assert cli.main(shlex.split(line)[1:]) == 0
    said = re.sub(r"[\d,]+", "0", capsys.readouterr().out).splitlines()
    shown = re.sub(r"[\d,]+", "0", block("ledger.md", "$ ialirt-backfill ledger prune").text).splitlines()
    assert said[-1].split(" attempts")[0] == shown[-1].split(" attempts")[0] == "Pruned 0"


@pytest.mark.usefixtures("folder")
def test_the_days_are_exported() -> None:
    [line] = block("export.md", "ialirt-backfill export").commands
    assert cli.main([*shlex.split(line)[1:], "--quiet"]) == 0
    path = block("export.md", "parquet/").text.replace("mag", "hit").replace("202601", "202602")
    assert Path(path).is_file()


@pytest.mark.usefixtures("folder")
def test_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = block("ledger.md", "$ ialirt-backfill changes")
    [line] = shown.commands
    assert cli.main(shlex.split(line)[1:]) == 0
    said, form = json.loads(capsys.readouterr().out), json.loads(shown.text.partition("\n")[2])
    assert len(said["changes"]) == 2
    assert said.keys() == form.keys()
    assert said["changes"][0].keys() == form["changes"][0].keys()


@pytest.mark.interop
def test_the_question_in_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    words = ["--demo", "--instrument", "mag,swapi", "--start", "2026-01-01", "--end", "2026-01-01", "--quiet"]
    assert cli.main([*words, "--datastore", "demo-data"]) == 0
    with duckdb.connect() as connection:
        minutes = connection.execute(block("data.md", "SELECT").text).fetchall()
    assert len(minutes) == 1440
