"""Who may ask the simulator for what: without a key, with one, and with one that has a scope."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, PUBLIC_SINCE
from ialirt_backfill.simulator import DEMONSTRATION_KEY, Answer, Simulator, Times

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 2, 1, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
KEYS = {"bare": (), "other": ("hit", "write"), "read": ("read",), "full": ("full",), "many": ("write", "read")}
TRUSTED = {"read", "full", "many"}

TOO_EARLY = (400, {"message": "API key required for data prior to 2026-02-01T00:00:00"})
NO_HK = (403, {"message": "Unauthorized for HK access."})
NO_STATUS = (403, {"message": "Unauthorized for spacecraft_status access."})
FORBIDDEN = (403, {"message": "Forbidden"})

RESTRICTED = {
    "hit_e_a_side_low_en",
    "hit_e_b_side_low_en",
    "hit_e_a_side_high_en",
    "hit_e_b_side_high_en",
    "hit_h_a_side_high_en",
    "hit_h_b_side_high_en",
}
PUBLIC = {
    "hit_e_a_side_med_en",
    "hit_e_b_side_med_en",
    "hit_h_omni_low_en",
    "hit_h_omni_med_en",
    "hit_he_omni_low_en",
    "hit_he_omni_high_en",
}

CALLERS = [None, *KEYS]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW, keys=KEYS) as running:
        yield running


@pytest.fixture
def own() -> Iterator[Simulator]:
    """One that the test may change."""
    with Simulator(now=lambda: NOW, keys=KEYS) as running:
        yield running


Reply = tuple[int, Any]


def get(url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    """Status and content of the answer to one request over real HTTP."""
    request = urllib.request.Request(f"{url}?{urlencode(parameters)}", headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask(simulator: Simulator, key: str | None, **parameters: str) -> Reply:
    """As the mission's client asks: with a key, in the part of the API that wants one."""
    if key is None:
        return get(f"{simulator.url}/space-weather", parameters, {})
    return get(f"{simulator.url}/api-key/space-weather", parameters, {"x-api-key": key})


def hour(instrument: str, start: datetime) -> dict[str, str]:
    """The parameters that ask for an hour."""
    return {"instrument": instrument, "time_utc_start": text(start), "time_utc_end": text(start + HOUR - SECOND)}


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def fields(records: Sequence[Mapping[str, Any]]) -> set[str]:
    return {name for record in records for name in record}


# --- the whole matrix -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_public", [False, True])
@pytest.mark.parametrize("instrument", [*INSTRUMENTS, "swe_hk", "hk", "magg"])
@pytest.mark.parametrize("key", CALLERS)
def test_who_may_ask_for_what(simulator: Simulator, key: str | None, instrument: str, is_public: bool) -> None:
    start = CUTOFF + DAY if is_public else datetime(2026, 1, 5, tzinfo=UTC)
    reply = ask(simulator, key, **hour(instrument, start))
    if instrument.endswith("hk") and key not in TRUSTED:
        assert reply == NO_HK
    elif instrument == "spacecraft_status" and key not in TRUSTED:
        assert reply == NO_STATUS
    elif key is None and not is_public:
        assert reply == TOO_EARLY
    else:
        status, content = reply
        scopes = KEYS[key] if key else ()
        assert status == 200
        assert content["data"] == simulator.records(instrument, start, start + HOUR, scopes=scopes)
        assert content["meta"]["count"] == len(content["data"])
        assert bool(content["data"]) is (instrument in INSTRUMENTS)


# --- the time before which a key is needed ----------------------------------------------------------------------------


def test_the_cutoff_is_that_of_the_table(own: Simulator) -> None:
    assert own.public_since == PUBLIC_SINCE == CUTOFF


def test_the_start_decides_to_the_second(simulator: Simulator) -> None:
    assert ask(simulator, None, **hour("hit", CUTOFF - SECOND)) == TOO_EARLY
    assert ask(simulator, None, **hour("hit", CUTOFF))[0] == 200
    assert ask(simulator, "bare", **hour("hit", CUTOFF - SECOND))[0] == 200


