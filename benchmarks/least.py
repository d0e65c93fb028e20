"""The least that a day of hit costs that outlives its process: the floor, two transactions and a file.

    python benchmarks/least.py URL FIRST_DAY DAYS THREADS

It fetches and parses what the floor does, one window a day. Around each it claims the day and records it, in SQLite as
our ledger sets it up but without SQLAlchemy, and writes a file of the right size, synced and renamed. No cell is made.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from benchmarks.floor import fetch, use_key
from ialirt_backfill.plan.coverage import day_span

TABLES = """
PRAGMA journal_mode=WAL;
CREATE TABLE progress (item TEXT PRIMARY KEY, newest TEXT);
INSERT INTO progress VALUES ('hit', '');
CREATE TABLE instrument_day (
    item TEXT REFERENCES progress, day TEXT, version INTEGER, holder TEXT, result TEXT, PRIMARY KEY (item, day)
);
CREATE TABLE attempt (id INTEGER PRIMARY KEY, item TEXT, day TEXT, result TEXT);
"""
CONTENT, RESULT = b"x" * 151_310, "x" * 300


class Days:
    """Days of hit, each kept in a file and a ledger in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of_thread = threading.local()
        with closing(sqlite3.connect(folder / "ledger")) as ledger:
            ledger.executescript(TABLES)

    def carry_out(self, day: date) -> int:
        """Claim, fetch, write, publish, record."""
        key, ledger = str(day), self._ledger()
        ledger.execute("BEGIN IMMEDIATE")
        ledger.execute("INSERT OR IGNORE INTO instrument_day VALUES ('hit', ?, 0, NULL, NULL)", (key,))
        ledger.execute("UPDATE instrument_day SET version = 1, holder = 'me' WHERE day = ? AND version = 0", (key,))
        ledger.execute("COMMIT")
        records = fetch("hit", day_span(day))
        temporary = self._folder / f".{key}"
        with temporary.open("wb") as file:
            file.write(CONTENT)
            file.flush()
            os.fsync(file.fileno())
        result = hashlib.sha256(CONTENT).hexdigest() + RESULT
        ledger.execute("BEGIN IMMEDIATE")
        ledger.execute("SELECT version FROM instrument_day WHERE day = ? AND holder = 'me'", (key,)).fetchone()
        temporary.replace(self._folder / key)
        descriptor = os.open(self._folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        ledger.execute(
            "UPDATE instrument_day SET version = 2, holder = NULL, result = ? WHERE day = ? AND holder = 'me'",
            (result, key),
        )
        ledger.execute("INSERT INTO attempt (item, day, result) VALUES ('hit', ?, ?)", (key, result))
        ledger.execute("UPDATE progress SET newest = max(newest, ?) WHERE item = 'hit'", (key,))
        ledger.execute("COMMIT")
        return records

    def _ledger(self) -> sqlite3.Connection:
        if not hasattr(self._of_thread, "ledger"):
            ledger = sqlite3.connect(self._folder / "ledger", timeout=30, isolation_level=None)
            ledger.execute("PRAGMA foreign_keys=ON")
            ledger.execute("PRAGMA synchronous=FULL")
            self._of_thread.ledger = ledger
        found: sqlite3.Connection = self._of_thread.ledger
        return found


def main(url: str, first_day: str, days: str, threads: str) -> None:
    """Carry every day of the range out once."""
    use_key(url)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(int(threads)) as pool:
        wanted = [date.fromisoformat(first_day) + timedelta(days=number) for number in range(int(days))]
        print(sum(pool.map(Days(Path(folder)).carry_out, wanted)))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
