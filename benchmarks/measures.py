"""The measures. Each takes the number of repeats and gives its figures: medians, ours and the floor in turn."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks import ten_years
from benchmarks.figures import Figure
from benchmarks.processes import CLI, ROOT, Cost, cost, floor, ours, postgresql, simulator
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.poll import polling

FIRST_DAY = "2026-02-01"
LEAST = ROOT / "benchmarks" / "least.py"


def _last_day(days: int) -> str:
    return str(date.fromisoformat(FIRST_DAY) + timedelta(days=days - 1))


def _fresh(url: str, instrument: str, days: int, jobs: int) -> Cost:
    """Our command on an empty datastore."""
    folder = Path(tempfile.mkdtemp())
    try:
        return cost(ours(url, folder / "data", instrument, FIRST_DAY, _last_day(days), jobs))
    finally:
        shutil.rmtree(folder)


def _side_by_side(url: str, jobs: int) -> list[tuple[str, Callable[[str, int], Cost]]]:
    """Our command and the floor, each as a function of instrument and number of days."""

    def beside(instrument: str, days: int) -> Cost:
        return cost(floor(url, instrument, FIRST_DAY, days, jobs))

    def mine(instrument: str, days: int) -> Cost:
        return _fresh(url, instrument, days, jobs)

    return [("ours", mine), ("floor", beside)]


def cpu_per_day(repeats: int) -> list[Figure]:
    """CPU per instrument-day over the floor; the difference of a long and a short range takes start-up off both."""
    figures = []
    with simulator() as url:
        for instrument, days in (("mag", 8), ("mag_hk", 8), ("codice_hi", 16), ("hit", 64)):
            cost(floor(url, instrument, FIRST_DAY, days + 1, 4))  # the simulator makes its tables once
            per_day: dict[str, list[float]] = {"ours": [], "floor": []}
            for _ in range(repeats):
                for name, run in _side_by_side(url, jobs=4):
                    long, short = run(instrument, days + 1), run(instrument, 1)
                    per_day[name].append((long.cpu_seconds - short.cpu_seconds) / days)
            mine, beside = (statistics.median(per_day[name]) for name in ("ours", "floor"))
            is_small = instrument == "hit"  # what keeps a day safe costs the same whatever its size
            figures.append(
                Figure(
                    f"CPU per day of {instrument}",
                    f"{1000 * mine:.1f} ms",
                    f"floor {1000 * beside:.1f} ms",
                    f"{1000 * (mine - beside):+.1f} ms" if is_small else f"{mine / beside:.2f} x",
                    "at most 6 ms more" if is_small else "at most 1.6 x",
                )
            )
    return figures


def least_per_day(repeats: int) -> list[Figure]:
    """What a day of hit costs at least that outlives its process, before any cell of it is made."""
    costs: dict[str, list[float]] = {"least": [], "floor": []}

    def of_days(name: str, days: int) -> float:
        words: list[str | Path] = [sys.executable, LEAST, url, FIRST_DAY, str(days), "4"]
        return cost(words if name == "least" else floor(url, "hit", FIRST_DAY, days, 4)).cpu_seconds

    with simulator() as url:
        of_days("floor", 65)  # the simulator makes its tables once
        for _ in range(repeats):
            for name, found in costs.items():
                found.append((of_days(name, 65) - of_days(name, 1)) / 64)
    least, beside = (1000 * statistics.median(costs[name]) for name in ("least", "floor"))
    return [
        Figure(
            "CPU of hit: the floor, two transactions and a file",
            f"{least:.1f} ms",
            f"floor {beside:.1f} ms",
            f"{least / beside:.2f} x",
            "none",
        )
    ]


def wall_of_a_month(repeats: int) -> list[Figure]:
    """31 days of mag at 150 ms a request with 8 connections, start-up (an empty answer each) taken off both."""
    walls: dict[str, list[float]] = {"ours": [], "floor": []}
    with simulator(latency_seconds=0.15) as url:
        cost(floor(url, "mag", FIRST_DAY, 31, 8))
        for _ in range(repeats):
            for name, run in _side_by_side(url, jobs=8):
                start_up = run("codice_lo", 1).wall_seconds - 0.15
                walls[name].append(run("mag", 31).wall_seconds - start_up)
    mine, beside = (statistics.median(walls[name]) for name in ("ours", "floor"))
    return [
        Figure(
            "wall of 31 days of mag, 150 ms a request, 8 connections",
            f"{mine:.2f} s",
            f"floor {beside:.2f} s",
            f"{mine / beside:.2f} x",
            "at most 1.5 x",
        )
    ]


def peak_memory(repeats: int) -> list[Figure]:
    """Peak memory of 31 days of mag against 4, with 4 jobs."""
    peaks: dict[int, list[float]] = {4: [], 31: []}
    with simulator() as url:
        for _ in range(repeats):
            for days, found in peaks.items():
                found.append(_fresh(url, "mag", days, 4).peak_megabytes)
    short, long = (statistics.median(peaks[days]) for days in (4, 31))
    return [
        Figure(
            "peak memory, 31 days of mag, 4 jobs",
            f"{long:.0f} MB",
            f"4 days {short:.0f} MB",
            f"{long / short:.2f} x",
            "the same, under 300 MB",
        )
    ]


def late_poll(repeats: int) -> list[Figure]:
    """One poll of mag late in the day less one early in it, CPU of one process, in turns; the simulator is another.

    Each poll follows one five minutes before it; the first two of either fetch other amounts and do not count.
    """
    step = timedelta(minutes=5)
    first = {"early": _at("00:10"), "late": _at("23:55") - (repeats + 1) * step}
    costs: dict[str, list[float]] = {"early": [], "late": []}
    folder = Path(tempfile.mkdtemp())
    try:
        with simulator(now="2026-02-03T12:00:00") as url:
            for number in range(repeats + 2):
                for part, found in costs.items():
                    found.append(_poll_cpu_seconds(folder / part, url, first[part] + number * step))
    finally:
        shutil.rmtree(folder)
    early, late = (statistics.median(costs[part][2:]) for part in ("early", "late"))
    return [
        Figure(
            "one poll of mag until 23:55, CPU",
            f"{1000 * late:.1f} ms",
            f"from 00:20 on {1000 * early:.1f} ms",
            f"{1000 * (late - early):+.1f} ms",
            "at most 10 ms more",
        )
    ]


def _at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-02T{clock}:00+00:00")


def _poll_cpu_seconds(datastore: Path, url: str, now: datetime) -> float:
    options = PollOptions(instrument="mag", datastore=str(datastore), url=url, jobs=1)
    with polling(options, clock=lambda: now) as it:
        began = time.process_time()
        this = it.begin()
        it.ask(this)
        it.catch_up(this)
        return time.process_time() - began


def help_start_up(repeats: int) -> list[Figure]:
    """--help over a bare process that imports argparse and rich."""
    bare = [sys.executable, "-c", "import argparse, rich.console; argparse.ArgumentParser().format_help()"]
    mine, beside = [], []
    for _ in range(4 * repeats):
        mine.append(cost([sys.executable, CLI, "--help"]).cpu_seconds)
        beside.append(cost(bare).cpu_seconds)
    own, other = statistics.median(mine), statistics.median(beside)
    return [
        Figure(
            "--help, CPU",
            f"{1000 * own:.0f} ms",
            f"argparse + rich {1000 * other:.0f} ms",
            f"{own / other:.2f} x",
            "at most 2 x",
        )
    ]


OPENED = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
sys.argv = sys.argv[1:]
import cli
try:
    code = cli.main()
finally:
    print("opened day files:", sum(name.endswith(".csv") for name in opened))
sys.exit(code)
"""


