"""From when to when the records of each item go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ledger import DayStatus, Extent, Ledger
from tests.support.ledgers import DAY, DOWNLOADED, ITEM, NOON, claimed, record


def test_records_go_from_the_first_to_the_last_of_any_day(ledger: Ledger) -> None:
    assert ledger.extents([ITEM]) == {}
    for shift in (3, 0, 1):
        moved = timedelta(days=shift)
        first, last = (moment + moved for moment in (DOWNLOADED.first_record or NOON, DOWNLOADED.last_record or NOON))
        day = replace(DOWNLOADED, first_record=first, last_record=last, asked_through=NOON + moved)
        record(ledger, claimed(ledger, day=DAY + moved), day)
    newest = ledger.day(ITEM, DAY + timedelta(days=1))
    assert newest is not None
    nothing = replace(DOWNLOADED, status=DayStatus.NO_DATA, records=0, first_record=None, last_record=None)
    record(
        ledger, claimed(ledger, day=DAY + timedelta(days=9)), replace(nothing, asked_through=NOON + timedelta(days=9))
    )
    record(ledger, claimed(ledger, "MAG_IALIRT"), nothing)
    ledger.note_days("SWE_IALIRT", [DAY])
    extent = Extent(
        first_record=NOON.replace(hour=0),
        last_record=NOON - timedelta(minutes=1) + timedelta(days=3),
        updated_at=newest.updated_at,
        asked_through=NOON + timedelta(days=9),
    )
    assert ledger.extents([ITEM, "MAG_IALIRT", "SWE_IALIRT", "HIT_IALIRT_"]) == {ITEM: extent}
