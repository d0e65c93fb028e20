"""The one schema that an instrument's days are read with: the same columns and types, whatever a day's file holds.

``time_utc`` first, the other columns of the table of instruments in the order of the files, and last ``extra``: what
the columns have no room for, as text, by the name of its column. A field says in its metadata (text in UTF-8), as far
as it is known, its ``unit`` (a VOUnit), ``mission_unit`` (in the words of the mission's daily CDF), ``description``,
``label`` (short enough for an axis), ``kind``, ``fill`` (what the science centre writes where a value is missing: here
it is null), ``valid_min``, ``valid_max``, and ``scopes`` (of the keys that are shown it, with a comma between).

Flags are ``bool``, counts, times and other whole numbers ``int64``, what is measured ``float64``, and arrays are lists
of these, as deep as they are nested. These are types that every program that reads Parquet knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache

import pyarrow as pa

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Instrument
from ialirt_backfill.read.epochs import INSTANT

EXTRA = "extra"
"""The column for what the other columns have no room for: columns that only a file has, and cells of another kind."""

TIME = pa.timestamp("us", "UTC")
"""The type of ``time_utc``. Microseconds, as pandas 3 has them: Parquet has no seconds."""

EXTRA_TYPE = pa.map_(pa.string(), pa.string())

AS_UTC = "_utc"
"""Behind the name of a column of nanoseconds: the times in UTC that are made of it, for who asks for them by name."""

_TYPES = {
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.MEASUREMENT: pa.float64(),
    ColumnType.TEXT: pa.string(),
}


@lru_cache(maxsize=64)
def schema_of(instrument: Instrument) -> pa.Schema:
    """The schema of every day of an instrument."""
    fields = {field.name: field for field in _fields(instrument)}
    names = [TIME_UTC, *sorted(fields.keys() - {TIME_UTC})]
    extra = pa.field(EXTRA, EXTRA_TYPE, metadata=_encoded({"description": "what the other columns have no room for"}))
    about = _encoded({"instrument": instrument.name, "title": instrument.title})
    return pa.schema([*(fields[name] for name in names), extra], metadata=about)


def projected(instrument: Instrument, columns: Sequence[str] | None) -> pa.Schema:
    """The schema of some columns, in the order given, after ``time_utc``; of all where None are given.

    A field of the API stands for all of its columns: ``mag_B_GSE`` for those of its three components. A column of
    nanoseconds with ``_utc`` behind its name is its times in UTC: ``mag_epoch_utc``. Raises UsageError for a name that
    the instrument does not have.
    """
    schema = schema_of(instrument)
    if columns is None:
        return schema
    fields = {TIME_UTC: schema.field(TIME_UTC)}
    for name in columns:
        found = fields_named(instrument, name)
        if not found:
            raise unknown_column(name, [instrument])
        fields |= {field.name: field for field in found}
    return pa.schema(fields.values(), metadata=schema.metadata)


def fields_named(instrument: Instrument, name: str) -> list[pa.Field]:
    """What a name stands for; nothing where the instrument does not have it."""
    schema = schema_of(instrument)
    if name in schema.names:
        return [schema.field(name)]
    for entry in instrument.fields:
        if entry.name == name:
            return [schema.field(column.name) for column in entry.columns]
    return [_in_utc(schema.field(it)) for it in _times(instrument) if name == f"{it}{AS_UTC}"]


def unknown_column(name: str, instruments: Sequence[Instrument]) -> UsageError:
    """What is said of a column that none of the instruments has."""
    known = dict.fromkeys(
        it
        for instrument in instruments
        for it in (
            *schema_of(instrument).names,
            *(entry.name for entry in instrument.fields),
            *(f"{time}{AS_UTC}" for time in _times(instrument)),
        )
    )
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}"
    return UsageError(f"{' and '.join(it.name for it in instruments)}: there is no column {name!r}.{hint}")


def is_of_numbers(type_: pa.DataType) -> bool:
    """Whether these are arrays of what is measured, and not of times."""
    while pa.types.is_list(type_):
        type_ = type_.value_type
    return bool(type_ == pa.float64())


def _times(instrument: Instrument) -> list[str]:
    """The columns of nanoseconds."""
    return [name for name, column in instrument.columns.items() if column.is_time]


def _in_utc(field: pa.Field) -> pa.Field:
    type_ = pa.list_(INSTANT) if pa.types.is_list(field.type) else INSTANT
    return pa.field(f"{field.name}{AS_UTC}", type_, metadata=_encoded({"description": f"{field.name}, in UTC"}))


def stored(instrument: Instrument, schema: pa.Schema) -> pa.Schema:
    """The columns of the files that a schema, projected or not, is made of."""
    whole = schema_of(instrument)
    names = dict.fromkeys(name if name in whole.names else name.removesuffix(AS_UTC) for name in schema.names)
    return pa.schema([whole.field(name) for name in names if name != EXTRA])


def _fields(instrument: Instrument) -> Iterator[pa.Field]:
    for entry in instrument.fields:
        for column in entry.columns:
            type_ = TIME if column.name == TIME_UTC else _type_of(column, entry.depth)
            yield pa.field(column.name, type_, metadata=_encoded(_about(column, column.scopes or instrument.scopes)))


def _type_of(column: Column, depth: int) -> pa.DataType:
    if column.type is not ColumnType.JSON:
        return _TYPES[column.type]
    found = pa.int64() if column.is_time else pa.float64()
    for _ in range(depth):
        found = pa.list_(found)
    return found


def _about(column: Column, scopes: Sequence[str]) -> dict[str, str]:
    return {
        "unit": column.unit,
        "mission_unit": column.mission_unit,
        "description": column.description,
        "label": column.label,
        "kind": column.kind.value,
        "fill": column.fill if isinstance(column.fill, str) else _number(column.fill),
        "valid_min": _number(column.valid_min),
        "valid_max": _number(column.valid_max),
        "scopes": ",".join(scopes),
    }


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _encoded(words: dict[str, str]) -> dict[bytes, bytes]:
    """As arrow keeps metadata; what is not known is left out."""
    return {name.encode(): word.encode() for name, word in words.items() if word}
