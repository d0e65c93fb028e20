"""Fetch I-ALiRT over real HTTP on loopback: windows, faults, deadlines, pace, and where the key goes."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ialirt_data_access
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill import __version__
from ialirt_backfill import simulator as sim
from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.day.answers import tabulate
from ialirt_backfill.day.table import concatenate
from ialirt_backfill.exceptions import AccessDenied, ApiError, Interrupted, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.access import NoAccess
from ialirt_backfill.plan.coverage import DAY, SECOND, Span, day_span
from tests.support.access import FULL
from tests.support.servers import EMPTY, Wire, http_answer, says, trickling

HIT, MAG = INSTRUMENTS["hit"], INSTRUMENTS["mag"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DATE = date(2026, 2, 1)
START = day_span(DATE).start
HOUR = Span(START, START + timedelta(hours=1))
TRIES = 4
QUICK = Patience(answer=1.0, silence=0.5, tries=TRIES, first_pause=0.01, longest_pause=0.05)
TOO_MUCH = sim.Answer(
    400, json.dumps({"message": "Your request for 'x' returned more data than allowed in a single query. Please …"})
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def server() -> Iterator[sim.Simulator]:
    with sim.Simulator(now=lambda: NOW, keys={"secret": FULL}) as running:
        running.records("hit", HOUR.start, HOUR.end)  # what it needs to know is made up
        yield running


@pytest.fixture
def simulator(server: sim.Simulator) -> Iterator[sim.Simulator]:
    server.faults = ()
    server.forget_requests()
    yield server
    server.faults = ()


@contextmanager
def asking(url: str, key: str | None = None, **given: Any) -> Iterator[Api]:
    with Api(Endpoint(url, key), **{"patience": QUICK, **given}) as api:
        yield api


Rows = list[dict[str, str | None]]


def ask(api: Api, span: Span = HOUR, instrument: Instrument = HIT) -> Rows:
    """The rows of all answers."""
    answers = api.ask(instrument, span)
    found: Rows = concatenate([tabulate(instrument, it.window, it.records).rows for it in answers]).to_pylist()
    return found


def rows(records: list[dict[str, Any]], span: Span = HOUR, instrument: Instrument = HIT) -> Rows:
    found: Rows = tabulate(instrument, span, records).rows.to_pylist()
    return found


# --- windows ----------------------------------------------------------------------------------------------------------


def assert_whole(requests: list[sim.Request], span: Span) -> None:
    """The requests that were answered ask for every second of the span once, in rising order."""
    answered = [request for request in requests if request.status == 200]
    expected = span.start
    for request in answered:
        assert request.start == expected
        assert request.end is not None
        assert request.end >= request.start
        expected = request.end + SECOND
    assert expected == span.end


@pytest.mark.slow
@given(
    begin=st.integers(0, 86399),
    seconds=st.integers(1, 90_000),
    largest=st.integers(61, 20_000),
    instrument=st.sampled_from([MAG, HIT, INSTRUMENTS["mag_hk"], INSTRUMENTS["swapi"]]),
)
@settings(deadline=None, max_examples=60)
def test_every_second_is_asked_for_once(
    server: sim.Simulator, begin: int, seconds: int, largest: int, instrument: Instrument
) -> None:
    span = Span(START + timedelta(seconds=begin), START + timedelta(seconds=begin + min(seconds, 300 * largest)))

    def rule(request: sim.Request) -> sim.Fault:
        assert request.start is not None
        assert request.end is not None
        window = request.end - request.start + SECOND
        return TOO_MUCH if window > timedelta(seconds=largest) else sim.Answer(200, '{"meta": {}, "data": []}')

    server.faults = rule
    server.forget_requests()
    with asking(server.url) as api:
        answers = list(api.ask(instrument, span))
    assert_whole(server.requests, span)
    assert [(a.window.start, a.window.end - SECOND) for a in answers] == [
        (r.start, r.end) for r in server.requests if r.status == 200
    ]
    refused = [request for request in server.requests if request.status == 400]
    assert len(refused) <= 11  # each halves the window: from a day to a minute
    assert [r.status for r in server.requests] == sorted((r.status or 0 for r in server.requests), reverse=True)
    server.faults = ()


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_day_arrives_whole(simulator: sim.Simulator, name: str) -> None:
    day = day_span(date(2026, 2, 3))
    with asking(simulator.url, "secret", patience=replace(QUICK, answer=20, silence=20)) as api:
        found = ask(api, day, INSTRUMENTS[name])
    assert found == rows(simulator.records(name, day.start, day.end, scopes=FULL), day, INSTRUMENTS[name])
    assert_whole(simulator.requests, day)
    most = {"mag": 8, "mag_hk": 16, "hit": 1, "swe": 1, "swapi": 2, "codice_lo": 1, "codice_hi": 2}
    assert len(simulator.requests) <= most.get(name, 1)


def test_an_empty_span_is_not_asked_for(simulator: sim.Simulator) -> None:
    with asking(simulator.url) as api:
        assert ask(api, Span(START, START)) == []
    assert simulator.requests == []


def test_a_single_second(simulator: sim.Simulator) -> None:
    with asking(simulator.url) as api:
        ask(api, Span(START, START + SECOND))
    assert simulator.requests[0].parameters == {
        "instrument": "hit",
        "time_utc_start": "2026-02-01T00:00:00",
        "time_utc_end": "2026-02-01T00:00:00",
    }


def test_what_was_learnt_about_windows_is_kept(simulator: sim.Simulator) -> None:
    wide = replace(MAG, window=DAY)
    with asking(simulator.url, patience=replace(QUICK, answer=20, silence=20)) as api:
        ask(api, day_span(DATE), wide)
        refused = [request for request in simulator.requests if request.status == 400]
        assert [r.end - r.start for r in refused if r.start and r.end] == [DAY / n - SECOND for n in (1, 2, 4)]
        assert_whole(simulator.requests, day_span(DATE))
        simulator.forget_requests()
        ask(api, day_span(date(2026, 2, 2)), wide)
        assert [request.status for request in simulator.requests] == [200] * 8
        ask(api, HOUR, HIT)  # another instrument keeps its own window
        assert simulator.requests[-1].end == HOUR.end - SECOND


def test_a_refusal_to_give_even_a_minute_ends_in_an_error(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: TOO_MUCH
    with asking(simulator.url) as api, pytest.raises(ApiError, match=r"even 00:00:00-00:00:\d\d holds more data than"):
        ask(api)
    assert len(simulator.requests) <= 8


# --- faults that may pass ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (says(), "the connection broke (RemoteDisconnected"),
        (says(b"SMTP ready\r\n"), "the connection broke (BadStatusLine"),
        (says(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 70_000, b"\r\n\r\n"), "the connection broke (LineTooLong"),
        (says(b"HTTP/1.1 ", b"2" * 70_000, b"\r\n\r\n"), "the connection broke (LineTooLong"),
        (says(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 200, b"\r\n"), "the connection broke (HTTPException"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[]"), "the answer was cut short after"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "the answer was cut short after"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), "the answer was cut short after 2 bytes"),
        (says(b"HTTP/1.1 503 Away\r\nContent-Length: 100\r\n\r\n{}"), "HTTP 503 Away"),
        (says(b"HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\n{"), "HTTP 400 Bad"),
        (
            says(b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\n\r\n"),
            "the answer cannot be read (ValueError: Invalid IPv6",
        ),
        (
            says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:x/\r\n\r\n"),
            "the answer cannot be read (ValueError: Port",
        ),
    ],
    ids=lambda value: value.strip("(") if isinstance(value, str) else "",
)
def test_broken_http(reply: Callable[[socket.socket, int], None], words: str) -> None:
    with Wire(reply) as wire, asking(wire.url) as api:
        with pytest.raises(ApiError) as caught:
            ask(api)
        assert words in str(caught.value)
        assert len(wire.heads) == TRIES


def test_a_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        asking(f"http://127.0.0.1:{port}") as api,
        pytest.raises(ApiError, match=r"cannot be reached.*Connection refused"),
    ):
        ask(api)


def test_a_bare_list_is_accepted(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Answer(200, '[{"time_utc": "2026-02-01T00:00:00"}]')
    with asking(simulator.url) as api:
        assert ask(api) == [{"time_utc": "2026-02-01T00:00:00"}]
    assert len(simulator.requests) == 1


@pytest.mark.parametrize("meta", ['{"count": 1}', '{"count": 0}', '{"count": "9"}', '{"count": true}', "null", "[9]"])
def test_other_counts_do_no_harm(simulator: sim.Simulator, meta: str) -> None:
    simulator.faults = lambda request: sim.Answer(200, f'{{"meta": {meta}, "data": [{{}}]}}')
    with asking(simulator.url) as api:
        (answer,) = api.ask(HIT, HOUR)
    assert answer.records == [{}]
    assert len(simulator.requests) == 1


def test_records_that_name_their_instrument_are_believed_more_than_the_name_of_the_answer(
    simulator: sim.Simulator,
) -> None:
    def say(*instruments: str) -> None:
        records = [{"instrument": it, "time_utc": f"2026-02-01T00:00:{i:02d}"} for i, it in enumerate(instruments)]
        body = json.dumps({"meta": {"count": len(records), "instrument": "all"}, "data": records})
        simulator.faults = lambda request: sim.Answer(200, body)

    with asking(simulator.url) as api:
        say("hit", "hit")
        assert [row["time_utc"] for row in ask(api)] == ["2026-02-01T00:00:00", "2026-02-01T00:00:01"]
        assert len(simulator.requests) == 1
        say("hit", "mag")
        with pytest.raises(ApiError, match='the answer says it is of "all", not of hit'):
            ask(api)


@pytest.mark.parametrize("status", [408, 425, 429, *(it for it in range(500, 600) if it not in {501, 505})])
def test_a_status_that_may_pass_is_asked_again(simulator: sim.Simulator, status: int) -> None:
    """Also those that only a gateway has a number for."""
    simulator.faults = sim.Times(1, sim.Answer(status))
    with asking(simulator.url) as api:
        assert ask(api)
    assert [request.status for request in simulator.requests] == [status, 200]


# --- refusals that stay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (sim.Answer(401), NoAccess, "refuses every request (HTTP 401 Unauthorized: Unauthorized): check the API key"),
        (sim.Answer(403), NoAccess, "refuses hit (HTTP 403 Forbidden: Forbidden): check the API key (IALIRT_API_KEY"),
        (sim.Answer(403, b"\xff"), NoAccess, "refuses hit (HTTP 403 Forbidden): check the API key"),
        (sim.Answer(404), AccessDenied, "HTTP 404 Not Found: Not Found. Check --url: there is no I-ALiRT API at this"),
        (sim.Answer(400, '{"message": "Invalid time format"}'), ApiError, "HTTP 400 Bad Request: Invalid time format."),
        (sim.Answer(400, '{"message": "Unexpected parameters: x"}'), ApiError, "Unexpected parameters: x."),
        (sim.Answer(405), ApiError, "HTTP 405 Method Not Allowed"),
        (sim.Answer(501), ApiError, "HTTP 501 Not Implemented"),
        (sim.Answer(505), ApiError, "HTTP 505 HTTP Version Not Supported"),
        (sim.Answer(302), ApiError, "HTTP 302 Found"),
        (sim.Answer(400, "x" * 10_000), ApiError, "x" * 300 + ". The server does not accept what was asked; check"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, sim.Answer) else None,
)  # fmt: skip
def test_a_refusal_is_not_asked_again(
    simulator: sim.Simulator, reply: sim.Answer, kind: type[ApiError], words: str
) -> None:
    simulator.faults = lambda request: reply
    with asking(simulator.url) as api, pytest.raises(ApiError) as caught:
        ask(api)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "--url" in str(caught.value)
    assert len(simulator.requests) == 1


def test_a_circle_of_redirects_is_not_asked_again(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Redirect(f"{simulator.url}/space-weather")
    with asking(simulator.url) as api, pytest.raises(ApiError, match=r"HTTP 302 Found.*\. The server sends us on"):
        ask(api)
    assert len(simulator.requests) == 2  # the second is led to itself


# --- time -------------------------------------------------------------------------------------------------------------


def test_the_deadline_holds_for_connection_headers_and_body_together() -> None:
    holder: list[Wire] = []
    patience = replace(QUICK, answer=0.5, silence=0.4, tries=1)
    with Wire(trickling(holder, EMPTY)) as wire, asking(wire.url, patience=patience) as api:
        holder.append(wire)
        began = time.monotonic()
        with pytest.raises(ApiError, match="it took too long"):
            ask(api)
        assert 0.4 < time.monotonic() - began < 0.9


def test_the_deadline_holds_for_the_body_of_a_refusal() -> None:
    holder: list[Wire] = []
    patience = replace(QUICK, answer=0.5, silence=0.4, tries=1)
    slow = trickling(holder, b"x" * 1000)

    def reply(connection: socket.socket, number: int) -> None:
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n")
        slow(connection, number)

    with Wire(reply) as wire, asking(wire.url, patience=patience) as api:
        holder.append(wire)
        began = time.monotonic()
        with pytest.raises(AccessDenied, match="HTTP 403"):
            ask(api)
        assert time.monotonic() - began < 0.9


def test_the_deadline_holds_for_a_chain_of_redirects() -> None:
    def reply(connection: socket.socket, number: int) -> None:
        time.sleep(0.2)
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: /{number}\r\nContent-Length: 0\r\n\r\n".encode())

    patience = replace(QUICK, answer=0.5, tries=1)
    with Wire(reply) as wire, asking(wire.url, patience=patience) as api:
        began = time.monotonic()
        with pytest.raises(ApiError, match="in time"):
            ask(api)
        assert time.monotonic() - began < 0.9


def test_no_try_begins_after_all_patience_is_used_up(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Answer(503)
    patience = replace(QUICK, tries=1000, first_pause=0.05, in_all=0.5)
    began = time.monotonic()
    with asking(simulator.url, patience=patience) as api, pytest.raises(ApiError, match="HTTP 503"):
        ask(api)
    assert time.monotonic() - began < 0.8
    assert 3 < len(simulator.requests) < 30


@contextmanager
def deaf() -> Iterator[int]:
    """A port on which a connection is neither taken nor refused: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(3):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(("127.0.0.1", port))
            time.sleep(0.05)
            yield port
        finally:
            for connection in waiting:
                connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a full queue hang")
