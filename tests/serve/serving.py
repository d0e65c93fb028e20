"""`ialirt-backfill serve` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.support.processes import Running

READY_SECONDS = 60.0


class Serving:
    """A server in a process of its own."""

    def __init__(self, cwd: Path, *words: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
        self.process = Running(["serve", "--port", "0", *words], cwd, env)

    @property
    def url(self) -> str:
        """Where it answers, once it does."""
        deadline = time.monotonic() + READY_SECONDS
        while not (found := re.search(r"http://\S+/hapi", self.process.said)):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found[0]

    def get(self, path: str, **headers: str) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as answer:
            body: bytes = answer.read()
        return body

    def ids(self, **headers: str) -> set[str]:
        return {it["id"] for it in json.loads(self.get("/catalog", **headers))["catalog"]}

    def end(self, number: int = signal.SIGTERM) -> tuple[int | None, str]:
        """Tell it to end: the exit code, and what it said on standard error."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int | None, str]:
        """Wait for its end: the exit code, and what it said on standard error."""
        _, complained = self.process.communicate(60)
        return self.process.returncode, complained

    def close(self) -> None:
        self.process.close()


Start = Callable[..., Serving]
"""Starts one with these words, in a folder of the test's own; it is ended with the test."""
