"""Sockets that keep to a deadline, opened to an address that answers.

A time-out of a socket bounds one step, so that a server or a proxy that sends a byte now and then never trips it. Here
every step is given no more than what is left of the whole.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ADDRESS_SECONDS = 4.0
"""How long one address of a host is waited for where there is another one to try."""
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds, seconds, times: a router between here and there is not to forget a connection that waits for a poll's next
pass, and one that has died meanwhile is known for dead."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When all must have come (by the monotonic clock), and for how many seconds nothing may come until then."""

    at: float
    silence: float

    @classmethod
    def within(cls, seconds: float, silence: float) -> Deadline:
        """The deadline so many seconds from now."""
        return cls(time.monotonic() + seconds, silence)

    def step(self) -> float:
        """How many seconds the next step may take. Raises TimeoutError when none are left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return min(left, self.silence)


class _Timed:
    """What both kinds of socket have in common; ``deadline`` is that of the answer that is being read."""

    deadline: Deadline

    def recv_into(self, *args: Any) -> int:
        allowed = self.deadline.step()
        self.settimeout(allowed)  # type: ignore[attr-defined]
        try:
            return super().recv_into(*args)  # type: ignore[misc, no-any-return]
        except TimeoutError:
            if allowed < self.deadline.silence:
                raise TimeoutError("it took too long") from None
            raise TimeoutError(f"nothing came for {allowed:g} s") from None


class TimedSocket(_Timed, socket.socket):
    """A socket that is read until its deadline, whatever asks it to read."""


class TimedTlsSocket(_Timed, ssl.SSLSocket):
    """A timed socket with TLS: what `trusting` makes of a :class:`TimedSocket`. (Its hand-shake heeds the
    time-out that the socket had, as a whole.)"""


def trusting() -> ssl.SSLContext:
    """Trust in the certificates of this machine, or of SSL_CERT_FILE. Reading them costs 30 ms."""
    context = ssl.create_default_context()
    context.sslsocket_class = TimedTlsSocket
    return context


Opened = TimedSocket | TimedTlsSocket


class Addresses:
    """The addresses of hosts, and which of them to try first. Safe to use from several threads.

    The one that answered last comes first, one that failed comes last: where one of the ways to a host is dead, as IPv6
    often is, that costs a few seconds once, not in every request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ranks: dict[object, float] = {}

    def answered(self, opened: Opened) -> None:
        """An answer came over this connection."""
        self._rank(opened, -time.monotonic())

    def failed(self, opened: Opened) -> None:
        """This connection was opened, and then nothing came over it."""
        self._rank(opened, time.monotonic())

    def _rank(self, opened: Opened, rank: float) -> None:
        with contextlib.suppress(OSError):  # who has gone has no name
            place = opened.getpeername()
            with self._lock:
                self._ranks[place] = rank

    def open(
        self, host: str, port: int, deadline: Deadline, greet: Callable[[TimedSocket], Opened] = lambda it: it
    ) -> Opened:
        """A connection to the first address of a host that takes it and ``greet`` s. Raises OSError.

        All of them together keep to the deadline. (Only the resolver of the system keeps times of its own.)
        """
        places = self._places(host, port)
        failure: OSError = TimeoutError("it took too long")
        for others, (family, place) in zip(reversed(range(len(places))), places, strict=True):
            try:
                return self._open(family, place, _share(deadline, others), greet)
            except ssl.SSLCertVerificationError:
                raise  # it is no better at another address
            except OSError as error:
                failure = error
                with self._lock:
                    self._ranks[place] = time.monotonic()
            if deadline.at <= time.monotonic():
                break
        raise failure

    def _places(self, host: str, port: int) -> list[tuple[int, Any]]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with self._lock:
            found.sort(key=lambda it: self._ranks.get(it[4], 0.0))
        return [(family, place) for family, _, _, _, place in found]

    def _open(self, family: int, place: Any, deadline: Deadline, greet: Callable[[TimedSocket], Opened]) -> Opened:
        opened: Opened | None = None
        plain = TimedSocket(family, socket.SOCK_STREAM)
        try:
            plain.deadline = deadline
            plain.settimeout(deadline.step())
            plain.connect(place)
            _stay_awake(plain)
            opened = greet(plain)
        finally:
            if opened is None:
                plain.close()
        return opened


def _share(deadline: Deadline, others: int) -> Deadline:
    """What one address may take where there are others to try after it."""
    if not others:
        return deadline
    now = time.monotonic()
    return Deadline(now + min(ADDRESS_SECONDS, (deadline.at - now) / (others + 1)), deadline.silence)


def _stay_awake(opened: socket.socket) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:  # not every system has them
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