@pytest.mark.parametrize("addresses", [1, 8])
def test_the_deadline_holds_for_all_addresses_of_a_host(addresses: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    with deaf() as port:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: resolve(*args, **named)[:1] * addresses)
        patience = replace(QUICK, answer=0.8, silence=0.4, tries=1)
        with asking(f"http://127.0.0.1:{port}", patience=patience) as api:
            began = time.monotonic()
            with pytest.raises(ApiError, match=r"no connection in time \(timed out\)"):
                ask(api)
            assert 0.3 < time.monotonic() - began < 1.2


def test_the_first_address_that_answers_is_taken(simulator: sim.Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    family = (socket.AF_INET, socket.SOCK_STREAM, 6, "")

    def several(host: str, *args: Any, **named: Any) -> list[Any]:
        found: list[Any] = resolve(host, *args, **named)
        return [(*family, ("127.0.0.2", found[0][4][1])), *found] if host == "127.0.0.1" else found

    monkeypatch.setattr(socket, "getaddrinfo", several)
    with asking(simulator.url) as api:
        assert ask(api) == rows(simulator.records("hit", HOUR.start, HOUR.end))


def stopped_after(seconds: float) -> threading.Event:
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    return stop


def test_stopping_interrupts_the_pause_before_a_retry(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Answer(503)
    patience = replace(QUICK, first_pause=30)
    began = time.monotonic()
    with asking(simulator.url, patience=patience, stop=stopped_after(0.2)) as api, pytest.raises(Interrupted):
        ask(api)
    assert time.monotonic() - began < 2
    assert len(simulator.requests) == 1


def test_stopping_interrupts_the_wait_that_the_server_asked_for(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Answer(429, retry_after=60)
    began = time.monotonic()
    with asking(simulator.url, stop=stopped_after(0.2)) as api, pytest.raises(Interrupted):
        ask(api)
    assert time.monotonic() - began < 2
    assert len(simulator.requests) == 1


def test_stopping_interrupts_the_wait_for_a_turn(simulator: sim.Simulator) -> None:
    began = time.monotonic()
    with asking(simulator.url, rate=1e-300, stop=stopped_after(0.2)) as api:
        ask(api)
        with pytest.raises(Interrupted):
            ask(api)
    assert time.monotonic() - began < 2
    assert len(simulator.requests) == 1


def test_nothing_is_asked_once_stopped(simulator: sim.Simulator) -> None:
    stop = threading.Event()
    stop.set()
    with asking(simulator.url, stop=stop) as api, pytest.raises(Interrupted):
        ask(api)
    assert simulator.requests == []


def test_the_pace_holds_for_all_threads_together(simulator: sim.Simulator) -> None:
    asked: list[float] = []
    with asking(simulator.url, rate=20) as api:

        def work() -> None:
            for _ in range(3):
                list(api.ask(HIT, Span(START, START + SECOND), lambda *_: asked.append(time.monotonic())))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(simulator.requests) == 12
    asked.sort()
    assert asked[-1] - asked[0] > 11 / 20 - 0.05
    assert all(later - sooner > 4 / 20 for sooner, later in zip(asked, asked[5:], strict=False))


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        (lambda: "1", 1.0, 2.0),
        (lambda: in_seconds(2), 0.9, 3.0),
        (lambda: in_seconds(-100), 0.0, 0.9),
        (lambda: "0", 0.0, 0.9),
        (lambda: "soon", 0.0, 0.9),
        (lambda: "", 0.0, 0.9),
        (lambda: "-5", 0.0, 0.9),
        (lambda: "Wed, 21 Oct 99999 07:28:00 GMT", 0.0, 0.9),
        (lambda: "Wed, 21 Oct 2026 07:28:00 -99999999999", 0.0, 0.9),
    ],
)
def test_retry_after(simulator: sim.Simulator, retry_after: Callable[[], str], least: float, most: float) -> None:
    simulator.faults = sim.Times(1, sim.Answer(429, retry_after=retry_after()))
    began = time.monotonic()
    with asking(simulator.url) as api:
        ask(api)
    assert least <= time.monotonic() - began < most
    assert len(simulator.requests) == 2


@pytest.mark.parametrize("retry_after", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_has_a_bound(simulator: sim.Simulator, retry_after: str) -> None:
    simulator.faults = sim.Times(1, sim.Answer(503, retry_after=retry_after))
    began = time.monotonic()
    with asking(simulator.url, patience=replace(QUICK, longest_told_pause=0.4)) as api:
        ask(api)
    assert 0.4 <= time.monotonic() - began < 1.5


@pytest.mark.parametrize("tries", [1, TRIES])
def test_retry_after_holds_the_other_threads_back(simulator: sim.Simulator, tries: int) -> None:
    simulator.faults = sim.Times(1, sim.Answer(429, retry_after=1))
    with asking(simulator.url, patience=replace(QUICK, tries=tries)) as api:
        other = threading.Thread(target=lambda: suppress_api_error(lambda: ask(api)))
        other.start()
        while not simulator.requests or simulator.requests[0].status is None:
            time.sleep(0.005)
        time.sleep(0.1)
        told = time.monotonic()
        ask(api, Span(START, START + SECOND))
        assert time.monotonic() - told > 0.7
        other.join()


def suppress_api_error(action: Callable[[], object]) -> None:
    with suppress(ApiError):
        action()


# --- the server's clock -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        (lambda: [f"Date: {in_seconds(0)}"], timedelta(0)),
        (lambda: [f"Date: {in_seconds(7200)}"], timedelta(hours=-2)),
        (lambda: [f"Date: {in_seconds(-7200)}"], timedelta(hours=2)),
        (lambda: [f"Date: {in_seconds(-7200)}".replace("GMT", "-0000")], timedelta(hours=2)),
        (lambda: [f"Date: {in_seconds(-3600)}", "Age: 3600"], timedelta(0)),
        (list, timedelta(0)),
        (lambda: ["Date: long ago"], timedelta(0)),
        (lambda: ["Date: Fri, 31 Dec 9999 23:59:59 -2300"], timedelta(0)),
        (lambda: [f"Date: {in_seconds(0)}", "Age: old"], timedelta(0)),
    ],
)
def test_the_clock_error(headers: Callable[[], list[str]], ahead: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        reply = http_answer(b'{"data": []}', *headers())
        with Wire(says(reply)) as wire, asking(wire.url) as api:
            assert ask(api) == []
            assert abs(api.clock_error - ahead) < timedelta(seconds=5)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_clock_error_of_another_server_is_forgotten(simulator: sim.Simulator) -> None:
    with Wire(says(http_answer(b"[]", f"Date: {in_seconds(7200)}"))) as wire, asking(wire.url) as api:
        ask(api)
        assert api.clock_error < timedelta(hours=-1)
    with asking(simulator.url) as api:
        assert api.clock_error == timedelta(0)


# --- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "secret"])
def test_every_request_says_who_asks(simulator: sim.Simulator, key: str | None) -> None:
    name = f"ialirt-backfill/{__version__}"
    with sim.Simulator(now=lambda: NOW) as elsewhere:
        simulator.faults = [
            sim.Times(1, sim.Answer(503)),
            sim.Times(1, sim.Redirect(f"{simulator.url}/space-weather?instrument=hit")),
            sim.Times(1, sim.Redirect(f"{elsewhere.url}/space-weather?instrument=hit")),
        ]
        with asking(simulator.url, key) as api:
            ask(api)
        requests = [*simulator.requests, *elsewhere.requests]
        assert [request.headers["user-agent"] for request in requests] == [name] * 4


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_travels_to_its_server(simulator: sim.Simulator) -> None:
    with asking(simulator.url, "secret") as api:
        assert ask(api) == rows(simulator.records("hit", HOUR.start, HOUR.end, scopes=FULL))
    assert (simulator.requests[0].path, simulator.requests[0].key) == ("/api-key/space-weather", "secret")


def test_a_wrong_key(simulator: sim.Simulator) -> None:
    with asking(simulator.url, "wrong-one") as api, pytest.raises(AccessDenied) as caught:
        ask(api)
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_does_not_travel_to_another_server(simulator: sim.Simulator, status: int) -> None:
    with sim.Simulator(now=lambda: NOW) as elsewhere:
        simulator.faults = lambda request: sim.Redirect(f"{elsewhere.url}/space-weather?instrument=hit", status)
        with asking(simulator.url, "secret") as api:
            ask(api)
        assert simulator.requests[0].key == "secret"
        assert [request.key for request in elsewhere.requests] == [None]
        assert not any("secret" in value for value in elsewhere.requests[0].headers.values())


def test_the_key_does_not_come_back_after_a_detour(simulator: sim.Simulator) -> None:
    with sim.Simulator(now=lambda: NOW) as elsewhere:
        simulator.faults = sim.Times(1, sim.Redirect(f"{elsewhere.url}/x"))
        elsewhere.faults = lambda request: sim.Redirect(f"{simulator.url}/space-weather?instrument=hit")
        with asking(simulator.url, "secret") as api:
            ask(api)
        assert [request.key for request in simulator.requests] == ["secret", None]


def test_another_name_is_another_server(simulator: sim.Simulator) -> None:
    url = simulator.url.replace("127.0.0.1", "localhost")
    simulator.faults = sim.Times(1, sim.Redirect(f"{url}/space-weather?instrument=hit"))
    with asking(simulator.url, "secret") as api:
        ask(api)
    assert [request.key for request in simulator.requests] == ["secret", None]


def test_the_key_travels_along_on_the_same_server(simulator: sim.Simulator) -> None:
    simulator.faults = sim.Times(1, sim.Redirect("/api-key/space-weather?instrument=hit"))
    with asking(simulator.url, "secret") as api:
        ask(api)
    assert [request.key for request in simulator.requests] == ["secret", "secret"]


@pytest.mark.parametrize("body", ['{"message": "no such key: secret"}', "secret secret"])
@pytest.mark.parametrize("status", [200, 403, 500])
def test_a_key_that_the_server_sends_back_is_not_repeated(simulator: sim.Simulator, status: int, body: str) -> None:
    simulator.faults = lambda request: sim.Answer(status, body)
    with asking(simulator.url, "secret") as api, pytest.raises(ApiError) as caught:
        ask(api)
    assert "secret" not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.parametrize("key", ["a\nb", "a\r\nX-Evil: 1", "a b", "a\tb", "a\x00b", "ключ", "\x7f"])
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(UsageError, match="the API key holds a line break, a space or another") as caught:
        Endpoint("https://ialirt.example", key)
    assert key not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Endpoint("https://ialirt.example", "secret"))


