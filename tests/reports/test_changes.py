"""What `changes` tells, from a real ledger: times and cursors, and what becomes of a cursor that is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import ChangesOptions
from ialirt_backfill.reports.changes import ChangesReport, changes
from ledger import Ledger
from tests.support.ledgers import DAY, DOWNLOADED, claimed, execute, record

MAG = "MAG_IALIRT"


def url(datastore: Path) -> str:
    return f"sqlite:///{datastore}/ledger.sqlite"


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    """A day of `hit`, then one of `mag`, an hour apart."""
    with Ledger.open(url(tmp_path)) as ledger:
        record(ledger, claimed(ledger))
        record(ledger, claimed(ledger, MAG))
    for hour, item in ((11, "HIT_IALIRT"), (12, MAG)):
        execute(
            url(tmp_path),
            f"UPDATE instrument_day SET changed_at = '2026-02-01 {hour}:00:00.000000' WHERE item_name = '{item}'",
        )
    return tmp_path


def told(datastore: Path, since: str | None = None, instrument: str | None = None) -> ChangesReport:
    return changes(ChangesOptions(datastore=str(datastore), since=since, instrument=instrument))


def cursor(datastore: Path, *numbers: str) -> str:
    """As `changes` gives it."""
    with Ledger.open(url(datastore)) as ledger:
        return ",".join([f"c1@{ledger.identity()}", *numbers])


def names(report: ChangesReport) -> list[str]:
    return [it.instrument for it in report.changes]


def test_a_change_says_what_is_there_now(datastore: Path) -> None:
    first = told(datastore).changes[0]
    assert (first.instrument, first.day, first.path) == ("hit", DAY, DOWNLOADED.path)
    assert (first.sha256, first.records, first.availability_pct) == (DOWNLOADED.sha256, 700, 97.2)
    assert (first.is_final, first.changed_at) == (False, datetime(2026, 2, 1, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (None, ["hit", "mag"]),
        ("2026-02-01", ["hit", "mag"]),
        ("2026-02-01T11:00:00Z", ["hit", "mag"]),
        ("2026-02-01T12:30:00+01:00", ["mag"]),
        ("2026-02-01T12:00:01", []),
        ("c1", ["hit", "mag"]),
        ("c1,HIT_IALIRT:1", ["mag"]),
        ("c1,HIT_IALIRT:1,MAG_IALIRT:1", []),
    ],
)
def test_since_a_time_or_a_cursor(datastore: Path, since: str | None, expected: list[str]) -> None:
    report = told(datastore, since)
    assert names(report) == expected
    assert report.cursor == cursor(datastore, "HIT_IALIRT:1", "MAG_IALIRT:1")
    assert not report.synthetic


def test_the_cursor_goes_on(datastore: Path) -> None:
    before = told(datastore, "2026-02-01T12:00:00Z").cursor
    with Ledger.open(url(datastore)) as ledger:
        record(ledger, claimed(ledger, day=DAY + timedelta(1)))
    report = told(datastore, before)
    assert [(it.instrument, it.day) for it in report.changes] == [("hit", DAY + timedelta(1))]
    assert names(told(datastore, report.cursor)) == []


def test_a_cursor_counts_for_the_instruments_it_was_made_with(datastore: Path) -> None:
    report = told(datastore, instrument="hit")
    assert (names(report), report.cursor) == (["hit"], cursor(datastore, "HIT_IALIRT:1"))
    assert names(told(datastore, report.cursor, "hit,mag,swe")) == ["mag"]
    kept = told(datastore, "c1,MAG_IALIRT:1", "hit")
    assert kept.cursor == cursor(datastore, "HIT_IALIRT:1", "MAG_IALIRT:1")


def test_a_ledger_without_days_has_a_cursor(tmp_path: Path) -> None:
    Ledger.open(url(tmp_path)).close()
    report = told(tmp_path, "yesterday")
    assert (report.changes, report.cursor) == ((), cursor(tmp_path))
    with Ledger.open(url(tmp_path)) as ledger:
        record(ledger, claimed(ledger))
    assert names(told(tmp_path, report.cursor)) == ["hit"]


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("c1,HIT_IALIRT:2", r"ahead of the ledger sqlite:.* for hit: .*restored"),
        ("c1,SWE_IALIRT:1", "ahead of the ledger"),
        ("c1,HIT_IALIRT:1,MAG_IAL", "is no whole cursor, as it stands at 'MAG_IAL'"),
        ("c1,", "is no whole cursor"),
        ("c1,HIT_IALIRT:" + "9" * 5000, "is no whole cursor"),
        ("c1@", "is no whole cursor, as it stands at 'c1@'"),
        ("c1@9f3a", "is no whole cursor, as it stands at 'c1@9f3a'"),
        ("c1@9f3a61c2", "is a cursor of another ledger than sqlite:.*: name that one with --datastore or --ledger"),
        ("118", "neither a time nor a cursor"),
        ("c2,HIT_IALIRT:1", "neither a time nor a cursor"),
    ],
)
def test_what_is_no_cursor_of_this_ledger_is_refused(datastore: Path, since: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        told(datastore, since)


def test_a_cursor_of_another_ledger_is_refused_though_that_one_is_as_far(datastore: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with Ledger.open(url(other)) as ledger:
        record(ledger, claimed(ledger))
        record(ledger, claimed(ledger, MAG))
    for given, to in ((told(datastore).cursor, other), (told(other).cursor, datastore)):
        with pytest.raises(UsageError, match="is a cursor of another ledger"):
            told(to, given)


def test_a_ledger_without_an_identity_has_one_from_the_next_run_on(datastore: Path) -> None:
    execute(url(datastore), "DELETE FROM ledger_property")
    before = told(datastore).cursor
    assert before == "c1,HIT_IALIRT:1,MAG_IALIRT:1"
    with pytest.raises(UsageError, match="is a cursor of another ledger"):
        told(datastore, "c1@9f3a61c2,HIT_IALIRT:1")
    Ledger.open(url(datastore)).close()
    report = told(datastore, before)
    assert (report.changes, report.cursor) == ((), cursor(datastore, "HIT_IALIRT:1", "MAG_IALIRT:1"))


def test_without_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no ledger yet"):
        told(tmp_path)
    assert list(tmp_path.iterdir()) == []
