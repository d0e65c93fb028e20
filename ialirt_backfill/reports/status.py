"""How complete a range of days is, from the ledger alone: what `status` and `gaps` tell, as data."""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from operator import attrgetter
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import GapsOptions, StatusOptions, StoreOptions
from ialirt_backfill.options.datastore import has_ledger
from ialirt_backfill.options.typed import command_line, to_fill_in
from ialirt_backfill.plan.coverage import Span, availability_of, gaps_of, is_answered, is_full, join_near
from ialirt_backfill.store.demonstration import is_synthetic
from ledger import DayState, DayStatus, Ledger, Run

LATE = timedelta(hours=1)
"""How old the newest record may be in a range that reaches today, and how long ago the last question for it."""

GAPS_SHOWN = 5
_MOST_NAMED = 3


class Standing(Enum):
    """Where a day stands.

    What a person is told has two other words, as everywhere: a day is *final* when nothing is left to ask for, with
    data or without, and *full* when every record that the cadence allows is there.
    """

    COMPLETE = "complete"
    """Final, with data; its availability tells how much there was."""
    INCOMPLETE = "incomplete"
    """Data, and more to ask for: not asked to its end yet, or its final pass is due."""
    FAILED = "failed"
    NO_DATA = "no_data"
    NO_ACCESS = "no_access"
    """Nothing so far: the server refused it for want of a key or a scope."""
    NEVER_ASKED = "never_asked"


@dataclass(frozen=True, slots=True)
class DayStanding:
    """One cell of the calendar."""

    day: date
    standing: Standing
    availability_pct: float | None
    is_final: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that was asked for and holds no record; ``end`` is the first second that is no part of it any more.

    ``missing_records`` is what the instrument's nominal cadence would have put there.
    """

    instrument: str
    start: datetime
    end: datetime
    duration_seconds: int
    missing_records: int


@dataclass(frozen=True, slots=True)
class InstrumentStatus:
    """How complete the days of one instrument are.

    ``days_full``, ``days_partial`` (less than full), ``days_no_data``, ``days_failed``, ``days_no_access`` and
    ``days_never_asked`` add up to ``days``; ``days_final`` counts those of them for which nothing is left to ask, with
    data or without. ``days_complete`` are the final ones with data, whatever their availability, ``days_incomplete``
    those with data and more to come. ``availability_pct`` is that of what was asked for, in percent. ``asked_through``
    is the latest time up to which any of the days was asked for and answered. ``warning`` is set where the newest
    record is older than it should be.
    """

    instrument: str
    days: int
    days_complete: int
    days_incomplete: int
    days_failed: int
    days_no_data: int
    days_no_access: int
    days_never_asked: int
    records: int
    expected_records: int
    availability_pct: float | None
    newest_record: datetime | None
    newest_record_age_seconds: float | None
    asked_through: datetime | None
    warning: str | None
    calendar: tuple[DayStanding, ...]
    days_full: int = 0
    days_partial: int = 0
    days_final: int = 0

    @property
    def was_asked(self) -> bool:
        """Whether any of the days was asked for, whatever came of it."""
        return self.days_never_asked < self.days


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The status of a range, ``start`` and ``end`` included, as of a time; days that had not begun are left out.

    ``synthetic`` says that the days are those of a demonstration.
    """

    as_of: datetime
    start: date
    end: date
    ledger: str
    instruments: tuple[InstrumentStatus, ...]
    longest_gaps: tuple[Gap, ...]
    last_run: Run | None
    last_run_is_living: bool
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class AskedDays:
    """Of which days of an instrument the gaps are known: those that were answered, whole or in part.

    The other counts are as in `InstrumentStatus`.
    """

    instrument: str
    days: int
    days_answered: int
    days_failed: int
    days_no_access: int
    days_never_asked: int
    days_final: int
    days_full: int


@dataclass(frozen=True, slots=True)
class GapsReport:
    """The gaps of a range, longest first; ``instruments`` says of how much of it they are known.

    ``synthetic`` as in `StatusReport`.
    """

    as_of: datetime
    start: date
    end: date
    ledger: str
    gaps: tuple[Gap, ...]
    synthetic: bool = False
    instruments: tuple[AskedDays, ...] = ()


def open_ledger(options: StoreOptions) -> Ledger:
    """The ledger that a report reads; UsageError says how to make one where there is none. Makes nothing."""
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        raise UsageError(_no_ledger(options))
    return ledger