@pytest.mark.parametrize(
    "host", ["ialirt.imap-mission.com", "10.0.0.1", "127.0.0.1.example.com", "[2001:db8::1]", "0.0.0.0"]
)
def test_a_key_is_not_sent_over_plain_http(host: str) -> None:
    assert Endpoint(f"http://{host}").key is None
    assert Endpoint(f"https://{host}", "secret").key == "secret"
    with pytest.raises(UsageError, match=r"an API key is not sent over plain http to .*: use https"):
        Endpoint(f"http://{host}", "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.8.8.8"])
def test_a_key_is_sent_over_plain_http_to_this_machine(host: str) -> None:
    assert Endpoint(f"http://{host}:8000", "secret").base == f"http://{host}:8000/api-key"


@pytest.mark.parametrize(
    "url",
    [
        "", "ialirt.imap-mission.com", "ftp://x", "file:///etc/passwd", "https://", "https://:80", "http://[bad",
        "http://x:port", "http://x:99999", "http://x:0", "http://x y", "http://x\n", "https://x?a=1", "https://x#a",
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="is not a web address: give --url as https://host or http://host:port"):
        Endpoint(url)


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="leave the name and the password out") as caught:
        Endpoint("https://me:secret@ialirt.example")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key", "base"),
    [
        ("https://x", None, "https://x"),
        ("https://x/", None, "https://x"),
        ("https://x/", "k", "https://x/api-key"),
        ("https://x/api-key", "k", "https://x/api-key"),
        ("https://x/v2", "k", "https://x/v2/api-key"),
    ],
)
def test_the_base_of_every_request(url: str, key: str | None, base: str) -> None:
    assert Endpoint(url, key).base == base


