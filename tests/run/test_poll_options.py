"""The clock of a poll and its options."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.alarm import Alarm
from ialirt_backfill.run.clock import end_of_hour, next_pass, running_clock

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-02T{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "every", "due"),
    [
        ("12:00:00", 5 * MINUTE, "12:05:00"),
        ("12:00:07", 5 * MINUTE, "12:05:00"),
        ("12:04:59.999", 5 * MINUTE, "12:05:00"),
        ("12:59:00", 5 * MINUTE, "13:00:00"),
        ("12:00:07", timedelta(seconds=10), "12:00:10"),
        ("12:00:07", timedelta(hours=6), "18:00:00"),
    ],
)
def test_passes_stand_on_an_even_grid(now: str, every: timedelta, due: str) -> None:
    assert next_pass(at(now), every) == at(due)


@given(st.integers(0, 365 * 86_400), st.integers(1, 86_400))
def test_the_next_pass_is_never_now_and_never_more_than_an_interval_away(since: int, seconds: int) -> None:
    now, every = at("00:00:00") + timedelta(seconds=since), timedelta(seconds=seconds)
    wait = next_pass(now, every) - now
    assert timedelta(0) < wait <= every


def test_the_end_of_the_hour_is_the_next_full_one() -> None:
    assert end_of_hour(at("12:00:00")) == end_of_hour(at("12:59:59")) == at("13:00:00")


def test_an_alarm_rings_when_it_is_due_and_when_the_poll_is_told_to_stop() -> None:
    now = at("12:00:00")
    stop = Stop()
    alarm = Alarm(stop, lambda: now)
    assert not alarm.is_set()
    alarm.due = at("12:00:01")
    assert not alarm.is_set()
    now = at("12:00:01")
    assert alarm.is_set()
    alarm.due = None
    assert not alarm.is_set()
    stop.set()
    assert alarm.is_set()


def test_waiting_for_an_alarm_ends_when_it_is_due() -> None:
    alarm = Alarm(Stop(), lambda: datetime.now(UTC))
    alarm.due = datetime.now(UTC) + timedelta(seconds=0.1)
    began = time.monotonic()
    assert alarm.wait(30)
    assert time.monotonic() - began < 5


def test_a_clock_as_of_a_time_runs_on_from_there() -> None:
    clock = running_clock(at("12:00:00"))
    assert timedelta(0) <= clock() - at("12:00:00") < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instrument": "hti"}, "Did you mean 'hit'"),
        ({"every": timedelta(0)}, "--every"),
        ({"every": timedelta(days=2)}, "--every"),
        ({"lag": timedelta(days=1)}, "--lag"),
        ({"lag": -MINUTE}, "--lag"),
        ({"since": date(2025, 9, 23)}, "launched"),
        ({"json": True}, "--once"),
        ({"jobs": 0}, "--jobs"),
        ({"min_availability": 101.0}, "--min-availability"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        PollOptions(**options)  # type: ignore[arg-type]


def test_all_instruments_every_five_minutes_unless_told_otherwise() -> None:
    options = PollOptions()
    assert len(options.instruments) == 9
    assert options.every == 5 * MINUTE
    assert options.overlap == 10 * MINUTE
