"""What the doctor asks: at most three requests for each instrument, none of them twice."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.overheard import Address, Heard, OverheardLine, Unresolved, addresses
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.request import PassingFault, TooMuch
from ialirt_backfill.ask.sockets import ADDRESS_SECONDS
from ialirt_backfill.doctor.instruments import AskedInstrument, NotAsked
from ialirt_backfill.doctor.server import HeardServer
from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.instruments import LAUNCH, Instrument
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.options.hosts import is_loopback
from ialirt_backfill.options.key import read_key
from ialirt_backfill.plan.access import Admission, NoAccess, Want
from ialirt_backfill.plan.coverage import SECOND, Span, day_span
from ialirt_backfill.run.clock import fixed_clock, utc_now

MOST_REQUESTS = 3
"""So many for each instrument; the one without a key is one of them."""
LONGEST_SECONDS = 35.0
"""After that no request is begun: with the last answers, and a ledger that is slow, it stays below a minute."""
_ANSWER_SECONDS = 12.0
_RESOLVER_SECONDS = 15.0
_HOUR, _MINUTE, _WEEK = timedelta(hours=1), timedelta(minutes=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that was heard, and ``now`` as it was taken: the server's clock, unless the options say otherwise.
    ``requests`` is how many were sent, answered or not."""

    server: HeardServer
    asked: tuple[AskedInstrument, ...]
    now: datetime
    requests: int = 0
    key: str | None = field(default=None, repr=False)


def ask(options: DoctorOptions) -> Answers:
    """Ask the server, or the built-in simulator. Raises UsageError."""
    deadline = time.monotonic() + LONGEST_SECONDS
    with _endpoint(options) as endpoint:
        patience = Patience(answer=min(options.timeout.total_seconds(), _ANSWER_SECONDS))
        without_key = Endpoint(endpoint.url.rstrip("/").removesuffix("/api-key"))
        probed, oldest = _public_one(options), Span(day_span(LAUNCH).start, day_span(LAUNCH).start + _MINUTE)
        with OverheardLine(without_key, patience, rate=options.max_rate) as keyless:
            try:
                places = _addresses(endpoint.url)
                probe = keyless.ask(probed, oldest)
            except Unresolved as error:  # who asks again waits as long again
                places, probe = [], Heard(oldest, (), PassingFault(f"{error}: check --url and the network"))
        server = HeardServer(
            endpoint.url, places, keyless.exchanges, keyless.connections, keyless.clock_error_seconds, probe,
            Admission(endpoint.key is not None), options.jobs,
        )  # fmt: skip
        now = options.as_of or utc_now() - timedelta(seconds=keyless.clock_error_seconds or 0.0)
        if not keyless.connections or server.sends_on:
            return Answers(server, (), now, keyless.requests, endpoint.key)
        with OverheardLine(endpoint, patience, rate=options.max_rate) as line:
            questions = _Questions(line, now, _public_since(probe, endpoint), probed)
            asked = questions.ask(options.instruments, options.jobs, deadline)
        admission = line.permissions.admission
    server = replace(
        server,
        exchanges=[*keyless.exchanges, *line.exchanges],
        connections=[*keyless.connections, *line.connections],
        clock_error_seconds=_first_told(keyless.clock_error_seconds, line.clock_error_seconds),
        admission=admission,
    )
    is_trusted = _is_trusted(admission)
    return Answers(
        server,
        tuple(replace(it, is_trusted=is_trusted) for it in asked),
        now,
        keyless.requests + line.requests,
        endpoint.key,
    )


