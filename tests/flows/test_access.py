"""What needs a key or a scope, through the flows: skipped, named, and no failure as long as anything can be had."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from prefect.client.schemas.objects import StateType

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Simulator
from tests.support.flows import Hour, eventually, options_for, run

KEYS = {"no key": None, "key without scope": "plain", "key with scope": "full"}
NEEDS_KEY = "data before 2026-02-01 need an API key"
NEEDS_SCOPE = "mag_hk needs a key with scope full or read"


@pytest.fixture(autouse=True)
def _right(request: pytest.FixtureRequest, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.keys = {"plain": (), "full": ("full",)}
    monkeypatch.delenv("IALIRT_API_KEY", raising=False)
    if "right" in request.fixturenames and (key := KEYS[request.getfixturevalue("right")]):
        monkeypatch.setenv("IALIRT_API_KEY", key)


@pytest.mark.parametrize("right", KEYS)
@pytest.mark.parametrize("day", [date(2026, 1, 5), date(2026, 2, 5)])
def test_the_backfill_of_all_instruments(simulator: Simulator, datastore: str, right: str, day: date) -> None:
    early = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)  # an hour of the day is enough
    state, seen = run(options_for(simulator, datastore, instrument="all", start=day, end=day, as_of=early))
    refused = {"mag_hk", "spacecraft_status"} if right != "key with scope" else set()
    if right == "no key" and day.month == 1:
        refused = set(INSTRUMENTS)
        assert state.type is StateType.FAILED
        assert NEEDS_KEY in (state.message or "")
        assert len(simulator.requests) <= 2
    else:
        assert state.type is StateType.COMPLETED, state.message
        assert (NEEDS_SCOPE in (state.message or "")) is bool(refused)
        assert (f"mag_hk {day}" in (state.message or "")) is bool(refused)
        assert "spacecraft_status" not in (state.message or "")
    runs = eventually(lambda: seen.task_runs, lambda runs: len(runs) == 9 and all(it.state.is_final() for it in runs))
    skipped = {it.name.split()[0] for it in runs if it.state and it.state.name == "Skipped"}
    assert skipped == refused
    assert {it.state.type for it in runs if it.state} == {StateType.COMPLETED}


def test_a_backfill_of_which_a_part_needs_a_key_completes_and_names_it(simulator: Simulator, datastore: str) -> None:
    state, _ = run(options_for(simulator, datastore, start=date(2026, 1, 20), end=date(2026, 2, 2)))
    assert state.type is StateType.COMPLETED, state.message
    assert "2 instrument-days asked for" in (state.message or "")
    assert "12 not to be had: hit 2026-01-20 … 2026-01-31" in (state.message or "")
    assert NEEDS_KEY in (state.message or "")


@pytest.mark.parametrize("right", KEYS)
def test_an_hour_of_the_poll(simulator: Simulator, datastore: str, right: str) -> None:
    hour = Hour(simulator, datastore, "2026-02-20T12:46:00", instrument="hit,mag_hk")
    state, seen = hour.run()
    assert state.type is StateType.COMPLETED, state.message
    asked = [request for request in simulator.requests if request.instrument == "mag_hk"]
    lines = eventually(lambda: [it for it in seen.logs if "Z: +" in it], lambda found: len(found) == 3)
    if right == "key with scope":
        assert len(asked) > 1
        assert not any("not to be had" in line for line in lines)
    else:
        assert len(asked) == 1
        assert [line.partition("; not to be had: ")[2] for line in lines] == [NEEDS_SCOPE, "", ""], "it is said once"
        assert f"skip-no-access: {NEEDS_SCOPE}" in seen.artifacts["ialirt-poll-availability"]


def test_an_hour_in_which_the_key_is_let_in_nowhere_fails(
    simulator: Simulator, datastore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", "unknown")
    state, _ = Hour(simulator, datastore, "2026-02-20T12:56:00", instrument="hit,swe").run()
    assert state.type is StateType.FAILED
    assert "check the API key" in (state.message or "")


def test_an_hour_without_anything_but_what_needs_a_scope_completes(simulator: Simulator, datastore: str) -> None:
    state, _ = Hour(simulator, datastore, "2026-02-20T12:56:00", instrument="mag_hk").run()
    assert state.type is StateType.COMPLETED, state.message
    assert len(simulator.requests) == 1
