"""A flow with a catalogue of its own: its tasks know what it says, also on workers that have no such file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from ialirt_backfill.simulator import Simulator
from tests.support.flows import options_for, run

OTHER_NAMES = '[hit]\nfile_name = "imap_counts_YYYYMMDD.csv"\nprogress_key = "HIT_MAG_IALIRT"\n'
DAYS = {"start": date(2026, 2, 2), "end": date(2026, 2, 3)}


def keys(datastore: str) -> set[str]:
    with closing(sqlite3.connect(Path(datastore) / "ledger.sqlite")) as ledger:
        return {row[0] for row in ledger.execute("SELECT item_name FROM workflow_progress")}


@pytest.mark.parametrize("where", ["", "local"])
def test_tasks_know_what_the_catalogue_says(simulator: Simulator, datastore: str, tmp_path: Path, where: str) -> None:
    path = tmp_path / "names.toml"
    path.write_text(OTHER_NAMES)
    options = options_for(simulator, datastore, instrument="hit", catalogue=str(path), jobs=2, **DAYS)
    path.unlink()  # these options have read it
    state, _ = run(options, where)
    assert state.type is StateType.COMPLETED, state.message
    names = {found.name for found in Path(datastore).rglob("*.csv")}
    assert names == {"imap_counts_20260202.csv", "imap_counts_20260203.csv"}
    assert keys(datastore) == {"HIT_MAG_IALIRT"}


def test_the_environment_of_the_worker_names_the_catalogue(
    simulator: Simulator, datastore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "names.toml"
    path.write_text(OTHER_NAMES)
    monkeypatch.setenv("IALIRT_CATALOGUE", str(path))
    state, _ = run(options_for(simulator, datastore, instrument="hit", **DAYS))
    assert state.type is StateType.COMPLETED, state.message
    assert keys(datastore) == {"HIT_MAG_IALIRT"}
