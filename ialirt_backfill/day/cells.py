"""Values become the text of their cells, a whole column at once.

Takes the values of one column of the day's file, as Python's objects (`cells_of`) or as an array of arrow's
(`texts_of`); gives a ``pa.Array`` of ``pa.string()``, as long as these, null where a cell is empty.

A column that holds anything unexpected is converted in two parts, the expected values at once and each odd one by
itself, so that one broken value never changes the text of another cell: the text of a cell depends on nothing but its
own value and its column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ialirt_backfill.instruments import FILL_VALUE, Column, ColumnType

# The fill value reaches us by way of 32-bit floats and of text, with and without a decimal point: anything this near to
# it is it.
_FILL_LOW, _FILL_HIGH = 1.01 * FILL_VALUE, 0.99 * FILL_VALUE
EXACT = 2**53
"""Whole numbers up to this one are exact in a float."""
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e10
"""Between these arrow writes floats as JSON does, without an exponent."""
_INT64 = 2**63
NUMBERS = frozenset({int, float, type(None)})
"""The types of what JSON calls a number, and of null."""
_WHOLE = frozenset({int, type(None)})


def cells_of(column: Column, values: Sequence[Any]) -> pa.Array:
    """The text of each value of one column; null where it is missing."""
    if column.codes:
        values = _named(column.codes, values)
    match column.type:
        case ColumnType.MEASUREMENT:
            return _measurements(values)
        case ColumnType.INTEGER:
            return _integers(values)
        case ColumnType.BOOLEAN:
            return _booleans(values)
        case ColumnType.TEXT:
            return _texts(values)
        case ColumnType.JSON:
            return pa.array([text_of(value) for value in values], pa.string())


def texts_of(column: Column, values: pa.Array) -> pa.Array:
    """The text of each value of one column, given an array of the column's type with null where one is missing."""
    if column.codes:
        names = pa.array(column.codes.values(), pa.string())
        return pc.coalesce(
            names.take(pc.index_in(values, pa.array(column.codes, pa.int64()))), pc.cast(values, pa.string())
        )
    match column.type:
        case ColumnType.MEASUREMENT:
            return converted(column, values)[0] if column.polynomial else _decimal_texts(values)
        case ColumnType.INTEGER:
            return pc.cast(values, pa.string())
        case ColumnType.BOOLEAN:
            return pc.if_else(values, "True", "False")
        case ColumnType.TEXT:
            return _without_blanks(values)
        case ColumnType.JSON:
            return _nested_texts(values)


def _apart(
    values: Sequence[Any], expected: Callable[[Any], bool], at_once: Callable[[list[Any]], pa.Array]
) -> pa.Array:
    """The expected values at once, every other one by itself."""
    odd = [not expected(value) for value in values]
    usual = at_once([None if is_odd else value for value, is_odd in zip(values, odd, strict=True)])
    others = [text_of(value) if is_odd else None for value, is_odd in zip(values, odd, strict=True)]
    return pc.coalesce(usual, pa.array(others, pa.string()))


def _measurements(values: Sequence[Any]) -> pa.Array:
    """Decimals in their shortest form; what is no number as it came."""
    # Arrow takes True for 1.0, and refuses whole numbers that a float cannot hold.
    if NUMBERS.issuperset(map(type, values)):
        try:
            return _decimals(values)
        except (pa.ArrowInvalid, OverflowError):
            pass
    return _apart(values, lambda v: type(v) is float or (type(v) is int and -EXACT <= v <= EXACT), _decimals)


def _decimals(values: Sequence[Any]) -> pa.Array:
    return _decimal_texts(without_missing(pa.array(values, pa.float64())))


def _decimal_texts(numbers: pa.Array) -> pa.Array:
    """The shortest text that reads back to the same number."""
    texts = _looked_up(numbers) if len(numbers) >= _WORTH_A_LOOK_UP else None
    return pc.cast(numbers, pa.string()) if texts is None else texts


