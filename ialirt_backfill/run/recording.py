"""The effect and its record, or neither: what arrived is published in the same transaction that records it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from ialirt_backfill.exceptions import AccessDenied, Interrupted, Unreachable
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.failures import in_words, tell_of_bug
from ialirt_backfill.run.known import KnownDay
from ialirt_backfill.run.measuring import as_before, measured
from ialirt_backfill.run.received import Received
from ialirt_backfill.store import dayfile
from ledger import AttemptResult, AttemptStatus, DayResult, LedgerError


@dataclass(frozen=True, slots=True)
class Begun:
    """When an attempt began, by the ledger's clock and on this machine's stopwatch."""

    at: datetime
    stopwatch: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.stopwatch


def conclude(context: Context, day: KnownDay, received: Received, error: Exception | None, begun: Begun) -> DayOutcome:
    """Publish and record what arrived; ``error`` is what asking ended with.

    Whatever keeps it from being stored is recorded as the day's failure. Raises LedgerError, ClaimLost among them.
    """
    staged: dayfile.Staged | None = None
    try:
        day = day.looked_at_again()
        new = received.rows()
        if new.num_rows or not (day.is_as_recorded or day.size_bytes is None):
            staged = dayfile.stage(day.file, new, day.claim.token, whole=not day.is_as_recorded)
        result = measured(context, day, received, staged, error)
        return _recorded(context, day, received, staged, result, error, begun)
    except LedgerError:
        raise
    except Exception as failure:
        tell_of_bug(failure, day.decision)
        return _recorded(context, day, received, None, as_before(day, failure), failure, begun)
    finally:
        if staged is not None:
            staged.discard()


def _recorded(
    context: Context,
    day: KnownDay,
    received: Received,
    staged: dayfile.Staged | None,
    result: DayResult,
    error: Exception | None,
    begun: Begun,
) -> DayOutcome:
    """The one transaction. An interruption that brought nothing leaves no trace: the claim is given back."""
    attempt = _attempt(context, day, received, staged, result, error, begun)
    if isinstance(error, Interrupted) and not received.windows:
        context.ledger.release(day.claim)
    else:
        is_news = _is_news(day, received, staged, result, error)
        with context.ledger.recording(day.claim) as recording:
            if staged is not None:
                staged.publish()
            recording.save(result, attempt if is_news else None, checked=attempt.finished, progress=result.last_record)
    return _outcome(day, received, staged, result, error, attempt)


def _is_news(
    day: KnownDay, received: Received, staged: dayfile.Staged | None, result: DayResult, error: Exception | None
) -> bool:
    """Whether an attempt belongs into the history: it changed something, or failed."""
    return (
        _has_changed(staged)
        or (error is not None and not isinstance(error, Interrupted))
        or bool(received.rejected)
        or (result.status, result.is_final) != (day.row.status, day.row.is_final)
    )


def _has_changed(staged: dayfile.Staged | None) -> bool:
    return staged is not None and staged.temporary is not None


def _attempt(
    context: Context,
    day: KnownDay,
    received: Received,
    staged: dayfile.Staged | None,
    result: DayResult,
    error: Exception | None,
    begun: Begun,
) -> AttemptResult:
    interrupted = isinstance(error, Interrupted)
    return AttemptResult(
        decision=day.decision.action.value,
        reason=day.decision.reason,
        status=AttemptStatus.INTERRUPTED if interrupted else AttemptStatus(result.status.value),
        records_fetched=received.records,
        records_added=staged.records_added if staged else 0,
        availability_pct=result.availability_pct,
        requests=received.requests,
        seconds=begun.seconds,
        error_type=None if error is None else type(error).__name__,
        error=None if error is None else in_words(error),
        rejected=len(received.rejected),
        rejected_sample=received.rejected[0] if received.rejected else None,
        started=begun.at,
        finished=context.ledger.now(),
    )


def _outcome(
    day: KnownDay,
    received: Received,
    staged: dayfile.Staged | None,
    result: DayResult,
    error: Exception | None,
    attempt: AttemptResult,
) -> DayOutcome:
    return DayOutcome(
        instrument=day.instrument,
        day=day.decision.day,
        decision=day.decision,
        status=result.status,
        records=result.records,
        expected_records=result.expected_records,
        availability_pct=result.availability_pct,
        path=PurePosixPath(result.path) if result.path else None,
        sha256=result.sha256,
        error=result.error,
        denied=isinstance(error, AccessDenied),
        interrupted=isinstance(error, Interrupted),
        changed=_has_changed(staged),
        last_record=result.last_record,
        access=result.access,
        requests=received.requests,
        records_fetched=received.records,
        records_added=attempt.records_added,
        rejected=tuple(received.rejected),
        unreached=error.cause if isinstance(error, Unreachable) else None,
        seconds=attempt.seconds,
    )