# --- one process, one endpoint ----------------------------------------------------------------------------------------


def test_two_endpoints_in_one_process_are_refused(simulator: sim.Simulator) -> None:
    with asking(simulator.url, "secret"):
        for other in (Endpoint(simulator.url), Endpoint(simulator.url, "other"), Endpoint("https://x", "secret")):
            with pytest.raises(UsageError, match="already speaks to another I-ALiRT"):
                Api(other).__enter__()
        with asking(simulator.url, "secret") as same:
            ask(same)
        assert ialirt_data_access.config["API_KEY"] == "secret"
    with asking(simulator.url) as other_now:
        ask(other_now)
    assert [request.key for request in simulator.requests] == ["secret", None]


def test_the_process_is_left_as_it_was(simulator: sim.Simulator) -> None:
    url = ialirt_data_access.config["DATA_ACCESS_URL"]
    with suppress(RuntimeError), asking(simulator.url, "secret"):
        assert ialirt_data_access.io.urllib is not urllib
        raise RuntimeError
    assert ialirt_data_access.io.urllib is urllib
    assert ialirt_data_access.config == {"DATA_ACCESS_URL": url, "API_KEY": None}
    assert socket.getdefaulttimeout() is None


def test_who_else_opens_addresses_meanwhile_has_the_opener_that_was_installed(simulator: sim.Simulator) -> None:
    class Counting(urllib.request.OpenerDirector):
        opened = 0

        def open(self, *args: Any, **named: Any) -> Any:
            self.opened += 1
            return urllib.request.build_opener().open(*args, **named)

    installed = Counting()
    urllib.request.install_opener(installed)
    try:
        with asking(simulator.url) as api:
            ask(api)
            assert installed.opened == 0
            with urllib.request.urlopen(f"{simulator.url}/space-weather?instrument=hit"):
                assert installed.opened == 1
            ialirt_data_access.data_product_query(instrument="hit")  # not we ask with the mission's client
            assert installed.opened == 2
    finally:
        urllib.request.install_opener(urllib.request.build_opener())


