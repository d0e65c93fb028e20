"""The command in a real process: killed, interrupted, twice at once, and what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

import cli
from tests.mirror.samples import FIRST, LAST, Store, execute, table

Words = Callable[..., list[str]]

_ROWS = "SELECT count(*) FROM ialirt_mag"


@pytest.fixture
def words(store: Store) -> Words:
    """The command for the two days of `mag` and `hit`; those of `mag` take some seconds."""

    def made(database: str, *others: str) -> list[str]:
        store_words = ["--datastore", str(store.folder), "--start", str(FIRST), "--end", str(LAST)]
        named = ["--database", database, "--instrument", "mag,hit"]
        return [sys.executable, "-W", "error", str(cli.__file__), "mirror", *store_words, *named, *others]

    return made


@pytest.fixture
def long_days(store: Store) -> int:
    """Days of `mag` with a row for every minute; how many rows they have together."""

    def filled(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        day = rows[0]["time_utc"][:10]
        seconds = range(0, 86400, 60)
        times = (f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in seconds)
        return [rows[number % len(rows)] | {"time_utc": moment} for number, moment in enumerate(times)]

    return sum(len(store.change("mag", day, filled)) for day in (FIRST, LAST))


def start(command: list[str]) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("IALIRT_")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(command: list[str]) -> tuple[int, str, str]:
    process = start(command)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def wait_for_rows(database: str, many: int) -> None:
    for _ in range(600):
        with suppress(Exception):
            if execute(database, _ROWS)[0][0] >= many:
                return
        time.sleep(0.02)
    raise AssertionError("nothing was loaded")


def test_a_load_that_was_killed_is_made_again(store: Store, words: Words, long_days: int, database: str) -> None:
    process = start(words(database))
    wait_for_rows(database, 200)
    process.kill()
    process.communicate()
    assert 200 <= execute(database, _ROWS)[0][0] < long_days
    code, _, err = run(words(database))
    assert (code, err.splitlines()[0]) == (0, "4 days to load, 0 to skip")
    for day in (FIRST, LAST):
        assert table(database, "ialirt_mag", day).keys() == {row["time_utc"] for row in store.rows("mag", day)}


def test_an_interrupted_load_ends_its_day_and_goes_on_later(words: Words, long_days: int, postgresql_url: str) -> None:
    process = start(words(postgresql_url))
    wait_for_rows(postgresql_url, 200)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Finishing the day in work" in err
    assert "To go on: ialirt-backfill mirror" in err
    assert execute(postgresql_url, _ROWS)[0][0] == long_days // 2
    code, out, _ = run(words(postgresql_url))
    assert code == 0
    assert out.splitlines()[2].split() == [
        "mag",
        "2",
        "1",
        "0",
        "1",
        f"{long_days // 2:,}",
        out.splitlines()[2].split()[-1],
    ]


def test_two_at_once_share_the_work(store: Store, words: Words, long_days: int, database: str) -> None:
    processes = [start(words(database, "--json")) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    loads = sum(out.count('"status": "loaded"') for out, _ in ended)
    assert loads == 4
    assert "waiting: another mirror works on this table" in ended[0][1] + ended[1][1]
    assert execute(database, _ROWS)[0][0] == long_days
    for day in (FIRST, LAST):
        assert table(database, "ialirt_hit", day).keys() == {row["time_utc"] for row in store.rows("hit", day)}


def test_a_connection_that_is_lost_ends_the_run(words: Words, long_days: int, postgresql_url: str) -> None:
    process = start(words(postgresql_url))
    wait_for_rows(postgresql_url, 200)
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    server = postgresql_url.replace(f"/{name}?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"mag {FIRST} was not loaded: postgresql://postgres@/{name}?host=" in err
    assert "Ended early" in err
    assert "Traceback" not in err
    assert run(words(postgresql_url))[0] == 0
    assert execute(postgresql_url, _ROWS)[0][0] == long_days


def test_what_a_person_sees(words: Words, sqlite_target: str, tmp_path: Path) -> None:
    code, out, err = run(words(sqlite_target, "--dry-run"))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"Into {sqlite_target}; nothing is loaded or written (--dry-run)",
        "instrument  day                      decision  reason",
        "hit         2026-01-01 … 2026-01-02  load      never loaded",
        "mag         2026-01-01 … 2026-01-02  load      never loaded",
    ]
    code, out, err = run(words(sqlite_target))
    assert code == 0
    assert out.splitlines()[1].split() == ["instrument", "days", "loaded", "failed", "skipped", "records", "time"]
    assert "hit 2026-01-02  120 records in" in err
    code, out, err = run(words(sqlite_target))
    assert (code, out.splitlines()[-1]) == (0, "Nothing is left to do.")
    code, out, err = run([*words(sqlite_target)[:5], "views", "--database", sqlite_target])
    assert (code, out.splitlines()[:1]) == (0, ["ialirt_mag_records  made"])


def test_failures_are_a_sentence_and_an_exit_code(store: Store, words: Words, sqlite_target: str) -> None:
    code, out, err = run(words("postgresql://u:top-secret@127.0.0.1:1/x"))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "top-secret" not in err
    for slip in ("", "--databse="):
        code, out, err = run([*words(sqlite_target)[:5], f"{slip}postgresql://u:top-secret@127.0.0.1:1/x"])
        assert (code, out) == (2, "")
        assert "top-secret" not in err
    store.change("hit", FIRST, lambda rows: [row | {"kernel_set_key": "a", "time_utc": "noon"} for row in rows[:1]])
    store.path("mag", LAST).write_text("time_utc\n", encoding="utf-8")
    code, _, err = run(words(sqlite_target))
    assert code == 0, err  # SQLite keeps whatever it is given
    store.path("hit", LAST).write_text("", encoding="utf-8")
    code, _, err = run(words(sqlite_target))
    assert code == 1
    assert f"hit {LAST} was not loaded: imap_ialirt_hit_20260102.csv is damaged" in err
