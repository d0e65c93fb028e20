"""How much of an instrument is asked for at once: less where the server sends no more, or takes too long over it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

from ialirt_backfill.ask.request import TOO_MUCH
from ialirt_backfill.exceptions import ApiError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import SECOND, Span

log = logging.getLogger(__name__)

SMALLEST_WINDOW = timedelta(minutes=1)
MOST_HALVINGS = 4
"""How often a window that is not answered is halved."""
ANSWERS_BEFORE_DOUBLING = 10


@dataclass(slots=True)
class _Size:
    """The size of one instrument's windows. ``most`` is what the server sends at all, ``kept`` what it answers in time
    as far as is known. ``is_given_up`` is True after a window was, until one is answered."""

    most: timedelta
    kept: timedelta
    answers: int = 0
    is_given_up: bool = False

    @property
    def least(self) -> timedelta:
        return max(SMALLEST_WINDOW, self.most // int(2**MOST_HALVINGS))


class Windows:
    """The sizes of all instruments' windows, as they were learned. Safe to use from several threads.

    A server that answers nothing is not to be asked several times as often: while nothing is answered, of whichever
    instrument, nothing is halved. Nor is it where a window of the same instrument was given up and none answered since.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, _Size] = {}
        self._something_is_answered = False

    def first(self, instrument: Instrument, span: Span, most: timedelta | None) -> Span:
        """The window to begin a span with; ``most`` is what is left of one that was halved."""
        with self._lock:
            kept = self._size(instrument).kept
        return Span(span.start, min(span.start + min(kept, most or kept), span.end))

    def half_for_good(self, instrument: Instrument, window: Span) -> None:
        """The server says that the window holds more than it sends. Raises ApiError where it is as small as can be."""
        if window.duration <= SMALLEST_WINDOW:
            raise ApiError(f"I-ALiRT says that even {window} holds {TOO_MUCH}")
        half = _half(window)
        with self._lock:
            size = self._size(instrument)
            size.most = min(size.most, half)
            size.kept = min(size.kept, half)
        log.info("%s %s holds too much for one answer: asking for %s at a time", instrument.name, window, half)

    def half_for_now(self, instrument: Instrument, window: Span) -> timedelta | None:
        """What to ask for instead of a window that is not answered; None where less would not help. It is only kept for
        other windows once it was answered."""
        half = _half(window)
        with self._lock:
            size = self._size(instrument)
            if not self._something_is_answered or size.is_given_up or half < size.least:
                return None
        log.info("%s %s is not answered: asking for %s of it", instrument.name, window, half)
        return half

    def answered(self, instrument: Instrument, halved: timedelta | None) -> None:
        """A window was answered; ``halved`` is its size where a larger one that began with it was not."""
        with self._lock:
            self._something_is_answered = True
            size = self._size(instrument)
            size.is_given_up = False
            if halved is not None:
                size.kept, size.answers = min(size.kept, halved), 0
                return
            size.answers += 1
            if size.kept < size.most and size.answers >= ANSWERS_BEFORE_DOUBLING:
                size.kept, size.answers = min(2 * size.kept, size.most), 0

    def given_up(self, instrument: Instrument) -> None:
        """A window is not answered, whatever was tried."""
        with self._lock:
            self._something_is_answered = False
            self._size(instrument).is_given_up = True

    def is_given_up(self, instrument: Instrument) -> bool:
        """Whether the last that was heard of an instrument is that a window of it was given up."""
        with self._lock:
            return self._size(instrument).is_given_up

    def _size(self, instrument: Instrument) -> _Size:
        return self._sizes.setdefault(instrument.name, _Size(instrument.window, instrument.window))


def _half(window: Span) -> timedelta:
    """Half of a window, in whole seconds."""
    return -(-window.duration // (2 * SECOND)) * SECOND
