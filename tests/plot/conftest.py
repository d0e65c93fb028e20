"""Days that were made once for all tests of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plot.samples import three_days
from tests.support.clock import clock
from tests.support.commands import command, here, simulator

__all__ = ["clock", "command", "here", "simulator"]


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A datastore with three days of all instruments."""
    return three_days(tmp_path_factory.mktemp("three-days"))


@pytest.fixture(autouse=True)
def _drawn_at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1770206400")
