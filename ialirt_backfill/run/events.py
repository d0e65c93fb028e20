"""What a run tells while it goes on. Whoever wants to show it overrides what it cares for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath

from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import Refusal
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.plan.estimate import Estimate
from ledger import DayAccess, DayStatus


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What became of an instrument-day that was asked for.

    ``error`` holds the server's words, or the system's; ``interrupted`` says that the day was not asked for in full,
    because the run was stopped or, where there is a ``refusal``, the server refused the rest; ``unreached`` says why it
    did not reach I-ALiRT. ``path`` is relative to the datastore; ``availability_pct`` is in percent.
    """

    instrument: Instrument
    day: date
    decision: Decision
    status: DayStatus
    records: int = 0
    expected_records: int = 0
    availability_pct: float | None = None
    path: PurePosixPath | None = None
    sha256: str | None = None
    error: str | None = None
    denied: bool = False
    interrupted: bool = False
    refusal: Refusal | None = None
    changed: bool = False
    last_record: datetime | None = None
    access: DayAccess | None = None
    requests: int = 0
    records_fetched: int = 0
    records_added: int = 0
    rejected: tuple[str, ...] = ()
    unreached: str | None = None
    seconds: float = 0.0


class Listener:
    """Hears what a run does, from the threads that do it. Every method may be overridden; none must raise."""

    def planned(self, plan: Sequence[Decision]) -> None:
        """The plan stands; nothing has been asked yet."""

    def estimated(self, cost: Estimate) -> None:
        """What the plan is going to cost; told after it, where it asks for anything."""

    def day_started(self, decision: Decision) -> None:
        """A worker has taken the day."""

    def asking(self, decision: Decision, window: Span, retry_of: str | None) -> None:
        """A request is about to be made; ``retry_of`` is the failure of the try before it."""

    def answered(self, decision: Decision, window: Span, records: int) -> None:
        """A window has arrived."""

    def day_finished(self, outcome: DayOutcome) -> None:
        """The day's result is recorded."""

    def day_skipped(self, decision: Decision) -> None:
        """A day that was planned is not asked for: another runner has it, or had it, or the server refuses it."""

    def stopping(self, why: str) -> None:
        """No further day will be begun."""
