"""Units, labels and times, as they stand in a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from ialirt_backfill.instruments import Column, Instrument
from ialirt_backfill.instruments.boards import LeftOut

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPELLED = {"deg": "°", "degC": "°C", "degF": "°F", "Ohm": "Ω", "Angstrom": "Å"}
_FACTOR = re.compile(r"('?[A-Za-z%]+'?)(?:\*\*\(?([+-]?\d+)\)?)?")
MINUS = "\N{MINUS SIGN}"
NO_UNIT = "\N{EN DASH}"
"""Of what has none."""


_MOST_NAMED = 4


def short_name(instrument: Instrument) -> str:
    """The name that an instrument is known by."""
    return instrument.title if len(instrument.title) <= 10 else instrument.name.upper().replace("_", " ")


def raised(exponent: int) -> str:
    """A whole number as an exponent: -3 as ⁻³."""
    return str(exponent).translate(_SUPERSCRIPT)


def unit_written(unit: str) -> str:
    """A VOUnit for people: ``cm**-3`` as cm⁻³."""
    if not unit:
        return NO_UNIT

    def factor(match: re.Match[str]) -> str:
        name = match[1].strip("'")
        return _SPELLED.get(name, name) + (match[2] or "").lstrip("+").translate(_SUPERSCRIPT)

    return _FACTOR.sub(factor, unit).replace(".", " ")


def units_written(columns: Iterable[Column]) -> str:
    """The unit of some columns, in brackets; all of them where they differ."""
    return f"[{', '.join(dict.fromkeys(unit_written(column.unit) for column in columns))}]"


def time_written(moment: datetime) -> str:
    """A time to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def range_written(start: datetime, stop: datetime) -> str:
    """From when to when."""
    return f"{start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} UTC"


def in_words(left_out: Iterable[LeftOut]) -> str:
    """What was left out and why, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for it in left_out:
        by_reason.setdefault(it.reason, []).append(it.column or it.instrument)
    return "; ".join(f"{_some(names)} ({reason})" for reason, names in by_reason.items())


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def without_shared(labels: Sequence[str]) -> list[str]:
    """Several labels without the words that they all begin or all end with."""
    words = [label.split() for label in labels]
    shortest = min((len(it) for it in words), default=0)
    if len(labels) < 2:
        return list(labels)
    front = back = 0
    while front < shortest - 1 and len({it[front] for it in words}) == 1:
        front += 1
    while back < shortest - front - 1 and len({it[-1 - back] for it in words}) == 1:
        back += 1
    return [" ".join(it[front : len(it) - back]) for it in words]
