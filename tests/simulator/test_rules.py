"""The simulator obeys the rules of the I-ALiRT API: bounds, parameters, paths, how much at once."""

from __future__ import annotations

import http.client
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.instruments.stored import stored_size
from ialirt_backfill.simulator import LIMIT, Simulator
from tests.simulator.asking import FILL, HOUR, MINUTE, SECOND, START, ask, at, get, quiet_day, span, text, times
from tests.support.access import KEY

TOO_MUCH = (
    "Your request for '{}' returned more data than allowed in a single query. "
    "Please reduce the time window or filter further."
)


def test_both_ends_are_included(shared: Simulator) -> None:
    found = ask(shared, "mag", at("2026-02-01T01:00:03"), at("2026-02-01T01:00:11")).json
    assert times(found["data"]) == ["2026-02-01T01:00:03", "2026-02-01T01:00:07", "2026-02-01T01:00:11"]
    assert found["meta"] == {"count": 3, "type": "science", "instrument": "mag"}
    assert found["data"] == shared.records("mag", at("2026-02-01T01:00:03"), at("2026-02-01T01:00:12"))


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("mag", "science"),
        ("mag_hk", "hk"),
        ("spacecraft", "spacecraft"),
        ("spacecraft_status", "spacecraft_status"),
        ("spice", "spice"),
        ("nonsense", "science"),
    ],
)
def test_meta_names_the_kind_of_instrument(shared: Simulator, name: str, type: str) -> None:
    assert ask(shared, name, START, START + MINUTE, key=KEY).json["meta"]["type"] == type


def test_an_unknown_instrument_has_no_data(shared: Simulator) -> None:
    reply = ask(shared, "magg", START, START + HOUR)
    assert (reply.status, reply.json) == (
        200,
        {"meta": {"count": 0, "type": "science", "instrument": "magg"}, "data": []},
    )


@pytest.mark.parametrize(
    "bad", ["2026-02-01", "2026-02-01T00:00", "2026-02-01 00:00:00", "2026-02-01T00:00:00Z", "2026-02-30T00:00:00", "x"]
)
@pytest.mark.parametrize("parameter", ["time_utc_start", "time_utc_end", "met_in_utc_start"])
def test_times_are_strict(shared: Simulator, parameter: str, bad: str) -> None:
    reply = get(f"{shared.url}/space-weather", None, instrument="hit", **{parameter: bad})
    assert (reply.status, reply.json) == (400, {"message": "Invalid time format"})


def test_unexpected_parameters_are_refused(shared: Simulator) -> None:
    reply = get(f"{shared.url}/space-weather", instrument="hit", foo="1")
    assert (reply.status, reply.json) == (400, {"message": "Unexpected parameters: foo"})


@pytest.mark.parametrize(
    ("parameters", "first", "last"),
    [
        ({"time_utc_start": "2026-02-01T05:00:17"}, "2026-02-01T05:00:17", "2026-02-01T06:00:17"),
        ({"time_utc_end": "2026-02-01T05:00:17"}, "2026-02-01T04:00:17", "2026-02-01T05:00:17"),
        ({"met_in_utc_start": "2026-02-01T05:00:17"}, "2026-02-01T05:00:17", "2026-02-01T06:00:17"),
        ({}, "2026-02-28T23:00:17", "2026-02-28T23:58:17"),
    ],
)
def test_a_missing_bound_means_one_hour(shared: Simulator, parameters: dict[str, str], first: str, last: str) -> None:
    found = times(get(f"{shared.url}/space-weather", None, instrument="hit", **parameters).json["data"])
    assert (found[0], found[-1]) == (first, last)


def test_without_an_instrument_all_science_instruments_answer(shared: Simulator) -> None:
    found = get(f"{shared.url}/space-weather", time_utc_start=text(START), time_utc_end=text(START + 5 * MINUTE)).json
    assert found["meta"] == {"count": len(found["data"]), "type": "science", "instrument": "all"}
    others = {"mag_hk", "spacecraft", "spacecraft_status"}
    assert {record["instrument"] for record in found["data"]} == INSTRUMENTS.keys() - others


def test_a_turned_span_is_a_fault_of_the_server(shared: Simulator) -> None:
    assert ask(shared, "hit", START, START - SECOND).status == 500


@pytest.mark.parametrize("path", ["/", "/space-weather/", "/nothing"])
def test_unknown_paths(shared: Simulator, path: str) -> None:
    reply = get(shared.url + path)
    assert (reply.status, reply.json) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("name", "fits", "too_long"),
    [
        ("mag", 4, 5),
        ("mag_hk", 2, 3),
        ("codice_hi", 12, 24),
        ("swapi", 12, 24),
        ("hit", 24, None),
        ("swe", 24, None),
        ("codice_lo", 24, None),
        ("spacecraft", 24, None),
    ],
)
def test_one_megabyte_is_the_most(shared: Simulator, name: str, fits: int, too_long: int | None) -> None:
    start = span(quiet_day(shared, name))[0]
    assert ask(shared, name, start, start + fits * HOUR - SECOND, key=KEY).status == 200
    if too_long is not None:
        reply = ask(shared, name, start, start + too_long * HOUR - SECOND, key=KEY)
        assert (reply.status, reply.json) == (400, {"message": TOO_MUCH.format(name)})


def test_the_limit_is_of_stored_bytes(shared: Simulator) -> None:
    day = quiet_day(shared, "mag")
    records = shared.records("mag", span(day)[0], span(day)[0] + 5 * HOUR)
    stored = 0
    for count, record in enumerate(records):  # noqa: B007 - the count is used below
        stored += stored_size(record)
        if stored > LIMIT:
            break
    last_that_fits, first_too_much = at(records[count - 1]["time_utc"]), at(records[count]["time_utc"])
    assert ask(shared, "mag", span(day)[0], last_that_fits).status == 200
    assert ask(shared, "mag", span(day)[0], first_too_much).status == 400


@pytest.mark.parametrize(
    ("record", "size"),
    [
        ({"a": "xyz"}, 1 + 3),
        ({"a": 12}, 1 + 2),
        ({"a": 123}, 1 + 3),
        ({"a": -1.25}, 1 + 4),
        ({"a": FILL}, 1 + 18),
        ({"a": 823176136184000000}, 1 + 7),
        ({"a": None, "b": True}, 4),
        ({"a": [1, 2]}, 1 + 3 + 2 + 4),
        ({"a": {"b": 1}}, 1 + 3 + 1 + 1 + 2),
    ],
)
def test_stored_sizes_follow_the_rules_of_the_store(record: dict[str, Any], size: int) -> None:
    assert stored_size(record) == size


def test_a_connection_serves_many_requests(shared: Simulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(shared.url).netloc, timeout=10)
    try:
        ports = set()
        for _ in range(3):
            connection.request("GET", "/space-weather?instrument=hit")
            with connection.getresponse() as reply:
                body = reply.read()
                assert (reply.status, reply.version) == (200, 11)
                assert int(reply.headers["Content-Length"]) == len(body)
            ports.add(connection.sock.getsockname())
        assert len(ports) == 1
    finally:
        connection.close()


def test_many_clients_may_connect_at_once(shared: Simulator) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(shared, "hit", START, START + MINUTE).status))
        for _ in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 60
