"""A server that does not answer as it should: once, thrice, for ever."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.decisions import Action
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.run.poll import has_failed, poll
from ialirt_backfill.simulator import Answer, Fault, Request, Silence, Simulator, Slow, Times, Trickle
from ledger import DayStatus
from tests.support.access import KEY
from tests.support.clock import NOW
from tests.support.commands import Command
from tests.support.faults import BEARERS, FAULTS, REPRESENTATIVES, SILENCE_SECONDS, befall
from tests.support.places import DAY, QUICK, Place

PATIENCE = replace(QUICK, silence=SILENCE_SECONDS)
NEXT = DAY + timedelta(days=1)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_fault_that_passes_leaves_no_trace(place: Place, name: str, times: int) -> None:
    place.simulator.faults = Times(times, REPRESENTATIVES[name][0])
    report = place.run("codice_lo", patience=PATIENCE)
    assert report.exit_code == 0, report.outcomes
    place.assert_right("codice_lo")
    assert len(place.simulator.requests) == times + 1


HALVED = {"502", "504", *(name for name, (_, words) in REPRESENTATIVES.items() if "in time" in words)}
"""After two tries each, half of the window is asked for, four times, as long as anything else is answered."""


def tries(error: str | None) -> int:
    """How often it was tried, by the words of a failure."""
    found = re.search(r"\((\d+) tries\)", error or "")
    assert found is not None, error
    return int(found[1])


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_fault_for_ever_fails_its_day_with_the_servers_words_and_no_other(place: Place, name: str) -> None:
    fault, words = REPRESENTATIVES[name]
    place.simulator.faults = Times(math.inf, fault, instrument="hit", day=DAY)
    report = place.run("hit,codice_lo", DAY, NEXT, patience=PATIENCE)
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
    quick = [fault for fault, _ in FAULTS.values() if not isinstance(fault, Trickle | Slow | Silence)]

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
    befall(simulator)
    began = time.monotonic()
    done = command(
        "--instrument", "hit,swe,codice_lo,spacecraft", "--start", str(DAY), "--end", str(DAY), "--as-of", NOW,
        "--timeout", "1s", "--json",
    )  # fmt: skip
    assert done.code == 1, done.err
    assert time.monotonic() - began < 40
    errors = {result["instrument"]: result["error"] for result in done.json["results"]}
    assert errors.pop("spacecraft") is None
    assert all(words in errors[name] for name, (_, words) in BEARERS.items())
    assert tries(errors.pop("codice_lo")) == 5
    assert all(5 <= tries(error) <= 10 for error in errors.values()), errors
    assert "--retry-failed" in done.err


def test_through_the_poll_the_faulty_instruments_fail_and_the_next_pass_has_them_all(place: Place) -> None:
    names = (*BEARERS, "spacecraft")
    place.clock.set(f"{DAY}T12:00:00")
    options = PollOptions(
        instrument=",".join(names),
        datastore=str(place.datastore),
        url=place.simulator.url,
        once=True,
        timeout=timedelta(seconds=1),
    )
    befall(place.simulator)
    report = poll(options, key=KEY, clock=place.clock)
    assert has_failed(report)
    outcomes = {outcome.instrument.name: outcome for outcome in report.outcomes}
    assert outcomes["spacecraft"].status is DayStatus.DOWNLOADED
    for name, (_, words) in BEARERS.items():
        assert outcomes[name].status is DayStatus.FAILED
        assert words in (outcomes[name].error or "")

    place.simulator.faults = ()
    assert not has_failed(poll(options, key=KEY, clock=place.clock))
    for name in names:
        place.assert_right(name)
