"""Which records exist, when each becomes available, and their JSON text.

A record is a pure function of seed, instrument, second and ``now``: however a span is cut into windows, the records are
the same. What the simulated mission does to them:

- Nothing before 2025-09-24. ``codice_lo`` is switched off from 2026-01-10 to 2026-01-25, both days included.
- About a third of the days have gaps of 3 minutes to 3 hours that all instruments share (no ground station listened),
  some instruments a gap of their own; the other days have none.
- A record becomes available :data:`LATENCY` seconds after its time. On some days a stretch of up to an hour comes late:
  1 to 20 hours after its time.
- A record is written again while it is younger than seven minutes: with a newer ``kernel_set_key`` each time, and about
  one in ten with a better value in the end.
- ``spacecraft`` and ``spacecraft_status`` are irregular: most minutes have one record, at the full minute or later;
  some none, some two.
"""

# ruff: noqa: S311 - the random numbers here are weather, not secrets

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from ialirt_backfill.instruments import LAUNCH, Instrument
from ialirt_backfill.instruments.stored import stored_size
from ialirt_backfill.simulator.signals import Values
from ialirt_backfill.simulator.unfamiliar import with_times
from ialirt_backfill.simulator.weather import (
    EPISODE,
    KERNELS,
    episode,
    hidden_fields,
    spacecraft,
    spacecraft_status,
    table,
)

LATENCY = 75
"""Seconds from a record's time until the API has it."""

REWRITTEN = 420
"""Seconds during which a record is still written again."""

SWITCHED_OFF: Mapping[str, tuple[tuple[date, date], ...]] = {"codice_lo": ((date(2026, 1, 10), date(2026, 1, 25)),)}
"""First and last day of the times an instrument was off."""

PHASES: Mapping[str, int] = {
    "mag": 3,
    "mag_hk": 3,
    "hit": 17,
    "swe": 11,
    "swapi": 5,
    "codice_lo": 100,
    "codice_hi": 130,
    "spacecraft": 0,
    "spacecraft_status": 0,
}
"""At which second of its cadence an instrument's records lie."""
_OTHER_PHASE = 7
"""Of those that a catalogue adds."""

