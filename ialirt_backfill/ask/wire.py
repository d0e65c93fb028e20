"""The wire to I-ALiRT: connections that are kept and used again, redirects, proxies, and an answer in time or none.

urllib3 speaks HTTP over them and unpacks what comes compressed. It is given sockets that are open already (`sockets`),
because its own time-outs bound single steps, never a whole answer.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import ssl
import string
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection

from ialirt_backfill import __version__
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ask.sockets import Addresses, Deadline, Opened, TimedSocket, trusting
from ialirt_backfill.options.hosts import is_loopback

USER_AGENT = f"ialirt-backfill/{__version__}"
"""What every request says it comes from, so that the science centre can tell our requests from others."""
MOST_BYTES = 64 * 2**20
"""What an answer may hold, unpacked. A window that the server sends at all is a tenth of it."""
KEY_HEADER = "x-api-key"
PORTS = {"http": 80, "https": 443}
"""Where a server listens unless its address says otherwise."""

_MOST_WORDS = 2**16
_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = MappingProxyType({"User-Agent": USER_AGENT, **urllib3.util.make_headers(accept_encoding=True)})


class Unreached(Exception):
    """No connection could be opened. The cause says why; ``proxy`` is host and port of the one on the way, if any."""

    def __init__(self, proxy: str = "") -> None:
        super().__init__()
        self.proxy = proxy


class UnusableProxy(Exception):
    """What the environment names as a proxy is none that is understood here."""


class TooLarge(Exception):
    """The answer holds more than any answer does: it was made to fill the memory."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered. ``body`` is None where it is not whole, which only a refusal's may be. ``version`` is
    that of HTTP: 10 or 11."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes | None
    version: int = 11

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a connection leads, and through which proxy, if any."""

    scheme: str
    host: str
    port: int
    proxy: str | None = None

    @property
    def is_tunnel(self) -> bool:
        return self.proxy is not None and self.scheme == "https"


class Wire:
    """Connections to I-ALiRT. Safe to use from several threads: each has one while it reads an answer.

    ``clock_error`` is how far this machine's clock is ahead of the server's (negative: behind), by the newest answer.
    ``has_told_time`` says whether any answer told the time. ``was_reached`` says whether a connection was ever opened.
    """

    def __init__(self, patience: Patience) -> None:
        self.clock_error = timedelta(0)
        self.has_told_time = False
        self.was_reached = False
        self._patience = patience
        self._addresses = Addresses()
        self._proxies = getproxies()
        self._lock = threading.Lock()
        self._kept: dict[_Route, list[HTTPConnection]] = {}
        self._is_closed = False

    def close(self) -> None:
        """Close the connections that are kept, and keep none any more."""
        with self._lock:
            self._is_closed = True
            connections = [it for kept in self._kept.values() for it in kept]
            self._kept.clear()
        for connection in connections:
            connection.close()

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """The answer to a request, whole and in time, after redirects; the key stays behind where they lead elsewhere.

        Raises Unreached, TooLarge, TimeoutError, OSError, http.client.HTTPException, urllib3.exceptions.HTTPError or
        ValueError (for the address).
        """
        deadline = Deadline.within(self._patience.answer, self._patience.longest_silence)
        asked = {url}
        for left in reversed(range(_MOST_REDIRECTS + 1)):
            reply = self._exchange(url, headers, deadline)
            location = reply.headers.get("Location")
            if reply.status not in _REDIRECTS or not location or not left:
                break
            following = urldefrag(urljoin(url, quote(location, encoding="latin-1", safe=string.punctuation))).url
            if urlsplit(following).scheme not in PORTS or following in asked:  # the second: a circle
                break
            asked.add(following)
            if _place(following) != _place(url):
                headers = {name: value for name, value in headers.items() if name.lower() != KEY_HEADER}
            url = following
        return reply

    # --- one request and its answer -----------------------------------------------------------------------------------

    def _exchange(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        parts = urlsplit(url)
        route = self._route(url)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if route.proxy is not None and not route.is_tunnel:
            target = url
            headers = {**headers, **_proxy_headers(route.proxy)}
        headers = {"Host": parts.netloc.rpartition("@")[2], **headers, **_HEADERS}
        while (connection := self._take(route)) is not None:
            # One that was kept may have been closed at the other end meanwhile: then another one is asked.
            with contextlib.suppress(ConnectionError, ssl.SSLError, http.client.BadStatusLine):
                return self._ask(route, connection, target, headers, deadline)
        return self._ask(route, self._connect(route, deadline), target, headers, deadline)

    def _ask(
        self, route: _Route, connection: HTTPConnection, target: str, headers: Mapping[str, str], deadline: Deadline
    ) -> Reply:
        opened: Opened = connection.sock  # type: ignore[assignment]
        opened.deadline = deadline
        is_whole = False
        try:
            connection.timeout = deadline.step()
            connection.request("GET", target, headers=headers, preload_content=False)
            response = connection.getresponse()
            self._addresses.answered(opened)
            self._note_clock(response.headers)
            body = _body(response)
            is_whole = response.isclosed() and not connection.is_closed
            return Reply(response.status, response.reason or "", response.headers, body, response.version)
        except TimeoutError:
            self._addresses.failed(opened)
            raise
        finally:
            if is_whole:
                self._keep(route, connection)
            else:
                connection.close()

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            said = parsedate_to_datetime(headers.get("Date") or "")
            said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
            age = timedelta(seconds=int(headers.get("Age") or 0))  # in a cache between the server and us
            self.clock_error = datetime.now(UTC) - said - age
            self.has_told_time = True

    # --- connections --------------------------------------------------------------------------------------------------

    def _take(self, route: _Route) -> HTTPConnection | None:
        """A connection that was kept and that nobody has closed, as far as is known."""
        while True:
            with self._lock:
                kept = self._kept.get(route)
                if not kept:
                    return None
                connection = kept.pop()
            if connection.is_connected:
                return connection
            connection.close()

    def _keep(self, route: _Route, connection: HTTPConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._kept.setdefault(route, []).append(connection)
                return
        connection.close()

    def _connect(self, route: _Route, deadline: Deadline) -> HTTPConnection:
        shown = ""
        try:
            host, port = (route.host, route.port) if route.proxy is None else _proxy_place(route.proxy)
            shown = f"{host}:{port}" if route.proxy is not None else ""
            opened = self._addresses.open(host, port, deadline, functools.partial(self._greet, route))
        except (OSError, http.client.HTTPException, UnicodeError, UnusableProxy) as error:
            raise Unreached(shown) from error
        self.was_reached = True
        connection = HTTPConnection(route.host, route.port)
        connection.auto_open = 0
        connection.sock = opened
        return connection

    def _greet(self, route: _Route, plain: TimedSocket) -> Opened:
        """What comes before the first request: the proxy's consent, and the hand-shake of TLS."""
        if route.is_tunnel:
            _tunnel(plain, route)
        if route.scheme == "http":
            return plain
        plain.settimeout(plain.deadline.step())
        secured: Opened = self._trust.wrap_socket(plain, server_hostname=route.host)  # type: ignore[assignment]
        return secured

    @functools.cached_property
    def _trust(self) -> ssl.SSLContext:
        return trusting()

    def _route(self, url: str) -> _Route:
        scheme, host, port = _place(url)
        proxy = self._proxies.get(scheme)
        if proxy and not is_loopback(host) and not proxy_bypass(urlsplit(url).netloc):
            return _Route(scheme, host, port, proxy)
        return _Route(scheme, host, port)


