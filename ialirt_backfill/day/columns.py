"""Answers as I-ALiRT ordinarily gives them: of every record, each value is what the table of instruments says it is.

Takes the bytes of an answer, gives a column of numbers or text for each column of the day's file (`AnswerColumns`); and
makes rows of text of these. Arrow parses such an answer without making an object of any value. It is told the type of
each field and refuses an answer with anything else in it: an unknown field, a text for a number, a fraction in a time.
That answer, and one that these columns could not hold exactly, is left to be decoded into Python's objects; ``rows``
makes the cells of those, and they are the same (but for ``-0``, of which Python's whole numbers lose the sign).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from ialirt_backfill.day.cells import EXACT, filled, in_places, texts_of, without_missing
from ialirt_backfill.day.times import canonical_seconds
from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.plan.coverage import Span

INSTRUMENT = "instrument"
"""The field that names the instrument. The file has no such column: its name says it."""


class _Unusual(Exception):
    """The answer is not as the table of instruments says."""


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """The records of an answer, column by column; all arrays are as long as there are records.

    ``times`` are text as a day's file has it, each later than the one before. Of the columns, integers and codes are
    ``int64``, and measurements are ``float64`` as they came, not converted; null stands where nothing is to be written.
    Nested arrays are lists of either, all of one shape, with fill values as they came.
    """

    times: pa.Array
    columns: Mapping[Column, pa.Array]

    def __len__(self) -> int:
        return len(self.times)


# --- columns become rows of text --------------------------------------------------------------------------------------


def as_text(answers: Sequence[AnswerColumns]) -> pa.Table:
    """One row of text for each record of one or more answers, in their order; columns in the order of the file."""
    cells = {TIME_UTC: pa.concat_arrays([answer.times for answer in answers])}
    for column in sorted({column for answer in answers for column in answer.columns}, key=lambda column: column.name):
        cells[column.name] = _texts(column, _values(column, answers))
    return pa.table(cells)


def _values(column: Column, answers: Sequence[AnswerColumns]) -> list[pa.Array]:
    """The values of one column, answer by answer; nulls where an answer does not have it."""
    kind = next(answer.columns[column].type for answer in answers if column in answer.columns)
    return [answer.columns[column] if column in answer.columns else pa.nulls(len(answer), kind) for answer in answers]


def _texts(column: Column, values: Sequence[pa.Array]) -> pa.Array:
    if column.type is ColumnType.JSON:  # the shape of an array may change from answer to answer
        return pa.concat_arrays([texts_of(column, part) for part in values])
    return texts_of(column, pa.concat_arrays(values))


# --- bytes become a table of arrow's ----------------------------------------------------------------------------------


def decode(instrument: Instrument, body: bytes) -> pa.Table | None:
    """The answer as one row of ``meta`` and ``data``, typed; None where it is not as the table of instruments says."""
    if not body.isascii() or b"\\" in body:  # so that a key stands in it as it is
        return None
    body = body.strip(b" \t\r\n")
    if body[:1] + body[-1:] != b"{}":  # at one that is `null`, arrow 26 ends the process (apache/arrow#47409)
        return None
    try:
        return pa.json.read_json(
            pa.BufferReader(body),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa.json.ParseOptions(
                explicit_schema=_schema(instrument), newlines_in_values=False, unexpected_field_behavior="error"
            ),
        )
    except (pa.ArrowException, OverflowError):  # an overflow: of two gigabytes and more
        return None


@cache
def _schema(instrument: Instrument) -> pa.Schema:
    fields = [(INSTRUMENT, pa.string()), *((entry.name, _type_of(entry)) for entry in instrument.fields)]
    meta = pa.struct([("count", pa.int64()), ("type", pa.string()), ("instrument", pa.string())])
    return pa.schema([("meta", meta), ("data", pa.list_(pa.struct(fields)))])


def _type_of(entry: Field) -> pa.DataType:
    """How arrow is to take a field: a value, a list, a struct, or lists of lists."""
    types = [_type_of_values(column) for column in entry.columns]
    if entry.shape is Shape.OBJECT:
        return pa.struct(list(zip(entry.members, types, strict=True)))
    found = types[0]
    for _ in range(1 if entry.shape is Shape.LIST else entry.depth):
        found = pa.list_(found)
    return found


def _type_of_values(column: Column) -> pa.DataType:
    """How it is to take the values of one column."""
    if column.is_time or column.codes:
        return pa.int64()
    match column.type:
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.TEXT:
            return pa.string()
    return pa.float64()  # counts as well: they share their columns with the fill value, which is a float


# --- that table becomes columns ---------------------------------------------------------------------------------------


def columns_of(instrument: Instrument, window: Span, answer: pa.Table, body: bytes) -> AnswerColumns | None:
    """The columns of an answer that `decode` made of ``body``; None where its records are not ordinary ones."""
    try:
        records = _records(instrument, answer)
        times = _checked_times(records.field(TIME_UTC), window)
        return AnswerColumns(times, _columns(instrument, records, body))
    except (pa.ArrowException, _Unusual):
        return None


def _records(instrument: Instrument, answer: pa.Table) -> pa.StructArray:
    """The records: as many as the answer says, none of them null, all of this instrument."""
    if answer.num_rows != 1:
        raise _Unusual
    meta, data = (answer[name].chunk(0) for name in ("meta", "data"))
    records = data.flatten()
    count, named = (meta.field(name)[0].as_py() for name in ("count", INSTRUMENT))
    if data.null_count or records.null_count or (count is not None and count > len(records)):
        raise _Unusual
    names = records.field(INSTRUMENT)
    are_ours = not names.null_count and pc.all(pc.equal(names, instrument.name), min_count=0).as_py()
    if named not in {None, instrument.name} or not are_ours:
        raise _Unusual
    return records


def _checked_times(times: pa.Array, window: Span) -> pa.Array:
    """The times, which are written as a day's file writes them, and rise inside the window."""
    seconds = canonical_seconds(times)
    if seconds is None:
        raise _Unusual
    start, end = int(window.start.timestamp()), int(window.end.timestamp())
    if len(seconds) and not (start <= seconds[0] and seconds[-1] < end and (np.diff(seconds) > 0).all()):
        raise _Unusual
    return times


