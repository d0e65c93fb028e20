"""Several real processes on one ledger and one datastore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ialirt_backfill.simulator import Simulator
from tests.support.clock import clock
from tests.support.commands import Command, command, here, simulator
from tests.support.team import Gate, Team

__all__ = ["clock", "command", "gate", "here", "postgresql_team", "simulator", "team"]


@pytest.fixture
def gate(simulator: Simulator) -> Gate:
    """Told to the simulator as its only rule."""
    gate = Gate()
    simulator.faults = gate
    return gate


@pytest.fixture
def team(command: Command, simulator: Simulator, ledger_url: str) -> Iterator[Team]:
    """On either database."""
    yield from _team(command, simulator, ledger_url)


@pytest.fixture
def postgresql_team(command: Command, simulator: Simulator, postgresql_url: str) -> Iterator[Team]:
    yield from _team(command, simulator, postgresql_url)


def _team(command: Command, simulator: Simulator, url: str) -> Iterator[Team]:
    team = Team(command, simulator, url)
    yield team
    for process in team.started:
        process.close()
