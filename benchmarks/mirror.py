"""What the mirror's loads cost, and what of that is whose.

    python -m benchmarks.mirror --repeats 3
    python -m benchmarks.mirror --year

A whole day of `mag` (21,600 records) from the simulator goes into a PostgreSQL server made for the purpose, with its
usual settings (every commit reaches the disk): by crump alone, by the mirror, by crump with its two costly habits
mended, by PostgreSQL's own COPY, and again when the table holds a year. Wall-clock seconds, the best of the repeats.
``--year`` loads 365 days instead, one after another as the mirror does, once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from crump import sync_file_to_db
from crump.database import DatabaseConnection, PostgreSQLBackend
from psycopg import sql

from benchmarks.processes import postgresql
from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH
from ialirt_backfill.mirror.configuration import job
from ialirt_backfill.mirror.loading import MirrorListener, MirrorOutcome, mirror
from ialirt_backfill.mirror.views import make_views
from ialirt_backfill.options import BackfillOptions, MirrorOptions
from ialirt_backfill.run.backfill import backfill

DAY = date(2026, 1, 1)
MAG = INSTRUMENTS["mag"]
BATCH = 1000


class BatchingBackend(PostgreSQLBackend):  # type: ignore[misc] # crump has no types
    """crump's, but with the statement composed once, rows sent a thousand at a time, and one commit at the end."""

    _statement = b""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._rows: list[tuple[Any, ...]] = []

    def upsert_row(self, table_name: str, conflict_columns: list[str], row_data: dict[str, Any]) -> None:
        if not self._statement:
            names = list(row_data)
            self._statement = (
                sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}")
                .format(
                    sql.Identifier(table_name),
                    sql.SQL(", ").join(map(sql.Identifier, names)),
                    sql.SQL(", ").join(sql.Placeholder() * len(names)),
                    sql.SQL(", ").join(map(sql.Identifier, conflict_columns)),
                    sql.SQL(", ").join(
                        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name))
                        for name in names
                        if name not in conflict_columns
                    ),
                )
                .as_bytes(self.conn)
            )
        self._rows.append(tuple(row_data.values()))
        if len(self._rows) >= BATCH:
            self._flush()

    def delete_stale_records_compound(self, *arguments: Any) -> int:
        self._flush()
        return int(super().delete_stale_records_compound(*arguments))

    def _flush(self) -> None:
        if self._rows:
            with self.conn.cursor() as cursor:
                cursor.executemany(self._statement, self._rows)
            self._rows.clear()


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--year", action="store_true")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m-", dir="/tmp")))
        database = stack.enter_context(postgresql())
        store = base / "store"
        _say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, PostgreSQL {_version(database)}")
        if arguments.year:
            _load_a_year(store, database)
            return
        backfill(BackfillOptions(instrument="mag", start=DAY, end=DAY, datastore=str(store), demo=True, as_of=_LATER))
        path = store / MAG.path(DAY)
        options = MirrorOptions(
            datastore=str(store), database=database, instrument="mag", start=DAY, end=DAY, reload=True
        )
        measures: Sequence[tuple[str, Callable[[], object]]] = (
            ("crump alone, new rows", lambda: _crump(path, database, new=True)),
            ("crump alone, rows that are there", lambda: _crump(path, database)),
            ("mirror, new rows", lambda: _mirror(options, database, new=True)),
            ("mirror, rows that are there", lambda: _mirror(options, database)),
            ("crump mended, new rows", lambda: _mended(path, database, new=True)),
            ("crump mended, rows that are there", lambda: _mended(path, database)),
            ("COPY", lambda: _copy(path, database)),
        )
        for name, work in measures:
            _measure(name, work, repeats)
        _mirror(options, database, new=True)
        _fill_a_year(database)
        _measure("mirror, a new day of a year that is there", lambda: _new_day(options, database), repeats)
        _measure("mirror, nothing to load in that year", lambda: mirror(_whole(options)), repeats)
        make_views(options)
        hour = "SELECT count(mag_b_gse_x_mean) FROM ialirt_mag_1h"
        _measure("hourly means of a day", lambda: _execute(database, f"{hour} WHERE file_date = '2025-06-01'"), repeats)
        _measure("hourly means of the year", lambda: _execute(database, hour), repeats)


