"""When the next request may be made: one pace for all connections."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator

from ialirt_backfill.exceptions import Interrupted

log = logging.getLogger(__name__)

RECOVERY_SECONDS = 30.0
"""After so long without being told that they are too many, one more request may be in flight."""
_LOOK_SECONDS = 0.1


class Pace:
    """At most ``rate`` requests a second (None: as many as the workers make), and none while the server says so.

    Without a rate, at most ``most`` are in flight (None: as many as there are workers), and half as many each time the
    server says that they are too many, until it has not said so for a while.
    """

    def __init__(self, rate: float | None, most: int | None, stop: threading.Event) -> None:
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._most = math.inf if most is None else most
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0
        self._in_flight = 0
        self._bearable = self._most
        self._changed = self._halved = -math.inf

    @contextlib.contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for the next request's turn, and make it inside. Gives the moment at which it begins, for `throttle`.

        Raises Interrupted when the run is stopped meanwhile.
        """
        began = self._begin()
        try:
            yield began
        finally:
            with self._lock:
                self._in_flight -= 1

    def _begin(self) -> float:
        while not self._stop.is_set():
            with self._lock:
                now = time.monotonic()
                self._recover(now)
                left = self._next - now
                if left <= 0 and self._in_flight < self._bearable:
                    self._next = now + self._interval
                    self._in_flight += 1
                    return now
            self._stop.wait(min(left, 60.0) if left > 0 else _LOOK_SECONDS)
        raise Interrupted

    def pause(self, seconds: float) -> None:
        """Hold every request back for ``seconds``: the server said so."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def throttle(self, began: float) -> None:
        """The server said to a request made at ``began`` that there are too many. Said to several at once, it counts
        once."""
        with self._lock:
            if self._interval or began <= self._halved:
                return
            before = self._bearable if self._bearable < math.inf else self._in_flight + 1
            self._bearable = max(1, before // 2)
            self._halved = self._changed = time.monotonic()
            log.info("the server says that these are too many requests: %d in flight at most", self._bearable)

    def _recover(self, now: float) -> None:
        while self._bearable < self._most and now - self._changed >= RECOVERY_SECONDS:
            self._bearable += 1
            self._changed += RECOVERY_SECONDS
            log.info("the server has borne that for %g s: %d in flight at most", RECOVERY_SECONDS, self._bearable)
