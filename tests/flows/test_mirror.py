"""The mirror as a flow, on a real Prefect server."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State, StateType
from pydantic import SecretStr

from flows import blocks
from flows.mirror import mirror
from ialirt_backfill.options import BackfillOptions, MirrorOptions
from ialirt_backfill.run.backfill import backfill
from ialirt_backfill.simulator import Simulator
from tests.support.flows import Seen

DAY = date(2026, 2, 1)


@pytest.fixture
def mirrored(simulator: Simulator, datastore: str) -> MirrorOptions:
    """A datastore with two small days."""
    days = BackfillOptions(url=simulator.url, datastore=datastore, instrument="codice_lo,codice_hi", start=DAY, end=DAY)
    assert backfill(days).exit_code == 0
    return MirrorOptions(datastore=datastore, start=DAY, end=DAY)


def run(options: MirrorOptions) -> tuple[State[Any], Seen]:
    state: State[Any] = mirror(options, return_state=True)
    assert state.state_details.flow_run_id is not None
    return state, Seen(state.state_details.flow_run_id)


def test_days_are_loaded_once(mirrored: MirrorOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_MIRROR_DATABASE", f"sqlite:///{tmp_path}/mirror.sqlite")
    state, seen = run(mirrored)
    assert (state.type, state.message) == (StateType.COMPLETED, "2 days loaded, 0 failed, 0 skipped")
    rows = json.loads(seen.artifacts["ialirt-mirror-result"])
    assert seen.descriptions["ialirt-mirror-result"] == (
        f"2 instrument-days to be loaded into sqlite:///{tmp_path}/mirror.sqlite; "
        f"datastore {mirrored.datastore}, ledger sqlite:///{mirrored.datastore}/ledger.sqlite"
    )
    assert {(row["instrument"], row["status"]) for row in rows} == {("codice_lo", "loaded"), ("codice_hi", "loaded")}
    with closing(sqlite3.connect(tmp_path / "mirror.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM ialirt_codice_hi").fetchone()[0] > 300
    assert run(mirrored)[0].message == "0 days loaded, 0 failed, 2 skipped"


@pytest.mark.usefixtures("own_blocks")
def test_the_database_comes_from_a_secret_and_never_with_a_password_from_a_parameter(
    mirrored: MirrorOptions, tmp_path: Path
) -> None:
    Secret(value=SecretStr(f"sqlite:///{tmp_path}/secret.sqlite")).save(blocks.DATABASE_BLOCK)
    try:
        assert run(mirrored)[0].type is StateType.COMPLETED
        assert (tmp_path / "secret.sqlite").exists()
    finally:
        Secret.delete(blocks.DATABASE_BLOCK)
    state, seen = run(MirrorOptions(database="postgresql://u:top-secret@127.0.0.1:1/x"))
    assert state.type is StateType.FAILED
    assert str(state.message).startswith("Database: the address holds a password")
    assert "top-secret" not in f"{state.message} {seen.logs}"


def test_a_day_that_fails_fails_the_run(
    mirrored: MirrorOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IALIRT_MIRROR_DATABASE", f"sqlite:///{tmp_path}/mirror.sqlite")
    [path] = Path(mirrored.datastore).rglob("*codice_lo*.csv")
    path.write_text("")
    state, _ = run(mirrored)
    assert state.type is StateType.FAILED
    assert state.message is not None
    assert "1 days loaded, 1 failed" in state.message
    assert f"codice_lo {DAY} was not loaded" in state.message
