"""What the mission does to its records: gaps, an instrument that is off, records that come late or come anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.simulator.telemetry import LATENCY
from tests.simulator.asking import HOUR, MINUTE, NOW, SECOND, START, ask, at, gaps, span, text, times
from tests.support.access import KEY


def test_some_days_have_gaps_and_more_have_none(shared: Simulator) -> None:
    days = [date(2025, 10, 1) + timedelta(days=i) for i in range(60)]
    found = [gaps(shared, "hit", day) for day in days]
    assert 0.15 < sum(bool(day) for day in found) / len(days) < 0.5
    lengths = [gap.duration for day in found for gap in day]
    assert min(lengths) < 20 * MINUTE
    assert HOUR < max(lengths) < 6 * HOUR


def test_nothing_exists_before_launch(shared: Simulator) -> None:
    launch = datetime(2025, 9, 24, tzinfo=UTC)
    assert shared.records("hit", launch - timedelta(days=400), launch) == []
    assert ask(shared, "hit", launch - timedelta(days=400), launch - SECOND, key=KEY).json["meta"]["count"] == 0
    found = shared.records("hit", launch - timedelta(days=1), launch + timedelta(days=1))
    assert found
    assert min(times(found)) >= "2025-09-24T00:00:17"


def test_codice_lo_was_switched_off_for_weeks(shared: Simulator) -> None:
    first, last = date(2026, 1, 10), date(2026, 1, 25)
    assert shared.records("codice_lo", span(first)[0], span(last)[1]) == []
    assert shared.records("codice_lo", *span(first - timedelta(days=1)))
    assert shared.records("codice_lo", *span(last + timedelta(days=1)))
    assert shared.records("codice_hi", *span(first))


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_nothing_is_newer_than_about_a_minute(name: str) -> None:
    now = START + 12 * HOUR + 34 * MINUTE + 56 * SECOND
    simulator = Simulator(now=lambda: now)
    newest = at(simulator.records(name, START, START + 24 * HOUR)[-1]["time_utc"])
    cadence = max(INSTRUMENTS[name].cadence, 3 * MINUTE if INSTRUMENTS[name].irregular else SECOND)
    assert timedelta(seconds=LATENCY) <= now - newest < timedelta(seconds=LATENCY) + cadence


def test_late_records_come_hours_later_inside_the_day() -> None:
    now = [NOW]
    simulator = Simulator(now=lambda: now[0])
    late = 0
    for day in (START.date() + timedelta(days=i) for i in range(20)):
        now[0] = span(day)[1] + 10 * MINUTE
        early = simulator.records("hit", *span(day))
        now[0] += timedelta(days=1)
        settled = simulator.records("hit", *span(day))
        now[0] += timedelta(days=5)
        assert simulator.records("hit", *span(day)) == settled
        assert set(times(early)) <= set(times(settled))
        late += len(settled) > len(early)
    assert 1 <= late <= 10


def test_records_are_rewritten_while_they_are_young() -> None:
    now = [START + 2 * HOUR]
    simulator = Simulator(now=lambda: now[0])

    def look(minutes: int) -> list[dict[str, Any]]:
        now[0] = START + 2 * HOUR + minutes * MINUTE
        return simulator.records("mag", START + 2 * HOUR - MINUTE, START + 2 * HOUR)

    looks = [look(minutes) for minutes in (2, 4, 7, 60)]
    assert [len(records) for records in looks] == [15] * 4
    keys = [[record["kernel_set_key"] for record in records] for records in looks]
    assert all(old < new for old, new in zip(keys[0], keys[1], strict=True))
    assert all(old < new for old, new in zip(keys[1], keys[2], strict=True))
    assert looks[2] == looks[3]
    better = sum(
        first.get("mag_B_GSE") != last.get("mag_B_GSE") for first, last in zip(looks[0], looks[2], strict=True)
    )
    assert 1 <= better <= 5


def test_no_kernel_set_is_of_the_future() -> None:
    for seconds_past in range(0, 120, 7):
        now = START + 2 * HOUR + seconds_past * SECOND
        for record in Simulator(now=lambda now=now: now).records("mag", now - HOUR, now):  # type: ignore[misc]
            assert record["kernel_set_key"] <= text(now)
