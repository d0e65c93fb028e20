"""Every command that a message advises can be typed as it stands, and does what the message says."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest

from ialirt_backfill.simulator import Answer, Simulator, Times
from tests.support.clock import NOW
from tests.support.commands import Command, Ended, wait_for_requests

RANGE = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-02", "--as-of", NOW)
ADVICE = re.compile(r"ialirt-backfill (?=[a-z-])[^`\n]*")


@dataclass(frozen=True)
class Scene:
    """A person's place, in which a message is to come."""

    command: Command
    simulator: Simulator

    def __call__(self, *words: str) -> Ended:
        return self.command(*words)

    def fails(self) -> Ended:
        self.simulator.faults = Times(inf, Answer(400, b'{"message": "no"}'))
        done = self(*RANGE, "--datastore", "my days")
        self.simulator.faults = Times(0, Answer(400))
        return done

    def is_interrupted(self) -> Ended:
        self.simulator.latency = 0.2
        running = self.command.start(*RANGE[:4], "--end", "2026-02-20", "--as-of", NOW, "--datastore", "d")
        wait_for_requests(self.simulator, 6)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
        self.simulator.latency = 0
        return Ended(running.returncode, "", err)

    def has_a_damaged_file(self, *demo: str) -> Ended:
        assert self(*RANGE, *demo, "--datastore", "d").code == 0
        for name in ("imap_ialirt_hit_20260201.csv", "imap_ialirt_hit_20260202.csv"):
            path = next(Path(self.command.cwd, "d").rglob(name))
            path.write_bytes(path.read_bytes()[:-30])
        return self("verify", "--as-of", NOW, "--datastore", "d")

    def has_days(self) -> None:
        assert self(*RANGE, "--datastore", "d").code == 0


SCENES: dict[str, Callable[[Scene], Ended]] = {
    "days failed": lambda scene: scene.fails(),
    "interrupted": lambda scene: scene.is_interrupted(),
    "a file is not as recorded": lambda scene: scene.has_a_damaged_file(),
    "a synthetic file is not as recorded": lambda scene: scene.has_a_damaged_file("--demo"),
    "no ledger": lambda scene: scene("status", "--datastore", "not there"),
    "no ledger where it is named": lambda scene: scene("runs", "--ledger", f"sqlite:///{scene.command.cwd}/l.sqlite"),
    "an instrument first": lambda scene: scene("hit", *RANGE[2:], "--datastore", "d"),
    "an instrument alone": lambda scene: scene("hit"),
    "another program's word": lambda scene: scene("download", *RANGE, "--datastore", "d"),
    "another program's word alone": lambda scene: scene("fetch", "--datastore", "d"),
    "another program's options": lambda scene: scene(*RANGE[:2], "--from", *RANGE[3:], "--datastore", "d"),
}


@pytest.fixture
def scene(command: Command, simulator: Simulator) -> Scene:
    return Scene(command, simulator)


@pytest.mark.parametrize("name", SCENES)
def test_an_advised_command_ends_well(scene: Scene, name: str) -> None:
    first = SCENES[name](scene)
    assert first.code != 0
    [advised] = ADVICE.findall(first.out + first.err)
    done = scene(*shlex.split(advised)[1:])
    assert done.code == 0, (advised, done.err)
    assert done.out


AFTER_DAYS = {
    "a day's history": ("history", "hit", "2026-02-01", "--datastore", "d"),
    "a command after its options": ("--instrument", "hit", "--datastore", "d", "status"),
    "another program's command": ("ls", "--datastore", "d"),
}


@pytest.mark.parametrize("name", AFTER_DAYS)
def test_an_advised_report_is_given(scene: Scene, name: str) -> None:
    scene.has_days()
    first = scene(*AFTER_DAYS[name])
    assert first.code == 2
    [advised] = ADVICE.findall(first.err.removeprefix("ialirt-backfill: "))
    done = scene(*shlex.split(advised)[1:])
    assert done.code == 0, (advised, done.err)
    assert "hit" in done.out


def test_a_datastore_nearby_is_named(scene: Scene) -> None:
    assert scene(*RANGE, "--demo", "--datastore", "demo-data").code == 0
    first = scene("status")
    assert first.code == 2
    [advised] = re.findall(r"There is one in demo-data: (--datastore demo-data)\.", first.err)
    assert scene("status", *shlex.split(advised)).code == 0
