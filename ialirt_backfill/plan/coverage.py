"""Covered seconds of a day: spans, gaps, expected records, availability. Pure: no I/O and no clock.

Times are aware UTC datetimes of whole seconds. A span is half-open: it holds its start and not its end, so that
neighbouring spans neither overlap nor leave a second out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from ialirt_backfill.instruments import Instrument
from ledger.records import DayState

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The seconds from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def clip(self, other: Span) -> Span | None:
        """The part of this span inside ``other``, or None where they do not meet."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def holds(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M:%S}-{self.end - SECOND:%H:%M:%S}"


def day_span(day: date) -> Span:
    """The seconds of one UTC day."""
    start = datetime.combine(day, time.min, UTC)
    return Span(start, start + DAY)


def gaps_of(row: DayState) -> tuple[Span, ...]:
    """The gaps that the ledger has of a day, rising."""
    return tuple(Span(*gap) for gap in row.gaps)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a day's file holds of the seconds that were asked for.

    ``records`` counts rows; ``minutes``, where the instrument is irregular, the distinct minutes with a row (else 0);
    ``gaps`` are the stretches without a row, longer than the instrument's ``longest_pause``, inside the asked part.
    """

    asked: Span
    records: int
    minutes: int
    first: datetime | None
    last: datetime | None
    gaps: tuple[Span, ...]


def measure(instrument: Instrument, asked: Span, times: Sequence[int]) -> Coverage:
    """Measure all rows of a day.

    ``times`` are those of the rows in Unix seconds, rising and distinct; ``asked`` is the part of the day whose answers
    can be relied on (from the day's start to asked-through).
    """
    return Coverage(
        asked=asked,
        records=len(times),
        minutes=len({second // 60 for second in times}) if instrument.irregular else 0,
        first=_at(times[0]) if times else None,
        last=_at(times[-1]) if times else None,
        gaps=_pauses(instrument.longest_pause, asked, times),
    )


def extend(
    instrument: Instrument, known: Coverage, asked: Span, kept: int, last_kept: datetime | None, tail: Sequence[int]
) -> Coverage | None:
    """Measure a day of which only the end was read.

    Its first ``kept`` rows, up to the one at ``last_kept``, are as ``known``; the others are at ``tail`` (Unix seconds,
    rising and distinct).

    None where ``known`` cannot tell: its gaps do not reach ``last_kept``, or the instrument's minutes must be counted.
    """
    if instrument.irregular or last_kept is None or last_kept >= known.asked.end:
        return None
    after = _pauses(instrument.longest_pause, Span(last_kept + SECOND, asked.end), tail, previous=last_kept)
    return Coverage(
        asked=asked,
        records=kept + len(tail),
        minutes=0,
        first=known.first,
        last=_at(tail[-1]) if tail else last_kept,
        gaps=(*(gap for gap in known.gaps if gap.end <= last_kept), *after),
    )


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def single_gaps(instrument: Instrument, asked: Span, times: Sequence[int]) -> tuple[Span, ...]:
    """The stretches of ``asked`` in which a record is missing by the cadence, though it be a single one.

    For where records are known to have been lost; ``times`` are those of the rows in Unix seconds, rising.
    """
    return _pauses(1.5 * instrument.cadence, asked, times)


def _pauses(
    longest: timedelta, asked: Span, times: Sequence[int], previous: datetime | None = None
) -> tuple[Span, ...]:
    """The stretches of ``asked`` without a record that are longer than ``longest``; the pause before the first record
    is counted from ``previous``, where there is one, else from the start of ``asked``."""
    start, end = int(asked.start.timestamp()), int(asked.end.timestamp())
    pause = longest.total_seconds()
    points = [start if previous is None else int(previous.timestamp()), *times[: bisect_left(times, end)], end]
    long = [place for place, (since, second) in enumerate(pairwise(points)) if second - since > pause]
    return tuple(Span(_at(points[place] + 1 if place else start), _at(points[place + 1])) for place in long)


def expected_records(instrument: Instrument, asked: Span) -> int:
    """How many records (of an irregular instrument: minutes with a record) the asked part of a day should hold."""
    return int(asked.duration / instrument.cadence)


def availability_pct(instrument: Instrument, coverage: Coverage) -> float | None:
    """Distinct records (of an irregular instrument: minutes with a record) over those expected, in percent.

    At most 100; None where nothing is expected yet.
    """
    expected = expected_records(instrument, coverage.asked)
    if expected == 0:
        return None
    found = coverage.minutes if instrument.irregular else coverage.records
    return min(100.0, 100.0 * found / expected)


def availability_of(rows: Iterable[DayState]) -> float | None:
    """The availability of what was asked for of these days together, in percent; None where nothing is expected."""
    rows = tuple(rows)
    expected = sum(row.expected_records for row in rows)
    found = sum(row.expected_records * (row.availability_pct or 0.0) for row in rows)
    return found / expected if expected else None


def is_answered(row: DayState) -> bool:
    """Whether any part of the day was asked for with an answer that can be relied on."""
    return row.asked_through is not None and row.asked_through > day_span(row.day).start


def is_full(row: DayState) -> bool:
    """Whether the whole day was asked for and every record that the cadence allows is there: 100 %."""
    is_whole = row.asked_through is not None and row.asked_through >= day_span(row.day).end
    return is_whole and (row.availability_pct or 0.0) >= 100.0


def percent(pct: float | None) -> str:
    """An availability for a person: rounded down, so that only a complete day reads as 100 %."""
    return "-" if pct is None else f"{int(pct * 10) / 10:.1f} %"


def join_near(spans: Sequence[Span], near: timedelta) -> tuple[Span, ...]:
    """These spans, rising, with those no further apart than ``near`` joined into one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start - joined[-1].end <= near:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def subtract(spans: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of ``spans`` without the seconds of ``others``."""
    left = list(spans)
    for other in others:
        left = [
            part
            for span in left
            for part in (Span(span.start, min(span.end, other.start)), Span(max(span.start, other.end), span.end))
            if part.start < part.end
        ]
    return tuple(left)