_DAY = 86_400
_LAUNCH = (LAUNCH - date(1970, 1, 1)).days * _DAY
_J2000 = 946_728_000 - 69
"""Unix seconds less this are the whole seconds of ``ttj2000ns``; 184 ms come on top. They count from noon of 2000-01-01
in Terrestrial Time, which is 69.184 s ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in rising time: their JSON texts and the bytes they take up in the server's store."""

    texts: list[str]
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Unix seconds from ``start`` up to, not including, ``end``, received in one piece, ``delay`` seconds late."""

    start: int
    end: int
    delay: int = 0


@dataclass(frozen=True, slots=True)
class _Run:
    """Records of a regular instrument that share their episode, delay and age class."""

    first: int
    count: int
    delay: int
    revision: int


_REVISIONS = 3
"""How often a record is written in all: at first, and twice more before it is :data:`REWRITTEN` seconds old."""


def batch(
    seed: int,
    instrument: Instrument | None,
    first: int,
    last: int,
    now: int,
    *,
    scopes: Collection[str] = (),
    limit: int | None = None,
) -> Batch:
    """The records of an instrument from ``first`` to ``last`` (Unix seconds, both included) as the API has them at
    ``now``, with the fields that these scopes open; an empty batch for an unknown instrument,
    which is None.

    Stops making texts once ``stored_bytes`` is past ``limit``.
    """
    if instrument is None:
        return Batch([], 0)
    first, last = max(first, _LAUNCH), min(last, now - LATENCY)
    texts: list[str] = []
    stored = 0
    make = _irregular if instrument.irregular else _regular
    for part in make(seed, instrument, first, last, now, hidden_fields(instrument, scopes)):
        stored += part.stored_bytes
        if limit is not None and stored > limit:
            return Batch([], stored)
        texts += part.texts
    return Batch(texts, stored)


# --- what was received, and when --------------------------------------------------------------------------------------


def _stretches(seed: int, instrument: Instrument, first: int, last: int) -> Iterator[_Stretch]:
    for day in range(first // _DAY, last // _DAY + 1):
        for stretch in _received(seed, instrument.name, day):
            start, end = max(first, stretch.start), min(last + 1, stretch.end)
            if start < end:
                yield _Stretch(start, end, stretch.delay)


@lru_cache(maxsize=8192)
def _received(seed: int, instrument: str, day_number: int) -> tuple[_Stretch, ...]:
    """What was received of a day (days since 1970), in rising time."""
    day = date(1970, 1, 1) + timedelta(days=day_number)
    if any(start <= day <= end for start, end in SWITCHED_OFF.get(instrument, ())):
        return ()
    own = random.Random(f"{seed}/{instrument}/{day_number}")
    holes = [*_station_gaps(seed, day_number), *_gaps(own, 0.08)]
    late_start, late_length = own.randrange(_DAY), own.randrange(300, 3600)
    delay = own.randrange(3600, 72_000) if own.random() < 0.15 else 0
    edges = {0, _DAY, late_start, min(_DAY, late_start + late_length)}.union(*holes)
    midnight = day_number * _DAY
    stretches = []
    for start, end in _pairs(sorted(edges)):
        if any(gap_start <= start < gap_end for gap_start, gap_end in holes):
            continue
        is_late = delay and late_start <= start < late_start + late_length
        stretches.append(_Stretch(midnight + start, midnight + end, delay if is_late else 0))
    return tuple(stretches)


@lru_cache(maxsize=8192)
def _station_gaps(seed: int, day_number: int) -> tuple[tuple[int, int], ...]:
    return _gaps(random.Random(f"{seed}/stations/{day_number}"), 0.3)


def _gaps(rng: random.Random, share_of_days: float) -> tuple[tuple[int, int], ...]:
    """Gaps of 3 minutes to 3 hours, short ones more often, as seconds of the day."""
    if rng.random() >= share_of_days:
        return ()
    gaps = []
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(_DAY)
        gaps.append((start, min(_DAY, start + int(180 * 60 ** rng.random()))))
    return tuple(gaps)


def _pairs(edges: list[int]) -> Iterator[tuple[int, int]]:
    return pairwise(edges)


# --- regular instruments ----------------------------------------------------------------------------------------------


def _regular(
    seed: int, instrument: Instrument, first: int, last: int, now: int, hidden: frozenset[str]
) -> Iterator[Batch]:
    cadence = int(instrument.cadence.total_seconds())
    stamp = _stamp_of(instrument)
    left_out = hidden | stamp.fields
    for run in _runs(seed, instrument, first, last, now):
        here = episode(seed, run.first // EPISODE)
        values = table(seed, instrument, here.mood, here.backwards, left_out)
        index = run.first % EPISODE // cadence
        texts, sizes = values.texts[index : index + run.count], values.sizes[index : index + run.count]
        seconds = range(run.first, run.first + run.count * cadence, cadence)
        if run.revision < _REVISIONS:
            # Not the last word yet: some records hold their neighbour's values until they are written again.
            order = [
                min(index + i + _is_provisional(second), len(values.texts) - 1) for i, second in enumerate(seconds)
            ]
            texts, sizes = tuple(values.texts[i] for i in order), tuple(values.sizes[i] for i in order)
        if values.has_times:
            texts = tuple(_with_times(text, second) for text, second in zip(texts, seconds, strict=True))
        # A record's last version is of three minutes after its own; a late one, of when it came.
        minutes = run.delay // 60 or run.revision
        begin, fraction = stamp.text, here.fraction
        yield Batch(
            [begin(second, minutes, fraction) + text for second, text in zip(seconds, texts, strict=True)],
            sum(sizes) + stamp.size * run.count,
        )


def _is_provisional(second: int) -> bool:
    return (second * 2_654_435_761 >> 8) % 10 == 0


def _runs(seed: int, instrument: Instrument, first: int, last: int, now: int) -> Iterator[_Run]:
    cadence = int(instrument.cadence.total_seconds())
    phase = PHASES.get(instrument.name, _OTHER_PHASE) % cadence
    for stretch in _stretches(seed, instrument, first, last):
        end = min(stretch.end, now - LATENCY - stretch.delay + 1)
        ages = () if stretch.delay else (now - REWRITTEN + 1, now - 180 + 1)
        borders = range((stretch.start // EPISODE + 1) * EPISODE, end, EPISODE)
        cuts = [stretch.start, *sorted({cut for cut in (*ages, *borders) if stretch.start < cut < end}), end]
        for begin, stop in _pairs(cuts):
            start = begin + (phase - begin) % cadence
            count = len(range(start, stop, cadence))
            if count:
                revision = _REVISIONS if stretch.delay else _REVISIONS - sum(start >= age for age in ages)
                yield _Run(start, count, stretch.delay, revision)


@lru_cache(maxsize=16_384)
def _minute(number: int) -> str:
    """``YYYY-MM-DDTHH:MM:`` of a minute since 1970."""
    return datetime.fromtimestamp(number * 60, UTC).isoformat()[:17]


_SECONDS = tuple(f"{second:02d}" for second in range(60))

_Begin = Callable[[int, int, int], str]
"""(Unix second, minutes until its kernel set, part of a second in ns) -> the text of a record up to its values."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """How the records of an instrument begin: the text, the fields in it, and the bytes these take up in the store."""

    text: _Begin
    fields: frozenset[str]
    size: int


def _stamp(instrument: str) -> _Begin:
    """For most: ``ttj2000ns`` and ``…_epoch`` are the same."""
    head, epoch = f'{{"instrument": "{instrument}", "time_utc": "', f'12", "{instrument}_epoch": '

    def stamp(second: int, minutes: int, fraction: int) -> str:
        minute, tt = second // 60, second - _J2000
        return (
            f'{head}{_minute(minute)}{_SECONDS[second % 60]}", "ttj2000ns": {tt}184000000, '
            f'"kernel_set_key": "{_minute(minute + minutes)}{epoch}{tt}184000000'
        )

    return stamp


def _mag_stamp(second: int, minutes: int, fraction: int) -> str:
    """Here ``mag_epoch`` is the time of the measurement within its second."""
    minute, tt = second // 60, second - _J2000
    return (
        f'{{"instrument": "mag", "time_utc": "{_minute(minute)}{_SECONDS[second % 60]}", "ttj2000ns": {tt}184000000, '
        f'"kernel_set_key": "{_minute(minute + minutes)}12", "mag_epoch": {tt}{fraction}'
    )


def _mag_hk_stamp(second: int, minutes: int, fraction: int) -> str:
    minute = second // 60
    return (
        f'{{"instrument": "mag_hk", "time_utc": "{_minute(minute)}{_SECONDS[second % 60]}", '
        f'"kernel_set_key": "{_minute(minute + minutes)}12"'
    )


def _codice_hi_stamp(second: int, minutes: int, fraction: int) -> str:
    """Four measurements a minute apart make one record."""
    minute, tt = second // 60, second - _J2000
    epochs = ", ".join(f"{tt + 60 * i}184000000" for i in range(4))
    return (
        f'{{"instrument": "codice_hi", "time_utc": "{_minute(minute)}{_SECONDS[second % 60]}", '
        f'"ttj2000ns": {tt}184000000, "kernel_set_key": "{_minute(minute + minutes)}12", '
        f'"codice_hi_epoch": [{epochs}]'
    )


_STAMPS: Mapping[str, _Begin] = {
    **{instrument: _stamp(instrument) for instrument in ("hit", "swe", "swapi", "codice_lo")},
    "mag": _mag_stamp,
    "mag_hk": _mag_hk_stamp,
    "codice_hi": _codice_hi_stamp,
}


def _other_stamp(instrument: str, fields: Collection[str]) -> _Begin:
    """For what a catalogue adds: those of the common fields that it has."""
    head = f'{{"instrument": "{instrument}", "time_utc": "'
    has_tt, has_kernels = "ttj2000ns" in fields, KERNELS in fields

    def stamp(second: int, minutes: int, fraction: int) -> str:
        minute = second // 60
        tt = f', "ttj2000ns": {second - _J2000}184000000' if has_tt else ""
        kernels = f', "kernel_set_key": "{_minute(minute + minutes)}12"' if has_kernels else ""
        return f'{head}{_minute(minute)}{_SECONDS[second % 60]}"{tt}{kernels}'

    return stamp


@lru_cache(maxsize=256)
def _stamp_of(instrument: Instrument) -> _Stamp:
    """Its own beginning, where it has one and its fields are all there; that of any other else."""
    fields = {entry.name for entry in instrument.fields}
    own = (_IRREGULAR_STAMPS if instrument.irregular else _STAMPS).get(instrument.name)
    for begin in (own, _other_stamp(instrument.name, fields)):
        if begin is None:
            continue
        record = json.loads(begin(1_800_000_003, 3, 884_633_761) + "}")
        names = record.keys() - {"instrument"}
        if names <= fields:
            return _Stamp(begin, frozenset(names), stored_size(record))
    raise AssertionError("the fields of the other stamp are those of the instrument")


def _with_times(text: str, second: int) -> str:
    """A record's text with the times in it; some lie after its own."""

    def nanoseconds(after: int) -> str:
        return f"{second + after - _J2000}184000000"

    def utc(after: int) -> str:
        return f'"{_minute((second + after) // 60)}{_SECONDS[(second + after) % 60]}"'

    return with_times(text, nanoseconds, utc)


