"""The simulator obeys the rules of the I-ALiRT API, and misbehaves exactly as it is told to.

Who may ask for what is in ``test_simulator_access``.
"""

from __future__ import annotations

import gzip
import http.client
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.instruments import INSTRUMENTS, ColumnType, Shape
from ialirt_backfill.plan.coverage import Span, day_span, measure
from ialirt_backfill.simulator import (
    LIMIT,
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
from ialirt_backfill.simulator.telemetry import LATENCY, PHASES
from ialirt_backfill.simulator.weather import stored_size
from tests.support.access import FULL, KEY, KEYS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FILL = -9999999999999999635896294965248
TOO_MUCH = (
    "Your request for '{}' returned more data than allowed in a single query. "
    "Please reduce the time window or filter further."
)

FIELDS = {
    "mag": "instrument time_utc ttj2000ns kernel_set_key mag_epoch mag_B_GSE mag_B_GSM mag_B_RTN mag_B_magnitude "
    "mag_phi_B_GSE mag_theta_B_GSE mag_phi_B_GSM mag_theta_B_GSM",
    "mag_hk": "instrument time_utc kernel_set_key mag_hk_status",
    "hit": "instrument time_utc ttj2000ns kernel_set_key hit_epoch hit_e_a_side_low_en hit_e_a_side_med_en "
    "hit_e_b_side_low_en hit_e_b_side_med_en hit_h_omni_low_en hit_h_omni_med_en hit_he_omni_low_en "
    "hit_he_omni_high_en hit_e_a_side_high_en hit_e_b_side_high_en hit_h_a_side_high_en hit_h_b_side_high_en",
    "swe": "instrument time_utc ttj2000ns kernel_set_key swe_epoch swe_normalized_counts "
    "swe_counterstreaming_electrons",
    "swapi": "instrument time_utc ttj2000ns kernel_set_key swapi_epoch swapi_pseudo_proton_speed "
    "swapi_pseudo_proton_density swapi_pseudo_proton_temperature",
    "codice_lo": "instrument time_utc ttj2000ns kernel_set_key codice_lo_epoch codice_lo_c_over_o_abundance "
    "codice_lo_mg_over_o_abundance codice_lo_fe_over_o_abundance codice_lo_c_plus_6_over_c_plus_5 "
    "codice_lo_o_plus_7_over_o_plus_6 codice_lo_fe_low_over_fe_high",
    "codice_hi": "instrument time_utc ttj2000ns kernel_set_key codice_hi_epoch codice_hi_h",
    "spacecraft": "instrument time_utc ttj2000ns sc_position_GSE sc_position_GSM sc_velocity_GSE sc_velocity_GSM",
}
HK_MEMBERS = (
    "fib_range fib_saturated fib_temp fob_range fob_saturated fob_temp hk3v3 hk3v3_current hkn8v5 hkn8v5_current "
    "icu_temp mode multbit_errs pri_isvalid sec_isvalid hk1v5_danger hk1v5_warn hk1v5c_danger hk1v5c_warn "
    "hk1v8_danger hk1v8_warn hk1v8c_danger hk1v8c_warn hk2v5_danger hk2v5_warn hk2v5c_danger hk2v5c_warn "
    "hkp8v5_danger hkp8v5_warn hkp8v5c_danger hkp8v5c_warn"
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """A simulator without faults, for tests that only read."""
    with Simulator(now=lambda: NOW, keys=KEYS) as simulator:
        yield simulator


@pytest.fixture
def misbehaving() -> Iterator[Simulator]:
    """A simulator whose faults the test chooses."""
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator


class Reply:
    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(url: str, headers: Mapping[str, str] | None = None, /, **parameters: str) -> Reply:
    """The answer to one request over real HTTP, whatever its status."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    request = urllib.request.Request(url + query, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read())


def ask(
    simulator: Simulator, instrument: str, start: datetime, end: datetime, *, key: str | None = None, **headers: str
) -> Reply:
    """Ask for a span, both ends included; with a key where it is not public."""
    return get(
        f"{simulator.url}/space-weather" if key is None else f"{simulator.url}/api-key/space-weather",
        headers if key is None else headers | {"x-api-key": key},
        instrument=instrument,
        time_utc_start=text(start),
        time_utc_end=text(end),
    )


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def times(records: list[dict[str, Any]]) -> list[str]:
    return [record["time_utc"] for record in records]


def at(second: str) -> datetime:
    return datetime.fromisoformat(second).replace(tzinfo=UTC)


def seconds(records: list[dict[str, Any]]) -> list[int]:
    return [int(at(record["time_utc"]).timestamp()) for record in records]


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_records_have_the_fields_of_the_api_in_its_order(shared: Simulator, name: str) -> None:
    records = shared.records(name, START, START + 8 * HOUR, scopes=FULL)
    expected = FIELDS[name].split()
    assert sum(list(record) == expected for record in records) > 0.5 * len(records)
    for record in records:
        assert list(record) == [key for key in expected if key in record]
        assert record["instrument"] == name
        assert {"instrument", "time_utc"} <= record.keys()
    if name == "mag_hk":
        assert list(records[0]["mag_hk_status"]) == HK_MEMBERS.split()


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_numbers_are_rounded_and_whole_ones_are_integers(shared: Simulator, name: str) -> None:
    def numbers(value: object) -> Iterator[float]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for member in value:
                yield from numbers(member)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield value

    records = shared.records(name, START, START + 8 * HOUR, scopes=FULL)
    found = [number for record in records for number in numbers(record)]
    measured = [number for number in found if isinstance(number, float)]
    assert all(number != int(number) and number == round(number, 3) for number in measured)
    assert any(isinstance(number, int) for number in found)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_integer_columns_and_epochs_are_integers(shared: Simulator, name: str) -> None:
    integers = {
        field.name
        for field in INSTRUMENTS[name].fields
        if field.shape is Shape.SCALAR and field.columns[0].type is ColumnType.INTEGER
    }
    for record in shared.records(name, START, START + 8 * HOUR, scopes=FULL):
        for field in integers & record.keys():
            value = record[field]
            assert value is None or type(value) is int
            if field.endswith(("epoch", "ttj2000ns")):
                assert len(str(value)) in {18, 19}


def test_epochs_are_those_of_the_api(shared: Simulator) -> None:
    (hit,) = shared.records("hit", START, START + MINUTE)
    assert (hit["ttj2000ns"], hit["hit_epoch"], hit["kernel_set_key"]) == (
        823176086184000000,
        823176086184000000,
        "2026-02-01T00:03:12",
    )
    (codice,) = shared.records("codice_hi", START, START + 4 * MINUTE)
    assert codice["codice_hi_epoch"] == [823176199184000000 + i * 60_000_000_000 for i in range(4)]
    mag = shared.records("mag", START, START + MINUTE)
    assert all(0 < record["mag_epoch"] - record["ttj2000ns"] < 1_000_000_000 for record in mag)


@pytest.mark.parametrize("name", [name for name in INSTRUMENTS if name != "mag_hk"])
def test_nanoseconds_are_of_terrestrial_time_since_j2000(shared: Simulator, name: str) -> None:
    """One of them is known: 2025-10-20T20:55:24 is 814265793184000000."""
    known, ns = at("2025-10-20T20:55:24"), 814265793184000000
    records = shared.records(name, known - HOUR, known + HOUR)
    assert records
    for record in records:
        tt = ns + (at(record["time_utc"]) - known) // SECOND * 1_000_000_000
        assert record["ttj2000ns"] == tt
        epochs = record.get(f"{name}_epoch", tt)
        first = epochs[0] if isinstance(epochs, list) else epochs
        assert tt <= first < tt + 1_000_000_000 if name == "mag" else first == tt


@pytest.mark.parametrize("name", [name for name, entry in INSTRUMENTS.items() if not entry.irregular])
def test_regular_instruments_keep_their_cadence_and_phase(shared: Simulator, name: str) -> None:
    cadence = int(INSTRUMENTS[name].cadence.total_seconds())
    found = seconds(shared.records(name, START + 20 * HOUR, START + 28 * HOUR))
    assert {second % cadence for second in found} == {PHASES[name] % cadence}
    assert found == sorted(set(found))


def test_spacecraft_is_irregular_and_leaves_no_gap_by_itself(shared: Simulator) -> None:
    day = quiet_day(shared, "spacecraft")
    found = seconds(shared.records("spacecraft", *span(day)))
    assert found == sorted(set(found))
    assert 1380 < len({second // 60 for second in found}) < 1440
    assert len({second % 60 for second in found}) > 30
    assert measure(INSTRUMENTS["spacecraft"], day_span(day), found).gaps == ()


def test_a_quiet_day_is_complete(shared: Simulator) -> None:
    for name, full in (("mag", 21600), ("hit", 1440), ("swe", 2880), ("codice_hi", 360)):
        assert len(shared.records(name, *span(quiet_day(shared, name)))) == full


def test_values_are_plausible_and_differ_from_day_to_day(shared: Simulator) -> None:
    days = [shared.records("swapi", START + i * timedelta(days=1), START + (i + 1) * timedelta(days=1)) for i in (0, 1)]
    speeds = [
        [v for record in day if (v := record.get("swapi_pseudo_proton_speed")) not in (None, FILL)] for day in days
    ]
    assert speeds[0] != speeds[1]
    assert all(200 < value < 1000 for day in speeds for value in day)
    for record in shared.records("mag", START, START + HOUR):
        vector, magnitude = record.get("mag_B_GSE"), record.get("mag_B_magnitude")
        if vector and None not in vector and FILL not in vector and magnitude not in (None, FILL):
            assert math.hypot(*vector) == pytest.approx(magnitude, abs=0.005)


def test_a_record_may_be_left_without_any_value() -> None:
    records = Simulator(seed=2, now=lambda: NOW).records("codice_hi", START, START + 6 * HOUR)
    (bare,) = (record for record in records if "codice_hi_h" not in record)
    assert list(bare) == FIELDS["codice_hi"].split()[:-1]


def test_values_go_missing_in_every_way(shared: Simulator) -> None:
    records = shared.records("codice_lo", START, START + timedelta(days=5))
    field = "codice_lo_mg_over_o_abundance"
    assert any(field not in record for record in records)
    assert any(field in record and record[field] is None for record in records)
    assert any(record.get(field) == FILL for record in records)


@pytest.mark.parametrize(
    ("name", "seed"),
    [("mag", 3), ("mag_hk", 3), ("hit", 3), ("swe", 3), ("swapi", 3), ("codice_lo", 3), ("codice_hi", 2)],
)
def test_the_fill_value_is_a_whole_number_wherever_it_stands(name: str, seed: int) -> None:
    records = Simulator(seed=seed, now=lambda: NOW).records(name, START, START + timedelta(days=1), scopes=FULL)
    sent = json.dumps(records)  # a float would read back as a float, and be written as one
    assert str(FILL) in sent
    assert "e+31" not in sent


# --- determinism ------------------------------------------------------------------------------------------------------

_DIGEST = """
import hashlib, json
from datetime import UTC, datetime, timedelta
from ialirt_backfill.simulator import Simulator
start = datetime(2026, 2, 1, tzinfo=UTC)
simulator = Simulator(seed=5, now=lambda: start + timedelta(days=1))
names = "hit", "swapi", "codice_lo", "spacecraft"
content = [simulator.records(name, start, start + timedelta(hours=30)) for name in names]
print(hashlib.sha256(json.dumps(content).encode()).hexdigest())
"""


def test_a_seed_gives_the_same_data_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_other_data() -> None:
    one, two = (Simulator(seed=seed, now=lambda: NOW).records("hit", START, START + HOUR) for seed in (1, 2))
    assert one != two


@given(
    name=st.sampled_from(list(INSTRUMENTS)),
    start=st.integers(0, 2 * 86_400),
    lengths=st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)),
    age=st.integers(-15_000, 30_000),
)
@settings(max_examples=60, deadline=None)
def test_records_do_not_depend_on_the_windows(name: str, start: int, lengths: tuple[int, int], age: int) -> None:
    first = START + start * SECOND
    middle = first + lengths[0] * SECOND
    end = middle + lengths[1] * SECOND
    simulator = Simulator(now=lambda: middle + age * SECOND)
    whole = simulator.records(name, first, end)
    assert whole == simulator.records(name, first, middle) + simulator.records(name, middle, end)
    assert all(text(first) <= second < text(end) for second in times(whole))


# --- what the mission does to its records -----------------------------------------------------------------------------


def span(day: date) -> tuple[datetime, datetime]:
    whole = day_span(day)
    return whole.start, whole.end


def gaps(simulator: Simulator, name: str, day: date) -> tuple[Span, ...]:
    found = seconds(simulator.records(name, *span(day)))
    return measure(INSTRUMENTS[name], day_span(day), found).gaps


def quiet_day(simulator: Simulator, name: str) -> date:
    days = (START.date() + timedelta(days=i) for i in range(20))
    return next(day for day in days if not gaps(simulator, name, day))


def test_some_days_have_gaps_and_more_have_none(shared: Simulator) -> None:
    days = [date(2025, 10, 1) + timedelta(days=i) for i in range(60)]
    found = [gaps(shared, "hit", day) for day in days]
    assert 0.15 < sum(bool(day) for day in found) / len(days) < 0.5
    lengths = [gap.duration for day in found for gap in day]
    assert min(lengths) < 20 * MINUTE
    assert HOUR < max(lengths) < 6 * HOUR


def test_nothing_exists_before_launch(shared: Simulator) -> None:
    launch = datetime(2025, 9, 24, tzinfo=UTC)
    assert shared.records("hit", launch - timedelta(days=400), launch) == []
    assert ask(shared, "hit", launch - timedelta(days=400), launch - SECOND, key=KEY).json["meta"]["count"] == 0
    found = shared.records("hit", launch - timedelta(days=1), launch + timedelta(days=1))
    assert found
    assert min(times(found)) >= "2025-09-24T00:00:17"


def test_codice_lo_was_switched_off_for_weeks(shared: Simulator) -> None:
    first, last = date(2026, 1, 10), date(2026, 1, 25)
    assert shared.records("codice_lo", span(first)[0], span(last)[1]) == []
    assert shared.records("codice_lo", *span(first - timedelta(days=1)))
    assert shared.records("codice_lo", *span(last + timedelta(days=1)))
    assert shared.records("codice_hi", *span(first))


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_nothing_is_newer_than_about_a_minute(name: str) -> None:
    now = START + 12 * HOUR + 34 * MINUTE + 56 * SECOND
    simulator = Simulator(now=lambda: now)
    newest = at(simulator.records(name, START, START + 24 * HOUR)[-1]["time_utc"])
    cadence = max(INSTRUMENTS[name].cadence, 3 * MINUTE if INSTRUMENTS[name].irregular else SECOND)
    assert timedelta(seconds=LATENCY) <= now - newest < timedelta(seconds=LATENCY) + cadence


def test_late_records_come_hours_later_inside_the_day() -> None:
    now = [NOW]
    simulator = Simulator(now=lambda: now[0])
    late = 0
    for day in (START.date() + timedelta(days=i) for i in range(20)):
        now[0] = span(day)[1] + 10 * MINUTE
        early = simulator.records("hit", *span(day))
        now[0] += timedelta(days=1)
        settled = simulator.records("hit", *span(day))
        now[0] += timedelta(days=5)
        assert simulator.records("hit", *span(day)) == settled
        assert set(times(early)) <= set(times(settled))
        late += len(settled) > len(early)
    assert 1 <= late <= 10


def test_records_are_rewritten_while_they_are_young() -> None:
    now = [START + 2 * HOUR]
    simulator = Simulator(now=lambda: now[0])

    def look(minutes: int) -> list[dict[str, Any]]:
        now[0] = START + 2 * HOUR + minutes * MINUTE
        return simulator.records("mag", START + 2 * HOUR - MINUTE, START + 2 * HOUR)

    looks = [look(minutes) for minutes in (2, 4, 7, 60)]
    assert [len(records) for records in looks] == [15] * 4
    keys = [[record["kernel_set_key"] for record in records] for records in looks]
    assert all(old < new for old, new in zip(keys[0], keys[1], strict=True))
    assert all(old < new for old, new in zip(keys[1], keys[2], strict=True))
    assert looks[2] == looks[3]
    better = sum(
        first.get("mag_B_GSE") != last.get("mag_B_GSE") for first, last in zip(looks[0], looks[2], strict=True)
    )
    assert 1 <= better <= 5


def test_no_kernel_set_is_of_the_future() -> None:
    for seconds_past in range(0, 120, 7):
        now = START + 2 * HOUR + seconds_past * SECOND
        for record in Simulator(now=lambda now=now: now).records("mag", now - HOUR, now):  # type: ignore[misc]
            assert record["kernel_set_key"] <= text(now)


# --- the API's rules --------------------------------------------------------------------------------------------------


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
    assert {record["instrument"] for record in found["data"]} == INSTRUMENTS.keys() - {"mag_hk", "spacecraft"}


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


# --- faults on the wire -----------------------------------------------------------------------------------------------


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


# --- as a program -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_program(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "ialirt_backfill.simulator", "--seed", "1", "--now", "2026-03-01"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        data = get(f"{url}/space-weather", instrument="hit", time_utc_start=text(START)).json["data"]
        assert data == Simulator(seed=1, now=lambda: NOW).records("hit", START, START + HOUR + SECOND)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, ialirt_backfill.simulator; "
        "sys.exit(bool({'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'rich'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
