"""The simulator's records are those of the I-ALiRT API, and the same whoever asks.

Who may ask for what is in ``test_access``.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.instruments import INSTRUMENTS, ColumnType, Shape
from ialirt_backfill.plan.coverage import day_span, measure
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.simulator.telemetry import PHASES
from tests.simulator.asking import FILL, HOUR, MINUTE, NOW, SECOND, START, at, quiet_day, seconds, span, text, times
from tests.support.access import FULL

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
    "spacecraft_status": "instrument time_utc ttj2000ns kernel_set_key status_epoch sc_swapi_status sc_mag_status "
    "sc_hit_status sc_codice_status sc_lo_status sc_hi_45_status sc_hi_90_status sc_ultra_45_status sc_ultra_90_status "
    "sc_swe_status sc_idex_status sc_glows_status sc_autonomy_status",
}
HK_MEMBERS = (
    "fib_range fib_saturated fib_temp fob_range fob_saturated fob_temp hk3v3 hk3v3_current hkn8v5 hkn8v5_current "
    "icu_temp mode multbit_errs pri_isvalid sec_isvalid hk1v5_danger hk1v5_warn hk1v5c_danger hk1v5c_warn "
    "hk1v8_danger hk1v8_warn hk1v8c_danger hk1v8c_warn hk2v5_danger hk2v5_warn hk2v5c_danger hk2v5c_warn "
    "hkp8v5_danger hkp8v5_warn hkp8v5c_danger hkp8v5c_warn"
)


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


@pytest.mark.parametrize("name", ["spacecraft", "spacecraft_status"])
def test_what_is_irregular_leaves_no_gap_by_itself(shared: Simulator, name: str) -> None:
    day = quiet_day(shared, name)
    found = seconds(shared.records(name, *span(day), scopes=FULL))
    assert found == sorted(set(found))
    assert 1380 < len({second // 60 for second in found}) < 1440
    assert len({second % 60 for second in found}) > 30
    assert measure(INSTRUMENTS[name], day_span(day), found).gaps == ()


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seed"),
    [("mag", 0), ("mag_hk", 3), ("hit", 0), ("swe", 0), ("swapi", 0), ("codice_lo", 0), ("codice_hi", 2)],
)
def test_the_fill_value_is_a_whole_number_wherever_it_stands(name: str, seed: int) -> None:
    """For most, the seed is that of all other simulators, whose signals are made already."""
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
