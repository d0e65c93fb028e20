"""A flow with a catalogue of its own: its tasks know what it says, also on workers that have no such file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from flows.backfill import backfill
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import Simulator
from tests.support.access import FULL
from tests.support.added import FILES, FOLDERS, assert_holds, write_files
from tests.support.flows import Hour, options_for, run

OTHER_NAMES = '[hit]\nfile_name = "imap_counts_YYYYMMDD.csv"\nprogress_key = "HIT_MAG_IALIRT"\n'
DAYS = {"start": date(2026, 2, 2), "end": date(2026, 2, 3)}


def keys(datastore: str) -> set[str]:
    with closing(sqlite3.connect(Path(datastore) / "ledger.sqlite")) as ledger:
        return {row[0] for row in ledger.execute("SELECT item_name FROM workflow_progress")}


def test_the_environment_of_the_worker_names_the_catalogue(
    simulator: Simulator, datastore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "names.toml"
    path.write_text(OTHER_NAMES)
    monkeypatch.setenv("IALIRT_CATALOGUE", str(path))
    state, _ = run(options_for(simulator, datastore, instrument="hit", **DAYS))
    assert state.type is StateType.COMPLETED, state.message
    assert keys(datastore) == {"HIT_MAG_IALIRT"}


# --- instruments that no line of Python knows -------------------------------------------------------------------------

ADDED = ",".join([*FILES, "spacecraft_status"])
DAY = date(2026, 2, 2)


@pytest.fixture
def catalogue(simulator: Simulator, tmp_path: Path) -> str:
    files = write_files(tmp_path)
    simulator.catalogue = catalogue_of(files)
    return files


def assert_all_are_there(simulator: Simulator, datastore: str) -> None:
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    for name in FILES:
        path = Path(datastore) / FOLDERS[name] / f"{DAY:%Y/%m}" / f"imap_ialirt_{name}_{DAY:%Y%m%d}.csv"
        assert_holds(path, simulator.records(name, start, start + timedelta(days=1), scopes=FULL))
    assert list(Path(datastore).rglob("imap_ialirt_spacecraft_status_20260202.csv"))


@pytest.mark.parametrize("where", ["", "local"])
def test_tasks_know_what_the_catalogue_says(
    simulator: Simulator, datastore: str, catalogue: str, tmp_path: Path, where: str
) -> None:
    """Of these instruments, and of one that everybody knows by other names."""
    (tmp_path / "names.toml").write_text(OTHER_NAMES)
    options = options_for(
        simulator, datastore, instrument=f"hit,{ADDED}", catalogue=f"{tmp_path}/names.toml,{catalogue}", jobs=1,
        start=DAY, end=DAY,
    )  # fmt: skip
    for path in tmp_path.glob("*.toml"):
        path.unlink()  # these options have read them, and no worker has them
    state, _ = run(options, where)
    assert state.type is StateType.COMPLETED, state.message
    assert_all_are_there(simulator, datastore)
    assert [found.name for found in Path(datastore).rglob("*counts*")] == ["imap_counts_20260202.csv"]
    assert keys(datastore) == {"HIT_MAG_IALIRT", *(f"{name.upper()}_IALIRT" for name in ADDED.split(","))}


def test_the_form_of_a_deployment_takes_them(
    simulator: Simulator, datastore: str, catalogue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As typed there, with a catalogue in the environment of who runs it."""
    monkeypatch.setenv("IALIRT_CATALOGUE", catalogue)
    names = ADDED.split(",")
    typed = {"instrument": names, "start": str(DAY), "end": str(DAY), "url": simulator.url, "datastore": datastore}
    validate({"options": typed}, parameter_schema(backfill.fn).model_dump(), raise_on_error=True)
    state: State[Any] = backfill(typed, return_state=True)
    assert state.type is StateType.COMPLETED, state.message
    assert_all_are_there(simulator, datastore)


def test_a_polling_flow_keeps_them_complete(simulator: Simulator, datastore: str, catalogue: str) -> None:
    hour = Hour(simulator, datastore, "2026-02-02T06:00:00", instrument=ADDED, since=DAY, catalogue=catalogue)
    state, _ = hour.run()
    assert state.type is StateType.COMPLETED, state.message
    assert len(list(Path(datastore).rglob("*_20260202.csv"))) == len(FILES) + 1
