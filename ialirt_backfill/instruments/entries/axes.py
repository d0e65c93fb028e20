"""The axes of an instrument, and what depends on two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ialirt_backfill.instruments.entries import forms
from ialirt_backfill.instruments.entries.tables import Table
from ialirt_backfill.instruments.model import LONGEST_LABEL, Axis, Coordinate, Field


def axis_of(name: str, table: Table) -> Axis:
    """The axis that a table makes."""
    found = Axis(
        name=name,
        label=table.get("label", forms.label, name[:LONGEST_LABEL]),
        unit=table.get("unit", forms.unit, ""),
        mission_unit=table.get("mission_unit", forms.text, str(table.values.get("unit", ""))),
        description=table.get("description", forms.text, ""),
        values=table.get("values", forms.list_of(forms.number), ()),
        labels=table.get("labels", forms.list_of(forms.some_text), ()),
        size=table.get("size", forms.count, 0),
        field=table.get("field", forms.name_or_none, ""),
        minus=table.get("minus", forms.list_of(forms.distance), ()),
        plus=table.get("plus", forms.list_of(forms.distance), ()),
    )
    if not forms.NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    if sum(key in table.values for key in ("values", "labels", "size")) != 1:
        table.wrong("write its values, its labels or its size: one of the three")
    for key, distances in (("minus", found.minus), ("plus", found.plus)):
        if distances and len(distances) != len(found.values):
            table.wrong(f"write as many as there are values: {len(found.values)}", key)
    if bool(found.minus) != bool(found.plus):
        table.wrong("write both or neither of minus and plus", "minus" if found.minus else "plus")
    if found.field and not found.size:
        table.wrong("only an axis with a size has its times in a field", "field")
    table.refuse_unknown()
    return found


def coordinate_of(name: str, table: Table, axes: Mapping[str, Axis]) -> Coordinate | None:
    """What a table says of two of these axes; None where it does not say which two, or not as much as they take."""
    of = table.get("axes", forms.list_of(forms.name), ())
    values = table.get("values", forms.list_of(forms.list_of(forms.number)), ())
    label = table.get("label", forms.label, name[:LONGEST_LABEL])
    unit = table.get("unit", forms.unit, "")
    mission_unit = table.get("mission_unit", forms.text, unit)
    description = table.get("description", forms.text, "")
    table.refuse_unknown()
    if not forms.NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    if len(of) != 2 or len(set(of)) != 2 or not axes.keys() >= set(of):
        table.wrong(f"write two axes of {', '.join(axes) or 'this instrument'}", "axes")
        return None
    if [len(row) for row in values] != [len(axes[of[1]])] * len(axes[of[0]]):
        table.wrong(f"write {len(axes[of[0]])} lists of {len(axes[of[1]])} numbers", "values")
        return None
    return Coordinate(name, (of[0], of[1]), values, label, unit, mission_unit, description)


def check_axis(axis: Axis, table: Table, fields: Sequence[Field]) -> None:
    """Note where an axis lies along times that are not there."""
    times = next((it for it in fields if it.name == axis.field), None)
    if axis.field and not (
        times is not None and times.columns[0].is_time and [it.name for it in times.axes] == [axis.name]
    ):
        what = f'write a field with the times along it, {axis.field} = {{ cell = ["{axis.name}"], unit = "ns" }}'
        table.wrong(f"{what}, or here field = false", "axes", axis.name, "field")
