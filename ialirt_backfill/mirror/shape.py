"""Whether a table can take the days of an instrument, and whether it can take the cells of one file. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum

import pyarrow as pa

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import NANOSECONDS, TIME_UTC, Instrument
from ialirt_backfill.mirror.reading import instants, shown
from ialirt_backfill.mirror.tables import COUNT_UNIT, FILE_DATE, Kind, TableColumn, known_columns

_INT64 = 2**63
_BOOLEANS = frozenset({"True", "False", "true", "false", "1", "0"})


class Holds(Enum):
    """What a column that is there can hold; the value is the word of PostgreSQL for it."""

    TIME = "timestamp"
    DATE = "date"
    BIGINT = "bigint"
    DOUBLE = "double precision"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TEXT = "text"
    JSON = "json"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column that a table has. ``type`` is in the database's own words."""

    name: str
    type: str
    holds: Holds
    nullable: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that is there. ``key`` are the columns of its primary key."""

    columns: Mapping[str, FoundColumn]
    key: tuple[str, ...]
    is_sqlite: bool


_MADE_AS = {
    Kind.TIME: Holds.TIME,
    Kind.DATE: Holds.DATE,
    Kind.BIGINT: Holds.BIGINT,
    Kind.FLOAT: Holds.DOUBLE,
    Kind.BOOLEAN: Holds.BOOLEAN,
    Kind.TEXT: Holds.TEXT,
}
_MADE_AS_IN_SQLITE = _MADE_AS | {Kind.TIME: Holds.TEXT, Kind.DATE: Holds.TEXT, Kind.BOOLEAN: Holds.BIGINT}

_ALSO_TAKES = {
    Kind.BIGINT: {Holds.NUMERIC, Holds.TEXT},
    Kind.FLOAT: {Holds.NUMERIC, Holds.TEXT},
    Kind.BOOLEAN: {Holds.TEXT},
}


def made_as(kind: Kind, is_sqlite: bool) -> Holds:
    """What crump makes of a column that is not there yet."""
    return (_MADE_AS_IN_SQLITE if is_sqlite else _MADE_AS)[kind]


# --- tables -----------------------------------------------------------------------------------------------------------


def differences(instrument: Instrument, found: FoundTable) -> list[str]:
    """Why a table cannot take an instrument's days, a line for each reason; none where it can.

    Columns that are missing are added by a load, columns of text that no table of instruments knows are those that
    appeared later, and outgrown ones are changed by a load: none of these is a reason by itself.
    """
    known = known_columns(instrument)
    wanted = [*known, TableColumn(FILE_DATE, FILE_DATE, Kind.DATE)]
    reasons = list(_key_differences(found))
    reasons += [
        f"{column.name} is {found.columns[column.name].type}, not {made_as(column.kind, found.is_sqlite).value}"
        for column in wanted
        if column.name in found.columns and not _takes(found.columns[column.name], column, found.is_sqlite)
    ]
    missing = [column.name for column in wanted if column.name not in found.columns]
    names = {column.name for column in wanted}
    extra = [column for name, column in found.columns.items() if name not in names]
    strangers = [column for column in extra if column.holds is not Holds.TEXT and not column.has_default]
    if FILE_DATE in missing or len(missing) > len(wanted) / 2 or (missing and strangers):
        reasons += [f"{name} is missing" for name in missing]
        reasons += [f"{column.name} {column.type} is in no file of {instrument.name}" for column in strangers]
    reasons += [
        f"{column.name} must be given in every row, and no file of {instrument.name} has it"
        for column in extra
        if not column.nullable and not column.has_default
    ]
    return reasons


def outgrown_columns(instrument: Instrument, found: FoundTable) -> list[str]:
    """Columns of whole numbers, as an earlier version made them, for counts that are measurements now.

    None in SQLite, where a column of whole numbers keeps a fraction as it is.
    """
    if found.is_sqlite:
        return []
    return [
        column.name
        for column in known_columns(instrument)
        if column.name in found.columns and _is_outgrown(found.columns[column.name], column)
    ]


def _is_outgrown(found: FoundColumn, column: TableColumn) -> bool:
    return found.holds is Holds.BIGINT and column.kind is Kind.FLOAT and column.unit == COUNT_UNIT


def _key_differences(found: FoundTable) -> Iterator[str]:
    if not found.columns:
        yield "it is a view"
    elif found.key != (TIME_UTC,):
        yield f"its key is {', '.join(found.key) or 'missing'}, not {TIME_UTC}"


def _takes(found: FoundColumn, column: TableColumn, is_sqlite: bool) -> bool:
    if found.holds is made_as(column.kind, is_sqlite) or found.holds in _ALSO_TAKES.get(column.kind, set()):
        return True
    if _is_outgrown(found, column):
        return True
    if found.holds is Holds.DOUBLE:  # a count may have a fraction, but a time of 18 digits must not lose its last
        return column.kind is Kind.BIGINT and column.unit != NANOSECONDS
    return found.holds is Holds.JSON and column.is_json


# --- one file ---------------------------------------------------------------------------------------------------------


def refuse_doubles(columns: Sequence[TableColumn], found: FoundTable) -> None:
    """MirrorError where a column that the table has yet to get would be another's name to SQLite and to crump."""
    folded = {name.lower(): name for name in found.columns}
    for column in columns:
        if column.name not in found.columns and column.name.lower() in folded:
            raise MirrorError(
                f"the file's column {column.name} differs from the table's {folded[column.name.lower()]} in capitals"
                " alone, which are one name to SQLite and to crump:"
                " rename that of the table"
            )


