"""Connections are kept, answers arrive compressed and whole, and the address that answers is asked first."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from ialirt_backfill import simulator as sim
from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.day.answers import tabulate
from ialirt_backfill.exceptions import ApiError, NeverReached, Unreachable
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.coverage import Span
from tests.support.servers import EMPTY, Keeping, Wire, http_answer, says

HIT, MAG = INSTRUMENTS["hit"], INSTRUMENTS["mag"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = Span(START, START + timedelta(hours=1))
QUICK = Patience(answer=2.0, silence=1.0, tries=3, first_pause=0.01, longest_pause=0.02)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def asking(url: str, **given: Any) -> Api:
    return Api(Endpoint(url), **{"patience": QUICK, **given})


def ask(api: Api, span: Span = HOUR) -> list[object]:
    """The records of the answers, where they are objects; their numbers, where they are columns."""
    return [len(it.records) for it in api.ask(HIT, span)]


def forget_connections(api: Api) -> None:
    """Have the next request open a connection of its own."""
    for kept in api._wire._kept.values():
        while kept:
            kept.pop().close()


def tries(api: Api) -> int:
    heard: list[object] = []
    for _ in api.ask(HIT, HOUR, lambda *_: heard.append(1)):
        pass
    return len(heard)


# --- connections that are kept ----------------------------------------------------------------------------------------


def test_one_connection_serves_one_worker() -> None:
    with Keeping(lambda _: EMPTY) as server, asking(server.url) as api:
        for _ in range(5):
            ask(api)
        assert (len(server.heads), len(server.connections)) == (5, 1)


def test_each_worker_has_one() -> None:
    def reply(_: int) -> bytes:
        time.sleep(0.05)
        return EMPTY

    with Keeping(reply) as server, asking(server.url) as api, ThreadPoolExecutor(4) as pool:
        ask(api)  # what is not known yet is asked one at a time
        list(pool.map(lambda _: ask(api), range(20)))
        assert (len(server.heads), len(server.connections)) == (21, 4)


def test_refusals_and_faults_keep_the_connection_too() -> None:
    answers = [http_answer(b"busy", status="500 Oh"), http_answer(b'{"message": "no"}', status="400 Bad"), EMPTY]
    with Keeping(lambda number: answers[min(number, 3) - 1]) as server, asking(server.url) as api:
        with pytest.raises(ApiError, match="HTTP 400 Bad: no"):
            ask(api)
        ask(api)
        assert len(server.connections) == 1


@pytest.mark.parametrize("headers", [["Connection: close"], ["Connection: Keep-Alive, close"]])
def test_a_server_that_wants_to_close_may(headers: list[str]) -> None:
    reply = http_answer(b'{"data": []}', *headers)
    with Keeping(lambda _: reply) as server, asking(server.url) as api:
        ask(api)
        ask(api)
        assert len(server.connections) == 2


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    reply = b'HTTP/1.1 200 OK\r\n\r\n{"data": []}'
    with Wire(says(reply)) as wire, asking(wire.url) as api:
        assert tries(api) == 1
        assert tries(api) == 1


def test_a_connection_that_was_closed_meanwhile_costs_no_try() -> None:
    with Keeping(lambda _: EMPTY) as server, asking(server.url) as api:
        ask(api)
        server.close_all()
        time.sleep(0.1)
        assert tries(api) == 1
        assert (len(server.heads), len(server.connections)) == (2, 2)


@pytest.mark.parametrize("secured", [False, True])
def test_nor_does_one_that_is_closed_while_it_is_asked(
    secured: bool, certified: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """The server closes it just when the request arrives."""
    with Keeping(lambda number: EMPTY if number == 1 else None, certified if secured else None) as server:
        with asking(server.url) as api:
            for _ in range(4):
                assert tries(api) == 1
        assert (len(server.heads), len(server.connections)) == (7, 4)
    assert not caplog.messages


def test_but_a_fault_on_a_new_connection_does() -> None:
    with Wire(says()) as wire, asking(wire.url) as api:
        with pytest.raises(ApiError, match=r"connection broke \(RemoteDisconnected.*\(3 tries\)"):
            ask(api)
        assert len(wire.heads) == 3


@pytest.mark.parametrize("excess", [1, 5000])
def test_what_is_left_of_one_answer_is_never_taken_for_the_next(excess: int) -> None:
    """More came than was declared."""
    more = http_answer(b'{"data": [{}]}') * excess
    with Keeping(lambda _: EMPTY + more) as server, asking(server.url) as api:
        for _ in range(3):
            assert ask(api) == [0]
            time.sleep(0.05)


def test_after_the_run_no_connection_is_left_open() -> None:
    with Keeping(lambda _: EMPTY) as server:
        with asking(server.url) as api:
            ask(api)
        [connection] = server.connections
        deadline = time.monotonic() + 5
        while connection.fileno() != -1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert connection.fileno() == -1


# --- compressed answers -----------------------------------------------------------------------------------------------


def test_the_answer_arrives_compressed_and_is_the_same() -> None:
    with sim.Simulator(now=lambda: NOW) as simulator, asking(simulator.url) as api:
        (answer,) = api.ask(HIT, HOUR)
        assert "gzip" in simulator.requests[0].headers["accept-encoding"]
        expected = tabulate(HIT, HOUR, simulator.records("hit", HOUR.start, HOUR.end)).rows
        assert tabulate(HIT, HOUR, answer.records).rows.equals(expected)


RECORDS = json.dumps({"data": [{"time_utc": f"2026-02-01T00:00:{n:02d}"} for n in range(60)]}).encode()
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "gzip, gzip": lambda body: gzip.compress(gzip.compress(body)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_that_is_asked_for_is_read(coding: str) -> None:
    reply = http_answer(CODINGS[coding](RECORDS), f"Content-Encoding: {coding}")
    with Wire(says(reply)) as wire, asking(wire.url) as api:
        assert ask(api) == [60]


def test_a_compressed_answer_in_chunks() -> None:
    packed = gzip.compress(RECORDS)
    parts = [packed[n : n + 50] for n in range(0, len(packed), 50)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Keeping(lambda _: head + body) as server, asking(server.url) as api:
        assert ask(api) == [60]
        assert ask(api) == [60]
        assert len(server.connections) == 1


def cut(packed: bytes, keep: int, declared: int | None = None) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {declared or keep}\r\n\r\n"
    return head.encode() + packed[:keep]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (cut(gzip.compress(RECORDS), 60, len(gzip.compress(RECORDS))), "the answer was cut short after"),
        (cut(gzip.compress(RECORDS), 60), "the answer is not JSON but begins"),
        (cut(b"no gzip at all", 14), "the answer cannot be read ("),
        (cut(gzip.compress(RECORDS)[:-8] + b"\0" * 8, len(gzip.compress(RECORDS))), "the answer cannot be read ("),
    ],
    ids=["cut", "cut before it was sent", "none", "damaged"],
)
def test_a_compressed_answer_that_is_not_whole_is_found_out(reply: bytes, words: str) -> None:
    with Wire(says(reply)) as wire, asking(wire.url) as api:
        with pytest.raises(ApiError) as caught:
            ask(api)
        assert words in str(caught.value)
        assert len(wire.heads) == 3


def bomb(megabytes: int) -> bytes:
    """So many megabytes of spaces in a few kilobytes."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_decompression_bomb_is_found_out(is_chunked: bool) -> None:
    packed = bomb(100)
    if is_chunked:
        reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply += b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    else:
        reply = http_answer(packed, "Content-Encoding: gzip")
    patience = replace(QUICK, answer=20, silence=20, tries=1)
    with Wire(says(reply)) as wire, asking(wire.url, patience=patience) as api:
        with pytest.raises(ApiError, match="the answer holds more than 64 MB"):
            ask(api)
        assert len(wire.heads) == 1


