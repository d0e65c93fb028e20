"""How the simulator can be told to misbehave.

A rule looks at a request and says which fault it meets, or None. Besides the faults below an :class:`Answer` can be
given instead of the right one: a status with its words, HTML with status 200, a body of any kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from ialirt_backfill.simulator.rules import Answer


@dataclass(slots=True)
class Request:
    """A request as the simulator saw it.

    ``start`` and ``end`` are the bounds that it came to, both included; None where the parameters were refused.
    ``status`` is that of the answer: None until it is sent, and for ever where the connection is reset or stays silent.
    """

    number: int
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    """Their names are in small letters."""
    instrument: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    status: int | None = None
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str | None:
        return self.headers.get("x-api-key")


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST) after so many bytes of the right answer, headers included."""

    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CutBody:
    """The right headers, but only this fraction of the body; then the connection closes."""

    keep: float = 0.5


@dataclass(frozen=True, slots=True)
class CutJson:
    """This fraction of the JSON, with a Content-Length that agrees with it."""

    keep: float = 0.5


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer, so many seconds late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer at all, until the client gives up or the simulator stops."""


@dataclass(frozen=True, slots=True)
class Trickle:
    """The right answer, ``chunk`` bytes every so many seconds: from the status line on, or with the headers at once."""

    seconds: float = 0.1
    chunk: int = 1
    headers: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """The client is sent elsewhere; a query is not added to ``url``."""

    url: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class Transform:
    """The right answer with other ``data``: what ``change`` makes of the list of records.

    ``change`` may return anything that ``json`` can write, NaN included; where it is a list, ``count`` agrees with it.
    """

    change: Callable[[list[dict[str, Any]]], object]


Fault = Answer | Reset | CutBody | CutJson | Slow | Silence | Trickle | Redirect | Transform
Rule = Callable[[Request], Fault | None]


class Times:
    """A rule: the first ``n`` requests (``math.inf``: all), of this instrument and of this UTC day, meet ``fault``.

    A request is of the day in which it starts.
    """

    def __init__(self, n: float, fault: Fault, *, instrument: str | None = None, day: date | None = None) -> None:
        self._left = n
        self._fault = fault
        self._instrument = instrument
        self._day = day
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Fault | None:
        if self._instrument not in {None, request.instrument}:
            return None
        if self._day is not None and (request.start is None or request.start.date() != self._day):
            return None
        with self._lock:
            if self._left <= 0:
                return None
            self._left -= 1
            return self._fault
