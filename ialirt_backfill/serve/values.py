"""The columns of a table become the values of HAPI's parameters: arrays of numpy, a row each, with no value missing.

A missing value is the parameter's fill. So is one that its type has no room for: a flag beyond 32 bits, a text that is
too long, an array that is longer than its axes. An array that is shorter is filled up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ialirt_backfill.read.epochs import utc_of
from ialirt_backfill.serve.datasets import DOUBLE_FILL, INSTANT_FILL, INTEGER_FILL, TEXT_FILL, Parameter, Type

_INT32 = np.iinfo(np.int32)
_SECONDS_OF_DAY = 86_400
_NANOSECONDS = 10**9


def dtype_of(parameter: Parameter) -> tuple[Any, ...]:
    """A field of numpy for a parameter's values in a row, as HAPI's binary has them."""
    form = {Type.DOUBLE: "<f8", Type.INTEGER: "<i4"}.get(parameter.type, f"S{parameter.length}")
    return (parameter.name, form, parameter.size) if parameter.size else (parameter.name, form)


@dataclass(slots=True)
class Rows:
    """Some rows of a dataset. What several parameters are made of is made once."""

    table: pa.Table
    _nested: dict[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def values(self, parameter: Parameter) -> NDArray[Any]:
        """The values of a parameter, of its type and shape."""
        if parameter.piece is None and not _is_nested(self.table, parameter):
            columns = [_flat(parameter, self.table[name].combine_chunks()) for name in parameter.columns]
            return np.stack(columns, axis=1) if parameter.size else columns[0]
        return self._of_cell(parameter)

    def _of_cell(self, parameter: Parameter) -> NDArray[Any]:
        """From a column of arrays."""
        (name,) = parameter.columns
        sizes = parameter.size if parameter.piece is None else (parameter.pieces, *parameter.size)
        if name not in self._nested:
            self._nested[name] = elements(self.table[name].combine_chunks(), sizes)
        found = _flat(parameter, self._nested[name]).reshape(len(self), *sizes)
        return found if parameter.piece is None else found[:, parameter.piece]


def _is_nested(table: pa.Table, parameter: Parameter) -> bool:
    return len(parameter.columns) == 1 and pa.types.is_list(table.schema.field(parameter.columns[0]).type)


def elements(arrays: pa.Array, sizes: Sequence[int]) -> pa.Array:
    """The elements of nested lists, one row's behind the other's, as if all were of these sizes: null where one is
    missing, and for all of a list that has too many."""
    for size in sizes:
        lengths = arrays.value_lengths().fill_null(0).to_numpy()
        if (lengths == size).all():
            arrays = arrays.flatten()
            continue
        starts = arrays.offsets.to_numpy()[:-1]
        within = np.arange(size)
        is_there = (within < lengths[:, None]) & (lengths <= size)[:, None]
        arrays = arrays.values.take(pa.array((starts[:, None] + within).ravel(), mask=~is_there.ravel()))
    return arrays


def _flat(parameter: Parameter, values: pa.Array) -> NDArray[Any]:
    """One value each, of the parameter's type."""
    match parameter.type:
        case Type.DOUBLE:
            return np.asarray(values.cast(pa.float64()).fill_null(DOUBLE_FILL))
        case Type.INTEGER:
            return _integers(values)
        case Type.TEXT:
            return _texts(values, parameter.length or 0)
        case Type.TIME:
            return _times(values, parameter.length or 0)


def _integers(values: pa.Array) -> NDArray[np.int32]:
    wide = values.cast(pa.int64()).fill_null(INTEGER_FILL).to_numpy()
    return np.where((wide < _INT32.min) | (wide > _INT32.max), INTEGER_FILL, wide).astype("<i4")


def _texts(values: pa.Array, length: int) -> NDArray[np.bytes_]:
    """In UTF-8. There are few different ones."""
    coded = values.dictionary_encode()
    texts = [text.encode() for text in coded.dictionary.to_pylist()]
    fill = TEXT_FILL.encode()
    known = np.array([*(text if 0 < len(text) <= length else fill for text in texts), fill], f"S{length}")
    found: NDArray[np.bytes_] = known[coded.indices.fill_null(len(texts)).to_numpy()]
    return found


# --- times ------------------------------------------------------------------------------------------------------------


def _times(values: pa.Array, length: int) -> NDArray[np.bytes_]:
    """Whole seconds from the times of records, and nanoseconds from those of Terrestrial Time."""
    if pa.types.is_timestamp(values.type):
        microseconds = values.cast(pa.int64()).to_numpy()
        return _written(microseconds // 10**6, length)
    nanoseconds = utc_of(values).cast(pa.int64())
    missing = np.asarray(nanoseconds.is_null())
    seconds, within = np.divmod(nanoseconds.fill_null(0).to_numpy(), _NANOSECONDS)
    found = _written(seconds, length)
    letters = found.view(np.uint8).reshape(-1, length)
    letters[:, 19] = ord(".")
    for place, part in ((20, within // 10**6), (23, within // 10**3 % 10**3), (26, within % 10**3)):
        letters[:, place : place + 3] = _THOUSANDS[part]
    letters[:, 29] = ord("Z")
    found[missing] = INSTANT_FILL.encode()
    return found


def _written(seconds: NDArray[np.int64], length: int) -> NDArray[np.bytes_]:
    """Unix seconds as ``2026-02-01T00:00:07Z``, with room for more behind them."""
    days, within = np.divmod(seconds, _SECONDS_OF_DAY)
    different, which = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(different.astype("datetime64[D]")).astype("S10")
    found = np.zeros(len(seconds), f"S{length}")
    letters = found.view(np.uint8).reshape(-1, length)
    letters[:, :10] = dates.view(np.uint8).reshape(-1, 10)[which]
    letters[:, 10:20] = _CLOCK[within]
    return found


def _letters(texts: list[str]) -> NDArray[np.uint8]:
    """Texts of one length, a row each."""
    return np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), -1)


_CLOCK = _letters([f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(_SECONDS_OF_DAY)])
_THOUSANDS = _letters([f"{number:03}" for number in range(1000)])
