"""Ways in which a server may come to be other than it was, as rules: the answers are well-formed, and not as expected.

Some are no matter of answers: ``public_since``, ``limit``, ``keeps`` and ``date_ahead`` of the simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ialirt_backfill.simulator.faults import Rule, Times, Transform
from ialirt_backfill.simulator.rules import refusal

Record = dict[str, Any]


def _each(instrument: str, change: Callable[[Record], Record]) -> Rule:
    """Every record of an instrument is changed."""
    return Times(math.inf, Transform(lambda records: [change(it) for it in records]), instrument=instrument)


def renamed(instrument: str, old: str, new: str) -> Rule:
    """A field has another name."""
    return _each(instrument, lambda record: {new if name == old else name: value for name, value in record.items()})


def listed(instrument: str, field: str, length: int = 3) -> Rule:
    """A scalar has become a list."""
    return _each(instrument, lambda record: record | {field: [record.get(field)] * length})


def with_fractions(instrument: str, field: str) -> Rule:
    """Whole numbers, or a list of them, have fractions."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(element) for element in value]
        return value + 0.25 if type(value) is int else value

    return _each(instrument, lambda record: record | {field: changed(record.get(field))})


def half_as_often(instrument: str) -> Rule:
    """The time between two records has doubled."""
    return Times(math.inf, Transform(lambda records: records[::2]), instrument=instrument)


def for_a_scope(instrument: str) -> Rule:
    """What everybody was shown needs a scope."""
    return Times(math.inf, refusal(f"Unauthorized for {instrument} access.", 403), instrument=instrument)
