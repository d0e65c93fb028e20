"""A doctor beside a simulator that can drift, and a datastore between the two."""

from __future__ import annotations

import pytest

from ialirt_backfill.doctor import asking
from tests.support.clock import clock
from tests.support.commands import command
from tests.support.places import main, place, simulator

__all__ = ["clock", "command", "main", "place", "simulator"]


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test is not about time, its server, which is of this process, may take some."""
    monkeypatch.setattr(asking, "_ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 90.0)
