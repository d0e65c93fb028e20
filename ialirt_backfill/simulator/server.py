"""The simulator's HTTP server on loopback."""

from __future__ import annotations

import gzip
import json
import re
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from ialirt_backfill.instruments import PUBLIC_SINCE, Catalogue, default_catalogue
from ialirt_backfill.instruments.stored import LIMIT
from ialirt_backfill.simulator.faults import (
    CutBody,
    CutJson,
    Fault,
    Redirect,
    Request,
    Reset,
    Rule,
    Silence,
    Slow,
    Transform,
    Trickle,
)
from ialirt_backfill.simulator.rules import Answer, Caller, Query, answer, parse
from ialirt_backfill.simulator.telemetry import batch, unix

HOST = "127.0.0.1"
_PATH = "/space-weather"
_KEY_PREFIX = "/api-key"
_SMALLEST_COMPRESSED = 1024
_FAST = 1
"""How hard it is tried: a window of mag is compressed to a sixth in a hundredth of a second."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """A local I-ALiRT that obeys every rule of the real one. Use it with ``with``, or call ``start`` and ``stop``.

    ``now`` gives the present as the simulated server sees it. ``keys`` holds the API keys it accepts under
    ``<url>/api-key``, each with its scopes; ``public_since`` is the time before which a query needs one of them.
    ``faults`` are asked in their order about every request; the first fault wins. ``latency`` is added to every answer,
    in seconds. ``compresses`` says whether those who ask for gzip get it. ``date_ahead`` is how far the ``Date`` of
    every answer is ahead of this machine's clock, ``limit`` how many stored bytes may be asked for at once. Where it
    ``keeps`` no connections, it answers in HTTP/1.0. All of these may be changed while it runs. Port 0 takes any free
    one. ``catalogue`` is what it serves, by default what comes with the program.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        now: Callable[[], datetime] = _utc_now,
        faults: Rule | Sequence[Rule] = (),
        keys: Mapping[str, Collection[str]] | None = None,
        public_since: datetime = PUBLIC_SINCE,
        latency: float = 0.0,
        port: int = 0,
        date_ahead: timedelta = timedelta(0),
        compresses: bool = True,
        limit: int = LIMIT,
        keeps: bool = True,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.seed = seed
        self.catalogue = catalogue or default_catalogue()
        self.date_ahead = date_ahead
        self.compresses = compresses
        self.limit = limit
        self.keeps = keeps
        self.now = now
        self.faults: Rule | Sequence[Rule] = faults
        self.keys = dict(keys or {})
        self.public_since = public_since
        self.latency = latency
        self._port = port
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._in_flight = 0
        self._max_in_flight = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    # --- life ---

    def start(self) -> Self:
        """Listen, and answer from threads of its own."""
        self._server = _Server(self, self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection, also those still waiting for an answer. The log of requests stays."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL; with a key, ``<url>/api-key``."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return f"http://{HOST}:{self._server.server_address[1]}"

    # --- what a test wants to know ---

    def records(
        self, instrument: str, start: datetime, end: datetime, *, scopes: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """What a perfect query would give for the seconds from ``start`` up to, not including, ``end``.

        As of this moment, with the fields that a key with these scopes is shown. Nothing is refused, and neither faults
        nor the limit of 1 MB apply.
        """
        known = self.catalogue.instruments.get(instrument)
        found = batch(self.seed, known, unix(start), unix(end) - 1, unix(self.now()), scopes=scopes)
        records: list[dict[str, Any]] = json.loads(f"[{', '.join(found.texts)}]")
        return records

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at the same time."""
        with self._lock:
            return self._max_in_flight

    def forget_requests(self) -> None:
        """Begin the log of requests, their numbers and ``max_in_flight`` anew."""
        with self._lock:
            self._requests.clear()
            self._max_in_flight = self._in_flight

    # --- one request ---

    def _begin(self, target: str, headers: Iterable[tuple[str, str]]) -> Request:
        parts = urlsplit(target)
        parameters = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        query = parse(parameters, self.now())
        start, end = (query.start, query.end) if isinstance(query, Query) else (None, None)
        with self._lock:
            request = Request(
                number=len(self._requests) + 1,
                path=parts.path,
                parameters=parameters,
                headers={name.lower(): value for name, value in headers},
                instrument=parameters.get("instrument") or None,
                start=start,
                end=end,
            )
            self._requests.append(request)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return request

    def _end(self, request: Request, status: int | None) -> None:
        with self._lock:
            request.status = status
            self._in_flight -= 1

    def _fault(self, request: Request) -> Fault | None:
        rules = self.faults if isinstance(self.faults, Sequence) else (self.faults,)
        return next((fault for rule in rules if (fault := rule(request)) is not None), None)

    def _answer(self, request: Request) -> Answer:
        """The answer by the rules."""
        path, caller = request.path, Caller()
        if path.startswith(f"{_KEY_PREFIX}/"):
            if request.key is None or request.key not in self.keys:
                return Answer(403)
            path = path.removeprefix(_KEY_PREFIX)
            caller = Caller(has_key=True, scopes=frozenset(self.keys[request.key]))
        if path != _PATH:
            return Answer(404)
        return answer(
            request.parameters,
            self.seed,
            self.now(),
            caller=caller,
            public_since=self.public_since,
            catalogue=self.catalogue,
            limit=self.limit,
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator = simulator
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        if self.stopping.is_set():
            _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                _shut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may go away at any time
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        super().finish()
        self.server.closed(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """The log of requests is enough."""

    def do_GET(self) -> None:
        simulator = self.server.simulator
        self._request = simulator._begin(self.path, self.headers.items())
        self._ended = False
        self.close_connection = self.close_connection or not simulator.keeps
        try:
            fault = simulator._fault(self._request)
            self._pause(simulator.latency)
            match fault:
                case Answer():
                    self._send(fault)
                case Redirect(url, status):
                    self._send(Answer(status, b"", location=url))
                case Silence():
                    self._hang()
                case _:
                    self._answer(simulator._answer(self._request), fault)
        finally:
            self._end(None)

    def _answer(self, right: Answer, fault: Slow | CutJson | Transform | CutBody | Reset | Trickle | None) -> None:
        """Send the right answer, or what the fault makes of it."""
        match fault:
            case None:
                self._send(right)
            case Slow(seconds):
                self._pause(seconds)
                self._send(right)
            case CutJson(keep):
                self._send(_with_body(right, right.content[: int(len(right.content) * keep)]))
            case Transform(change):
                self._send(_transformed(right, change))
            case CutBody(keep):
                head, body = self._message(right)
                self.close_connection = True
                self._write_last(head + body[: int(len(body) * keep)], right.status)
            case Reset(after_bytes):
                self._reset(b"".join(self._message(right))[:after_bytes])
            case Trickle(seconds, chunk, headers):
                self._trickle(right, seconds, chunk, headers)

    def _message(self, reply: Answer) -> tuple[bytes, bytes]:
        """Headers and body."""
        body = reply.content
        is_compressed = self._wants_gzip() and len(body) >= _SMALLEST_COMPRESSED
        if is_compressed:
            body = gzip.compress(body, _FAST, mtime=0)
        lines = [
            f"HTTP/{'1.1' if self.server.simulator.keeps else '1.0'} {reply.status} {reply.phrase}",
            f"Date: {format_datetime(datetime.now(UTC) + self.server.simulator.date_ahead, usegmt=True)}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(body)}",
        ]
        if is_compressed:
            lines.append("Content-Encoding: gzip")
        if reply.retry_after is not None:
            lines.append(f"Retry-After: {reply.retry_after}")
        if reply.location is not None:
            lines.append(f"Location: {reply.location}")
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), body

    def _wants_gzip(self) -> bool:
        """Whether gzip is among the encodings that the client names, and not with a weight of nothing."""
        accepted = {
            name.strip().lower(): "".join(weight.split()).lower()
            for name, _, weight in (it.partition(";") for it in self.headers.get("Accept-Encoding", "").split(","))
        }
        weight = accepted.get("gzip", accepted.get("*"))
        return self.server.simulator.compresses and weight is not None and not re.fullmatch(r"q=0(\.0*)?", weight)

    def _end(self, status: int | None) -> None:
        """The request is no longer in flight; only the first call counts."""
        if not self._ended:
            self._ended = True
            self.server.simulator._end(self._request, status)

    def _write_last(self, data: bytes, status: int | None) -> None:
        """Write the end of an answer. The request ends before that: a client that has its answer and asks for the next
        must not be counted twice."""
        self._end(status)
        self.wfile.write(data)

    def _send(self, reply: Answer) -> None:
        self._write_last(b"".join(self._message(reply)), reply.status)

    def _trickle(self, reply: Answer, seconds: float, chunk: int, from_headers: bool) -> None:
        head, body = self._message(reply)
        if not from_headers:
            self.wfile.write(head)
        rest = head + body if from_headers else body
        last = (len(rest) - 1) // chunk * chunk
        for position in range(0, last, chunk):
            self.wfile.write(rest[position : position + chunk])
            self._pause(seconds)
        self._write_last(rest[last:], reply.status)

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and self.server.stopping.wait(seconds):
            raise ConnectionAbortedError("the simulator stops")

    def _hang(self) -> None:
        """Until the client closes its end or the simulator stops: both make the socket readable."""
        self.close_connection = True
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        poll.poll()

    def _reset(self, data: bytes) -> None:
        """Close in such a way that the client sees a reset, not an end."""
        self.close_connection = True
        if data:
            self.wfile.write(data)
            self._pause(0.05)  # a reset overtakes what the client has not read yet
        self._end(None)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()


def _with_body(right: Answer, body: bytes) -> Answer:
    return Answer(right.status, body, right.content_type)


def _transformed(right: Answer, change: Callable[[list[dict[str, Any]]], object]) -> Answer:
    if right.status != 200:
        return right
    content = json.loads(right.content)
    content["data"] = change(content["data"])
    if isinstance(content["data"], list):
        content["meta"]["count"] = len(content["data"])
    return _with_body(right, json.dumps(content).encode())
