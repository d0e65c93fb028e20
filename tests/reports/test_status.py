"""How complete a range is: counts, availability, age, gaps; from rows, and from a real ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import GapsOptions, HistoryOptions, RunsOptions, StatusOptions
from ialirt_backfill.reports.history import history, runs
from ialirt_backfill.reports.status import (
    InstrumentStatus,
    Standing,
    find_gaps,
    gaps,
    instrument_status,
    standing,
    status,
)
from ledger import DayState, DayStatus, Ledger
from tests.support.ledgers import DAY, DOWNLOADED, FAILED, FAILED_ATTEMPT, claimed, record
from tests.support.rows import at, failed, no_data, row

HIT = INSTRUMENTS["hit"]
FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]


def of(rows: Iterable[DayState], now: str = "2026-03-01T12:00:00", days: list[date] | None = None) -> InstrumentStatus:
    return instrument_status(HIT, days or DAYS, {(it.item_name, it.day): it for it in rows}, at(now))


# --- one instrument ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, Standing.NEVER_ASKED),
        (row(FIRST, status=DayStatus.PENDING, records=0, is_final=False), Standing.NEVER_ASKED),
        (row(FIRST), Standing.COMPLETE),
        (row(FIRST, availability_pct=40.0), Standing.COMPLETE),
        (row(FIRST, is_final=False), Standing.INCOMPLETE),
        (failed(FIRST), Standing.FAILED),
        (failed(FIRST, records=700), Standing.FAILED),
        (no_data(FIRST), Standing.NO_DATA),
        (no_data(FIRST, is_final=False), Standing.NO_DATA),
    ],
)
def test_where_a_day_stands(state: DayState | None, expected: Standing) -> None:
    assert standing(state) is expected


def test_the_counts_add_up() -> None:
    found = of([row(DAYS[0]), row(DAYS[1], is_final=False), failed(DAYS[2]), no_data(DAYS[3])])
    assert (found.days_complete, found.days_incomplete, found.days_failed) == (1, 1, 1)
    assert (found.days_no_data, found.days_never_asked, found.days) == (1, 2, 6)
    assert [cell.day for cell in found.calendar] == DAYS


def test_a_day_is_full_when_all_of_it_is_there_and_final_when_nothing_is_left_to_ask() -> None:
    gappy = row(DAYS[1], records=1290, availability_pct=89.5)
    so_far = row(DAYS[2], is_final=False, asked_through=at("2026-01-03T12:00:00"))
    found = of([row(DAYS[0]), gappy, so_far, no_data(DAYS[3]), failed(DAYS[4], records=1440)])
    assert (found.days_full, found.days_partial, found.days_final) == (1, 2, 3)
    assert [(cell.is_full, cell.is_final) for cell in found.calendar] == [
        (True, True), (False, True), (False, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip
    other = (found.days_no_data, found.days_failed, found.days_no_access, found.days_never_asked)
    assert found.days_full + found.days_partial + sum(other) == found.days


def test_days_that_failed_without_an_answer_are_asked_through_to_nowhere() -> None:
    start = at("2026-01-01T00:00:00")
    found = of([failed(DAYS[0], asked_through=start, records=0)], now="2026-01-06T12:00:00")
    assert found.asked_through is None
    assert found.warning == "nothing asked for was answered so far"


def test_availability_is_that_of_what_was_asked_for() -> None:
    half = row(DAYS[1], records=360, expected_records=720, availability_pct=50.0)
    found = of([row(DAYS[0]), half, failed(DAYS[2])])
    assert found.availability_pct == pytest.approx(100 * (1440 + 360) / (1440 + 720))
    assert of([]).availability_pct is None


def test_the_newest_record_and_its_age() -> None:
    found = of([row(DAYS[0]), no_data(DAYS[1])])
    assert found.newest_record == at("2026-01-01T23:59:00")
    assert found.newest_record_age_seconds == (at("2026-03-01T12:00:00") - at("2026-01-01T23:59:00")).total_seconds()


@pytest.mark.parametrize(
    ("last", "asked_through", "said"),
    [
        ("11:58", "11:50", None),
        ("11:00", "11:00", None),
        ("10:59", "11:50", "asked for just now: I-ALiRT has nothing newer"),
        ("09:00", "09:10", "asked only through 2026-01-06 09:10Z"),
    ],
)
def test_the_newest_record_may_be_too_old(last: str, asked_through: str, said: str | None) -> None:
    today = row(
        DAYS[5],
        is_final=False,
        last_record=at(f"2026-01-06T{last}"),
        asked_through=at(f"2026-01-06T{asked_through}"),
    )
    assert of([today], now="2026-01-06T12:00:00").warning == said


def test_a_range_of_the_past_is_never_late() -> None:
    assert of([row(DAYS[0])]).warning is None
    assert of([], now="2026-01-06T12:00:00").warning is None


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_gaps_that_meet_at_midnight_are_one() -> None:
    rows = [
        row(DAYS[0], gaps=((at("2026-01-01T20:00:00"), at("2026-01-02T00:00:00")),)),
        no_data(DAYS[1]),
        row(DAYS[2], gaps=((at("2026-01-03T00:00:00"), at("2026-01-03T01:00:30")),)),
        row(DAYS[0], key="MAG_IALIRT", gaps=((at("2026-01-01T20:00:00"), at("2026-01-01T21:00:00")),)),
    ]
    long, short = find_gaps([HIT, INSTRUMENTS["mag"]], rows)
    assert (long.instrument, long.start, long.end) == ("hit", at("2026-01-01T20:00:00"), at("2026-01-03T01:00:30"))
    assert (long.duration_seconds, long.missing_records) == (29 * 3600 + 30, 29 * 60)
    assert (short.instrument, short.duration_seconds, short.missing_records) == ("mag", 3600, 900)


# --- from a ledger ----------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A datastore with the first half of 2026-02-01 of `hit`, and the day after that failed."""
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        run_id = ledger.start_run("backfill", {"instrument": "hit"}, "1.0")
        record(ledger, claimed(ledger, run_id=run_id))
        tomorrow = DAY + timedelta(days=1)
        record(
            ledger, claimed(ledger, day=tomorrow, run_id=run_id), replace(FAILED, records=0, gaps=()), FAILED_ATTEMPT
        )
        ledger.finish_run(run_id, {"planned": 2, "failed": 1}, 1)
    return str(tmp_path)


