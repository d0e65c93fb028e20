"""A server that does not answer as it should: once, thrice, for ever."""

from __future__ import annotations

import math
import re
import threading
import time
from datetime import timedelta

import pytest

from ialirt_backfill.plan.decisions import Action
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.simulator import (
    Answer,
    CutBody,
    CutJson,
    Fault,
    Request,
    Reset,
    Silence,
    Simulator,
    Slow,
    Times,
    Trickle,
)
from ledger import DayStatus
from tests.acceptance.conftest import NOW, Command
from tests.faults.conftest import DAY, QUICK, Place

NEXT = DAY + timedelta(days=1)

FAULTS: dict[str, tuple[Fault, str]] = {
    "429": (Answer(429, retry_after=0), "429"),
    "500": (Answer(500, '{"message": "Internal Server Error"}'), "Internal Server Error"),
    "502": (Answer(502), "502"),
    "503": (Answer(503), "Service Unavailable"),
    "504": (Answer(504), "Endpoint request timed out"),
    "507": (Answer(507), "Insufficient Storage"),
    "520": (Answer(520, "<html>the origin said nothing</html>", "text/html"), "HTTP 520 Unknown: <html>the origin"),
    "reset before the answer": (Reset(), "connection broke"),
    "reset within the body": (Reset(2000), "connection broke"),
    "cut body": (CutBody(), "cut short"),
    "cut JSON": (CutJson(), "not JSON"),
    "HTML with 200": (Answer(200, "<html>maintenance</html>", "text/html"), "<html>maintenance</html>"),
    "nothing with 200": (Answer(200, b""), "not JSON"),
    "null": (Answer(200, b"null"), "null"),
    "no data key": (Answer(200, b'{"meta": {"count": 3}}'), "no list of records"),
    "fewer records than counted": (Answer(200, b'{"meta": {"count": 3}, "data": []}'), "3"),
    "of another instrument": (Answer(200, b'{"meta": {"instrument": "swe"}, "data": []}'), 'says it is of "swe"'),
    "slow answer": (Slow(1.0), "in time"),
    "no answer": (Silence(), "in time"),
    "trickling body": (Trickle(0.05, chunk=1, headers=False), "in time"),
    "trickling headers": (Trickle(0.05, chunk=1, headers=True), "in time"),
}


SLOW = {"slow answer", "trickling headers"}
"""Of these, three in a row tell no more than three of their kind."""


@pytest.mark.parametrize(
    ("name", "times"), [(name, times) for name in FAULTS for times in (1, 3) if times == 1 or name not in SLOW]
)
def test_a_fault_that_passes_leaves_no_trace(place: Place, name: str, times: int) -> None:
    place.simulator.faults = Times(times, FAULTS[name][0])
    report = place.run("codice_lo")
    assert report.exit_code == 0, report.outcomes
    place.assert_right("codice_lo")
    assert len(place.simulator.requests) >= times + 1


HALVED = {"502", "504", *(name for name, (_, words) in FAULTS.items() if words == "in time")}
"""After two tries each, half of the window is asked for, four times, as long as anything else is answered."""


def tries(error: str | None) -> int:
    """How often it was tried, by the words of a failure."""
    found = re.search(r"\((\d+) tries\)", error or "")
    assert found is not None, error
    return int(found[1])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_for_ever_fails_its_day_with_the_servers_words_and_no_other(place: Place, name: str) -> None:
    fault, words = FAULTS[name]
    place.simulator.faults = Times(math.inf, fault, instrument="hit", day=DAY)
    report = place.run("hit,codice_lo", DAY, NEXT)
    assert report.exit_code == 1
    outcomes = {(outcome.instrument.name, outcome.day): outcome for outcome in report.results}
    failed = outcomes.pop(("hit", DAY))
    assert failed.status is DayStatus.FAILED
    assert words in (failed.error or "")
    assert tries(failed.error) in ({5, 6, 7, 8, 9, 10} if name in HALVED else {5})
    assert not place.file().exists()
    assert {outcome.status for outcome in outcomes.values()} == {DayStatus.DOWNLOADED}
    place.assert_right("codice_lo")
    row = place.row()
    assert (row.status, row.records, row.asked_through) == (DayStatus.FAILED, 0, row.asked_through)

    place.simulator.faults = ()
    assert place.run("hit,codice_lo", DAY, NEXT, retry_failed=True).exit_code == 0
    assert place.asked == ["hit 02T00:00:00 02T23:59:59"]
    assert place.row().records == len(place.perfect())


REFUSALS = {
    401: (Answer(401), "IALIRT_API_KEY"),
    403: (Answer(403), "IALIRT_API_KEY"),
    404: (Answer(404), "--url"),
    400: (Answer(400, b'{"message": "Invalid time format"}'), "Invalid time format"),
    4000: (Answer(400, b'{"message": "Unexpected parameters: x"}'), "Unexpected parameters: x"),
    501: (Answer(501), "501 Not Implemented"),
    505: (Answer(505), "505 HTTP Version Not Supported"),
}


