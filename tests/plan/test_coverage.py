"""Spans, gaps, expected records and availability."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.coverage import (
    DAY,
    SECOND,
    Coverage,
    Span,
    availability_pct,
    day_span,
    expected_records,
    extend,
    join_near,
    measure,
)

DATE = date(2026, 2, 1)
WHOLE = day_span(DATE)
START = int(WHOLE.start.timestamp())
REGULAR = [instrument for instrument in INSTRUMENTS.values() if not instrument.irregular]


def at(second: float) -> datetime:
    """The moment so many seconds into the day."""
    return WHOLE.start + timedelta(seconds=second)


def span(start: float, end: float) -> Span:
    return Span(at(start), at(end))


def coverage(name: str, seconds: list[int], asked: Span = WHOLE) -> Coverage:
    return measure(INSTRUMENTS[name], asked, [START + second for second in seconds])


# --- spans ------------------------------------------------------------------------------------------------------------


def test_a_day_is_its_86400_seconds() -> None:
    assert day_span(DATE) == Span(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))
    assert day_span(date(2028, 2, 29)).duration == DAY


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (span(0, 100), span(50, 150), span(50, 100)),
        (span(50, 60), span(0, 100), span(50, 60)),
        (span(0, 100), span(0, 100), span(0, 100)),
        (span(0, 100), span(99, 100), span(99, 100)),
        (span(0, 100), span(100, 200), None),
        (span(0, 100), span(101, 200), None),
    ],
)
def test_clip(one: Span, other: Span, expected: Span | None) -> None:
    assert one.clip(other) == other.clip(one) == expected


def test_holds() -> None:
    assert span(0, 100).holds(span(0, 100))
    assert span(0, 100).holds(span(99, 100))
    assert not span(0, 100).holds(span(99, 101))
    assert not span(1, 100).holds(span(0, 1))


def test_a_span_is_shown_with_its_last_second() -> None:
    assert str(WHOLE) == "00:00:00-23:59:59"
    assert str(span(3600, 3601)) == "01:00:00-01:00:00"


@pytest.mark.parametrize(
    ("spans", "near", "expected"),
    [
        ([], 10, ()),
        ([span(20, 30), span(0, 10)], 9, (span(0, 10), span(20, 30))),
        ([span(20, 30), span(0, 10)], 10, (span(0, 30),)),
        ([span(0, 10), span(10, 20)], 0, (span(0, 20),)),
        ([span(0, 10), span(11, 20)], 0, (span(0, 10), span(11, 20))),
        ([span(0, 100), span(20, 30), span(90, 110)], 0, (span(0, 110),)),
        ([span(0, 10), span(0, 10)], 0, (span(0, 10),)),
    ],
)
def test_join_near(spans: list[Span], near: int, expected: tuple[Span, ...]) -> None:
    assert join_near(spans, timedelta(seconds=near)) == expected


# --- gaps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", REGULAR, ids=lambda instrument: instrument.name)
def test_a_gap_is_longer_than_two_and_a_half_cadences(instrument: Instrument) -> None:
    name = instrument.name
    longest = int(2.5 * INSTRUMENTS[name].cadence.total_seconds())
    assert coverage(name, [100, 100 + longest], span(100, 100 + longest + 1)).gaps == ()
    further = 100 + longest + 1
    assert coverage(name, [100, further], span(100, further + 1)).gaps == (span(101, further),)


@pytest.mark.parametrize(
    ("seconds", "asked", "gaps"),
    [
        ([], span(0, 100), [span(0, 100)]),
        ([], span(0, 10), []),
        ([], span(0, 0), []),
        ([10], span(0, 20), []),
        ([11], span(0, 20), [span(0, 11)]),
        ([10], span(0, 21), [span(11, 21)]),
        ([0, 50, 53], span(0, 100), [span(1, 50), span(54, 100)]),
        # Only what was asked for can be a gap, whatever lies beyond it.
        ([0, 90], span(0, 50), [span(1, 50)]),
        ([0, 41, 90], span(0, 50), [span(1, 41)]),
        ([50], span(0, 50), [span(0, 50)]),
    ],
)
def test_gaps_of_mag(seconds: list[int], asked: Span, gaps: list[Span]) -> None:
    assert coverage("mag", seconds, asked).gaps == tuple(gaps)


def test_gaps_reach_to_the_edges_of_the_day() -> None:
    found = coverage("hit", list(range(3600, 7200, 60)))
    assert found.gaps == (span(0, 3600), span(7141, 86400))
    assert (found.first, found.last, found.records) == (at(3600), at(7140), 60)


def test_a_pause_of_the_spacecraft_may_last_five_minutes() -> None:
    assert coverage("spacecraft", [0, 300], span(0, 600)).gaps == ()
    assert coverage("spacecraft", [0, 301], span(0, 600)).gaps == (span(1, 301),)


# --- expected records and availability --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full_day"),
    [
        ("mag", 21600),
        ("mag_hk", 21600),
        ("hit", 1440),
        ("swe", 2880),
        ("swapi", 7200),
        ("codice_lo", 360),
        ("codice_hi", 360),
        ("spacecraft", 1440),
    ],
)
def test_expected_records(name: str, full_day: int) -> None:
    instrument = INSTRUMENTS[name]
    assert expected_records(instrument, WHOLE) == full_day
    assert expected_records(instrument, Span(WHOLE.start, WHOLE.start + DAY / 2)) == full_day // 2
    assert expected_records(instrument, Span(WHOLE.start, WHOLE.start + instrument.cadence - SECOND)) == 0


def test_availability() -> None:
    mag = INSTRUMENTS["mag"]
    assert availability_pct(mag, coverage("mag", [])) == 0.0
    assert availability_pct(mag, coverage("mag", [0, 4, 8], span(0, 16))) == 75.0
    assert availability_pct(mag, coverage("mag", list(range(86400)))) == 100.0
    assert availability_pct(mag, coverage("mag", [], span(0, 3))) is None


def test_availability_of_the_spacecraft_counts_minutes() -> None:
    spacecraft = INSTRUMENTS["spacecraft"]
    found = coverage("spacecraft", [0, 1, 2, 59, 60, 200], span(0, 600))
    assert (found.records, found.minutes) == (6, 3)
    assert availability_pct(spacecraft, found) == 30.0
    assert availability_pct(spacecraft, coverage("spacecraft", list(range(86400)))) == 100.0


# --- a day of which only the end was read -----------------------------------------------------------------------------


@st.composite
def days(draw: st.DrawFn) -> tuple[list[int], list[int], int, int]:
    """The seconds of a day's rows before and after an attempt that read its end, and how far it was asked before and
    after; the new rows begin anywhere, also before the end of the old ones."""
    through, later = sorted(draw(st.lists(st.integers(0, 2000), min_size=2, max_size=2)))
    old = sorted(draw(st.sets(st.integers(0, min(through + 300, 2000)), max_size=60)))
    kept = draw(st.integers(0, len(old)))
    begin = old[kept - 1] + 1 if kept else 0
    tail = sorted(draw(st.sets(st.integers(begin, 2100), max_size=60)))
    return old, old[:kept] + tail, through, later


@given(days(), st.sampled_from(REGULAR))
def test_extending_equals_measuring(day: tuple[list[int], list[int], int, int], instrument: Instrument) -> None:
    name = instrument.name
    old, new, through, later = day
    kept = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    known, whole = coverage(name, old, span(0, through)), coverage(name, new, span(0, later))
    for n in range(kept + 1):
        last_kept = at(new[n - 1]) if n else None
        tail = [START + second for second in new[n:]]
        extended = extend(INSTRUMENTS[name], known, whole.asked, n, last_kept, tail)
        tells = n > 0 and new[n - 1] < through
        assert extended == (whole if tells else None)


def test_minutes_cannot_be_extended() -> None:
    known = coverage("spacecraft", [0, 60], span(0, 120))
    assert extend(INSTRUMENTS["spacecraft"], known, span(0, 300), 2, at(60), [START + 120]) is None


@given(st.sets(st.integers(0, 86399), max_size=200), st.integers(0, 86400), st.sampled_from(list(INSTRUMENTS.values())))
def test_gaps_hold_no_record_and_leave_no_long_pause(seconds: set[int], end: int, instrument: Instrument) -> None:
    name = instrument.name
    rows = sorted(seconds)
    found = coverage(name, rows, span(0, end))
    pause = INSTRUMENTS[name].longest_pause
    for gap in found.gaps:
        first, last = (int((moment - WHOLE.start).total_seconds()) for moment in (gap.start, gap.end))
        assert bisect_left(rows, first) == bisect_left(rows, last)
        assert gap.duration >= pause
    assert list(found.gaps) == sorted(found.gaps)
    full = sorted({*rows, *(int((gap.start - WHOLE.start).total_seconds()) + n for gap in found.gaps
                            for n in range(int(gap.duration.total_seconds())))})  # fmt: skip
    assert coverage(name, full, span(0, end)).gaps == ()
