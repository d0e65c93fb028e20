"""The simulator misbehaves exactly as it is told to, and keeps a log of what it was asked."""

from __future__ import annotations

import gzip
import http.client
import json
import math
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from ialirt_backfill.simulator import (
    Answer,
    CutBody,
    CutJson,
    Fault,
    Redirect,
    Request,
    Reset,
    Silence,
    Simulator,
    Slow,
    Times,
    Transform,
    Trickle,
)
from tests.simulator.asking import HOUR, MINUTE, NOW, SECOND, START, Reply, ask, get


def meet(simulator: Simulator, fault: Fault) -> Callable[[], Reply]:
    """Make every request meet a fault; the result asks for an hour of hit."""
    simulator.faults = lambda request: fault
    return lambda: ask(simulator, "hit", START, START + HOUR)


def raw(simulator: Simulator, timeout: float = 10.0) -> socket.socket:
    """A connection on which an hour of hit has been asked for."""
    parts = urlsplit(simulator.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
    connection.sendall(
        b"GET /space-weather?instrument=hit&time_utc_start=2026-02-01T00:00:00 HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    return connection


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Endpoint request timed out"),
    ],
)
def test_statuses(misbehaving: Simulator, status: int, message: str) -> None:
    reply = meet(misbehaving, Answer(status))()
    assert (reply.status, reply.json) == (status, {"message": message})
    assert reply.headers["Retry-After"] is None
    assert misbehaving.requests[-1].status == status


@pytest.mark.parametrize("retry_after", [3, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after(misbehaving: Simulator, retry_after: float | str) -> None:
    reply = meet(misbehaving, Answer(429, retry_after=retry_after))()
    assert reply.headers["Retry-After"] == str(retry_after)


@pytest.mark.parametrize("body", ["null", "[]", '{"meta": {}}', b"\xff\xfe", "<html>Sign in</html>", ""])
def test_any_body(misbehaving: Simulator, body: bytes | str) -> None:
    reply = meet(misbehaving, Answer(200, body, "text/html"))()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html")
    assert reply.body == (body.encode() if isinstance(body, str) else body)


def test_reset(misbehaving: Simulator) -> None:
    meet(misbehaving, Reset())
    with raw(misbehaving) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1000)
    assert misbehaving.requests[-1].status is None


def test_reset_inside_an_answer(misbehaving: Simulator) -> None:
    meet(misbehaving, Reset(after_bytes=500))
    with raw(misbehaving) as connection:
        received = connection.recv(500, socket.MSG_WAITALL)
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1000)


def test_cut_body(misbehaving: Simulator) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        meet(misbehaving, CutBody(0.25))()
    assert len(caught.value.partial) == pytest.approx((caught.value.expected or 0) / 3, abs=2)


def test_cut_json(misbehaving: Simulator) -> None:
    reply = meet(misbehaving, CutJson(0.5))()
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


def test_slow(misbehaving: Simulator) -> None:
    before = time.monotonic()
    reply = meet(misbehaving, Slow(0.3))()
    assert time.monotonic() - before >= 0.3
    assert reply.json["data"] == misbehaving.records("hit", START, START + HOUR + SECOND)


def test_latency() -> None:
    with Simulator(now=lambda: NOW, latency=0.2) as simulator:
        before = time.monotonic()
        assert ask(simulator, "hit", START, START + HOUR).status == 200
        assert time.monotonic() - before >= 0.2


def test_silence_until_the_simulator_stops(misbehaving: Simulator) -> None:
    meet(misbehaving, Silence())
    with raw(misbehaving, timeout=0.3) as connection:
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        before = time.monotonic()
        misbehaving.stop()
        assert connection.recv(1) == b""
        assert time.monotonic() - before < 2
    assert misbehaving.requests[-1].status is None


@pytest.mark.parametrize("fault", [Slow(60), Trickle(60), Trickle(60, headers=True)])
def test_the_simulator_stops_promptly(misbehaving: Simulator, fault: Fault) -> None:
    meet(misbehaving, fault)
    with raw(misbehaving) as connection:
        wait_for(lambda: bool(misbehaving.requests))
        before = time.monotonic()
        misbehaving.stop()
        while connection.recv(10_000):
            pass
        assert time.monotonic() - before < 2


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("headers", [True, False])
def test_trickle(misbehaving: Simulator, headers: bool) -> None:
    meet(misbehaving, Trickle(0.03, headers=headers))
    with raw(misbehaving) as connection:
        head = b"" if headers else connection.recv(10_000).partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 200 OK") is not headers
        before = time.monotonic()
        for _ in range(10):
            assert len(connection.recv(10_000)) == 1
        assert time.monotonic() - before > 0.15


