"""Arrays, and among them those along a time of their own: a record of `codice_hi` holds four measurements, and the time
of each of them.

These are put one behind the other, each at its time; what else a record has comes with each of its measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ialirt_backfill.instruments import TIME_UTC, Axis, Column, Field, Instrument, Shape
from ialirt_backfill.read.arrays import array_of
from ialirt_backfill.read.averages import count_name, is_direction, width_of
from ialirt_backfill.read.epochs import utc_of
from ialirt_backfill.read.odd import Odd
from ialirt_backfill.read.variables import Variable, attributes, dimension_of, instants, variables_of

_Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Variables, and the times of their rows: rising, each once."""

    times: NDArray[np.datetime64]
    variables: Sequence[Variable]


def array_fields(instrument: Instrument, columns: Iterable[str]) -> list[Field]:
    """The fields among these columns that are arrays of numbers."""
    names = set(columns)
    return [it for it in instrument.fields if it.shape is Shape.CELL and it.name in names and not it.columns[0].is_time]


def columns_of(fields: Sequence[Field]) -> list[str]:
    """Their columns, and those that say when they were measured."""
    return [*(field.name for field in fields), *(field.axes[0].field for field in fields if field.axes[0].field)]


def measurements_of(
    tables: Iterable[pa.Table], instrument: Instrument, fields: Sequence[Field], *, strict: bool
) -> Measurements:
    """The measurements of these tables, one behind the other.

    What has no time, or another shape than its axes, is missing: a warning (OddCells) tells of it at the end, or with
    ``strict`` a DayFileError.
    """
    odd = Odd(strict=strict)
    pieces = [_piece(table, instrument, fields, odd) for table in tables]
    odd.tell()
    return _in_order(_joined(pieces))


def means_of(
    tables: Iterable[pa.Table], instrument: Instrument, fields: Sequence[Field], every: timedelta, *, strict: bool
) -> Measurements:
    """Their means in stretches as long as ``every``, as in `averages`, with how many values each is of. A measurement
    counts in the stretch of its own time."""
    odd = Odd(strict=strict)
    width = 1000 * width_of(every)
    columns = {field.name: field.columns[0] for field in fields}
    sums = []
    for table in tables:
        piece = _in_order(_piece(table, instrument, fields, odd))
        starts = piece.times.astype(np.int64) // width * width
        sums.append(_added(Measurements(starts.astype("datetime64[ns]"), _parts(piece.variables, columns))))
    odd.tell()
    added = _added(_sorted(_joined(sums)))
    return Measurements(added.times, _means(added.variables, columns))


# --- a table becomes measurements -------------------------------------------------------------------------------------


