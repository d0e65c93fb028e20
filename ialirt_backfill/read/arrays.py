"""Columns of arrow as arrays of numpy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

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


def array_of(column: pa.ChunkedArray, shape: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """A column of nested lists as one array, row by row, NaN for null; and the rows whose lists are not of this shape,
    which are NaN as well."""
    lists = column.combine_chunks()
    there = np.flatnonzero(np.asarray(lists.is_valid()))
    rows, lists = there, lists.drop_null()
    for depth, size in enumerate(shape):
        within = lists
        for _ in range(depth):
            within = within.flatten()
        lengths = within.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False)
        is_so = (lengths == size).reshape(len(rows), prod(shape[:depth])).all(axis=1)
        if not is_so.all():
            rows, lists = rows[is_so], lists.filter(pa.array(is_so))
    found = np.full((len(column), *shape), np.nan)
    for _ in shape:
        lists = lists.flatten()
    found[rows] = lists.to_numpy(zero_copy_only=False).reshape(len(rows), *shape)
    return found, np.setdiff1d(there, rows)


def lists_of(values: NDArray[Any], type_: pa.DataType) -> pa.Array:
    """An array, row by row, as nested lists of a type; null for NaN, and for rows that have nothing else."""
    found = pa.array(values.reshape(-1), from_pandas=True)
    is_empty = np.isnan(values).reshape(len(values), prod(values.shape[1:])).all(axis=1)
    for depth in range(values.ndim - 1, 0, -1):
        offsets = np.arange(prod(values.shape[:depth]) + 1, dtype=np.int32) * values.shape[depth]
        found = pa.ListArray.from_arrays(pa.array(offsets), found, mask=pa.array(is_empty) if depth == 1 else None)
    return found.cast(type_)
