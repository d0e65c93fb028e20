"""Ask I-ALiRT for the records of a span, window by window.

The mission's own client, ``ialirt_data_access``, makes each call. What it leaves to its caller is done here and nowhere
else: time-outs and a deadline for the whole answer, retries with backoff, pacing, halving of windows that hold too
much, and a key that never travels to another host. How the API behaves: sds-data-manager, ``lambda_code/IAlirtCode``.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import ialirt_data_access
import tenacity

from ialirt_backfill.ask.permissions import Permissions
from ialirt_backfill.ask.request import TOO_MUCH, Forbidden, KeyRequired, PassingFault, TooMuch, call
from ialirt_backfill.ask.transport import Opener, Patience, is_loopback
from ialirt_backfill.day.columns import Records
from ialirt_backfill.exceptions import ApiError, Interrupted, UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.coverage import Span

__all__ = ["Api", "Endpoint", "Patience", "WindowAnswer"]

log = logging.getLogger(__name__)

SMALLEST_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where I-ALiRT is, and the key to it. The key never shows in a repr."""

    url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            host = None
        clean = self.url.isprintable() and not set(" ?#") & set(self.url)
        if host is None or parts.scheme not in {"http", "https"} or not clean:
            raise UsageError(f"{self.url!r} is not a web address: give --url as https://host or http://host:port")
        if parts.username is not None:
            raise UsageError(f"--url for {host}: leave the name and the password out of the address")
        if self.key is None:
            return
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise UsageError("the API key holds a line break, a space or another character that no key has")
        if parts.scheme == "http" and not is_loopback(host):
            raise UsageError(f"an API key is not sent over plain http to {host}: use https")

    @property
    def base(self) -> str:
        """The base of every request's address; with a key, the part of the API that asks for one."""
        base = self.url.rstrip("/")
        return f"{base}/api-key" if self.key and not base.endswith("/api-key") else base


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """The records of one window."""

    window: Span
    records: Records


