"""What Parquet of a changed day costs, beside reading its month's day files, and what DuckDB makes of ten years.

    python -m benchmarks.export --repeats 5

A year of `mag` from the simulator, in a datastore of its own. A day in the middle of a month loses its last row, and
the month is exported again, by `export_parquet`; beside it the month's day files are read, a day at a time, as
`day_tables` gives them: in turn and in one process, medians. Then DuckDB takes means, day by day, of the field's
components and magnitude in GSE, as docs/export.md writes it, on one thread and on all; so it does in the form that asks
its calendar, and of all ten components that there are. Over the year's files and over ten copies of them, each time in
a process of its own, whose start does not count. Files are in the cache of the system.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from ialirt_backfill.export.parquet import export_parquet
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions, ExportOptions
from ialirt_backfill.read.table import day_tables
from ialirt_backfill.run.backfill import backfill

FIRST, LAST = date(2025, 10, 1), date(2026, 9, 30)
MONTH = date(2026, 1, 1), date(2026, 1, 31)
CHANGED = date(2026, 1, 15)
COPIES = 10
MAG = INSTRUMENTS["mag"]
_LATER = datetime(2026, 12, 1, tzinfo=UTC)

DAY = "make_timestamp(epoch_us(time_utc))::DATE"
"""The day of a record as docs/export.md writes it: without a zone DuckDB need not ask a calendar."""

BY_CALENDAR = "date_trunc('day', time_utc)"

QUERY = """
import sys, time, duckdb
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
if int(sys.argv[3]):
    connection.execute(f"SET threads = {sys.argv[3]}")
wall, cpu = time.perf_counter(), time.process_time()
days = connection.execute(sys.argv[1], [sys.argv[2]]).fetchall()
print(time.perf_counter() - wall, time.process_time() - cpu, len(days))
"""


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory(prefix="export-", dir="/tmp") as folder:
        store, parquet = Path(folder, "store"), Path(folder, "parquet")
        days = BackfillOptions(instrument="mag", start=FIRST, end=LAST, datastore=str(store), demo=True, as_of=_LATER)
        backfill(days)
        _say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        began = time.perf_counter()
        _export(store, parquet, FIRST, LAST)
        size = sum(it.stat().st_size for it in parquet.rglob("*.parquet")) / 1e6
        _say(f"  a year of mag exported in {time.perf_counter() - began:.1f} s, {size:.0f} MB")
        _change_a_day(store, parquet, repeats)
        _query(parquet, "a year", repeats)
        for number in range(1, COPIES):
            shutil.copytree(parquet / "instrument=mag", parquet / "instrument=mag" / f"copy={number}", ignore=_copies)
        _query(parquet, "ten years", repeats)


def _export(store: Path, to: Path, start: date, end: date) -> None:
    options = ExportOptions(datastore=str(store), to=str(to), instrument="mag", start=start, end=end)
    assert export_parquet(options).exit_code == 0


def _change_a_day(store: Path, parquet: Path, repeats: int) -> None:
    path = store / MAG.path(CHANGED)

    def change() -> None:
        path.write_bytes(path.read_bytes()[:-1].rpartition(b"\n")[0] + b"\n")

    def nothing() -> None:
        pass

    def ours() -> None:
        _export(store, parquet, *MONTH)

    def beside() -> None:
        for rows in day_tables(store, "mag", *MONTH):
            assert rows.num_rows

    found: dict[Callable[[], None], list[tuple[float, float]]] = {ours: [], beside: []}
    for number in range(repeats + 1):
        for work, costs in found.items():
            (change if work is ours else nothing)()
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number:  # the first warms up
                costs.append((time.perf_counter() - wall, time.process_time() - cpu))
    for place, what in enumerate(("wall", "CPU")):
        mine, theirs = (statistics.median(it[place] for it in costs) for costs in found.values())
        _say(f"  a changed day of mag {what:4} {mine:.2f} s, reading its month {theirs:.2f} s  {mine / theirs:.2f} x")


def _query(parquet: Path, what: str, repeats: int) -> None:
    components = [it.name for it in MAG.columns.values() if it.unit == "nT"]
    field = ["mag_B_GSE_x", "mag_B_GSE_y", "mag_B_GSE_z", "mag_B_magnitude"]
    count = sum(1 for _ in parquet.rglob("*.parquet"))
    for names, day, threads in ((field, DAY, 1), (field, DAY, 0), (field, BY_CALENDAR, 0), (components, DAY, 0)):
        means = ", ".join(f"avg({name})" for name in names)
        query = f"SELECT {day} AS day, {means} FROM read_parquet($1) GROUP BY day ORDER BY day"
        words = [sys.executable, "-c", QUERY, query, f"{parquet}/instrument=mag/**/*.parquet", str(threads)]
        spent = []
        for _ in range(repeats + 1):
            wall, cpu, days = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
            assert int(days) > 300
            spent.append((float(wall), float(cpu)))
        wall_seconds, cpu_seconds = (statistics.median(column) for column in zip(*spent[1:], strict=True))
        found = f"{wall_seconds:.2f} s, {cpu_seconds:.2f} s CPU"
        on = "one thread" if threads else "all threads"
        _say(f"  {what} by {day}, {len(names)} columns, {count} files, {on}: {found}")


def _copies(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("copy=")]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
