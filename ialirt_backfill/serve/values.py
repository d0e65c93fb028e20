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
from ialirt_backfill.serve.datasets import INSTANT_FILL, INTEGER_FILL, TEXT_FILL, Parameter, Type

_INT32 = np.iinfo(np.int32)
_SECONDS_OF_DAY = 86_400
_NANOSECONDS = 10**9


def dtype_of(parameter: Parameter) -> tuple[Any, ...]:
    """A field of numpy for a parameter's values in a row, as HAPI's binary has them: texts as bytes without a meaning,
    which are copied faster."""
    form = {Type.DOUBLE: "<f8", Type.INTEGER: "<i4"}.get(parameter.type, f"V{parameter.length}")
    return (parameter.name, form, parameter.size) if parameter.size else (parameter.name, form)


@dataclass(slots=True)
class HapiRows:
    """Some rows of a dataset. What several parameters are made of is made once."""

    batch: pa.RecordBatch
    _nested: dict[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def values(self, parameter: Parameter) -> NDArray[Any]:
        """The values of a parameter, of its type and shape."""
        if pa.types.is_list(self.batch.schema.field(parameter.columns[0]).type):
            return self._of_cell(parameter)
        columns = [_flat(parameter, self.batch[name]) for name in parameter.columns]
        return np.stack(columns, axis=1) if parameter.size else columns[0]

    def _of_cell(self, parameter: Parameter) -> NDArray[Any]:
        """From a column of arrays."""
        (name,) = parameter.columns
        sizes = parameter.size if parameter.piece is None else (parameter.pieces, *parameter.size)
        if name not in self._nested:
            self._nested[name] = elements(self.batch[name], sizes)
        found = _flat(parameter, self._nested[name]).reshape(len(self), *sizes)
        return found if parameter.piece is None else found[:, parameter.piece]


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
            return np.asarray(values.cast(pa.float64(), safe=False).fill_null(float(parameter.fill or "nan")))
        case Type.INTEGER:
            return _integers(values, int(parameter.fill or INTEGER_FILL))
        case Type.TEXT:
            return _texts(values, parameter.length or 0, (parameter.fill or TEXT_FILL).encode())
        case Type.TIME:
            return _times(values, parameter.length or 0)


def _integers(values: pa.Array, fill: int) -> NDArray[np.int32]:
    wide = values.cast(pa.int64()).fill_null(fill).to_numpy()
    return np.where((wide < _INT32.min) | (wide > _INT32.max), fill, wide).astype("<i4")


def _texts(values: pa.Array, length: int, fill: bytes) -> NDArray[np.bytes_]:
    """In UTF-8. There are few different ones."""
    coded = values.dictionary_encode()
    texts = [text.encode() for text in coded.dictionary.to_pylist()]
    known = np.array([*(text if 0 < len(text) <= length else fill for text in texts), fill], f"S{length}")
    found: NDArray[np.bytes_] = known[coded.indices.fill_null(len(texts)).to_numpy()]
    return found


# --- times ------------------------------------------------------------------------------------------------------------


def _times(values: pa.Array, length: int) -> NDArray[np.bytes_]:
    """Whole seconds from the times of records, and nanoseconds from those of Terrestrial Time."""
    if pa.types.is_timestamp(values.type):
        found = np.empty(len(values), _SECOND)
        _write_seconds(found, values.cast(pa.int64()).to_numpy() // 10**6)
        return found.view(f"S{length}")
    nanoseconds = utc_of(values).cast(pa.int64())
    seconds, within = np.divmod(nanoseconds.fill_null(0).to_numpy(), _NANOSECONDS)
    found = np.empty(len(values), _INSTANT)
    _write_seconds(found, seconds)
    found["point"] = _letter(".")
    for name, part in (("milli", within // 10**6), ("micro", within // 10**3 % 10**3), ("nano", within % 10**3)):
        found[name] = _THOUSANDS.take(part)
    texts = found.view(f"S{length}")
    if nanoseconds.null_count:
        texts[np.asarray(nanoseconds.is_null())] = INSTANT_FILL.encode()
    return texts


def _write_seconds(found: NDArray[np.void], seconds: NDArray[np.int64]) -> None:
    """Unix seconds as ``2026-02-01T00:00:07``, and the ``Z`` at the end."""
    days, within = np.divmod(seconds, _SECONDS_OF_DAY)
    different, which = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(different.astype("datetime64[D]")).astype("S10").view("V10")
    found["date"] = dates.take(which)
    found["clock"] = _CLOCK.take(within)
    found["zone"] = _letter("Z")


def _table(texts: list[str]) -> NDArray[np.void]:
    """Texts of one length, to be looked up by their number. (As bytes without a meaning they are copied fastest.)"""
    return np.array(texts, f"S{len(texts[0])}").view(f"V{len(texts[0])}")


def _letter(letter: str) -> np.void:
    return np.void(letter.encode())


_CLOCK = _table([f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(_SECONDS_OF_DAY)])
_THOUSANDS = _table([f"{number:03}" for number in range(1000)])
_SECOND = np.dtype([("date", "V10"), ("clock", "V9"), ("zone", "V1")])
_INSTANT = np.dtype(
    [
        ("date", "V10"),
        ("clock", "V9"),
        ("point", "V1"),
        ("milli", "V3"),
        ("micro", "V3"),
        ("nano", "V3"),
        ("zone", "V1"),
    ]
)
