"""State, attempt and progress: together or not at all, and read back as they were written."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import Attempt, DayResult, DayStatus, Ledger, Progress
from tests.support.ledgers import (
    ATTEMPT,
    DAY,
    DOWNLOADED,
    FAILED,
    FAILED_ATTEMPT,
    ITEM,
    NOON,
    claimed,
    execute,
    record,
)


def test_a_result_is_recorded_whole(ledger: Ledger) -> None:
    claim = claimed(ledger)
    record(ledger, claim, progress=NOON)
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert DayResult.of(row) == DOWNLOADED
    assert (row.attempts, row.failures, row.version, row.claim) == (1, 0, claim.state.version + 1, None)
    assert abs(row.updated_at - ledger.now()) < timedelta(minutes=1)
    [attempt] = ledger.attempts(ITEM, DAY)
    values = {name: getattr(ATTEMPT, name) for name in type(ATTEMPT).__slots__}
    assert attempt == Attempt(**values, item_name=ITEM, day=DAY, run_id="run", id=attempt.id)
    assert ledger.progress([ITEM, "OTHER"]) == {ITEM: Progress(ITEM, NOON, NOON)}


def test_an_exception_undoes_everything(ledger: Ledger) -> None:
    claim = claimed(ledger)
    before = ledger.day(ITEM, DAY)

    def publish_on_a_full_disk() -> None:
        with ledger.recording(claim) as recording:
            recording.save(DOWNLOADED, ATTEMPT, checked=NOON, progress=NOON)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish_on_a_full_disk()
    assert ledger.day(ITEM, DAY) == before
    assert ledger.attempts(ITEM, DAY) == []
    assert ledger.progress([ITEM]) == {ITEM: Progress(ITEM, None, None)}
    record(ledger, claim, FAILED, FAILED_ATTEMPT)  # the claim is still held


def test_failures_are_counted_until_a_success(ledger: Ledger) -> None:
    seen = []
    for result in (FAILED, FAILED, DOWNLOADED, FAILED):
        record(ledger, claimed(ledger), result, None if result is DOWNLOADED else FAILED_ATTEMPT)
        row = ledger.day(ITEM, DAY)
        assert row is not None
        seen.append((row.status, row.failures, row.attempts, row.last_error))
    error = FAILED.error
    assert seen == [
        (DayStatus.FAILED, 1, 1, error),
        (DayStatus.FAILED, 2, 2, error),
        (DayStatus.DOWNLOADED, 0, 2, None),
        (DayStatus.FAILED, 1, 3, error),
    ]


def test_a_poll_records_and_keeps_its_claim(ledger: Ledger) -> None:
    claim = claimed(ledger)
    record(ledger, claim, keep_claim=True)
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.claim == claim.claimant
    assert ledger.renew(claim.run_id) == 1
    record(ledger, claim)


def test_days_are_read_with_both_ends(ledger: Ledger) -> None:
    for item in (ITEM, "MAG_IALIRT"):
        for shift in range(3):
            claimed(ledger, item, DAY + timedelta(shift))
    found = ledger.days([ITEM, "NONE"], DAY, DAY + timedelta(1))
    assert list(found) == [(ITEM, DAY), (ITEM, DAY + timedelta(1))]
    assert ledger.days([], DAY, DAY) == {}
    assert ledger.day("NONE", DAY) is None


def test_a_naive_datetime_is_refused_and_other_zones_become_utc(ledger: Ledger) -> None:
    claim = claimed(ledger)
    naive = datetime(2026, 2, 1, 12)  # noqa: DTZ001 - that is the point
    bad_results = (replace(DOWNLOADED, last_record=naive), replace(DOWNLOADED, gaps=((NOON, naive),)))
    for result in bad_results:
        with pytest.raises(ValueError, match="no zone"):
            record(ledger, claim, result)
    with pytest.raises(ValueError, match="no zone"):
        record(ledger, claim, checked=naive)
    assert ledger.attempts(ITEM, DAY) == []
    cet = timezone(timedelta(hours=1))
    record(ledger, claim, replace(DOWNLOADED, last_record=datetime(2026, 2, 1, 13, 0, 0, 120000, tzinfo=cet)))
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.last_record == NOON + timedelta(microseconds=120000)
    assert row.last_record.tzinfo is UTC


def test_the_database_holds_plain_words_and_naive_utc(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, claimed(ledger), replace(DOWNLOADED, status=DayStatus.NO_DATA))
    [row] = execute(
        ledger_url, "SELECT status, CAST(last_record AS VARCHAR(19)), CAST(gaps AS TEXT) FROM instrument_day"
    )
    status, last_record, gaps = row
    assert status == "no_data"
    assert last_record.startswith("2026-02-01 11:59:00")
    assert gaps == '[["2026-02-01T10:00:00+00:00", "2026-02-01T10:20:00+00:00"]]'


TIMES = st.datetimes(datetime(2025, 9, 24), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - its form


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.none() | TIMES, min_size=1, max_size=6))
def test_progress_only_moves_forward(ledger: Ledger, times: list[datetime | None]) -> None:
    for time in times:
        before = ledger.progress([ITEM]).get(ITEM)
        record(ledger, claimed(ledger), progress=time)
        after = ledger.progress([ITEM])[ITEM].progress_timestamp
        assert after == max((t for t in (before and before.progress_timestamp, time) if t), default=None)


def test_the_time_of_checking_moves_forward_and_recovers_from_a_clock_that_was_ahead(ledger: Ledger) -> None:
    now = ledger.now()
    seen = []
    for checked in (now - timedelta(hours=2), now - timedelta(hours=3), now + timedelta(days=2), now):
        record(ledger, claimed(ledger), checked=checked)
        seen.append(ledger.progress([ITEM])[ITEM].last_checked_date)
    assert seen == [now - timedelta(hours=2), now - timedelta(hours=2), now + timedelta(days=2), now]


def test_many_threads_record_at_once(ledger: Ledger) -> None:
    days = [DAY + timedelta(shift) for shift in range(24)]

    def run(first: int) -> None:
        for day in days[first::6]:
            record(ledger, claimed(ledger, day=day), progress=NOON)
            ledger.renew("run")

    threads = [threading.Thread(target=run, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ledger.days([ITEM], days[0], days[-1]).values()
    assert [row.status for row in rows] == [DayStatus.DOWNLOADED] * 24
