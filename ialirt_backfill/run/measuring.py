"""How complete a day will be once what arrived is in its file, and how far it has been asked for.

Nothing is written here, and read only where what is known cannot tell: the times of a file's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.instruments import Instrument, definition_of
from ialirt_backfill.plan.access import least
from ialirt_backfill.plan.coverage import (
    Coverage,
    Span,
    availability_pct,
    expected_records,
    extend,
    gaps_of,
    join_near,
    measure,
    subtract,
)
from ialirt_backfill.plan.decisions import is_final, relied_on
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.failures import in_words
from ialirt_backfill.run.known import KnownDay
from ialirt_backfill.run.received import Received
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.places import access_shown
from ledger import DayAccess, DayResult, DayState, DayStatus


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
    definition: str | None = None,
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
        definition=definition,
    )


def measured(
    context: Context, day: KnownDay, received: Received, staged: dayfile.Staged | None, error: Exception | None
) -> DayResult:
    """What the day is once ``staged`` (None: nothing) is published; ``error`` is what asking ended with."""
    row, now = day.row, context.trusted_now()
    coverage = _with_what_is_known_to_be_missing(day, received, _coverage(context, day, received, staged))
    has_file = staged is not None or day.size_bytes is not None
    return day_result(
        day.instrument,
        coverage,
        _status(row, received, coverage.records, error),
        is_final=error is None
        and is_final(coverage.asked.end, coverage.gaps, received.windows, day.decision.day, now, context.policy.settle),
        path=day.path if has_file else None,
        size_bytes=staged.size_bytes if staged else row.size_bytes if has_file else None,
        sha256=staged.sha256 if staged else row.sha256 if has_file else None,
        rejected=row.rejected + len(received.rejected),
        access=_access(context, day, received, coverage.asked),
        error=None if error is None or isinstance(error, Interrupted) else in_words(error),
        definition=_definition(day, received, coverage.asked),
    )


def as_before(day: KnownDay, error: Exception) -> DayResult:
    """What the day is where nothing of this attempt was stored: failed, and all else as it was."""
    return replace(DayResult.of(day.row), status=DayStatus.FAILED, is_final=False, error=in_words(error))


def _coverage(context: Context, day: KnownDay, received: Received, staged: dayfile.Staged | None) -> Coverage:
    """What the file will hold, measured from as few of its rows as possible."""
    instrument, row, start = day.instrument, day.row, day.whole.start
    # Rows that are gone with their file were not asked for, as far as the disk can tell.
    known_through = start if day.size_bytes is None and row.records else row.asked_through or start
    reached = _reached(known_through, received.windows)
    trusted = relied_on(reached, day.decision.day, context.trusted_now(), context.policy)
    asked = Span(start, max(known_through, trusted))
    known = Coverage(Span(start, known_through), row.records, 0, row.first_record, row.last_record, gaps_of(row))
    if staged is None:
        if day.size_bytes is None:
            return measure(instrument, asked, [])
        extended = extend(instrument, known, asked, row.records, row.last_record, [])
        return extended or measure(instrument, asked, dayfile.read_times(day.file))
    if not staged.last_kept:
        return measure(instrument, asked, staged.tail)
    if day.is_as_recorded:
        kept = row.records - staged.replaced
        extended = extend(instrument, known, asked, kept, staged.last_kept, staged.tail)
        if extended is not None:
            return extended
    return measure(instrument, asked, dayfile.read_times(staged.temporary or day.file))


def _reached(known_through: datetime, windows: Sequence[Span]) -> datetime:
    """How far the day has been answered without a break."""
    reached = known_through
    for window in sorted(windows):
        if window.start <= reached:
            reached = max(reached, window.end)
    return reached


def _with_what_is_known_to_be_missing(day: KnownDay, received: Received, coverage: Coverage) -> Coverage:
    """A coverage whose gaps are also what is missing without leaving a gap between its neighbours, or was to be asked
    for again and was not."""
    open_before = day.missing if day.decision.reread else gaps_of(day.row)
    still_open = subtract(open_before, received.windows)
    more = [part for span in (*still_open, *received.doubtful) if (part := span.clip(coverage.asked))]
    return replace(coverage, gaps=join_near((*coverage.gaps, *more), timedelta(0)))


def _status(row: DayState, received: Received, records: int, error: Exception | None) -> DayStatus:
    if isinstance(error, Interrupted):
        if row.status is DayStatus.FAILED or not received.windows:
            return row.status
    elif error is not None:
        return DayStatus.FAILED
    return DayStatus.DOWNLOADED if records else DayStatus.NO_DATA


def _access(context: Context, day: KnownDay, received: Received, asked: Span) -> DayAccess | None:
    """The least that any record of the day was fetched with; a question without an answer changes nothing."""
    row = day.row
    if not received.records:
        return row.access
    access = context.api.admission.access(day.instrument)
    if not row.records or _is_whole(received, asked):
        return access
    before = access_shown(context.datastore, day.instrument, row)
    return None if before is None else least(before, access)


def _definition(day: KnownDay, received: Received, asked: Span) -> str | None:
    """Under which definition every record of the file is written; of a day of which a part was written under another
    one, that of the older part, until it is asked for again as a whole."""
    row = day.row
    is_new = not row.records or (received.records > 0 and _is_whole(received, asked))
    return definition_of(day.instrument) if is_new else row.definition


def _is_whole(received: Received, asked: Span) -> bool:
    """Whether all that the day was ever asked for was answered now."""
    return any(window.holds(asked) for window in join_near(received.windows, timedelta(0)))
