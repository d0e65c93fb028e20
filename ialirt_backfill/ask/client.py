"""Ask I-ALiRT for the records of a span, window by window.

The mission's own client, ``ialirt_data_access``, makes each call. What it leaves to its caller is done in this room and
nowhere else: time-outs and a deadline for the whole answer, kept connections, retries with backoff, pacing, halving of
windows that hold too much, and a key that never travels to another host. How the API behaves: sds-data-manager,
``lambda_code/IAlirtCode``.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import tenacity

from ialirt_backfill.ask import mission
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.pace import Pace
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.permissions import Permissions
from ialirt_backfill.ask.request import PassingFault, TooMuch, Unusable, call
from ialirt_backfill.ask.windows import Windows
from ialirt_backfill.ask.wire import Wire
from ialirt_backfill.day.answers import AnswerRecords
from ialirt_backfill.exceptions import ApiError, Interrupted, NeverReached, Unreachable
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.coverage import Span

log = logging.getLogger(__name__)

TRIES_OF_A_SIZE = 2
"""After so many tries without an answer in time, a window is halved, or given up where it was, or where the one before
it was given up."""

OnTry = Callable[[Span, str | None], None]
"""Hears of every request before it is made: its window, and the reason of a retry."""


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """The records of one window."""

    window: Span
    records: AnswerRecords


class _NotThisWindow(Exception):
    """The window is not answered: a smaller one may be."""


@dataclass(slots=True)
class _Effort:
    """What has been tried to get past one point in time; ``halved`` is the size it has come down to."""

    began: float = field(default_factory=time.monotonic)
    tries: int = 0
    why: str | None = None
    halved: timedelta | None = None


class Api:
    """I-ALiRT, asked politely. Safe to use from several threads; a context manager.

    ``rate`` is the most requests a second, ``jobs`` the most in flight (None: as many as there are threads). The
    mission's client keeps its address and key module-wide, so that one process can speak to one endpoint at a time: a
    second, different one is refused.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rate: float | None = None,
        jobs: int | None = None,
        patience: Patience | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._stop = stop or threading.Event()
        self._pace = Pace(rate, jobs, self._stop)
        self._wire = Wire(self._patience)
        self._windows = Windows()
        self.permissions = Permissions(has_key=endpoint.key is not None, stop=self._stop)

    def __enter__(self) -> Api:
        mission.open_endpoint(self._endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        mission.close_endpoint()
        self._wire.close()

    @property
    def admission(self) -> Admission:
        """What is known so far of what this run may have."""
        return self.permissions.admission

    @property
    def clock_error(self) -> timedelta:
        """How far this machine's clock is ahead of the server's (negative: behind), by the newest answer's ``Date``."""
        return self._wire.clock_error

    def ask(self, instrument: Instrument, span: Span, on_try: OnTry | None = None) -> Iterator[WindowAnswer]:
        """Yield the answers that cover ``span``, in rising time, without overlap and without a second left out.

        A window that holds too much is halved, and the next windows of this instrument are that small from the start.
        One that is not answered in time is halved for now (`Windows`). Raises ApiError when a window stays without an
        answer, Unreachable where that lies between here and the server, NoAccess when the server refuses or has refused
        the like, Interrupted when the run is stopped.
        """
        start, effort = span.start, _Effort()
        while start < span.end:
            window = self._windows.first(instrument, Span(start, span.end), effort.halved)
            try:
                answer = WindowAnswer(window, self._fetch(instrument, window, effort, on_try))
            except TooMuch:
                self._windows.half_for_good(instrument, window)
                continue
            except _NotThisWindow:
                continue
            self._windows.answered(instrument, effort.halved)
            yield answer
            del answer  # so that its records are not kept while the next ones arrive
            start, effort = window.end, _Effort()

    def _fetch(self, instrument: Instrument, window: Span, effort: _Effort, on_try: OnTry | None) -> AnswerRecords:
        """The records of a window, asked for again while its faults may pass and patience lasts."""
        slow = 0
        try:
            for attempt in self._attempts(instrument, window, effort):
                with attempt:
                    try:
                        with self._pace.turn() as began, self.permissions.turn(instrument, window.start):
                            if on_try is not None:
                                on_try(window, effort.why)
                            effort.tries += 1
                            records = call(self._wire, instrument, window)
                            self.permissions.answered(instrument, window.start, records)
                    except PassingFault as fault:
                        self._heed(fault, began)
                        effort.why = str(fault)
                        slow += fault.trouble.may_be_the_window
                        if slow >= TRIES_OF_A_SIZE:
                            self._halve(instrument, window, effort, fault)
                        raise
        except (PassingFault, Unusable) as fault:
            raise self._given_up(instrument, effort, fault) from fault
        return records

    def _attempts(self, instrument: Instrument, window: Span, effort: _Effort) -> tenacity.Retrying:
        patience = self._patience
        in_all = math.inf if patience.in_all is None else patience.in_all
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingFault),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(patience.tries),
                tenacity.stop_before_delay(effort.began + in_all - time.monotonic()),
                tenacity.stop_when_event_set(self._stop),
            ),
            wait=tenacity.wait_exponential(multiplier=patience.first_pause, max=patience.longest_pause)
            + tenacity.wait_random(0, patience.first_pause),
            sleep=tenacity.sleep_using_event(self._stop),
            before_sleep=functools.partial(self._tell, instrument, window, effort),
            reraise=True,
        )

    def _tell(self, instrument: Instrument, window: Span, effort: _Effort, state: tenacity.RetryCallState) -> None:
        log.warning(
            "%s %s %s: %s; trying again (%d of %d)",
            instrument.name, f"{window.start:%Y-%m-%d}", window, effort.why, state.attempt_number + 1,
            self._patience.tries,
        )  # fmt: skip

    def _heed(self, fault: PassingFault, began: float) -> None:
        """Slow all requests down as the server wishes; where it does not say how, there are fewer at once."""
        pause = fault.least_pause if fault.told_pause is None else fault.told_pause
        if pause:
            self._pace.pause(min(pause, self._patience.longest_told_pause))
        if fault.trouble.is_of_the_pace and fault.told_pause is None:
            self._pace.throttle(began)

    def _halve(self, instrument: Instrument, window: Span, effort: _Effort, fault: PassingFault) -> None:
        """Raise _NotThisWindow where less is to be asked for from here on, ApiError where no more is to be tried."""
        half = self._windows.half_for_now(instrument, window)
        if half is not None:
            effort.halved = half
            raise _NotThisWindow from fault
        if effort.halved is not None or self._windows.is_given_up(instrument):
            raise self._given_up(instrument, effort, fault) from fault

    def _given_up(self, instrument: Instrument, effort: _Effort, fault: PassingFault | Unusable) -> Exception:
        """What to raise where a window stays without an answer."""
        if self._stop.is_set():
            return Interrupted()
        self._windows.given_up(instrument)
        words = str(fault)
        if isinstance(fault, PassingFault):
            words += f" ({effort.tries} {'try' if effort.tries == 1 else 'tries'})"
        if not fault.trouble.is_of_the_connection:
            return ApiError(words)
        return (Unreachable if self._wire.was_reached else NeverReached)(words, cause=str(fault))
