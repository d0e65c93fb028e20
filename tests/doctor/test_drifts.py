"""The server drifts: each way is found and named, and none stops the backfill of the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.command import COMMANDS
from ialirt_backfill.doctor.diagnosis import diagnose
from ialirt_backfill.doctor.findings import Diagnosis, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.simulator import Simulator, drifts
from ledger import DayStatus
from tests.support.access import KEY
from tests.support.clock import NOW
from tests.support.commands import Ended
from tests.support.mounts import mounted, remount
from tests.support.places import Place

Main = Callable[..., Ended]

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


def test_a_read_only_datastore_is_found_and_stops_every_day_with_a_sentence(place: Place, main: Main) -> None:
    with mounted(place.datastore, "size=64m"):
        place.run("hit")
        remount(place.datastore, "ro")
        assert [(it[:3]) for it in odd(diagnosis(place))] == [
            ("wrong", "datastore", "writable"),
            ("wrong", "ledger", "privileges"),
        ]
        day = ("--instrument", "hit,swe", "--start", "2026-02-03", "--end", "2026-02-03", "--as-of", NOW)
        where = ("--datastore", str(place.datastore))
        ended = main(*day, *where)
        assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
        assert f"{place.datastore}/ledger.sqlite" in ended.err
        assert "this user may read and write the file and its folder" in ended.err
        ended = main(*day, *where, "--ledger", "sqlite:///elsewhere.sqlite")
        assert ended.code == 1
        for name in ("hit", "swe"):
            path = place.file(name, date(2026, 2, 3))
            assert f"{path} cannot be written: Read-only file system" in ended.err
        remount(place.datastore, "rw")
        assert main(*day, *where).code == 0


def test_a_read_only_folder_of_one_instrument_does_not_stop_the_others(place: Place) -> None:
    folder = place.file("mag_hk").parent
    with mounted(folder, "ro"):
        place.clock.set("2026-02-02T12:00:00")
        [(verdict, about, check, seen)] = odd(diagnosis(place, "hit,mag_hk,swe"))
        assert (verdict, about, check) == ("wrong", "datastore", "writable")
        assert seen == f"{folder}, where mag_hk are kept, cannot be written"
        place.clock.set(NOW)
        report = place.run("hit,mag_hk,swe")
        assert report.exit_code == 1
        failed = {it.instrument.name: it.error for it in report.results if it.status is DayStatus.FAILED}
        assert set(failed) == {"mag_hk"}
        assert f"{place.file('mag_hk')} cannot be written: Read-only file system" in str(failed["mag_hk"])
        place.assert_right("hit")
        place.assert_right("swe")