def _no_ledger(options: StoreOptions) -> str:
    """What to do where there is no ledger: look elsewhere, or begin."""
    where = "" if options.ledger else f" (the datastore is {options.datastore})"
    near = "" if options.ledger else "".join(f" There is one in {it}: --datastore {it}." for it in _datastores_here())
    places = ["--datastore", options.datastore]
    if options.ledger is not None:
        places += ["--ledger", options.ledger_shown]
    first = command_line("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-07", *places)
    return (
        f"there is no ledger yet{where}.{near} The first run makes it, as in `{first}`{to_fill_in(first)};"
        " one kept elsewhere is named with --datastore or --ledger"
    )


def _datastores_here() -> list[str]:
    """The working folder and those in it that are datastores, where they are few."""
    with contextlib.suppress(OSError):
        found = [shlex.quote(str(it)) for it in (Path(), *sorted(Path().iterdir())) if has_ledger(it)]
        return found if len(found) <= _MOST_NAMED else []
    return []


def status(options: StatusOptions) -> StatusReport:
    """The status of a range. Raises UsageError and ledger.LedgerError."""
    now = options.as_of or datetime.now(UTC)
    with open_ledger(options) as ledger:
        states = _States.read(ledger, options, now)
        last_run = next(iter(ledger.runs(limit=1)), None)
        shown, synthetic = ledger.url_shown, is_synthetic(options, ledger)
    return StatusReport(
        as_of=now,
        start=states.days[0],
        end=states.days[-1],
        ledger=shown,
        instruments=tuple(
            instrument_status(instrument, states.days, states.rows, now) for instrument in states.instruments
        ),
        longest_gaps=tuple(find_gaps(states.instruments, states.rows.values())[:GAPS_SHOWN]),
        last_run=last_run,
        last_run_is_living=last_run is not None
        and any(row.claim is not None and row.claim.run_id == last_run.run_id for row in states.rows.values()),
        synthetic=synthetic,
    )


def gaps(options: GapsOptions) -> GapsReport:
    """The gaps of a range, longest first. Raises UsageError and ledger.LedgerError."""
    now = options.as_of or datetime.now(UTC)
    with open_ledger(options) as ledger:
        states = _States.read(ledger, options, now)
        shown, synthetic = ledger.url_shown, is_synthetic(options, ledger)
    found = find_gaps(states.instruments, states.rows.values())
    longer = tuple(gap for gap in found if gap.duration_seconds > options.longer_than.total_seconds())
    asked = tuple(asked_days(instrument, states.days, states.rows) for instrument in states.instruments)
    return GapsReport(now, states.days[0], states.days[-1], shown, longer, synthetic, asked)


@dataclass(frozen=True, slots=True)
class _States:
    """The rows of a range: its instruments and its days up to now, in order."""

    instruments: tuple[Instrument, ...]
    days: list[date]
    rows: Mapping[tuple[str, date], DayState] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger, options: StatusOptions, now: datetime) -> _States:
        """Without a start the range begins with the first day in the ledger; unnamed instruments need a row in it, and
        those that all may go without a result."""
        days = [day for day in options.days(now) if day <= now.date()]
        if not days:
            raise UsageError(f"--start {options.start} lies after today, {now:%Y-%m-%d} (UTC)")
        rows = ledger.days([instrument.progress_key for instrument in options.instruments], days[0], days[-1])
        if options.start is None and options.last is None and rows:
            first = min(day for _, day in rows)
            days = [day for day in days if day >= first]
        instruments = options.instruments
        if options.instrument is None:
            seen = {key for key, _ in rows}
            instruments = tuple(it for it in instruments if it.progress_key in seen) or instruments
        if options.takes_what_it_may:
            answered = {key for (key, _), row in rows.items() if row.status is not DayStatus.PENDING}
            instruments = tuple(it for it in instruments if it.progress_key in answered or not it.optional)
        return cls(instruments, days, rows)