def test_a_start_before_and_an_end_after_is_refused_as_a_whole(simulator: Simulator) -> None:
    bounds = {"time_utc_start": text(CUTOFF - HOUR), "time_utc_end": text(CUTOFF + HOUR)}
    assert ask(simulator, None, instrument="hit", **bounds) == TOO_EARLY


@pytest.mark.parametrize(
    ("bounds", "is_refused"),
    [
        ({"time_utc_start": "2026-01-31T23:59:59"}, True),
        ({"met_in_utc_start": "2026-01-31T23:59:59"}, True),
        ({"time_utc_end": "2026-02-01T00:59:59"}, True),
        ({"time_utc_end": "2026-02-01T01:00:00"}, False),
        ({"time_utc_start": "2026-02-01T00:00:00"}, False),
        ({}, False),
    ],
)
def test_a_start_that_was_not_said_counts_as_well(
    simulator: Simulator, bounds: dict[str, str], is_refused: bool
) -> None:
    reply = ask(simulator, None, instrument="hit", **bounds)
    assert reply == TOO_EARLY if is_refused else reply[0] == 200


def test_the_last_hour_may_lie_before_the_cutoff() -> None:
    with Simulator(now=lambda: CUTOFF + HOUR - SECOND) as early:
        assert ask(early, None, instrument="hit") == TOO_EARLY
        assert ask(early, None) == TOO_EARLY


def test_all_instruments_at_once_have_the_same_cutoff(simulator: Simulator) -> None:
    bounds = {"time_utc_start": text(CUTOFF - HOUR), "time_utc_end": text(CUTOFF - 50 * timedelta(minutes=1))}
    assert ask(simulator, None, **bounds) == TOO_EARLY
    assert ask(simulator, "bare", **bounds)[0] == 200


def test_the_cutoff_may_be_another_and_may_move() -> None:
    first = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)
    with Simulator(now=lambda: NOW, public_since=first) as simulator:
        refused = ask(simulator, None, **hour("hit", first - SECOND))
        assert refused == (400, {"message": "API key required for data prior to 2026-01-01T12:30:15"})
        assert ask(simulator, None, **hour("hit", first))[0] == 200
        simulator.public_since = first + DAY
        refused = ask(simulator, None, **hour("hit", first))
        assert refused == (400, {"message": "API key required for data prior to 2026-01-02T12:30:15"})
        simulator.public_since = first
        assert ask(simulator, None, **hour("hit", first))[0] == 200


def test_the_cutoff_is_told_in_utc() -> None:
    zone = datetime.fromisoformat("2026-02-01T02:00:00+02:00")
    with Simulator(now=lambda: NOW, public_since=zone) as simulator:
        assert ask(simulator, None, **hour("hit", CUTOFF - SECOND)) == TOO_EARLY


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {"x-api-key": "FULL"}])
@pytest.mark.parametrize("instrument", ["hit", "mag_hk"])
def test_an_unknown_key_is_forbidden_whatever_is_asked(
    simulator: Simulator, headers: dict[str, str], instrument: str
) -> None:
    url = f"{simulator.url}/api-key/space-weather"
    assert get(url, hour(instrument, CUTOFF + DAY), headers) == FORBIDDEN
    assert get(url, hour(instrument, CUTOFF - DAY), headers) == FORBIDDEN
    assert get(url, {"foo": "1"}, headers) == FORBIDDEN


def test_a_key_beyond_its_part_of_the_api_counts_for_nothing(simulator: Simulator) -> None:
    url, headers = f"{simulator.url}/space-weather", {"x-api-key": "full"}
    assert get(url, hour("hit", CUTOFF - DAY), headers) == TOO_EARLY
    assert get(url, hour("mag_hk", CUTOFF), headers) == NO_HK
    assert not RESTRICTED & fields(get(url, hour("hit", CUTOFF), headers)[1]["data"])
    assert simulator.requests[-1].key == "full"


def test_keys_may_be_added_and_taken_away(own: Simulator) -> None:
    assert ask(own, "new", **hour("mag_hk", CUTOFF)) == FORBIDDEN
    own.keys["new"] = ()
    assert ask(own, "new", **hour("mag_hk", CUTOFF)) == NO_HK
    own.keys["new"] = ("read",)
    assert ask(own, "new", **hour("mag_hk", CUTOFF))[0] == 200
    del own.keys["new"]
    assert ask(own, "new", **hour("mag_hk", CUTOFF)) == FORBIDDEN


