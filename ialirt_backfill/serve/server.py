"""HTTP around the core: connections, threads and patience.

An answer that breaks off in the middle must not look like a whole one. Where its length is told bit by bit, the end is
left out; and since a client of HTTP 1.0 (as some proxies are) takes the end of the connection for the end of the
answer, the connection is reset, which no client takes for an end.
"""

from __future__ import annotations

import logging
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from cheroot import server as cheroot

from ialirt_backfill import __version__
from ialirt_backfill.exceptions import DayFileError, ServerEnded, UsageError
from ialirt_backfill.serve import memory
from ialirt_backfill.serve.hapi import Hapi
from ialirt_backfill.serve.protocol import HapiRequest, Piece, Response

log = logging.getLogger(__name__)

THREADS = 16
"""So many answers at once; others wait their turn."""
WAITING = 256
"""So many connections wait to be accepted."""
KEPT = 256
"""So many connections are kept for another request."""
REQUEST_SECONDS = 10.0
"""A request that is not there by then will not come."""
PIECE_SECONDS = 30.0
"""In so long a time a client takes 64 kB, or it is let go."""
END_SECONDS = 60.0
"""So long do answers in flight have when the server is to end."""
LONGEST_HEAD = 32 * 1024
LONGEST_BODY = 64 * 1024

_GLANCE_SECONDS = 1.0
"""So often is it looked at who takes too long, and which memory is not needed any more. (To do that four times as often
costs twice the CPU.)"""
_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""Linger for no time at all: what closes a socket then resets the connection."""


class Server:
    """A server of HAPI at an address; `url` is where it answers. For use in a ``with``.

    Raises UsageError where the address cannot be had.
    """

    def __init__(self, hapi: Hapi, host: str, port: int, prefix: str = "") -> None:
        self._http = _Http(host, port, hapi)
        self._prefix = prefix
        try:
            self._http.prepare()
        except OSError as error:
            why = self._http.refusal or error
            raise UsageError(f"--host {host} --port {port}: {why.strerror or why}") from error
        self._serving = threading.Thread(target=self._serve, name="connections")
        self._watching = threading.Thread(target=self._http.watch, name="patience", daemon=True)

    @property
    def url(self) -> str:
        """The base address of HAPI, as this machine sees it."""
        host, port = self._http.bind_addr[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}{self._prefix}/hapi"

    def __enter__(self) -> Server:
        self._serving.start()
        self._watching.start()
        return self

    def wait(self, stop: threading.Event) -> None:
        """Until ``stop`` is set. Raises ServerEnded where the server ends by itself: nobody would be answered."""
        while not stop.wait(_GLANCE_SECONDS):
            if not self._http.ready:
                raise ServerEnded

    def _serve(self) -> None:
        try:
            self._http.serve()
        except Exception:
            log.critical("the server cannot go on", exc_info=True)

    def __exit__(self, *_: object) -> None:
        """Take no more requests, and let the answers in flight end."""
        self._http.ends_at = time.monotonic() + END_SECONDS
        self._http.stop()
        self._serving.join()


class _Connection(cheroot.HTTPConnection):
    """A connection that can be reset."""

    _is_cut = False

    def communicate(self) -> bool:
        self.server.begin_reading(self)
        try:
            return bool(super().communicate())  # type: ignore[no-untyped-call] # it has no types there
        finally:
            self.server.end_reading(self)

    def cut(self) -> None:
        """Let the client see that its answer is not whole."""
        self._is_cut = True
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def close(self) -> None:
        if not self._is_cut:
            super().close()
            return
        self.rfile.close()
        self.socket.close()


class _Http(cheroot.HTTPServer):
    """The server that the library gives, with an end to its patience."""

    ConnectionClass = _Connection
    timeout = int(PIECE_SECONDS)
    request_queue_size = WAITING
    keep_alive_conn_limit = KEPT
    shutdown_timeout = int(END_SECONDS)
    max_request_header_size = LONGEST_HEAD
    max_request_body_size = LONGEST_BODY
    version = f"ialirt-backfill/{__version__}"
    ends_at: float | None = None
    refusal: OSError | None = None

    def __init__(self, host: str, port: int, hapi: Hapi) -> None:
        super().__init__((host, port), _Gateway, minthreads=THREADS, maxthreads=THREADS)
        self.hapi = hapi
        self._reading: dict[_Connection, float] = {}
        self._has_answered = False

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Bind the address; of several that a name stands for, each in turn."""
        try:
            bound: socket.socket = super().bind(family, type, proto)
        except OSError as error:
            self.refusal = error
            raise
        return bound

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind this one, or leave nothing of it."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: _Connection) -> None:
        """Give a connection to a thread once something has come on it, or has been read with the request before.
        (A browser opens some in advance, and a thread would wait on each of them.)"""
        if conn.rfile.has_data() or _has_something_to_read(conn.socket):
            super().process_conn(conn)
        else:
            self.put_conn(conn)

    def begin_reading(self, connection: _Connection) -> None:
        """A request has begun to arrive."""
        self._reading[connection] = time.monotonic() + REQUEST_SECONDS

    def end_reading(self, connection: _Connection) -> None:
        """The request is there, or will not come."""
        self._reading.pop(connection, None)

    def note_answering(self) -> None:
        """Something of an answer was made."""
        self._has_answered = True

    def watch(self) -> None:
        """Let go of who takes too long, and of memory that is not needed any more."""
        while self.ready:
            time.sleep(_GLANCE_SECONDS)
            self._let_go()
            if self._has_answered:
                self._has_answered = False
                memory.give_back()

    def _let_go(self) -> None:
        """Of who takes too long to say what they want: a time-out for each byte is none for the whole."""
        now = time.monotonic()
        for connection, deadline in list(self._reading.items()):
            if now > deadline:
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """What the library has to say: of what a client did, for who wants to know everything."""
        log.log(logging.INFO if level < logging.CRITICAL else level, "%s", msg, exc_info=traceback)


