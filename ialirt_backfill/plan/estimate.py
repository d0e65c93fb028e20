"""What a plan is going to cost in time and on the disk: as earlier runs had it, else by the table of instruments. Pure.

An estimate: the order of things, so that a person knows whether to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from ialirt_backfill.instruments import Column, ColumnType, Instrument
from ialirt_backfill.plan.coverage import Span, day_span, expected_records
from ialirt_backfill.plan.decisions import Decision, requests
from ledger.records import Experience

SECONDS_A_REQUEST = 1.0
"""Assumed where nothing has been asked yet."""

_LIMIT_BYTES = 1_000_000
"""What a window comes close to, where an instrument's records are large."""
_WIDTHS = {ColumnType.TEXT: 20, ColumnType.INTEGER: 5, ColumnType.MEASUREMENT: 7, ColumnType.BOOLEAN: 6}
"""How many characters a cell takes on average, with its comma."""
_NANOSECONDS, _CONVERTED = 19, 16


class Basis(Enum):
    """What an estimate goes by."""

    HISTORY = "history"
    """What earlier requests took, and what the days on the disk take."""
    CATALOGUE = "catalogue"
    """The table of instruments, and a second for each request."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan is going to cost. ``size_bytes`` is what its records take on the disk."""

    requests: int
    seconds: float
    size_bytes: int
    basis: Basis


def estimate(
    plan: Iterable[Decision], experience: Mapping[str, Experience], jobs: int, max_rate: float | None
) -> Estimate | None:
    """The cost of a plan; None where it asks for nothing. ``experience`` is what is known, by progress key."""
    asked = [(decision.instrument, span) for decision in plan if decision.action.asks for span in decision.spans]
    if not asked:
        return None
    number, seconds, size_bytes = 0, 0.0, 0.0
    general = _seconds_a_request(experience.values())
    for instrument, spans in _by_instrument(asked).items():
        known = experience.get(instrument.progress_key)
        cost = sum(requests(instrument, span) for span in spans)
        number += cost
        seconds += cost * (_seconds_a_request([known] if known else []) or general or SECONDS_A_REQUEST)
        records = sum(expected_records(instrument, span) for span in spans)
        size_bytes += records * _bytes_a_record(instrument, known)
    seconds /= min(jobs, _days(asked))
    if max_rate is not None:
        seconds = max(seconds, number / max_rate)
    return Estimate(number, seconds, round(size_bytes), Basis.CATALOGUE if general is None else Basis.HISTORY)


def bytes_a_day(instrument: Instrument, known: Experience | None) -> float:
    """What a full day takes on the disk."""
    day = day_span(instrument.public_since.date())
    return expected_records(instrument, day) * _bytes_a_record(instrument, known)


def _by_instrument(asked: Iterable[tuple[Instrument, Span]]) -> dict[Instrument, list[Span]]:
    found: dict[Instrument, list[Span]] = {}
    for instrument, span in asked:
        found.setdefault(instrument, []).append(span)
    return found


def _days(asked: Iterable[tuple[Instrument, Span]]) -> int:
    """How many instrument-days there are: as many as can be in work at once."""
    return len({(instrument.name, span.start.date()) for instrument, span in asked})


def _seconds_a_request(known: Iterable[Experience]) -> float | None:
    known = tuple(known)
    number = sum(it.requests for it in known)
    return sum(it.seconds for it in known) / number if number else None


def _bytes_a_record(instrument: Instrument, known: Experience | None) -> float:
    if known is not None and known.records:
        return known.size_bytes / known.records
    columns = instrument.columns.values()
    if any(column.type is ColumnType.JSON and not column.is_time for column in columns):
        return _LIMIT_BYTES / expected_records(instrument, _a_window(instrument))
    return sum(_width(column) for column in columns)


def _a_window(instrument: Instrument) -> Span:
    start = instrument.public_since
    return Span(start, start + instrument.window)


def _width(column: Column) -> int:
    if column.is_time:
        return _NANOSECONDS
    return _CONVERTED if column.polynomial else _WIDTHS.get(column.type, _NANOSECONDS)