def test_a_trickle_brings_the_whole_answer(misbehaving: Simulator) -> None:
    reply = meet(misbehaving, Trickle(0.001, chunk=1000, headers=True))()
    assert reply.json["data"] == misbehaving.records("hit", START, START + HOUR + SECOND)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirect(misbehaving: Simulator, shared: Simulator, status: int) -> None:
    reply = meet(misbehaving, Redirect(f"{shared.url}/space-weather?instrument=nothing", status))()
    assert reply.json["meta"]["instrument"] == "nothing"
    assert misbehaving.requests[-1].status == status


def test_transform(misbehaving: Simulator) -> None:
    def double(records: list[dict[str, Any]]) -> object:
        records[0]["hit_epoch"] = math.nan
        return [*records[::-1], *records]

    reply = meet(misbehaving, Transform(double))()
    count = len(misbehaving.records("hit", START, START + HOUR + SECOND))
    assert b"NaN" in reply.body
    assert reply.json["meta"]["count"] == len(reply.json["data"]) == 2 * count
    assert meet(misbehaving, Transform(lambda records: {"not": "a list"}))().json["data"] == {"not": "a list"}


def test_a_rule_sees_the_request(misbehaving: Simulator) -> None:
    seen: list[Request] = []

    def rule(request: Request) -> Fault | None:
        seen.append(request)
        return Answer(500) if request.instrument == "hit" else None

    misbehaving.faults = rule
    assert ask(misbehaving, "hit", START, START + HOUR, **{"X-Test": "yes"}).status == 500
    assert ask(misbehaving, "swe", START, START + HOUR).status == 200
    assert [request.number for request in seen] == [1, 2]
    assert (seen[0].path, seen[0].start, seen[0].end) == ("/space-weather", START, START + HOUR)
    assert seen[0].headers["x-test"] == "yes"


def test_times(misbehaving: Simulator) -> None:
    misbehaving.faults = [
        Times(2, Answer(503), instrument="hit", day=START.date()),
        Times(1, Answer(429), instrument="hit"),
    ]
    next_day = START + timedelta(days=1)

    def statuses(name: str, start: datetime, count: int) -> list[int]:
        return [ask(misbehaving, name, start, start + HOUR).status for _ in range(count)]

    assert statuses("swe", START, 2) == [200, 200]
    assert statuses("hit", next_day, 2) == [429, 200]
    assert statuses("hit", START, 3) == [503, 503, 200]


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_of_requests(misbehaving: Simulator) -> None:
    ask(misbehaving, "hit", START, START + HOUR, **{"x-api-key": "k"})
    get(f"{misbehaving.url}/space-weather", instrument="hit", time_utc_start="yesterday")
    first, second = misbehaving.requests
    assert (first.number, first.instrument, first.start, first.end) == (1, "hit", START, START + HOUR)
    assert (first.status, first.key) == (200, "k")
    assert abs(datetime.now(UTC) - first.received) < MINUTE
    assert (second.number, second.start, second.status, second.key) == (2, None, 400, None)
    misbehaving.forget_requests()
    assert misbehaving.requests == []


def test_the_most_requests_in_flight() -> None:
    with Simulator(now=lambda: NOW, latency=0.15) as simulator:
        threads = [threading.Thread(target=ask, args=(simulator, "hit", START, START + MINUTE)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert simulator.max_in_flight == 5
        simulator.latency = 0
        simulator.forget_requests()
        for _ in range(50):
            ask(simulator, "hit", START, START + MINUTE)
        assert simulator.max_in_flight == 1


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("deflate, GZip;q=0.5", True),
        ("*", True),
        ("identity", False),
        ("gzip;q=0, *", False),
        ("gzip; q=0.000", False),
        ("", False),
    ],
)
def test_who_asks_for_gzip_gets_it(misbehaving: Simulator, accepted: str, is_compressed: bool) -> None:
    plain = ask(misbehaving, "hit", START, START + HOUR)
    reply = ask(misbehaving, "hit", START, START + HOUR, **{"Accept-Encoding": accepted})
    assert (reply.headers["Content-Encoding"] == "gzip") is is_compressed
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert (gzip.decompress(reply.body) if is_compressed else reply.body) == plain.body
    misbehaving.compresses = False
    assert ask(misbehaving, "hit", START, START + HOUR, **{"Accept-Encoding": accepted}).body == plain.body


def test_a_short_answer_is_not_compressed(misbehaving: Simulator) -> None:
    reply = ask(misbehaving, "nothing", START, START + HOUR, **{"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] is None
