"""What the columns and fields of an instrument cannot be called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ialirt_backfill.instruments.entries.tables import Table
from ialirt_backfill.instruments.model import Axis, Field, Shape

LONGEST_COLUMN = 63
"""What PostgreSQL takes for the name of a column."""
MOST_COLUMNS = 1000
"""A table of PostgreSQL has room for 1,600 columns of the smallest kind."""
_RESERVED = ("instrument", "file_date", "extra", "time", "component", "bound")
"""What every record has, what every table of the mirror has, and what those who read the days are given beside them."""


def check_names(table: Table, fields: Sequence[Field], axes: Mapping[str, Axis], coordinates: Sequence[str]) -> None:
    """Note what is called like something else: a column, or what those are given who read the days."""
    columns = _columns(table, fields)
    _check_means(table, fields, columns)
    names = columns | {entry.name.lower(): entry.name for entry in fields}
    beside = [("axes", name) for name, axis in axes.items() if not axis.field]
    beside += [("coordinates", it) for it in coordinates]
    for key, name in beside:
        if other := names.get(f"{table.place[0]}_{name}".lower()):
            table.wrong(f"give it another name: in a Dataset it is called like {other}", key, name)


def _columns(table: Table, fields: Sequence[Field]) -> dict[str, str]:
    """Of which field each column is, by its name in small letters, as databases have it."""
    found: dict[str, str] = dict.fromkeys(_RESERVED, "the program")
    for entry in fields:
        for column in entry.columns:
            if len(column.name) > LONGEST_COLUMN:
                table.wrong(f"its column {column.name} has more than {LONGEST_COLUMN} characters", "fields", entry.name)
            if other := found.get(column.name.lower()):
                table.wrong(f"its column {column.name} is one of {other} already", "fields", entry.name)
            found[column.name.lower()] = entry.name
    if len(found) > MOST_COLUMNS:
        table.wrong(f"more than {MOST_COLUMNS:,} columns: no table of a database has room for them", "fields")
    return found


def _check_means(table: Table, fields: Sequence[Field], columns: Mapping[str, str]) -> None:
    """Note the fields that are called like a column of another, and columns like the numbers beside means."""
    instrument = table.place[0]
    for entry in fields:
        other = columns.get(entry.name.lower())
        if entry.shape in {Shape.LIST, Shape.OBJECT} and other not in {None, entry.name}:
            table.wrong(f"it is called like a column of {other}", "fields", entry.name)
        for column in entry.columns:
            of = column.name.lower().removesuffix("_count")
            if column.name.lower() == f"{instrument}_records" or (of != column.name.lower() and of in columns):
                what = f"its column {column.name} is called like a number that stands beside means"
                table.wrong(f"{what}: leave it out, and it is written as it comes", "fields", entry.name)
