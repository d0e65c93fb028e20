"""A day changes all at once, whatever its size, and only in the rows that are different."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from ialirt_backfill.mirror.events import MirrorReport
from tests.mirror.samples import FIRST, LAST, Mirror, execute, table
from tests.support.stores import Rows, Store

READER = """
import sys, time
import psycopg, sqlite3
database, query = sys.argv[1:]
if database.startswith("sqlite"):
    connection = sqlite3.connect(database.removeprefix("sqlite:///"), timeout=30)
    look = lambda: connection.execute(query).fetchall()
else:
    connection = psycopg.connect(database, autocommit=True)
    look = lambda: connection.execute(query).fetchall()
seen, looks = set(), 0
print("ready", flush=True)
import select
while not select.select([sys.stdin], [], [], 0)[0]:
    seen.update(look())
    looks += 1
    time.sleep(0.001)
print(looks)
print(sorted(seen))
"""


@contextmanager
def reader(database: str, query: str) -> Iterator[list[Any]]:
    """Another process that asks again and again; the number of its looks, and all answers that it had."""
    process = subprocess.Popen(
        [sys.executable, "-c", READER, database, query], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    found: list[Any] = []
    try:
        yield found
    finally:
        out, _ = process.communicate("enough\n", timeout=60)
        found.extend(out.splitlines())
    assert process.returncode == 0


def version(rows: Rows, count: int, value: int) -> Rows:
    """A version of a day: every minute up to ``count``, with one value everywhere."""
    start = datetime.fromisoformat(rows[0]["time_utc"][:10])
    times = [(start + timedelta(minutes=minute)).isoformat() for minute in range(count)]
    return [rows[0] | {"time_utc": time, "hit_h_omni_low_en": str(value)} for time in times]


@pytest.fixture(params=["postgresql", "sqlite", "sqlite with its older journal"])
def any_database(request: pytest.FixtureRequest) -> str:
    name = "postgresql_url" if request.param == "postgresql" else "sqlite_target"
    url: str = request.getfixturevalue(name)
    if "older" in request.param:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("CREATE TABLE other (a)")
    return url


def test_a_reader_sees_the_old_day_or_the_new_one(store: Store, load: Mirror, any_database: str) -> None:
    versions = [(1440, 1), (700, 2)]
    store.change("hit", FIRST, lambda rows: version(rows, *versions[0]))
    load(any_database, end=FIRST)
    query = (
        "SELECT count(*), min(hit_h_omni_low_en), max(hit_h_omni_low_en) FROM ialirt_hit"
        f" WHERE file_date = '{FIRST:%Y%m%d}'"
    )
    with reader(any_database, query) as found:
        for number in range(1, 13):
            store.change("hit", FIRST, lambda rows, number=number: version(rows, *versions[number % 2]))  # type: ignore[misc]
            report = load(any_database, end=FIRST)
            assert (report.exit_code, report.summary["loaded"]) == (0, 1)
    looks, seen = found
    assert int(looks) > 24
    assert seen == "[(700, 2.0, 2.0), (1440, 1.0, 1.0)]"


# --- rows that did not change are not written -------------------------------------------------------------------------


def written(report: MirrorReport) -> list[tuple[int, int]]:
    return [(outcome.written, outcome.deleted) for outcome in report.outcomes]


def test_only_what_is_different_is_counted_as_written(store: Store, load: Mirror, database: str) -> None:
    assert written(load(database)) == [(120, 0), (120, 0)]
    assert written(load(database, reload=True)) == [(0, 0), (0, 0)]
    store.change("hit", FIRST, lambda rows: [*rows[:-20], *[row | {"hit_h_omni_low_en": "0.25"} for row in rows[-10:]]])
    assert written(load(database)) == [(10, 10)]
    store.change("hit", FIRST, lambda rows: [])
    assert written(load(database)) == [(0, 110)]


def test_in_postgresql_they_are_not_touched(store: Store, load: Mirror, postgresql_url: str) -> None:
    """Neither written nor locked: not a row version, and nothing for a replica to do."""
    load(postgresql_url)
    versions = "SELECT time_utc, ctid::text, xmin::text, xmax::text FROM ialirt_hit ORDER BY 1"
    before = execute(postgresql_url, versions)
    assert load(postgresql_url, reload=True).summary["loaded"] == 2
    assert execute(postgresql_url, versions) == before
    store.change("hit", LAST, lambda rows: [*rows[:-1], rows[-1] | {"hit_h_omni_low_en": "0.25"}])
    load(postgresql_url)
    assert execute(postgresql_url, versions)[:-1] == before[:-1]


def test_an_unchanged_day_leaves_a_sqlite_file_as_it_is(load: Mirror, sqlite_target: str) -> None:
    load(sqlite_target)
    with closing(sqlite3.connect(sqlite_target.removeprefix("sqlite:///"))) as looking:
        before = looking.execute("PRAGMA data_version").fetchone()
        assert load(sqlite_target, reload=True).summary["loaded"] == 2
        assert looking.execute("PRAGMA data_version").fetchone() == before


def test_equal_is_not_the_same(store: Store, load: Mirror, postgresql_url: str) -> None:
    """0 and -0, 1.0 and 1.00 are equal to PostgreSQL, and json is equal to nothing."""
    load(postgresql_url, "hit,codice_hi", end=FIRST)
    execute(postgresql_url, "ALTER TABLE ialirt_hit ALTER hit_h_omni_med_en TYPE numeric")
    execute(postgresql_url, "ALTER TABLE ialirt_codice_hi ALTER codice_hi_h TYPE json USING codice_hi_h::json")
    for low, med in (("0", "1.0"), ("-0", "1.00")):
        store.change("hit", FIRST, lambda rows, low=low, med=med: [  # type: ignore[misc]
            row | {"hit_h_omni_low_en": low, "hit_h_omni_med_en": med} for row in rows
        ])  # fmt: skip
        report = load(postgresql_url, end=FIRST)
        assert written(report) == [(120, 0)]
    texts = "SELECT DISTINCT hit_h_omni_low_en::text, hit_h_omni_med_en::text FROM ialirt_hit"
    assert execute(postgresql_url, texts) == [("-0", "1.00")]
    assert written(load(postgresql_url, "codice_hi", end=FIRST, reload=True)) == [(0, 0)]


# --- large and odd days -----------------------------------------------------------------------------------------------


def test_a_day_of_seventy_thousand_rows(store: Store, load: Mirror, database: str) -> None:
    """More than the parameters that one statement of PostgreSQL can have."""
    start = datetime.fromisoformat(str(FIRST))
    times = [(start + timedelta(milliseconds=1200 * n)).isoformat(timespec="milliseconds") for n in range(70_000)]
    path = store.path("hit", FIRST)
    path.write_text("time_utc,hit_h_omni_low_en\n" + "".join(f"{time},{n}\n" for n, time in enumerate(times)))
    report = load(database, end=FIRST)
    assert (report.exit_code, report.summary["records"]) == (0, 70_000)
    some = "SELECT count(*), sum(hit_h_omni_low_en) FROM ialirt_hit"
    assert execute(database, some) == [(70_000, sum(range(70_000)))]
    path.write_text("time_utc,hit_h_omni_low_en\n" + "".join(f"{time},{n}\n" for n, time in enumerate(times[1:], 1)))
    assert written(load(database, end=FIRST)) == [(0, 1)]


def test_of_two_rows_with_one_time_the_last_counts(store: Store, load: Mirror, database: str) -> None:
    def doubled(rows: Rows) -> Rows:
        others = [row | {"hit_h_omni_low_en": "0.5"} for row in rows]
        return [*others, *rows, *[row | {"hit_h_omni_low_en": "7.5"} for row in rows[:60]]]

    load(database, end=FIRST)
    before = table(database, "ialirt_hit")
    store.change("hit", FIRST, doubled)
    report = load(database, end=FIRST)
    assert (report.summary["records"], written(report)[0][1]) == (300, 0)
    assert written(report)[0][0] == 60
    after = table(database, "ialirt_hit")
    times = sorted(before)
    assert [after[time] for time in times[60:]] == [before[time] for time in times[60:]]
    assert {after[time]["hit_h_omni_low_en"] for time in times[:60]} == {7.5}


def test_a_row_that_has_moved_to_another_day_moves_in_the_table(store: Store, load: Mirror, database: str) -> None:
    """The key is the time: one row cannot be of two days."""
    load(database)
    [stray, *_] = store.rows("hit", FIRST)
    store.change("hit", LAST, lambda rows: [stray | {"hit_h_omni_low_en": "0.5"}, *rows])
    assert written(load(database)) == [(1, 0)]
    assert table(database, "ialirt_hit", LAST)[stray["time_utc"]]["hit_h_omni_low_en"] == 0.5
    assert stray["time_utc"] not in table(database, "ialirt_hit", FIRST)


def test_while_a_day_is_loaded_its_readers_are_not_kept_waiting(
    load: Mirror, store: Store, postgresql_url: str
) -> None:
    """And who reads keeps no load waiting."""
    load(postgresql_url)
    store.change("hit", FIRST, lambda rows: rows[1:])
    with psycopg.connect(postgresql_url) as long_reader:
        assert long_reader.execute("SELECT count(*) FROM ialirt_hit").fetchone() == (240,)
        assert load(postgresql_url).summary["loaded"] == 1
    assert len(table(postgresql_url, "ialirt_hit")) == 239