def test_so_is_an_answer_of_that_size_that_is_not_compressed() -> None:
    patience = replace(QUICK, answer=20, silence=20, tries=1)
    with (
        Wire(says(http_answer(b" " * (2**26 + 1)))) as wire,
        asking(wire.url, patience=patience) as api,
        pytest.raises(ApiError, match="the answer holds more than 64 MB"),
    ):
        ask(api)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port of 127.0.0.2 on which a connection is neither taken nor refused; of 127.0.0.1 it is free."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.2", port))
        time.sleep(0.05)
        yield port
        for connection in waiting:
            connection.close()


def resolving(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let every name have these addresses."""

    def several(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", several)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a full queue hang")
def test_a_dead_address_costs_its_time_once_in_a_run(deaf_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ialirt_backfill.ask.sockets.ADDRESS_SECONDS", 0.5)
    with sim.Simulator(now=lambda: NOW, port=deaf_port) as simulator:
        simulator.faults = lambda _: sim.Answer(200, '{"data": []}')
        resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
        took = []
        with asking(f"http://ialirt.example:{deaf_port}", patience=replace(QUICK, answer=10)) as api:
            for _ in range(4):
                began = time.monotonic()
                ask(api)
                took.append(time.monotonic() - began)
                forget_connections(api)  # so that the next one is a new connection
        assert 0.5 <= took[0] < 2
        assert max(took[1:]) < 0.4


def test_an_address_that_takes_connections_and_says_nothing_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = socket.create_server(("127.0.0.2", 0))
    port = silent.getsockname()[1]
    with silent, sim.Simulator(now=lambda: NOW, port=port) as simulator:
        simulator.faults = lambda _: sim.Answer(200, '{"data": []}')
        resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
        with asking(f"http://ialirt.example:{port}", patience=replace(QUICK, silence=0.5)) as api:
            assert tries(api) == 2
            forget_connections(api)
            assert tries(api) == 1


def test_an_address_that_refuses_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with sim.Simulator(now=lambda: NOW) as simulator:
        resolving(monkeypatch, "127.0.0.3", "127.0.0.1")
        with asking(simulator.url.replace("127.0.0.1", "ialirt.example")) as api:
            assert tries(api) == 1


# --- what is not reached ----------------------------------------------------------------------------------------------


def test_a_name_that_is_not_resolved_was_never_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with asking("http://ialirt.example") as api, pytest.raises(NeverReached, match="Name or service not known") as it:
        ask(api)
    assert it.value.cause.endswith("check --url and the network")
    assert str(it.value).endswith("(3 tries)")


def test_a_server_that_goes_away_was_reached() -> None:
    with sim.Simulator(now=lambda: NOW) as simulator, asking(simulator.url) as api:
        ask(api)
        simulator.stop()
        with pytest.raises(Unreachable) as caught:
            ask(api)
        assert not isinstance(caught.value, NeverReached)


def test_a_server_that_says_nothing_was_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        patience = replace(QUICK, silence=0.2, tries=1)
        with (
            asking(f"http://127.0.0.1:{silent.getsockname()[1]}", patience=patience) as api,
            pytest.raises(Unreachable, match=r"nothing came for 0\.2 s") as caught,
        ):
            ask(api)
    assert not isinstance(caught.value, NeverReached)


# --- certificates -----------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A company's own, which this machine trusts because SSL_CERT_FILE names it."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "company.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
    return made


@pytest.fixture
def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_connections_with_tls_are_kept(certified: ssl.SSLContext) -> None:
    with Keeping(lambda _: EMPTY, certified) as server, asking(server.url) as api:
        for _ in range(4):
            ask(api)
        assert (len(server.heads), len(server.connections)) == (4, 1)


def test_an_issuer_that_is_not_known_is_named_with_the_way_to_name_it(
    certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with Keeping(lambda _: EMPTY, certified) as server, asking(server.url) as api:
        with pytest.raises(NeverReached, match=r"unable to get local issuer certificate\): name .* SSL_CERT_FILE$"):
            ask(api)
        assert server.heads == []


def test_a_certificate_of_another_name_is_no_matter_of_the_store(authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("ialirt.example").configure_cert(context)
    with (
        Keeping(lambda _: EMPTY, context) as server,
        asking(server.url) as api,
        pytest.raises(NeverReached, match=r"cannot be trusted \(.*127\.0\.0\.1.*\): check --url"),
    ):
        ask(api)


def test_the_certificate_is_that_of_the_server_behind_the_proxy(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("ialirt.example").configure_cert(context)
    connects: list[str] = []
    requests: list[str] = []

    def reply(connection: socket.socket, number: int) -> None:
        connects.append(proxy.heads[number - 1])
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as secured, secured.makefile("rb") as file:
            for _ in range(2):
                lines = []
                while (line := file.readline()) not in {b"\r\n", b""}:
                    lines.append(line.decode())
                requests.append("".join(lines))
                secured.sendall(EMPTY)

    with Wire(reply) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        with asking("https://ialirt.example") as api:
            ask(api)
            ask(api)
    assert len(connects) == 1
    assert connects[0].startswith("CONNECT ialirt.example:443 HTTP/1.1\r\nHost: ialirt.example:443\r\n")
    assert "authorization: Basic bWU6cEBzcw==" in connects[0]
    assert len(requests) == 2
    assert all("\r\nHost: ialirt.example\r\n" in it and "Basic" not in it for it in requests)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    with Keeping(lambda _: EMPTY) as server, asking(server.url) as api:
        own = threading.active_count()
        ask(api)
        assert threading.active_count() <= own + 1  # the server's own, for the connection
    assert before <= own
