"""The backfill as a flow, on a real Prefect server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import StateType
from prefect.context import get_settings_context

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Answer, Simulator, Times
from ledger import DayStatus, Ledger
from tests.support.flows import FEBRUARY, Seen, eventually, options_for, run


def windows(simulator: Simulator) -> list[tuple[Any, ...]]:
    return [(request.instrument, request.start, request.end) for request in simulator.requests]


def test_plan_result_availability_and_progress_are_artifacts(simulator: Simulator, datastore: str) -> None:
    state, seen = run(options_for(simulator, datastore, instrument="hit,codice_lo", end=date(2026, 2, 6)))
    assert state.type is StateType.COMPLETED, state.message
    artifacts = seen.artifacts
    assert set(artifacts) == {f"ialirt-backfill-{it}" for it in ("plan", "result", "availability", "progress")}
    plan = json.loads(artifacts["ialirt-backfill-plan"])
    assert len(plan) == 12
    assert plan[0] == {"instrument": "hit", "day": "2026-02-01", "decision": "run", "reason": "never asked for"}
    result = json.loads(artifacts["ialirt-backfill-result"])
    assert {(row["instrument"], row["day"]) for row in result} == {(row["instrument"], row["day"]) for row in plan}
    assert "| codice_lo | 6 |" in artifacts["ialirt-backfill-availability"]
    assert artifacts["ialirt-backfill-progress"] == 100.0
    place = f"; datastore {datastore}, ledger sqlite:///{datastore}/ledger.sqlite"
    assert all(text.endswith(place) for text in seen.descriptions.values())


def test_every_file_that_changed_is_an_event_and_nothing_else_is(simulator: Simulator, datastore: str) -> None:
    day = date(2026, 1, 25)
    options = options_for(simulator, datastore, instrument="hit,codice_lo", start=day, end=day)
    _, seen = run(options)  # codice_lo was switched off then
    [event] = eventually(lambda: seen.events, bool)
    assert event["resource"]["prefect.resource.id"] == "ialirt.hit.2026-01-25"
    with Ledger.open(options.ledger_url) as ledger:
        row = ledger.day("HIT_IALIRT", day)
    assert row is not None
    assert event["payload"] == {
        "datastore": datastore,
        "ledger": f"sqlite:///{datastore}/ledger.sqlite",
        "instrument": "hit",
        "day": "2026-01-25",
        "path": row.path,
        "records": row.records,
        "availability_pct": row.availability_pct,
        "sha256": row.sha256,
    }
    _, again = run(options)
    assert again.task_runs == []
    assert again.events == []


def test_a_burst_of_days_is_one_event_of_all(simulator: Simulator, datastore: str) -> None:
    state, seen = run(options_for(simulator, datastore, instrument="hit,swe", end=date(2026, 2, 5)))
    assert state.type is StateType.COMPLETED, state.message
    [event] = eventually(lambda: seen.bursts, bool)
    assert event["resource"]["prefect.resource.name"] == "10 days have changed"
    assert (event["resource"]["ialirt.over"], event["resource"]["ialirt.synthetic"]) == ("yes", "no")
    assert {(day["instrument"], day["day"]) for day in event["payload"]["days"]} == {
        (name, f"2026-02-0{number}") for name in ("hit", "swe") for number in range(1, 6)
    }
    assert event["payload"]["datastore"] == datastore


def test_the_failures_fail_the_run_with_a_message_that_names_them(simulator: Simulator, datastore: str) -> None:
    simulator.faults = [Times(1, Answer(400, b'{"message": "not today"}'), instrument="swe", day=FEBRUARY)]
    state, seen = run(options_for(simulator, datastore, instrument="hit,swe", end=date(2026, 2, 2)))
    assert state.type is StateType.FAILED
    assert "swe 2026-02-01" in str(state.message)
    assert "not today" in str(state.message)
    assert "hit" not in str(state.message)
    runs = eventually(
        lambda: seen.task_runs,
        lambda found: len(found) == 4 and all(it.state and it.state.is_final() for it in found),
    )
    assert Counter(it.state.type for it in runs) == {StateType.COMPLETED: 3, StateType.FAILED: 1}
    assert {it.name for it in runs if it.state.type is StateType.FAILED} == {"swe 2026-02-01"}


def test_a_dry_run_shows_the_plan_and_makes_nothing(simulator: Simulator, datastore: str) -> None:
    state, seen = run(options_for(simulator, datastore, dry_run=True))
    assert state.type is StateType.COMPLETED
    assert set(seen.artifacts) == {"ialirt-backfill-plan"}
    assert not Path(datastore).exists()


def test_over_a_dask_cluster_no_window_is_asked_for_twice_and_a_refusal_is_met_twice_at_most(
    simulator: Simulator, datastore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IALIRT_API_KEY")
    options = options_for(
        simulator, datastore, instrument="hit,mag", start=date(2026, 1, 20), end=date(2026, 2, 3), jobs=2
    )
    state, seen = run(options, "local")
    assert state.type is StateType.COMPLETED, state.message
    assert "24 not to be had" in (state.message or "")
    assert sum(request.status == 400 for request in simulator.requests) in {1, 2}
    asked = [(it.instrument, it.start, it.end) for it in simulator.requests if it.status == 200]
    assert len(asked) == len(set(asked)) == 3 * (1 + 8)
    assert simulator.max_in_flight <= 2
    with Ledger.open(options.ledger_url) as ledger:
        rows = ledger.days(["HIT_IALIRT", "MAG_IALIRT"], FEBRUARY, date(2026, 2, 3))
        assert [row.status for row in rows.values()] == [DayStatus.DOWNLOADED] * 6
        assert all(row.claim is None for row in rows.values())
        assert len({attempt.run_id for key in rows for attempt in ledger.attempts(*key)}) == 1
        assert len(ledger.runs()) == 1
    assert len(eventually(lambda: seen.events, lambda found: len(found) >= 6)) == 6


CANCELLED_RUN = """
import sys
from datetime import date
from prefect import tags
from flows.backfill import backfill
from ialirt_backfill.options import BackfillOptions