def finished_month(repeats: int) -> list[Figure]:
    """A second run over a finished month of all eight instruments, over a second run over one finished day."""
    folder = Path(tempfile.mkdtemp())
    try:
        with simulator() as url:
            month = ours(url, folder / "month", "all", FIRST_DAY, _last_day(28), 4)
            day = ours(url, folder / "day", "hit", FIRST_DAY, FIRST_DAY, 4)
            cost(month)
            cost(day)
        # The server is gone: a request would fail the run.
        walls = [(cost(month).wall_seconds, cost(day).wall_seconds) for _ in range(repeats)]
        said = subprocess.run(
            [sys.executable, "-c", OPENED, *map(str, month[1:])], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    finally:
        shutil.rmtree(folder)
    mine, beside = (statistics.median(column) for column in zip(*walls, strict=True))
    return [
        Figure(
            "a finished month of all instruments again",
            f"{mine:.2f} s",
            f"one finished day {beside:.2f} s",
            f"{mine - beside:+.2f} s; {said.strip().splitlines()[-1]}",
            "under 0.3 s over start-up, no file opened",
        )
    ]


def planning(repeats: int) -> list[Figure]:
    """A run over ten finished years of all instruments, a million attempts in the history, over one of one day."""
    folder = Path(tempfile.mkdtemp())
    figures = []
    try:
        store = folder / "data"
        with postgresql() as server:
            for kind, ledger in (("SQLite", f"sqlite:///{store}/ledger.sqlite"), ("PostgreSQL", server)):
                ten_years.fill(ledger, store)
                also = ["--as-of", ten_years.AS_OF.isoformat(), "--ledger", ledger]
                first, last = str(ten_years.FIRST), str(ten_years.LAST)
                # Nobody listens there: a request would fail the run.
                all_of_it = [*ours("http://127.0.0.1:9", store, "all", first, last, 4), *also]
                one_day = [*ours("http://127.0.0.1:9", store, "hit", first, first, 4), *also]
                cost(all_of_it)
                costs = [(cost(all_of_it), cost(one_day)) for _ in range(repeats)]
                mine, beside = (
                    statistics.median(it.wall_seconds for it in column) for column in zip(*costs, strict=True)
                )
                own, other = (statistics.median(it.cpu_seconds for it in column) for column in zip(*costs, strict=True))
                figures.append(
                    Figure(
                        f"29,200 finished instrument-days, {kind}",
                        f"{mine:.2f} s, {own:.2f} s CPU",
                        f"one finished day {beside:.2f} s, {other:.2f} s CPU",
                        f"{mine - beside:+.2f} s, {own - other:+.2f} s CPU",
                        "under 0.5 s over an empty plan",
                    )
                )
    finally:
        shutil.rmtree(folder)
    return figures


MEASURES: dict[str, Callable[[int], list[Figure]]] = {
    "cpu": cpu_per_day,
    "least": least_per_day,
    "wall": wall_of_a_month,
    "memory": peak_memory,
    "poll": late_poll,
    "help": help_start_up,
    "finished": finished_month,
    "planning": planning,
}
