"""What a plan is going to cost: by the table of instruments, and as earlier runs had it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.plan.decisions import Action, Decision, requests
from ialirt_backfill.plan.estimate import Basis, estimate
from ledger.records import Experience

HIT, MAG = INSTRUMENTS["hit"], INSTRUMENTS["mag"]
DAYS = [date(2026, 2, 1) + timedelta(days=n) for n in range(8)]


def to_ask(instrument: Instrument) -> list[Decision]:
    return [Decision(instrument, day, Action.RUN, "never asked for", (day_span(day),)) for day in DAYS]


def test_a_plan_that_asks_for_nothing_costs_nothing() -> None:
    skipped = Decision(HIT, DAYS[0], Action.SKIP_EXISTING, "1,440 records")
    assert estimate([skipped], {}, 4, None) is None


def test_by_the_table_of_instruments() -> None:
    cost = estimate(to_ask(MAG), {}, 4, None)
    assert cost is not None
    number = 8 * requests(MAG, day_span(DAYS[0]))
    assert (cost.requests, cost.seconds, cost.basis) == (number, number / 4, Basis.CATALOGUE)


@pytest.mark.parametrize(
    ("name", "bytes_a_record"),
    [("mag", 171), ("mag_hk", 289), ("hit", 106), ("swe", 148), ("swapi", 102), ("codice_lo", 112),
     ("codice_hi", 6347), ("spacecraft", 142)],
)  # fmt: skip
def test_the_table_of_instruments_knows_about_how_large_a_day_is(name: str, bytes_a_record: int) -> None:
    """Compared with what a week of a demonstration took on the disk."""
    instrument = INSTRUMENTS[name]
    cost = estimate(to_ask(instrument), {}, 4, None)
    assert cost is not None
    measured = 8 * timedelta(days=1) / instrument.cadence * bytes_a_record
    assert measured / 2 < cost.size_bytes < measured * 2


def test_as_earlier_runs_had_it() -> None:
    known = {"HIT_IALIRT": Experience(requests=100, seconds=50.0, records=1000, size_bytes=200_000)}
    cost = estimate(to_ask(HIT), known, 4, None)
    assert cost is not None
    assert (cost.seconds, cost.size_bytes, cost.basis) == (8 * 0.5 / 4, 8 * 1440 * 200, Basis.HISTORY)
    of_another = estimate(to_ask(MAG), known, 4, None)
    assert of_another is not None
    assert (of_another.seconds, of_another.basis) == (of_another.requests * 0.5 / 4, Basis.HISTORY)


def test_no_faster_than_is_allowed_and_no_more_at_once_than_there_are_days() -> None:
    known = {"HIT_IALIRT": Experience(requests=1, seconds=1.0, records=0, size_bytes=0)}
    slow, alone = estimate(to_ask(HIT), known, 4, 0.1), estimate(to_ask(HIT)[:1], known, 4, None)
    assert slow is not None
    assert alone is not None
    assert (slow.seconds, alone.seconds) == (80.0, 1.0)