def converted(column: Column, raw: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Raw numbers (``float64``) by the polynomial of their column, as text and not rounded; and which of them are too
    large for it."""
    few = raw.dictionary_encode()  # they come again and again
    result = pa.scalar(column.polynomial[-1])
    for coefficient in column.polynomial[-2::-1]:
        result = pc.add(pc.multiply(result, few.dictionary), coefficient)
    return pc.cast(result, pa.string()).take(few.indices), pc.invert(pc.is_finite(result)).take(few.indices)


# The server rounds to three decimals. So most measurements are among a few numbers whose texts can be made beforehand,
# and looking one up costs a tenth of making it.
_DECIMALS, _LARGEST = 1000, 100
_WORTH_A_LOOK_UP = 500
"""The table is not made for fewer numbers at once, nor are they looked up: a live poll has a handful."""


@cache
def _texts_beforehand() -> tuple[NDArray[np.float64], pa.Array]:
    """The numbers of three decimals up to the largest, and their texts."""
    numbers = np.arange(-_LARGEST * _DECIMALS, _LARGEST * _DECIMALS + 1) / _DECIMALS
    return numbers, pc.cast(pa.array(numbers), pa.string())


def _looked_up(numbers: pa.Array) -> pa.Array | None:
    """The texts of numbers that all are among those made beforehand; None where one is not."""
    plain, missing = filled(numbers)
    if not (plain.min() >= -_LARGEST and plain.max() <= _LARGEST):  # never true of NaN
        return None
    known, texts = _texts_beforehand()
    places = (np.rint(plain * _DECIMALS) + _LARGEST * _DECIMALS).astype(np.int32)
    if not np.array_equal(known[places].view(np.int64), plain.view(np.int64)):  # bit by bit, for -0 is not 0
        return None
    where = pa.array(places)
    return texts.take(where if missing is None else pc.if_else(numbers.is_valid(), where, None))


def filled(numbers: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """The numbers, with 0 for null; and where null stands, None where it stands nowhere."""
    if not numbers.null_count:
        return numbers.to_numpy(), None
    return numbers.fill_null(0).to_numpy(), np.asarray(numbers.is_null())


def without_missing(numbers: pa.Array) -> pa.Array:
    """Numbers (``float64``) with null where there is none: for fill values, NaN, infinities."""
    plain, missing = filled(numbers)
    if not len(plain) or (plain.min() > _FILL_HIGH and plain.max() < math.inf):  # never true of NaN
        return numbers
    nothing = ~np.isfinite(plain) | ((plain >= _FILL_LOW) & (plain <= _FILL_HIGH))
    return pa.array(plain, mask=nothing if missing is None else nothing | missing)


def _integers(values: Sequence[Any]) -> pa.Array:
    """Whole numbers without a decimal point; what is none as it came."""
    if not _WHOLE.issuperset(map(type, values)):  # arrow would cut the fraction of a float
        values = [_as_whole(value) if type(value) is float else value for value in values]
    if _WHOLE.issuperset(map(type, values)):
        try:
            return _whole_numbers(values)
        except OverflowError:
            pass
    return _apart(values, lambda v: type(v) is int and -_INT64 <= v < _INT64, _whole_numbers)


def _whole_numbers(values: Sequence[int | None]) -> pa.Array:
    return pc.cast(pa.array(values, pa.int64()), pa.string())


def _as_whole(value: float) -> float | None:
    """The whole number that a float stands for, None where it is missing; as it came, where it has a fraction or is not
    exact."""
    if is_missing(value):
        return None
    return int(value) if value.is_integer() and abs(value) < EXACT else value


def _booleans(values: Sequence[Any]) -> pa.Array:
    """``True`` and ``False``; what is neither as it came."""
    try:
        return pc.if_else(pa.array(values, pa.bool_()), "True", "False")
    except (pa.ArrowException, OverflowError):
        return _apart(values, lambda v: type(v) is bool, _booleans)


def _texts(values: Sequence[Any]) -> pa.Array:
    try:
        return _without_blanks(pa.array(values, pa.string()))
    except (pa.ArrowException, ValueError, OverflowError):
        return pa.array([text_of(value) for value in values], pa.string())


def _without_blanks(texts: pa.Array) -> pa.Array:
    is_blank = pc.equal(texts, "")
    return pc.if_else(is_blank, None, texts) if pc.any(is_blank).as_py() else texts


def _named(codes: Mapping[int, str], values: Sequence[Any]) -> list[Any]:
    """The names of codes; a value that is no code as it came."""
    if _WHOLE.issuperset(map(type, values)):
        return list(map(dict(codes).get, values, values))
    return [codes.get(value, value) if type(value) is int else value for value in values]


def _nested_texts(values: pa.Array) -> pa.Array:
    """Nested arrays of numbers, all of one shape, each as compact JSON."""
    missing = np.asarray(values.is_null())
    if missing.all():
        return pa.nulls(len(values), pa.string())
    numbers, shape = values.drop_null(), list[int]()
    while pa.types.is_list(numbers.type):
        shape.append(numbers.value_lengths()[0].as_py())
        numbers = numbers.flatten()
    texts = pc.fill_null(_json_numbers(numbers), "null")
    for depth, length in enumerate(reversed(shape)):
        starts = pa.array(np.arange(0, len(texts) + 1, length, dtype=np.int32))
        texts = pc.binary_join(pa.ListArray.from_arrays(starts, texts), "]" * depth + "," + "[" * depth)
    cells = pc.binary_join_element_wise("[" * len(shape), texts, "]" * len(shape), "")
    return in_places(cells, missing) if missing.any() else cells


def in_places(present: pa.Array, missing: NDArray[np.bool_]) -> pa.Array:
    """As many as ``missing`` has: null where it is true, and in the other places what is ``present``, in order."""
    return present.take(pa.array(np.cumsum(~missing) - 1, mask=missing))


def _json_numbers(numbers: pa.Array) -> pa.Array:
    """Numbers as they stand in JSON."""
    if numbers.type != pa.float64():
        return pc.cast(numbers, pa.string())
    # Counts and what is computed from them come again and again: the text of each is made once.
    few = without_missing(numbers).dictionary_encode()
    different, _ = filled(few.dictionary)
    different = different + 0.0  # there is no whole number -0
    sizes = np.abs(different)
    if ((sizes == 0) | ((sizes >= _SMALLEST_PLAIN) & (sizes < _LARGEST_PLAIN))).all():
        texts = pc.cast(pa.array(different), pa.string())
    else:
        texts = pa.array([json.dumps(_emptied(number)) for number in different.tolist()], pa.string())
    return texts.take(few.indices)


def text_of(value: object) -> str | None:
    """One value as it came; None where it is missing."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list | dict):
        return encodable(json.dumps(_emptied(value), separators=(",", ":"), ensure_ascii=False))
    return repr(value)


def is_missing(value: object) -> bool:
    """Whether there is nothing to write: null, no text, NaN, an infinity, the fill value."""
    if type(value) is float and not math.isfinite(value):
        return True
    if type(value) is float or type(value) is int:
        return _FILL_LOW <= value <= _FILL_HIGH
    return value is None or value == ""


def _emptied(value: Any) -> Any:
    """A list or object with None for what is missing inside it, and whole numbers without a decimal point."""
    if isinstance(value, list):
        return [_emptied(element) for element in value]
    if isinstance(value, dict):
        return {name: _emptied(element) for name, element in value.items()}
    if type(value) is float and value.is_integer() and abs(value) < EXACT:
        return int(value)
    return None if value != "" and is_missing(value) else value


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: halves of surrogate pairs are written as JSON writes them."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
