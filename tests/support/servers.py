"""Servers of few words, over real sockets: what they hear, and what they do to the connection."""

from __future__ import annotations

import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class _Listening(ABC):
    """A server with a thread for each connection; ``heads`` are those of the requests that it has heard."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.heads: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._begin, args=(connection,), daemon=True).start()

    def _begin(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._talk(connection)

    @abstractmethod
    def _talk(self, connection: socket.socket) -> None:
        """Hear and answer until the connection is to be closed."""


class Wire(_Listening):
    """A server that hears the head of every request and then lets ``reply`` do to the connection what it likes."""

    def __init__(self, reply: Callable[[socket.socket, int], None], tls: ssl.SSLContext | None = None) -> None:
        self._reply = reply
        self.closing = threading.Event()
        super().__init__(tls)

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        super().__exit__()

    def _talk(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(10_000) or b"\r\n\r\n"
        self.heads.append(head.decode())
        self._reply(connection, len(self.heads))


def says(*parts: bytes) -> Callable[[socket.socket, int], None]:
    """A reply that sends these bytes and closes."""
    return lambda connection, _number: connection.sendall(b"".join(parts))


def http_answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


def trickling(wire: list[Wire], data: bytes, seconds: float = 0.05) -> Callable[[socket.socket, int], None]:
    def reply(connection: socket.socket, _number: int) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if wire[0].closing.wait(seconds):
                return

    return reply


EMPTY = http_answer(b'{"meta": {"count": 0}, "data": []}')


class Keeping(_Listening):
    """A server that keeps its connections. ``reply`` gives the bytes to each request, of which it is told the number on
    its connection, counted from 1; None closes the connection."""

    def __init__(self, reply: Callable[[int], bytes | None], tls: ssl.SSLContext | None = None) -> None:
        self._reply = reply
        self.connections: list[socket.socket] = []
        super().__init__(tls)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.close_all()

    def close_all(self) -> None:
        """Close every connection, as a server does that has waited long enough."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _talk(self, connection: socket.socket) -> None:
        self.connections.append(connection)
        with connection.makefile("rb") as file:
            number = 0
            while True:
                lines = []
                while (line := file.readline()) not in {b"\r\n", b""}:
                    lines.append(line)
                if not lines:
                    return
                number += 1
                self.heads.append(b"".join(lines).decode())
                if (reply := self._reply(number)) is None:
                    return
                connection.sendall(reply)