class _Gateway(cheroot.Gateway):
    """Between the library and the core."""

    def respond(self) -> None:
        connection, http = self.req.conn, self.req.server
        http.end_reading(connection)
        begun = time.monotonic()
        asked = self._asked()
        answer = http.hapi.answer(asked)
        sent = self._send(answer)
        took = time.monotonic() - begun
        log.info("%s %s %s: %d, %d bytes, %.3f s", connection.remote_addr, asked.method, ascii(self._uri()),
                 answer.status, sent, took)  # fmt: skip

    def _uri(self) -> str:
        return str(self.req.uri.decode("ascii", "backslashreplace"))

    def _asked(self) -> HapiRequest:
        """The request. A body is not looked at, and neither is whatever comes behind it on the connection."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.req.inheaders.items()
        }
        if self.req.chunked_read or headers.get("content-length", "0") != "0":
            self.req.close_connection = True
        path, query = self.req.path.decode("utf-8", "replace"), (self.req.qs or b"").decode("ascii", "replace")
        return HapiRequest(self.req.method.decode("ascii", "replace"), path, query, headers)

    def _send(self, answer: Response) -> int:
        """Send the answer; how many bytes its body had. A fault in it, or a client that has gone, cuts the
        connection."""
        request = self.req
        request.status = f"{answer.status.value} {answer.reason}".encode("latin-1")
        request.outheaders = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        sent = 0
        try:
            request.sent_headers = True
            request.send_headers()
            with _closing(answer.body) as pieces:
                for piece in pieces:
                    self._send_piece(piece)
                    sent += len(piece)
        except OSError as error:
            log.info("%s has gone, or takes too long: %s", request.conn.remote_addr, error)
            self._cut()
        except DayFileError as error:
            log.error("%s", error)
            self._cut()
        except Exception:
            log.exception("an answer was cut off in the middle")
            self._cut()
        return sent

    def _send_piece(self, piece: Piece) -> None:
        self.req.server.note_answering()
        if not piece:
            return
        if self.req.server.ends_at is not None and time.monotonic() > self.req.server.ends_at:
            raise TimeoutError("the server has to end")
        connection = self.req.conn.socket
        is_chunked = self.req.chunked_write
        if is_chunked:
            connection.sendall(b"%x\r\n" % len(piece))
        for place in range(0, len(piece), _PIECE):
            connection.sendall(memoryview(piece)[place : place + _PIECE])
        if is_chunked:
            connection.sendall(b"\r\n")

    def _cut(self) -> None:
        self.req.chunked_write = False  # so that the library does not write the end of the answer
        self.req.close_connection = True
        self.req.conn.cut()


def _has_something_to_read(connection: socket.socket) -> bool:
    """Bytes, or the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


@contextmanager
def _closing(body: bytes | Iterable[Piece]) -> Iterator[Iterable[Piece]]:
    """The pieces of a body; what makes them is closed whether or not all were taken."""
    pieces = (body,) if isinstance(body, bytes) else body
    try:
        yield pieces
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
