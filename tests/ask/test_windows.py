"""Windows that are not answered in time are halved, and grow again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.exceptions import ApiError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.coverage import SECOND, Span
from ialirt_backfill.simulator import Answer, Fault, Request, Silence, Simulator

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = datetime(2026, 2, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HIT, SWE = INSTRUMENTS["hit"], INSTRUMENTS["swe"]
QUICK = Patience(answer=2.0, silence=0.3, tries=5, first_pause=0.01, longest_pause=0.02)
NOTHING = Answer(200, '{"meta": {}, "data": []}')


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as running:
        yield running


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    """Something of which has been answered."""
    with Api(Endpoint(simulator.url), patience=QUICK) as it:
        simulator.faults = lambda _: NOTHING
        ask(it, SWE, Span(START, START + HOUR))
        simulator.forget_requests()
        yield it


def ask(api: Api, instrument: Instrument, span: Span) -> list[Span]:
    return [answer.window for answer in api.ask(instrument, span)]


def longer_than(most: timedelta, fault: Fault) -> Callable[[Request], Fault]:
    """A server on which windows longer than that meet a fault."""

    def rule(request: Request) -> Fault:
        assert request.start is not None
        assert request.end is not None
        return fault if request.end - request.start + SECOND > most else NOTHING

    return rule


def asked(simulator: Simulator) -> list[timedelta]:
    """How long the windows were that were asked for, in their order."""
    return [it.end - it.start + SECOND for it in simulator.requests if it.start and it.end]


def whole_day(number: int) -> Span:
    return Span(START + number * DAY, START + (number + 1) * DAY)


FAULTS: dict[str, Fault] = {"502": Answer(502), "504": Answer(504), "413": Answer(413), "silence": Silence()}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_window_that_meets_it_twice_is_halved_and_its_size_kept(simulator: Simulator, api: Api, name: str) -> None:
    simulator.faults = longer_than(6 * HOUR, FAULTS[name])
    assert ask(api, HIT, whole_day(0)) == [Span(START + n * 6 * HOUR, START + (n + 1) * 6 * HOUR) for n in range(4)]
    assert asked(simulator) == [24 * HOUR] * 2 + [12 * HOUR] * 2 + [6 * HOUR] * 4
    simulator.forget_requests()
    ask(api, HIT, whole_day(1))
    assert asked(simulator) == [6 * HOUR] * 4
    ask(api, SWE, whole_day(1))  # another instrument keeps its own window
    assert asked(simulator)[4] == 24 * HOUR


def test_once_is_not_twice(simulator: Simulator, api: Api) -> None:
    left = [Answer(504)]
    simulator.faults = lambda _: left.pop() if left else NOTHING
    ask(api, HIT, whole_day(0))
    assert asked(simulator) == [24 * HOUR] * 2


def test_other_faults_halve_nothing(simulator: Simulator, api: Api) -> None:
    simulator.faults = lambda _: Answer(500)
    with pytest.raises(ApiError, match=r"HTTP 500.*\(5 tries\)"):
        ask(api, HIT, whole_day(0))
    assert asked(simulator) == [24 * HOUR] * 5


def test_it_doubles_again_after_ten_answers(simulator: Simulator, api: Api) -> None:
    simulator.faults = longer_than(12 * HOUR, Answer(504))
    ask(api, HIT, whole_day(0))
    simulator.faults = lambda _: NOTHING
    simulator.forget_requests()
    for number in range(1, 8):
        ask(api, HIT, whole_day(number))
    assert asked(simulator) == [12 * HOUR] * 9 + [12 * HOUR, 24 * HOUR, 24 * HOUR]


def test_four_times_at_most_and_what_was_never_answered_is_not_kept(simulator: Simulator, api: Api) -> None:
    simulator.faults = longer_than(timedelta(0), Answer(504))
    with pytest.raises(ApiError, match=r"HTTP 504.*\(10 tries\)"):
        ask(api, HIT, whole_day(0))
    assert asked(simulator) == [24 * HOUR / 2**n for n in range(5) for _ in range(2)]
    simulator.faults = lambda _: NOTHING
    simulator.forget_requests()
    ask(api, HIT, whole_day(0))
    assert asked(simulator) == [24 * HOUR]


def test_an_instrument_that_was_given_up_costs_two_tries_until_it_is_answered(simulator: Simulator, api: Api) -> None:
    simulator.faults = lambda request: Answer(504) if request.instrument == "hit" else NOTHING
    for number, tries in enumerate((10, 2, 2)):
        simulator.forget_requests()
        with pytest.raises(ApiError, match=rf"\({tries} tries\)"):
            ask(api, HIT, whole_day(number))
        ask(api, SWE, whole_day(number))
        assert len(simulator.requests) == tries + 1
    simulator.faults = lambda _: NOTHING
    ask(api, HIT, whole_day(0))
    simulator.faults = longer_than(12 * HOUR, Answer(504))
    assert len(ask(api, HIT, whole_day(1))) == 2


def test_while_nothing_is_answered_nothing_is_halved(simulator: Simulator) -> None:
    simulator.faults = lambda _: Answer(504)
    with Api(Endpoint(simulator.url), patience=QUICK) as api:
        for instrument in (HIT, SWE):
            simulator.forget_requests()
            with pytest.raises(ApiError, match=r"\(5 tries\)"):
                ask(api, instrument, whole_day(0))
            assert asked(simulator) == [24 * HOUR] * 5


def test_patience_in_all_holds_for_all_halves_together(simulator: Simulator, api: Api) -> None:
    simulator.faults = lambda _: Silence()
    api._patience = Patience(answer=2.0, silence=0.3, tries=5, first_pause=0.01, longest_pause=0.02, in_all=0.8)
    with pytest.raises(ApiError):
        ask(api, HIT, whole_day(0))
    assert 3 <= len(simulator.requests) <= 4
