"""Kill a backfill again and again, at random moments, and compare what it leaves with what a perfect query gives.

    python -m benchmarks.chaos --kills 200

A round fills an empty datastore. The real command runs in a process of its own against the simulator and is killed
with SIGKILL after a random time, until it ends by itself. After every kill, what the datastore holds is looked at:
every file must be one complete state of its day, with no row that the server never sent, and the ledger must not claim
more rows than the file has. At the end of the round every file must hold, cell for cell, what a perfect query gives,
no temporary file may be left, and one more run must ask for nothing. Every other round follows days that go on while
the runs are killed: it appends, and passes over the gaps of late records.

Prints figures as JSON; the exit code is 1 where anything was lost or wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import cli
from ialirt_backfill.day import table
from ialirt_backfill.instruments import INSTRUMENTS, TIME_UTC
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.store import dayfile
from tests.support.access import ENVIRONMENT, FULL, KEYS
from tests.support.reference import assert_cell, assert_file_holds, expected_rows

DAY = timedelta(days=1)
LIVE = ("mag", "mag_hk", "hit", "swe", "swapi")
"""Instruments of which a late stretch is always long enough to be a gap: none of its records may stay missing."""


LIVE_DAYS = 2


class Chaos:
    """The rounds, and what they found."""

    def __init__(self, seed: int, kills: int) -> None:
        self._random = random.Random(seed)
        self._wanted = kills
        self._now = datetime(2026, 3, 1, tzinfo=UTC)
        self._simulator = Simulator(seed=seed, now=lambda: self._now, keys=KEYS, latency=0.01)
        self.figures: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self) -> None:
        with self._simulator:
            while self.figures["kills"] < self._wanted:
                with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
                    self._round(Path(folder), live=self.figures["rounds"] % 2 == 1)
                self.figures["rounds"] += 1

    def _round(self, store: Path, *, live: bool) -> None:
        start = date(2025, 10, 1) + DAY * self._random.randrange(120)
        days = [start + DAY * number for number in range(LIVE_DAYS if live else 4)]
        names = LIVE if live else tuple(INSTRUMENTS)
        over = day_span(days[-1]).end
        self._now = day_span(days[0]).start + timedelta(hours=5) if live else over + 3 * DAY
        while True:
            finished = self._one_run(store, names, days, may_kill=self.figures["kills"] < self._wanted)
            self._look(store, names, days)
            if finished and self._now >= over + 2 * DAY:
                break
            if live:
                self._now += timedelta(hours=self._random.uniform(0.2, 8))
        self._compare(store, names, days)

    def _one_run(self, store: Path, names: tuple[str, ...], days: list[date], *, may_kill: bool) -> bool:
        """Whether the run ended by itself."""
        command = [
            sys.executable, str(cli.__file__), "--instrument", ",".join(names),
            "--start", str(days[0]), "--end", str(days[-1]), "--as-of", self._now.isoformat(), "--quiet",
            "--datastore", str(store), "--url", self._simulator.url, "--jobs", str(self._random.choice((1, 2, 4))),
        ]  # fmt: skip
        self._simulator.forget_requests()
        running = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if may_kill:
            self._let_it_live(running, store, longest=0.6 if len(days) == LIVE_DAYS else 2.5)
            running.kill()
        _, said = running.communicate()
        self.figures["runs"] += 1
        self.figures["requests"] += len(self._simulator.requests)
        if running.returncode == -9:
            self.figures["kills"] += 1
            return False
        if running.returncode:
            self.wrong.append(f"a run ended with {running.returncode}: {said[-300:]}")
        return True

    def _let_it_live(self, running: subprocess.Popen[str], store: Path, longest: float) -> None:
        """Until a random moment: any, or one at which a file is being published."""
        if self._random.random() < 0.1:
            _wait(running, self._random.uniform(0, 1.0))  # it has hardly begun
            return
        while not self._simulator.requests and running.poll() is None:
            time.sleep(0.005)
        _wait(running, self._random.uniform(0, longest))
        if self._random.random() < 0.5:
            while running.poll() is None and not any(store.glob("ialirt*/*/*/.*.tmp")):
                time.sleep(0.0005)
            time.sleep(self._random.uniform(0, 0.02))

    def _look(self, store: Path, names: tuple[str, ...], days: list[date]) -> None:
        """What a killed run leaves: complete files, and a ledger that claims no more than they hold."""
        claimed = _claimed(store)
        for name in names:
            for day in days:
                path = store / INSTRUMENTS[name].path(day)
                self.figures["temporary files seen"] += len(list(path.parent.glob(f".{path.name}.*")))
                if not path.exists():
                    if claimed.get((INSTRUMENTS[name].progress_key, str(day)), 0):
                        self.wrong.append(f"{name} {day}: the ledger has rows, but there is no file")
                    continue
                self.figures["files looked at"] += 1
                self._look_at(path, name, day, claimed.get((INSTRUMENTS[name].progress_key, str(day)), 0))

    def _look_at(self, path: Path, name: str, day: date, claimed: int) -> None:
        rows = dayfile.read(path)
        span = day_span(day)
        sent = {record["time_utc"] for record in self._simulator.records(name, span.start, span.end)}
        if dayfile.is_cut(path) or not table.is_ordered(rows):
            self.wrong.append(f"{name} {day}: the file is no complete state of its day")
        if not sent.issuperset(rows[TIME_UTC].to_pylist()):
            self.wrong.append(f"{name} {day}: the file has rows that the server never sent")
        if rows.num_rows < claimed:
            self.wrong.append(f"{name} {day}: the ledger claims {claimed} rows, the file has {rows.num_rows}")

    def _compare(self, store: Path, names: tuple[str, ...], days: list[date]) -> None:
        """What the last run leaves: everything, and nothing else."""
        for name in names:
            for day in days:
                self.figures["days compared"] += 1
                span = day_span(day)
                records = self._simulator.records(name, span.start, span.end, scopes=FULL)
                self.figures["records compared"] += len(records)
                path = store / INSTRUMENTS[name].path(day)
                try:
                    if len(days) == LIVE_DAYS:
                        _assert_file_holds_at_least(path, records)
                    elif records or path.exists():
                        assert_file_holds(path, records)
                except (AssertionError, OSError) as error:
                    self.wrong.append(f"{name} {day}: {str(error)[:300]}")
        left = [str(path) for path in store.rglob("*.tmp")]
        if left:
            self.wrong.append(f"temporary files are left: {left}")
        self._one_run(store, names, days, may_kill=False)
        if self._simulator.requests:
            self.wrong.append(f"a run with nothing left to do made {len(self._simulator.requests)} requests")


def _wait(running: subprocess.Popen[str], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(seconds)


def _assert_file_holds_at_least(path: Path, records: list[dict[str, Any]]) -> None:
    """The same rows, and every value of them; a value that was taken back by the server may be there still."""
    expected = expected_rows(records)
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["time_utc"]: row for row in csv.DictReader(file, strict=True)}
    assert list(found) == sorted(expected), f"{len(found)} rows, expected {len(expected)}"
    for time_utc, row in expected.items():
        for name, value in row.items():
            if value is not None:
                assert_cell(name, found[time_utc][name], value)


def _claimed(store: Path) -> dict[tuple[str, str], int]:
    """How many rows the ledger says each day has."""
    path = store / "ledger.sqlite"
    if not path.exists():
        return {}
    ledger = sqlite3.connect(path)
    try:
        rows = ledger.execute("SELECT item_name, day, records FROM instrument_day").fetchall()
    except sqlite3.OperationalError:  # killed before its tables were made
        rows = []
    finally:
        ledger.close()
    return {(name, day): records for name, day, records in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="so many runs are killed (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other days and other moments (default 1)")
    options = parser.parse_args()
    began = time.monotonic()
    chaos = Chaos(options.seed, options.kills)
    chaos.run()
    figures = {**dict(sorted(chaos.figures.items())), "seconds": round(time.monotonic() - began)}
    sys.stdout.write(json.dumps({"seed": options.seed, **figures, "wrong": chaos.wrong}, indent=2) + "\n")
    return 1 if chaos.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
