"""A column: its type, its unit, its kind, and what of it does not go together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ialirt_backfill.instruments.entries import forms
from ialirt_backfill.instruments.entries.tables import Table
from ialirt_backfill.instruments.model import LONGEST_LABEL, NANOSECONDS, Column, ColumnKind, ColumnType

WITHOUT_RANGE = ("text", "boolean")
"""The types that have no least and no greatest."""
_OF_NUMBERS = frozenset(ColumnKind) - {ColumnKind.TEXT}
_KINDS: Mapping[ColumnType, Collection[ColumnKind]] = {
    ColumnType.BOOLEAN: {ColumnKind.FLAG},
    ColumnType.TEXT: {ColumnKind.TEXT, ColumnKind.FLAG, ColumnKind.TIME},
    ColumnType.INTEGER: _OF_NUMBERS,
    ColumnType.MEASUREMENT: _OF_NUMBERS,
    ColumnType.JSON: _OF_NUMBERS,
}
"""What the values of a type can be."""
_NO_CODES: Mapping[int, str] = MappingProxyType({})
_NO_BOUNDS: tuple[float | None, float | None] = (None, None)


def column_of(name: str, table: Table, *, is_cell: bool = False, scopes: tuple[str, ...] = ()) -> Column:
    """The column that a table makes; ``scopes`` are those of what it is a part of."""
    codes = table.get("codes", forms.codes, _NO_CODES)
    usual = ColumnType.JSON if is_cell else ColumnType.TEXT if codes else ColumnType.MEASUREMENT
    unit = table.get("unit", forms.unit, "")
    type_ = table.get("type", forms.one_of(ColumnType), usual)
    kind = table.get("kind", forms.one_of(ColumnKind), _usual_kind(type_, unit))
    least, greatest = table.get("valid", forms.bounds, _NO_BOUNDS)
    found = Column(
        name=name,
        type=type_,
        unit=unit,
        description=table.get("description", forms.text, ""),
        polynomial=table.get("polynomial", forms.list_of(forms.number), ()),
        scopes=table.get("scopes", forms.list_or_none(forms.some_text), scopes),
        codes=codes,
        kind=kind,
        mission_unit=table.get("mission_unit", forms.text, unit),
        label=table.get("label", forms.label, name[:LONGEST_LABEL]),
        valid_min=least,
        valid_max=greatest,
        stated_fill=table.get("fill", forms.fill(type_, is_time=kind is ColumnKind.TIME and unit == NANOSECONDS), None),
    )
    _check_column(found, table, is_cell=is_cell)
    table.refuse_unknown()
    return found


def element_of(pattern: Column, suffix: str, label: str, words: str) -> Column:
    """One column of a list, after the pattern of all of them."""
    short = pattern.label[: LONGEST_LABEL - len(label) - 1]
    return Column(
        name=f"{pattern.name}_{suffix}",
        type=pattern.type,
        unit=pattern.unit,
        description=f"{pattern.description}, {words}" if pattern.description else words,
        polynomial=pattern.polynomial,
        scopes=pattern.scopes,
        codes=pattern.codes,
        kind=pattern.kind,
        mission_unit=pattern.mission_unit,
        label=f"{short} {label}",
        valid_min=pattern.valid_min,
        valid_max=pattern.valid_max,
        stated_fill=pattern.stated_fill,
    )


def _check_column(found: Column, table: Table, *, is_cell: bool) -> None:
    """Note what of a column does not go together."""
    if (found.type is ColumnType.JSON) is not is_cell:
        table.wrong('"json" is the type of an array: write its axes, as cell = ["energy"]', "type")
    if found.codes and found.type is not ColumnType.TEXT:
        table.wrong('names are texts: write "text"', "type")
    if found.kind not in _KINDS[found.type]:
        known = " or ".join(it.value for it in ColumnKind if it in _KINDS[found.type])
        table.wrong(f"{found.type.value} can only be {known}", "kind")
    if found.valid_min is not None and found.type.value in WITHOUT_RANGE:
        table.wrong(f"{found.type.value} has no range: leave it out", "valid")
    if found.polynomial and found.type is not ColumnType.MEASUREMENT:
        table.wrong('what is converted is a measurement: write "measurement"', "type")
    if found.polynomial and found.stated_fill is not None:
        table.wrong("what is converted is a fill no longer: leave it out", "fill")
    if _is_within(found):
        table.wrong("it may be true, as it is within valid: write what can stand for a missing value only", "fill")


def _is_within(column: Column) -> bool:
    """Whether its fill may be a true value as well."""
    fill, least, greatest = column.stated_fill, column.valid_min, column.valid_max
    return isinstance(fill, int | float) and least is not None and greatest is not None and least <= fill <= greatest


def _usual_kind(type: ColumnType, unit: str) -> ColumnKind:
    match type:
        case ColumnType.INTEGER | ColumnType.JSON if unit == NANOSECONDS:
            return ColumnKind.TIME
        case ColumnType.INTEGER:
            return ColumnKind.COUNT
        case ColumnType.BOOLEAN:
            return ColumnKind.FLAG
        case ColumnType.TEXT:
            return ColumnKind.TEXT
    return ColumnKind.MEASUREMENT