def test_who_else_reads_from_the_web_meanwhile_reads_what_came(simulator: sim.Simulator) -> None:
    with asking(simulator.url) as api:
        ask(api)
        with urllib.request.urlopen(
            f"{simulator.url}/space-weather?instrument=hit&time_utc_start=2026-02-01T00:00:00"
        ) as it:
            assert json.load(it)["meta"]["instrument"] == "hit"


def test_a_client_that_brings_its_answer_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it returns is taken as it is."""
    record = {"instrument": "hit", "time_utc": "2026-02-01T00:00:00", "hit_h_omni_med_en": 7}
    monkeypatch.setattr(ialirt_data_access, "data_product_query", lambda **_: {"meta": {"count": 1}, "data": [record]})
    with asking("http://127.0.0.1:9") as api:
        assert ask(api) == [{"time_utc": "2026-02-01T00:00:00", "hit_h_omni_med_en": "7"}]


def test_a_client_that_looks_into_the_answer(simulator: sim.Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds no records there, and we have them all the same."""
    found: list[object] = []

    def data_product_query(**asked: str) -> object:
        request = urllib.request.Request(f"{simulator.url}/space-weather?{urlencode(asked)}")
        with ialirt_data_access.io.urllib.request.urlopen(request) as response:
            answer = json.loads(response.read())
        found.extend(answer["data"])
        return answer["data"]

    monkeypatch.setattr(ialirt_data_access, "data_product_query", data_product_query)
    with asking(simulator.url) as api:
        assert ask(api) == rows(simulator.records("hit", HOUR.start, HOUR.end))
    assert found == []


