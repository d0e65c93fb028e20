"""How many requests are in flight, and when: one pace for all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from ialirt_backfill.ask import pace as pace_module
from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.pace import Pace
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.simulator import Answer, Fault, Request, Simulator

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = datetime(2026, 2, 1, tzinfo=UTC)
QUICK = Patience(answer=5.0, tries=5, first_pause=0.01, longest_pause=0.02)


def bearable(pace: Pace) -> int:
    """How many may be in flight at once."""
    begun = 0
    with ExitStack() as turns:
        for _ in range(20):
            stopped = threading.Timer(0.15, pace._stop.set)
            stopped.start()
            try:
                turns.enter_context(pace.turn())
            except Interrupted:
                break
            finally:
                stopped.cancel()
            begun += 1
    pace._stop.clear()
    return begun


def began(pace: Pace) -> float:
    with pace.turn() as moment:
        return moment


def test_as_many_are_in_flight_as_there_are_jobs() -> None:
    assert bearable(Pace(None, 3, threading.Event())) == 3


def test_too_many_requests_halve_what_is_in_flight_down_to_one() -> None:
    pace = Pace(None, 8, threading.Event())
    for expected in (4, 2, 1, 1):
        pace.throttle(began(pace))
        assert bearable(pace) == expected


def test_said_to_several_at_once_it_counts_once() -> None:
    pace = Pace(None, 8, threading.Event())
    moments = [began(pace) for _ in range(5)]
    for moment in moments:
        pace.throttle(moment)
    assert bearable(pace) == 4


@pytest.mark.slow
def test_one_more_may_be_in_flight_after_a_while_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "RECOVERY_SECONDS", 0.25)
    pace = Pace(None, 4, threading.Event())
    pace.throttle(began(pace))
    pace.throttle(began(pace))
    time.sleep(0.3)
    with pace.turn(), pace.turn():
        assert pace._in_flight == 2
    time.sleep(0.8)
    assert bearable(pace) == 4  # never more than at first


def test_where_a_rate_was_chosen_nothing_else_slows_down() -> None:
    pace = Pace(1000.0, 4, threading.Event())
    pace.throttle(began(pace))
    assert bearable(pace) == 4


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as running:
        yield running


def busy_above(most: int, answer: Answer, simulator: Simulator) -> None:
    """A server that refuses more than so many requests at once."""
    lock, in_flight = threading.Lock(), [0]

    def rule(_: Request) -> Fault | None:
        with lock:
            in_flight[0] += 1
            is_too_many = in_flight[0] > most
        time.sleep(0.05)
        with lock:
            in_flight[0] -= 1
        return answer if is_too_many else None

    simulator.faults = rule


@pytest.mark.slow
@pytest.mark.parametrize("answer", [Answer(429), Answer(503), Answer(403)], ids=lambda it: str(it.status))
def test_a_server_that_bears_two_gets_two(
    simulator: Simulator, answer: Answer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ialirt_backfill.ask.permissions.THROTTLED_SECONDS", 0.01)
    caplog.set_level("INFO", "ialirt_backfill.ask.pace")
    hit, hour = INSTRUMENTS["hit"], timedelta(hours=1)
    with Api(Endpoint(simulator.url), jobs=8, patience=QUICK) as api, ThreadPoolExecutor(8) as pool:
        list(api.ask(hit, Span(START, START + hour)))  # from now on a 403 can only be throttling
        busy_above(2, answer, simulator)
        spans = [Span(START + n * hour, START + (n + 1) * hour) for n in range(24)]
        assert len(list(pool.map(lambda span: list(api.ask(hit, span)), spans))) == 24
        simulator.forget_requests()
        assert len(list(pool.map(lambda span: list(api.ask(hit, span)), spans))) == 24
    assert {request.status for request in simulator.requests} == {200}
    assert simulator.max_in_flight <= 2
    assert any("2 in flight at most" in line for line in caplog.messages)


def test_a_server_that_says_for_how_long_is_waited_for_and_asked_by_as_many_as_before(simulator: Simulator) -> None:
    left = [Answer(429, retry_after=1)]
    simulator.faults = lambda _: left.pop() if left else None
    with Api(Endpoint(simulator.url), jobs=4, patience=QUICK) as api:
        list(api.ask(INSTRUMENTS["hit"], Span(START, START + timedelta(hours=1))))
        assert bearable(api._pace) == 4
