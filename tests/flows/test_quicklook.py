"""Pictures as a flow, on a real Prefect server."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State, StateType

from flows.quicklook import quicklook
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions, QuicklookOptions
from ialirt_backfill.run.backfill import backfill
from ialirt_backfill.simulator import Simulator
from tests.support.flows import Seen

DAY = date(2026, 2, 1)
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def drawn(simulator: Simulator, datastore: str, tmp_path: Path) -> QuicklookOptions:
    """A datastore with two small days, and where their pictures go."""
    last = date(2026, 2, 2)
    days = BackfillOptions(url=simulator.url, datastore=datastore, instrument="swapi", start=DAY, end=last)
    assert backfill(days).exit_code == 0
    return QuicklookOptions(
        datastore=datastore, folder=str(tmp_path / "pictures"), boards="solar-wind,coverage", start=DAY, end=last,
        address="https://example.org/imap/", as_of=NOW,
    )  # fmt: skip


def run(options: QuicklookOptions) -> tuple[State[Any], Seen]:
    state: State[Any] = quicklook(options, return_state=True)
    assert state.state_details.flow_run_id is not None
    return state, Seen(state.state_details.flow_run_id)


def test_each_is_drawn_once_and_again_when_its_day_has_changed(drawn: QuicklookOptions) -> None:
    state, seen = run(drawn)
    assert (state.type, state.message) == (StateType.COMPLETED, "6 pictures drawn, 0 failed")
    folder = Path(drawn.folder) / "quicklook"
    names = sorted(str(it.relative_to(folder)) for it in folder.rglob("*.*"))
    assert names == [
        "coverage/2026/02/imap_ialirt_coverage_20260201.png",
        "coverage/2026/02/imap_ialirt_coverage_20260202.png",
        "coverage/latest.png",
        "solar-wind/2026/02/imap_ialirt_solar-wind_20260201.png",
        "solar-wind/2026/02/imap_ialirt_solar-wind_20260202.png",
        "solar-wind/latest.png",
    ]
    pictures = seen.artifacts["ialirt-quicklook-pictures"]
    assert all(f"](https://example.org/imap/quicklook/{name})" in pictures for name in names)
    assert run(drawn)[0].message == "0 pictures drawn, 0 failed"
    file = Path(drawn.datastore) / INSTRUMENTS["swapi"].path(DAY)
    later = file.stat().st_mtime + 3_600
    os.utime(file, (later, later))
    assert run(drawn)[0].message == "4 pictures drawn, 0 failed"


def test_one_that_fails_takes_no_other_with_it_and_is_named(drawn: QuicklookOptions) -> None:
    (Path(drawn.folder) / "quicklook" / "solar-wind" / "latest.png").mkdir(parents=True)
    state, seen = run(drawn)
    assert state.type is StateType.FAILED
    assert str(state.message).startswith("5 pictures drawn, 1 failed: solar-wind latest: ")
    assert "is a directory, not a file" in str(state.message)
    assert "is a directory" in seen.artifacts["ialirt-quicklook-pictures"]