_LATER = datetime(2026, 2, 1, tzinfo=UTC)


def _load_a_year(store: Path, database: str) -> None:
    """From the launch on: 365 days of synthetic `mag`, each a file of its own, into an empty table."""
    end = LAUNCH + timedelta(days=364)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    filled = backfill(
        BackfillOptions(instrument="mag", start=LAUNCH, end=end, datastore=str(store), demo=True, jobs=2, as_of=later)
    )
    _say(f"{filled.summary['downloaded']} days of files are there")
    seconds: list[float] = []

    class Listener(MirrorListener):
        def day_finished(self, outcome: MirrorOutcome) -> None:
            seconds.append(outcome.seconds)
            if len(seconds) % 30 == 0:
                each = statistics.median(seconds[-30:])
                _say(f"{len(seconds):3} days, {outcome.decision.day}: the last 30 took {each:.2f} s each")

    began, used = time.perf_counter(), time.process_time()
    report = mirror(MirrorOptions(datastore=str(store), database=database, instrument="mag"), listener=Listener())
    wall, python = time.perf_counter() - began, time.process_time() - used
    [(rows,)] = _execute(database, "SELECT count(*) FROM ialirt_mag")
    _say(f"{report.summary['loaded']} days, {rows:,} rows: {wall / 60:.1f} min, {python / 60:.1f} min of it in Python")


def _measure(name: str, work: Callable[[], object], repeats: int) -> None:
    best, least = float("inf"), float("inf")
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        took = work()
        wall = time.perf_counter() - began
        if wall < best:
            best = took if isinstance(took, float) else wall
        least = min(least, time.process_time() - used)
    _say(f"{name:45} {best:7.2f} s wall  {least:7.2f} s of that in Python")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _crump(path: Path, database: str, new: bool = False) -> float:
    if new:
        _execute(database, "DROP TABLE IF EXISTS ialirt_mag CASCADE")
    return _timed(lambda: sync_file_to_db(path, job(MAG), database, {"date": f"{DAY:%Y%m%d}"}))


def _mirror(options: MirrorOptions, database: str, new: bool = False) -> float:
    if new:
        _execute(database, "DROP TABLE IF EXISTS ialirt_mag CASCADE")
    return _timed(lambda: mirror(options))


def _mended(path: Path, database: str, new: bool = False) -> float:
    if new:
        _execute(database, "DROP TABLE IF EXISTS ialirt_mag CASCADE")

    def load() -> None:
        connection = DatabaseConnection(database)
        connection.backend = BatchingBackend(database)
        try:
            connection.sync_tabular_file(path, job(MAG), {"date": f"{DAY:%Y%m%d}"})
        finally:
            connection.backend.close()

    return _timed(load)


def _copy(path: Path, database: str) -> float:
    header = path.read_text().partition("\n")[0]
    columns = ", ".join(f'"{name}"' for name in header.split(","))

    def load() -> None:
        with psycopg.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("TRUNCATE ialirt_mag")
            with cursor.copy(f"COPY ialirt_mag ({columns}) FROM STDIN (FORMAT csv, HEADER)".encode()) as copy:
                copy.write(path.read_bytes())

    return _timed(load)


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


_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'ialirt_mag'"


def _new_day(options: MirrorOptions, database: str) -> float:
    _execute(database, f"DELETE FROM ialirt_mag WHERE file_date = '{DAY}'")
    return _timed(lambda: mirror(options))


def _whole(options: MirrorOptions) -> MirrorOptions:
    return MirrorOptions(datastore=options.datastore, database=options.database, instrument="mag")


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