def _columns(instrument: Instrument, records: pa.StructArray, body: bytes) -> dict[Column, pa.Array]:
    """The columns of the fields that any record has."""
    columns: dict[Column, pa.Array] = {}
    for entry in instrument.fields:
        values = records.field(entry.name)
        if entry.name == TIME_UTC or not _has_come(body, entry.name, values):
            continue
        if entry.shape is Shape.LIST:
            columns |= zip(entry.columns, _elements(entry, values), strict=True)
        elif entry.shape is Shape.OBJECT:
            for member, column, part in zip(entry.members, entry.columns, values.flatten(), strict=True):
                if _has_come(body, member, part):
                    columns[column] = _exact(column, part)
        else:
            columns[entry.columns[0]] = _exact(entry.columns[0], values)
    return columns


def _has_come(body: bytes, name: str, values: pa.Array) -> bool:
    """Whether any record has this field, be it with null: arrow makes null of what is absent, too."""
    if values.null_count < len(values):
        return True
    key = f'"{name}"'.encode()
    return key in body and re.search(re.escape(key) + rb"\s*:", body) is not None


def _elements(entry: Field, values: pa.Array) -> list[pa.Array]:
    """The first elements of all lists, the second ones, and so on; null where a list is null."""
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
        _check_nested(values)
        return values
    if values.type == pa.float64():
        numbers = _exact_numbers(values)
        return numbers.cast(pa.int64()) if column.type is ColumnType.INTEGER else numbers  # refuses a fraction
    return values


def _check_nested(values: pa.Array) -> None:
    """Raise _Unusual where nested arrays are not of one shape, are empty, or hold numbers that are not exact."""
    numbers = values.drop_null()
    while pa.types.is_list(numbers.type):
        if numbers.null_count or _length(numbers) == 0:
            raise _Unusual
        numbers = numbers.flatten()
    _exact_numbers(numbers)


def _exact_numbers(values: pa.Array) -> pa.Array:
    """The numbers, null for fill values."""
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