# --- irregular ones ---------------------------------------------------------------------------------------------------


def _irregular(
    seed: int, instrument: Instrument, first: int, last: int, now: int, hidden: frozenset[str]
) -> Iterator[Batch]:
    for stretch in _stretches(seed, instrument, first, last):
        end = min(stretch.end, now - LATENCY - stretch.delay + 1)
        day = _irregular_day(seed, instrument, stretch.start // _DAY, hidden)
        found = [(text, size) for second, text, size in day if stretch.start <= second < end]
        yield Batch([text for text, _ in found], sum(size for _, size in found))


@lru_cache(maxsize=16)
def _irregular_day(
    seed: int, instrument: Instrument, day_number: int, hidden: frozenset[str]
) -> tuple[tuple[int, str, int], ...]:
    """Unix seconds, texts and stored bytes of a day's records."""
    rng = random.Random(f"{seed}/{instrument.name}/{day_number}")
    cadence = max(2, int(instrument.cadence.total_seconds()))
    day = []
    for start in range(day_number * _DAY, (day_number + 1) * _DAY, cadence):
        draw, second = rng.random(), rng.randrange(1, cadence)
        places = (0,) if draw < 0.88 else (second,) if draw < 0.96 else (0, second) if draw < 0.98 else ()
        seconds = [start + place for place in places if start + place < (day_number + 1) * _DAY]
        day += [(it, *_irregular_record(seed, instrument, it, hidden)) for it in seconds]
    return tuple(day)


def _irregular_record(seed: int, instrument: Instrument, second: int, hidden: frozenset[str]) -> tuple[str, int]:
    here, stamp = episode(seed, second // EPISODE), _stamp_of(instrument)
    values = table(seed, instrument, here.mood, here.backwards, hidden | stamp.fields)
    index = second % EPISODE // int(instrument.cadence.total_seconds())
    text = values.texts[index]
    if values.has_times:
        text = _with_times(text, second)
    return stamp.text(second, _REVISIONS, here.fraction) + text, stamp.size + values.sizes[index]


def _status(second: int) -> Values:
    kernels = f"{_minute(second // 60 + 3)}12"
    return {"kernel_set_key": kernels, "status_epoch": _nanoseconds(second), **spacecraft_status(second)}


def _irregular_stamp(instrument: str, make: Callable[[int], Values]) -> _Begin:
    """Here the whole record is one of the second."""

    def stamp(second: int, minutes: int, fraction: int) -> str:
        times = {"time_utc": f"{_minute(second // 60)}{_SECONDS[second % 60]}", "ttj2000ns": _nanoseconds(second)}
        return json.dumps({"instrument": instrument, **times, **make(second)})[:-1]

    return stamp


_IRREGULAR_STAMPS: Mapping[str, _Begin] = {
    "spacecraft": _irregular_stamp("spacecraft", spacecraft),
    "spacecraft_status": _irregular_stamp("spacecraft_status", _status),
}


def _nanoseconds(second: int) -> int:
    """Terrestrial Time since J2000."""
    return (second - _J2000) * 1_000_000_000 + 184_000_000


def unix(moment: datetime) -> int:
    """Whole Unix seconds of an aware datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return int((moment - datetime.combine(date(1970, 1, 1), time.min, UTC)) // timedelta(seconds=1))
