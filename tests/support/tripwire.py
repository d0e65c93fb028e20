"""A backfill in a process of its own that dies, or is told to end, at a certain step of the file protocol.

The steps are the calls by which something reaches the disk: opening and writing a temporary file, fsync, rename, and
every commit of the ledger.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

import cli
from tests.support.access import ENVIRONMENT
from tests.support.processes import FORKSERVER, Forked, be_patient_with_the_ledger


def run(
    words: Sequence[str],
    at: int | None = None,
    number: int = signal.SIGKILL,
    ledger_patience_seconds: float | None = None,
) -> int:
    """The exit code of the command ``words``; before step ``at``, counted from 0, it gets the signal ``number``."""
    process = Forked(target=_run, args=(list(words), at, number, ledger_patience_seconds))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def steps(words: Sequence[str]) -> list[str]:
    """What the command does to the disk, step by step."""
    receiver, sender = FORKSERVER.Pipe(duplex=False)
    process = Forked(target=_record, args=(list(words), sender))
    process.start()
    found: list[str] = receiver.recv()
    process.join(60)
    return found


def _run(words: list[str], at: int | None, number: int, ledger_patience_seconds: float | None) -> None:
    be_patient_with_the_ledger(ledger_patience_seconds)
    os.environ.update(ENVIRONMENT)
    sys.stdout = sys.stderr = io.StringIO()
    seen = 0

    def step(_: str) -> None:
        nonlocal seen
        if seen == at:
            os.kill(os.getpid(), number)
        seen += 1

    watch(step, setattr)
    sys.exit(cli.main(words))


def _record(words: list[str], sender: Any) -> None:
    os.environ.update(ENVIRONMENT)
    sys.stdout = sys.stderr = io.StringIO()
    found: list[str] = []
    watch(found.append, setattr)
    cli.main(words)
    sender.send(found)


def watch(step: Callable[[str], None], put: Callable[[Any, str, Any], None]) -> None:
    """Have ``step`` called, with its name, before every step; ``put`` replaces an attribute."""

    def before(place: Any, name: str, describe: Callable[..., str]) -> None:
        real = getattr(place, name)

        def stepping(*args: Any, **kwargs: Any) -> Any:
            step(describe(*args))
            return real(*args, **kwargs)

        put(place, name, stepping)

    before(os, "fsync", lambda descriptor: f"fsync {_kind(Path(f'/proc/self/fd/{descriptor}').resolve())}")
    before(os, "replace", lambda source, final: f"replace {_kind(Path(final))} by {_kind(Path(source))}")
    before(DefaultDialect, "do_commit", lambda *_: "commit")

    real_open = Path.open

    def opening(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.suffix != ".tmp":
            return real_open(self, *args, **kwargs)
        step("open the temporary file")
        return _Halting(real_open(self, *args, **kwargs), step)

    put(Path, "open", opening)


def _kind(path: Path) -> str:
    if path.suffix == ".tmp":
        return "the temporary file"
    return "the day's file" if path.suffix == ".csv" else f"the folder {path.name}"


class _Halting:
    """A file of which every part is written in two halves, with a step between them."""

    def __init__(self, file: Any, step: Callable[[str], None]) -> None:
        self._file, self._step = file, step

    def write(self, data: Any) -> None:
        part = memoryview(data)
        self._file.write(part[: len(part) // 2])
        self._file.flush()
        if part:
            self._step("write the other half")
        self._file.write(part[len(part) // 2 :])

    def __enter__(self) -> _Halting:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
