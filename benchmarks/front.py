"""A front before the simulator: TLS, the latency of a line on each round trip, and counts of what went over it.

    python benchmarks/front.py SIMULATOR_URL ROUND_TRIP_SECONDS FOLDER

Its URL is the first line of output; the certificate that whoever asks must trust lies in FOLDER/ca.pem. Each line of
input is answered with how many connections were opened and how many bytes were sent to clients since the last.

A client's connection is opened by the kernel at once, on loopback. So the round trip that this takes on a line is put
before the client's first bytes; after that, every byte takes half a round trip either way, hand-shakes included.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import trustme

_BUFFER = 2**20


class Front:
    """``seen`` holds the connections opened and the bytes sent to clients."""

    def __init__(self, backend: tuple[str, int], round_trip: float, context: ssl.SSLContext) -> None:
        self._backend, self._half, self._context = backend, round_trip / 2, context
        self._inner = 0
        self.seen = [0, 0]

    async def start(self) -> int:
        """Listen; the port."""
        inner = await asyncio.start_server(self._unwrapped, "127.0.0.1", 0, ssl=self._context, limit=_BUFFER)
        self._inner = inner.sockets[0].getsockname()[1]
        outer = await asyncio.start_server(self._line, "127.0.0.1", 0, limit=_BUFFER)
        self._servers = (inner, outer)
        port: int = outer.sockets[0].getsockname()[1]
        return port

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The line: TLS goes over it as it is."""
        self.seen[0] += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._inner, limit=_BUFFER)
        await asyncio.gather(
            self._delayed(reader, back, first=2 * self._half), self._delayed(there, writer, is_counted=True)
        )

    async def _delayed(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        first: float = 0.0,
        is_counted: bool = False,
    ) -> None:
        """Pass bytes on, each half a round trip after it came: many may be on their way at once."""
        loop = asyncio.get_running_loop()
        ready = loop.time() + first
        last: asyncio.TimerHandle | None = None
        while data := await _read(reader):
            if is_counted:
                self.seen[1] += len(data)
            last = loop.call_at(max(ready, loop.time()) + self._half, _write, writer, data)
        await asyncio.sleep(0 if last is None else max(0.0, last.when() - loop.time()))
        loop.call_soon(writer.close)

    async def _unwrapped(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._backend, limit=_BUFFER)
        await asyncio.gather(_passed_on(reader, back), _passed_on(there, writer))


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_BUFFER)
    except (ConnectionError, ssl.SSLError):
        return b""


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await _read(reader):
        _write(writer, data)
    writer.close()


async def main(simulator: str, round_trip: str, folder: str) -> None:
    """Serve until the input ends."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(Path(folder) / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    parts = urlsplit(simulator)
    assert parts.hostname is not None
    assert parts.port is not None
    front = Front((parts.hostname, parts.port), float(round_trip), context)
    print(f"https://127.0.0.1:{await front.start()}", flush=True)  # noqa: T201
    while await asyncio.to_thread(sys.stdin.readline):
        print(*front.seen, flush=True)  # noqa: T201
        front.seen[:] = [0, 0]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
