"""The backfill as a flow, on a real Prefect server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import StateType
from prefect.context import get_settings_context
from prefect.utilities.callables import parameter_schema
from pydantic import SecretStr

from flows import settings
from flows.backfill import backfill
from flows.poll import poll
from flows.settings import api_key, completed
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions, PollOptions
from ialirt_backfill.simulator import Answer, Simulator, Times
from ledger import DayStatus, Ledger
from tests.support.flows import FEBRUARY, eventually, options_for, run


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


def test_over_a_dask_cluster_no_window_is_asked_for_twice(simulator: Simulator, datastore: str) -> None:
    options = options_for(simulator, datastore, instrument="hit,mag", end=date(2026, 2, 3), jobs=2)
    state, seen = run(options, "local")
    assert state.type is StateType.COMPLETED, state.message
    asked = windows(simulator)
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
from flows.backfill import backfill
from ialirt_backfill.options import BackfillOptions

url, datastore = sys.argv[1:]
backfill(BackfillOptions(instrument="mag", start=date(2026, 2, 1), end=date(2026, 2, 9), url=url, datastore=datastore))
"""


def test_a_cancelled_run_leaves_a_true_ledger(simulator: Simulator, datastore: str) -> None:
    """To cancel a run, a worker sends SIGTERM to the run's process, and SIGKILL half a minute later."""
    simulator.latency = 0.2
    settings = get_settings_context().settings.to_environment_variables(exclude_unset=True)
    running = subprocess.Popen(
        [sys.executable, "-c", CANCELLED_RUN, simulator.url, datastore],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(simulator.requests) < 12 and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, errors = running.communicate(timeout=25)
    assert running.returncode != 0, errors
    assert time.monotonic() - began < 20
    asked = set(windows(simulator))
    assert 12 <= len(asked) < 9 * 8
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
    simulator.latency = 0.0
    simulator.forget_requests()
    state, _ = run(options)
    assert state.type is StateType.COMPLETED, state.message
    again = windows(simulator)
    assert len(again) == len(set(again))
    assert not asked & set(again), "a window was asked for twice"


# --- parameters and settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [poll, backfill])
def test_every_field_of_the_form_has_a_title_and_a_description(entry: Any) -> None:
    schema = parameter_schema(entry.fn).model_dump()
    [form] = schema["definitions"].values()
    kind = PollOptions if entry is poll else BackfillOptions
    assert set(form["properties"]) == set(kind.__dataclass_fields__)
    for name, field in form["properties"].items():
        assert field["title"], name
        assert len(field["description"]) > 10, name
    assert schema["properties"]["options"]["description"]


def test_parameters_that_make_no_sense_fail_the_run_before_anything_is_asked(
    simulator: Simulator, datastore: str
) -> None:
    @flow
    def wrong() -> None:
        backfill({"instrument": "hti", "start": "2026-02-01"})  # type: ignore[call-overload]

    with pytest.raises(UsageError, match="Did you mean 'hit'"):
        wrong()


def test_durations_in_the_form_may_be_written_as_on_the_command_line() -> None:
    parameters = poll.validate_parameters({"options": {"every": "90s", "overlap": "PT5M"}})
    assert parameters["options"].every == timedelta(seconds=90)
    assert parameters["options"].overlap == timedelta(minutes=5)


@pytest.mark.usefixtures("own_blocks")
def test_what_the_form_leaves_open_comes_from_blocks_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_DATASTORE", "/data")
    monkeypatch.setenv("IALIRT_SETTLE", "2d")
    monkeypatch.setenv("IALIRT_LEDGER_URL", "sqlite:////data/of-the-environment.sqlite")
    monkeypatch.setenv("IALIRT_API_KEY", "key-of-the-environment")
    options = completed(PollOptions(jobs=2))
    assert (options.datastore, options.settle, options.jobs) == ("/data", timedelta(days=2), 2)
    assert options.ledger == "sqlite:////data/of-the-environment.sqlite"
    assert api_key(options) == "key-of-the-environment"
    assert completed(PollOptions(datastore="elsewhere")).datastore == "elsewhere"

    try:
        Secret(value=SecretStr("key-of-the-block")).save(settings.KEY_BLOCK)
        Secret(value=SecretStr("sqlite:////data/of-the-block.sqlite")).save(settings.LEDGER_BLOCK)
        assert api_key(options) == "key-of-the-block"
        assert completed(PollOptions()).ledger == "sqlite:////data/of-the-block.sqlite"
    finally:
        for name in (settings.KEY_BLOCK, settings.LEDGER_BLOCK):
            Secret.delete(name)
