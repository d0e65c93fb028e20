"""Several real processes on one ledger and one datastore, each with an API key of its own by which it is known."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.simulator.faults import Fault, Request
from tests.support.access import FULL
from tests.support.clock import NOW
from tests.support.commands import Command, Ended
from tests.support.ledgers import execute
from tests.support.processes import Running
from tests.support.reference import assert_file_holds

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
FIRST = date(2026, 2, 1)
PATIENCE_SECONDS = 60.0


@dataclass
class Gate:
    """A rule of the simulator that holds the first request of a runner back, until it is opened for that runner.

    Every runner that it does not name passes at once.
    """

    held: dict[str, threading.Event] = field(default_factory=dict)
    arrived: dict[str, threading.Event] = field(default_factory=dict)
    answers: dict[str, Fault] = field(default_factory=dict)
    """What the held request gets in place of the right answer."""

    def hold(self, runner: str, answer: Fault | None = None) -> None:
        self.held[runner], self.arrived[runner] = threading.Event(), threading.Event()
        if answer is not None:
            self.answers[runner] = answer

    def wait_for(self, runner: str) -> None:
        """Until its first request is there: it has made its plan and holds a day."""
        assert self.arrived[runner].wait(PATIENCE_SECONDS)

    def open(self, *runners: str) -> None:
        for runner in runners or self.held:
            self.held[runner].set()

    def __call__(self, request: Request) -> Fault | None:
        runner = request.key or ""
        if runner not in self.held:
            return None
        self.arrived[runner].set()
        assert self.held[runner].wait(PATIENCE_SECONDS)
        return self.answers.get(runner)


@dataclass
class Team:
    """The runners and what they share."""

    command: Command
    simulator: Simulator
    ledger_url: str
    started: list[Running] = field(default_factory=list)

    def member(self, name: str, **env: str) -> Command:
        """The command as the runner of this name has it."""
        self.simulator.keys[name] = FULL
        own = {"IALIRT_API_KEY": name, "IALIRT_LEDGER_URL": self.ledger_url}
        return replace(self.command, env=self.command.env | own | env)

    def run(self, name: str, *words: str) -> Ended:
        return self.member(name)(*words, "--as-of", NOW, "--json")

    def start(self, name: str, *words: str) -> Running:
        member = self.member(name)
        process = Running([*words, "--as-of", NOW, "--json"], member.cwd, member.env)
        self.started.append(process)
        return process

    def execute(self, *statements: str) -> list[Any]:
        return execute(self.ledger_url, *statements)

    def let_claims_lapse(self) -> None:
        """What two minutes without a heartbeat do."""
        self.execute("UPDATE instrument_day SET claimed_until = '2026-01-01 00:00:00.000000'")

    # --- what must be true ---

    def assert_asked_once(self, instruments: str, days: int) -> None:
        """The answered windows cover each instrument's days without a second twice and without one left out."""
        for name in instruments.split(","):
            reached = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
            end = reached + days * DAY
            for start, last in sorted(self.windows(name)):
                assert start == reached, f"{name}: {start} was asked for, {reached} expected"
                reached = last + SECOND
            assert reached == end

    def windows(self, instrument: str) -> list[tuple[datetime, datetime]]:
        """First and last second of every window of an instrument that was not refused."""
        return [
            (request.start, request.end)
            for request in self.simulator.requests
            if request.instrument == instrument and request.status != 400 and request.start and request.end
        ]

    def assert_files_are_right(self, instruments: str, days: int) -> None:
        """Every file holds what a perfect query gives, and nothing else lies beside them."""
        expected = set()
        for name in instruments.split(","):
            for day in (FIRST + number * DAY for number in range(days)):
                start = datetime(day.year, day.month, day.day, tzinfo=UTC)
                path = self.file(name, day)
                assert_file_holds(path, self.simulator.records(name, start, start + DAY, scopes=FULL))
                expected.add(path)
        found = {path for path in self.command.datastore.rglob("*") if path.is_file()}
        assert found == expected

    def file(self, instrument: str, day: date = FIRST) -> Path:
        return self.command.datastore / INSTRUMENTS[instrument].path(day)

    def statuses(self) -> dict[str, int]:
        """How many attempts ended how."""
        return dict(self.execute("SELECT status, count(*) FROM attempt GROUP BY status"))


def ended(process: Running | subprocess.Popen[str], code: int = 0) -> Ended:
    """Wait for the end of a process, which must be this one."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code, err
    assert "Traceback" not in err, err
    return Ended(code, out, err)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
