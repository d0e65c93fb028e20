"""The real command in a real process, against the simulator over HTTP."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from ialirt_backfill.simulator import Simulator
from tests.support.access import ENVIRONMENT, KEYS
from tests.support.clock import Clock
from tests.support.processes import Running


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """``ialirt-backfill`` as a person has it: an empty HOME, its own working directory, and in the environment nothing
    but where to ask, and an API key that opens everything."""

    cwd: Path
    env: dict[str, str]
    url: str

    def words(self, *args: str) -> list[str]:
        return [sys.executable, str(cli.__file__), *args]

    def __call__(self, *args: str, timeout: float = 60, **env: str) -> Ended:
        with Running(args, self.cwd, self.env | env) as running:
            return Ended(*running.end(timeout))

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start it, the interpreter and all, and do not wait."""
        return subprocess.Popen(
            self.words(*args), cwd=self.cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def datastore(self) -> Path:
        return self.cwd / "ialirt-data"


def typed(line: str, cwd: Path, env: Mapping[str, str]) -> Ended:
    """A line as a page has it: variables of the environment, and the command with its words."""
    words = shlex.split(line)
    name = words.index("ialirt-backfill")
    variables = dict(word.split("=", 1) for word in words[:name])
    with Running(words[name + 1 :], cwd, {**env, **variables}) as running:
        return Ended(*running.end(100))


ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
import cli

ended = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(words)
        except SystemExit as end:  # argparse's own
            code = end.code
    ended.append((code or 0, out.getvalue(), err.getvalue()))
print(json.dumps(ended))
"""


def in_one_interpreter(
    command: Command,
    *commands: Sequence[str],
    before: Sequence[str] = (),
    python: Sequence[str] = (),
    cwd: Path | None = None,
    **env: str,
) -> list[Ended]:
    """Commands one after the other in an interpreter that has nothing of this one, whose start is most of their cost.

    It is started through another program (``before``) and with switches (``python``) it may be.
    """
    done = subprocess.run(
        [*before, sys.executable, *python, "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)],
        cwd=cwd or command.cwd,
        env=command.env | {"PYTHONPATH": str(Path(cli.__file__).parent)} | env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    ended = [Ended(*one) for one in json.loads(done.stdout)]
    assert not [one for one in ended if "Traceback" in one.err]
    return ended


def wait_for_requests(simulator: Simulator, number: int) -> None:
    deadline = time.monotonic() + 30
    while len(simulator.requests) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(seed=1, now=clock, keys=KEYS) as running:
        yield running


@pytest.fixture
def command(tmp_path: Path, simulator: Simulator) -> Command:
    home, cwd = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    cwd.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "IALIRT_DATA_ACCESS_URL": simulator.url, "COLUMNS": "120"}
    return Command(cwd, env | ENVIRONMENT, simulator.url)


Here = Callable[..., Ended]


@pytest.fixture
def here(command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """A command in this very process, which spares its start; for those that neither ask nor heed signals."""
    monkeypatch.chdir(command.cwd)
    monkeypatch.setenv("HOME", command.env["HOME"])
    monkeypatch.setenv("COLUMNS", "200")
    for name in [name for name in os.environ if name.startswith("IALIRT_")]:
        monkeypatch.delenv(name)

    def run(*args: str) -> Ended:
        capsys.readouterr()
        try:
            code = cli.main(args)
        except SystemExit as end:  # argparse's own
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run