def test_a_failure_does_not_keep_the_answer_alive(simulator: sim.Simulator) -> None:
    simulator.faults = lambda request: sim.Answer(200, "x" * 100_000)
    with asking(simulator.url) as api, pytest.raises(ApiError) as caught:
        ask(api)
    error: BaseException | None = caught.value
    while error is not None:
        frames = [] if error.__traceback__ is None else list(_frames(error))
        assert not [name for frame in frames for name, value in frame.items() if "x" * 99_000 in _text(value)]
        error = error.__cause__ or error.__context__


def _text(value: object) -> str:
    return repr(value) if isinstance(value, str | bytes | list) else ""


def _frames(error: BaseException) -> Iterator[dict[str, Any]]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame.f_locals
        traceback = traceback.tb_next


# --- certificates and proxies -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but its owner; the key lies in the same file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", path, "-out", f"{path}.cert",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.cert").read_bytes())
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_cannot_be_trusted_is_not_asked_again(certificate: Path) -> None:
    heard: list[str | None] = []
    with Wire(says(EMPTY), tls(certificate)) as wire, asking(wire.url, "secret") as api:
        with pytest.raises(ApiError, match=r"cannot be trusted \(self-signed certificate\): name .* in SSL_CERT_FILE$"):
            list(api.ask(HIT, HOUR, lambda _, why: heard.append(why)))
        assert (heard, wire.heads) == ([None], [])


