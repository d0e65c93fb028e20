"""What the doctor asks: at most three requests for each instrument, none of them twice."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ialirt_backfill.ask.endpoint import Endpoint, is_loopback
from ialirt_backfill.ask.overheard import Address, Heard, Line, addresses
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.request import PassingFault, TooMuch
from ialirt_backfill.doctor.instruments import Asked
from ialirt_backfill.doctor.server import Server
from ialirt_backfill.instruments import LAUNCH, Instrument
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.options.key import read_key
from ialirt_backfill.plan.access import Admission, NoAccess, Want
from ialirt_backfill.plan.coverage import SECOND, Span, day_span
from ialirt_backfill.run.clock import fixed_clock, utc_now

MOST_REQUESTS = 3
"""So many for each instrument; the one without a key is one of them."""
LONGEST_SECONDS = 35.0
"""After that no request is begun: with the last answers, and a ledger that is slow, it stays below a minute."""
_ANSWER_SECONDS = 12.0
_ADDRESS_SECONDS = 4.0
_HOUR, _MINUTE, _WEEK = timedelta(hours=1), timedelta(minutes=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that was heard, and ``now`` as it was taken: the server's clock, unless the options say otherwise."""

    server: Server
    asked: tuple[Asked, ...]
    now: datetime
    key: str | None = field(default=None, repr=False)


def ask(options: DoctorOptions) -> Answers:
    """Ask the server, or the built-in simulator. Raises UsageError."""
    deadline = time.monotonic() + LONGEST_SECONDS
    with _endpoint(options) as endpoint:
        patience = Patience(answer=min(options.timeout.total_seconds(), _ANSWER_SECONDS))
        places = _addresses(endpoint.url)
        without_key = Endpoint(endpoint.url.rstrip("/").removesuffix("/api-key"))
        with Line(without_key, patience, rate=options.max_rate) as keyless:
            probed = _public_one(options)
            probe = keyless.ask(probed, Span(day_span(LAUNCH).start, day_span(LAUNCH).start + _MINUTE))
        server = Server(
            endpoint.url, places, keyless.exchanges, keyless.connections, keyless.clock_error_seconds, probe,
            Admission(endpoint.key is not None), options.jobs,
        )  # fmt: skip
        now = options.as_of or utc_now() - timedelta(seconds=keyless.clock_error_seconds)
        if not keyless.connections:
            return Answers(server, (), now, endpoint.key)
        with Line(endpoint, patience, rate=options.max_rate) as line:
            questions = _Questions(line, now, _public_since(probe, endpoint), probed, deadline)
            with ThreadPoolExecutor(options.jobs) as pool:
                try:
                    asked = list(pool.map(questions.ask, options.instruments))
                except BaseException:  # Ctrl-C: what is being asked ends, and nothing more is
                    questions.end()
                    raise
        admission = line.permissions.admission
    server = replace(
        server,
        exchanges=[*keyless.exchanges, *line.exchanges],
        connections=[*keyless.connections, *line.connections],
        admission=admission,
    )
    is_trusted = _is_trusted(admission)
    return Answers(server, tuple(replace(it, is_trusted=is_trusted) for it in asked), now, endpoint.key)


class _Questions:
    """The questions about an instrument; from several threads at once. No one of them is begun too late."""

    def __init__(self, line: Line, now: datetime, public_since: datetime, probed: Instrument, deadline: float) -> None:
        self._line, self._public_since, self._probed = line, public_since, probed
        self._end = now.replace(microsecond=0) + SECOND
        self._deadline = deadline

    def ask(self, instrument: Instrument) -> Asked:
        """Ask for the newest hour and an old window; and where the one held nothing, or the other too much, again."""
        newest = self._heard(instrument, Span(self._end - _HOUR, self._end))
        old = self._heard(instrument, self._old(instrument))
        more: list[Heard] = []
        if instrument is self._probed:  # the request without a key was its third
            return Asked(instrument, newest, old)
        if isinstance(old.failure, TooMuch):
            more.append(self._heard(instrument, Span(old.window.start, old.window.start + _HOUR)))
        elif newest.failure is None and not newest.records and instrument.window > _HOUR:
            more.append(self._heard(instrument, Span(self._end - instrument.window, self._end)))
        return Asked(instrument, newest, old, tuple(more))

    def end(self) -> None:
        """Begin no further request."""
        self._deadline = -math.inf

    def _old(self, instrument: Instrument) -> Span:
        """As much as a run asks for at once, a week ago, or since it is public."""
        midnight = day_span((self._end - _WEEK).date()).start
        start = min(max(midnight, self._public_since), self._end - _HOUR)
        return Span(start, min(start + instrument.window, self._end))

    def _heard(self, instrument: Instrument, window: Span) -> Heard:
        if time.monotonic() > self._deadline:
            what = f"not asked: what was asked before has taken {LONGEST_SECONDS:g} s"
            return Heard(window, (), PassingFault(what))
        return self._line.ask(instrument, window)


@contextmanager
def _endpoint(options: DoctorOptions) -> Iterator[Endpoint]:
    if not options.demo:
        yield Endpoint(options.url, read_key(options))
        return
    from ialirt_backfill.simulator import DEMONSTRATION_KEY, Simulator  # noqa: PLC0415 - only a demonstration needs it

    with Simulator(now=fixed_clock(options), keys={DEMONSTRATION_KEY: ("full",)}) as simulator:
        yield Endpoint(simulator.url, DEMONSTRATION_KEY)


def _addresses(url: str) -> list[Address]:
    """The addresses of the server, each tried by itself; none where a proxy goes there for us."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in getproxies() and not is_loopback(host) and not proxy_bypass(parts.netloc):
        return []
    try:
        return addresses(url, _ADDRESS_SECONDS)
    except OSError as error:
        return [Address(host, 0.0, str(error))]


def _public_one(options: DoctorOptions) -> Instrument:
    """An instrument that everybody is shown, one of those asked for if possible."""
    candidates = (*options.instruments, *options.known.instruments.values())
    return next((it for it in candidates if not it.scopes), candidates[0])


def _public_since(probe: Heard, endpoint: Endpoint) -> datetime:
    """Since when this caller may ask."""
    refusal = probe.failure.refusal if isinstance(probe.failure, NoAccess) else None
    return refusal.before if refusal and refusal.before and endpoint.key is None else day_span(LAUNCH).start


def _is_trusted(admission: Admission) -> bool | None:
    """Whether this caller is shown what is restricted; None where nothing tells."""
    if admission.shown:
        return True
    is_refused = any(it.want is Want.SCOPE for it in admission.refusals)
    return False if is_refused or not admission.has_key else None
