"""Whatever the server does, the doctor ends in time, asks little, keeps the key to itself, and has something to say."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from ialirt_backfill.ask.secrets import shown_without, without_key
from ialirt_backfill.doctor import asking, instruments
from ialirt_backfill.doctor.asking import Answers, ask
from ialirt_backfill.doctor.findings import Finding, Verdict
from ialirt_backfill.doctor.server import examine
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.simulator import Answer, Redirect, Silence, Simulator
from tests.support.access import KEY
from tests.support.clock import Clock
from tests.support.commands import Command, Ended, wait_for_requests
from tests.support.processes import Running
from tests.support.servers import Wire

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Main = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", KEY)


def heard(url: str, instrument: str = "all", **more: Any) -> Answers:
    return ask(DoctorOptions(instrument=instrument, url=url, as_of=NOW, **more))


def of_server(answers: Answers) -> dict[str, Finding]:
    return {it.check: it for it in examine(answers.server, NOW)}


def questions(answers: Answers) -> list[str]:
    """What came of each: what failed, or nothing."""
    return [str(it.failure or "") for asked in answers.asked for it in asked.all]


# --- in time ----------------------------------------------------------------------------------------------------------


def silent(connection: socket.socket, _number: int) -> None:
    connection.recv(1)


def trickling(connection: socket.socket, _number: int) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def trickling_its_refusal(connection: socket.socket, _number: int) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("reply", [silent, trickling, trickling_its_refusal])
def test_a_server_that_never_comes_to_an_end(
    reply: Callable[[socket.socket, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request, two to learn what the key may, and two more at most that were begun in time. Of nine
    instruments, each with two questions, all others wait for their turn, and are not asked."""
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.45)
    began = time.monotonic()
    with Wire(reply) as running:
        answers = heard(running.url, timeout=timedelta(seconds=0.3), jobs=16)
    assert sum(it.startswith("GET ") for it in running.heads) == answers.requests <= 5
    assert time.monotonic() - began < 10
    failures = questions(answers)
    assert len(failures) == 2 * len(INSTRUMENTS)
    assert sum(it.startswith("not asked: ") for it in failures) >= len(failures) - 4
    assert all(failures)


def test_a_pace_that_is_slow_is_not_waited_for(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.3)
    answers = heard(simulator.url, "hit,swe", max_rate=0.01)
    assert len(simulator.requests) == 2  # the one without a key keeps a pace of its own
    assert sum(it.startswith("not asked: ") for it in questions(answers)) == 3


def test_a_slow_server_is_asked_for_the_newest_hour_of_each_first(simulator: Simulator) -> None:
    assert questions(heard(simulator.url, "hit,spacecraft,codice_lo", jobs=1)) == 6 * [""]
    asked = [f"{it.instrument} {it.end:%m-%d}" for it in simulator.requests[1:]]
    assert asked == [
        "hit 03-01", "spacecraft 03-01", "codice_lo 03-01", "hit 02-22", "spacecraft 02-22", "codice_lo 02-22",
    ]  # fmt: skip


def test_no_request_is_begun_when_the_time_is_over(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.0)
    answers = heard(simulator.url, "hit,swe")
    assert len(simulator.requests) == 1  # the one without a key
    found = [it for asked in answers.asked for it in instruments.examine(asked, NOW)]
    assert [(it.check, it.verdict) for it in found] == [("answer", Verdict.NOTICE)] * 2
    assert all(it.seen.startswith("not asked: ") for it in found)


