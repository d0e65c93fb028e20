"""A ledger of ten finished years of all instruments, with a million attempts in its history, and empty files to go with
it: what a plan reads, and no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, create_engine, insert, make_url, text

from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH
from ialirt_backfill.plan.coverage import day_span
from ledger import DayStatus, upgrade
from ledger.schema import instrument_day, workflow_progress

DAYS = 3650
ATTEMPTS_PER_DAY = 35
FILE_BYTES = 1_000_000
FIRST = LAUNCH
LAST = FIRST + timedelta(days=DAYS - 1)
AS_OF = datetime(LAST.year + 1, 1, 1, tzinfo=UTC)


def fill(ledger_url: str, datastore: Path) -> None:
    """Make the ledger and the files."""
    upgrade(ledger_url)
    engine = create_engine(_driver_url(ledger_url))
    with engine.begin() as connection:
        keys = [instrument.progress_key for instrument in INSTRUMENTS.values()]
        connection.execute(insert(workflow_progress), [{"item_name": key} for key in keys])
        connection.execute(insert(instrument_day), list(_rows(DAYS)))
        connection.execute(text(_ATTEMPTS))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    for instrument in INSTRUMENTS.values():
        for number in range(DAYS):
            path = datastore / instrument.path(LAUNCH + timedelta(days=number))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.truncate(path, FILE_BYTES)  # it occupies no room


def fill_days(ledger_url: str, days: int) -> None:
    """Make a ledger of so many days, without a history and without files."""
    upgrade(ledger_url)
    engine = create_engine(_driver_url(ledger_url))
    with engine.begin() as connection:
        connection.execute(insert(instrument_day), list(_rows(days)))
    engine.dispose()


def _driver_url(ledger_url: str) -> URL:
    if ledger_url.startswith("sqlite"):
        return URL.create("sqlite", database=ledger_url.removeprefix("sqlite:///"))
    return make_url(ledger_url).set(drivername="postgresql+psycopg")


def _rows(days: int) -> Iterator[dict[str, object]]:
    """Finished days, every third of them with gaps."""
    for number in range(days):
        day = LAUNCH + timedelta(days=number)
        span = day_span(day)
        hours = [span.start + timedelta(hours=hour) for hour in range(4)]
        for instrument in INSTRUMENTS.values():
            expected = int(timedelta(days=1) / instrument.cadence)
            yield {
                "item_name": instrument.progress_key,
                "day": day,
                "status": DayStatus.DOWNLOADED,
                "records": expected - number % 3,
                "expected_records": expected,
                "availability_pct": 100.0 - number % 3,
                "first_record": span.start,
                "last_record": span.end - instrument.cadence,
                "gaps": ((hours[0], hours[1]), (hours[2], hours[3])) if number % 3 == 0 else (),
                "asked_through": span.end,
                "is_final": True,
                "path": str(instrument.path(day)),
                "size_bytes": FILE_BYTES,
                "sha256": "0" * 64,
                "attempts": ATTEMPTS_PER_DAY,
                "failures": 0,
                "rejected": 0,
                "version": 2 * ATTEMPTS_PER_DAY,
                "updated_at": span.end + timedelta(days=2, microseconds=number),
            }


_ATTEMPTS = f"""
WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {ATTEMPTS_PER_DAY})
INSERT INTO attempt (item_name, day, run_id, decision, reason, status, records_fetched, records_added, availability_pct,
                     requests, seconds, rejected, started, finished)
SELECT item_name, day, 'run', 'run', 'asked through 12:00:00', 'downloaded', 100, 100, availability_pct,
       1, 0.5, 0, updated_at, updated_at
FROM instrument_day CROSS JOIN numbers
"""
