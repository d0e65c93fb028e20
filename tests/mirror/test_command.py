"""The command in a real process: killed, interrupted, twice at once, and what it says."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

import cli
from tests.mirror.samples import FIRST, LAST, execute, table
from tests.support.processes import run, running
from tests.support.stores import Store

Words = Callable[..., list[str]]

_ROWS = "SELECT count(*) FROM ialirt_mag"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def words(store: Store) -> Words:
    """The command for the two days of `mag` and `hit`."""

    def made(database: str, *others: str) -> list[str]:
        store_words = ["--datastore", str(store.folder), "--start", str(FIRST), "--end", str(LAST)]
        named = ["--database", database, "--instrument", "mag,hit"]
        return ["mirror", *store_words, *named, *others]

    return made


def lengthen(store: Store, step: int = 60) -> int:
    """Give the days of `mag` a row for every so many seconds; how many they have together."""

    def filled(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        day = rows[0]["time_utc"][:10]
        seconds = range(0, 86400, step)
        times = (f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in seconds)
        return [rows[number % len(rows)] | {"time_utc": moment} for number, moment in enumerate(times)]

    return sum(len(store.change("mag", day, filled)) for day in (FIRST, LAST))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


@contextmanager
def held_up(database: str) -> Iterator[None]:
    """Nobody can change the table `ialirt_mag` of a PostgreSQL; whoever wants to waits. It can be read."""
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE ialirt_mag IN EXCLUSIVE MODE")
        yield


def has_waiting(database: str) -> bool:
    return bool(execute(database, _WAITING)[0][0])


def is_being_written(database: str) -> bool:
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"), timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_a_load_that_was_killed_leaves_the_old_day(store: Store, words: Words, postgresql_url: str) -> None:
    assert run(*words(postgresql_url))[0] == 0
    before = table(postgresql_url, "ialirt_mag")
    lengthen(store)
    with held_up(postgresql_url), running(*words(postgresql_url)) as process:
        until(lambda: has_waiting(postgresql_url))
        process.kill()
        process.communicate()
    until(lambda: not has_waiting(postgresql_url))
    assert table(postgresql_url, "ialirt_mag") == before
    code, _, err = run(*words(postgresql_url))
    assert (code, err.splitlines()[0]) == (0, "2 days to load, 2 to skip")
    for day in (FIRST, LAST):
        assert table(postgresql_url, "ialirt_mag", day).keys() == {row["time_utc"] for row in store.rows("mag", day)}


def test_so_it_does_in_sqlite(store: Store, words: Words, sqlite_target: str) -> None:
    assert run(*words(sqlite_target))[0] == 0
    before = {day: table(sqlite_target, "ialirt_mag", day) for day in (FIRST, LAST)}
    many = lengthen(store, step=4)
    with running(*words(sqlite_target)) as process:
        until(lambda: is_being_written(sqlite_target))
        process.kill()
        process.communicate()
    assert table(sqlite_target, "ialirt_mag", LAST) == before[LAST]
    first = table(sqlite_target, "ialirt_mag", FIRST)
    assert first == before[FIRST] or len(first) == many // 2, (
        "the kill may come after the commit, but never amid the rows"
    )
    assert run(*words(sqlite_target))[0] == 0
    assert len(table(sqlite_target, "ialirt_mag")) == many


def test_an_interrupted_load_ends_its_day_and_goes_on_later(store: Store, words: Words, postgresql_url: str) -> None:
    assert run(*words(postgresql_url))[0] == 0
    old = execute(postgresql_url, _ROWS)[0][0]
    many = lengthen(store)
    with running(*words(postgresql_url, "--jobs", "1")) as process:
        with held_up(postgresql_url):
            until(lambda: has_waiting(postgresql_url))
            process.send_signal(signal.SIGINT)
            until(lambda: "Finishing the days in work" in process.complained)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
    assert "Finishing the days in work" in err
    assert "To go on: ialirt-backfill mirror" in err
    assert execute(postgresql_url, _ROWS)[0][0] == (many + old) // 2
    code, out, _ = run(*words(postgresql_url))
    assert code == 0
    row = out.splitlines()[2].split()
    assert row[:-1] == ["mag", "2", "1", "0", "1", f"{many // 2:,}"]


def test_two_at_once_share_the_work(store: Store, words: Words, database: str) -> None:
    assert run(*words(database))[0] == 0
    many = lengthen(store)
    store.change("hit", FIRST, lambda rows: rows[1:])
    held = held_up(database) if database.startswith("postgresql") else written_by_another(database)
    with running(*words(database, "--json")) as one, running(*words(database, "--json")) as other:
        with held:
            until(lambda: "waiting" in one.complained + other.complained)  # both have begun by then
        ended = [process.communicate(timeout=60) for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), ended
    loads = sum(out.count('"status": "loaded"') for out, _ in ended)
    assert loads == 3, ended
    assert "waiting: another mirror works on this table" in ended[0][1] + ended[1][1]
    assert execute(database, _ROWS)[0][0] == many
    for day in (FIRST, LAST):
        assert table(database, "ialirt_hit", day).keys() == {row["time_utc"] for row in store.rows("hit", day)}


@contextmanager
def written_by_another(database: str) -> Iterator[None]:
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_connection_that_is_lost_ends_the_run(store: Store, words: Words, postgresql_url: str) -> None:
    assert run(*words(postgresql_url))[0] == 0
    before = table(postgresql_url, "ialirt_mag")
    many = lengthen(store)
    with held_up(postgresql_url), running(*words(postgresql_url)) as process:
        until(lambda: has_waiting(postgresql_url))
        execute(
            postgresql_url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'ialirt-backfill'",
        )
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    assert f"mag {FIRST} was not loaded: postgresql://postgres@/{name}?host=" in err
    assert err.count("Ended early") == 1
    assert "Traceback" not in err
    assert "rollback" not in err
    assert table(postgresql_url, "ialirt_mag") == before
    assert run(*words(postgresql_url))[0] == 0
    assert execute(postgresql_url, _ROWS)[0][0] == many


def test_what_a_person_sees(words: Words, sqlite_target: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", cli.__file__, *words(sqlite_target, "--dry-run")]
    planned = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (planned.returncode, planned.stderr) == (0, f"Datastore {tmp_path}/store, its ledger is ledger.sqlite\n")
    assert planned.stdout.splitlines() == [
        f"Into {sqlite_target}; nothing is loaded or written (--dry-run)",
        "instrument  day                      decision  reason",
        "hit         2026-01-01 … 2026-01-02  load      never loaded",
        "mag         2026-01-01 … 2026-01-02  load      never loaded",
    ]
    code, out, err = run(*words(sqlite_target))
    assert code == 0
    assert out.splitlines()[1].split() == ["instrument", "days", "loaded", "failed", "skipped", "records", "time"]
    assert "hit 2026-01-02  120 records in" in err
    code, out, err = run(*words(sqlite_target))
    assert (code, out.splitlines()[-1]) == (0, "Nothing is left to do.")
    code, out, err = run("mirror", "views", "--database", sqlite_target)
    assert (code, out.splitlines()[:1]) == (0, ["ialirt_mag_records  made"])


def test_failures_are_a_sentence_and_an_exit_code(store: Store, words: Words, sqlite_target: str) -> None:
    code, out, err = run(*words("postgresql://u:top-secret@127.0.0.1:1/x"))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "top-secret" not in err
    for slip in ("", "--databse="):
        code, out, err = run("mirror", f"{slip}postgresql://u:top-secret@127.0.0.1:1/x")
        assert (code, out) == (2, "")
        assert "top-secret" not in err
    store.change("hit", FIRST, lambda rows: [row | {"kernel_set_key": "a", "time_utc": "noon"} for row in rows[:1]])
    store.path("mag", LAST).write_text("time_utc\n", encoding="utf-8")
    code, _, err = run(*words(sqlite_target))
    assert code == 0, err  # SQLite keeps whatever it is given
    store.path("hit", LAST).write_text("", encoding="utf-8")
    code, _, err = run(*words(sqlite_target))
    assert code == 1
    assert f"hit {LAST} was not loaded: imap_ialirt_hit_20260102.csv is damaged" in err
