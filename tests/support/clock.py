"""The present, as the simulator and the runs see it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

NOW = "2026-03-01T12:00:00"
"""The present, as the simulator and the runs see it unless a test says otherwise."""


class Clock:
    """The simulator's present; a test may move it."""

    def __init__(self, now: str = NOW) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: str) -> str:
        """Move the simulator to this time; give it back, for ``--as-of``."""
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        return now


@pytest.fixture
def clock() -> Clock:
    return Clock()
