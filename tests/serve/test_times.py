"""Times as HAPI permits them, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.serve.times import PreciseTime, parse, write, write_duration

NOON = datetime(2026, 2, 1, 12, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-02-01T12:30:05Z", "2026-02-01T12:30:05"),
        ("2026-02-01T12:30:05", "2026-02-01T12:30:05"),
        ("2026-032T12:30:05.000Z", "2026-02-01T12:30:05"),
        ("2026-02-01T12:30Z", "2026-02-01T12:30:00"),
        ("2026-032T12:30", "2026-02-01T12:30:00"),
        ("2026-02-01T12Z", "2026-02-01T12:00:00"),
        ("2026-02-01Z", "2026-02-01T00:00:00"),
        ("2026-02-01", "2026-02-01T00:00:00"),
        ("2026-032", "2026-02-01T00:00:00"),
        ("2026-02Z", "2026-02-01T00:00:00"),
        ("2026", "2026-01-01T00:00:00"),
        ("2026Z", "2026-01-01T00:00:00"),
        ("2024-366Z", "2024-12-31T00:00:00"),
        ("2026-01-31T24:00:00Z", "2026-02-01T00:00:00"),
        ("2026-01-31T24Z", "2026-02-01T00:00:00"),
        ("2026-031T24:00:00.000Z", "2026-02-01T00:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("1700-01-01Z", "1700-01-01T00:00:00"),
        ("2026-02-01T12:30:05.", "2026-02-01T12:30:05"),
    ],
)
def test_whatever_is_missing_at_the_end_is_the_least_it_can_be(text: str, meant: str) -> None:
    assert parse(text) == PreciseTime(datetime.fromisoformat(meant).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "", "Z", "yesterday", "20260201", "2026-2-1", "2026-13-01", "2026-02-30", "2026-366", "2026-000", "2026-02-01T",
        "2026-02-01TZ", "2026-02T12Z", "2026T12", "2026-02-01 12:00:00", "2026-02-01T25", "2026-02-01T24:00:01",
        "2026-02-01T12:60", "2026-02-01T12:30:61", "2026-02-01T12:30:60", "2026-02-01T12:30:05+01:00",
        "2026-02-01T12:30:05ZZ", "2026-02-01T12:30:05z", " 2026", "2026 ", "26-02-01", "0000-01-01", "9999-12-31T24",
        "2026-02-01T12:30:05.1e3", "٢٠٢٦", "2026-02-01T12:30:05\n",
    ],
)  # fmt: skip
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever: the answer says no more than that it is none
        parse(text)


@given(st.integers(0, 10**10), st.text("0123456789", max_size=12))
def test_any_precision_is_understood_and_records_of_whole_seconds_lose_nothing(seconds: int, digits: str) -> None:
    second = datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%jT%H:%M:%S"):
        found = parse(f"{second:{form}}.{digits}Z")
        assert found.second == second
        assert found.whole == (second + timedelta(seconds=1) if digits.strip("0") else second)


def test_behind_the_last_second_there_is_none() -> None:
    assert parse("9999-12-31T23:59:59.9Z").whole == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.lists(st.text("0123456789", max_size=5), min_size=2, max_size=2))
def test_moments_sort_by_time(fractions: list[str]) -> None:
    early, late = (parse(f"2026-02-01T00:00:00.{digits}") for digits in fractions)
    assert (early < late) == (float(f"0.{fractions[0]}0") < float(f"0.{fractions[1]}0"))


def test_times_and_stretches_are_written_as_hapi_writes_them() -> None:
    assert write(NOON) == "2026-02-01T12:30:05Z"
    stretches = {4: "PT4S", 60: "PT1M", 240: "PT4M", 3600: "PT1H", 5400: "PT1H30M", 86400: "P1D", 90061: "P1DT1H1M1S"}
    assert {seconds: write_duration(timedelta(seconds=seconds)) for seconds in stretches} == stretches
    assert write_duration(timedelta(days=366)) == "P366D"
