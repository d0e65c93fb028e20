"""What is found of an instrument's answers, one check after another."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ialirt_backfill.ask.overheard import Exchange, Heard
from ialirt_backfill.ask.request import PassingFault
from ialirt_backfill.ask.wire import Reply
from ialirt_backfill.doctor.findings import Finding, Verdict
from ialirt_backfill.doctor.instruments import AskedInstrument, examine
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.access import NoAccess, Refusal, Want
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.simulator import Simulator
from tests.support.access import FULL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEWEST, OLD = Span(NOW - HOUR, NOW), Span(NOW - 2 * HOUR, NOW - HOUR)
Records = list[dict[str, Any]]


def heard(name: str, records: Records, window: Span, **meta: Any) -> Heard:
    """An answer with these records, as the server gives it, but for what is said of ``meta``."""
    head = {"count": len(records), "type": "science", "instrument": name} | meta
    body = json.dumps({"meta": head, "data": records}).encode()
    return Heard(window, (Exchange("http://here/space-weather", Reply(200, "OK", {}, body), 0.1),))


def records(name: str, window: Span, scopes: tuple[str, ...] = FULL) -> Records:
    return Simulator(seed=264, now=lambda: NOW).records(name, window.start, window.end, scopes=scopes)


def found(
    name: str, change: Callable[[Records], Records] = lambda it: it, *, is_trusted: bool | None = True, **meta: Any
) -> dict[str, Finding]:
    """What is not ok of an instrument whose answers are changed, by check."""
    asked = AskedInstrument(
        INSTRUMENTS[name],
        heard(name, change(records(name, NEWEST)), NEWEST, **meta),
        heard(name, change(records(name, OLD)), OLD, **meta),
        is_trusted=is_trusted,
    )
    return {it.check: it for it in examine(asked, NOW) if it.verdict is not Verdict.OK}


def each(**values: Any) -> Callable[[Records], Records]:
    return lambda them: [record | values for record in them]


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_nothing_is_odd_about_what_is_served(name: str) -> None:
    assert found(name) == {}


def test_a_value_out_of_its_range_is_named_with_its_time_and_unit() -> None:
    finding = found("swapi", each(swapi_pseudo_proton_speed=20_000.5))["range"]
    assert finding.verdict is Verdict.WRONG
    assert "swapi_pseudo_proton_speed: 594 of 594 values, the first 20000.5 at 2026-03-01T" in finding.seen
    assert finding.expected == "0 … 10000 km/s"


def test_a_single_value_out_of_its_range_is_a_notice() -> None:
    def change(them: Records) -> Records:
        return [them[0] | {"swapi_pseudo_proton_speed": -1.0}, *them[1:]]

    assert found("swapi", change)["range"].verdict is Verdict.NOTICE


def test_fill_values_and_nulls_fit_everywhere() -> None:
    fill = -9999999999999999635896294965248
    nothing = dict.fromkeys(["swe_normalized_counts", "swe_counterstreaming_electrons"])
    assert found("swe", each(**nothing)) == {}
    assert found("swe", each(swe_normalized_counts=[fill] * 8, swe_counterstreaming_electrons=-1.0e31)) == {}
    of_cdf = -(2**63)
    assert found("swe", each(swe_normalized_counts=[of_cdf] * 8, swe_counterstreaming_electrons=255)) == {}
    assert "epoch" not in found("swe", each(swe_epoch=of_cdf))


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        ("hit", "hit_epoch", 8.23176080184e17, "a whole number"),
        ("hit", "hit_h_omni_low_en", "many", "a number"),
        ("hit", "hit_h_omni_low_en", True, "a number"),
        ("swe", "swe_normalized_counts", [1, 2, 3], "a list of 8, each a whole number"),
        ("swe", "swe_normalized_counts", 7, "a list of 8, each a whole number"),
        ("mag", "mag_B_GSE", [1.0, 2.0, "z"], "a list of 3, each a number"),
        ("mag_hk", "mag_hk_status", [1, 2], "an object with 31 members"),
        ("codice_hi", "codice_hi_h", 3.5, "lists nested 4 deep"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, field: str, value: Any, expected: str) -> None:
    finding = found(name, each(**{field: value}))["type"]
    assert finding.verdict is Verdict.WRONG
    assert finding.seen.startswith(f"{field}: ")
    assert finding.expected == expected


def test_epochs_that_are_off_the_time() -> None:
    def later(them: Records) -> Records:
        return [record | {"ttj2000ns": record["ttj2000ns"] + 37_000_000_000} for record in them]

    finding = found("hit", later)["epochs"]
    assert finding.verdict is Verdict.WRONG
    assert finding.seen == "off time_utc: ttj2000ns +37.000 s"


@pytest.mark.parametrize(
    ("meta", "seen"),
    [
        ({"count": 7}, "count 7 with 60 records, instrument 'hit'"),
        ({"instrument": "swe"}, "count 60 with 60 records, instrument 'swe'"),
        ({"pages": 2}, "unknown or missing: pages"),
    ],
)
def test_meta_that_is_not_as_expected(meta: dict[str, Any], seen: str) -> None:
    def sixty(them: Records) -> Records:
        return (2 * them)[:60]

    finding = found("hit", sixty, **meta)["meta"]
    assert (finding.verdict, finding.seen) == (Verdict.NOTICE, seen)


def test_restricted_fields_that_a_key_with_a_scope_is_not_shown() -> None:
    def public(them: Records) -> Records:
        hidden = {entry.name for entry in INSTRUMENTS["hit"].fields if entry.columns[0].scopes}
        return [{name: value for name, value in record.items() if name not in hidden} for record in them]

    assert found("hit", public, is_trusted=False) == {}
    finding = found("hit", public, is_trusted=True)["restricted fields"]
    assert finding.verdict is Verdict.WRONG
    assert "hit_e_a_side_low_en" in finding.seen


def test_an_unknown_member_of_an_object_is_named() -> None:
    def more(them: Records) -> Records:
        return [record | {"mag_hk_status": record["mag_hk_status"] | {"new": 1}} for record in them]

    assert found("mag_hk", more)["unknown field"].seen == "mag_hk_status.new is unknown"


def test_an_old_newest_record_and_none_at_all() -> None:
    def first_quarter(them: Records) -> Records:
        return them[: len(them) // 4]

    assert found("hit", first_quarter)["age"].seen == "the newest record is 46 min old"
    assert found("hit", lambda them: [])["records"].verdict is Verdict.NOTICE


def failed(name: str, failure: Exception, is_trusted: bool | None = None) -> Finding:
    asked = AskedInstrument(
        INSTRUMENTS[name], Heard(NEWEST, (), failure), Heard(OLD, (), failure), is_trusted=is_trusted
    )
    [finding] = examine(asked, NOW)
    return finding


def test_a_refusal_that_is_known_is_ok_and_another_is_not() -> None:
    def refusal(name: str) -> NoAccess:
        return NoAccess(Refusal(Want.SCOPE, "HTTP 403: Unauthorized.", name))

    assert failed("mag_hk", refusal("mag_hk")).verdict is Verdict.OK
    assert failed("mag_hk", refusal("mag_hk"), is_trusted=True).verdict is Verdict.WRONG
    assert failed("hit", refusal("hit")).verdict is Verdict.WRONG


def test_a_fault_is_told_in_its_own_words() -> None:
    finding = failed("hit", PassingFault("HTTP 503 Service Unavailable"))
    assert (finding.verdict, finding.check) == (Verdict.WRONG, "answer")
    assert finding.seen == "HTTP 503 Service Unavailable"


def test_a_window_that_holds_more_than_the_server_sends() -> None:
    def heavy(them: Records) -> Records:
        return [record | {"hit_note": "x" * 2_000} for record in them]

    finding = found("hit", heavy)["size"]
    assert finding.verdict is Verdict.NOTICE
    assert "a window of 1d is " in finding.seen
