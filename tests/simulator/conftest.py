"""Simulators: one that nobody changes, one whose faults the test chooses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ialirt_backfill.simulator import Simulator
from tests.simulator.asking import NOW
from tests.support.access import KEYS


@pytest.fixture(scope="session")
def shared() -> Iterator[Simulator]:
    """A simulator without faults, for tests that only read."""
    with Simulator(now=lambda: NOW, keys=KEYS) as simulator:
        yield simulator


@pytest.fixture
def misbehaving() -> Iterator[Simulator]:
    """A simulator whose faults the test chooses."""
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator
