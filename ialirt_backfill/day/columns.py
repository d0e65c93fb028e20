"""Answers as I-ALiRT ordinarily gives them: of every record, each value is what the table of instruments says it is.

Arrow parses such an answer into columns without making an object of any value. It is told the type of each field and
refuses an answer with anything else in it: an unknown field, a text for a number, a fraction in a time. That answer,
and one that these arrays could not hold exactly, is decoded into Python's objects instead; ``records`` makes the same
cells of both (but for ``-0``, of which Python's whole numbers lose the sign).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from ialirt_backfill.day.cells import EXACT, filled, in_places, texts_of, without_missing
from ialirt_backfill.day.times import TIME_UTC, canonical_seconds
from ialirt_backfill.instruments import Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.plan.coverage import Span

INSTRUMENT = "instrument"
"""The field that names the instrument. The file has no such column: its name says it."""

one_at_a_time = threading.Lock()
"""Threads that make columns side by side fight for the interpreter at each of arrow's hundred calls a window: they gain
no time, and lose CPU."""


class _Unusual(Exception):
    """The answer is not as the table of instruments says."""


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """The records of an answer, column by column.

    ``times`` are text as a day's file has it, each later than the one before. Of the columns, integers and codes are
    ``int64``, and measurements are ``float64`` as they came, not converted; null stands where nothing is to be written.
    Nested arrays are lists of either, all of one shape, with fill values as they came.
    """

    times: pa.Array
    columns: Mapping[Column, pa.Array]

    def __len__(self) -> int:
        return len(self.times)


Records = Sequence[object] | AnswerColumns
"""The records of an answer: as columns, or one by one as they came where anything about them is unusual."""


def rows_of(parts: Sequence[AnswerColumns]) -> pa.Table:
    """One row of text for each record of these answers, in their order."""
    cells = {TIME_UTC: pa.concat_arrays([part.times for part in parts])}
    for column in sorted({column for part in parts for column in part.columns}, key=lambda column: column.name):
        kind = next(part.columns[column].type for part in parts if column in part.columns)
        cells[column.name] = _texts(
            column, [part.columns[column] if column in part.columns else pa.nulls(len(part), kind) for part in parts]
        )
    return pa.table(cells)


def _texts(column: Column, values: Sequence[pa.Array]) -> pa.Array:
    if column.type is ColumnType.JSON:  # the shape of an array may change from answer to answer
        return pa.concat_arrays([texts_of(column, part) for part in values])
    return texts_of(column, pa.concat_arrays(values))


def parsed(instrument: Instrument, window: Span, body: bytes) -> AnswerColumns | None:
    """The records of an answer, given its text; None where it is not an ordinary one."""
    if not body.isascii() or b"\\" in body:  # so that a key stands in it as it is
        return None
    body = body.strip(b" \t\r\n")
    if body[:1] + body[-1:] != b"{}":  # arrow breaks down, and the process with it, at one that is `null`
        return None
    try:
        answer = pa.json.read_json(
            pa.BufferReader(body),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa.json.ParseOptions(
                explicit_schema=_schema(instrument), newlines_in_values=False, unexpected_field_behavior="error"
            ),
        )
        with one_at_a_time:
            return _arrays(instrument, window, answer, body)
    except (pa.ArrowException, OverflowError, _Unusual):  # an overflow: of two gigabytes and more
        return None


@cache
def _schema(instrument: Instrument) -> pa.Schema:
    fields = [(INSTRUMENT, pa.string()), *((entry.name, _type_of(entry)) for entry in instrument.fields)]
    meta = pa.struct([("count", pa.int64()), ("type", pa.string()), ("instrument", pa.string())])
    return pa.schema([("meta", meta), ("data", pa.list_(pa.struct(fields)))])


def _type_of(entry: Field) -> pa.DataType:
    types = [_type_of_values(column) for column in entry.columns]
    if entry.shape is Shape.OBJECT:
        return pa.struct(list(zip(entry.members, types, strict=True)))
    found = types[0]
    for _ in range(1 if entry.shape is Shape.LIST else entry.depth):
        found = pa.list_(found)
    return found


def _type_of_values(column: Column) -> pa.DataType:
    if column.is_time or column.codes:
        return pa.int64()
    match column.type:
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.TEXT:
            return pa.string()
    return pa.float64()  # counts as well: they share their columns with the fill value, which is a float


def _arrays(instrument: Instrument, window: Span, answer: pa.Table, body: bytes) -> AnswerColumns:
    if answer.num_rows != 1:
        raise _Unusual
    meta, data = (answer[name].chunk(0) for name in ("meta", "data"))
    records = data.flatten()
    count, named = (meta.field(name)[0].as_py() for name in ("count", INSTRUMENT))
    if data.null_count or records.null_count or (count is not None and count > len(records)):
        raise _Unusual
    if named not in {None, instrument.name}:
        raise _Unusual
    times, names = records.field(TIME_UTC), records.field(INSTRUMENT)
    is_ours = pc.all(pc.equal(names, instrument.name), min_count=0).as_py()
    seconds = canonical_seconds(times)
    if not is_ours or names.null_count or seconds is None:
        raise _Unusual
    start, end = int(window.start.timestamp()), int(window.end.timestamp())
    if len(seconds) and not (start <= seconds[0] and seconds[-1] < end and (np.diff(seconds) > 0).all()):
        raise _Unusual

    def has_come(name: str, values: pa.Array) -> bool:
        """Whether any record has this field, be it with null: arrow makes null of what is absent, too."""
        if values.null_count < len(values):
            return True
        key = f'"{name}"'.encode()
        return key in body and re.search(re.escape(key) + rb"\s*:", body) is not None

    columns: dict[Column, pa.Array] = {}
    for entry in instrument.fields:
        values = records.field(entry.name)
        if entry.name == TIME_UTC or not has_come(entry.name, values):
            continue
        if entry.shape is Shape.LIST:
            columns |= zip(entry.columns, _elements(entry, values), strict=True)
        elif entry.shape is Shape.OBJECT:
            members = zip(entry.members, entry.columns, values.flatten(), strict=True)
            columns |= {column: _exact(column, part) for member, column, part in members if has_come(member, part)}
        else:
            columns[entry.columns[0]] = _exact(entry.columns[0], values)
    return AnswerColumns(times, columns)


def _elements(entry: Field, values: pa.Array) -> list[pa.Array]:
    """The first elements of all lists, the second ones, and so on."""
    size = len(entry.columns)
    if _length(values) not in {None, size}:
        raise _Unusual
    elements = _exact(entry.columns[0], values.flatten())  # of the lists that are not null; all columns have one type
    first = pa.array(np.arange(0, len(elements), size, dtype=np.int32))
    if values.null_count:
        first = in_places(first, np.asarray(values.is_null()))
    return [elements.take(pc.add(first, pa.scalar(place, pa.int32()))) for place in range(size)]


def _length(values: pa.Array) -> int | None:
    """How long all of these lists are, but for those that are null; None where there is no list."""
    lengths = pc.min_max(pc.list_value_length(values)).as_py()
    if lengths["min"] != lengths["max"]:
        raise _Unusual
    found: int | None = lengths["min"]
    return found


def _exact(column: Column, values: pa.Array) -> pa.Array:
    """The values in the type of their column, null where they are missing."""
    if column.type is ColumnType.JSON:
        numbers = values.drop_null()
        while pa.types.is_list(numbers.type):
            if numbers.null_count or _length(numbers) == 0:
                raise _Unusual
            numbers = numbers.flatten()
        _exact_numbers(numbers)
        return values
    if values.type == pa.float64():
        numbers = _exact_numbers(values)
        return numbers.cast(pa.int64()) if column.type is ColumnType.INTEGER else numbers  # refuses a fraction
    return values


def _exact_numbers(values: pa.Array) -> pa.Array:
    """The same numbers, null for fill values."""
    if values.type != pa.float64() or _are_exact(values):
        return values
    numbers = without_missing(values)
    if not _are_exact(numbers) or not np.isfinite(filled(values)[0]).all():  # arrow reads 400 digits as infinity
        raise _Unusual
    return numbers


def _are_exact(values: pa.Array) -> bool:
    """Whether all are so small that a whole number among them has lost no digits, on its way into a float."""
    numbers, _ = filled(values)
    return not len(numbers) or bool(numbers.min() > -EXACT and numbers.max() < EXACT)  # never true of NaN
