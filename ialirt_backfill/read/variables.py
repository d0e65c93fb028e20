"""Columns of arrow become variables: arrays of numpy with names for their dimensions, and attributes by CF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ialirt_backfill.instruments import TIME_UTC, Axis, Column, ColumnKind, Coordinate, Field, Instrument, Shape
from ialirt_backfill.read.averages import count_name, is_direction, records_name
from ialirt_backfill.read.epochs import utc_of
from ialirt_backfill.read.schema import AS_UTC

TIME, BOUND = "time", "bound"

INDEX = "_index"
"""Behind the name of a dimension along which values lie that neither rise nor fall."""

_NEVER_MISSING = {"_FillValue": None}
"""What netCDF is told of a coordinate."""

_COMPONENTS = ("x", "y", "z")
"""The labels that have the plain name of an axis to themselves."""

_UDUNITS = {"deg": "degree", "": "1"}
"""Units of the catalogue (VOUnits) that the CF conventions write in another way."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``dims`` are those of ``values`` but for the first, which is that of the rows."""

    name: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, Any]


def variables_of(table: pa.Table, instrument: Instrument, *, are_means: bool = False) -> Iterator[Variable]:
    """The variables of a table, but for ``time_utc`` and for arrays.

    Of a list with all of its columns there is one, of other columns one each.
    """
    for field in instrument.fields:
        there = [column for column in field.columns if column.name in table.column_names]
        if field.shape is Shape.CELL or field.name == TIME_UTC or not there:
            continue
        whole = field.shape is Shape.LIST and len(there) == len(field.columns)
        for columns in [there] if whole else [[column] for column in there]:
            yield from _variable(table, instrument, field, columns, whole=whole, are_means=are_means)
    for field in table.schema:
        if field.name.endswith(AS_UTC) and field.name.removesuffix(AS_UTC) in instrument.columns:
            column = instrument.columns[field.name.removesuffix(AS_UTC)]
            yield Variable(field.name, (), _values(None, table[field.name]), {"long_name": column.description})
    if are_means:
        records = table[records_name(instrument)].to_numpy()
        about = {"long_name": "records in the stretch", "standard_name": "number_of_observations", "units": "1"}
        yield Variable(records_name(instrument), (), records, about)


def _variable(
    table: pa.Table, instrument: Instrument, field: Field, columns: Sequence[Column], *, whole: bool, are_means: bool
) -> Iterator[Variable]:
    name = field.name if whole else columns[0].name
    dims = tuple(dimension_of(instrument, axis) for axis in field.axes) if whole else ()
    values = [_values(None if are_means else column, table[column.name]) for column in columns]
    description = (field.description if whole else "") or columns[0].description
    attrs = attributes(columns[0], description, are_means=are_means)
    if are_means:
        attrs["ancillary_variables"] = f"{count_name(name)} {records_name(instrument)}"
    yield Variable(name, dims, np.stack(values, axis=-1) if whole else values[0], attrs)
    if are_means:
        counts = [table[count_name(column.name)].to_numpy() for column in columns]
        about = {"long_name": f"values in the mean of {name}", "standard_name": "number_of_observations", "units": "1"}
        yield Variable(count_name(name), dims, np.stack(counts, axis=-1) if whole else counts[0], about)


def _values(column: Column | None, cells: pa.ChunkedArray) -> NDArray[Any]:
    if column is not None and column.is_time:
        return instants(utc_of(cells.combine_chunks()))
    if pa.types.is_timestamp(cells.type):
        return instants(cells.combine_chunks())
    if pa.types.is_string(cells.type):
        return np.array(cells.fill_null("").to_pylist(), dtype=object)
    return np.asarray(cells.cast(pa.float64(), safe=False).to_numpy())


def instants(times: pa.Array | pa.ChunkedArray) -> NDArray[np.datetime64]:
    """Times in UTC to the nanosecond, NaT for null."""
    return np.asarray(times.cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False))


def attributes(column: Column, description: str, *, are_means: bool = False) -> dict[str, Any]:
    """What CF says of a variable."""
    found: dict[str, Any] = {"long_name": description}
    if column.is_time:
        return found | {"comment": "UTC, made of nanoseconds of Terrestrial Time since J2000, leap seconds included"}
    if column.kind in {ColumnKind.MEASUREMENT, ColumnKind.COUNT}:
        found["units"] = cf_unit(column.unit)
    is_turned = are_means and is_direction(column)
    least, greatest = (-180.0, 180.0) if is_turned else (column.valid_min, column.valid_max)
    if least is not None and greatest is not None:
        found |= {"valid_min": float(least), "valid_max": float(greatest)}
    if are_means:
        found["cell_methods"] = f"{TIME}: mean{' (the direction between angles)' if is_turned else ''}"
    return found


def cf_unit(unit: str) -> str:
    """A unit of the catalogue as CF writes it."""
    return _UDUNITS.get(unit, unit.replace("'", ""))


# --- axes -------------------------------------------------------------------------------------------------------------


def dimension_of(instrument: Instrument, axis: Axis) -> str:
    """The name of an axis in a Dataset, where several instruments may meet: only labels may be those of others, too."""
    if not axis.labels:
        return f"{instrument.name}_{axis.name}{'' if _rises(axis) else INDEX}"
    return axis.name if axis.labels == _COMPONENTS else f"{axis.name}_{''.join(axis.labels)}"


def _rises(axis: Axis) -> bool:
    """Whether its values rise, or fall: to CF only such may name a dimension."""
    steps = np.diff(axis.values)
    return bool((steps > 0).all() or (steps < 0).all())


def coordinates_of(instrument: Instrument, fields: Sequence[Field]) -> dict[str, tuple[Any, ...]]:
    """The coordinates along the axes of some fields, as xarray takes them."""
    found: dict[str, tuple[Any, ...]] = {}
    for field in fields:
        for axis in field.axes:
            if axis.values or axis.labels:
                found |= _coordinates(dimension_of(instrument, axis), axis)
        dims = {axis.name: dimension_of(instrument, axis) for axis in field.axes if not axis.field}
        for it in field.coordinates:
            on = tuple(dims[axis] for axis in it.axes)
            found[f"{instrument.name}_{it.name}"] = (on, np.array(it.values), _about(it), _NEVER_MISSING)
    return found


def _coordinates(dim: str, axis: Axis) -> dict[str, tuple[Any, ...]]:
    if axis.labels:
        return {dim: ((dim,), np.array(axis.labels), {"long_name": axis.description})}
    name, values, attrs = dim.removesuffix(INDEX), np.array(axis.values), _about(axis)
    if not axis.minus:
        return {name: ((dim,), values, attrs, _NEVER_MISSING)}
    bounds = np.stack([values - np.array(axis.minus), values + np.array(axis.plus)], axis=-1)
    attrs["bounds"] = f"{name}_bounds"
    return {
        name: ((dim,), values, attrs, _NEVER_MISSING),
        f"{name}_bounds": ((dim, BOUND), bounds, {}, _NEVER_MISSING),
    }


def _about(it: Axis | Coordinate) -> dict[str, str]:
    return {"long_name": it.description or it.label, "units": cf_unit(it.unit)}
