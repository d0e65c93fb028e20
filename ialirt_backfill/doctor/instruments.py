"""What an instrument's answers are, against the catalogue. Pure: no request, no clock."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from ialirt_backfill.ask.overheard import Heard
from ialirt_backfill.ask.request import TooMuch
from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.doctor.values import (
    Record,
    Tally,
    farthest_epoch,
    judge,
    known_names,
    names_of,
    seconds_of,
)
from ialirt_backfill.instruments import ColumnKind, Instrument
from ialirt_backfill.instruments.stored import LIMIT, stored_size
from ialirt_backfill.options import write_duration
from ialirt_backfill.plan.access import NoAccess, Want

OLD = timedelta(minutes=30)
"""The newest record is usually younger."""
_AHEAD = timedelta(minutes=1)
"""Clocks do not agree to the second."""
_ENOUGH = 10
"""So many records without a field say that it is gone."""
_CADENCE_TOLERANCE = 0.1
_HOUR_SECONDS = 3600

_OWN_CATALOGUE = "a catalogue file of your own (docs/catalogue.md)"


@dataclass(frozen=True, slots=True)
class AskedInstrument:
    """What was heard of an instrument: of its newest hour, of an old window, and of what was asked for besides.

    ``is_trusted`` says whether the key was shown anything restricted; None where that is not known.
    """

    instrument: Instrument
    newest: Heard
    old: Heard
    more: tuple[Heard, ...] = ()
    is_trusted: bool | None = None

    @property
    def all(self) -> tuple[Heard, ...]:
        return (self.newest, self.old, *self.more)

    @property
    def records(self) -> list[Record]:
        return [record for heard in self.all for record in heard.records]


class NotAsked(Exception):
    """There was no time left to ask; its words say so."""


def examine(asked: AskedInstrument, now: datetime) -> list[Finding]:
    """What is found of an instrument; each check is one finding, or one for each field that it concerns."""
    return [*_examined(asked, now)]


def _examined(asked: AskedInstrument, now: datetime) -> Iterator[Finding]:
    yield from _answers(asked)
    if any(heard.failure is None for heard in asked.all):
        yield from _meta(asked)
    records = asked.records
    if not records:
        if all(heard.failure is None for heard in asked.all):
            yield _finding(asked, "records", Verdict.NOTICE, "none at all", "some", "is it switched off?")
        return
    yield _age(asked, now)
    yield from _cadence(asked)
    yield from _fields(asked, records)
    yield from _values(asked, records)
    yield from _epochs(asked, records)
    yield _size(asked)


def _finding(
    asked: AskedInstrument, check: str, verdict: Verdict, seen: str, expected: str = "", advice: str = ""
) -> Finding:
    return Finding(Part.INSTRUMENT, asked.instrument.name, check, verdict, seen, expected, advice)


# --- whether it answers -----------------------------------------------------------------------------------------------


def _answers(asked: AskedInstrument) -> Iterator[Finding]:
    failures = {type(heard.failure): heard for heard in asked.all if heard.failure is not None}
    for heard in failures.values():
        yield _failed(asked, heard)
    if not failures:
        counts = " and ".join(f"{len(it.records):,} in {write_duration(it.window.duration)}" for it in asked.all)
        yield _finding(asked, "answer", Verdict.OK, f"records: {counts}")


def _failed(asked: AskedInstrument, heard: Heard) -> Finding:
    failure = heard.failure
    what = write_duration(heard.window.duration)
    if isinstance(failure, TooMuch):
        return _finding(
            asked, "limit", Verdict.NOTICE,
            f"the server sends no {what} at once: {failure}",
            f"a window of {what} is answered: {LIMIT / 2**20:g} MB may be asked for at once",
            f"nothing is lost, a run halves its windows; a smaller one spares it that: {_OWN_CATALOGUE}",
        )  # fmt: skip
    if isinstance(failure, NoAccess):
        return _refused(asked, failure)
    if isinstance(failure, NotAsked):
        return _finding(
            asked, "answer", Verdict.NOTICE, str(failure), f"an answer for {what}", "ask again for it alone"
        )
    return _finding(
        asked, "answer", Verdict.WRONG, str(failure), f"an answer for {what}", "try again later; if it stays, report it"
    )


def _refused(asked: AskedInstrument, failure: NoAccess) -> Finding:
    """A refusal: whether it is one of those that are known."""
    instrument, refusal = asked.instrument, failure.refusal
    if refusal.want is Want.SCOPE and instrument.scopes and asked.is_trusted is not True:
        scopes = " or ".join(instrument.scopes)
        return _finding(asked, "answer", Verdict.OK, f"refused: it is for keys with scope {scopes}")
    if refusal.want is Want.SCOPE:
        expected = "it is shown to this key" if instrument.scopes else "it is shown to everybody"
        advice = f"ask the science centre for a key with the scope; scopes are written into {_OWN_CATALOGUE}"
        return _finding(asked, "scope", Verdict.WRONG, refusal.words, expected, advice)
    return _finding(asked, "answer", Verdict.WRONG, refusal.words, "an answer", refusal.reason)


def _meta(asked: AskedInstrument) -> Iterator[Finding]:
    """Whether the answers say of themselves what they are."""
    name = asked.instrument.name
    odd = next((words for heard in asked.all if heard.failure is None and (words := _odd_meta(name, heard))), "")
    expected = f"an object with data, and meta with count, type and instrument {name}"
    verdict, advice = (Verdict.NOTICE, "report it: the answer has changed its form") if odd else (Verdict.OK, "")
    yield _finding(asked, "meta", verdict, odd or "as expected", expected if odd else "", advice)


def _odd_meta(name: str, heard: Heard) -> str:
    answer = heard.answer
    meta: Any = answer.get("meta") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(meta, dict):
        return "the answer is a bare list, or without meta"
    if extra := sorted({*answer} ^ {"meta", "data"}) + sorted({*meta} ^ {"count", "type", INSTRUMENT}):
        return f"unknown or missing: {', '.join(extra)}"
    if (meta["count"], meta[INSTRUMENT]) != (len(answer["data"]), name):
        return f"count {meta['count']!r} with {len(answer['data'])} records, instrument {meta[INSTRUMENT]!r}"
    others = {str(record.get(INSTRUMENT)) for record in heard.records} - {name}
    return f"records of {', '.join(sorted(others))}" if others else ""


# --- when -------------------------------------------------------------------------------------------------------------


def _age(asked: AskedInstrument, now: datetime) -> Finding:
    newest = [heard for heard in asked.all if heard.window.end == asked.newest.window.end]
    times = seconds_of(record for heard in newest for record in heard.records)
    age = now - (datetime.fromtimestamp(times[-1], UTC) if times else min(it.window.start for it in newest))
    seen = f"the newest record is {'' if times else 'more than '}{_length(age)} old"
    if age < -_AHEAD:
        seen, advice = f"the newest record is {_length(-age)} ahead of the present", "report it; is --as-of meant?"
        return _finding(asked, "age", Verdict.NOTICE, seen, "none of the future", advice)
    if times and age <= OLD:
        return _finding(asked, "age", Verdict.OK, seen)
    return _finding(
        asked, "age", Verdict.NOTICE, seen, f"at most {_length(OLD)}",
        "wait: no ground station may be listening; if it stays, the instrument may be off",
    )  # fmt: skip


def _cadence(asked: AskedInstrument) -> Iterator[Finding]:
    """How often records come, by the median step between them: gaps do not count."""
    steps = [after - before for heard in asked.all for before, after in pairwise(seconds_of(heard.records))]
    if len(steps) < 3:
        return
    nominal, step = asked.instrument.cadence.total_seconds(), median(steps)
    seen = f"a record every {step:g} s ({len(steps):,} steps)"
    tolerance = 0.5 if asked.instrument.irregular else _CADENCE_TOLERANCE
    if abs(step - nominal) <= tolerance * nominal:
        yield _finding(asked, "cadence", Verdict.OK, seen)
        return
    wrong = f"availability would read {100 * nominal / step:.0f} % for ever" if step > nominal else "gaps would hide"
    yield _finding(
        asked, "cadence", Verdict.WRONG, seen, f"every {nominal:g} s",
        f'{wrong}: write cadence = "{step:g}s" into {_OWN_CATALOGUE}',
    )  # fmt: skip


def _epochs(asked: AskedInstrument, records: Sequence[Record]) -> Iterator[Finding]:
    """Whether the nanoseconds say the time of their record."""
    allowed = asked.instrument.longest_pause.total_seconds()
    farthest = farthest_epoch(asked.instrument, records)
    if not farthest:
        return
    off = [f"{name} {by:+.3f} s" for name, by in farthest.items() if abs(by) > (1 if name == "ttj2000ns" else allowed)]
    if not off:
        yield _finding(asked, "epochs", Verdict.OK, f"{', '.join(farthest)}: the time of the record")
        return
    expected = "Terrestrial Time since J2000 of the record's own time"
    advice = "use time_utc; a new leap second, or another epoch, is to be reported"
    yield _finding(asked, "epochs", Verdict.WRONG, f"off time_utc: {', '.join(off)}", expected, advice)


# --- what -------------------------------------------------------------------------------------------------------------


def _fields(asked: AskedInstrument, records: Sequence[Record]) -> Iterator[Finding]:
    instrument = asked.instrument
    come = names_of(records)
    usual, restricted = (known_names(instrument, restricted=it) for it in (False, True))
    if instrument.scopes:
        usual, restricted = usual | restricted, set()
    # The name of a kernel set measures nothing, and not every instrument has one.
    texts = {it.name for it in instrument.fields if it.columns[0].kind is ColumnKind.TEXT}
    unknown, missing = sorted(come - usual - restricted), sorted(usual - come - texts)
    for name in unknown:
        near = difflib.get_close_matches(name, missing, n=1)
        seen = f"{name} is unknown" + (f"; is it {near[0]}, renamed?" if near else "")
        advice = f"it is written as it came; to give it a type and a unit, describe it in {_OWN_CATALOGUE}"
        yield _finding(asked, "unknown field", Verdict.NOTICE, seen, "the fields of the catalogue", advice)
    for name in missing:
        verdict = Verdict.WRONG if len(records) >= _ENOUGH else Verdict.NOTICE
        seen = f"{name} is in none of {len(records):,} records"
        yield _finding(asked, "missing field", verdict, seen, f"{name} in every record", "its columns stay empty")
    if not unknown and not missing:
        yield _finding(asked, "fields", Verdict.OK, f"all {len(usual)} that are known, and no other")
    if restricted:
        yield _restricted(asked, restricted, restricted - come)


def _restricted(asked: AskedInstrument, restricted: set[str], missing: set[str]) -> Finding:
    if not missing:
        return _finding(asked, "restricted fields", Verdict.OK, f"all {len(restricted)} are shown")
    names = ", ".join(sorted(missing))
    if asked.is_trusted is not True and missing == restricted:
        return _finding(asked, "restricted fields", Verdict.OK, f"{len(missing)} are not shown to this caller")
    expected = f"all {len(restricted)} are shown to a key with a scope"
    return _finding(asked, "restricted fields", Verdict.WRONG, f"not shown: {names}", expected, "ask what the key may")


def _values(asked: AskedInstrument, records: Sequence[Record]) -> Iterator[Finding]:
    judged = judge(asked.instrument, records)
    for tally in judged.misfits:
        verdict = Verdict.WRONG if tally.is_mostly_odd else Verdict.NOTICE
        advice = f"nothing is cut, what came is written; give the field its new form in {_OWN_CATALOGUE}"
        yield _finding(asked, "type", verdict, str(tally), tally.expected, advice)
    for tally in judged.outside:
        yield _outside(asked, tally)
    if not judged.misfits:
        yield _finding(asked, "types", Verdict.OK, f"every value of {len(records):,} records is of its column's type")
    if not judged.outside:
        yield _finding(asked, "range", Verdict.OK, "every value is within its valid range")


def _outside(asked: AskedInstrument, tally: Tally) -> Finding:
    verdict = Verdict.WRONG if tally.is_mostly_odd else Verdict.NOTICE
    advice = f"they are written as they came; is it another unit? Units and ranges stand in {_OWN_CATALOGUE}"
    return _finding(asked, "range", verdict, str(tally), tally.expected, advice)


def _size(asked: AskedInstrument) -> Finding:
    """What a window weighs in the server's store, by the busiest of those that came."""
    window = asked.instrument.window.total_seconds()
    rates = [
        sum(stored_size(record) for record in heard.records) / heard.window.duration.total_seconds()
        for heard in asked.all
    ]
    rate = max(rates)
    share = rate * window / LIMIT
    seen = (
        f"{rate * _HOUR_SECONDS / 2**20:.3f} MB stored an hour: a window of {write_duration(asked.instrument.window)}"
        f" is {share:.0%} of what the server sends at once"
    )
    if share <= 1:
        return _finding(asked, "size", Verdict.OK, seen)
    advice = f"nothing is lost, a run halves its windows; write a smaller one into {_OWN_CATALOGUE}"
    return _finding(asked, "size", Verdict.NOTICE, seen, "a window stays below 1 MB", advice)


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
