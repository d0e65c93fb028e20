"""The opener that the mission client's requests go through: time-outs, a deadline, our name, a key that stays at home.

``urllib.request.install_opener`` is the one seam for all of this: the client itself sets no time-out, does not say
who asks, follows redirects and takes the key along.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.parse import urlsplit

from ialirt_backfill import __version__

USER_AGENT = f"ialirt-backfill/{__version__}"
"""What every request says it comes from, so that the science centre can tell our requests from others."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to ask again. All times in seconds.

    ``answer`` bounds one try from connecting to the last byte; ``silence`` how long the server may say nothing. No try
    begins later than ``in_all`` after the first one (None: only ``tries`` counts).
    """

    answer: float = 60.0
    silence: float = 30.0
    tries: int = 5
    first_pause: float = 0.5
    longest_pause: float = 30.0
    longest_told_pause: float = 120.0
    in_all: float | None = None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_NO_RECORDS = b'{"meta": {}, "data": []}'
_this_thread = threading.local()


@contextlib.contextmanager
def body_set_aside() -> Iterator[list[bytes]]:
    """While inside, what this thread's requests bring is put into the list, and who reads the answer finds one without
    records: so a client that decodes the answer makes no objects of them."""
    bodies = list[bytes]()
    try:
        _this_thread.bodies = bodies
        yield bodies
    finally:
        del _this_thread.bodies


class _Reader(io.RawIOBase):
    """Reads a socket until a deadline: a server that sends a byte now and then never trips the socket's time-out."""

    def __init__(self, sock: socket.socket, silence: float, deadline: float) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._sock, self._silence, self._deadline = sock, silence, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left > 0:
            self._sock.settimeout(min(self._silence, left))
            try:
                return self._raw.readinto(buffer)
            except TimeoutError:
                if self._silence < left:
                    raise TimeoutError(f"nothing came for {self._silence:g} s") from None
        raise TimeoutError("it took too long")

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that must be whole by a deadline."""

    def __init__(self, sock: socket.socket, *args: Any, silence: float, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        unbounded, self.fp = self.fp, io.BufferedReader(_Reader(sock, silence, deadline), 1 << 16)
        unbounded.close()

    def read(self, amt: int | None = None) -> bytes:
        body = super().read(amt)
        bodies: list[bytes] | None = getattr(_this_thread, "bodies", None)
        if bodies is None or amt is not None or not 200 <= self.status < 300:
            return body
        bodies.append(body)
        return _NO_RECORDS


def _reach(address: tuple[str, int], *_: object, silence: float, deadline: float) -> socket.socket:
    """A connection to the first address of a host that takes it: ``socket.create_connection``, but by a deadline for
    all of them together. (Only the resolver of the system keeps times of its own.)"""
    places = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    failure: OSError = TimeoutError("no connection in time")
    for tried, (_family, _type, _protocol, _name, place) in enumerate(places):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            reached = socket.create_connection((str(place[0]), address[1]), min(silence, left / (len(places) - tried)))
        except OSError as error:
            failure = error
        else:
            reached.settimeout(max(0.001, min(silence, deadline - time.monotonic())))
            return reached
    raise failure


def _connect(
    connection: type[http.client.HTTPConnection], patience: Patience, req: urllib.request.Request
) -> Callable[..., http.client.HTTPConnection]:
    """A factory of connections whose answers must be whole by the request's deadline."""
    silence, deadline = patience.silence, _deadline(req, patience)

    def make(host: str, **kwargs: Any) -> http.client.HTTPConnection:
        made = connection(host, **kwargs)
        made._create_connection = functools.partial(  # type: ignore[attr-defined]
            _reach, silence=silence, deadline=deadline
        )
        made.response_class = functools.partial(  # type: ignore[assignment]
            _Response, silence=silence, deadline=deadline
        )
        return made

    return make


def _deadline(req: urllib.request.Request, patience: Patience) -> float:
    """When the answer must be whole: ``patience.answer`` seconds after it was first asked for."""
    deadline: float = req.__dict__.setdefault("deadline", time.monotonic() + patience.answer)
    return deadline


class _HTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connect(http.client.HTTPConnection, self._patience, req), req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    @functools.cached_property
    def _trust(self) -> ssl.SSLContext:
        """The certificates that are trusted; reading them costs 30 ms."""
        return ssl.create_default_context()

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connect(http.client.HTTPSConnection, self._patience, req), req, context=self._trust)


class _ProxyHandler(urllib.request.ProxyHandler):
    """The environment's proxies, but none to this machine itself."""

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        if is_loopback(urlsplit(req.full_url).hostname or ""):
            return None
        return super().proxy_open(req, proxy, type)


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but leaves the key behind when they lead to another place; the deadline goes along."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is None:
            return None
        following.__dict__["deadline"] = req.__dict__["deadline"]
        if _place(following.full_url) != _place(req.full_url):
            for name in [name for name in following.headers if name.lower() == "x-api-key"]:
                del following.headers[name]
        return following


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class Opener(urllib.request.OpenerDirector):
    """What ``urllib.request.urlopen`` uses from now on: the usual handlers, with time-outs."""

    clock_error = timedelta(0)
    """How far this machine's clock is ahead of the server's, by the newest answer."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.addheaders = [("User-Agent", USER_AGENT)]
        self._silence = min(patience.silence, patience.answer)
        for handler in (
            _ProxyHandler(),
            urllib.request.UnknownHandler(),
            _HTTPHandler(patience),
            _HTTPSHandler(patience),
            urllib.request.HTTPDefaultErrorHandler(),
            _RedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self.add_handler(handler)

    def open(self, fullurl: Any, data: Any = None, timeout: Any = None) -> Any:
        waits = isinstance(timeout, int | float)
        response = super().open(fullurl, data, timeout if waits else self._silence)
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            said = parsedate_to_datetime(response.headers["Date"])
            said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
            age = timedelta(seconds=int(response.headers.get("Age") or 0))  # in a cache between the server and us
            Opener.clock_error = datetime.now(UTC) - said - age
        return response
