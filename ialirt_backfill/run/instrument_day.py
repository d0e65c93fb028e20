"""One instrument-day, from its claim to its record: claim -> ask -> tabulate -> publish -> record.

Whatever goes wrong, what was received is kept: rows that arrived before a failure or an interruption are published and
recorded, so that the next run asks only for the rest.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from ialirt_backfill.exceptions import AccessDenied, DayFileError, IalirtBackfillError, Interrupted
from ialirt_backfill.plan.access import NoAccess, least
from ialirt_backfill.plan.coverage import Coverage, Span, day_span, extend, join_near, measure, single_gaps, subtract
from ialirt_backfill.plan.decisions import Action, Decision, is_final, plan_spans, relied_on
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.fetch import Fetch, without_frames
from ialirt_backfill.run.results import day_result
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.places import access_shown, day_path
from ledger import (
    AttemptResult,
    AttemptStatus,
    Claim,
    ClaimLost,
    DayAccess,
    DayResult,
    DayState,
    DayStatus,
    LedgerError,
)

log = logging.getLogger(__name__)


def carry_out(context: Context, decision: Decision) -> DayOutcome | Decision:
    """Take the day, ask for what it lacks, and record the result.

    The decision that skips it, where the day turns out to be another runner's, done by now, or refused by the server.
    Raises LedgerError where the ledger cannot be reached.
    """
    if refusal := context.api.admission.refusal(decision.instrument, day_span(decision.day).start):
        return decision.refused(refusal)
    claimed = _claim(context, decision)
    if isinstance(claimed, Decision):
        return claimed
    claim, decision = claimed
    context.listener.day_started(decision)
    work = _Work(context, decision, claim)
    try:
        return work.run()
    except NoAccess as denied:
        return decision.refused(denied.refusal)
    except ClaimLost:
        log.warning("%s %s: another runner has taken the day over", decision.instrument.name, decision.day)
    finally:
        if not work.recorded:
            context.ledger.release(claim)
    row = context.ledger.day(claim.item_name, claim.day)
    return carry_out(context, context.decide(decision.instrument, decision.day, row))


def _claim(context: Context, decision: Decision) -> tuple[Claim, Decision] | Decision:
    """The day's claim, or the decision that skips it: where another runner was faster, its fresh row decides again."""
    key = decision.instrument.progress_key
    while decision.action.asks:
        claim = context.ledger.claim(key, decision.day, seen_version=decision.seen_version, run_id=context.run_id)
        if claim is not None:
            return claim, decision
        row = context.ledger.day(key, decision.day)
        if row is not None and row.version == decision.seen_version:
            # Nothing has changed, so the row is locked: its runner is publishing, though its claim may have lapsed.
            return replace(decision, action=Action.SKIP_CLAIMED, reason="its result is being recorded", spans=())
        decision = context.decide(decision.instrument, decision.day, row)
    return decision


