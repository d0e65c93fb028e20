"""The server on a real socket: what it sends, what it does when something breaks, and whom it lets wait how long."""

from __future__ import annotations

import gzip
import http.client
import logging
import random
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cheroot import server as cheroot

from ialirt_backfill.exceptions import ServerEnded, UsageError
from ialirt_backfill.serve import server as module
from ialirt_backfill.serve.server import Server
from tests.serve.cores import Core, Make

BOTH_DAYS = "/hapi/data?dataset=mag&start=2026-02-02&stop=2026-02-04"
HOUR = "/hapi/data?dataset=mag&start=2026-02-02&stop=2026-02-02T01"


@pytest.fixture
def server(core: Core) -> Iterator[Server]:
    with Server(core.hapi, "127.0.0.1", 0) as running:
        yield running


def connected(server: Server) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)


def plugged(server: Server, receives: int | None = None) -> socket.socket:
    """A bare socket; with ``receives``, one that takes so few bytes before it has to be read."""
    address = urlsplit(server.url)
    found = socket.socket()
    if receives is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    found.settimeout(60)
    found.connect((address.hostname, address.port))
    return found


def said(server: Server, request: bytes) -> bytes:
    """All that comes back until the server closes. Raises ConnectionResetError where it resets."""
    with closing(plugged(server)) as bare:
        bare.sendall(request)
        found = b""
        while piece := bare.recv(1 << 16):
            found += piece
    return found


def get(server: Server, path: str) -> bytes:
    with urllib.request.urlopen(server.url.removesuffix("/hapi") + path, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def test_the_status_of_hapi_stands_in_the_status_line(server: Server) -> None:
    paths = ("/hapi/catalog", "/hapi/info?dataset=nothing", "/hapi/data?dataset=mag&start=x&stop=2026")
    requests = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" for path in paths)
    heads = [said(server, request.encode()).split(b"\r\n") for request in requests]
    assert [lines[0] for lines in heads] == [
        b"HTTP/1.1 200 OK; HAPI 1200 OK",
        b"HTTP/1.1 404 Not Found; HAPI 1406 Bad request - unknown dataset id",
        b"HTTP/1.1 400 Bad Request; HAPI 1402 Bad request - syntax error in start time",
    ]
    assert all(b"Access-Control-Allow-Origin: *" in lines for lines in heads)


def test_a_connection_serves_one_request_after_the_other(server: Server, core: Core) -> None:
    with closing(connected(server)) as connection:
        for method, path in (("GET", HOUR), ("HEAD", "/hapi/catalog"), ("GET", "/hapi/nothing"), ("GET", HOUR)) * 3:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            if path == HOUR:
                assert body == core.data("mag", "2026-02-02", "2026-02-02T01", "csv")
                assert answer.headers["Transfer-Encoding"] == "chunked"
        assert connection.sock is not None


def test_who_asks_without_waiting_for_answers_gets_them_in_order(server: Server) -> None:
    paths = ("/hapi/about", HOUR, "/hapi/nothing", "/hapi/capabilities")
    heads = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n" for path in paths]
    found = said(server, ("\r\n".join(heads) + "Connection: close\r\n\r\n").encode())
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"200", b"404", b"200"]
    assert found.index(b"contact") < found.index(b"2026-02-02T00:59:") < found.index(b"outputFormats")
    assert get(server, HOUR).count(b"\n") == 900


def test_a_client_of_http_1_0_is_answered_until_the_end_of_the_connection(server: Server, core: Core) -> None:
    head, _, body = said(server, f"GET {HOUR} HTTP/1.0\r\n\r\n".encode()).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == core.data("mag", "2026-02-02", "2026-02-02T01", "csv")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_comes_with_a_request_is_not_taken_for_the_next_one(server: Server, method: str) -> None:
    smuggled = b"GET /hapi/catalog HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for head in (b"Content-Length: %d\r\n" % len(smuggled), b"Transfer-Encoding: chunked\r\n"):
        body = smuggled if b"Length" in head else b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
        found = said(server, f"{method} /hapi HTTP/1.1\r\nHost: x\r\n".encode() + head + b"\r\n" + body)
        assert found.startswith(b"HTTP/1.1 405 Method Not Allowed; HAPI 1400")
        assert found.count(b"HTTP/1.1 ") == 1


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(own: Path, make: Make) -> Iterator[Server]:
    """A server of two days, of which the second cannot be understood."""
    core = make(own)
    core.info("mag")
    second = core.files("mag")[1]
    second.write_bytes(b"time_utc,time_utc\n" + second.read_bytes())
    with Server(core.hapi, "127.0.0.1", 0) as running:
        yield running


