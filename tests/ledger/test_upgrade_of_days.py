"""A ledger of version 0002 with days, attempts and runs in it, brought up to date: what becomes of each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ledger import Claimant, DayStatus, Ledger, LedgerOutdated, MirroredDay, migrations
from tests.support.ledgers import database

CUTOFF = "HTTP 400 Bad Request: API key required for data prior to 2026-02-01T00:00:00. The server does not accept"
SCOPE = "HTTP 403 Forbidden: Unauthorized for HK access."
BROKEN = "HTTP 500 Internal Server Error"
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
SHA256 = "0" * 64

Make = Callable[..., None]


@pytest.fixture
def make(ledger_url: str) -> Make:
    """A ledger of version 0002 with one run, whose options are given, and its days."""

    def made(**options: object) -> None:
        if ledger_url.startswith("sqlite"):
            Path(ledger_url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
        with database(ledger_url) as connection:
            migrations.upgrade(connection, "0002")
            for item_name in ("HIT_IALIRT", "MAG_IALIRT_HK"):
                progress = {"item_name": item_name, "at": "2026-02-03 12:00:00.000000"}
                connection.execute(text("INSERT INTO workflow_progress VALUES (:item_name, :at, :at)"), progress)
            for statement, rows in {**_days(), **_history(options)}.items():
                connection.execute(text(statement), rows)

    return made


def _days() -> dict[str, list[dict[str, Any]]]:
    """Of `hit`: downloaded; refused for want of a key; broken; refused after it had been downloaded, with rows and
    without. Of `mag_hk`: refused for want of a scope, and in work."""
    empty: dict[str, Any] = {
        "item_name": "HIT_IALIRT", "status": "failed", "records": 0, "expected": 0, "pct": None, "first": None,
        "last": None, "gaps": "[]", "through": None, "path": None, "size": None, "sha256": None, "failures": 3,
        "error": None, "claim": None, "until": None,
    }  # fmt: skip
    there: dict[str, Any] = {
        "records": 1440, "expected": 1440, "pct": 100.0, "first": "2026-01-01 00:00:17.000000",
        "last": "2026-01-01 23:59:17.000000", "gaps": '[["2026-01-01T03:00:00+00:00", "2026-01-01T04:00:00+00:00"]]',
        "through": "2026-01-02 00:00:00.000000", "path": "a.csv", "size": 99, "sha256": SHA256,
    }  # fmt: skip
    claim = Claimant.this_process("r", NOON, "token").text
    rows = [
        empty | there | {"day": "2026-01-01", "status": "downloaded", "failures": 0},
        empty | {"day": "2026-01-02", "error": CUTOFF},
        empty | {"day": "2026-01-03", "error": BROKEN},
        empty | there | {"day": "2026-01-04", "error": CUTOFF},
        empty | {"day": "2026-01-05", "error": CUTOFF, "size": 8, "path": "b.csv", "sha256": SHA256},
        empty | {"day": "2026-01-06", "item_name": "MAG_IALIRT_HK", "error": SCOPE},
        empty | {"day": "2026-01-07", "item_name": "MAG_IALIRT_HK", "error": SCOPE, "claim": claim,
                 "until": "2099-01-01 00:00:00.000000"},
    ]  # fmt: skip
    insert = (
        "INSERT INTO instrument_day VALUES (:item_name, :day, :status, :records, :expected, :pct, :first, :last, :gaps,"
        " :through, FALSE, :path, :size, :sha256, 4, :failures, 0, :error, 7, :claim, :until,"
        " '2026-02-03 12:00:00.000000')"
    )
    return {insert: rows}


def _history(options: dict[str, object]) -> dict[str, list[dict[str, Any]]]:
    moment = "2026-02-03 12:00:00.000000"
    attempt = (
        "INSERT INTO attempt (item_name, day, run_id, decision, reason, status, records_fetched, records_added,"
        " requests, seconds, error_type, error, rejected, started, finished) VALUES ('HIT_IALIRT', :day, 'r', 'run',"
        " 'never asked for', 'failed', 0, 0, 1, 0.5, 'ApiError', :error, 0, :at, :at)"
    )
    run = "INSERT INTO run VALUES ('r', 'backfill', :options, 'here', '0.1', :at, :at, '{}', 1)"
    mirrored = "INSERT INTO mirrored_day VALUES ('there', 'HIT_IALIRT', '2026-01-01', :sha256, 1440, :at)"
    return {
        attempt: [{"day": "2026-01-02", "error": CUTOFF, "at": moment}],
        run: [{"options": json.dumps(options), "at": moment}],
        mirrored: [{"sha256": SHA256, "at": moment}],
    }


def test_days_that_were_refused_have_not_failed(make: Make, ledger_url: str) -> None:
    make(demo=False)
    with pytest.raises(LedgerOutdated):
        Ledger.open_existing(ledger_url)
    with Ledger.open(ledger_url) as ledger:
        days = {day: ledger.day("HIT_IALIRT", day) for day in (date(2026, 1, number) for number in range(1, 6))}
        for number, item_name, why in ((2, "HIT_IALIRT", CUTOFF), (6, "MAG_IALIRT_HK", SCOPE)):
            refused = ledger.day(item_name, date(2026, 1, number))
            assert refused is not None
            assert (refused.status, refused.refused, refused.last_error) == (DayStatus.PENDING, why, None)
            assert (refused.failures, refused.attempts, refused.version, refused.access) == (0, 4, 8, None)
        whole, _, broken, once_there, once_empty = days.values()
        assert whole is not None
        assert (whole.status, whole.records, whole.version, whole.refused) == (DayStatus.DOWNLOADED, 1440, 7, None)
        assert whole.gaps == ((datetime(2026, 1, 1, 3, tzinfo=UTC), datetime(2026, 1, 1, 4, tzinfo=UTC)),)
        for kept, error in ((broken, BROKEN), (once_there, CUTOFF), (once_empty, CUTOFF)):
            assert kept is not None
            assert (kept.status, kept.last_error, kept.refused) == (DayStatus.FAILED, error, None)
            assert (kept.failures, kept.version) == (3, 7)


def test_who_is_at_work_on_a_day_stays_there(make: Make, ledger_url: str) -> None:
    make(demo=False)
    with Ledger.open(ledger_url) as ledger:
        day = ledger.day("MAG_IALIRT_HK", date(2026, 1, 7))
    assert day is not None
    assert day.status is DayStatus.PENDING
    assert day.claim is not None
    assert day.claim.run_id == "r"


def test_the_history_and_what_was_mirrored_stay(make: Make, ledger_url: str) -> None:
    make(demo=False)
    with Ledger.open(ledger_url) as ledger:
        [attempt] = ledger.attempts("HIT_IALIRT", date(2026, 1, 2))
        assert (attempt.error, attempt.requests) == (CUTOFF, 1)
        assert [(run.run_id, run.options) for run in ledger.runs()] == [("r", {"demo": False})]
        day = date(2026, 1, 1)
        mirrored = ledger.mirrored("there", ["HIT_IALIRT"], day, day)["HIT_IALIRT", day]
        assert mirrored == MirroredDay("there", "HIT_IALIRT", day, SHA256, 1440, NOON)
        assert ledger.progress(["HIT_IALIRT"])["HIT_IALIRT"].progress_timestamp == NOON
    with database(ledger_url) as connection:
        migrations.downgrade(connection, "0002")
    with Ledger.open(ledger_url) as ledger:
        assert len(ledger.attempts("HIT_IALIRT", date(2026, 1, 2))) == 1


@pytest.mark.parametrize(
    ("options", "synthetic"),
    [
        ({"instrument": "hit", "demo": True, "jobs": 4}, "yes"),
        ({"demo": True}, "yes"),
        ({"demo": False}, None),
        ({"datastore": 'x"demo": true', "demo": False}, None),
        ({}, None),
    ],
)
def test_a_ledger_that_a_demonstration_has_filled_says_so(
    make: Make, ledger_url: str, options: dict[str, object], synthetic: str | None
) -> None:
    make(**options)
    with Ledger.open(ledger_url) as ledger:
        assert ledger.read_property("synthetic") == synthetic
        ledger.prune(timedelta(0))
        assert ledger.runs() == []
        assert ledger.read_property("synthetic") == synthetic


def test_an_empty_ledger_of_that_version_is_of_neither_kind(ledger_url: str) -> None:
    if ledger_url.startswith("sqlite"):
        Path(ledger_url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    with database(ledger_url) as connection:
        migrations.upgrade(connection, "0002")
    with Ledger.open(ledger_url) as ledger:
        assert ledger.read_property("synthetic") is None
        assert ledger.is_empty()