@pytest.mark.parametrize("number", REFUSALS)
def test_a_refusal_is_not_asked_again_and_says_which_setting_to_look_at(place: Place, number: int) -> None:
    refusal, words = REFUSALS[number]
    place.simulator.faults = Times(math.inf, refusal)
    report = place.run()
    assert len(place.simulator.requests) == 1
    said = report.results[0].error if report.results else report.plan[0].reason
    assert words in (said or "")
    assert "--url" in (said or "")
    assert [it.status for it in report.results] == ([] if number in {401, 403} else [DayStatus.FAILED])


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_every_request_is_met_once_or_twice_and_fails_no_day(place: Place, status: int) -> None:
    place.simulator.faults = Times(math.inf, Answer(status))
    report = place.run("all", DAY, DAY + timedelta(days=25), jobs=8)
    assert report.exit_code == 2
    assert not report.results
    assert len(place.simulator.requests) <= 2
    assert {decision.action for decision in report.plan} == {Action.SKIP_NO_ACCESS}
    assert all("check the API key" in decision.reason for decision in report.plan)


def test_a_refusal_of_one_instrument_stops_no_other(place: Place) -> None:
    place.simulator.faults = Times(math.inf, Answer(403), instrument="hit")
    report = place.run("swe,hit", DAY, DAY + timedelta(days=9))
    assert {outcome.day for outcome in report.results if outcome.instrument.name == "swe"} == {
        DAY + timedelta(days=n) for n in range(10)
    }


class Finished(Listener):
    """When each day was finished."""

    def __init__(self) -> None:
        self.at: list[tuple[str, float]] = []
        self._lock = threading.Lock()

    def day_finished(self, outcome: DayOutcome) -> None:
        with self._lock:
            self.at.append((outcome.instrument.name, time.monotonic()))


def test_an_instrument_that_hangs_fails_its_own_days_and_delays_no_other(place: Place) -> None:
    place.simulator.faults = Times(math.inf, Silence(), instrument="hit")
    finished = Finished()
    began = time.monotonic()
    report = place.run("hit,swe,codice_lo", DAY, DAY + timedelta(days=3), jobs=3, listener=finished)
    took = {name: max(at for other, at in finished.at if other == name) - began for name in ("hit", "swe", "codice_lo")}
    failed = {outcome.instrument.name for outcome in report.results if outcome.status is DayStatus.FAILED}
    assert failed == {"hit"}
    one_day = QUICK.tries * (QUICK.longest_silence + QUICK.longest_pause + QUICK.first_pause)
    assert took["hit"] >= QUICK.tries * QUICK.longest_silence
    # Days of the others never wait for two days of the one that hangs.
    assert max(took["swe"], took["codice_lo"]) < max(2 * one_day, took["hit"] / 2)
    names = [name for name, _ in finished.at]
    assert names[-1] == "hit"


def test_faults_at_random_places_lose_nothing(place: Place) -> None:
    """A quarter of the requests of several days meet a fault of some kind."""
    faults = [fault for name, (fault, _) in FAULTS.items() if name not in {"slow answer", "no answer"}]
    quick = [fault for fault in faults if not isinstance(fault, Trickle)]

    def some(request: Request) -> Fault | None:
        return quick[request.number % len(quick)] if request.number % 4 == 0 else None

    place.simulator.faults = some
    place.clock.set("2026-02-02T12:30:00")
    assert place.run("mag,mag_hk", DAY, DAY, jobs=4).exit_code == 0
    place.assert_right("mag")
    assert len(place.simulator.requests) > len({tuple(asked.split()[:2]) for asked in place.asked})


def test_through_the_command_line_a_day_fails_in_time_with_words_and_advice(
    command: Command, simulator: Simulator
) -> None:
    simulator.faults = [
        Times(math.inf, Silence(), instrument="hit"),
        Times(math.inf, Trickle(0.2), instrument="swe"),
        Times(math.inf, Answer(503), instrument="codice_lo"),
    ]
    began = time.monotonic()
    done = command(
        "--instrument", "hit,swe,codice_lo,spacecraft", "--start", str(DAY), "--end", str(DAY), "--as-of", NOW,
        "--timeout", "1s", "--json",
    )  # fmt: skip
    assert done.code == 1, done.err
    assert time.monotonic() - began < 40
    errors = {result["instrument"]: result["error"] for result in done.json["results"]}
    assert errors.pop("spacecraft") is None
    assert "HTTP 503" in errors["codice_lo"]
    assert tries(errors.pop("codice_lo")) == 5
    assert all(5 <= tries(error) <= 10 for error in errors.values()), errors
    assert "--retry-failed" in done.err