def instrument_status(
    instrument: Instrument, days: Sequence[date], rows: Mapping[tuple[str, date], DayState], now: datetime
) -> InstrumentStatus:
    """The status of one instrument over ``days``, which rise."""
    found = [row for day in days if (row := rows.get((instrument.progress_key, day))) is not None]
    cells = tuple(_cell(day, rows.get((instrument.progress_key, day))) for day in days)
    counts = Counter(cell.standing for cell in cells)
    full = sum(cell.is_full for cell in cells)
    newest = max((row.last_record for row in found if row.last_record is not None), default=None)
    answered = (row.asked_through for row in found if is_answered(row))
    asked_through = max((time for time in answered if time is not None), default=None)
    return InstrumentStatus(
        instrument=instrument.name,
        days=len(days),
        days_complete=counts[Standing.COMPLETE],
        days_incomplete=counts[Standing.INCOMPLETE],
        days_failed=counts[Standing.FAILED],
        days_no_data=counts[Standing.NO_DATA],
        days_no_access=counts[Standing.NO_ACCESS],
        days_never_asked=counts[Standing.NEVER_ASKED],
        records=sum(row.records for row in found),
        expected_records=sum(row.expected_records for row in found),
        availability_pct=availability_of(found),
        newest_record=newest,
        newest_record_age_seconds=None if newest is None else (now - newest).total_seconds(),
        asked_through=asked_through,
        warning=_warning(newest, asked_through, now, found[-1]) if days[-1] >= now.date() and found else None,
        calendar=cells,
        days_full=full,
        days_partial=counts[Standing.COMPLETE] + counts[Standing.INCOMPLETE] - full,
        days_final=sum(cell.is_final for cell in cells),
    )


def asked_days(instrument: Instrument, days: Sequence[date], rows: Mapping[tuple[str, date], DayState]) -> AskedDays:
    """Of which of ``days`` the gaps of an instrument are known."""
    found = [rows.get((instrument.progress_key, day)) for day in days]
    cells = [_cell(day, row) for day, row in zip(days, found, strict=True)]
    counts = Counter(cell.standing for cell in cells)
    return AskedDays(
        instrument=instrument.name,
        days=len(days),
        days_answered=sum(row is not None and is_answered(row) for row in found),
        days_failed=counts[Standing.FAILED],
        days_no_access=counts[Standing.NO_ACCESS],
        days_never_asked=counts[Standing.NEVER_ASKED],
        days_final=sum(cell.is_final for cell in cells),
        days_full=sum(cell.is_full for cell in cells),
    )


def standing(row: DayState | None) -> Standing:
    """Where the day of a row stands; without a row it was never asked for."""
    if row is None or row.status is DayStatus.PENDING:
        return Standing.NO_ACCESS if row is not None and row.refused else Standing.NEVER_ASKED
    if row.status is DayStatus.FAILED:
        return Standing.FAILED
    if not row.records:
        return Standing.NO_DATA
    return Standing.COMPLETE if row.is_final else Standing.INCOMPLETE


def find_gaps(instruments: Iterable[Instrument], rows: Iterable[DayState]) -> list[Gap]:
    """All gaps of these days, longest first; those that meet at midnight are one."""
    by_key: dict[str, list[Span]] = {}
    for row in rows:
        by_key.setdefault(row.item_name, []).extend(gaps_of(row))
    found = [
        Gap(
            instrument.name,
            span.start,
            span.end,
            int(span.duration.total_seconds()),
            span.duration // instrument.cadence,
        )
        for instrument in instruments
        for span in join_near(by_key.get(instrument.progress_key, ()), timedelta(0))
    ]
    found.sort(key=attrgetter("start"))
    found.sort(key=attrgetter("duration_seconds"), reverse=True)
    return found


def _cell(day: date, row: DayState | None) -> DayStanding:
    if row is None:
        return DayStanding(day, Standing.NEVER_ASKED, None)
    stands = standing(row)
    has_data = stands in {Standing.COMPLETE, Standing.INCOMPLETE}
    return DayStanding(day, stands, row.availability_pct, row.is_final, has_data and is_full(row))


def _warning(newest: datetime | None, asked_through: datetime | None, now: datetime, last: DayState) -> str | None:
    """Why the newest record of a range that reaches today is too old; None where it is not."""
    if newest is not None and now - newest <= LATE:
        return None
    if last.refused:
        return last.refused
    if asked_through is None:
        return "nothing asked for was answered so far"
    if now - asked_through > LATE:
        return f"asked only through {asked_through:%Y-%m-%d %H:%M}Z"
    return "asked for just now: I-ALiRT has nothing newer"