class _Questions:
    """The questions about the instruments. No one of them is begun too late."""

    def __init__(self, line: OverheardLine, now: datetime, public_since: datetime, probed: Instrument) -> None:
        self._line, self._public_since, self._probed = line, public_since, probed
        self._end = now.replace(microsecond=0) + SECOND

    def ask(self, instruments: Sequence[Instrument], jobs: int, deadline: float) -> list[AskedInstrument]:
        """Ask for the newest hour of each, then for an old window of each; and where the one held nothing, or the other
        too much, again: what a slow server has no time for is of all instruments the same."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                if time.monotonic() >= deadline:
                    self._line.end()
                newest = [pool.submit(self._newest, it) for it in instruments]
                old = [pool.submit(self._heard, it, self._old(it)) for it in instruments]
                more = [pool.submit(self._more, *each) for each in zip(instruments, newest, old, strict=True)]
                wait(more, max(0.0, deadline - time.monotonic()))
                self._line.end()
                heard = zip(instruments, newest, old, more, strict=True)
                return [
                    AskedInstrument(it, first.result(), then.result(), again.result())
                    for it, first, then, again in heard
                ]
            except BaseException:  # Ctrl-C: nothing more is asked, and no answer waited for
                self._line.hang_up()
                raise

    def _newest(self, instrument: Instrument) -> Heard:
        return self._heard(instrument, Span(self._end - _HOUR, self._end))

    def _old(self, instrument: Instrument) -> Span:
        """As much as a run asks for at once, a week ago, or since it is public."""
        midnight = day_span((self._end - _WEEK).date()).start
        start = min(max(midnight, self._public_since), self._end - _HOUR)
        return Span(start, min(start + instrument.window, self._end))

    def _more(self, instrument: Instrument, asked: Future[Heard], asked_of_old: Future[Heard]) -> tuple[Heard, ...]:
        """The third question; of the probed instrument, the request without a key was its third. Those before it were
        taken up before this one, so somebody is at them."""
        newest, old = asked.result(), asked_of_old.result()
        if instrument is self._probed:
            return ()
        if isinstance(old.failure, TooMuch):
            return (self._heard(instrument, Span(old.window.start, old.window.start + _HOUR)),)
        if newest.failure is None and not newest.records and instrument.window > _HOUR:
            return (self._heard(instrument, Span(self._end - instrument.window, self._end)),)
        return ()

    def _heard(self, instrument: Instrument, window: Span) -> Heard:
        try:
            return self._line.ask(instrument, window)
        except Interrupted:
            what = f"not asked: what was asked before has taken {LONGEST_SECONDS:g} s"
            return Heard(window, (), NotAsked(what))


@contextmanager
def _endpoint(options: DoctorOptions) -> Iterator[Endpoint]:
    if not options.demo:
        yield Endpoint(options.url, read_key(options))
        return
    from ialirt_backfill.simulator import DEMONSTRATION_KEY, Simulator  # noqa: PLC0415 - only a demonstration needs it

    keys = {DEMONSTRATION_KEY: ("full",)}
    with Simulator(now=fixed_clock(options), keys=keys, catalogue=options.known) as simulator:
        yield Endpoint(simulator.url, DEMONSTRATION_KEY)


def _addresses(url: str) -> list[Address]:
    """The addresses of the server, each tried by itself; none where a proxy goes there for us. Raises Unresolved."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in getproxies() and not is_loopback(host) and not proxy_bypass(parts.netloc):
        return []
    try:
        return addresses(url, ADDRESS_SECONDS, _RESOLVER_SECONDS)
    except (OSError, ValueError) as error:
        return [Address(host, 0.0, str(error))]


def _public_one(options: DoctorOptions) -> Instrument:
    """An instrument that everybody is shown, one of those asked for if possible."""
    candidates = (*options.instruments, *options.known.instruments.values())
    return next((it for it in candidates if not it.scopes), candidates[0])


def _public_since(probe: Heard, endpoint: Endpoint) -> datetime:
    """Since when this caller may ask."""
    refusal = probe.failure.refusal if isinstance(probe.failure, NoAccess) else None
    return refusal.before if refusal and refusal.before and endpoint.key is None else day_span(LAUNCH).start


def _first_told(*errors: float | None) -> float | None:
    """The first clock error that is known."""
    return next((error for error in errors if error is not None), None)


def _is_trusted(admission: Admission) -> bool | None:
    """Whether this caller is shown what is restricted; None where nothing tells."""
    if admission.shown:
        return True
    is_refused = any(it.want is Want.SCOPE for it in admission.refusals)
    return False if is_refused or not admission.has_key else None
