"""Columns of arrow as arrays of numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def array_of(column: pa.ChunkedArray) -> NDArray[np.float64] | None:
    """A column of nested lists as one array, row by row: NaN for null. None where its rows are not of one shape."""
    lists = column.combine_chunks()
    there = np.asarray(lists.is_valid())
    numbers, shape = lists.drop_null(), list[int]()
    while pa.types.is_list(numbers.type):
        lengths = pc.unique(numbers.value_lengths()).to_pylist()
        if len(lengths) != 1 or lengths[0] is None:
            return None
        shape += lengths
        numbers = numbers.flatten()
    found = np.full((len(lists), *shape), np.nan)
    found[there] = numbers.to_numpy(zero_copy_only=False).reshape(-1, *shape)
    return found
