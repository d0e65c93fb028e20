"""A pause for Python's collector of cyclic garbage.

Tens of thousands of rows or records at once are no garbage, but every few hundred the collector would look at all those
before. What makes so many must leave no cycles behind that hold them.
"""

from __future__ import annotations

import gc
import threading
import time


class GarbagePause:
    """Pauses the collector, one for the whole process, while any thread is inside."""

    longest = 60.0
    """Seconds: the pauses of busy threads overlap without an end, and so garbage is collected all the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_enabled = False
        self._since = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._was_enabled, self._since = gc.isenabled(), time.monotonic()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            overdue = self._was_enabled and time.monotonic() - self._since > self.longest
            if overdue:
                self._since = time.monotonic()
            if self._was_enabled and not self._inside:
                gc.enable()
        if overdue:
            gc.collect()


gc_paused = GarbagePause()
"""The pause of this process: ``with gc_paused:``"""
