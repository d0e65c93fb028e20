"""The server drifts: each way is found and named, and none stops the backfill of the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.command import COMMANDS
from ialirt_backfill.doctor.diagnosis import diagnose
from ialirt_backfill.doctor.findings import Diagnosis, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.simulator import Simulator, drifts
from tests.support.access import KEY
from tests.support.places import Place

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
ASKED = "hit,swe,swapi"


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("IALIRT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IALIRT_API_KEY", KEY)


def diagnosis(place: Place, instrument: str = ASKED, **more: Any) -> Diagnosis:
    options = DoctorOptions(
        instrument=instrument,
        datastore=str(place.datastore),
        url=place.simulator.url,
        **{"as_of": place.clock.now} | more,
    )
    return diagnose(options, [command.options for command in COMMANDS.values()])


def odd(found: Diagnosis) -> list[tuple[str, str, str, str]]:
    return [(it.verdict.value, it.about, it.check, it.seen) for it in found.findings if it.verdict is not Verdict.OK]


def test_without_drift_everything_is_ok(place: Place) -> None:
    place.run("hit")
    place.simulator.forget_requests()
    found = diagnosis(place, "all")
    assert odd(found) == []
    assert found.exit_code == 0
    asked = [request.instrument for request in place.simulator.requests]
    assert found.requests == len(asked)
    assert max(map(asked.count, asked)) <= 3
    assert all(f"`{it.check}`" in PAGE for it in found.findings), "docs/doctor.md names every check"
    assert {it.about for it in found.findings} >= {"server", "datastore", "ledger", "settings", "versions", *asked}


@dataclass(frozen=True)
class Drift:
    """What is done to the simulator, and what is to be found: verdict, about, check, and words of what is seen."""

    drift: Callable[[Simulator], None]
    found: tuple[tuple[str, str, str, str], ...]
    others_are_complete: tuple[str, ...] = ("hit", "swe", "swapi")


def faults(rule: Any) -> Callable[[Simulator], None]:
    return lambda simulator: setattr(simulator, "faults", rule)


def attributes(**values: Any) -> Callable[[Simulator], None]:
    def drift(simulator: Simulator) -> None:
        for name, value in values.items():
            setattr(simulator, name, value)

    return drift


SPEED = "swapi_pseudo_proton_speed"

DRIFTS = {
    "a field renamed": Drift(
        faults(drifts.renamed("swapi", SPEED, "swapi_proton_speed")),
        (
            ("notice", "swapi", "unknown field", f"swapi_proton_speed is unknown; is it {SPEED}, renamed?"),
            ("wrong", "swapi", "missing field", f"{SPEED} is in none of"),
        ),
        ("hit", "swe"),
    ),
    "a scalar become a list": Drift(
        faults(drifts.listed("swapi", SPEED)),
        (("wrong", "swapi", "type", f"{SPEED}: "),),
        ("hit", "swe"),
    ),
    "a cadence doubled": Drift(
        faults(drifts.half_as_often("swe")),
        (("wrong", "swe", "cadence", "a record every 60 s"),),
        ("hit", "swapi"),
    ),
    "fractions in a count": Drift(
        faults(drifts.with_fractions("swe", "swe_normalized_counts")),
        (("wrong", "swe", "type", "swe_normalized_counts: "),),
        ("hit", "swapi"),
    ),
    "a new scope": Drift(
        faults(drifts.for_a_scope("swapi")),
        (("wrong", "swapi", "scope", "Unauthorized for swapi access"),),
        ("hit", "swe"),
    ),
    "the cutoff moved": Drift(
        attributes(public_since=datetime(2026, 2, 15, tzinfo=UTC)),
        (("notice", "server", "public", "since 2026-02-15 00:00:00Z"),),
    ),
    "the window's limit halved": Drift(
        attributes(limit=524_288),
        (
            ("notice", "swe", "limit", "the server sends no 1d at once: "),
            ("notice", "swapi", "limit", "the server sends no 12h at once: "),
        ),
    ),
    "HTTP/1.0": Drift(attributes(keeps=False), (("notice", "server", "connections", "HTTP/1.0, "),)),
    "a clock an hour off": Drift(
        attributes(date_ahead=timedelta(hours=1)),
        (("wrong", "server", "clock", "this machine's clock is 60 min behind the server's"),),
    ),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_a_drift_is_found_and_named(place: Place, name: str) -> None:
    drift = DRIFTS[name]
    drift.drift(place.simulator)
    found = diagnosis(place)
    seen = odd(found)
    assert len(seen) == len(drift.found), seen
    for (verdict, about, check, words), expected in zip(seen, drift.found, strict=True):
        assert (verdict, about, check) == expected[:3]
        assert f"`{check}`" in PAGE
        assert words.startswith(expected[3]) or expected[3] in words
    assert found.exit_code == any(it[0] == "wrong" for it in drift.found)
    assert all(it.expected and it.advice for it in found.findings if it.verdict is not Verdict.OK)


@pytest.mark.parametrize("name", DRIFTS)
def test_a_drift_does_not_stop_the_backfill_of_the_others(place: Place, name: str) -> None:
    drift = DRIFTS[name]
    drift.drift(place.simulator)
    place.run(ASKED)
    for instrument in drift.others_are_complete:
        place.assert_right(instrument)
