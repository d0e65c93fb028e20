"""The hourly flow, on a real Prefect server."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.schemas.objects import State, StateType

from flows.poll import poll
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.simulator import Answer, Silence, Simulator, Times
from tests.support.flows import Hour, Seen, eventually

REFUSED = Answer(400, b'{"message": "not today"}')


def passes(seen: Seen, count: int) -> list[str]:
    """The lines of the passes, once so many have reached the server."""

    def of_passes() -> list[str]:
        return [line for line in seen.logs if re.match(r"\d\d:\d\d:\d\dZ: ", line)]

    return list(eventually(of_passes, lambda lines: len(lines) >= count))


def test_each_pass_is_one_line_and_the_flow_ends_before_the_hour(simulator: Simulator, datastore: str) -> None:
    hour = Hour(simulator, datastore, "2026-02-02T11:47:30")
    state, seen = hour.run()
    assert state.type is StateType.COMPLETED, state.message
    assert hour.now < datetime(2026, 2, 2, 12, tzinfo=UTC)
    lines = passes(seen, 3)
    assert [line.split(": ")[0] for line in lines] == ["11:47:30Z", "11:50:00Z", "11:55:00Z"]
    assert all(f" records of {len(INSTRUMENTS)} instrument-days" in line for line in lines)
    place = f"datastore {datastore}, ledger sqlite:///{datastore}/ledger.sqlite"
    assert place in seen.logs
    assert "| mag | 10,7" in seen.artifacts["ialirt-poll-availability"]
    assert seen.descriptions["ialirt-poll-availability"].endswith(f"; {place}")


def test_a_pass_leaves_no_task_and_few_rows_in_the_servers_database(simulator: Simulator, datastore: str) -> None:
    """Tasks and log lines are kept until the run is deleted; a day that still grows is told of once a pass."""
    today = datetime.now(UTC).replace(hour=11, minute=48, second=0, microsecond=0)
    state, seen = Hour(simulator, datastore, f"{today:%Y-%m-%dT%H:%M:%S}").run()
    assert state.type is StateType.COMPLETED, state.message
    assert len(passes(seen, 3)) == 3
    assert seen.task_runs == []
    assert len(seen.logs) <= 3 + 6, "one line a pass, and a few of the run"
    bursts = eventually(lambda: seen.bursts, lambda found: len(found) == 3)
    assert len(bursts) == 3
    assert seen.events == []
    first = bursts[0]
    assert {day["instrument"] for day in first["payload"]["days"]} == set(INSTRUMENTS)
    assert first["resource"]["ialirt.over"] == "no"
    assert {first["resource"][f"ialirt.{name}"] for name in INSTRUMENTS} == {"yes"}
    related = [it for it in first["related"] if it["prefect.resource.role"] not in {"flow", "flow-run"}]
    assert related == [], "each is a row of the server's database"


@pytest.mark.usefixtures("short_pauses")
def test_an_instrument_that_fails_or_hangs_does_not_stop_the_others(simulator: Simulator, datastore: str) -> None:
    simulator.faults = [
        Times(math.inf, REFUSED, instrument="mag"),
        Times(math.inf, Silence(), instrument="swe"),
    ]
    options = {"instrument": "mag,swe,hit,swapi", "timeout": timedelta(seconds=0.3)}
    state, seen = Hour(simulator, datastore, "2026-02-02T11:55:00", **options).run()
    assert state.type is StateType.COMPLETED, state.message
    assert "failed for mag, swe" in str(state.message)
    [line] = passes(seen, 1)
    assert "records of 4 instrument-days; failed: mag 2026-02-02 (" in line
    assert "not today" in line
    assert "swe 2026-02-02 (" in line
    assert "hit" not in line
    logs = eventually(lambda: seen.logs, lambda lines: any("trying again" in line for line in lines))
    assert any("trying again" in line for line in logs), "the library's own warnings are in Prefect's logs"


def test_a_pass_in_which_all_fail_fails_the_flow(simulator: Simulator, datastore: str) -> None:
    simulator.faults = [Times(2, REFUSED)]
    state, seen = Hour(simulator, datastore, "2026-02-02T11:50:00", instrument="hit,swe").run()
    assert state.type is StateType.FAILED
    assert "11:50:00Z" in str(state.message)
    assert "not today" in str(state.message)
    first, second = passes(seen, 2)
    assert first.startswith("11:50:00Z: every instrument failed: ")
    assert "failed" not in second


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
