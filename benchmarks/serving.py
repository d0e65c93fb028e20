"""What serving by HAPI costs: CPU beside arrow's own parsing, first bytes, many clients, ten years, and memory.

    python -m benchmarks.serving --repeats 5 [--only cpu,first,clients,years,memory]

A server in a process of its own is asked over HTTP on this machine. CPU is that of its process, as the system counts it
(Linux), beside ``pyarrow.csv.read_csv`` of the same files in this process, in turn; medians are compared.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import csv

from benchmarks import ten_years
from benchmarks.processes import CLI, ROOT
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.run.backfill import backfill

FIRST = date(2026, 1, 1)
DAYS = 31
CLIENTS = 50
MAG = INSTRUMENTS["mag"]
_LATER = datetime(2026, 2, 2, tzinfo=UTC)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    @property
    def cpu_seconds(self) -> float:
        """Of user and system, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def peak_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def read(self, path: str) -> int:
        """How many bytes an answer has."""
        total = 0
        with urllib.request.urlopen(self.url + path, timeout=600) as answer:
            while piece := answer.read(1 << 20):
                total += len(piece)
        return total

    def data(self, days: int, format_: str = "binary") -> int:
        return self.read(f"/data?dataset=mag&start={FIRST}&stop={FIRST + timedelta(days=days)}&format={format_}")


@contextmanager
def serving(store: Path) -> Iterator[Server]:
    """A server over a datastore."""
    words = [sys.executable, str(CLI), "serve", "--port", "0", "--json", "-q", "--datastore", str(store)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield Server(process, re.findall(r"http://[^\"]+", process.stdout.readline())[0])
    finally:
        process.terminate()
        process.wait()


def month(store: Path) -> list[Path]:
    """The files of 31 days of mag: one day of the simulator with other dates."""
    backfill(BackfillOptions(instrument="mag", start=FIRST, end=FIRST, datastore=str(store), demo=True, as_of=_LATER))
    day = (store / MAG.path(FIRST)).read_text(encoding="utf-8")
    paths = [store / MAG.path(FIRST + timedelta(days=number)) for number in range(DAYS)]
    for number, path in enumerate(paths):
        path.write_text(day.replace(f"{FIRST}T", f"{FIRST + timedelta(days=number)}T"), encoding="utf-8")
    for file in store.glob("ledger*"):
        file.unlink()  # it knows of one day only: what there is, is then told from the files
    return paths


def cpu(store: Path, repeats: int) -> None:
    """31 days in each format, beside arrow."""
    paths = month(store)
    for format_ in ("binary", "csv", "json"):
        mine, beside = [], []
        with serving(store) as server:
            server.data(1, format_)
            for _ in range(repeats):
                before = server.cpu_seconds
                server.data(DAYS, format_)
                mine.append(server.cpu_seconds - before)
                before = time.process_time()
                for path in paths:
                    csv.read_csv(path)
                beside.append(time.process_time() - before)
        own, other = statistics.median(mine), statistics.median(beside)
        _say(f"31 days of mag, {format_}: {own:.2f} s CPU, arrow {other:.2f} s, {own / other:.2f} x")


def first(store: Path, repeats: int) -> None:
    """The first byte of a day, whole days on."""
    month(store)
    with serving(store) as server:
        for format_ in ("csv", "binary", "json"):
            path = f"/hapi/data?dataset=mag&start={FIRST}&stop={FIRST + timedelta(days=DAYS)}&format={format_}"
            took = [_first_byte(server, path) for _ in range(10 * repeats)][1:]
            _say(f"first byte of 31 days of mag, {format_}: {1000 * statistics.median(took):.1f} ms, {_tail(took)}")


def _first_byte(server: Server, path: str) -> float:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read(1)
    took = time.perf_counter() - began
    connection.close()
    return took


def clients(store: Path, repeats: int) -> None:
    """Fifty at once, a day each."""
    month(store)
    with serving(store) as server, ThreadPoolExecutor(CLIENTS) as pool:
        expected = server.data(1)
        for _ in range(repeats):
            began = time.perf_counter()
            sizes = list(pool.map(lambda _: server.data(1), range(CLIENTS)))
            lost = sum(size != expected for size in sizes)
            took = time.perf_counter() - began
            _say(f"{CLIENTS} clients at once, a day of mag each ({expected / 1e6:.1f} MB): {took:.1f} s, {lost} lost")


def years(store: Path, repeats: int) -> None:
    """`catalog` and `info` with ten years in the ledger."""
    ten_years.fill(f"sqlite:///{store}/ledger.sqlite", store)
    with serving(store) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        for path in ("/hapi/catalog", "/hapi/info?dataset=mag"):
            took = []
            for _ in range(200 * repeats):
                began = time.perf_counter()
                connection.request("GET", path)
                connection.getresponse().read()
                took.append(time.perf_counter() - began)
                time.sleep(0.01)  # so that the ledger is looked at again now and then
            _say(f"{path}, ten years in the ledger: {1000 * statistics.median(took):.2f} ms, {_tail(took)}")
        connection.close()


def memory(store: Path, repeats: int) -> None:
    """A month beside a day, when every thread has had one."""
    month(store)
    with serving(store) as server:
        for _ in range(8):
            for format_ in ("csv", "binary", "json"):
                server.data(1, format_)
        day = server.peak_megabytes
        for _ in range(repeats):
            for format_ in ("csv", "binary", "json"):
                server.data(DAYS, format_)
        _say(f"peak memory: {day:.0f} MB after days, {server.peak_megabytes:.0f} MB after {3 * repeats} months")


def _tail(took: list[float]) -> str:
    return f"of 100 the slowest but one {1000 * statistics.quantiles(took, n=100)[98]:.1f} ms"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


MEASURES: dict[str, Callable[[Path, int], None]] = {
    "cpu": cpu,
    "first": first,
    "clients": clients,
    "years": years,
    "memory": memory,
}


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(MEASURES), help=f"some of: {', '.join(MEASURES)}")
    arguments = parser.parse_args()
    _say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in arguments.only.split(","):
        folder = Path(tempfile.mkdtemp(prefix="serving-"))
        try:
            MEASURES[name](folder / "data", arguments.repeats)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
