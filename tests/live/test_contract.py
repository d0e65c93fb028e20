"""What this program believes of I-ALiRT, held against a server: some thirty requests in all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill import BackfillOptions, backfill, read_days
from ialirt_backfill.doctor.diagnosis import diagnose
from ialirt_backfill.doctor.findings import Part, Verdict
from ialirt_backfill.options import DoctorOptions


def test_the_doctor_finds_nothing_wrong_with_the_server(url: str, tmp_path: Path) -> None:
    found = diagnose(DoctorOptions(url=url, datastore=str(tmp_path / "data"), record=str(tmp_path / "answers")))
    asked = [it for it in found.findings if it.part is not Part.HERE]
    wrong = [it for it in asked if it.verdict is Verdict.WRONG]
    told = [f"{it.about} {it.check}: {it.seen}; expected: {it.expected}" for it in wrong]
    assert not wrong, "\n".join([*told, f"The answers are in {tmp_path / 'answers'}"])
    assert found.requests > len({it.about for it in asked if it.part is Part.INSTRUMENT})


@pytest.mark.parametrize("name", ["hit", "swapi"])
def test_a_day_is_kept_and_not_asked_for_again(url: str, tmp_path: Path, name: str) -> None:
    day = (datetime.now(UTC) - timedelta(days=3)).date()
    options = BackfillOptions(instrument=name, start=day, end=day, url=url, datastore=str(tmp_path))
    first = backfill(options)
    assert first.exit_code == 0, [outcome.error for outcome in first.outcomes]
    [outcome] = first.outcomes
    if outcome.records:
        frame = read_days(tmp_path, name, day, strict=True)
        assert len(frame) == outcome.records
    again = backfill(options)
    assert again.exit_code == 0
    assert [it for it in again.outcomes if it.status.value == "failed"] == []
