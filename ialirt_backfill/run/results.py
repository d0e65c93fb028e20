"""What the ledger is told of a day whose file was measured."""

from __future__ import annotations

from pathlib import PurePosixPath

from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import Coverage, availability_pct, expected_records
from ledger import DayAccess, DayResult, DayStatus


def day_result(
    instrument: Instrument,
    coverage: Coverage,
    status: DayStatus,
    *,
    is_final: bool,
    path: PurePosixPath | None,
    size_bytes: int | None,
    sha256: str | None,
    rejected: int,
    access: DayAccess | None,
    error: str | None = None,
) -> DayResult:
    """A day's whole state: how complete it is follows from ``coverage``, the rest is as given."""
    return DayResult(
        status=status,
        records=coverage.records,
        expected_records=expected_records(instrument, coverage.asked),
        availability_pct=availability_pct(instrument, coverage),
        first_record=coverage.first,
        last_record=coverage.last,
        gaps=tuple((gap.start, gap.end) for gap in coverage.gaps),
        asked_through=coverage.asked.end,
        is_final=is_final,
        path=None if path is None else str(path),
        size_bytes=size_bytes,
        sha256=sha256,
        rejected=rejected,
        access=access,
        error=error,
    )
