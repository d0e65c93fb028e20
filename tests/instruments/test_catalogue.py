"""The table of instruments, against the facts as the mission has them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from pathlib import PurePosixPath

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH, Column, ColumnKind, ColumnType, Instrument, Shape, of_file
from tests.support.reference import CONVERSIONS, MODES

INTEGER, MEASUREMENT, BOOLEAN, TEXT, JSON = (
    ColumnType.INTEGER,
    ColumnType.MEASUREMENT,
    ColumnType.BOOLEAN,
    ColumnType.TEXT,
    ColumnType.JSON,
)
HK_FLAGS = {
    "fib_saturated", "fob_saturated", "multbit_errs", "pri_isvalid", "sec_isvalid",
    *(f"{supply}{current}_{level}" for supply in ("hk1v5", "hk1v8", "hk2v5", "hkp8v5")
      for current in ("", "c") for level in ("danger", "warn")),
}  # fmt: skip
HK_UNITS = {
    "icu_temp": "'degC'", "fib_temp": "'degC'", "fob_temp": "'degC'", "hk3v3": "V", "hk3v3_current": "mA",
    "hkn8v5": "V", "hkn8v5_current": "mA",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path", "progress_key", "cadence", "fits_hours"),
    [
        ("mag", "ialirt/2026/02/imap_ialirt_20260201.csv", "MAG_IALIRT", 4, 4),
        ("mag_hk", "ialirt_hk/2026/02/imap_ialirt_hk_20260201.csv", "MAG_IALIRT_HK", 4, 2),
        ("hit", "ialirt/2026/02/imap_ialirt_hit_20260201.csv", "HIT_IALIRT", 60, 24),
        ("swe", "ialirt/2026/02/imap_ialirt_swe_20260201.csv", "SWE_IALIRT", 30, 24),
        ("swapi", "ialirt/2026/02/imap_ialirt_swapi_20260201.csv", "SWAPI_IALIRT", 12, 12),
        ("codice_lo", "ialirt/2026/02/imap_ialirt_codice_lo_20260201.csv", "CODICE_LO_IALIRT", 240, 24),
        ("codice_hi", "ialirt/2026/02/imap_ialirt_codice_hi_20260201.csv", "CODICE_HI_IALIRT", 240, 12),
        ("spacecraft", "ialirt/2026/02/imap_ialirt_spacecraft_20260201.csv", "SPACECRAFT_IALIRT", 60, 24),
        (
            "spacecraft_status",
            "ialirt/2026/02/imap_ialirt_spacecraft_status_20260201.csv",
            "SPACECRAFT_STATUS_IALIRT",
            60,
            24,
        ),
    ],
)
def test_the_table(name: str, path: str, progress_key: str, cadence: int, fits_hours: int) -> None:
    instrument = INSTRUMENTS[name]
    assert instrument.name == name
    assert instrument.path(date(2026, 2, 1)) == PurePosixPath(path)
    assert instrument.progress_key == progress_key
    assert len(progress_key) <= 32
    assert instrument.cadence == timedelta(seconds=cadence)
    assert instrument.window <= timedelta(hours=fits_hours)
    assert timedelta(days=1) % instrument.window == timedelta(0)
    is_irregular = name in {"spacecraft", "spacecraft_status"}
    assert instrument.irregular is is_irregular
    pause = timedelta(minutes=5) if is_irregular else 2.5 * instrument.cadence
    assert instrument.longest_pause == pause


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_form_of_fields(name: str) -> None:
    for entry in INSTRUMENTS[name].fields:
        if entry.shape is Shape.LIST:
            assert len({(column.type, column.is_time, *column.polynomial) for column in entry.columns}) == 1
        assert (entry.depth > 0) is (entry.shape is Shape.CELL)
        assert len(entry.members) == (len(entry.columns) if entry.shape is Shape.OBJECT else 0)


def test_there_are_nine() -> None:
    assert list(INSTRUMENTS) == [
        "mag", "mag_hk", "hit", "swe", "swapi", "codice_lo", "codice_hi", "spacecraft", "spacecraft_status",
    ]  # fmt: skip
    assert len({instrument.progress_key for instrument in INSTRUMENTS.values()}) == 9
    assert len({instrument.path(LAUNCH) for instrument in INSTRUMENTS.values()}) == 9
    assert [it.name for it in INSTRUMENTS.values() if it.optional] == ["spacecraft_status"]
    assert date(2025, 9, 24) == LAUNCH


def test_paths_of_other_years() -> None:
    assert INSTRUMENTS["hit"].path(date(2035, 12, 31)) == PurePosixPath("ialirt/2035/12/imap_ialirt_hit_20351231.csv")
    assert INSTRUMENTS["mag"].path(date(2028, 2, 29)) == PurePosixPath("ialirt/2028/02/imap_ialirt_20280229.csv")


COLUMNS = {
    "mag": [
        "mag_epoch", *(f"mag_B_{frame}_{axis}" for frame in ("GSE", "GSM") for axis in "xyz"),
        *(f"mag_B_RTN_{axis}" for axis in "rtn"), "mag_B_magnitude", "mag_phi_B_GSE", "mag_theta_B_GSE",
        "mag_phi_B_GSM", "mag_theta_B_GSM",
    ],
    "mag_hk": [f"mag_hk_{name}" for name in (*HK_FLAGS, *HK_UNITS, "fib_range", "fob_range", "mode")],
    "hit": [
        "hit_epoch", *(f"hit_e_{side}_side_{level}_en" for side in "ab" for level in ("low", "med", "high")),
        "hit_h_omni_low_en", "hit_h_omni_med_en", "hit_he_omni_low_en", "hit_he_omni_high_en",
        "hit_h_a_side_high_en", "hit_h_b_side_high_en",
    ],
    "swe": ["swe_epoch", *(f"swe_normalized_counts_{n}" for n in range(1, 9)), "swe_counterstreaming_electrons"],
    "swapi": ["swapi_epoch", *(f"swapi_pseudo_proton_{name}" for name in ("speed", "density", "temperature"))],
    "codice_lo": [
        "codice_lo_epoch", *(f"codice_lo_{name}_over_o_abundance" for name in ("c", "mg", "fe")),
        "codice_lo_c_plus_6_over_c_plus_5", "codice_lo_o_plus_7_over_o_plus_6", "codice_lo_fe_low_over_fe_high",
    ],
    "codice_hi": ["codice_hi_epoch", "codice_hi_h"],
    "spacecraft": [f"sc_{what}_{frame}_{axis}" for what in ("position", "velocity") for frame in ("GSE", "GSM")
                   for axis in "xyz"],
    "spacecraft_status": [
        "status_epoch", *(f"sc_{name}_status" for name in (
            "swapi", "mag", "hit", "codice", "lo", "hi_45", "hi_90", "ultra_45", "ultra_90", "swe", "idex", "glows",
            "autonomy")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_columns(name: str) -> None:
    common = {"time_utc", "kernel_set_key"} | (set() if name == "mag_hk" else {"ttj2000ns"})
    assert set(INSTRUMENTS[name].columns) == common | set(COLUMNS[name])


def type_by_the_rules(name: str) -> ColumnType:
    """What domain knowledge says of a column's type: integers are named, every other number is a measurement."""
    if name in {"time_utc", "kernel_set_key", "mag_hk_mode"}:
        return TEXT
    if name in {"codice_hi_epoch", "codice_hi_h"}:
        return JSON
    if name.removeprefix("mag_hk_") in HK_FLAGS:
        return BOOLEAN
    whole = name.startswith("swe_") or name.endswith(("_epoch", "ttj2000ns", "_range", "_status"))
    return INTEGER if whole else MEASUREMENT


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_column_has_type_unit_and_description(name: str) -> None:
    for column in INSTRUMENTS[name].columns.values():
        assert column.type is type_by_the_rules(column.name), column.name
        assert column.description, column.name
        without_unit = {"codice_lo"} | ({"mag_hk"} if column.type is not MEASUREMENT else set())
        if column.type is MEASUREMENT and name not in without_unit:
            assert column.unit, column.name
        if name == "hit" and column.type is MEASUREMENT:
            assert (column.unit, column.kind) == ("count", ColumnKind.COUNT), column.name
    assert len(INSTRUMENTS[name].columns) == sum(len(field.columns) for field in INSTRUMENTS[name].fields)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_fields_and_their_columns_fit_together(name: str) -> None:
    for field in INSTRUMENTS[name].fields:
        if field.shape in {Shape.SCALAR, Shape.CELL}:
            assert [column.name for column in field.columns] == [field.name]
        if field.shape is Shape.OBJECT:
            assert [column.name for column in field.columns] == [field.prefix + member for member in field.members]
        if field.shape is Shape.LIST:
            assert all(column.name.startswith(f"{field.name}_") for column in field.columns)
            assert len(field.columns) == (8 if field.name == "swe_normalized_counts" else 3)


