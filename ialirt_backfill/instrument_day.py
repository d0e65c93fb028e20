"""One instrument-day, from its claim to its record: claim -> ask -> tabulate -> publish -> record.

Whatever goes wrong, what was received is kept: rows that arrived before a failure or an interruption are published and
recorded, so that the next run asks only for the rest.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path, PurePosixPath

import pyarrow as pa

from ialirt_backfill import dayfile, table
from ialirt_backfill.api import Answer, Api
from ialirt_backfill.coverage import (
    Coverage,
    Span,
    availability_pct,
    day_span,
    expected_records,
    extend,
    join_near,
    measure,
    single_gaps,
    subtract,
)
from ialirt_backfill.exceptions import AccessDenied, DayFileError, IalirtBackfillError, Interrupted, UnwritableValue
from ialirt_backfill.instruments import Instrument, of_file
from ialirt_backfill.listener import DayOutcome, Listener
from ialirt_backfill.planner import Action, Decision, Policy, decide, is_final, plan_spans, relied_on
from ledger import AttemptResult, AttemptStatus, Claim, ClaimLost, DayResult, DayState, DayStatus, Ledger, LedgerError
from ledger.collector import collector_paused

log = logging.getLogger(__name__)

_one_tabulates = threading.Lock()
"""Threads that tabulate side by side fight for the interpreter at each of arrow's hundred calls a window: they gain no
time, and a third of their CPU is lost."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run takes place: its ledger, its datastore, I-ALiRT, and as of when it decides.

    ``follow_server_clock`` says that ``now`` is this machine's clock, which the server's corrects where they differ.
    """

    ledger: Ledger
    api: Api
    datastore: Path
    policy: Policy
    now: datetime
    run_id: str
    listener: Listener = field(default_factory=Listener)
    follow_server_clock: bool = True

    def decide(self, instrument: Instrument, day: date, row: DayState | None) -> Decision:
        """Decide from a row and the file on disk as they are now."""
        return decide(instrument, day, row, size_on_disk(self.datastore, instrument, day, row), self.now, self.policy)

    def trusted_now(self) -> datetime:
        """``now``, but no later than the server's clock: what a clock that is ahead has asked for has yet to happen."""
        ahead = self.api.clock_error if self.follow_server_clock else timedelta(0)
        return self.now - ahead if ahead > timedelta(minutes=1) else self.now


def day_path(instrument: Instrument, day: date, row: DayState | None) -> PurePosixPath:
    """Where a day's file lies, relative to the datastore: where the ledger has it, else at its usual place."""
    return PurePosixPath(row.path) if row is not None and row.path else instrument.path(day)


def size_on_disk(datastore: Path, instrument: Instrument, day: date, row: DayState | None) -> int | None:
    """The size of a day's file in bytes, None where there is none.

    None also where it cannot be looked at: so the day is decided to be asked for, and its attempt tells the reason.
    """
    name = row.path if row is not None and row.path else instrument.path(day)
    try:
        return dayfile.size(f"{datastore}/{name}")
    except DayFileError:
        return None


def sweep_skipped(site: Site, planned: Iterable[Decision]) -> None:
    """Remove the temporary files that killed runs left beside the files of days that are not worked on now.

    A file is seen first, then the ledger asked: whoever staged it holds a claim until it is gone.
    """
    skipped = [it for it in planned if not it.action.asks]
    months = {(it.instrument, it.day.year, it.day.month) for it in skipped}
    folders = {site.datastore / instrument.folder_of(date(year, month, 1)) for instrument, year, month in months}
    for temporary, final in chain.from_iterable(map(dayfile.leftovers, sorted(folders))):
        said = of_file(final.name)
        if said and any((it.instrument, it.day) == said for it in skipped):
            row = site.ledger.day(said[0].progress_key, said[1])
            if row is None or row.claim is None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                    log.info("removed %s, which a killed run left", temporary)


