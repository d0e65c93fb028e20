"""Every fault that may pass, once, often and for ever, against the client that has to bear it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.day.answers import tabulate
from ialirt_backfill.exceptions import AccessDenied, ApiError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.coverage import Span, day_span
from ialirt_backfill.simulator import Simulator, Times
from tests.support.faults import FAULTS, SILENCE_SECONDS

HIT = INSTRUMENTS["hit"]
START = day_span(date(2026, 2, 1)).start
HOUR = Span(START, START + timedelta(hours=1))
TRIES = 3
PATIENCE = Patience(answer=0.6, silence=SILENCE_SECONDS, tries=TRIES, first_pause=0.01, longest_pause=0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(now=lambda: datetime(2026, 3, 1, tzinfo=UTC)) as running:
        running.records("hit", HOUR.start, HOUR.end)  # what it needs to know is made up
        yield running


@pytest.fixture
def simulator(server: Simulator) -> Iterator[Simulator]:
    server.forget_requests()
    yield server
    server.faults = ()


def rows(records: Any) -> list[dict[str, str | None]]:
    found: list[dict[str, str | None]] = tabulate(HIT, HOUR, records).rows.to_pylist()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, TRIES - 1])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_asked_again_and_leaves_no_trace(simulator: Simulator, name: str, times: int) -> None:
    simulator.faults = Times(times, FAULTS[name][0])
    heard: list[tuple[Span, str | None]] = []
    with Api(Endpoint(simulator.url), patience=PATIENCE) as api:
        (answer,) = api.ask(HIT, HOUR, lambda window, why: heard.append((window, why)))
    assert answer.window == HOUR
    assert rows(answer.records) == rows(simulator.records("hit", HOUR.start, HOUR.end))
    assert len(simulator.requests) == times + 1
    assert [window for window, _ in heard] == [HOUR] * (times + 1)
    assert heard[0][1] is None
    assert all(FAULTS[name][1] in (why or "") for _, why in heard[1:])


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_for_ever_fails_with_the_servers_words(simulator: Simulator, name: str) -> None:
    fault, words = FAULTS[name]
    simulator.faults = lambda request: fault
    began = time.monotonic()
    with Api(Endpoint(simulator.url), patience=PATIENCE) as api:
        with pytest.raises(ApiError) as caught:
            list(api.ask(HIT, HOUR))
        assert not isinstance(caught.value, AccessDenied)
        assert words in str(caught.value)
        assert str(caught.value).endswith(f"({TRIES} tries)")
        assert len(str(caught.value)) < 500
    assert len(simulator.requests) == TRIES
    assert time.monotonic() - began < TRIES * 0.7 + 2
    assert gc.isenabled()