def housekeeping(member: str) -> Column:
    return INSTRUMENTS["mag_hk"].columns[f"mag_hk_{member}"]


def test_housekeeping_conversions() -> None:
    converted = {name: housekeeping(name).polynomial for name in HK_UNITS}
    assert converted == CONVERSIONS
    assert {name: housekeeping(name).unit for name in HK_UNITS} == HK_UNITS
    others = INSTRUMENTS["mag_hk"].columns.keys() - {f"mag_hk_{name}" for name in HK_UNITS}
    assert not any(INSTRUMENTS["mag_hk"].columns[name].polynomial for name in others)


@pytest.mark.parametrize(
    ("member", "raw", "value"),
    [
        ("icu_temp", 2400, 23.42448),
        ("hk3v3", 2835, 3.30001938),
        ("hkn8v5", 3281, -8.5012048648),
        ("hk3v3_current", 1000, 65.99002),
        ("fib_temp", 2200, -33.161246),
    ],
)
def test_conversions_give_sensible_engineering_values(member: str, raw: int, value: float) -> None:
    polynomial = housekeeping(member).polynomial
    assert sum(factor * raw**power for power, factor in enumerate(polynomial)) == pytest.approx(value, rel=1e-3)


def test_housekeeping_modes() -> None:
    assert dict(housekeeping("mode").codes) == MODES


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        INSTRUMENTS["x"] = INSTRUMENTS["mag"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        INSTRUMENTS["mag"].name = "x"  # type: ignore[misc]


def test_a_ninth_instrument_needs_no_code() -> None:
    ninth = Instrument("x", "X", timedelta(seconds=2), timedelta(hours=1), "X_IALIRT", (), file_prefix="ialirt_x_")
    assert ninth.longest_pause == timedelta(seconds=5)
    assert ninth.path(LAUNCH) == PurePosixPath("ialirt/2025/09/imap_ialirt_x_20250924.csv")
    assert ninth.columns == {}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_name_of_a_file_says_instrument_and_day(name: str) -> None:
    instrument, day = INSTRUMENTS[name], date(2026, 2, 1)
    paths = instrument.paths(day)
    assert paths[0] == instrument.path(day)
    assert len(paths) == (2 if name in {"mag", "mag_hk"} else 1)
    for path in paths:
        assert path.parent == instrument.folder_of(day)
        assert of_file(path.name) == (instrument, day)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".csv",
        ".imap_ialirt_20260201.csv",
        "imap_20260201.csv",
        "imap_ialirt_20260230.csv",
        "imap_ialirt_2026021.csv",
        "imap_ialirt_20260201.csv.gz",
        "imap_ialirt_20260201.CSV",
        "imap_l2_mag_20260201.csv",
        "imap_ialirt_hit_2026-201.csv",
        "imap_ialirt_2026020\N{FULLWIDTH DIGIT ONE}.csv",
    ],
)
def test_a_name_of_no_days_file(name: str) -> None:
    assert of_file(name) is None