def carry_out(site: Site, decision: Decision) -> DayOutcome | Decision:
    """Take the day, ask for what it lacks, and record the result.

    The decision that skips it, where the day turns out to be another runner's, or done by now. Raises LedgerError where
    the ledger cannot be reached.
    """
    claimed = _claim(site, decision)
    if isinstance(claimed, Decision):
        return claimed
    claim, decision = claimed
    site.listener.day_started(decision)
    work = _Work(site, decision, claim)
    try:
        return work.run()
    except ClaimLost:
        log.warning("%s %s: another runner has taken the day over", decision.instrument.name, decision.day)
    finally:
        if not work.recorded:
            site.ledger.release(claim)
    row = site.ledger.day(claim.item_name, claim.day)
    return carry_out(site, site.decide(decision.instrument, decision.day, row))


def _claim(site: Site, decision: Decision) -> tuple[Claim, Decision] | Decision:
    """The day's claim, or the decision that skips it: where another runner was faster, its fresh row decides again."""
    key = decision.instrument.progress_key
    while decision.action.asks:
        claim = site.ledger.claim(key, decision.day, seen_version=decision.seen_version, run_id=site.run_id)
        if claim is not None:
            return claim, decision
        row = site.ledger.day(key, decision.day)
        if row is not None and row.version == decision.seen_version:
            # Nothing has changed, so the row is locked: its runner is publishing, though its claim may have lapsed.
            return replace(decision, action=Action.SKIP_CLAIMED, reason="its result is being recorded", spans=())
        decision = site.decide(decision.instrument, decision.day, row)
    return decision


@dataclass(slots=True)
class _Received:
    """What has arrived of a day so far."""

    rows: list[pa.Table] = field(default_factory=list)
    windows: list[Span] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    gaps_of_rejected: list[Span] = field(default_factory=list)
    requests: int = 0

    @property
    def records(self) -> int:
        return sum(rows.num_rows for rows in self.rows)


