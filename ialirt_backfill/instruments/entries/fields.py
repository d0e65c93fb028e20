"""The fields of an instrument's records, each in one of its shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ialirt_backfill.instruments.entries import forms
from ialirt_backfill.instruments.entries.axes import check_axis
from ialirt_backfill.instruments.entries.columns import column_of, element_of
from ialirt_backfill.instruments.entries.names import MOST_COLUMNS, check_names
from ialirt_backfill.instruments.entries.tables import Table
from ialirt_backfill.instruments.model import (
    LONGEST_LABEL,
    TIME_UTC,
    Axis,
    Column,
    ColumnType,
    Coordinate,
    Field,
    Shape,
)

SHAPES = ("vector", "list", "cell", "members")
"""The keys that say which shape a field has; at most one of them stands in it."""


def all_fields(table: Table, axes: Mapping[str, Axis], coordinates: Sequence[Coordinate]) -> tuple[Field, ...]:
    """The fields in the table of an instrument, in its order."""
    fields = [_field(name, it, axes, coordinates) for name, it in table.tables("fields").items()]
    if not any(it.name == TIME_UTC and _is_plain_text(it) for it in fields):
        table.wrong(f"every record has a {TIME_UTC}: leave it as it is", "fields", TIME_UTC)
    if len(fields) < 2:
        table.wrong("there are no fields: write at least one", "fields")
    check_names(table, fields, axes, [it.name for it in coordinates])
    for axis in axes.values():
        check_axis(axis, table, fields)
    return tuple(fields)


def _is_plain_text(entry: Field) -> bool:
    """Whether it is one text as it comes."""
    column = entry.columns[0] if entry.shape is Shape.SCALAR else None
    return column is not None and column.type is ColumnType.TEXT and not column.codes and column.stated_fill is None


def _field(name: str, table: Table, axes: Mapping[str, Axis], coordinates: Iterable[Coordinate]) -> Field:
    if not forms.NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    shapes = [key for key in SHAPES if key in table.values]
    if len(shapes) > 1:
        table.wrong(f"write one of {' and '.join(shapes)}", shapes[1])
    elif shapes == ["members"] or "prefix" in table.values:
        return _object(name, table)
    along = _axes_of(table, axes)
    pattern = column_of(name, table, is_cell="cell" in shapes)
    columns: tuple[Column, ...] = (pattern,)
    if shapes in (["vector"], ["list"]):
        columns = tuple(element_of(pattern, *part) for axis in along for part in _parts(axis, shapes[0]))
    shape = {"vector": Shape.LIST, "list": Shape.LIST, "cell": Shape.CELL}.get(next(iter(shapes), ""), Shape.SCALAR)
    names = {axis.name for axis in along}
    return Field(
        name,
        shape,
        columns,
        depth=len(along) if shape is Shape.CELL else 0,
        axes=along,
        coordinates=tuple(it for it in coordinates if names.issuperset(it.axes)),
        label=pattern.label,
        description=pattern.description,
    )


def _axes_of(table: Table, axes: Mapping[str, Axis]) -> tuple[Axis, ...]:
    """The axes that a field names; those of a vector are its components."""
    components = table.get("vector", forms.components, "")
    named: tuple[str, ...] = table.get("cell", forms.list_of(forms.name), ())
    if one := table.get("list", forms.name, ""):
        named = (one,)
    if components:
        return (Axis("component", "component", labels=tuple(components), description="component of the vector"),)
    for name in named:
        if name not in axes:
            key = "list" if "list" in table.values else "cell"
            table.wrong(f"there is no axis {name!r}: write a table for it, [{table.place[0]}.axes.{name}]", key)
    if len(set(named)) < len(named):
        table.wrong("write each axis once", "cell")
    if one in axes and len(axes[one]) > MOST_COLUMNS:
        table.wrong(f'more than {MOST_COLUMNS:,} columns: write it as one, cell = ["{one}"]', "list")
        return ()
    return tuple(axes[name] for name in named if name in axes)


def _parts(axis: Axis, shape: str) -> list[tuple[str, str, str]]:
    """Of each element of a vector or a list what stands behind its name and its label, and what it is in words."""
    if shape == "vector":
        return [(part, part, f"{part.upper()} component") for part in axis.labels]
    return [(str(number), str(number), said) for number, said in enumerate(_said(axis), start=1)]


def _said(axis: Axis) -> list[str]:
    """What each element of an axis is, in words."""
    unit = axis.unit.replace("'", "")
    values = [f"{value:g} {unit}".rstrip() for value in axis.values] or list(axis.labels)
    return [f"{axis.name} {value}" for value in values or map(str, range(1, len(axis) + 1))]


def _object(name: str, table: Table) -> Field:
    prefix = table.get("prefix", forms.name, f"{name}_")
    scopes = table.get("scopes", forms.list_or_none(forms.some_text), ())
    description = table.get("description", forms.text, "")
    label = table.get("label", forms.label, name[:LONGEST_LABEL])
    members = table.tables("members")
    if not members:
        table.wrong("write a table for each of its members", "members")
    columns = tuple(column_of(f"{prefix}{member}", it, scopes=scopes) for member, it in members.items())
    table.refuse_unknown()
    return Field(name, Shape.OBJECT, columns, tuple(members), prefix=prefix, label=label, description=description)