class _Work:
    """The work on one claimed instrument-day."""

    def __init__(self, context: Context, decision: Decision, claim: Claim) -> None:
        self._context, self._decision, self._claim = context, decision, claim
        self._row = claim.state
        self._whole = day_span(decision.day)
        self._path = day_path(decision.instrument, decision.day, claim.state)
        self._file = context.datastore / self._path
        self._size_before: int | None = None
        self._asking = Fetch(context, decision)
        self._received = self._asking.received
        self._lost: list[Span] = []
        self.recorded = False

    @property
    def _as_recorded(self) -> bool:
        """Whether the file is as the ledger has it, as far as is known: its size tells, and who decided on the day."""
        is_same = self._size_before is not None and self._size_before == self._row.size_bytes
        return is_same and not self._decision.reread

    def run(self) -> DayOutcome:
        """Raises NoAccess where the server refuses the day; what was answered of it before is kept."""
        started, began = self._context.ledger.now(), time.monotonic()
        error: Exception | None = None
        try:
            self._size_before = dayfile.size(self._file)
            dayfile.sweep(self._file)
        except DayFileError as failure:
            return self._record(self._as_before(failure), None, failure, started, began)
        try:
            self._asking.ask(self._spans())
        except NoAccess as refused:
            if self._received.windows:
                self._finish(Interrupted(str(refused)), started, began)
            raise without_frames(refused) from None
        except Exception as failure:  # whatever a day meets, it must not take the other days with it
            self._tell_of_bug(failure)
            error = without_frames(failure)
        return self._finish(error, started, began)

    def _spans(self) -> tuple[Span, ...]:
        """What to ask for. A file that is not as the ledger has it tells its own gaps."""
        decision = self._decision
        if not decision.reread or self._size_before is None:
            return decision.spans
        asked = Span(self._whole.start, self._row.asked_through or self._whole.start)
        times = dayfile.read_times(self._file)
        found = measure(decision.instrument, asked, times)
        self._lost = [*found.gaps, *self._lost_rows(asked, times)]
        if found.last is not None and found.last < asked.end and dayfile.is_cut(self._file):
            self._lost.append(Span(found.last, asked.end))  # the last row too: its last cell may have lost its end
        missing = [*self._lost, *decision.spans]
        so_far = Span(self._whole.start, max((span.end for span in missing), default=asked.end))
        return plan_spans(decision.instrument, missing, so_far)

    def _lost_rows(self, asked: Span, times: list[int]) -> tuple[Span, ...]:
        """Where the rows lay that the file had and has no more: too few, it may be, to leave a gap behind."""
        instrument, lost = self._decision.instrument, self._row.records - len(times)
        if lost <= 0:
            return ()
        singles = single_gaps(instrument, asked, times)
        found = sum(span.duration // instrument.cadence for span in singles)
        return (asked,) if instrument.irregular or found < lost else singles

    def _tell_of_bug(self, failure: Exception) -> None:
        if not isinstance(failure, IalirtBackfillError | OSError):
            name, day = self._decision.instrument.name, self._decision.day
            log.error("%s %s: unexpected failure", name, day, exc_info=failure)

    # --- publishing and recording -------------------------------------------------------------------------------------

    def _finish(self, error: Exception | None, started: datetime, began: float) -> DayOutcome:
        staged: dayfile.Staged | None = None
        try:
            self._look_again()
            new = self._received.rows()
            if new.num_rows or not (self._as_recorded or self._size_before is None):
                staged = dayfile.stage(self._file, new, self._claim.token, whole=not self._as_recorded)
            coverage = self._measure(staged)
            return self._record(self._result(staged, coverage, error), staged, error, started, began)
        except LedgerError:
            raise
        except Exception as failure:
            self._tell_of_bug(failure)
            return self._record(self._as_before(failure), None, failure, started, began)
        finally:
            if staged is not None:
                staged.discard()

    def _look_again(self) -> None:
        """Notice what happened to the file while the server was asked. Raises DayFileError where it was taken away."""
        size = dayfile.size(self._file)
        if size is None and self._size_before is not None:
            raise DayFileError(
                f"{self._file} was taken away while its day was asked for: run again with --retry-failed"
            )
        self._size_before = size

    def _as_before(self, failure: Exception) -> DayResult:
        """The result where nothing of this attempt was stored: the state keeps what it said before."""
        return replace(DayResult.of(self._row), status=DayStatus.FAILED, is_final=False, error=describe(failure))

    def _measure(self, staged: dayfile.Staged | None) -> Coverage:
        """What the file will hold once ``staged`` is published, and how far the day has been asked for.

        Its gaps are also what is known to be missing without leaving a gap between its neighbours, or was to be asked
        for again and was not.
        """
        coverage = self._coverage(staged)
        open_before = self._lost if self._decision.reread else _gaps(self._row)
        still_open = subtract(open_before, self._received.windows)
        more = [part for span in (*still_open, *self._received.doubtful) if (part := span.clip(coverage.asked))]
        return replace(coverage, gaps=join_near((*coverage.gaps, *more), timedelta(0)))

    def _coverage(self, staged: dayfile.Staged | None) -> Coverage:
        instrument, row = self._decision.instrument, self._row
        start = self._whole.start
        # Rows that are gone with their file were not asked for, as far as the disk can tell.
        known_through = start if self._size_before is None and row.records else row.asked_through or start
        reached = known_through
        for window in sorted(self._received.windows):
            if window.start <= reached:
                reached = max(reached, window.end)
        trusted = relied_on(reached, self._decision.day, self._context.trusted_now(), self._context.policy)
        asked = Span(start, max(known_through, trusted))
        known = Coverage(Span(start, known_through), row.records, 0, row.first_record, row.last_record, _gaps(row))
        if staged is None:
            if self._size_before is None:
                return measure(instrument, asked, [])
            extended = extend(instrument, known, asked, row.records, row.last_record, [])
            return extended or measure(instrument, asked, dayfile.read_times(self._file))
        if not staged.last_kept:
            return measure(instrument, asked, staged.tail)
        if self._as_recorded:
            kept = row.records - staged.replaced
            extended = extend(instrument, known, asked, kept, staged.last_kept, staged.tail)
            if extended is not None:
                return extended
        return measure(instrument, asked, dayfile.read_times(staged.temporary or self._file))

    def _result(self, staged: dayfile.Staged | None, coverage: Coverage, error: Exception | None) -> DayResult:
        instrument, row, context = self._decision.instrument, self._row, self._context
        asked_through = coverage.asked.end
        final = error is None and is_final(
            asked_through,
            coverage.gaps,
            self._received.windows,
            self._decision.day,
            context.trusted_now(),
            context.policy.settle,
        )
        has_file = staged is not None or self._size_before is not None
        return day_result(
            instrument,
            coverage,
            self._status(coverage.records, error),
            is_final=final,
            path=self._path if has_file else None,
            size_bytes=staged.size_bytes if staged else row.size_bytes if has_file else None,
            sha256=staged.sha256 if staged else row.sha256 if has_file else None,
            rejected=row.rejected + len(self._received.rejected),
            access=self._access(coverage.asked),
            error=None if error is None or isinstance(error, Interrupted) else describe(error),
        )

    def _access(self, asked: Span) -> DayAccess | None:
        """The least that any record of the day was fetched with; a question without an answer changes nothing."""
        row, instrument = self._row, self._decision.instrument
        if not self._received.records:
            return row.access
        access = self._context.api.admission.access(instrument)
        windows = join_near(self._received.windows, timedelta(0))
        if not row.records or any(window.holds(asked) for window in windows):
            return access
        before = access_shown(self._context.datastore, instrument, row)
        return None if before is None else least(before, access)

    def _status(self, records: int, error: Exception | None) -> DayStatus:
        if isinstance(error, Interrupted):
            if self._row.status is DayStatus.FAILED or not self._received.windows:
                return self._row.status
        elif error is not None:
            return DayStatus.FAILED
        return DayStatus.DOWNLOADED if records else DayStatus.NO_DATA

    def _record(
        self,
        result: DayResult,
        staged: dayfile.Staged | None,
        error: Exception | None,
        started: datetime,
        began: float,
    ) -> DayOutcome:
        """Publish and record in one transaction: the effect and its record, or neither."""
        row, context, received = self._row, self._context, self._received
        interrupted = isinstance(error, Interrupted)
        changed = staged is not None and staged.temporary is not None
        seconds = time.monotonic() - began
        attempt = AttemptResult(
            decision=self._decision.action.value,
            reason=self._decision.reason,
            status=AttemptStatus.INTERRUPTED if interrupted else AttemptStatus(result.status.value),
            records_fetched=received.records,
            records_added=staged.records_added if staged else 0,
            availability_pct=result.availability_pct,
            requests=received.requests,
            seconds=seconds,
            error_type=None if error is None else type(error).__name__,
            error=None if error is None else describe(error),
            rejected=len(received.rejected),
            rejected_sample=received.rejected[0] if received.rejected else None,
            started=started,
            finished=context.ledger.now(),
        )
        news = (
            changed
            or (error is not None and not interrupted)
            or bool(received.rejected)
            or (result.status, result.is_final) != (row.status, row.is_final)
        )
        if not (interrupted and not received.windows):
            with context.ledger.recording(self._claim) as recording:
                if staged is not None:
                    staged.publish()
                recording.save(result, attempt if news else None, checked=attempt.finished, progress=result.last_record)
            self.recorded = True
        return DayOutcome(
            instrument=self._decision.instrument,
            day=self._decision.day,
            decision=self._decision,
            status=result.status,
            records=result.records,
            expected_records=result.expected_records,
            availability_pct=result.availability_pct,
            path=PurePosixPath(result.path) if result.path else None,
            sha256=result.sha256,
            error=result.error,
            denied=isinstance(error, AccessDenied),
            interrupted=interrupted,
            changed=changed,
            last_record=result.last_record,
            access=result.access,
            requests=received.requests,
            records_fetched=received.records,
            records_added=attempt.records_added,
            rejected=tuple(received.rejected),
            seconds=seconds,
        )


def describe(error: Exception) -> str:
    """A failure in words for a person; an unexpected one with its kind."""
    if isinstance(error, IalirtBackfillError | OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; please report this"


def _gaps(row: DayState) -> tuple[Span, ...]:
    return tuple(Span(*gap) for gap in row.gaps)
