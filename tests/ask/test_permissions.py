"""Refusals are learned from the server, over HTTP: each is met once, however many ask."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.permissions import MOST_THROTTLED
from ialirt_backfill.exceptions import ApiError, Interrupted
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.access import NoAccess, Refusal, Want
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.simulator import Answer, Fault, Request, Silence, Simulator, Slow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
QUICK = Patience(answer=2.0, silence=1.0, tries=3, first_pause=0.01, longest_pause=0.02, longest_told_pause=0.02)

Asked = Callable[[str, datetime], "int | Exception"]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW, keys={"full": ("full",), "plain": ()}) as running:
        yield running


def api(simulator: Simulator, key: str | None = None, stop: threading.Event | None = None) -> Api:
    return Api(Endpoint(simulator.url, key), patience=QUICK, stop=stop)


def asked(api: Api, name: str, start: datetime) -> int | Exception:
    """How many records an hour has, or why it has none."""
    try:
        return sum(len(it.records) for it in api.ask(INSTRUMENTS[name], Span(start, start + timedelta(hours=1))))
    except (ApiError, Interrupted) as error:
        return error


def all_asked(api: Api, questions: list[tuple[str, datetime]], jobs: int = 8) -> list[int | Exception]:
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda question: asked(api, *question), questions))


def refused_before(cutoff: str, seconds: float = 0.05) -> Callable[[Request], Fault | None]:
    """A server on which the cutoff lies elsewhere, and which takes its time."""

    def rule(request: Request) -> Fault | None:
        if request.key is None and request.start and request.start < datetime.fromisoformat(cutoff).replace(tzinfo=UTC):
            time.sleep(seconds)
            return Answer(400, json.dumps({"message": f"API key required for data prior to {cutoff}"}))
        return Slow(seconds)

    return rule


def statuses(simulator: Simulator) -> list[int | None]:
    return [request.status for request in simulator.requests]


DAYS = [FEBRUARY + number * DAY for number in range(-10, 10)]


@pytest.mark.parametrize("cutoff", ["2026-02-01T00:00:00", "2026-01-25T00:00:00", "2026-02-05T06:00:00"])
@pytest.mark.parametrize("days", [DAYS, DAYS[::-1]], ids=["oldest first", "newest first"])
def test_the_cutoff_is_learned_from_the_refusal_and_met_twice_at_most(
    simulator: Simulator, cutoff: str, days: list[datetime]
) -> None:
    simulator.public_since = datetime(2025, 9, 24, tzinfo=UTC)
    simulator.faults = refused_before(cutoff)
    with api(simulator) as it:
        found = all_asked(it, [("hit", day) for day in days])
    since = datetime.fromisoformat(cutoff).replace(tzinfo=UTC)
    for day, result in zip(days, found, strict=True):
        assert isinstance(result, NoAccess if day < since else int), (day, result)
    assert statuses(simulator).count(400) in {1, 2}
    assert len(simulator.requests) == statuses(simulator).count(400) + sum(day >= since for day in days)


def test_oldest_first_it_is_met_once(simulator: Simulator) -> None:
    simulator.faults = refused_before("2026-02-01T00:00:00")
    with api(simulator) as it:
        all_asked(it, [("hit", day) for day in DAYS])
        [refusal] = it.admission.refusals
    assert refusal.want is Want.KEY
    assert refusal.before == FEBRUARY
    assert statuses(simulator).count(400) == 1


def test_an_instrument_that_needs_a_scope_is_asked_for_once_and_stops_no_other(simulator: Simulator) -> None:
    with api(simulator, "plain") as it:
        found = all_asked(it, [(name, day) for day in DAYS[10:] for name in ("mag_hk", "hit", "swe")])
        assert it.admission.refusals == (it.admission.refusal(INSTRUMENTS["mag_hk"], FEBRUARY),)
    assert sum(isinstance(result, NoAccess) for result in found) == 10
    assert statuses(simulator).count(403) == 1
    assert len(simulator.requests) == 21


def test_a_key_that_is_not_known_costs_two_requests_at_most(simulator: Simulator) -> None:
    simulator.latency = 0.05
    with api(simulator, "unknown") as it:
        found = all_asked(it, [(name, day) for day in DAYS for name in INSTRUMENTS])
    assert all(isinstance(result, NoAccess) for result in found)
    assert len(simulator.requests) <= 2
    assert all("check the API key" in str(result) for result in found)


def test_restricted_fields_are_noticed(simulator: Simulator) -> None:
    hit = INSTRUMENTS["hit"]
    with api(simulator, "plain") as it:
        asked(it, "hit", FEBRUARY)
        assert "hit" not in it.admission.shown
    with api(simulator, "full") as it:
        asked(it, "hit", FEBRUARY)
        asked(it, "mag_hk", FEBRUARY)
        assert it.admission.shown == {"hit", "mag_hk"}
        assert it.admission.access(hit).value == "full"


def test_so_they_are_in_an_unusual_answer(simulator: Simulator) -> None:
    """One that holds a field nobody has seen before is decoded into objects."""
    from ialirt_backfill.simulator import Transform  # noqa: PLC0415

    simulator.faults = lambda _: Transform(lambda records: [record | {"news": 1} for record in records])
    with api(simulator, "full") as it:
        asked(it, "hit", FEBRUARY)
        assert it.admission.shown == {"hit"}


@pytest.mark.parametrize(
    ("reply", "is_throttling"),
    [
        (Answer(403), False),
        (Answer(403, retry_after=0), True),
        (Answer(403, retry_after=1), True),
        (Answer(403, '{"message": "Unauthorized for this"}', retry_after=1), False),
        (Answer(401, retry_after=1), False),
    ],
)
def test_a_403_that_says_when_to_come_again_is_throttling(
    simulator: Simulator, reply: Answer, is_throttling: bool
) -> None:
    left = [reply]
    simulator.faults = lambda _: left.pop() if left else None
    with api(simulator) as it:
        result = asked(it, "hit", FEBRUARY)
    assert isinstance(result, int) is is_throttling
    assert len(simulator.requests) == (2 if is_throttling else 1)


def test_a_403_after_the_same_instrument_was_answered_is_throttling(simulator: Simulator) -> None:
    with api(simulator) as it:
        assert isinstance(asked(it, "hit", FEBRUARY), int)
        left = [Answer(403)]
        simulator.faults = lambda _: left.pop() if left else None
        assert isinstance(asked(it, "hit", FEBRUARY), int)
        left.append(Answer(403))
        assert isinstance(asked(it, "swe", FEBRUARY), NoAccess)
        assert it.admission.refusal(INSTRUMENTS["hit"], FEBRUARY) is None


def test_a_key_that_is_revoked_during_a_run_is_noticed(simulator: Simulator) -> None:
    """It is throttling at first, for the instrument was answered; but not for ever."""
    with api(simulator, "full") as it:
        assert isinstance(asked(it, "hit", FEBRUARY), int)
        simulator.keys = {}
        simulator.forget_requests()
        found = all_asked(it, [("hit", FEBRUARY + number * DAY) for number in range(60)])
        assert it.admission.refusal(INSTRUMENTS["hit"], FEBRUARY) is not None
    assert sum(isinstance(result, NoAccess) for result in found) > 40
    assert len(simulator.requests) <= MOST_THROTTLED + 8


def test_what_was_refused_is_asked_for_again_after_it_was_forgotten(simulator: Simulator) -> None:
    with api(simulator) as it:
        assert isinstance(asked(it, "mag_hk", FEBRUARY), NoAccess)
        assert isinstance(asked(it, "mag_hk", FEBRUARY), NoAccess)
        assert len(simulator.requests) == 1
        it.permissions.forget_refusals()
        assert isinstance(asked(it, "mag_hk", FEBRUARY), NoAccess)
        assert len(simulator.requests) == 2


@pytest.mark.slow
def test_an_instrument_that_hangs_holds_up_no_other(simulator: Simulator) -> None:
    simulator.faults = lambda request: Silence() if request.instrument == "swe" else None
    with api(simulator, "full") as it, ThreadPoolExecutor(4) as pool:
        hanging = pool.submit(asked, it, "swe", FEBRUARY)
        began = time.monotonic()
        assert all(isinstance(asked(it, name, FEBRUARY), int) for name in ("hit", "codice_lo", "mag_hk"))
        assert time.monotonic() - began < QUICK.longest_silence
        assert isinstance(hanging.result(), ApiError)


def test_waiting_for_another_to_find_out_ends_with_the_run(simulator: Simulator) -> None:
    stop = threading.Event()
    simulator.faults = lambda _: Silence()
    with api(simulator, stop=stop) as it, ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, it, "hit", FEBRUARY)
        while not simulator.requests:
            time.sleep(0.01)
        second = pool.submit(asked, it, "hit", FEBRUARY + DAY)
        stop.set()
        assert isinstance(second.result(timeout=1), Interrupted)
        first.result()


def test_a_refusal_that_another_process_has_met_is_believed(simulator: Simulator) -> None:
    with api(simulator) as it:
        it.permissions.learn(Refusal(Want.SCOPE, "…", "mag_hk"))
        assert isinstance(asked(it, "mag_hk", FEBRUARY), NoAccess)
    assert not simulator.requests