class _Work:
    """The work on one claimed instrument-day."""

    def __init__(self, site: Site, decision: Decision, claim: Claim) -> None:
        self._site, self._decision, self._claim = site, decision, claim
        self._row = claim.state
        self._whole = day_span(decision.day)
        self._path = day_path(decision.instrument, decision.day, claim.state)
        self._file = site.datastore / self._path
        self._size_before: int | None = None
        self._received = _Received()
        self._lost: list[Span] = []
        self.recorded = False

    @property
    def _as_recorded(self) -> bool:
        """Whether the file is as the ledger has it, as far as is known: its size tells, and who decided on the day."""
        is_same = self._size_before is not None and self._size_before == self._row.size_bytes
        return is_same and not self._decision.reread

    def run(self) -> DayOutcome:
        started, began = self._site.ledger.now(), time.monotonic()
        error: Exception | None = None
        try:
            self._size_before = dayfile.size(self._file)
            dayfile.sweep(self._file)
        except DayFileError as failure:
            return self._record(self._as_before(failure), None, failure, started, began)
        try:
            with collector_paused:
                self._ask(self._spans())
        except Exception as failure:  # whatever a day meets, it must not take the other days with it
            self._tell_of_bug(failure)
            error = failure
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

    # --- asking -------------------------------------------------------------------------------------------------------

    def _ask(self, spans: tuple[Span, ...]) -> None:
        unwritable: UnwritableValue | None = None
        for span in spans:
            for answer in self._site.api.ask(self._decision.instrument, span, self._tried):
                try:
                    self._take(answer)
                except UnwritableValue as error:
                    # The day has failed, but the windows behind this one need not be missing from its file.
                    unwritable = unwritable or error
                self._site.listener.answered(self._decision, answer.window, len(answer.records))
        if unwritable is not None:
            raise unwritable

    def _tried(self, window: Span, retry_of: str | None) -> None:
        self._received.requests += 1
        self._site.listener.asking(self._decision, window, retry_of)

    def _take(self, answer: Answer) -> None:
        instrument = self._decision.instrument
        window = _tabulated(instrument, answer)
        rows, rejected = window.rows, window.rejected
        if rejected:
            log.warning(
                "%s %s %s: %d records that cannot be kept; asking again",
                instrument.name, self._decision.day, answer.window, len(rejected),
            )  # fmt: skip
            again = [
                _tabulated(instrument, part) for part in self._site.api.ask(instrument, answer.window, self._tried)
            ]
            rows = table.merge(rows, table.concatenate([part.rows for part in again]))
            rejected = tuple(text for part in again for text in part.rejected)
        if rejected:  # what was in them is missing, and stays a gap until it is asked for once more
            self._received.gaps_of_rejected.extend(single_gaps(instrument, answer.window, table.times(rows)))
        for text in rejected:
            log.warning("%s %s: rejected: %s", instrument.name, self._decision.day, text)
        self._received.rows.append(rows)
        self._received.windows.append(answer.window)
        self._received.rejected.extend(rejected)

    def _tell_of_bug(self, failure: Exception) -> None:
        if not isinstance(failure, IalirtBackfillError | OSError):
            name, day = self._decision.instrument.name, self._decision.day
            log.error("%s %s: unexpected failure", name, day, exc_info=failure)

    # --- publishing and recording -------------------------------------------------------------------------------------

    def _finish(self, error: Exception | None, started: datetime, began: float) -> DayOutcome:
        staged: dayfile.Staged | None = None
        new = table.concatenate(self._received.rows)
        try:
            self._look_again()
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
        more = [part for span in (*still_open, *self._received.gaps_of_rejected) if (part := span.clip(coverage.asked))]
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
        trusted = relied_on(reached, self._decision.day, self._site.trusted_now(), self._site.policy)
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
        instrument, row, site = self._decision.instrument, self._row, self._site
        asked_through = coverage.asked.end
        final = error is None and is_final(
            asked_through,
            coverage.gaps,
            self._received.windows,
            self._decision.day,
            site.trusted_now(),
            site.policy.settle,
        )
        has_file = staged is not None or self._size_before is not None
        return DayResult(
            status=self._status(coverage.records, error),
            records=coverage.records,
            expected_records=expected_records(instrument, coverage.asked),
            availability_pct=availability_pct(instrument, coverage),
            first_record=coverage.first,
            last_record=coverage.last,
            gaps=tuple((gap.start, gap.end) for gap in coverage.gaps),
            asked_through=asked_through,
            is_final=final,
            path=str(self._path) if has_file else None,
            size_bytes=staged.size_bytes if staged else row.size_bytes if has_file else None,
            sha256=staged.sha256 if staged else row.sha256 if has_file else None,
            rejected=row.rejected + len(self._received.rejected),
            error=None if error is None or isinstance(error, Interrupted) else describe(error),
        )

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
        row, site, received = self._row, self._site, self._received
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
            finished=site.ledger.now(),
        )
        news = (
            changed
            or (error is not None and not interrupted)
            or bool(received.rejected)
            or (result.status, result.is_final) != (row.status, row.is_final)
        )
        if not (interrupted and not received.windows):
            with site.ledger.recording(self._claim) as recording:
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
            requests=received.requests,
            records_fetched=received.records,
            records_added=attempt.records_added,
            rejected=tuple(received.rejected),
            seconds=seconds,
        )


def _tabulated(instrument: Instrument, answer: Answer) -> table.Window:
    with _one_tabulates:
        return table.tabulate(instrument, answer.window, answer.records)


def describe(error: Exception) -> str:
    """A failure in words for a person; an unexpected one with its kind."""
    if isinstance(error, IalirtBackfillError | OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; please report this"


def _gaps(row: DayState) -> tuple[Span, ...]:
    return tuple(Span(*gap) for gap in row.gaps)