# --- which refusal comes first ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        # parameters, then scope, then the form of the times, then the cutoff, then the store
        ({"instrument": "mag_hk", "foo": "1", "time_utc_start": "x"}, (400, {"message": "Unexpected parameters: foo"})),
        ({"instrument": "hit", "foo": "1", "time_utc_start": "2026-01-01T00:00:00"},
         (400, {"message": "Unexpected parameters: foo"})),
        ({"instrument": "mag_hk", "time_utc_start": "x"}, NO_HK),
        ({"instrument": "mag_hk", "time_utc_start": "2026-01-01T00:00:00"}, NO_HK),
        ({"instrument": "spacecraft_status", "time_utc_start": "2026-01-01T00:00:00"}, NO_STATUS),
        ({"instrument": "hit", "time_utc_start": "2026-01-01T00:00:00", "time_utc_end": "x"},
         (400, {"message": "Invalid time format"})),
        ({"instrument": "hit", "time_utc_start": "2026-01-02T00:00:00", "time_utc_end": "2026-01-01T00:00:00"},
         TOO_EARLY),
        ({"instrument": "mag", "time_utc_start": "2026-01-01T00:00:00", "time_utc_end": "2026-01-09T00:00:00"},
         TOO_EARLY),
    ],
)  # fmt: skip
def test_the_order_of_the_refusals(simulator: Simulator, parameters: dict[str, str], refusal: Reply) -> None:
    assert ask(simulator, None, **parameters) == refusal


def test_a_key_does_not_lift_the_other_rules(simulator: Simulator) -> None:
    whole_day = {"time_utc_start": text(CUTOFF), "time_utc_end": text(CUTOFF + DAY)}
    status, content = ask(simulator, "full", instrument="mag_hk", **whole_day)
    assert (status, content["message"][:32]) == (400, "Your request for 'mag_hk' return")
    assert ask(simulator, "full", instrument="hit", time_utc_start="x") == (400, {"message": "Invalid time format"})
    assert ask(simulator, "full", foo="1") == (400, {"message": "Unexpected parameters: foo"})


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", CALLERS)
def test_six_fields_of_hit_are_for_keys_with_a_scope(simulator: Simulator, key: str | None) -> None:
    _, content = ask(simulator, key, **hour("hit", CUTOFF + DAY))
    counts = {name for name in fields(content["data"]) if name.endswith("_en")}
    assert counts == (PUBLIC | RESTRICTED if key in TRUSTED else PUBLIC)


def test_the_table_of_instruments_says_which_these_are() -> None:
    assert INSTRUMENTS["hit"].restricted_columns == RESTRICTED
    assert [name for name, instrument in INSTRUMENTS.items() if instrument.has_restricted_fields] == ["hit"]


def test_what_everybody_is_shown_is_the_same_for_everybody(simulator: Simulator) -> None:
    whole = simulator.records("hit", CUTOFF, CUTOFF + DAY, scopes=("full",))
    public = [{name: value for name, value in record.items() if name not in RESTRICTED} for record in whole]
    assert public == simulator.records("hit", CUTOFF, CUTOFF + DAY)
    assert public == simulator.records("hit", CUTOFF, CUTOFF + DAY, scopes=("hit",))
    assert whole == simulator.records("hit", CUTOFF, CUTOFF + DAY, scopes={"read", "anything"})


@pytest.mark.parametrize("name", [name for name in INSTRUMENTS if name != "hit"])
def test_no_other_instrument_hides_a_field(simulator: Simulator, name: str) -> None:
    assert simulator.records(name, CUTOFF, CUTOFF + HOUR) == simulator.records(
        name, CUTOFF, CUTOFF + HOUR, scopes=("full",)
    )


def test_counts_of_hit_are_whole(simulator: Simulator) -> None:
    for record in simulator.records("hit", CUTOFF, CUTOFF + DAY, scopes=("full",)):
        assert all(type(record[name]) in {int, type(None)} for name in (PUBLIC | RESTRICTED) & record.keys())


