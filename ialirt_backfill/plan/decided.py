"""What every plan says of a day, be it to be asked for, loaded or exported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import Enum
from typing import Protocol

from ialirt_backfill.instruments import Instrument


class Decided(Protocol):
    """One instrument-day of a plan: what is to be done with it, and why."""

    @property
    def instrument(self) -> Instrument: ...

    @property
    def day(self) -> date: ...

    @property
    def action(self) -> Enum: ...

    @property
    def reason(self) -> str: ...


def plan_as_json(plan: Iterable[Decided]) -> list[dict[str, str]]:
    """The key ``plan`` of ``--json``."""
    return [
        {
            "instrument": it.instrument.name,
            "day": it.day.isoformat(),
            "action": it.action.value,
            "reason": it.reason,
        }
        for it in plan
    ]
