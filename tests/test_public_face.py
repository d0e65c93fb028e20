"""What the package offers to Python programs: these names, and no other."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import ialirt_backfill
from ialirt_backfill import BackfillOptions, Simulator, StatusOptions, backfill, read_days, status
from tests.support.access import KEY, KEYS

NAMES = {
    "backfill", "poll", "PollListener", "Listener", "Stop", "DayOutcome", "Report",
    "status", "gaps", "history", "runs", "changes", "read_days", "read_table", "day_tables", "open_dataset",
    "export_parquet",
    "AdoptOptions", "BackfillOptions", "ChangesOptions", "ExportOptions", "GapsOptions", "HistoryOptions",
    "MirrorOptions", "PlotOptions", "PollOptions", "RunsOptions", "StatusOptions", "VerifyOptions",
    "IalirtBackfillError", "UsageError", "ApiError", "AccessDenied", "NoAccess", "DayFileError", "UnwritableValue",
    "Interrupted", "OddCells", "ExportError", "MirrorError", "MirrorUnavailable", "LedgerError",
    "Simulator", "__version__",
}  # fmt: skip


def test_these_names_are_promised() -> None:
    assert set(ialirt_backfill.__all__) == NAMES
    assert set(dir(ialirt_backfill)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_is_there_and_says_what_it_is(name: str) -> None:
    offered = getattr(ialirt_backfill, name)
    assert name == "__version__" or offered.__doc__


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ialirt_backfill.nothing  # noqa: B018 - to ask is the test


def test_they_work_together(tmp_path: Path) -> None:
    day = date(2026, 2, 1)
    with Simulator(keys=KEYS) as simulator:
        options = BackfillOptions(instrument="hit", start=day, end=day, datastore=str(tmp_path), url=simulator.url)
        assert backfill(options, key=KEY).exit_code == 0
    [hit] = status(StatusOptions(datastore=str(tmp_path), instrument="hit", start=day, end=day)).instruments
    assert hit.records == len(read_days(tmp_path, "hit", day)) > 0


def test_the_package_itself_loads_nothing() -> None:
    code = "import sys, ialirt_backfill; print([name for name in sys.modules if name.startswith('ialirt_backfill.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
