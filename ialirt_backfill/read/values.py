"""The text of a column's cells becomes values of its type; what its type cannot hold is found, cell by cell.

Takes a ``pa.Array`` of text, null where a cell is empty; gives one of the type, and the rows of the cells that it
cannot hold, which are null there. A number that is none (``nan``, an infinity, the fill value) is null as well, and not
worth a word: it is a way to write that a value is missing. What else stands for a missing value in a column, the
catalogue says (`without_fill`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from ialirt_backfill.day.cells import EXACT, without_missing
from ialirt_backfill.instruments import FILL_VALUE

TRUE, FALSE = ("True", "true", "TRUE", "1"), ("False", "false", "FALSE", "0")
"""How flags are written, by us and by others."""

_MISSING = frozenset({"", "nan", "null", "none"})
_FLAGS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INT64 = 2**63
_LEAST = 0.9 * FILL_VALUE
_LARGEST_OF_32_BITS = float(np.finfo(np.float32).max)


class _Odd(Exception):
    """A cell that its column cannot hold."""


def values_of(cells: pa.Array, type_: pa.DataType) -> tuple[pa.Array, list[int]]:
    """The values of these cells, and the rows of those that their type cannot hold."""
    if type_ == pa.string():
        return cells, []
    try:
        return _at_once(cells, type_), []
    except pa.ArrowException:
        return _one_by_one(cells, type_)


def measured(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers (``float64``), null where they are none."""
    if all(_are_usual(chunk) for chunk in numbers.chunks):
        return numbers
    return pa.chunked_array([without_missing(chunk) for chunk in numbers.chunks], pa.float64())


def without_fill(values: pa.Array | pa.ChunkedArray, fill: float | str) -> pa.Array | pa.ChunkedArray:
    """Values, or arrays of them, with null for each that is the fill of their column."""
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([without_fill(chunk, fill) for chunk in values.chunks], values.type)
    if pa.types.is_list(values.type):
        return _with_values(values, without_fill(values.values, fill))
    is_fill = pc.equal(values, pa.scalar(fill, values.type))
    if isinstance(fill, float) and abs(fill) < _LARGEST_OF_32_BITS:  # by way of which it may have come
        is_fill = pc.or_(is_fill, pc.equal(values, float(np.float32(fill))))
    return pc.if_else(is_fill, None, values) if pc.any(is_fill).as_py() else values


def _are_usual(numbers: pa.Array) -> bool:
    """Whether all are numbers for sure, by a look at the memory: what stands there for null may be anything."""
    if not len(numbers):
        return True
    memory = np.frombuffer(numbers.buffers()[1], np.float64, len(numbers), numbers.offset * 8)
    return bool(memory.min() > _LEAST and memory.max() < math.inf)  # never true of NaN


# --- a column at once -------------------------------------------------------------------------------------------------


def _at_once(cells: pa.Array, type_: pa.DataType) -> pa.Array:
    """Raises ArrowException where one of the cells needs to be looked at by itself."""
    if type_ == pa.float64():
        return without_missing(cells.cast(type_))
    if type_ == pa.bool_():
        found = pc.index_in(cells, pa.array([*FALSE, *TRUE]))
        if found.null_count > cells.null_count:
            raise pa.ArrowInvalid("a cell that is no flag")
        return pc.if_else(cells.is_valid(), pc.greater_equal(found, len(FALSE)), None)
    if pa.types.is_list(type_):
        return _nested_at_once(cells, type_)
    return cells.cast(type_)


def _nested_at_once(cells: pa.Array, type_: pa.DataType) -> pa.Array:
    """Arrays in JSON: all cells of the column are read as one document, a line for each."""
    buffer = cells.buffers()[2]
    if buffer is None:
        return pa.nulls(len(cells), type_)
    text = buffer.to_pybytes()
    if any(special in text for special in (b"{", b"}", b"\n", b"\r")):
        raise pa.ArrowInvalid("more than an array in a cell")
    lines = pc.binary_join_element_wise('{"_":', pc.fill_null(cells, "null"), "}\n", "")
    document = lines.buffers()[2]  # where arrow keeps the texts one behind the other
    found = pa.json.read_json(
        pa.BufferReader(document),
        read_options=pa.json.ReadOptions(use_threads=False, block_size=document.size + 1),
        parse_options=pa.json.ParseOptions(
            explicit_schema=pa.schema([("_", type_)]), newlines_in_values=False, unexpected_field_behavior="error"
        ),
    )["_"].combine_chunks()
    if len(found) != len(cells):
        raise pa.ArrowInvalid("more or fewer arrays than cells")
    return _without_missing(found)


