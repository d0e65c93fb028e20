"""The catalogue against what the mission says of its own daily CDF, variable by variable."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, Axis, ColumnKind, ColumnType, Field, Shape

FACTS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("mission_facts.toml").read_text(encoding="utf-8")
)
FIELDS = {field.name: field for instrument in INSTRUMENTS.values() for field in instrument.fields}

AXES = {
    "swe_electron_energy": ("swe_normalized_counts", 0),
    "codice_hi_energy_center": ("codice_hi_h", 1),
    "codice_hi_spin_sector": ("codice_hi_h", 2),
    "codice_hi_polar": ("codice_hi_h", 3),
}
"""The variables that are an axis here: of which field, and which one."""

ELSEWHERE = {"ephemeris_epoch": "ttj2000ns"}
"""Variables that the API sends under another name."""

NOT_FIELDS = {*AXES, "codice_hi_energy_minus", "codice_hi_energy_plus", "codice_hi_spin_angle"}

SHORTENED = {
    "hit_he_omni_low_en": "Omni He 6-8 MeV/nuc",
    "hit_he_omni_high_en": "Omni He 15-70 MeV/n",
    "swe_electron_energy": "Electron energy",
}
"""Labels that are longer with the mission than ISTP allows."""

VARIABLES = sorted(FACTS.keys() - NOT_FIELDS)


def field_of(name: str) -> Field:
    return FIELDS[ELSEWHERE.get(name, name)]


def axis_of(name: str) -> Axis:
    field, place = AXES[name]
    return FIELDS[field].axes[place]


def test_all_variables_of_the_mission_are_here() -> None:
    assert FACTS.keys() - NOT_FIELDS <= FIELDS.keys() | ELSEWHERE.keys()
    assert len(VARIABLES) == 43


@pytest.mark.parametrize("name", VARIABLES)
def test_units_ranges_and_types_are_the_missions(name: str) -> None:
    facts = FACTS[name]
    for column in field_of(name).columns:
        assert column.mission_unit == facts["units"]
        assert [column.valid_min, column.valid_max] == facts["valid"]
        assert column.fill == facts["fill"]
        if column.type is not ColumnType.JSON:
            is_decimal = facts["type"].startswith("float")
            assert column.type is (ColumnType.MEASUREMENT if is_decimal else ColumnType.INTEGER)
        assert (column.kind is ColumnKind.TIME) is (facts["units"] == "ns")


@pytest.mark.parametrize("name", VARIABLES)
def test_labels_are_the_missions_or_shorter(name: str) -> None:
    label = FACTS[name]["label"]
    assert field_of(name).label == SHORTENED.get(name, label)
    assert (name in SHORTENED) is (len(label) > 20)


@pytest.mark.parametrize("name", [name for name in VARIABLES if "dimensions" in FACTS[name]])
def test_dimensions_are_the_missions(name: str) -> None:
    dimensions = FACTS[name]["dimensions"]
    axes = field_of(name).axes
    if name == "codice_hi_h":  # where the mission has a record for each of the epochs, the API has four in one
        assert (axes[0].name, axes[0].field, len(axes[0])) == ("epoch", "codice_hi_epoch", 4)
        axes = axes[1:]
    if dimensions[0] in AXES:
        assert axes == tuple(axis_of(dimension) for dimension in dimensions)
    else:
        assert dimensions[0].endswith("_labels")
        assert [axis.labels for axis in axes] == [tuple("rtn" if "RTN" in name else "xyz")]


@pytest.mark.parametrize("name", AXES)
def test_axes_are_the_missions(name: str) -> None:
    facts, axis = FACTS[name], axis_of(name)
    assert axis.mission_unit == facts["units"]
    assert axis.label == SHORTENED.get(name, facts["label"])
    assert list(axis.values) == facts.get("values", list(axis.values))
    least, greatest = facts["valid"]
    assert all(least <= value <= greatest for value in axis.values)


def test_energies_have_the_missions_edges() -> None:
    axis = axis_of("codice_hi_energy_center")
    assert list(axis.minus) == FACTS["codice_hi_energy_minus"]["values"]
    assert list(axis.plus) == FACTS["codice_hi_energy_plus"]["values"]
    assert axis.values[0] - axis.minus[0] == pytest.approx(0.02)
    assert axis.values[-1] + axis.plus[-1] == pytest.approx(3.62, abs=0.001)


def test_the_angles_of_codice_hi() -> None:
    field = FIELDS["codice_hi_h"]
    assert [len(axis) for axis in field.axes] == [4, 15, 4, 4]
    assert axis_of("codice_hi_polar").values == (132.8, 65.7, 47.1, 114.3)
    (angle,) = field.coordinates
    assert (angle.name, angle.axes, angle.mission_unit) == ("spin_angle", ("spin_sector", "polar"), "degrees")
    for sector, row in enumerate(angle.values):
        assert list(row) == [
            pytest.approx((offset + 90 * sector) % 360, abs=1e-9) for offset in (196.85, 174.55, 253.16, 275.44)
        ]


COLUMNS = [column for instrument in INSTRUMENTS.values() for column in instrument.columns.values()]


def test_what_is_shown_at_an_axis_is_short() -> None:
    labels = [it.label for it in COLUMNS] + [it.label for it in FIELDS.values()]
    labels += [it.label for field in FIELDS.values() for it in field.axes]
    labels += [it.label for it in FIELDS["codice_hi_h"].coordinates]
    assert all(0 < len(label) <= 20 for label in labels)


def test_the_columns_of_one_instrument_are_told_apart_by_their_labels() -> None:
    for instrument in INSTRUMENTS.values():
        labels = [column.label for column in instrument.columns.values() if column.kind is not ColumnKind.TIME]
        assert len(labels) == len(set(labels)), instrument.name


def test_every_list_has_an_axis_as_long_as_itself() -> None:
    for field in FIELDS.values():
        if field.shape is Shape.LIST:
            assert [len(axis) for axis in field.axes] == [len(field.columns)]
        assert len(field.axes) == (1 if field.shape is Shape.LIST else field.depth)


def test_no_unit_of_the_mission_is_without_one_here() -> None:
    """But for those that are no units: the ratios' blank, and words."""
    words = {"", "1=counterstreaming"}
    assert all(bool(column.unit) is (column.mission_unit not in words) for column in COLUMNS)


@pytest.mark.interop
def test_units_are_vounits() -> None:
    units = pytest.importorskip("astropy.units")
    found = {it.unit for it in COLUMNS} | {it.unit for it in FIELDS["codice_hi_h"].coordinates}
    found |= {axis.unit for field in FIELDS.values() for axis in field.axes}
    assert len(found) > 10
    for unit in found:
        units.Unit(unit, format="vounit", parse_strict="raise")
    parsed = {unit: units.Unit(unit, format="vounit") for unit in found}
    assert parsed["count.cm**-2.sr**-1.s**-1.MeV**-1"] == units.ct / (units.cm**2 * units.sr * units.s * units.MeV)
    assert parsed["cm**-3"] == units.cm**-3
