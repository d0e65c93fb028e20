"""When a run is not worth going on with, judged from what became of its days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.circuit import Circuit, in_vain
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.workers import Queue
from ledger import DayStatus

CAUSE = "no whole answer in time (nothing came for 30 s)"


def outcome(name: str = "hit", number: int = 0, **given: object) -> DayOutcome:
    instrument, day = INSTRUMENTS[name], date(2026, 2, 1) + timedelta(days=number)
    decision = Decision(instrument, day, Action.RUN, "never asked for")
    values: dict[str, object] = {"requests": 1} | given
    return DayOutcome(instrument, day, decision, DayStatus.DOWNLOADED, **values)  # type: ignore[arg-type]


def unreached(name: str = "hit", number: int = 0, **given: object) -> DayOutcome:
    return outcome(name, number, unreached=CAUSE, **given)


def test_three_days_in_a_row_and_the_others_are_not_begun() -> None:
    circuit = Circuit()
    for number in range(3):
        assert not circuit.is_open("hit")
        circuit.note(unreached(number=number))
    assert circuit.is_open("hit")
    assert not circuit.is_open("swe")


@pytest.mark.parametrize("between", [outcome(), outcome(error="HTTP 500")])
def test_a_day_that_reached_the_server_breaks_the_row(between: DayOutcome) -> None:
    circuit = Circuit()
    for it in (unreached(), unreached(), between, unreached(), unreached()):
        circuit.note(it)
    assert not circuit.is_open("hit")


@pytest.mark.parametrize("between", [outcome("swe"), outcome(requests=0), outcome(interrupted=True)])
def test_what_says_nothing_of_the_instrument_does_not(between: DayOutcome) -> None:
    circuit = Circuit()
    for it in (unreached(), unreached(), between, unreached()):
        circuit.note(it)
    assert circuit.is_open("hit")


def test_where_nothing_was_reached_the_first_day_tells() -> None:
    circuit = Circuit()
    circuit.note(unreached(interrupted=True))
    assert circuit.never_reached == CAUSE


def test_another_process_that_reached_it_proves_the_contrary() -> None:
    circuit = Circuit()
    circuit.note(outcome("swe"))
    circuit.note(unreached(interrupted=True))
    assert circuit.never_reached is None


def test_the_days_that_are_left_are_named() -> None:
    circuit = Circuit()
    circuit.note(unreached())
    assert circuit.sentence({"hit": 27}) == (
        f"3 days in a row of hit did not reach I-ALiRT ({CAUSE}): 27 days are left for the next run"
    )
    assert "each of hit, swe" in circuit.sentence({"hit": 27, "swe": 1})
    assert "1 day is left" in circuit.sentence({"hit": 1})


def test_the_queue_hands_out_no_day_of_an_instrument_that_is_not_reached() -> None:
    out: set[str] = set()
    queue = Queue([outcome(name, n).decision for n in range(3) for name in ("hit", "swe")], out.__contains__)
    assert queue.take()
    out.add("hit")
    taken = [decision for _ in range(3) if (decision := queue.take())]
    assert [it.instrument.name for it in taken] == ["swe"] * 3
    assert queue.take() is None
    assert queue.left() == {"hit": 2}


def test_a_pass_was_in_vain_where_no_day_of_it_reached_the_server() -> None:
    assert in_vain([unreached("hit"), unreached("swe")]) == CAUSE
    assert in_vain([unreached("hit"), outcome("swe")]) is None
    assert in_vain([]) is None
