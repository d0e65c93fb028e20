"""Days, results and attempts to record, and a look past the ledger into its database."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, create_engine

from ledger import AttemptResult, AttemptStatus, Claim, DayAccess, DayResult, DayStatus, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEM = "HIT_IALIRT"
DAY = date(2026, 2, 1)
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)

DOWNLOADED = DayResult(
    status=DayStatus.DOWNLOADED,
    records=700,
    expected_records=720,
    availability_pct=97.2,
    first_record=NOON.replace(hour=0),
    last_record=NOON - timedelta(minutes=1),
    gaps=((NOON - timedelta(hours=2), NOON - timedelta(hours=1, minutes=40)),),
    asked_through=NOON,
    is_final=False,
    path="ialirt/2026/02/imap_ialirt_hit_20260201.csv",
    size_bytes=12_345,
    sha256="0" * 64,
    rejected=1,
    access=DayAccess.KEY,
    error=None,
)

ATTEMPT = AttemptResult(
    decision="run",
    reason="never asked for",
    status=AttemptStatus.DOWNLOADED,
    records_fetched=701,
    records_added=700,
    availability_pct=97.2,
    requests=1,
    seconds=0.25,
    error_type=None,
    error=None,
    rejected=1,
    rejected_sample="{}",
    started=NOON,
    finished=NOON + timedelta(seconds=1),
)

FAILED = replace(DOWNLOADED, status=DayStatus.FAILED, error="HTTP 500: out of order")
FAILED_ATTEMPT = replace(ATTEMPT, status=AttemptStatus.FAILED, error_type="ApiError", error="HTTP 500: out of order")


def claimed(ledger: Ledger, item_name: str = ITEM, day: date = DAY, run_id: str = "run") -> Claim:
    """A claim on the day as it stands, which must succeed."""
    state = ledger.day(item_name, day)
    claim = ledger.claim(item_name, day, seen_version=state.version if state else None, run_id=run_id)
    assert claim is not None
    return claim


def record(
    ledger: Ledger,
    claim: Claim,
    result: DayResult = DOWNLOADED,
    attempt: AttemptResult | None = ATTEMPT,
    *,
    checked: datetime = NOON,
    progress: datetime | None = None,
    keep_claim: bool = False,
) -> None:
    with ledger.recording(claim) as recording:
        recording.save(result, attempt, checked=checked, progress=progress, keep_claim=keep_claim)


@contextmanager
def database(url: str) -> Iterator[Connection]:
    """A plain connection to the database under a ledger, as another program has it."""
    path = url.removeprefix("sqlite:///")  # the rest as it stands, whatever characters it has
    engine = create_engine(
        URL.create("sqlite", database=path) if path != url else url.replace("postgresql:", "postgresql+psycopg:")
    )
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def execute(url: str, *statements: str) -> list[Any]:
    """The rows of the last statement."""
    rows: list[Any] = []
    with database(url) as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = list(result) if result.returns_rows else []
    return rows
