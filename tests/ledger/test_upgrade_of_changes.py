"""A ledger of version 0003 with days in it, brought up to date: all that have content count as changed, in order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger import Ledger, migrations
from tests.support.ledgers import DOWNLOADED, claimed, database, record

HIT, MAG = "HIT_IALIRT", "MAG_IALIRT"


@pytest.fixture
def old(ledger_url: str) -> str:
    """Three days of `hit` with a file, recorded last day first, and one without; one of `mag`."""
    if ledger_url.startswith("sqlite"):
        Path(ledger_url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    insert = (
        "INSERT INTO instrument_day (item_name, day, status, records, expected_records, gaps, is_final, sha256,"
        " attempts, failures, rejected, version, updated_at)"
        " VALUES (:item, :day, 'downloaded', 1, 1, '[]', FALSE, :sha256, 1, 0, 0, 3, :at)"
    )
    days = [(HIT, 1, "3" * 64), (HIT, 2, "2" * 64), (HIT, 3, "1" * 64), (HIT, 4, None), (MAG, 1, "4" * 64)]
    with database(ledger_url) as connection:
        migrations.upgrade(connection, "0003")
        for item in (HIT, MAG):
            connection.execute(text("INSERT INTO workflow_progress VALUES (:item, NULL, NULL)"), {"item": item})
        for item, number, sha256 in days:
            row = {"item": item, "day": f"2026-01-0{number}", "sha256": sha256}
            connection.execute(text(insert), row | {"at": f"2026-01-0{9 - number} 12:00:00.000000"})
    return ledger_url


def test_days_with_content_are_numbered_in_the_order_in_which_they_were_recorded(old: str) -> None:
    with Ledger.open(old) as ledger:
        changes, numbers = ledger.changes([HIT, MAG])
        assert [(it.day.day, it.number) for it in changes if it.item_name == HIT] == [(3, 1), (2, 2), (1, 3)]
        assert [(it.day.day, it.number) for it in changes if it.item_name == MAG] == [(1, 1)]
        assert numbers == {HIT: 3, MAG: 1}
        assert changes[0].changed_at == datetime(2026, 1, 6, 12, tzinfo=UTC)
        empty = ledger.day(HIT, date(2026, 1, 4))
        assert empty is not None
        assert empty.version == 3
        record(ledger, claimed(ledger, HIT, date(2026, 1, 4)), DOWNLOADED)
        [later] = ledger.changes([HIT, MAG], after=numbers)[0]
        assert (later.day, later.number) == (date(2026, 1, 4), 4)


def test_the_way_back_and_forth_again(old: str) -> None:
    Ledger.open(old).close()
    with database(old) as connection:
        migrations.downgrade(connection, "0003")
    with Ledger.open(old) as ledger:
        assert ledger.changes([HIT, MAG])[1] == {HIT: 3, MAG: 1}
