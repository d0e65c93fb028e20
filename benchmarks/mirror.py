"""What the mirror's loads cost, beside PostgreSQL's own COPY and beside crump.

    python -m benchmarks.mirror --repeats 9 --crump 3
    python -m benchmarks.mirror --year
    python -m benchmarks.mirror --compare

A whole day of `mag` (21,600 records) from the simulator goes into a PostgreSQL server made for the purpose, with its
usual settings (every commit reaches the disk). COPY puts the file's rows into the same table, with its key and its
index, and commits; of the mirror the whole call is timed, with its plan, its ledger and its sessions. All are measured
in turn, and medians are compared, because a busy machine makes all of them slow.
``--year`` loads 365 days instead, once, and tells the most memory that was held. ``--compare`` loads a whole day of
every instrument by crump into one schema and by the mirror into another, and looks for a cell that is different.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from crump import sync_file_to_db

from benchmarks.processes import postgresql
from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH
from ialirt_backfill.mirror.configuration import job
from ialirt_backfill.mirror.events import MirrorListener, MirrorOutcome
from ialirt_backfill.mirror.loading import mirror
from ialirt_backfill.mirror.views import make_views
from ialirt_backfill.options import BackfillOptions, MirrorOptions
from ialirt_backfill.run.backfill import backfill

DAY = date(2026, 1, 1)
MAG = INSTRUMENTS["mag"]
COPY = "COPY, bare"

_LATER = datetime(2026, 2, 1, tzinfo=UTC)
_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'ialirt_mag'"


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror", description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--crump", type=int, default=3, metavar="N", help="measure crump in the first N rounds")
    parser.add_argument("--year", action="store_true")
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m-", dir="/tmp")))
        database = stack.enter_context(postgresql())
        _say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, PostgreSQL {_version(database)}")
        if arguments.year:
            _load_a_year(base / "store", database)
        elif arguments.compare:
            _compare(base / "store", database)
        else:
            _measure_a_day(base / "store", database, arguments.repeats, arguments.crump)


# --- a day ------------------------------------------------------------------------------------------------------------


def _measure_a_day(store: Path, database: str, repeats: int, crump: int) -> None:
    backfill(BackfillOptions(instrument="mag", start=DAY, end=DAY, datastore=str(store), demo=True, as_of=_LATER))
    path = store / MAG.path(DAY)
    options = MirrorOptions(datastore=str(store), database=database, instrument="mag", start=DAY, end=DAY, reload=True)
    loads = {
        COPY: lambda: _copy(path, database),
        "mirror, a new table": lambda: _mirror(options, "DROP TABLE IF EXISTS ialirt_mag CASCADE"),
        "mirror, a new day": lambda: _mirror(options, "DELETE FROM ialirt_mag"),
        "mirror, an unchanged day again": lambda: _mirror(options),
        "mirror, an hour more": lambda: _mirror(options, f"DELETE FROM ialirt_mag WHERE time_utc >= '{DAY} 23:00'"),
    }
    theirs = {
        "crump, a new day": lambda: _crump(path, database, "DELETE FROM ialirt_mag"),
        "crump, an unchanged day again": lambda: _crump(path, database),
    }
    _mirror(options)
    _say(f"A day in a table of its own, medians of {repeats} rounds ({crump} of crump)")
    _show(_in_turn(loads, theirs, repeats, crump))
    _fill_a_year(database)
    of_a_year = {
        COPY: lambda: _copy(path, database, "ialirt_bare"),
        "mirror, a new day": lambda: _mirror(options, f"DELETE FROM ialirt_mag WHERE file_date = '{DAY}'"),
        "mirror, an unchanged day again": loads["mirror, an unchanged day again"],
        "mirror, an hour more": loads["mirror, an hour more"],
    }
    _execute(database, "CREATE TABLE ialirt_bare (LIKE ialirt_mag INCLUDING ALL)")
    _say("The same in a table that holds a year, 7.9 million rows")
    _show(_in_turn(of_a_year, {}, repeats, 0))
    _measure_the_rest(options, database, repeats)


def _measure_the_rest(options: MirrorOptions, database: str, repeats: int) -> None:
    make_views(options)
    hour = "SELECT count(mag_b_gse_x_mean) FROM ialirt_mag_1h"
    plain = replace(options, start=None, end=None, reload=False)
    others: dict[str, Callable[[], float]] = {
        "mirror, nothing to load in that year": lambda: _timed(lambda: mirror(plain)),
        "hourly means of a day": lambda: _timed(lambda: _execute(database, f"{hour} WHERE file_date = '2025-06-01'")),
        "hourly means of the year": lambda: _timed(lambda: _execute(database, hour)),
    }
    _show(_in_turn(others, {}, repeats, 0))


def _in_turn(
    works: Mapping[str, Callable[[], float]], slow: Mapping[str, Callable[[], float]], repeats: int, few: int
) -> dict[str, list[float]]:
    """The seconds of each work, all in turn; those of ``slow`` in the first rounds only."""
    found: dict[str, list[float]] = {name: [] for name in (*works, *slow)}
    for number in range(repeats):
        for name, work in ({**works, **slow} if number < few else works).items():
            found[name].append(work())
    return {name: seconds for name, seconds in found.items() if seconds}


def _show(found: Mapping[str, list[float]]) -> None:
    beside = statistics.median(found[COPY]) if COPY in found else None
    for name, seconds in found.items():
        median = statistics.median(seconds)
        ratio = "" if beside is None else f"  {median / beside:6.1f} x COPY"
        _say(f"  {name:38} {median:8.3f} s ({min(seconds):.3f} to {max(seconds):.3f}){ratio}")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _copy(path: Path, database: str, table: str = "ialirt_mag") -> float:
    content = path.read_bytes()
    columns = ", ".join(f'"{name}"' for name in content.partition(b"\n")[0].decode().split(","))
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}".encode())
        connection.commit()
        began = time.perf_counter()
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER)".encode()) as copy:
            copy.write(content)
        connection.commit()
        return time.perf_counter() - began


def _mirror(options: MirrorOptions, before: str = "") -> float:
    if before:
        _execute(options.database_url, before)
    began = time.perf_counter()
    report = mirror(options)
    seconds = time.perf_counter() - began
    if report.exit_code:
        raise RuntimeError(report.outcomes[0].error)
    return seconds


def _crump(path: Path, database: str, before: str = "") -> float:
    if before:
        _execute(database, before)
    return _timed(lambda: sync_file_to_db(path, job(MAG), database, {"date": f"{DAY:%Y%m%d}"}))


def _fill_a_year(database: str) -> None:
    """The same day again and again, for each of the 365 days before it."""
    names = [name for (name,) in _execute(database, _COLUMNS)]
    shifted = {"time_utc": "time_utc - n * interval '1 day'", "file_date": "file_date - n"}
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(shifted.get(name, f'"{name}"') for name in names)
    _execute(
        database,
        f"INSERT INTO ialirt_mag ({columns}) SELECT {values} FROM ialirt_mag, generate_series(1, 365) n",
    )
    _execute(database, "VACUUM ANALYZE ialirt_mag")


# --- a year -----------------------------------------------------------------------------------------------------------


def _load_a_year(store: Path, database: str) -> None:
    """From the launch on: 365 days of synthetic `mag`, each a file of its own, into an empty table."""
    end = LAUNCH + timedelta(days=364)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    filled = backfill(
        BackfillOptions(instrument="mag", start=LAUNCH, end=end, datastore=str(store), demo=True, jobs=2, as_of=later)
    )
    _say(f"{filled.summary['downloaded']} days of files are there, load {os.getloadavg()[0]:.1f}")
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds: list[float] = []

    class Listener(MirrorListener):
        def day_finished(self, outcome: MirrorOutcome) -> None:
            seconds.append(outcome.seconds)
            if len(seconds) % 73 == 0:
                each = statistics.median(seconds[-73:])
                _say(f"{len(seconds):3} days, {outcome.decision.day}: {each:.3f} s each; {_resident():.0f} MB are held")

    began, used = time.perf_counter(), time.process_time()
    report = mirror(MirrorOptions(datastore=str(store), database=database, instrument="mag"), listener=Listener())
    wall, python = time.perf_counter() - began, time.process_time() - used
    [(rows,)] = _execute(database, "SELECT count(*) FROM ialirt_mag")
    _say(f"{report.summary['loaded']} days, {rows:,} rows: {wall:.0f} s, {python:.0f} s of it in Python")
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    _say(f"the peak of memory is {more:.0f} MB above that of making the files; load {os.getloadavg()[0]:.1f}")


def _resident() -> float:
    """The memory that the process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


