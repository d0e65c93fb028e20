"""A demonstration as a flow: it says so wherever it is seen, and the real thing is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from pydantic import SecretStr

from flows import blocks
from flows.backfill import backfill
from flows.forms import BACKFILL, POLL, Form
from flows.mirror import mirror
from flows.poll import poll_hour
from flows.settings import completed, in_one_sentence
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import BackfillOptions, MirrorOptions, PollOptions, StatusOptions
from ialirt_backfill.options.datastore import MARK
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.store.demonstration import SYNTHETIC
from ledger import current
from tests.support.flows import Seen, eventually

FIRST = date(2026, 2, 1)
NOW = datetime(2026, 2, 20, 11, 55, tzinfo=UTC)


@pytest.fixture
def demo(datastore: str) -> BackfillOptions:
    """Twelve days, which make a progress bar worth its while."""
    return BackfillOptions(
        instrument="codice_lo", start=FIRST, end=FIRST + timedelta(11), demo=True, datastore=datastore, as_of=NOW
    )


def run(called: Callable[[], State[None]]) -> tuple[State[Any], Seen]:
    """Inside a flow of its own, whose artifacts and events these are then."""
    seen: list[UUID] = []

    @flow(name="a demonstration")
    def outer() -> State[None]:
        seen.append(UUID(flow_run.id))
        return in_one_sentence(POLL, called)

    state: State[Any] = outer(return_state=True)
    return state, Seen(seen[0])


def seen_of(state: State[Any]) -> Seen:
    assert state.state_details.flow_run_id is not None
    return Seen(state.state_details.flow_run_id)


def test_a_backfill_says_so_on_its_page(demo: BackfillOptions) -> None:
    planned: State[Any] = backfill(replace(demo, dry_run=True), return_state=True)
    assert planned.message == f"{SYNTHETIC} planned only (dry run)"
    assert seen_of(planned).descriptions == {
        "ialirt-backfill-plan": f"{SYNTHETIC} 12 instrument-days to work on, 0 to skip; "
        f"datastore {demo.datastore}, ledger sqlite:///{demo.datastore}/ledger.sqlite"
    }
    state: State[Any] = backfill(demo, return_state=True)
    assert state.type is StateType.COMPLETED, state.message
    assert str(state.message).startswith(f"{SYNTHETIC} 12 instrument-days asked for")
    seen = seen_of(state)
    assert {key.removeprefix("ialirt-backfill-") for key in seen.descriptions} == {
        "plan", "result", "availability", "progress",
    }  # fmt: skip
    assert all(text.startswith(f"{SYNTHETIC} ") for text in seen.descriptions.values())
    assert seen.artifacts["ialirt-backfill-availability"].startswith(f"**{SYNTHETIC}**\n\n| instrument |")
    events = eventually(lambda: seen.events, lambda found: len(found) == 12)
    assert {event["resource"]["ialirt.synthetic"] for event in events} == {"yes"}


def test_the_events_of_real_days_say_that_they_are(simulator: Simulator, datastore: str) -> None:
    real = BackfillOptions(instrument="hit", start=FIRST, end=FIRST, url=simulator.url, datastore=datastore)
    state: State[Any] = backfill(real, return_state=True)
    seen = seen_of(state)
    [event] = eventually(lambda: seen.events, bool)
    assert event["resource"]["ialirt.synthetic"] == "no"
    assert "ynthetic" not in f"{state.message} {seen.descriptions} {seen.artifacts}"


def test_a_poll_says_so_on_its_page(datastore: str) -> None:
    now = NOW

    def sleep(seconds: float) -> None:
        nonlocal now
        now += timedelta(seconds=seconds)

    options = PollOptions(demo=True, datastore=datastore, instrument="hit,codice_lo", since=date(2026, 2, 19))
    state, seen = run(lambda: poll_hour(options, NOW, lambda: now, sleep))
    assert state.type is StateType.COMPLETED, state.message
    assert str(state.message).startswith(f"{SYNTHETIC} 1 pass, ")
    assert seen.descriptions.keys() == {"ialirt-poll-availability", "ialirt-poll-result"}
    assert all(text.startswith(f"{SYNTHETIC} ") for text in seen.descriptions.values())
    assert seen.artifacts["ialirt-poll-availability"].startswith(f"**{SYNTHETIC}**\n\n")
    events = eventually(lambda: seen.events, lambda found: len(found) == 4)
    assert {event["resource"]["ialirt.synthetic"] for event in events} == {"yes"}
    planned, seen = run(lambda: poll_hour(replace(options, dry_run=True), NOW, lambda: now, sleep))
    assert planned.message == f"{SYNTHETIC} planned only (dry run)"
    assert seen.descriptions["ialirt-poll-plan"].startswith(f"{SYNTHETIC} ")


def test_a_mirror_says_so_on_its_page(demo: BackfillOptions, tmp_path: Path) -> None:
    assert backfill(replace(demo, end=FIRST), return_state=True).type is StateType.COMPLETED
    options = MirrorOptions(datastore=demo.datastore, database=f"sqlite:///{tmp_path}/mirror.sqlite")
    for chosen, key in ((replace(options, dry_run=True), "plan"), (options, "result")):
        state: State[Any] = mirror(chosen, return_state=True)
        assert str(state.message).startswith(f"{SYNTHETIC} ")
        assert seen_of(state).descriptions[f"ialirt-mirror-{key}"].startswith(f"{SYNTHETIC} 1 instrument-days to ")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_real_flow_over_a_demonstration_fails(simulator: Simulator, demo: BackfillOptions, dry_run: bool) -> None:
    assert backfill(replace(demo, end=FIRST), return_state=True).type is StateType.COMPLETED
    real = replace(demo, demo=False, url=simulator.url, dry_run=dry_run)
    state = backfill(real, return_state=True)
    assert state.type is StateType.FAILED
    assert "holds the synthetic days of a demonstration" in str(state.message)
    polled = PollOptions(datastore=demo.datastore, url=simulator.url, dry_run=dry_run)
    state, seen = run(lambda: poll_hour(polled, NOW, lambda: NOW))
    assert state.type is StateType.FAILED
    assert "holds the synthetic days of a demonstration" in str(state.message)
    assert not any(key.startswith("ialirt") for key in seen.artifacts)
    assert simulator.requests == []


@pytest.mark.usefixtures("own_blocks")
def test_its_ledger_is_its_own_whatever_the_worker_has(
    demo: BackfillOptions, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IALIRT_LEDGER_URL", postgresql_url)
    monkeypatch.setenv("IALIRT_DATASTORE", demo.datastore)
    status = Form(StatusOptions)
    one_day = replace(demo, end=FIRST, datastore=StatusOptions().datastore)
    Secret(value=SecretStr(postgresql_url)).save(blocks.LEDGER_BLOCK)
    try:
        assert completed(BACKFILL, one_day).ledger is None
        assert backfill(one_day, return_state=True).type is StateType.COMPLETED
        assert (Path(demo.datastore) / MARK).exists()
        assert completed(status, StatusOptions()).ledger is None, (
            "reports over that datastore are meant for its ledger, too"
        )
        assert completed(status, StatusOptions(datastore="elsewhere")).ledger == postgresql_url
    finally:
        Secret.delete(blocks.LEDGER_BLOCK)
    assert current(postgresql_url)[0] is None
    with pytest.raises(UsageError, match="--ledger does not go with --demo"):
        backfill(BackfillOptions(instrument="hit", start=FIRST, demo=True, ledger=postgresql_url))