def _without_missing(values: pa.Array) -> pa.Array:
    """Arrays with null for each number in them that is none."""
    if not pa.types.is_list(values.type):
        return without_missing(values) if values.type == pa.float64() else values
    return _with_values(values, _without_missing(values.values))


def _with_values(lists: pa.Array, within: pa.Array) -> pa.Array:
    """Lists with others for the values in them."""
    missing = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(lists.offsets, within, mask=missing)


# --- cell by cell -----------------------------------------------------------------------------------------------------


def _one_by_one(cells: pa.Array, type_: pa.DataType) -> tuple[pa.Array, list[int]]:
    read = _reader(type_)
    values: list[Any] = []
    odd = []
    for row, cell in enumerate(cells.to_pylist()):
        text = "" if cell is None else cell.strip()
        try:
            values.append(None if text.lower() in _MISSING else read(text))
        except _Odd:
            values.append(None)
            odd.append(row)
    found = pa.array(values, type_)
    return (_without_missing(found) if type_ == pa.float64() or pa.types.is_list(type_) else found), odd


def _reader(type_: pa.DataType) -> Callable[[str], Any]:
    if type_ == pa.float64():
        return _number
    if type_ == pa.int64():
        return _whole_number
    if type_ == pa.bool_():
        return _flag
    depth = 0
    while pa.types.is_list(type_):
        depth, type_ = depth + 1, type_.value_type
    return lambda text: _nested(text, depth, type_ == pa.int64())


def _number(text: str) -> float:
    try:
        return float(pa.scalar(text).cast(pa.float64()).as_py())
    except pa.ArrowInvalid:
        if _DECIMAL.fullmatch(text) is None:
            raise _Odd from None
        return float(text)


def _whole_number(text: str) -> int | None:
    """Also one with a point and zeros behind it; of one with an exponent the last digits may be lost. None for what is
    no number."""
    try:
        return int(pa.scalar(text).cast(pa.int64()).as_py())
    except pa.ArrowInvalid:
        if _is_none(text):
            return None
        if _DECIMAL.fullmatch(text) is None:
            raise _Odd from None
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent past all bounds
        raise _Odd from None
    if not (-_INT64 <= number < _INT64) or number != number.to_integral_value():
        raise _Odd
    if "e" in text.lower() and abs(number) > EXACT:
        raise _Odd
    return int(number)


def _is_none(text: str) -> bool:
    """Whether this is a way to write that a number is missing: an infinity, or the fill value."""
    try:
        number = _number(text)
    except _Odd:
        return False
    if not math.isfinite(number):
        return _DECIMAL.fullmatch(text) is None  # else it is a number, and too large
    return bool(without_missing(pa.array([number])).null_count)


def _flag(text: str) -> bool:
    if text not in _FLAGS:
        raise _Odd
    return _FLAGS[text]


def _nested(text: str, depth: int, is_whole: bool) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _Odd from None
    return _checked(found, depth, is_whole)


def _checked(value: Any, depth: int, is_whole: bool) -> Any:
    """An array of JSON where it is as deep as it should be, and has nothing but numbers."""
    if value is None:
        return None
    if depth:
        if type(value) is not list:
            raise _Odd
        return [_checked(element, depth - 1, is_whole) for element in value]
    if type(value) not in {int, float}:
        raise _Odd
    if not is_whole:
        return _finite(value)
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    if _is_none(repr(value)):
        return None
    raise _Odd


def _finite(number: float) -> float | None:
    try:
        return float(number) if math.isfinite(number) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None