def test_https(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Wire(says(EMPTY), tls(certificate)) as wire, asking(wire.url, "secret") as api:
        assert ask(api) == []
        assert "GET /api-key/space-weather?instrument=hit&time_utc_start=2026-02-01T00%3A00%3A00" in wire.heads[0]
        assert "x-api-key: secret" in wire.heads[0].lower()


def test_the_deadline_holds_over_https(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    holder: list[Wire] = []
    patience = replace(QUICK, answer=0.6, silence=0.5, tries=1)
    with Wire(trickling(holder, EMPTY), tls(certificate)) as wire, asking(wire.url, patience=patience) as api:
        holder.append(wire)
        began = time.monotonic()
        with pytest.raises(ApiError, match="it took too long"):
            ask(api)
        assert time.monotonic() - began < 1.2


def test_a_handshake_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        patience = replace(QUICK, answer=0.6, silence=0.4, tries=1)
        with asking(f"https://127.0.0.1:{listener.getsockname()[1]}", patience=patience) as api:
            began = time.monotonic()
            with pytest.raises(ApiError, match="no connection in time"):
                ask(api)
            assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "all_proxy"])
def test_no_proxy_stands_before_this_machine(
    simulator: sim.Simulator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with asking(simulator.url) as api:
        ask(api)
    assert len(simulator.requests) == 1


def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(says(EMPTY)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with asking("http://ialirt.example") as api:
            assert ask(api) == []
        assert proxy.heads[0].startswith("GET http://ialirt.example/space-weather?instrument=hit&")


def test_the_proxy_cannot_read_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with (
            asking("https://ialirt.example", "secret") as api,
            pytest.raises(ApiError, match="Tunnel connection failed"),
        ):
            ask(api)
        assert all(head.startswith("CONNECT ialirt.example:443 ") and "secret" not in head for head in proxy.heads)


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:pr0xysecret@127.0.0.1:1")
    with (
        asking("https://ialirt.example") as api,
        pytest.raises(ApiError, match=r"through the proxy 127\.0\.0\.1:1 ") as told,
    ):
        ask(api)
    assert "check https_proxy, no_proxy and the network" in str(told.value)
    assert "pr0xysecret" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["socks5://user:{}@127.0.0.1:1", "http://user:{}/x@host:1", "http://:{}@[::1", "http://"]
)
def test_a_proxy_that_is_none_is_said_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", address.format("pr0xysecret"))
    began = time.monotonic()
    with (
        asking("https://ialirt.example", patience=Patience()) as api,
        pytest.raises(ApiError, match="no other form") as told,
    ):
        ask(api)
    assert time.monotonic() - began < 1.0
    assert "set https_proxy right" in str(told.value)
    assert "pr0xysecret" not in str(told.value)


def test_the_deadline_holds_for_a_trickling_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    holder: list[Wire] = []
    patience = replace(QUICK, answer=0.6, silence=0.5, tries=1)
    with Wire(trickling(holder, b"HTTP/1.1 200 Connection established\r\n\r\n")) as proxy:
        holder.append(proxy)
        monkeypatch.setenv("https_proxy", proxy.url)
        with asking("https://ialirt.example", patience=patience) as api:
            began = time.monotonic()
            with pytest.raises(ApiError, match="in time"):
                ask(api)
            assert time.monotonic() - began < 1.0
