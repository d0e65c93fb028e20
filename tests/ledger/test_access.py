"""With what access days were fetched, and what was refused: remembered beside the state, which it never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ledger import DayAccess, DayStatus, Ledger
from tests.support.ledgers import ATTEMPT, DAY, DOWNLOADED, FAILED, FAILED_ATTEMPT, ITEM, claimed

NEXT = DAY + timedelta(days=1)
WHY = "data before 2026-02-01 need an API key"


def save(ledger: Ledger, access: DayAccess | None, *, final: bool = True) -> None:
    claim = claimed(ledger)
    with ledger.recording(claim) as recording:
        result = replace(DOWNLOADED, access=access, is_final=final)
        recording.save(result, ATTEMPT, checked=None, progress=None)


def test_a_refused_day_is_pending_and_has_no_attempt(ledger: Ledger) -> None:
    ledger.note_refused(ITEM, [DAY, NEXT], WHY)
    rows = ledger.days([ITEM], DAY, NEXT)
    assert [(row.status, row.refused, row.attempts) for row in rows.values()] == [(DayStatus.PENDING, WHY, 0)] * 2
    assert ledger.attempts(ITEM, DAY) == []


def test_a_refusal_changes_nothing_else_and_is_forgotten_with_the_next_result(ledger: Ledger) -> None:
    save(ledger, DayAccess.NONE, final=False)
    before = ledger.day(ITEM, DAY)
    ledger.note_refused(ITEM, [DAY], WHY)
    noted = ledger.day(ITEM, DAY)
    assert before is not None
    assert noted is not None
    assert noted == before._replace(refused=WHY, version=before.version + 1, updated_at=noted.updated_at)
    save(ledger, DayAccess.FULL)
    after = ledger.day(ITEM, DAY)
    assert after is not None
    assert (after.refused, after.access) == (None, DayAccess.FULL)


def test_a_day_that_another_runner_has_ended_is_not_refused(ledger: Ledger) -> None:
    save(ledger, DayAccess.FULL)
    before = ledger.day(ITEM, DAY)
    ledger.note_refused(ITEM, [DAY], WHY)
    assert ledger.day(ITEM, DAY) == before


def test_the_same_refusal_is_noted_once(ledger: Ledger) -> None:
    ledger.note_refused(ITEM, [DAY], WHY)
    first = ledger.day(ITEM, DAY)
    ledger.note_refused(ITEM, [DAY], WHY)
    assert ledger.day(ITEM, DAY) == first
    ledger.note_refused(ITEM, [DAY], "another reason")
    assert ledger.day(ITEM, DAY) != first


def test_a_day_that_a_runner_has_in_work_is_left_alone(ledger: Ledger) -> None:
    claim = claimed(ledger)
    ledger.note_refused(ITEM, [DAY], WHY)
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.refused is None
    ledger.release(claim)


def test_unknown_access_is_found_and_noted_once(ledger: Ledger) -> None:
    save(ledger, None)
    assert list(ledger.without_access(ITEM)) == [DAY]
    ledger.note_access(ITEM, {DAY: DayAccess.NONE})
    assert ledger.without_access(ITEM) == {}
    ledger.note_access(ITEM, {DAY: DayAccess.FULL})
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.access is DayAccess.NONE


def test_days_without_records_need_no_access(ledger: Ledger) -> None:
    with ledger.recording(claimed(ledger)) as recording:
        empty = replace(DOWNLOADED, status=DayStatus.NO_DATA, records=0, access=None)
        recording.save(empty, ATTEMPT, checked=None, progress=None)
    assert ledger.without_access(ITEM) == {}


def test_final_days_fetched_with_too_little_are_unfinished(ledger: Ledger) -> None:
    save(ledger, DayAccess.NONE)
    assert ledger.unfinished([ITEM], NEXT) == {}
    assert ledger.unfinished([ITEM], NEXT, {ITEM: ()}) == {}
    assert ledger.unfinished([ITEM], NEXT, {"MAG_IALIRT": (DayAccess.NONE,)}) == {}
    assert list(ledger.unfinished([ITEM], NEXT, {ITEM: (DayAccess.NONE,)})) == [(ITEM, DAY)]
    assert ledger.unfinished([ITEM], NEXT, {ITEM: (DayAccess.KEY,)}) == {}


def test_a_failure_keeps_what_is_known(ledger: Ledger) -> None:
    save(ledger, DayAccess.FULL)
    with ledger.recording(claimed(ledger)) as recording:
        recording.save(replace(FAILED, access=DayAccess.FULL), FAILED_ATTEMPT, checked=None, progress=None)
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert (row.status, row.access) == (DayStatus.FAILED, DayAccess.FULL)
