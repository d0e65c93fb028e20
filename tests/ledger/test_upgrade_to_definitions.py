"""A ledger of version 0003 with days in it, brought up to date: nothing is known of their definitions, and all else
stays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger import DayAccess, DayStatus, Ledger, LedgerOutdated, migrations
from tests.support.ledgers import database

DAY = date(2026, 1, 1)
INSERT = (
    "INSERT INTO instrument_day VALUES ('HIT_IALIRT', '2026-01-01', 'downloaded', 1440, 1440, 100.0,"
    " '2026-01-01 00:00:17.000000', '2026-01-01 23:59:17.000000', '[]', '2026-01-02 00:00:00.000000', TRUE,"
    " 'a.csv', 99, :sha256, 2, 0, 0, NULL, 7, NULL, NULL, '2026-02-03 12:00:00.000000', 'key', NULL)"
)


@pytest.fixture
def earlier(ledger_url: str) -> str:
    """A ledger of version 0003 with one day."""
    if ledger_url.startswith("sqlite"):
        Path(ledger_url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    with database(ledger_url) as connection:
        migrations.upgrade(connection, "0003")
        connection.execute(text("INSERT INTO workflow_progress VALUES ('HIT_IALIRT', NULL, NULL)"))
        connection.execute(text(INSERT), {"sha256": "0" * 64})
    return ledger_url


def test_a_day_of_before_is_under_no_known_definition(earlier: str) -> None:
    with pytest.raises(LedgerOutdated):
        Ledger.open_existing(earlier)
    with Ledger.open(earlier) as ledger:
        day = ledger.day("HIT_IALIRT", DAY)
    assert day is not None
    assert day.definition is None
    assert (day.status, day.records, day.access, day.version) == (DayStatus.DOWNLOADED, 1440, DayAccess.KEY, 7)
    assert (day.is_final, day.path, day.size_bytes, day.sha256) == (True, "a.csv", 99, "0" * 64)
    assert day.asked_through == datetime(2026, 1, 2, tzinfo=UTC)


def test_going_back_loses_nothing_else(earlier: str) -> None:
    Ledger.open(earlier).close()
    with database(earlier) as connection:
        migrations.downgrade(connection, "0003")
        assert connection.execute(text("SELECT records, access FROM instrument_day")).all() == [(1440, "key")]
    with Ledger.open(earlier) as ledger:
        day = ledger.day("HIT_IALIRT", DAY)
    assert day is not None
    assert day.definition is None
