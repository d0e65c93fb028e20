"""Columns of arrow as arrays of numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def shape_of(column: pa.ChunkedArray) -> tuple[int, ...] | None:
    """The shape that all arrays of a column of nested lists have; None where they differ, or there are none."""
    lists, shape = column.combine_chunks().drop_null(), list[int]()
    while pa.types.is_list(lists.type):
        lengths = set(lists.value_lengths().unique().to_pylist())
        if len(lengths) != 1 or None in lengths:
            return None
        shape += lengths
        lists = lists.flatten()
    return tuple(shape)


def array_of(column: pa.ChunkedArray, shape: Sequence[int]) -> tuple[NDArray[np.float64], int]:
    """A column of nested lists as one array, row by row, NaN for null; and how many of its rows are not of this shape,
    which are NaN as well."""
    found = np.full((len(column), *shape), np.nan)
    there = np.asarray(column.combine_chunks().is_valid())
    if shape_of(column) == tuple(shape):
        numbers = column.combine_chunks().drop_null()
        while pa.types.is_list(numbers.type):
            numbers = numbers.flatten()
        found[there] = numbers.to_numpy(zero_copy_only=False).reshape(-1, *shape)
        return found, 0
    odd = 0
    for row in np.flatnonzero(there):
        if _has(value := column[int(row)].as_py(), shape):
            found[row] = np.array(value, np.float64)
        else:
            odd += 1
    return found, odd


def _has(value: object, shape: Sequence[int]) -> bool:
    """Whether lists of numbers are of this shape."""
    if not shape:
        return not isinstance(value, list)
    return isinstance(value, list) and len(value) == shape[0] and all(_has(element, shape[1:]) for element in value)
