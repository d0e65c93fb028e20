"""What to do with each instrument and day. Pure: no I/O, no clock.

`now`, the ledger's row of the day, and the size of the file on disk decide. The first line that fits wins:

=====================================================  ===============================  ==============================
state                                                  action                           what is asked for
=====================================================  ===============================  ==============================
the day begins after `now`                             skip-future
a living runner holds the claim                        skip-claimed
``redownload``                                         run                              the whole day
no row, or pending                                     run                              the whole day
failed                                                 retry with ``retry_failed`` or   what was not asked, the gaps
                                                       when polling, else skip-failed
fetched with less access than this run has             run                              the whole day
downloaded, file gone                                  run                              the whole day
file not the size recorded                             run                              the file's gaps, what was not
                                                                                        asked
not asked through to min(`now` - overlap, end of day)  run                              from asked-through to min(`now`,
                                                                                        end of day); once settled, the
                                                                                        gaps too: one run ends it
polling, and `now` within the overlap of its start     run                              the day so far
fully asked, not final, settled                        run (final pass)                 the gaps
fully asked, not final, not settled                    skip-existing, skip-no-data
final, availability below ``min_availability``         run (repair)                     the gaps
final                                                  skip-existing, skip-no-data
=====================================================  ===============================  ==============================

What would be asked for, but was refused to this run for want of a key or a scope, is ``skip-no-access`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import groupby
from operator import itemgetter

from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import Admission, Refusal
from ialirt_backfill.plan.coverage import DAY, SECOND, Span, day_span, gaps_of, join_near, percent
from ledger.records import DayAccess, DayState, DayStatus

FIRST_PAUSE = timedelta(minutes=15)
"""How long polling leaves a failed past day alone after its first failure; every further failure doubles it."""
LONGEST_PAUSE = DAY


class Action(Enum):
    """What the planner decides for an instrument-day."""

    RUN = "run"
    RETRY = "retry"
    SKIP_EXISTING = "skip-existing"
    SKIP_NO_DATA = "skip-no-data"
    SKIP_FAILED = "skip-failed"
    SKIP_CLAIMED = "skip-claimed"
    SKIP_NO_ACCESS = "skip-no-access"
    SKIP_FUTURE = "skip-future"

    def __init__(self, value: str) -> None:
        self.asks = value in {"run", "retry"}
        """Whether I-ALiRT is asked for anything."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The options that bear on decisions.

    ``settle`` is how long after its end a day may still gain records; ``overlap`` how close to `now` an answer cannot
    be relied on yet; ``lag`` how many of the newest seconds are not asked for at all.
    """

    retry_failed: bool = False
    redownload: bool = False
    min_availability_pct: float | None = None
    settle: timedelta = DAY
    overlap: timedelta = timedelta(minutes=10)
    lag: timedelta = timedelta(0)
    polling: bool = False

    @property
    def unreliable(self) -> timedelta:
        """How far behind `now` the answers begin that can be relied on."""
        return max(self.overlap, self.lag)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one instrument-day, and why.

    ``spans`` are what to ask for. ``reread`` says that the file is not as the ledger has it: its own rows tell the
    gaps, and ``spans`` holds only what was never asked. ``seen_version`` is that of the row the decision was made on.
    ``refusal`` is what keeps the day from being asked for, where that is want of access.
    """

    instrument: Instrument
    day: date
    action: Action
    reason: str
    spans: tuple[Span, ...] = ()
    reread: bool = False
    seen_version: int | None = None
    refusal: Refusal | None = None

    def refused(self, refusal: Refusal) -> Decision:
        """This day, not to be asked for: the server refuses it."""
        return replace(self, action=Action.SKIP_NO_ACCESS, reason=refusal.reason, spans=(), refusal=refusal)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The moments that bear on every instrument of one day: the day itself, up to where it can be asked for and up to
    where the answers can be relied on at `now`, and when it has settled."""

    whole: Span
    so_far: Span
    reliable: datetime
    settled_at: datetime

    @classmethod
    def of(cls, day: date, now: datetime, policy: Policy) -> _Moments:
        whole = day_span(day)
        asked_end = min(now - policy.lag, whole.end).replace(microsecond=0)
        reliable = min(now - policy.unreliable, whole.end).replace(microsecond=0)
        return cls(whole, Span(whole.start, asked_end), reliable, whole.end + policy.settle)


def decide(
    instrument: Instrument,
    day: date,
    row: DayState | None,
    size_bytes: int | None,
    now: datetime,
    policy: Policy,
    admission: Admission,
) -> Decision:
    """Decide for one instrument-day.

    ``row`` is what the ledger has of it, ``size_bytes`` the size of its file (None: there is none), ``admission`` what
    is known of what the run may have.
    """
    return _Case(instrument, day, row, size_bytes, now, policy, admission, _Moments.of(day, now, policy)).decide()


@dataclass(slots=True)
class _Case:
    """One instrument-day to decide on, and what bears on it. The methods are the parts of the table, from the top."""

    instrument: Instrument
    day: date
    row: DayState | None
    size_bytes: int | None
    now: datetime
    policy: Policy
    admission: Admission
    moments: _Moments

    def decide(self) -> Decision:
        """The whole table: first what needs no result of an earlier attempt."""
        row, moments = self.row, self.moments
        if moments.so_far.end <= moments.whole.start:
            return self._because(Action.SKIP_FUTURE, "the day has not begun")
        if row is not None and row.claim is not None:
            return self._because(Action.SKIP_CLAIMED, f"held by {row.claim.describe()}")
        if self.policy.redownload:
            return self._because(Action.RUN, "asked for again (--redownload)", (moments.so_far,))
        if row is None or row.status is DayStatus.PENDING:
            return self._because(Action.RUN, _why_pending(row), (moments.so_far,))
        asked_through = row.asked_through or moments.whole.start
        tail = (Span(asked_through, moments.so_far.end),) if asked_through < moments.so_far.end else ()
        if row.status is DayStatus.FAILED:
            return self._failed(row, tail)
        return self._not_as_it_was(row, tail) or self._asked_in_part(row, asked_through, tail) or self._asked(row)

    def _failed(self, row: DayState, tail: tuple[Span, ...]) -> Decision:
        so_far = self.moments.so_far
        tries = f"{row.failures} failed attempt{'' if row.failures == 1 else 's'}, the last: {row.last_error}"
        if waits := _waits(row, self.moments.whole, self.now, self.policy):
            return self._because(Action.SKIP_FAILED, f"{tries} ({waits})")
        if self._is_file_gone(row):
            return self._because(Action.RETRY, tries, (so_far,))
        if self._has_file_changed(row):
            return self._because(Action.RETRY, tries, tail, reread=True)
        # Where nothing is missing, the day failed while it was asked for again as a whole.
        missing = plan_spans(self.instrument, (*gaps_of(row), *tail), so_far)
        return self._because(Action.RETRY, tries, missing or (so_far,))

    def _not_as_it_was(self, row: DayState, tail: tuple[Span, ...]) -> Decision | None:
        """What is stored is less than may be had, or is not what was stored."""
        if row.access is not None and row.records and row.access in self.admission.lacking(self.instrument):
            return self._because(Action.RUN, _LESS_ACCESS[row.access], (self.moments.so_far,))
        if self._is_file_gone(row):
            return self._because(Action.RUN, "its file is missing", (self.moments.so_far,))
        if self._has_file_changed(row):
            known = row.size_bytes is not None
            reason = "its file is not the size recorded" if known else "a file is there that the ledger does not know"
            return self._because(Action.RUN, reason, tail, reread=True)
        return None

    def _asked_in_part(self, row: DayState, asked_through: datetime, tail: tuple[Span, ...]) -> Decision | None:
        """It has not been asked for to its end, as far as the answers can be relied on by now."""
        whole, reliable = self.moments.whole, self.moments.reliable
        # A poll shows the first records of a day before any of them can be relied on.
        if asked_through < reliable or (self.policy.polling and reliable <= whole.start and tail):
            missing = (*gaps_of(row), *tail) if self.now >= self.moments.settled_at else tail
            spans = plan_spans(self.instrument, missing, self.moments.so_far)
            return self._because(Action.RUN, _so_far(row, whole), spans)
        if asked_through < whole.end:
            return self._because(_skip(row), f"{_found(row)}; {_so_far(row, whole)}")
        return None

    def _asked(self, row: DayState) -> Decision:
        """It has been asked for to its end."""
        found, settled_at = _found(row), self.moments.settled_at
        if not row.is_final and self.now < settled_at:
            return self._because(_skip(row), f"{found}; final pass due {settled_at:%Y-%m-%d %H:%M}Z")
        below = self.policy.min_availability_pct
        if row.is_final and (below is None or (row.availability_pct or 0.0) >= below):
            return self._because(_skip(row), f"{found}; final")
        gaps = plan_spans(self.instrument, gaps_of(row), self.moments.whole)
        if not row.is_final:
            return self._because(Action.RUN, f"final pass: {found}", gaps)
        if not gaps:
            return self._because(_skip(row), f"{found}; below {below:g} % but without a gap to ask for")
        return self._because(Action.RUN, f"repair: {found}, below {below:g} %", gaps)

    def _is_file_gone(self, row: DayState) -> bool:
        return row.size_bytes is not None and self.size_bytes is None

    def _has_file_changed(self, row: DayState) -> bool:
        return self.size_bytes is not None and self.size_bytes != row.size_bytes

    def _because(self, action: Action, reason: str, spans: Iterable[Span] = (), reread: bool = False) -> Decision:
        seen = None if self.row is None else self.row.version
        decision = Decision(self.instrument, self.day, action, reason, tuple(spans), reread, seen)
        if not action.asks:
            return decision
        start = self.moments.whole.start
        if refusal := self.admission.refusal(self.instrument, start):
            return decision.refused(refusal)
        needs = self.admission.needs(self.instrument, start)
        return replace(decision, reason=f"{reason}; {needs}") if needs else decision


def _skip(row: DayState) -> Action:
    return Action.SKIP_EXISTING if row.records else Action.SKIP_NO_DATA


_LESS_ACCESS = {
    DayAccess.NONE: "fetched without a key: its restricted fields are missing",
    DayAccess.KEY: "fetched with a key that was not shown its restricted fields",
}


def _why_pending(row: DayState | None) -> str:
    if row is not None and row.refused:
        return "refused so far"
    return "never asked for" if row is None or row.attempts == 0 else "interrupted before its first result"


def _so_far(row: DayState, whole: Span) -> str:
    asked_through = row.asked_through or whole.start
    return "nothing relied on yet" if asked_through == whole.start else f"asked through {_clock(asked_through)}"


def _waits(row: DayState, whole: Span, now: datetime, policy: Policy) -> str:
    """Why a failed day is not asked for again now; empty when it is."""
    if policy.retry_failed:
        return ""
    if not policy.polling:
        return "--retry-failed asks again"
    due = row.updated_at + min(FIRST_PAUSE * 2 ** min(max(row.failures - 1, 0), 16), LONGEST_PAUSE)
    return f"next try {due:%Y-%m-%d %H:%M}Z" if whole.end <= now < due else ""


def plan_spans(instrument: Instrument, spans: Iterable[Span], within: Span) -> tuple[Span, ...]:
    """The spans to ask for so that ``spans`` are covered.

    Those that lie close together become one, and never do they cost more requests than ``within`` as a whole would.
    """
    asked = join_near(tuple(spans), instrument.window / 4)
    if sum(requests(instrument, span) for span in asked) > requests(instrument, within):
        return (within,)
    return asked


def requests(instrument: Instrument, span: Span) -> int:
    """How many queries a span costs with the instrument's own window."""
    return -(-span.duration // instrument.window)


def is_final(
    asked_through: datetime, gaps: Iterable[Span], asked: Iterable[Span], day: date, now: datetime, settle: timedelta
) -> bool:
    """Whether a day asked for at ``now`` without a failure need never be asked for again.

    It is when it was fully asked after it was over and without a gap, or when it had settled and each of its gaps lies
    in what was ``asked`` for this time.
    """
    whole = day_span(day)
    if asked_through < whole.end or now < whole.end:
        return False
    gaps, asked = tuple(gaps), join_near(tuple(asked), timedelta(0))
    if not gaps:
        return True
    return now >= whole.end + settle and all(any(span.holds(gap) for span in asked) for gap in gaps)


def relied_on(asked_end: datetime, day: date, now: datetime, policy: Policy) -> datetime:
    """Asked-through after everything up to ``asked_end`` was answered: never closer to `now` than the overlap."""
    reliable = (now - policy.unreliable).replace(microsecond=0)
    return max(day_span(day).start, min(asked_end, reliable))


def plan(
    days: Iterable[tuple[Instrument, date]],
    rows: Mapping[tuple[str, date], DayState],
    size_of: Callable[[Instrument, date, DayState | None], int | None],
    now: datetime,
    policy: Policy,
    admission: Admission,
    limit_days: int | None = None,
) -> Iterator[Decision]:
    """Decide for every instrument-day, in the order given, which is day by day.

    With ``limit_days`` the plan ends before the day that would be one too many: only days with something to ask for
    count.
    """
    asking = 0
    for day, group in groupby(days, key=itemgetter(1)):
        moments = _Moments.of(day, now, policy)
        decisions = []
        for instrument, _ in group:
            row = rows.get((instrument.progress_key, day))
            size_bytes = size_of(instrument, day, row)
            decisions.append(_Case(instrument, day, row, size_bytes, now, policy, admission, moments).decide())
        asking += any(decision.action.asks for decision in decisions)
        if limit_days is not None and asking > limit_days:
            return
        yield from decisions


def _found(row: DayState) -> str:
    if not row.records:
        return "no data"
    availability = "" if row.availability_pct is None else f", {percent(row.availability_pct)}"
    return f"{row.records:,} record{'' if row.records == 1 else 's'}{availability}"


def _clock(moment: datetime) -> str:
    return f"{moment - SECOND:%H:%M:%S}"