@pytest.mark.parametrize("key", CALLERS)
def test_without_an_instrument_only_science_instruments_answer(simulator: Simulator, key: str | None) -> None:
    bounds = {"time_utc_start": text(CUTOFF), "time_utc_end": text(CUTOFF + HOUR / 12)}
    status, content = ask(simulator, key, **bounds)
    assert status == 200
    others = {"mag_hk", "spacecraft", "spacecraft_status"}
    assert {it["instrument"] for it in content["data"]} == INSTRUMENTS.keys() - others
    assert bool(RESTRICTED & fields(content["data"])) is (key in TRUSTED)


# --- the log, and faults ----------------------------------------------------------------------------------------------


def test_a_refused_request_is_logged_with_its_bounds(own: Simulator) -> None:
    ask(own, None, **hour("hit", CUTOFF - DAY))
    ask(own, None, **hour("mag_hk", CUTOFF))
    ask(own, "wrong", **hour("hit", CUTOFF))
    seen = [(it.instrument, it.start, it.status, it.key) for it in own.requests]
    assert seen == [
        ("hit", CUTOFF - DAY, 400, None),
        ("mag_hk", CUTOFF, 403, None),
        ("hit", CUTOFF, 403, "wrong"),
    ]


def test_a_fault_comes_before_a_refusal(own: Simulator) -> None:
    own.faults = Times(1, Answer(503), instrument="mag_hk", day=CUTOFF.date())
    assert ask(own, None, **hour("mag_hk", CUTOFF))[0] == 503
    assert ask(own, None, **hour("mag_hk", CUTOFF)) == NO_HK


# --- the demonstration, and the program -------------------------------------------------------------------------------


def test_the_key_of_the_demonstration_is_none_by_itself(simulator: Simulator) -> None:
    assert ask(simulator, DEMONSTRATION_KEY, **hour("hit", CUTOFF)) == FORBIDDEN


PROGRAM = [sys.executable, "-W", "error", "-m", "ialirt_backfill.simulator"]
ROOT = Path(__file__).parents[2]


def test_the_program_takes_keys_and_the_cutoff() -> None:
    words = ["--now", "2026-03-01", "--public-since", "2026-01-15", "--key", "bare", "--key", "two:write,read"]
    with subprocess.Popen([*PROGRAM, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()

            def told(key: str | None, instrument: str, start: str) -> Reply:
                bounds = {"instrument": instrument, "time_utc_start": start}
                if key is None:
                    return get(f"{url}/space-weather", bounds, {})
                return get(f"{url}/api-key/space-weather", bounds, {"x-api-key": key})

            assert told(None, "hit", "2026-01-14T23:59:59") == (
                400,
                {"message": "API key required for data prior to 2026-01-15T00:00:00"},
            )
            assert told(None, "hit", "2026-01-15T00:00:00")[0] == 200
            assert told("bare", "hit", "2026-01-14T23:59:59")[0] == 200
            assert told("bare", "mag_hk", "2026-01-15T00:00:00") == NO_HK
            assert told("two", "mag_hk", "2026-01-14T23:59:59")[0] == 200
            assert told("full", "hit", "2026-01-15T00:00:00") == FORBIDDEN
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key", ":full"], "argument --key: ':full' is not NAME or NAME:SCOPE[,SCOPE]"),
        (["--key", "name:"], "argument --key: 'name:' is not NAME or NAME:SCOPE[,SCOPE]"),
        (["--key", "name:full,"], "argument --key: 'name:full,' is not NAME or NAME:SCOPE[,SCOPE]"),
        (["--public-since", "soon"], "argument --public-since: 'soon' is not a time in ISO 8601"),
    ],
)
def test_the_program_says_what_is_wrong(words: list[str], said: str) -> None:
    done = subprocess.run([*PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_programs_help_says_how_to_give_it_keys() -> None:
    done = subprocess.run([*PROGRAM, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--key NAME[:SCOPE[,SCOPE]]" in done.stdout
    assert "--public-since TIME" in done.stdout
    assert "2026-02-01T00:00:00" in done.stdout