def forgotten_columns(columns: Sequence[TableColumn], found: FoundTable) -> list[TableColumn]:
    """Columns of the table that the file lacks: their cells are emptied, but not those with a default of their own."""
    names = {FILE_DATE, *(column.name for column in columns)}
    return [
        TableColumn(column.name, column.name, Kind.TEXT)
        for column in found.columns.values()
        if column.name not in names and not column.has_default
    ]


def types_differing(columns: Sequence[TableColumn], found: FoundTable | None) -> dict[str, Kind]:
    """Columns that somebody has given another type, which takes the text of the file as it is."""
    if found is None:
        return {}
    return {
        column.name: Kind.TEXT
        for column in columns
        if column.name in found.columns
        and found.columns[column.name].holds is not made_as(column.kind, found.is_sqlite)
    }


def check_cells(rows: pa.Table, columns: Sequence[TableColumn], found: FoundTable | None, is_sqlite: bool) -> None:
    """Raise MirrorError where a cell of the file is not what its column holds, as far as the database would not say so.

    ``rows`` are all texts. PostgreSQL looks at numbers itself, SQLite keeps whatever it is given.
    """
    for column in columns:
        if column.in_file in rows.column_names:
            there = found.columns.get(column.name) if found else None
            holds = there.holds if there else made_as(column.kind, is_sqlite)
            row = _first_unfit(rows[column.in_file].combine_chunks(), column, holds, is_sqlite)
            if row is not None:
                why = f"the column's type ({holds.value}) cannot hold"
                raise unfit(column.name, rows, column.in_file, row, why, _ADVICE.get(column.kind, CHANGE_TYPE))


CHANGE_TYPE = "change the type of the column, to numeric or text for example, and run again"

_ADVICE = {
    Kind.TIME: "let verify look at the file",
    Kind.BOOLEAN: "change the type of the column to text, and run again",
}
"""What else is to be done about a cell: a key of another type would be no table of the mirror's."""


def unfit(name: str, rows: pa.Table, in_file: str, row: int, why: str, advice: str = CHANGE_TYPE) -> MirrorError:
    """What is said of a cell that a column does not take."""
    cell, time = rows[in_file][row].as_py(), rows[TIME_UTC][row].as_py()
    return MirrorError(f"{name} is {shown(cell)} at {time}, which {why}: {advice}")


def _first_unfit(cells: pa.Array, column: TableColumn, holds: Holds, is_sqlite: bool) -> int | None:
    """The row of the first cell that does not fit. An empty one fits every column but the key."""
    if column.name == TIME_UTC:
        return None if instants(cells) is not None else _first(cells, lambda cell: _is_time(cell, is_sqlite))
    if column.kind is Kind.BOOLEAN and holds is not Holds.TEXT:
        known = _BOOLEANS.issuperset(cells.drop_null().unique().to_pylist())
        return None if known else _first(cells, lambda cell: cell is None or cell in _BOOLEANS)
    if column.kind is Kind.BIGINT and holds is Holds.BIGINT and not _are_bigints(cells):
        return _first(cells, lambda cell: cell is None or _is_bigint(cell, is_sqlite))
    return None


def _first(cells: pa.Array, fits: Callable[[str | None], bool]) -> int | None:
    return next((row for row, cell in enumerate(cells.to_pylist()) if not fits(cell)), None)


def _is_time(cell: str | None, is_sqlite: bool) -> bool:
    try:
        return cell is not None and (is_sqlite or datetime.fromisoformat(cell) is not None)
    except ValueError:
        return False


def _are_bigints(cells: pa.Array) -> bool:
    """Whether all are whole numbers of 64 bits, written in digits."""
    try:
        cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    text = cells.buffers()[2]
    return text is None or b"x" not in text.to_pybytes().lower()  # arrow reads 0x10


def _is_bigint(cell: str, is_sqlite: bool) -> bool:
    """Whether one cell is a bigint, in any way of writing. SQLite keeps a fraction as it is."""
    try:
        number = Decimal(cell)
        whole = number == number.to_integral_value() and "." not in cell and "e" not in cell.lower()
        return (whole or is_sqlite) and -_INT64 <= number < _INT64
    except InvalidOperation:
        return False