def test_name_servers_that_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system waits half a minute for them, for each of those who ask."""
    monkeypatch.setattr(asking, "_RESOLVER_SECONDS", 0.1)
    never = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait())
    try:
        answers = heard("https://ialirt.example")
    finally:
        never.set()
    found = of_server(answers)
    assert set(found) == {"reached"}
    assert found["reached"].seen.startswith("no name server has said within 0.1 s where ialirt.example is")


@pytest.mark.parametrize("host", ["a..b", ".a", "x" * 64])
def test_a_host_that_is_none(host: str) -> None:
    found = of_server(heard(f"https://{host}", "hit"))
    assert {check: it.verdict for check, it in found.items()} == dict.fromkeys(("address", "reached"), Verdict.WRONG)


def test_ctrl_c_waits_for_no_answer(command: Command, simulator: Simulator) -> None:
    simulator.faults = lambda request: Silence() if request.key else None
    words = ("doctor", "--as-of", "2026-03-01T12:00:00", "--record", "kept")
    with Running(words, command.cwd, command.env) as running:
        wait_for_requests(simulator, 3)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert time.monotonic() - began < 6  # half of what an answer is given
    assert (running.returncode, out, err) == (130, "", "")
    assert list((command.cwd / "kept").iterdir()) == []


# --- little -----------------------------------------------------------------------------------------------------------


def test_a_circle_of_redirects(simulator: Simulator) -> None:
    simulator.faults = lambda it: Redirect(f"{simulator.url}{it.path}?{urlencode(it.parameters)}")
    answers = heard(simulator.url)
    assert answers.requests == len(simulator.requests) == 1
    assert answers.asked == ()
    redirect = of_server(answers)["redirect"]
    assert redirect.verdict is Verdict.WRONG
    assert redirect.seen.endswith("1 times in all, and to no answer")


def test_redirects_without_end(simulator: Simulator) -> None:
    numbers = count()
    simulator.faults = lambda it: Redirect(f"{simulator.url}{it.path}?x={next(numbers)}")
    answers = heard(simulator.url)
    assert answers.requests == len(simulator.requests) == 11
    assert of_server(answers)["redirect"].verdict is Verdict.WRONG


@pytest.mark.parametrize("status", [403, 429, 500, 503])
@pytest.mark.parametrize("retry_after", [None, 3600])
def test_a_refusal_is_not_asked_again(simulator: Simulator, status: int, retry_after: int | None) -> None:
    simulator.faults = lambda request: Answer(status, retry_after=retry_after)
    answers = heard(simulator.url)
    asked = [it.instrument or it.parameters["instrument"] for it in simulator.requests]
    assert answers.requests == len(asked)
    assert max(map(asked.count, asked)) <= asking.MOST_REQUESTS
    assert all(questions(answers))


# --- the key ----------------------------------------------------------------------------------------------------------

SECRET = 'Zz/8=key+of"40\\letters' + 18 * "k"
ESCAPED = [SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.replace("/", "\\/")]


@pytest.mark.parametrize("text", ESCAPED)
def test_a_text_without_the_key(text: str) -> None:
    assert without_key(SECRET, f"a {text} z") == "a *** z"
    assert without_key(None, text) == text


def test_a_decoded_answer_without_the_key() -> None:
    value = {"a": [SECRET, 1, None], f"x{SECRET}": {"b": f"{SECRET}!"}}
    assert shown_without(SECRET, value) == {"a": ["***", 1, None], "x***": {"b": "***!"}}


def says_it_back(request: Any) -> Answer | Redirect:
    """The key in every place that an answer has."""
    name = request.parameters["instrument"]
    if name == "hit":
        return Answer(302, location=f"/{quote(SECRET)}?instrument={quote(SECRET, safe='')}")
    if name == "swe":
        return Answer(500, "{" + SECRET.replace("/", "\\/"))
    record = {"time_utc": SECRET, "instrument": SECRET, SECRET: 1, "swapi_epoch": SECRET, "swapi_new": 1}
    meta = {"count": 1, "type": SECRET, "instrument": name, SECRET: 1}
    return Answer(200, json.dumps({"meta": meta, "data": [record | {"swapi_pseudo_proton_speed": SECRET}]}))


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_the_key_is_shown_nowhere(
    main: Main, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: tuple[str, ...]
) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", SECRET)
    simulator.faults = says_it_back
    kept = tmp_path / "kept"
    ended = main("doctor", "--instrument", "swapi,hit,swe", "--record", str(kept), *more)
    assert ended.code == 1
    shown = [ended.out, ended.err, *(f"{path.name} {path.read_text()}" for path in kept.iterdir())]
    for text in shown:
        for part in (SECRET[:20], SECRET[-12:], json.dumps(SECRET)[1:20], quote(SECRET, safe="")[:20]):
            assert part not in text
    assert any("***" in text for text in shown)


# --- any value --------------------------------------------------------------------------------------------------------

ODD = [
    "1e999", "NaN", "1" + 400 * "0", "-1" + 4_000 * "0", '"\\ud800"', "[[[[[[]]]]]]", '{"a": {"b": []}}', '""', "true",
    f"[1{400 * '0'}]", '"0001-01-01T00:00:00"', '"9999-12-31T23:59:59"', '"2026-03-01T13:59:59+14:00"', '"\\u001b[31m"',
    "null", "[]", "{}", "-9223372036854775809",
]  # fmt: skip


def of_odd_values(request: Any) -> Answer:
    """Each field of an instrument holds each odd value once; and so does the time."""
    name = request.parameters["instrument"]
    fields = [entry.name for entry in INSTRUMENTS[name].fields if entry.name != "time_utc"]
    own = [f'"instrument": "{name}"', '"time_utc": "2026-03-01T11:00:00"']
    records = [
        ", ".join([*own, *(f'"{field}": {value}' for field in [*fields, "new", "\\u001b[31m", *time])])
        for value in ODD
        for time in ([], ["time_utc"])
    ]
    data = ", ".join(f"{{{record}}}" for record in records)
    meta = f'{{"count": {len(records)}, "type": "x", "instrument": "{name}"}}'
    return Answer(200, f'{{"meta": {meta}, "data": [{data}]}}')


def test_no_value_stops_it(main: Main, simulator: Simulator) -> None:
    simulator.faults = of_odd_values
    for more in ((), ("--json",)):
        ended = main("doctor", "--as-of", "2026-03-01T12:00:00", *more)
        assert ended.code == 1
        assert "\x1b" not in ended.out
    for check, without in (("type", set()), ("epochs", {"mag_hk"})):
        told = {it["about"] for it in ended.json["findings"] if it["check"] == check}
        assert told == set(INSTRUMENTS) - without
    assert [it for it in ended.json["findings"] if len(it["seen"]) > 300] == []


@pytest.mark.parametrize(
    "body",
    ["<html>Please log in</html>", "[" * 100_000, "null", "[]", '{"meta": null, "data": [1, "a", null, []]}', '"text"',
     '{"data": {}}', "", "\ud800".encode(errors="surrogatepass"), b"\xff\xfe"],
)  # fmt: skip
def test_no_answer_stops_it(simulator: Simulator, body: str | bytes) -> None:
    simulator.faults = lambda request: Answer(200, body)
    answers = heard(simulator.url, "hit,swe")
    found = [it for asked in answers.asked for it in instruments.examine(asked, NOW)]
    assert any(it.verdict is not Verdict.OK for it in found)
    asked = [it.parameters["instrument"] for it in simulator.requests]
    assert max(map(asked.count, asked)) <= asking.MOST_REQUESTS


def test_an_instrument_that_is_ahead_of_the_present(simulator: Simulator, clock: Clock) -> None:
    clock.set("2026-03-01T15:00:00")

    def later(request: Any) -> Answer | None:
        if "2026-03-01T11" not in request.parameters["time_utc_start"]:
            return None
        records = simulator.records("hit", NOW + timedelta(hours=1), NOW + timedelta(hours=2), scopes=("full",))
        meta = {"count": len(records), "type": "x", "instrument": "hit"}
        return Answer(200, json.dumps({"meta": meta, "data": records}))

    simulator.faults = later
    [asked] = heard(simulator.url, "hit").asked
    age = next(it for it in instruments.examine(asked, NOW) if it.check == "age")
    assert age.verdict is Verdict.NOTICE
    assert age.seen == "the newest record is 119 min ahead of the present"