def _place(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises ValueError where an address has none."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"no host in {url[:100]!r}")
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


# --- proxies ----------------------------------------------------------------------------------------------------------


def _proxy_parts(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_place(proxy: str) -> tuple[str, int]:
    """Host and port of a proxy. Raises UnusableProxy, whose words hold nothing of it: it may hold a password."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(_proxy_parts(proxy))
        if parts.hostname and parts.scheme in PORTS:
            return parts.hostname, parts.port or PORTS[parts.scheme]
    raise UnusableProxy("http://host:port is understood, and no other form")


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(_proxy_parts(proxy))
    if not (parts.username and parts.password):
        return {}
    return urllib3.util.make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password)}")


def _tunnel(plain: TimedSocket, route: _Route) -> None:
    """Have the proxy connect us through to the server, so that it can read neither key nor data."""
    host = f"[{route.host}]" if ":" in route.host else route.host
    headers = {"Host": f"{host}:{route.port}", "User-Agent": USER_AGENT, **_proxy_headers(route.proxy or "")}
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    plain.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    with contextlib.closing(http.client.HTTPResponse(plain, method="CONNECT")) as reply:
        reply.begin()
        if not 200 <= reply.status < 300:
            raise ConnectionError(f"Tunnel connection failed: {reply.status} {reply.reason}")


# --- the body of an answer --------------------------------------------------------------------------------------------


def _body(response: urllib3.HTTPResponse) -> bytes | None:
    """The body of an answer, whole; of a refusal its beginning, None where that cannot be read."""
    if 200 <= response.status < 300:
        body = b"".join(_parts(response, MOST_BYTES + 1))
        if len(body) > MOST_BYTES:
            raise TooLarge
        return body
    try:
        return b"".join(_parts(response, _MOST_WORDS))
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError):
        return None


def _parts(response: urllib3.HTTPResponse, most: int) -> Iterator[bytes]:
    """What came, unpacked: no more than ``most`` bytes of it."""
    is_packed = "content-encoding" in response.headers  # what is not goes through no buffer
    while most > 0 and (part := response.read(most, decode_content=is_packed)):
        most -= len(part)
        yield part
