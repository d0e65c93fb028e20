"""The tables of the mirror, as the table of instruments has them: names, columns, types. Pure.

A table has the columns of the day's files, under their names, and :data:`FILE_DATE`. Its key is ``time_utc``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Instrument

FILE_DATE = "file_date"
"""The UTC day in the name of the file that a row came from."""

_LONGEST_NAME = 63
"""What PostgreSQL keeps of a name, in bytes."""

_POSTGRESQLS_OWN = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
"""Columns that every table of PostgreSQL has beside its own."""

COUNT_UNIT = "count"


class Kind(Enum):
    """What a column of a table holds; the value is the word for it in crump's configuration."""

    TIME = "datetime"
    DATE = "date"
    BIGINT = "bigint"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"


KIND_OF = {
    ColumnType.INTEGER: Kind.BIGINT,
    ColumnType.MEASUREMENT: Kind.FLOAT,
    ColumnType.BOOLEAN: Kind.BOOLEAN,
    ColumnType.TEXT: Kind.TEXT,
    ColumnType.JSON: Kind.TEXT,
}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table and the column of the file that fills it. ``unit`` is empty where there is none."""

    in_file: str
    name: str
    kind: Kind
    unit: str = ""
    is_json: bool = False


def table_name(instrument: Instrument, prefix: str = "") -> str:
    """The table that an instrument's days are loaded into."""
    return f"{prefix}ialirt_{instrument.name}"


def marker_name(prefix: str = "") -> str:
    """The table that names the tables of synthetic days beside it. Where it is absent, all days are real."""
    return f"{prefix}ialirt_mirror_synthetic"


def known_columns(instrument: Instrument) -> list[TableColumn]:
    """The columns that every file of this instrument may have, ``time_utc`` first."""
    return [_of(column) for column in instrument.columns.values()]


def columns_for(instrument: Instrument, header: Sequence[str]) -> list[TableColumn]:
    """The known columns, then those that a file has besides: as text, because nobody knows what they will hold."""
    columns = known_columns(instrument)
    names = {column.in_file for column in columns}
    taken = {FILE_DATE, *(name.lower() for name in names)}
    for name in header:
        if name not in names:
            late = TableColumn(name, column_name(name, taken), Kind.TEXT)
            taken.add(late.name.lower())
            columns.append(late)
    return columns


def column_name(in_file: str, taken: Collection[str]) -> str:
    """The name of a late column in the database: that of the file wherever both databases and crump can take it.

    ``taken`` are the names of others, in small letters: names that differ in case alone would be one to SQLite.
    """
    fits = len(in_file.encode()) <= _LONGEST_NAME and re.fullmatch(r'[^"%\x00-\x1f\x7f]+', in_file)
    if fits and in_file.lower() not in {*taken, *_POSTGRESQLS_OWN}:
        return in_file
    return _shortened(in_file)


def fitting(name: str) -> str:
    """A name that was made longer, or a shorter one in its place where PostgreSQL would cut it."""
    return name if len(name.encode()) <= _LONGEST_NAME else _shortened(name)


def _shortened(name: str) -> str:
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{plain[: _LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _of(column: Column) -> TableColumn:
    kind = Kind.TIME if column.name == TIME_UTC else KIND_OF[column.type]
    return TableColumn(column.name, column.name, kind, column.unit, column.type is ColumnType.JSON)
