"""The wire: connections, bytes, and what a line with latency makes of them, beside the mission's client.

    python -m benchmarks.wire [--only NAME,…] [--repeats N] [--before FOLDER] [--json FILE]

A front (`front.py`) puts TLS and 100 ms a round trip before the simulator. Either side has as many threads as the
other, and they run in turn; medians are compared. ``cpu`` compares with another commit, checked out in ``--before``:

    git worktree add ../before 784c6fc
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, tell
from benchmarks.floor import fetch
from benchmarks.processes import ROOT, Cost, Front, cost, floor, front, ours, simulator
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.run.poll import polling

FIRST_DAY = date(2026, 2, 1)
ROUND_TRIP_SECONDS = 0.1


def _ours(url: str, instrument: str, days: int, jobs: int, root: Path = ROOT) -> Cost:
    """The command as it is in ``root``, on an empty datastore."""
    folder = Path(tempfile.mkdtemp())
    try:
        last = FIRST_DAY + timedelta(days=days - 1)
        words = ours(url, folder / "data", instrument, str(FIRST_DAY), str(last), jobs)
        return cost([words[0], root / "cli.py", *words[2:]], root)
    finally:
        shutil.rmtree(folder)


def _missions(url: str, instrument: str, days: int, jobs: int) -> Cost:
    return cost(floor(url, instrument, str(FIRST_DAY), days, jobs))


def connections_and_bytes(_: int) -> list[Figure]:
    """31 days of mag with 4 jobs, and a day of all instruments, from a server that compresses: counts, no times."""
    with simulator(compresses=True) as inner, front(inner, 0.0) as line:
        figures = _counted(line, "31 days of mag", ["mag"], 31)
        return figures + _counted(line, "a day of all instruments", list(INSTRUMENTS), 1)[1:]


def _counted(line: Front, what: str, names: list[str], days: int) -> list[Figure]:
    line.seen()
    for name in names:
        _missions(line.url, name, days, 4)
    connections, sent = line.seen()
    _ours(line.url, ",".join(names), days, 4)
    own_connections, own_sent = line.seen()
    return [
        Figure(
            f"connections opened for {what}, 4 jobs", str(own_connections), f"mission's {connections}", "", "at most 8"
        ),
        Figure(
            f"bytes received for {what}, a server that compresses",
            f"{own_sent / 1e6:.1f} MB",
            f"mission's {sent / 1e6:.1f} MB",
            f"{own_sent / sent:.3f} x",
            "at most 0.2 x",
        ),
    ]


def wall(repeats: int) -> list[Figure]:
    """31 days of mag over the line with 8 connections, start-up (a day without data) taken off both."""
    walls: dict[str, list[float]] = {"ours": [], "mission's": []}
    with simulator() as inner, front(inner, ROUND_TRIP_SECONDS) as line:
        _missions(line.url, "mag", 31, 8)  # the simulator makes its tables once
        for _ in range(repeats):
            for name, run in (("ours", _ours), ("mission's", _missions)):
                start_up = run(line.url, "codice_lo", 1, 8).wall_seconds - 3 * ROUND_TRIP_SECONDS
                walls[name].append(run(line.url, "mag", 31, 8).wall_seconds - start_up)
    mine, beside = (statistics.median(walls[name]) for name in ("ours", "mission's"))
    what = f"wall of 31 days of mag, TLS, {1000 * ROUND_TRIP_SECONDS:.0f} ms a round trip, 8 connections"
    return [Figure(what, f"{mine:.2f} s", f"mission's {beside:.2f} s", f"{mine / beside:.2f} x", "at most 0.6 x")]


def poll(repeats: int) -> list[Figure]:
    """A poll's pass over all instruments, in one process, from the second one on; the same windows are asked for with
    the mission's client in as many threads before each."""
    clock = datetime(2026, 2, 2, 12, tzinfo=UTC)
    step = timedelta(minutes=5)
    walls: dict[str, list[float]] = {"ours": [], "mission's": []}
    folder = Path(tempfile.mkdtemp())
    try:
        with simulator(now="2026-02-03T12:00:00") as inner, front(inner, ROUND_TRIP_SECONDS) as line:
            options = PollOptions(datastore=str(folder), url=line.url, jobs=4)
            with polling(options, clock=lambda: clock) as it:
                for _ in range(repeats + 1):
                    with ThreadPoolExecutor(4) as pool:
                        span = Span(clock - 3 * step, clock)
                        began = time.perf_counter()
                        list(pool.map(partial(fetch, span=span), INSTRUMENTS))
                        walls["mission's"].append(time.perf_counter() - began)
                    began = time.perf_counter()
                    this = it.begin()
                    it.ask(this)
                    it.catch_up(this)
                    walls["ours"].append(time.perf_counter() - began)
                    clock += step
    finally:
        shutil.rmtree(folder)
    mine, beside = (statistics.median(walls[name][1:]) for name in ("ours", "mission's"))
    return [
        Figure(
            f"wall of a poll's pass over all instruments, same line, 4 jobs, from the second on ({repeats} passes)",
            f"{mine:.2f} s",
            f"mission's {beside:.2f} s",
            f"{mine / beside:.2f} x",
            "at most 0.5 x",
        )
    ]


def cpu(repeats: int, before: Path) -> list[Figure]:
    """CPU per instrument-day over the floor, no compression, of this commit and another, in turn."""
    figures = []
    with simulator() as url:
        sides: dict[str, Callable[[str, int], Cost]] = {
            "ours": lambda name, days: _ours(url, name, days, 4),
            "before": lambda name, days: _ours(url, name, days, 4, before),
            "floor": lambda name, days: _missions(url, name, days, 4),
        }
        for instrument, days in (("mag", 8), ("mag_hk", 8), ("codice_hi", 16)):
            sides["floor"](instrument, days + 1)  # the simulator makes its tables once
            per_day: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(repeats):
                for name, run in sides.items():
                    long, short = run(instrument, days + 1), run(instrument, 1)
                    per_day[name].append(1000 * (long.cpu_seconds - short.cpu_seconds) / days)
            mine, other, beside = (statistics.median(per_day[name]) for name in sides)
            figures.append(
                Figure(
                    f"CPU per day of {instrument}, no compression",
                    f"{mine:.1f} ms",
                    f"before {other:.1f} ms, floor {beside:.1f} ms",
                    f"{mine / beside:.2f} x, before {other / beside:.2f} x",
                    "at most 0.1 above",
                )
            )
    return figures


def main() -> None:
    """Run the measures that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--only", default="counts,wall,poll,cpu", help="some of: counts, wall, poll, cpu")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument("--before", type=Path, help="for cpu: where the other commit is checked out")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    measures: dict[str, Callable[[int], list[Figure]]] = {"counts": connections_and_bytes, "wall": wall, "poll": poll}
    if options.before:
        measures["cpu"] = partial(cpu, before=options.before.resolve())
    figures = [
        figure for name in options.only.split(",") if name in measures for figure in measures[name](options.repeats)
    ]
    tell(figures, options.repeats, options.json)


if __name__ == "__main__":
    main()
