"""The export as a flow, on a real Prefect server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.client.schemas.objects import State, StateType

from flows.export import export
from ialirt_backfill.options import BackfillOptions, ExportOptions
from ialirt_backfill.run.backfill import backfill
from ialirt_backfill.simulator import Simulator
from tests.support.flows import Seen

DAY = date(2026, 2, 1)


@pytest.fixture
def exported(simulator: Simulator, datastore: str) -> ExportOptions:
    """A datastore with two small days."""
    days = BackfillOptions(url=simulator.url, datastore=datastore, instrument="codice_lo,codice_hi", start=DAY, end=DAY)
    assert backfill(days).exit_code == 0
    return ExportOptions(datastore=datastore, start=DAY, end=DAY)


def run(options: ExportOptions | Mapping[str, object]) -> tuple[State[Any], Seen]:
    state: State[Any] = export(options, return_state=True)
    assert state.state_details.flow_run_id is not None
    return state, Seen(state.state_details.flow_run_id)


def test_days_are_exported_once(exported: ExportOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where to is the worker's to say."""
    monkeypatch.setenv("IALIRT_EXPORT_TO", str(tmp_path / "parquet"))
    state, seen = run(exported)
    assert (state.type, state.message) == (StateType.COMPLETED, "2 days exported, 0 failed, 0 skipped")
    rows = json.loads(seen.artifacts["ialirt-export-result"])
    assert {(row["instrument"], row["status"]) for row in rows} == {
        ("codice_lo", "exported"),
        ("codice_hi", "exported"),
    }
    assert all(pq.read_metadata(row["path"]).num_rows == row["records"] > 300 for row in rows)
    state, seen = run({"datastore": exported.datastore, "start": str(DAY), "end": str(DAY)})
    assert state.message == "0 days exported, 0 failed, 2 skipped"
    assert seen.artifacts == {}


def test_a_day_that_fails_fails_the_run(exported: ExportOptions, tmp_path: Path) -> None:
    [path] = Path(exported.datastore).rglob("*codice_lo*.csv")
    path.write_text("no header\n")
    form = {"datastore": exported.datastore, "to": str(tmp_path / "parquet"), "start": str(DAY), "end": str(DAY)}
    state, _ = run(form)
    assert state.type is StateType.FAILED
    assert state.message is not None
    assert "1 days exported, 1 failed" in state.message
    assert f"codice_lo {DAY} was not exported: {path} cannot be understood" in state.message


def test_a_dry_run_shows_the_plan(exported: ExportOptions, tmp_path: Path) -> None:
    form = {"datastore": exported.datastore, "to": str(tmp_path / "parquet"), "start": str(DAY), "dry_run": True}
    state, seen = run(form)
    assert state.message == "planned only (dry run)"
    assert {row["reason"] for row in json.loads(seen.artifacts["ialirt-export-plan"])} == {"never exported"}
    assert not (tmp_path / "parquet").exists()


def test_only_the_mirrors_flow_needs_the_mirrors_extra() -> None:
    code = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'crump' else find(name, package)\n"
        "import flows.backfill, flows.export, flows.poll\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_without_a_folder_it_fails_with_a_sentence(exported: ExportOptions) -> None:
    state, _ = run(exported)
    assert (state.type, state.message) == (StateType.FAILED, "To is missing: name the folder to write into")