class Pace:
    """At most ``rate`` requests a second (None: as many as the workers make), and none while the server says so."""

    def __init__(self, rate: float | None, stop: threading.Event) -> None:
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the next request's turn. Raises Interrupted when the run is stopped meanwhile."""
        while not self._stop.is_set():
            with self._lock:
                now = time.monotonic()
                left = self._next - now
                if left <= 0:
                    self._next = now + self._interval
                    return
            self._stop.wait(min(left, 60.0))
        raise Interrupted

    def pause(self, seconds: float) -> None:
        """Hold every request back for ``seconds``: the server said so."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class Api:
    """I-ALiRT, asked politely. Safe to use from several threads; a context manager.

    The mission client keeps its address and key module-wide, so that one process can speak to one endpoint at a time:
    a second, different one is refused.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rate: float | None = None,
        patience: Patience | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._stop = stop or threading.Event()
        self._pace = Pace(rate, self._stop)
        self._windows: dict[str, timedelta] = {}
        self.permissions = Permissions(has_key=endpoint.key is not None, stop=self._stop)

    def __enter__(self) -> Api:
        _open_endpoint(self._endpoint, self._patience)
        return self

    def __exit__(self, *_: object) -> None:
        _close_endpoint()

    @property
    def admission(self) -> Admission:
        """What is known so far of what this run may have."""
        return self.permissions.admission

    @property
    def clock_error(self) -> timedelta:
        """How far this machine's clock is ahead of the server's (negative: behind), by the newest answer's ``Date``."""
        return Opener.clock_error

    def ask(
        self, instrument: Instrument, span: Span, on_try: Callable[[Span, str | None], None] | None = None
    ) -> Iterator[WindowAnswer]:
        """Yield the answers that cover ``span``, in rising time, without overlap and without a second left out.

        A window that holds too much is halved, and the next windows of this instrument are that small from the start.
        ``on_try`` hears of every request before it is made (with the reason of a retry). Raises ApiError when a window
        stays without an answer, NoAccess when the server refuses or has refused the like, Interrupted when the run is
        stopped.
        """
        tried: Callable[[Span, str | None], None] = on_try or (lambda _window, _why: None)
        start = span.start
        while start < span.end:
            window = Span(start, min(start + self._window(instrument), span.end))
            try:
                answer = WindowAnswer(window, self._fetch(instrument, window, tried))
            except TooMuch:
                self._halve(instrument, window)
                continue
            yield answer
            del answer  # so that its records are not kept while the next ones arrive
            start = window.end

    def _window(self, instrument: Instrument) -> timedelta:
        return self._windows.get(instrument.name, instrument.window)

    def _halve(self, instrument: Instrument, window: Span) -> None:
        if window.duration <= SMALLEST_WINDOW:
            raise ApiError(f"I-ALiRT says that even {window} holds {TOO_MUCH}")
        half = timedelta(seconds=-(-int(window.duration.total_seconds()) // 2))
        self._windows[instrument.name] = min(self._window(instrument), half)
        log.info("%s %s holds too much for one answer: asking for %s at a time", instrument.name, window, half)

    def _fetch(self, instrument: Instrument, window: Span, tried: Callable[[Span, str | None], None]) -> Records:
        patience = self._patience
        why: str | None = None
        tries = 0

        def once() -> Records:
            nonlocal tries
            self._pace.wait()
            try:
                with self.permissions.turn(instrument, window.start):
                    tried(window, why)
                    tries += 1
                    return self._call(instrument, window)
            except PassingFault as fault:
                if fault.told_pause:
                    self._pace.pause(min(fault.told_pause, patience.longest_told_pause))
                raise

        def before_sleep(state: tenacity.RetryCallState) -> None:
            nonlocal why
            why = str(state.outcome.exception() if state.outcome else None)
            log.warning(
                "%s %s %s: %s; trying again (%d of %d)",
                instrument.name, f"{window.start:%Y-%m-%d}", window, why, tries + 1, patience.tries,
            )  # fmt: skip

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingFault),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(patience.tries),
                tenacity.stop_before_delay(math.inf if patience.in_all is None else patience.in_all),
                tenacity.stop_when_event_set(self._stop),
            ),
            wait=tenacity.wait_exponential(multiplier=patience.first_pause, max=patience.longest_pause)
            + tenacity.wait_random(0, patience.first_pause),
            sleep=tenacity.sleep_using_event(self._stop),
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            return retrying(once)
        except PassingFault as error:
            if self._stop.is_set():
                raise Interrupted from error
            raise ApiError(f"{error} ({tries} {'try' if tries == 1 else 'tries'})") from error

    def _call(self, instrument: Instrument, window: Span) -> Records:
        """One request, and what is learned by it of what this run may have."""
        try:
            records = call(instrument, window)
        except (KeyRequired, Forbidden) as error:
            raise self.permissions.refused(instrument, window.start, error) from None
        except TooMuch:
            self.permissions.answered(instrument, window.start, ())
            raise
        except PassingFault:
            self.permissions.faulted(instrument)
            raise
        self.permissions.answered(instrument, window.start, records)
        return records


_endpoint_lock = threading.Lock()
_endpoint_users: list[Endpoint] = []
_before: dict[str, Any] = {}
"""What the process had before the first user came, and has again after the last."""


def _open_endpoint(endpoint: Endpoint, patience: Patience) -> None:
    with _endpoint_lock:
        if any(user != endpoint for user in _endpoint_users):
            raise UsageError("this process already speaks to another I-ALiRT address or with another key")
        if not _endpoint_users:
            _before.update(opener=vars(urllib.request)["_opener"], url=ialirt_data_access.config["DATA_ACCESS_URL"])
            Opener.clock_error = timedelta(0)
        _endpoint_users.append(endpoint)
        ialirt_data_access.config["DATA_ACCESS_URL"] = endpoint.base
        ialirt_data_access.config["API_KEY"] = endpoint.key
        urllib.request.install_opener(Opener(patience))


def _close_endpoint() -> None:
    with _endpoint_lock:
        _endpoint_users.pop()
        if not _endpoint_users:
            ialirt_data_access.config["API_KEY"] = None
            ialirt_data_access.config["DATA_ACCESS_URL"] = _before["url"]
            urllib.request.install_opener(_before["opener"])
