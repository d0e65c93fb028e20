"""Waiting that ends when the next pass is due, or when the poll is told to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime

from ialirt_backfill.ending import Stop
from ialirt_backfill.run.clock import Clock

Sleep = Callable[[float], object]


class Alarm(Stop):
    """Set when the poll is told to stop, and while it is later than ``due``.

    So whatever still runs when the next pass is due ends after the request in flight, with its state kept. A clock that
    is set back does not put it off.
    """

    def __init__(self, stop: Stop, clock: Clock) -> None:
        super().__init__()
        self._stop, self._clock = stop, clock
        self._due: datetime | None = None
        self._at_latest = math.inf

    @property
    def due(self) -> datetime | None:
        """When it is set; None: not by itself."""
        return self._due

    @due.setter
    def due(self, due: datetime | None) -> None:
        self._due = due
        self._at_latest = math.inf if due is None else time.monotonic() + (due - self._clock()).total_seconds()

    def is_set(self) -> bool:
        is_late = self._due is not None and (self._clock() >= self._due or time.monotonic() >= self._at_latest)
        return self._stop.is_set() or is_late

    def set(self) -> None:
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        if self._due is not None:
            left = max(0.0, min((self._due - self._clock()).total_seconds(), self._at_latest - time.monotonic()))
            timeout = left if timeout is None else min(timeout, left)
        self._stop.wait(timeout)
        return self.is_set()


def sleep_until(stop: Stop) -> Sleep:
    """Sleep that ends when ``stop`` is set.

    A signal's handler may set it in the very thread that sleeps, where waiting for the event itself could lock up.
    """

    def sleep(seconds: float) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))

    return sleep
