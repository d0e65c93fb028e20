"""Which records of an answer count, where they came one by one as Python's objects.

Takes whatever stood in an answer's list of records; gives those of the instrument and of the span that was asked for,
and says what else was there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any

import pyarrow as pa

from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.day.times import canonical_seconds, second_of, text_at
from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.plan.coverage import Span

_SHOWN = 200
"""How many characters of a record that is left out are shown."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of an answer that become rows, in the order they came.

    ``fields`` are their values by field, None where a record lacks it; ``times`` the text of their times, as a day's
    file has it. ``rejected`` and ``foreign`` show the start of what was left out: records that cannot be kept, and the
    other instrument named by each record of another one.
    """

    records: Sequence[dict[str, Any]]
    fields: Mapping[str, Sequence[Any]]
    times: pa.Array
    rejected: tuple[str, ...]
    foreign: tuple[str, ...]

    def without(self, places: Sequence[int]) -> Selection:
        """A selection in which the records at these places are rejected, too."""
        shown = tuple(_shown(self.records[place]) for place in places)
        kept = sorted(set(range(len(self.records))).difference(places))
        records = [self.records[place] for place in kept]
        return Selection(records, transposed(records), self.times.take(kept), self.rejected + shown, self.foreign)


def select(instrument: Instrument, span: Span, records: Sequence[object]) -> Selection:
    """The records of ``instrument`` whose time can be read and lies in ``span``."""
    objects = [record for record in records if type(record) is dict]
    no_objects = tuple(_shown(it) for it in records if type(it) is not dict) if len(objects) < len(records) else ()
    ours, fields, foreign = _of_instrument(instrument, objects)
    moments = fields.get(TIME_UTC, [None] * len(ours))
    times = _texts(moments)
    seconds = None if times is None else canonical_seconds(times)
    start, end = int(span.start.timestamp()), int(span.end.timestamp())
    if times is None or seconds is None:
        kept, times, unreadable = _by_each_time(ours, moments, start, end)
        return Selection(kept, transposed(kept), times, no_objects + unreadable, foreign)
    inside = (start <= seconds) & (seconds < end)
    if inside.all():
        return Selection(ours, fields, times, no_objects, foreign)
    kept = list(compress(ours, inside))
    return Selection(kept, transposed(kept), times.filter(pa.array(inside)), no_objects, foreign)


def _of_instrument(
    instrument: Instrument, objects: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Sequence[Any]], tuple[str, ...]]:
    """The records of an instrument, or of none that is named; their fields; and the names of the others."""
    fields = transposed(objects)
    if fields.get(INSTRUMENT, ()).count(instrument.name) == len(objects):
        return objects, fields, ()
    of_us = (instrument.name, None)
    ours = [record for record in objects if record.get(INSTRUMENT) in of_us]
    foreign = tuple(_shown(record[INSTRUMENT]) for record in objects if record.get(INSTRUMENT) not in of_us)
    return ours, transposed(ours), foreign


def _texts(moments: Sequence[object]) -> pa.Array | None:
    try:
        return pa.array(moments, pa.string())
    except (pa.ArrowException, ValueError):  # something that is no text, or no UTF-8
        return None


def _by_each_time(
    records: Sequence[dict[str, Any]], moments: Sequence[object], start: int, end: int
) -> tuple[list[dict[str, Any]], pa.Array, tuple[str, ...]]:
    """One record after another, where the time of any is not written as a day's file writes it.

    The records from ``start`` to before ``end`` (Unix seconds), the text of their times, and those without a time that
    can be read.
    """
    kept: list[dict[str, Any]] = []
    texts: list[str | None] = []
    unreadable: list[str] = []
    for record, moment in zip(records, moments, strict=True):
        second = second_of(moment)
        if second is None:
            unreadable.append(_shown(record))
        elif start <= second < end:
            kept.append(record)
            texts.append(text_at(second))
    return kept, pa.array(texts, pa.string()), tuple(unreadable)


def transposed(objects: Sequence[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """The values of each key that any of the objects has, None where one lacks it."""
    names = list(objects[0]) if objects else []
    others = set().union(*objects).difference(names)
    names += sorted(others)
    if others or min(map(len, objects), default=0) < len(names):  # ordinarily, few lack any
        nothing = dict.fromkeys(names)
        objects = [it if len(it) == len(names) else nothing | it for it in objects]
    if len(names) < 2:  # itemgetter makes tuples of two names or more only
        return {name: [it[name] for it in objects] for name in names}
    return dict(zip(names, zip(*map(itemgetter(*names), objects), strict=True), strict=True))


def _shown(value: object) -> str:
    """The start of a value as compact text, fit for a log: without line breaks and the like."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=repr)
    except (RecursionError, ValueError, TypeError):
        text = f"<{type(value).__name__} that cannot be shown>"
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text[:_SHOWN])[:_SHOWN]
