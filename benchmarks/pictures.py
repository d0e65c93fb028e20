"""What pictures cost: CPU after start-up, and the most memory. ``python -m benchmarks.pictures [--repeats N]``.

The days come from the simulator, the coverage of a year and of ten from a ledger alone. Start-up is a process that
loads all that drawing needs, as the command does, and draws nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks import ten_years
from benchmarks.processes import CLI, Cost, cost, ours, simulator

FIRST, LAST, DAYS = "2026-02-01", "2026-02-28", 28
START_UP = """
import atexit, gc
from ialirt_backfill.day.lean import load_arrow_alone

load_arrow_alone()
import ialirt_backfill.plot.drawing, ialirt_backfill.command, ialirt_backfill.terminal.pictures
atexit.register(gc.freeze)
"""


def main() -> None:
    """Make the days, measure, and print a line for each picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument("--datastore", type=Path, help="days that are there already, of a demonstration")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = options.datastore or Path(folder) / "data"
        if options.datastore is None:
            with simulator() as url:
                cost(ours(url, store, "all", FIRST, LAST, 4))
        empty = _median([cost([sys.executable, "-c", START_UP]) for _ in range(options.repeats)])
        print(f"start-up: {empty.cpu_seconds:.2f} s CPU, {empty.peak_megabytes:.0f} MB")  # noqa: T201
        years = Path(folder) / "years"
        (years / "ialirt").mkdir(parents=True)
        ten_years.fill_days(f"sqlite:///{years / 'ledger.sqlite'}", ten_years.DAYS)
        pictures = {name: [*words, "--datastore", store] for name, words in _pictures().items()}
        for name, words in (pictures | _coverage(years)).items():
            file = Path(folder) / "picture.png"
            line = [sys.executable, CLI, "plot", *words, "--out", file]
            found = _median([cost(line) for _ in range(options.repeats)])
            cpu = found.cpu_seconds - empty.cpu_seconds
            size = file.stat().st_size // 1000
            print(f"{name}: {cpu:.2f} s CPU after start-up, {found.peak_megabytes:.0f} MB, {size} kB")  # noqa: T201


def _pictures() -> dict[str, list[str]]:
    one, month = ["--start", FIRST, "--end", FIRST], ["--start", FIRST, "--end", LAST]
    days = {
        f"a day of {name}": ["--instrument", name, *one]
        for name in ("mag", "mag_hk", "hit", "swe", "swapi", "codice_lo", "codice_hi", "spacecraft")
    }
    three = ["--start", FIRST, "--end", "2026-02-03"]
    return days | {
        "three days of the solar wind": ["--board", "solar-wind", *three],
        "28 days of the solar wind": ["--board", "solar-wind", *month],
        "28 days of the magnetometer's health": ["--board", "mag-health", *month],
        "28 days of coverage": ["--board", "coverage", *month],
    }


def _coverage(store: Path) -> dict[str, list[str | Path]]:
    """Of all instruments, over so many days from the first."""
    return {
        f"{days} days of coverage": [
            *("--board", "coverage", "--datastore", store, "--as-of", ten_years.AS_OF.isoformat()),
            *("--start", f"{ten_years.FIRST}", "--end", f"{ten_years.FIRST + timedelta(days=days - 1)}"),
        ]
        for days in (365, ten_years.DAYS)
    }


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(it.wall_seconds for it in costs),
        statistics.median(it.cpu_seconds for it in costs),
        max(it.peak_megabytes for it in costs),
    )


if __name__ == "__main__":
    main()