@pytest.mark.parametrize("format_", ["csv", "binary", "json"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_that_breaks_off_never_looks_whole(
    broken: Server, format_: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(connected(broken)) as connection:
        connection.request("GET", f"{BOTH_DAYS}&format={format_}", headers={"Accept-Encoding": encoding})
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
    assert "20260203" in caplog.text
    assert "Traceback" not in caplog.text
    assert get(broken, HOUR).count(b"\n") == 900


def test_to_a_client_that_waits_for_the_end_of_the_connection_it_is_reset(broken: Server) -> None:
    request = f"GET {BOTH_DAYS} HTTP/1.0\r\n\r\n".encode()
    with pytest.raises(ConnectionResetError):
        said(broken, request)


def test_a_client_that_goes_away_is_no_trouble(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(20):
        with closing(plugged(server)) as bare:
            bare.sendall(f"GET {BOTH_DAYS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            bare.recv(1000)
    assert get(server, HOUR).count(b"\n") == 900
    assert caplog.text == ""


# --- patience ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(core: Core, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of two threads that waits half a second for a client."""
    monkeypatch.setattr(module, "THREADS", 2)
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(module, "_GLANCE_SECONDS", 0.25)
    monkeypatch.setattr(module._Http, "timeout", 0.5)
    with Server(core.hapi, "127.0.0.1", 0) as running:
        yield running


def test_who_does_not_read_is_let_go_and_others_are_answered(impatient: Server) -> None:
    idle = [plugged(impatient, receives=4096) for _ in range(6)]
    for bare in idle:
        bare.sendall(f"GET {BOTH_DAYS}&format=json HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert get(impatient, HOUR).count(b"\n") == 900
    for bare in idle:
        bare.close()


def test_who_reads_a_byte_now_and_then_is_let_go_too(impatient: Server) -> None:
    with closing(plugged(impatient, receives=4096)) as bare:
        bare.sendall(f"GET {BOTH_DAYS}&format=json HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        begun = time.monotonic()
        with suppress(ConnectionResetError):
            while bare.recv(100):
                assert time.monotonic() - begun < 60
                time.sleep(0.05)


def test_connections_on_which_nothing_comes_keep_nobody_waiting(impatient: Server) -> None:
    idle = [plugged(impatient) for _ in range(30)]
    begun = time.monotonic()
    assert all(get(impatient, HOUR).count(b"\n") == 900 for _ in range(5))
    assert time.monotonic() - begun < 6  # each of the two threads would wait half a second for fifteen of them
    for bare in idle:
        bare.close()


def test_who_never_ends_a_request_is_let_go(impatient: Server) -> None:
    slow = [plugged(impatient) for _ in range(4)]
    ended = time.monotonic() + 30
    answered = threading.Thread(target=get, args=(impatient, HOUR))
    for bare in slow:
        bare.sendall(b"GET /hapi/catalog HTTP/1.1\r\n")
    answered.start()
    while answered.is_alive():
        assert time.monotonic() < ended
        for bare in slow:
            with suppress(OSError):
                bare.sendall(b"X: y\r\n")
        time.sleep(0.2)
    for bare in slow:
        bare.close()


# --- many -------------------------------------------------------------------------------------------------------------


def test_fifty_clients_at_once_lose_nothing(server: Server, core: Core) -> None:
    expected = core.data("hit", "2026-02-02", "2026-02-04", "binary")

    def ask(_: int) -> bytes:
        return get(server, "/hapi/data?dataset=hit&start=2026-02-02&stop=2026-02-04&format=binary")

    with ThreadPoolExecutor(50) as clients:
        assert all(body == expected for body in clients.map(ask, range(50)))


PARTS = [
    "/hapi", "/", "//", "..", "%2e%2e", "%00", "%", "%zz", "data", "info", "?", "dataset=", "mag", "&", "=", "start=",
    "2026", "9" * 50, "é".encode().decode("latin-1"), "'", '"', "<b>", ";", "#", "%0d%0aX:y", "etc/passwd", "a" * 3000,
]  # fmt: skip


METHODS = ["GET", "HEAD", "GE\0T", "get"]


def bad_request(chance: random.Random) -> bytes:
    """Whatever people and programs may send, and now and then no HTTP at all."""
    if chance.random() < 0.02:
        return chance.randbytes(chance.randint(1, 200)) + b"\r\n\r\n"
    path = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 8))).replace(" ", "")
    line = f"{chance.choice(METHODS)} /{path} HTTP/1.{chance.choice('110')}\r\n"
    return f"{line}Host: localhost\r\nConnection: close\r\n\r\n".encode("latin-1")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_bad_requests_are_answered_and_do_no_harm(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    def send(seed: int) -> int:
        chance, answered = random.Random(seed), 0
        for _ in range(2500):
            with suppress(ConnectionResetError):
                answer = said(server, bad_request(chance))
                assert not answer.startswith(b"HTTP/1.1 5")
                answered += answer.startswith(b"HTTP/1.1 ")
        return answered

    with ThreadPoolExecutor(4) as clients:
        assert sum(clients.map(send, range(4))) > 9_900
    assert get(server, HOUR).count(b"\n") == 900
    assert [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING] == []


def test_a_datastore_that_changes_meanwhile_is_served_one_version_of_a_day_or_another(own: Path, make: Make) -> None:
    core = make(own)
    path = core.files("hit")[0]
    lines = path.read_bytes().splitlines(keepends=True)
    versions = [b"".join(lines), b"".join(lines[:700])]
    bodies = set()
    for version in versions:
        path.write_bytes(version)
        bodies.add(core.data("hit", "2026-02-02", "2026-02-03", "csv"))
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            new = path.with_suffix(".new")
            new.write_bytes(versions[number % 2])
            new.replace(path)
            number += 1

    changing = threading.Thread(target=change)
    with Server(core.hapi, "127.0.0.1", 0) as server:
        changing.start()
        try:
            found = [get(server, "/hapi/data?dataset=hit&start=2026-02-02&stop=2026-02-03") for _ in range(40)]
        finally:
            done.set()
            changing.join()
    assert set(found) <= bodies
    assert len(bodies) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_cannot_go_on_is_not_waited_for(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of the library")

    monkeypatch.setattr(cheroot.HTTPConnection, "close", broken)
    with Server(core.hapi, "127.0.0.1", 0) as server, closing(plugged(server)) as bare:
        bare.sendall(b"GET /hapi/about HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with pytest.raises(ServerEnded, match="what it logged before says why"):
            server.wait(threading.Event())
    assert "a fault of the library" in caplog.text


def test_the_end_waits_for_the_answers_in_flight(core: Core) -> None:
    whole = core.data("mag", "2026-02-02", "2026-02-04", "json")
    with Server(core.hapi, "127.0.0.1", 0) as server:
        connection = connected(server)
        connection.request("GET", f"{BOTH_DAYS}&format=json")
        answer = connection.getresponse()
        begun = answer.read(1000)
        ending = threading.Thread(target=server.__exit__)
        ending.start()
        time.sleep(0.5)
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as it comes
            get(server, HOUR)
        assert begun + answer.read() == whole
        ending.join(30)
        assert not ending.is_alive()
        connection.close()


def test_an_address_that_cannot_be_had_is_told(core: Core, server: Server) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with pytest.raises(UsageError, match=f"--port {port}"):
        Server(core.hapi, "127.0.0.1", port)
    with pytest.raises(UsageError, match=r"--host 192\.0\.2\.1"):
        Server(core.hapi, "192.0.2.1", 0)


def test_gzip_on_the_wire_unpacks_to_the_same(server: Server, core: Core) -> None:
    with closing(connected(server)) as connection:
        connection.request("GET", f"{BOTH_DAYS}&format=binary", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        packed = answer.read()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == core.data("mag", "2026-02-02", "2026-02-04", "binary")
