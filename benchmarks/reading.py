"""What reading a day costs, beside arrow's own reader of CSV, and how much memory a year takes.

    python -m benchmarks.reading --repeats 25
    python -m benchmarks.reading --year

Whole days from the simulator are read in the schema of their instrument, as `read_table` gives them, and by
``pyarrow.csv.read_csv`` as anyone would call it, in turn and in one process; medians are compared, because a busy
machine makes both slow. Files are in the cache of the system. ``--year`` reads 365 days of `mag` as hourly means, in a
process of its own, and tells its peak of memory beside that of one for three days.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pyarrow import csv

from benchmarks.processes import cost
from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.read.table import read_table
from ialirt_backfill.run.backfill import backfill

DAY = date(2026, 1, 1)
MAG = INSTRUMENTS["mag"]
_LATER = datetime(2026, 2, 1, tzinfo=UTC)


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--year", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="r-", dir="/tmp") as folder:
        store = Path(folder)
        names = "mag" if arguments.year else "all"
        backfill(BackfillOptions(instrument=names, start=DAY, end=DAY, datastore=folder, demo=True, as_of=_LATER))
        _say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        if arguments.year:
            _read_a_year(store)
        else:
            for name in INSTRUMENTS:
                _read_a_day(store, name, arguments.repeats)


def _read_a_day(store: Path, name: str, repeats: int) -> None:
    path = store / INSTRUMENTS[name].path(DAY)
    if not path.exists():
        return

    def ours() -> None:
        read_table(store, name, DAY)

    def beside() -> None:
        csv.read_csv(path)

    found: dict[Callable[[], None], list[tuple[float, float]]] = {ours: [], beside: []}
    for number in range(repeats + 2):
        for work, costs in found.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number > 1:  # the first two warm up
                costs.append((time.perf_counter() - wall, time.process_time() - cpu))
    for place, what in enumerate(("wall", "CPU")):
        mine, theirs = (1000 * statistics.median(it[place] for it in costs) for costs in found.values())
        _say(f"  {name:12} {what:4} {mine:7.2f} ms, pyarrow.csv {theirs:7.2f} ms  {mine / theirs:5.2f} x")


def _read_a_year(store: Path) -> None:
    """The same day again and again, under other dates: what it holds does not matter here."""
    content = (store / MAG.path(DAY)).read_bytes()
    for number in range(365):
        day = LAUNCH + timedelta(days=number)
        path = store / MAG.path(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(f"{DAY}".encode(), f"{day}".encode()))
    code = "import sys; from ialirt_backfill import read_table; read_table(*sys.argv[1:], average='1h')"
    for days in (3, 365):
        last = LAUNCH + timedelta(days=days - 1)
        spent = cost([sys.executable, "-c", code, store, "mag", f"{LAUNCH}", f"{last}"])
        _say(f"  {days:3} days of mag by the hour: {spent.wall_seconds:.1f} s, peak {spent.peak_megabytes:.0f} MB")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
