"""Days that were made once for all tests of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plot.samples import three_days
from tests.support.clock import clock
from tests.support.commands import command, here, simulator
from tests.support.session import Session

__all__ = ["clock", "command", "here", "simulator"]


@pytest.fixture(scope="session")
def days(session: Session) -> Path:
    """A datastore with three days of all instruments."""
    return session.once("drawn", three_days)


@pytest.fixture(autouse=True)
def _drawn_at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1770206400")