url, datastore, tag = sys.argv[1:]
days = {"start": date(2026, 2, 1), "end": date(2026, 2, 9)}
with tags(tag):
    backfill(BackfillOptions(instrument="mag", url=url, datastore=datastore, **days))
"""


def test_a_cancelled_run_leaves_a_true_ledger(simulator: Simulator, datastore: str) -> None:
    """To cancel a run, a worker sends SIGTERM to the run's process, and SIGKILL half a minute later."""
    simulator.latency = 0.2
    settings = get_settings_context().settings.to_environment_variables(exclude_unset=True)
    running = subprocess.Popen(
        [sys.executable, "-c", CANCELLED_RUN, simulator.url, datastore, tag := str(uuid4())],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(simulator.requests) < 44 and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, errors = running.communicate(timeout=25)
    assert running.returncode != 0, errors
    assert time.monotonic() - began < 20
    asked = set(windows(simulator))
    assert 44 <= len(asked) < 9 * 8
    assert [path for path in Path(datastore).rglob("*") if path.suffix == ".tmp"] == []

    options = options_for(simulator, datastore, instrument="mag", end=date(2026, 2, 9))
    with Ledger.open(options.ledger_url) as ledger:
        rows = ledger.days(["MAG_IALIRT"], FEBRUARY, date(2026, 2, 9))
        assert all(row.claim is None for row in rows.values())
        for (_, day), row in rows.items():
            file = Path(datastore) / INSTRUMENTS["mag"].path(day)
            assert row.size_bytes == (file.stat().st_size if file.exists() else None)
        [run_before] = ledger.runs()
        assert run_before.finished is not None
        finished = sum(row.status is DayStatus.DOWNLOADED and row.is_final for row in rows.values())
        assert 0 < finished < 9
        assert (run_before.counts["planned"], run_before.counts["downloaded"]) == (9, finished)
    artifacts = Seen.tagged(tag).artifacts
    assert len(json.loads(artifacts["ialirt-backfill-result"])) == finished
    assert "| mag |" in artifacts["ialirt-backfill-availability"]
    simulator.latency = 0.0
    simulator.forget_requests()
    state, _ = run(options)
    assert state.type is StateType.COMPLETED, state.message
    again = windows(simulator)
    assert len(again) == len(set(again))
    assert not asked & set(again), "a window was asked for twice"
