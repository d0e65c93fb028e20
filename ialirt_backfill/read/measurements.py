"""Arrays, and among them those along a time of their own: a record of `codice_hi` holds four measurements, and the time
of each of them.

These are put one behind the other, each at its time; what else a record has comes with each of its measurements.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import DayFileError, OddCells
from ialirt_backfill.instruments import Axis, Field, Instrument, Shape
from ialirt_backfill.read.arrays import array_of
from ialirt_backfill.read.averages import count_name
from ialirt_backfill.read.epochs import utc_of
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
    """The measurements of these tables, one behind the other."""
    pieces = [_piece(table, instrument, fields, strict=strict) for table in tables]
    return _in_order(_joined(pieces))


def means_of(
    tables: Iterable[pa.Table], instrument: Instrument, fields: Sequence[Field], every: timedelta, *, strict: bool
) -> Measurements:
    """Their means in stretches as long as ``every``, as in `averages`; with how many values each is of."""
    width = np.timedelta64(every // timedelta(microseconds=1), "us").astype("timedelta64[ns]").astype(np.int64)
    sums = []
    for table in tables:
        piece = _in_order(_piece(table, instrument, fields, strict=strict))
        starts = piece.times.astype(np.int64) // width * width
        sums.append(_added(Measurements(starts.astype("datetime64[ns]"), _parts(piece.variables))))
    added = _added(_sorted(_joined(sums)))
    return Measurements(added.times, _means(added.variables))


# --- a table becomes measurements -------------------------------------------------------------------------------------


def _piece(table: pa.Table, instrument: Instrument, fields: Sequence[Field], *, strict: bool) -> Measurements:
    """A record has one measurement, or as many as the time axis of its arrays is long."""
    axis = next((field.axes[0] for field in fields if field.axes[0].field), None)
    times = instants(table[TIME_UTC])[:, np.newaxis] if axis is None else _times(table[axis.field], axis)
    count, there = times.shape[1], ~np.isnat(times.reshape(-1))
    found = [_array(table, instrument, field, count, strict=strict) for field in fields]
    for variable in found:
        _tell(_lost(variable.values[~there]), f"measurements of {variable.name} have no time", strict=strict)
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


def _array(table: pa.Table, instrument: Instrument, field: Field, count: int, *, strict: bool) -> Variable:
    """The measurements of one field, ``count`` to each record."""
    shape = [len(axis) for axis in field.axes]
    values, odd = array_of(table[field.name], shape)
    _tell(odd, f"arrays of {field.name} are not {' x '.join(map(str, shape))}", strict=strict)
    has_times = bool(field.axes[0].field)
    values = values.reshape(-1, *shape[1:]) if has_times else np.repeat(values, count, axis=0)
    column = field.columns[0]
    dims = tuple(dimension_of(instrument, axis) for axis in field.axes[has_times:])
    return Variable(field.name, dims, values, attributes(column, column.label))


def _lost(values: _Array) -> int:
    """How many of these measurements have a number."""
    return int(np.count_nonzero(~np.isnan(values).all(axis=tuple(range(1, values.ndim)))))


def _tell(count: int, what: str, *, strict: bool) -> None:
    if count:
        said = f"{count:,} {what}: they are read as missing"
        if strict:
            raise DayFileError(said)
        warnings.warn(said, OddCells, stacklevel=2)


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


def _parts(variables: Sequence[Variable]) -> list[Variable]:
    """Of each its values, 0 for NaN, and 1 where there is one."""
    found = []
    for variable in variables:
        is_there = ~np.isnan(variable.values)
        about = {"long_name": f"values in the mean of {variable.name}", "standard_name": "number_of_observations"}
        found.append(replace(variable, values=np.where(is_there, variable.values, 0.0)))
        found.append(Variable(count_name(variable.name), variable.dims, is_there.astype(np.int64), about))
    return found


def _added(all_: Measurements) -> Measurements:
    """Neighbours at one time added up."""
    if not len(all_.times):
        return all_
    first = np.append(0, np.flatnonzero(all_.times[1:] != all_.times[:-1]) + 1)
    variables = [replace(it, values=np.add.reduceat(it.values, first, axis=0)) for it in all_.variables]
    return Measurements(all_.times[first], variables)


def _means(parts: Sequence[Variable]) -> list[Variable]:
    found = []
    for sums, counts in zip(parts[::2], parts[1::2], strict=True):
        with np.errstate(invalid="ignore"):
            means = sums.values / counts.values
        attrs = {**sums.attrs, "cell_methods": "time: mean", "ancillary_variables": counts.name}
        found += [replace(sums, values=means, attrs=attrs), replace(counts, attrs={**counts.attrs, "units": "1"})]
    return found