def test_status_of_a_ledger(store: str) -> None:
    report = status(StatusOptions(datastore=store, as_of=at("2026-02-03T12:00:00")))
    assert (report.start, report.end) == (DAY, date(2026, 2, 3))
    (hit,) = report.instruments
    assert (hit.instrument, hit.days_incomplete, hit.days_failed, hit.days_never_asked) == ("hit", 1, 1, 1)
    assert hit.warning == "asked only through 2026-02-01 12:00Z"
    assert [gap.duration_seconds for gap in report.longest_gaps] == [1200]
    assert report.last_run is not None
    assert report.last_run.exit_code == 1
    assert not report.last_run_is_living


def test_a_named_instrument_is_shown_even_if_never_asked_for(store: str) -> None:
    report = status(StatusOptions(datastore=store, instrument="hit,swe", as_of=at("2026-02-03T12:00:00")))
    assert [(it.instrument, it.days_never_asked) for it in report.instruments] == [("hit", 1), ("swe", 3)]


def test_days_that_have_not_begun_are_left_out(store: str) -> None:
    options = StatusOptions(datastore=store, start=DAY, end=date(2026, 2, 20), as_of=at("2026-02-03T12:00:00"))
    assert status(options).instruments[0].days == 3
    with pytest.raises(UsageError, match="lies after today, 2026-01-01"):
        status(StatusOptions(datastore=store, start=DAY, end=DAY, as_of=at("2026-01-01T00:00:00")))


def test_the_last_run_may_be_living(store: str) -> None:
    with Ledger.open(f"sqlite:///{store}/ledger.sqlite") as ledger:
        claimed(ledger, day=date(2026, 2, 3), run_id=ledger.start_run("backfill", {}, "1.0"))
    report = status(StatusOptions(datastore=store, as_of=at("2026-02-03T12:00:00")))
    assert report.last_run_is_living


def test_gaps_of_a_ledger(store: str) -> None:
    now = at("2026-02-03T12:00:00")
    assert [gap.missing_records for gap in gaps(GapsOptions(datastore=store, as_of=now)).gaps] == [20]
    assert gaps(GapsOptions(datastore=store, as_of=now, longer_than=timedelta(minutes=20))).gaps == ()
    with pytest.raises(UsageError, match="choose one"):
        GapsOptions(csv=True, json=True)


def test_gaps_say_of_how_much_they_are_known(store: str) -> None:
    hit, swe = gaps(GapsOptions(datastore=store, instrument="hit,swe", as_of=at("2026-02-03T12:00:00"))).instruments
    assert (hit.days, hit.days_answered, hit.days_failed, hit.days_never_asked) == (3, 1, 1, 1)
    assert (swe.days, swe.days_answered, swe.days_never_asked) == (3, 0, 3)


def test_history_and_runs_of_a_ledger(store: str) -> None:
    day = history(HistoryOptions(datastore=store, instrument="hit", day=DAY))
    assert day.state is not None
    assert day.state.records == DOWNLOADED.records
    assert [attempt.reason for attempt in day.attempts] == ["never asked for"]
    assert history(HistoryOptions(datastore=store, instrument="mag", day=DAY)).state is None
    assert [run.counts for run in runs(RunsOptions(datastore=store)).runs] == [{"planned": 2, "failed": 1}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"instrument": "hit"}, "--day is missing"),
        ({"day": DAY}, "--instrument is missing"),
        ({"day": DAY, "instrument": "hit,mag"}, "that of one instrument"),
    ],
)
def test_a_history_is_that_of_one_day(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        HistoryOptions(**given)  # type: ignore[arg-type]


def test_without_a_ledger_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no ledger yet .* The first run makes it"):
        status(StatusOptions(datastore=str(tmp_path / "none")))
    assert list(tmp_path.iterdir()) == []
