"""`ialirt-backfill serve` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import cli


class Serving:
    """A server in a process of its own."""

    def __init__(self, cwd: Path, *words: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
        self.process = subprocess.Popen(
            [sys.executable, str(cli.__file__), "serve", "--port", "0", *words],
            cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: list[str] = []
        self.complained: list[str] = []
        assert self.process.stderr is not None
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.complained += list(self.process.stderr)

    @property
    def url(self) -> str:
        """Where it answers, once it does."""
        assert self.process.stdout is not None
        while not (found := re.search(r"http://\S+/hapi", self.said[-1] if self.said else "")):
            line = self.process.stdout.readline()
            assert line, self.complained
            self.said.append(line)
        return found[0]

    def get(self, path: str, **headers: str) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as answer:
            body: bytes = answer.read()
        return body

    def ids(self, **headers: str) -> set[str]:
        return {it["id"] for it in json.loads(self.get("/catalog", **headers))["catalog"]}

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and what it said on standard error."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.close()
        return code, "".join(self.complained)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._listening.join()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