def _piece(table: pa.Table, instrument: Instrument, fields: Sequence[Field], odd: Odd) -> Measurements:
    """A record has one measurement, or as many as the time axis of its arrays is long."""
    axis = next((field.axes[0] for field in fields if field.axes[0].field), None)
    times = instants(table[TIME_UTC])[:, np.newaxis] if axis is None else _times(table[axis.field], axis)
    count, there = times.shape[1], ~np.isnat(times.reshape(-1))
    found = [_array(table, instrument, field, count, odd) for field in fields]
    for variable in found:
        lost = np.flatnonzero(_have_numbers(variable.values) & ~there)
        if len(lost):
            odd.note_timeless(variable.name, table[TIME_UTC][int(lost[0]) // count].as_py(), len(lost))
    for variable in variables_of(table, instrument):
        found.append(replace(variable, values=np.repeat(variable.values, count, axis=0)))
    return _taken(Measurements(times.reshape(-1), found), np.flatnonzero(there))


def _times(column: pa.ChunkedArray, axis: Axis) -> NDArray[np.datetime64]:
    """The times of the measurements of each record; NaT where a record does not have as many as it should."""
    lists = column.combine_chunks()
    is_whole = np.asarray(pc.fill_null(pc.equal(pc.list_value_length(lists), axis.size), False))
    found = np.full((len(lists), axis.size), np.datetime64("NaT", "ns"))
    found[is_whole] = instants(utc_of(lists.filter(pa.array(is_whole)).flatten())).reshape(-1, axis.size)
    return found


def _array(table: pa.Table, instrument: Instrument, field: Field, count: int, odd: Odd) -> Variable:
    """The measurements of one field, ``count`` to each record."""
    shape = [len(axis) for axis in field.axes]
    values, others = array_of(table[field.name], shape)
    if len(others):
        odd.note_arrays(field.name, shape, table[TIME_UTC][int(others[0])].as_py(), len(others))
    has_times = bool(field.axes[0].field)
    values = values.reshape(-1, *shape[1:]) if has_times else np.repeat(values, count, axis=0)
    column = field.columns[0]
    dims = tuple(dimension_of(instrument, axis) for axis in field.axes[has_times:])
    return Variable(field.name, dims, values, attributes(column, column.label))


def _have_numbers(values: _Array) -> NDArray[np.bool_]:
    """Which of these measurements have a number."""
    return np.asarray((~np.isnan(values)).any(axis=tuple(range(1, values.ndim))))


# --- measurements become others ---------------------------------------------------------------------------------------


def _joined(pieces: Sequence[Measurements]) -> Measurements:
    columns = zip(*(piece.variables for piece in pieces), strict=True)
    variables = [replace(same[0], values=np.concatenate([it.values for it in same])) for same in columns]
    return Measurements(np.concatenate([piece.times for piece in pieces]), variables)


def _sorted(all_: Measurements) -> Measurements:
    return _taken(all_, np.argsort(all_.times, kind="stable"))


def _in_order(all_: Measurements) -> Measurements:
    """Rising in time; of those at one time the last."""
    rising = _sorted(all_)
    is_last = np.append(rising.times[1:] != rising.times[:-1], True)[: len(rising.times)]
    return _taken(rising, np.flatnonzero(is_last))


def _taken(all_: Measurements, rows: NDArray[np.intp]) -> Measurements:
    variables = [replace(variable, values=variable.values[rows]) for variable in all_.variables]
    return Measurements(all_.times[rows], variables)


def _parts(variables: Sequence[Variable], columns: Mapping[str, Column]) -> list[Variable]:
    """Of each its values, 0 for NaN, and 1 where there is one. Angles are points on a circle."""
    found = []
    for variable in variables:
        is_there = ~np.isnan(variable.values)
        values = np.where(is_there, variable.values, 0.0)
        if is_direction(columns[variable.name]):
            values = np.exp(1j * np.radians(values)) * is_there
        about = {"long_name": f"values in the mean of {variable.name}", "standard_name": "number_of_observations"}
        found.append(replace(variable, values=values))
        found.append(Variable(count_name(variable.name), variable.dims, is_there.astype(np.int64), about))
    return found


def _added(all_: Measurements) -> Measurements:
    """Neighbours at one time added up."""
    if not len(all_.times):
        return all_
    first = np.append(0, np.flatnonzero(all_.times[1:] != all_.times[:-1]) + 1)
    variables = [replace(it, values=np.add.reduceat(it.values, first, axis=0)) for it in all_.variables]
    return Measurements(all_.times[first], variables)


def _means(parts: Sequence[Variable], columns: Mapping[str, Column]) -> list[Variable]:
    found = []
    for sums, counts in zip(parts[::2], parts[1::2], strict=True):
        column = columns[sums.name]
        with np.errstate(invalid="ignore"):
            means = sums.values / counts.values
        if is_direction(column):
            means = np.where(counts.values > 0, np.degrees(np.angle(sums.values)), np.nan)
        attrs = attributes(column, column.label, are_means=True) | {"ancillary_variables": counts.name}
        found += [replace(sums, values=means, attrs=attrs), replace(counts, attrs={**counts.attrs, "units": "1"})]
    return found
