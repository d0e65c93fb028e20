"""One request at a time to I-ALiRT, with all that is heard of it: for who examines the server, not the data.

The mission's client asks, over the same wire, with the same time-outs and the same key as in a run. Nothing is asked
twice: a fault is an answer, too.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection

from ialirt_backfill.ask import mission
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.pace import Pace
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.permissions import Permissions
from ialirt_backfill.ask.request import PassingFault, TooMuch, Unusable, call
from ialirt_backfill.ask.secrets import shown_without
from ialirt_backfill.ask.sockets import Deadline, trusting
from ialirt_backfill.ask.wire import PORTS, Reply, Unreached, Wire
from ialirt_backfill.exceptions import ApiError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import NoAccess
from ialirt_backfill.plan.coverage import Span


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request over the wire, whose address holds no key, and its answer."""

    url: str
    reply: Reply
    seconds: float


@dataclass(frozen=True, slots=True)
class Connection:
    """One that was opened. ``tls`` is its version, None where there is none; ``expires`` is its certificate's end."""

    place: str
    tls: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """One of the addresses of a host, and how long it took to take a connection; ``failure`` where it did not."""

    place: str
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class Heard:
    """What came of asking for a window. There are several exchanges where the server sent us elsewhere, and none where
    it had refused the like before. ``failure`` is as `call` has it, None where the answer is one. ``key`` is what no
    decoded answer shows, should the server have said it back."""

    window: Span
    exchanges: tuple[Exchange, ...]
    failure: Exception | None = None
    key: str | None = field(default=None, repr=False)

    @cached_property
    def answer(self) -> object:
        """The answer, decoded; None where there is none that is JSON."""
        body = self.exchanges[-1].reply.body if self.exchanges else None
        with contextlib.suppress(ValueError, RecursionError):
            return shown_without(self.key, json.loads(body)) if body is not None else None
        return None

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The records of the answer that are objects; none where it failed."""
        answer = self.answer if self.failure is None else None
        found = answer.get("data") if isinstance(answer, dict) else answer
        return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


class _OverheardWire(Wire):
    """A wire that remembers what went over it. ``requests`` is how many were sent, answered or not; the redirects that
    followed are among them."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(patience)
        self.exchanges: list[Exchange] = []
        self.connections: list[Connection] = []
        self.requests = 0
        self._in_use: set[Any] = set()
        self._of_this_thread = threading.local()

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[Exchange]]:
        """What this thread exchanges while inside."""
        heard: list[Exchange] = []
        self._of_this_thread.heard = heard
        yield heard

    def _exchange(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        began, is_sent = time.monotonic(), True
        try:
            reply = super()._exchange(url, headers, deadline)
        except Unreached:
            is_sent = False
            raise
        finally:
            with self._lock:
                self.requests += is_sent
        exchange = Exchange(url, reply, time.monotonic() - began)
        self._of_this_thread.heard.append(exchange)
        self.exchanges.append(exchange)
        return reply

    def _connect(self, route: Any, deadline: Deadline) -> HTTPConnection:
        connection = super()._connect(route, deadline)
        self.connections.append(_connection(connection.sock))
        return connection

    def _ask(self, route: Any, connection: HTTPConnection, *what: Any) -> Reply:
        opened = connection.sock
        with self._lock:
            self._in_use.add(opened)
        try:
            return super()._ask(route, connection, *what)
        finally:
            with self._lock:
                self._in_use.discard(opened)

    def hang_up(self) -> None:
        """Whoever waits for an answer waits no longer."""
        with self._lock:
            waiting = [*self._in_use]
        for opened in waiting:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)  # not TLS's own: it would wait for the other end


class OverheardLine:
    """I-ALiRT, asked without a second try. Safe to use from several threads; a context manager."""

    def __init__(self, endpoint: Endpoint, patience: Patience, *, rate: float | None = None) -> None:
        self._endpoint = endpoint
        self._wire = _OverheardWire(patience)
        self._stop = threading.Event()
        self._pace = Pace(rate, None, self._stop)
        self.permissions = Permissions(has_key=endpoint.key is not None, stop=self._stop)

    def __enter__(self) -> OverheardLine:
        mission.open_endpoint(self._endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        mission.close_endpoint()
        self._wire.close()

    @property
    def exchanges(self) -> Sequence[Exchange]:
        return self._wire.exchanges

    @property
    def connections(self) -> Sequence[Connection]:
        return self._wire.connections

    @property
    def requests(self) -> int:
        """How many were sent, answered or not."""
        return self._wire.requests

    @property
    def clock_error_seconds(self) -> float | None:
        """How far this machine's clock is ahead of the server's; None where no answer told the time."""
        return self._wire.clock_error.total_seconds() if self._wire.has_told_time else None

    def end(self) -> None:
        """Begin no further request: who waits for a turn is given Interrupted. Those in flight go on."""
        self._stop.set()

    def hang_up(self) -> None:
        """Begin no further request, and wait for none of the answers."""
        self.end()
        self._wire.hang_up()

    def ask(self, instrument: Instrument, window: Span) -> Heard:
        """Ask once for a window; what fails is told in the answer. Raises Interrupted where the line has ended."""
        failure: Exception | None = None
        with self._wire.listening() as exchanges:
            try:
                with self._pace.turn(), self.permissions.turn(instrument, window.start):
                    records = call(self._wire, instrument, window)
                    self.permissions.answered(instrument, window.start, records)
            except (PassingFault, Unusable, TooMuch, NoAccess, ApiError) as error:
                failure = error
        return Heard(window, tuple(exchanges), failure, self._endpoint.key)


def _connection(opened: Any) -> Connection:
    place = str(opened.getpeername()[0])
    if not isinstance(opened, ssl.SSLSocket):
        return Connection(place)
    ends = str((opened.getpeercert() or {}).get("notAfter", ""))
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None
    return Connection(place, opened.version(), expires)


class Unresolved(Exception):
    """No name server has said in time what the addresses of a host are."""


def addresses(url: str, seconds: float, resolver_seconds: float) -> list[Address]:
    """Each address of the host of ``url``, tried by itself, with TLS where it is https, side by side; none of them is
    sent a request. Raises Unresolved, and OSError or ValueError where the host has none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    found = _resolved(host, port, resolver_seconds)
    tried: list[Address] = []

    def attempt(place: Any) -> None:
        began, failure = time.monotonic(), ""
        try:
            with socket.create_connection(place[:2], timeout=seconds) as plain:
                if parts.scheme == "https":
                    with _plain_trust().wrap_socket(plain, server_hostname=host):
                        pass
        except (OSError, ValueError) as error:
            failure = str(error) or type(error).__name__
        tried.append(Address(str(place[0]), time.monotonic() - began, failure))

    places = dict.fromkeys(it[4] for it in found)
    threads = [threading.Thread(target=attempt, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(tried, key=lambda it: it.place)


def _resolved(host: str, port: int, seconds: float) -> list[Any]:
    """What the resolver of the system says, which keeps to times of its own: half a minute, where nobody answers it."""
    said: list[Any] = []

    def resolve() -> None:
        try:
            said.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            said.append(error)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not said:
        raise Unresolved(f"no name server has said within {seconds:g} s where {host} is")
    if isinstance(said[0], Exception):
        raise said[0]
    found: list[Any] = said[0]
    return found


def _plain_trust() -> ssl.SSLContext:
    context = trusting()
    context.sslsocket_class = ssl.SSLSocket
    return context
