"""The simulator serves what a catalogue adds to the instruments, and changes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, Catalogue, default_catalogue
from ialirt_backfill.instruments.stored import LIMIT, stored_size
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import Simulator, all_scopes
from tests.simulator.asking import FILL, HOUR, NOW, START, ask, get, quiet_day, seconds, span, text
from tests.support.access import FULL, KEY, KEYS
from tests.support.added import FILES, write_files

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_of(write_files(tmp_path_factory.mktemp("catalogue")))


@pytest.fixture(scope="module")
def serving(catalogue: Catalogue) -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW, keys=KEYS | {"guest": ()}, catalogue=catalogue) as simulator:
        yield simulator


def known_with(said: str) -> Simulator:
    """A simulator of the default catalogue with what a text changes."""
    return Simulator(now=lambda: NOW, catalogue=default_catalogue().with_file(said, "ours.toml"))


def one_hour(simulator: Simulator, name: str) -> list[dict[str, Any]]:
    return simulator.records(name, START, START + HOUR, scopes=FULL)


@pytest.mark.parametrize("name", FILES)
def test_what_is_added_is_served_in_its_shapes(serving: Simulator, catalogue: Catalogue, name: str) -> None:
    instrument = catalogue.instruments[name]
    records = serving.records(name, *span(quiet_day(serving, "hit")), scopes=FULL)
    fields = [entry.name for entry in instrument.fields]
    assert sum(sorted(it) == sorted(["instrument", *fields]) for it in records) > 0.9 * len(records)
    assert {key for record in records for key in record} == {"instrument", *fields}
    found = seconds(records)
    assert {after - before for before, after in itertools.pairwise(found)} >= {instrument.cadence.total_seconds()}
    assert ask(serving, name, START, START + HOUR, key=KEY).json["data"] == serving.records(
        name, START, START + HOUR + timedelta(seconds=1), scopes=FULL
    )


def test_an_object_a_list_and_a_nested_array(serving: Simulator) -> None:
    status = one_hour(serving, "swapi_hk")[0]["swapi_hk_status"]
    assert {key: type(value) for key, value in status.items()} == {
        "epoch": int, "temp": int, "mode": int, "count": int, "door": bool
    }  # fmt: skip
    [first, *_] = one_hour(serving, "glows")
    assert [type(it) for it in first["glows_counts"]] == [int] * 4
    assert first["glows_epoch"] == first["ttj2000ns"]
    [first, *_] = one_hour(serving, "ultra")
    assert [len(row) for row in first["ultra_rate"]] == [4, 4, 4]
    assert [it - first["ttj2000ns"] for it in first["ultra_epoch"]] == [0, 75 * 10**9, 150 * 10**9, 225 * 10**9]


def test_values_stay_in_what_may_be_true_and_differ(serving: Simulator) -> None:
    records = serving.records("glows", START, START + 5 * DAY, scopes=FULL)
    warm = [it["glows_temperature"] for it in records if it.get("glows_temperature") not in {None, FILL}]
    assert len(set(warm)) > 100
    assert all(250.0 <= value <= 300.0 for value in warm)
    assert any(it.get("glows_temperature") == FILL for it in records)
    raw = {it["swapi_hk_status"].get("temp") for it in serving.records("swapi_hk", START, START + DAY, scopes=FULL)}
    assert all(-40.0 <= -273.15 + 0.1235727 * value <= 60.0 for value in raw - {None, FILL})
    assert len(raw) > 10


def test_who_may_ask_for_it(serving: Simulator) -> None:
    for key in (None, "guest"):
        refused = ask(serving, "swapi_hk", START, START + HOUR, key=key)
        assert (refused.status, refused.json["message"]) == (403, "Unauthorized for HK access.")
        shown = ask(serving, "glows", START, START + HOUR, key=key).json["data"]
        assert shown
        assert not any("glows_temperature" in record for record in shown)
    assert one_hour(serving, "swapi_hk")


def test_a_scope_is_what_the_catalogue_says(catalogue: Catalogue) -> None:
    scoped = catalogue.with_file('[ultra]\nscopes = ["ultra_team"]\n', "ours.toml")
    keys = {"team": ("ultra_team",), "full": ("full",)}
    with Simulator(now=lambda: NOW, keys=keys, catalogue=scoped) as simulator:
        assert ask(simulator, "ultra", START, START + HOUR, key="team").json["data"]
        refused = ask(simulator, "ultra", START, START + HOUR, key="full")
    assert (refused.status, refused.json["message"]) == (403, "Unauthorized for ultra access.")
    assert all_scopes(scoped) == {"full", "read", "ultra_team"}


@pytest.mark.parametrize("cadence", ["7s", "7m", "5h"])
def test_a_cadence_need_not_fit(cadence: str) -> None:
    simulator = known_with(f'[odd]\ntitle = "Odd"\ncadence = "{cadence}"\n[odd.fields]\nodd_value = {{ }}\n')
    whole = one_hour(simulator, "odd") if cadence != "5h" else simulator.records("odd", START, START + DAY)
    step = simulator.catalogue.instruments["odd"].cadence.total_seconds()
    found = seconds(simulator.records("odd", START, START + 10 * DAY))
    assert whole
    assert all(second % step == 7 % step for second in found)
    cut = [START + timedelta(seconds=n) for n in (0, 11_999, 12_003, 43_200, 86_400)]
    parts = [simulator.records("odd", *ends) for ends in itertools.pairwise(cut)]
    assert [it for part in parts for it in part] == simulator.records("odd", START, START + DAY)


def test_what_is_irregular_comes_so_often(catalogue: Catalogue) -> None:
    irregular = catalogue.with_file('[glows]\nirregular = true\ncadence = "4m"\n', "ours.toml")
    simulator = Simulator(now=lambda: NOW, catalogue=irregular)
    found = seconds(simulator.records("glows", *span(quiet_day(simulator, "hit"))))
    assert len(found) == pytest.approx(360, rel=0.05)
    assert len({second % 240 for second in found}) > 5


@pytest.mark.slow
def test_a_window_that_holds_too_much_is_refused(catalogue: Catalogue) -> None:
    quick = catalogue.with_file('[ultra]\ncadence = "5s"\n', "ours.toml")
    with Simulator(now=lambda: NOW, catalogue=quick) as simulator:
        day = span(quiet_day(simulator, "hit"))
        assert sum(map(stored_size, simulator.records("ultra", *day))) > LIMIT
        assert "more data than allowed" in ask(simulator, "ultra", *day).json["message"]


def test_a_known_one_changes_as_the_catalogue_says_and_its_other_values_stay() -> None:
    before = one_hour(Simulator(now=lambda: NOW), "hit")
    said = '[hit.fields]\nhit_h_omni_low_en = false\nhit_extra = { unit = "nT" }\nother = { like = "ttj2000ns" }\n'
    after = one_hour(known_with(said), "hit")
    for old, new in zip(before, after, strict=True):
        assert new.pop("other") == old["ttj2000ns"]
        new.pop("hit_extra", None)
        old.pop("hit_h_omni_low_en", None)
        assert new == old


def test_an_object_may_have_a_member_more() -> None:
    simulator = known_with('[mag_hk.fields.mag_hk_status.members]\nhk9v = { unit = "V" }\n')
    status = one_hour(simulator, "mag_hk")[0]["mag_hk_status"]
    assert list(status)[-1] == "hk9v"
    assert len(status) == len(one_hour(Simulator(now=lambda: NOW), "mag_hk")[0]["mag_hk_status"]) + 1


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_names_and_words_change_nothing_that_is_served(name: str) -> None:
    simulator = known_with(f'[{name}]\ntitle = "Another"\nfile_name = "imap_other_YYYYMMDD.csv"\n')
    assert one_hour(simulator, name) == one_hour(Simulator(now=lambda: NOW), name) != []


def test_the_program_serves_a_catalogue(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "ialirt_backfill.simulator", "--now", "2026-03-01"]
    files = write_files(tmp_path)
    with subprocess.Popen([*words, "--catalogue", files], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            said = get(f"{url}/space-weather", instrument="ultra", time_utc_start=text(START)).json
        finally:
            process.terminate()
    assert said["meta"]["count"] == len(said["data"]) == 12
    (tmp_path / "ultra.toml").write_text("[ultra]\ncadence = 5\n")
    done = subprocess.run([*words, "--catalogue", files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}/ultra.toml, line 2: ultra.cadence: " in done.stderr
    assert "Traceback" not in done.stderr