# --- cell by cell -----------------------------------------------------------------------------------------------------


def _compare(store: Path, database: str) -> None:
    """Every whole day by crump and by the mirror, told apart by what PostgreSQL keeps of each row."""
    backfill(BackfillOptions(instrument="all", start=DAY, end=DAY, datastore=str(store), demo=True, as_of=_LATER))
    for schema in ("crumps", "ours"):
        _execute(database, f"CREATE SCHEMA {schema}")
    for name, instrument in INSTRUMENTS.items():
        path = store / instrument.path(DAY)
        if not path.exists():
            continue
        values = {"date": f"{DAY:%Y%m%d}"}
        sync_file_to_db(path, job(instrument), f"{database}&options=-csearch_path%3Dcrumps", values)
        ours = f"{database}&options=-csearch_path%3Dours"
        report = mirror(MirrorOptions(datastore=str(store), database=ours, instrument=name, start=DAY, end=DAY))
        table = f"ialirt_{name}"
        [(rows, different)] = _execute(
            database,
            f"SELECT count(*), count(*) FILTER (WHERE a IS NULL OR b IS NULL OR a *<> b)"
            f" FROM crumps.{table} a FULL JOIN ours.{table} b USING (time_utc)",
        )
        [(cells,)] = _execute(
            database,
            f"SELECT count(*) * {rows} FROM pg_attribute WHERE attrelid = 'ours.{table}'::regclass AND attnum > 0",
        )
        _say(f"{name:12} {rows:6,} rows, {cells:9,} cells: {different} rows different; {report.summary['loaded']} day")


def _execute(database: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _version(database: str) -> str:
    return str(_execute(database, "SHOW server_version")[0][0])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
