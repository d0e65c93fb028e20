"""What of an instrument's definition shapes its files, as a checksum: so that a day can be told that was written under
another one.

That is the fields, the columns they become, and how their values are written. Words, labels, units and the names of
files shape nothing: changing them leaves every file as it is.
"""

from __future__ import annotations

import json
from functools import cache

from ialirt_backfill.instruments.model import Column, Field, Instrument

LENGTH = 16
"""So many hexadecimal digits of the checksum are kept."""


@cache
def definition_of(instrument: Instrument) -> str:
    """The checksum of what shapes an instrument's files."""
    import hashlib  # noqa: PLC0415 - --help needs none

    shapes = sorted((_field(entry) for entry in instrument.fields), key=lambda shape: str(shape[0]))
    return hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:LENGTH]


def _field(entry: Field) -> list[object]:
    parts = [[member, *_column(column)] for member, column in zip(entry.members, entry.columns, strict=False)]
    columns = sorted(parts, key=str) or [_column(column) for column in entry.columns]  # the order of members is nothing
    return [entry.name, entry.shape.value, entry.depth, entry.prefix, columns]


def _column(column: Column) -> list[object]:
    codes = sorted(column.codes.items())
    return [column.name, column.type.value, column.is_time, [float(it) for it in column.polynomial], codes]
