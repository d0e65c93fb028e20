"""The hourly flow, on a real Prefect server."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State, StateType

from flows.poll import poll
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.simulator import Answer, Silence, Simulator, Times
from tests.support.flows import Hour, eventually, final

REFUSED = Answer(400, b'{"message": "not today"}')


def test_each_pass_is_one_task_per_instrument_and_the_flow_ends_before_the_hour(
    simulator: Simulator, datastore: str
) -> None:
    hour = Hour(simulator, datastore, "2026-02-02T11:47:30")
    state, seen = hour.run()
    assert state.type is StateType.COMPLETED, state.message
    assert hour.now < datetime(2026, 2, 2, 12, tzinfo=UTC)
    runs = final(seen, 24)
    assert Counter(run.name for run in runs) == Counter(
        f"{name} {time}" for name in INSTRUMENTS for time in ("11:47", "11:50", "11:55")
    )
    assert {run.state.type for run in runs} == {StateType.COMPLETED}
    assert "| mag | 10,7" in seen.artifacts["ialirt-poll-availability"]
    all_of_them = {f"ialirt.{name}.2026-02-02" for name in INSTRUMENTS}
    updated = eventually(
        lambda: {event["resource"]["prefect.resource.id"] for event in seen.events}, lambda ids: ids == all_of_them
    )
    assert updated == all_of_them


def test_an_instrument_that_fails_or_hangs_does_not_stop_the_others(simulator: Simulator, datastore: str) -> None:
    simulator.faults = [
        Times(math.inf, REFUSED, instrument="mag"),
        Times(math.inf, Silence(), instrument="swe"),
    ]
    options = {"instrument": "mag,swe,hit,swapi", "timeout": timedelta(seconds=0.3)}
    state, seen = Hour(simulator, datastore, "2026-02-02T11:55:00", **options).run()
    assert state.type is StateType.COMPLETED, state.message
    assert "failed for mag, swe" in str(state.message)
    runs = final(seen, 4)
    states = {run.name: run.state.type for run in runs}
    assert states == {
        "mag 11:55": StateType.FAILED,
        "swe 11:55": StateType.FAILED,
        "hit 11:55": StateType.COMPLETED,
        "swapi 11:55": StateType.COMPLETED,
    }
    assert "not today" in next(run.state.message for run in runs if run.name == "mag 11:55")
    logs = eventually(lambda: seen.logs, lambda lines: any("trying again" in line for line in lines))
    assert any("trying again" in line for line in logs), "the library's own warnings are in Prefect's logs"


def test_a_pass_in_which_all_fail_fails_the_flow(simulator: Simulator, datastore: str) -> None:
    simulator.faults = [Times(2, REFUSED)]
    state, seen = Hour(simulator, datastore, "2026-02-02T11:50:00", instrument="hit,swe").run()
    assert state.type is StateType.FAILED
    assert "11:50:00" in str(state.message)
    assert "not today" in str(state.message)
    assert {run.state.type for run in final(seen, 4) if run.name.endswith("11:55")} == {StateType.COMPLETED}


def test_a_run_that_starts_after_its_hour_is_skipped(simulator: Simulator, datastore: str) -> None:
    hour = Hour(simulator, datastore, "2026-02-02T12:00:10")
    state, seen = hour.run(slot=datetime(2026, 2, 2, 11, 0, tzinfo=UTC))
    assert (state.type, state.name) == (StateType.COMPLETED, "Skipped")
    assert seen.task_runs == []
    assert simulator.requests == []


def test_the_flow_itself_takes_the_hour_from_its_schedule(simulator: Simulator, datastore: str) -> None:
    simulator.now = lambda: datetime.now(UTC)
    options = PollOptions(url=simulator.url, datastore=datastore, instrument="hit", once=True)
    state: State[Any] = poll(options, return_state=True)
    assert state.type is StateType.COMPLETED, state.message
    assert state.name in {"Completed", "Skipped"}
