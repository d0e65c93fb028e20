"""Processes of their own that begin at once: they are forked from one that has loaded everything."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Self

import cli
from ledger import Ledger

LOADED = [
    "ialirt_backfill.export.parquet",
    "ialirt_backfill.mirror.loading",
    "ialirt_backfill.run.backfill",
    "ialirt_backfill.run.poll",
    "ialirt_backfill.simulator",
    "ialirt_backfill.terminal.screen",
    "ialirt_data_access",
    "pandas",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tests.support.tripwire",
]
"""What a run loads sooner or later."""

FORKSERVER: ForkServerContext = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload([__name__, *LOADED])


class Forked(ForkServerProcess):
    """A process of that server, which is started where ``tests`` is ours: wherever the test that is the first to need
    it stands, another package may have left a folder of that name among those that are installed (cdasws 1.8 does)."""

    def start(self) -> None:
        _start_server()
        super().start()


@cache
def _start_server() -> None:
    with contextlib.chdir(Path(__file__).parents[2]):
        ensure_running()


def be_patient_with_the_ledger(seconds: float | None) -> None:
    """For so long this process is to wait for a ledger that is away; None for as long as the program says itself."""
    if seconds is not None:
        Ledger.open.__func__.__kwdefaults__["timeout_seconds"] = seconds  # type: ignore[attr-defined]


class Running:
    """A command that runs with its own working directory and environment; it is asked as a `subprocess.Popen` is."""

    def __init__(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], *, ledger_patience_seconds: float | None = None
    ) -> None:
        self._outputs = tempfile.TemporaryDirectory()
        self._out, self._err = Path(self._outputs.name, "out"), Path(self._outputs.name, "err")
        for path in (self._out, self._err):
            path.touch()
        self._process = Forked(
            target=_main,
            args=(list(words), cwd, dict(env), self._out, self._err, ledger_patience_seconds),
            daemon=True,
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    @property
    def said(self) -> str:
        """What it has written to standard output so far."""
        return self._out.read_text(encoding="utf-8", errors="replace")

    @property
    def complained(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it wrote to both outputs."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0, stderr=self._err.read_bytes())
        return self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8")

    def end(self, timeout: float) -> tuple[int, str, str]:
        """Wait for its end; its exit code and what it wrote to both outputs, no traceback among it."""
        out, err = self.communicate(timeout)
        assert self.returncode is not None
        assert "Traceback" not in err, err
        return self.returncode, out, err

    def close(self) -> None:
        """End it if need be; nothing of it is left."""
        self._process.kill()
        self._process.join()
        self._outputs.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def running(*words: str) -> Running:
    """A command in this process's environment, but for what the person who runs the tests has set for the program."""
    return Running(words, Path.cwd(), {key: it for key, it in os.environ.items() if not key.startswith("IALIRT_")})


def run(*words: str) -> tuple[int, str, str]:
    """Its exit code and what it wrote to both outputs."""
    with running(*words) as process:
        return process.end(60)


def _main(
    words: list[str], cwd: Path, env: dict[str, str], out: Path, err: Path, ledger_patience_seconds: float | None
) -> None:
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    be_patient_with_the_ledger(ledger_patience_seconds)
    warnings.simplefilter("error")
    sys.argv = [cli.__file__, *words]
    sys.exit(cli.main(words))
