"""I-ALiRT is not reached: the flow fails with the cause, and the days are as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import State, StateType

from flows.backfill import backfill
from flows.poll import poll_hour
from ialirt_backfill.options import BackfillOptions, PollOptions
from ledger import Ledger
from tests.support.flows import Seen, eventually

pytestmark = pytest.mark.usefixtures("short_pauses")

NOWHERE = "http://127.0.0.1:9"
REFUSED = "cannot be reached ([Errno 111] Connection refused)"


def test_a_backfill_fails_with_the_cause_and_no_day_does(datastore: str) -> None:
    first = date(2026, 2, 1)
    options = BackfillOptions(
        instrument="hit", start=first, end=first + timedelta(days=4), url=NOWHERE, datastore=datastore
    )
    state: State[Any] = backfill(options, return_state=True)
    assert state.type is StateType.FAILED
    assert REFUSED in str(state.message)
    with Ledger.open(options.ledger_url) as ledger:
        assert not [key for key in ledger.days(["HIT_IALIRT"], first, first) if ledger.attempts(*key)]
    assert state.state_details.flow_run_id is not None
    bars = eventually(
        lambda: Seen(state.state_details.flow_run_id).task_runs,  # type: ignore[arg-type]
        lambda runs: runs and all(it.state and it.state.is_final() for it in runs),
    )
    assert {(it.state.type, it.state.name) for it in bars} == {(StateType.CANCELLED, "NotReached")}


def test_a_poll_fails_and_has_tried_in_every_pass(datastore: str) -> None:
    now = [datetime(2026, 2, 2, 11, 50, tzinfo=UTC)]

    def sleep(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    @flow(name="an hour in vain")
    def hour() -> State[None]:
        options = PollOptions(instrument="hit", url=NOWHERE, datastore=datastore)
        return poll_hour(options, now[0], lambda: now[0], sleep)

    state: State[Any] = hour(return_state=True)
    assert state.type is StateType.FAILED
    assert REFUSED in str(state.message)
    assert "11:50:00Z, 11:55:00Z" in str(state.message)
