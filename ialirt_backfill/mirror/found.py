"""What is there: a table of the mirror's database as it stands, and of which days it has rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ialirt_backfill.mirror.session import DatabaseSession, listed, quoted
from ialirt_backfill.mirror.shape import FoundColumn, FoundTable, Holds

Filter = Mapping[str, str]
"""The rows of one day's file, as columns and what they hold: ``{"file_date": "20260101"}``."""

_NUMBER = "ialirt-backfill number"
"""No column of a team's is called that."""


def find(session: DatabaseSession, table: str) -> FoundTable | None:
    """The table as it is, None where there is none."""
    return _find_in_sqlite(session, table) if session.is_sqlite else _find_in_postgresql(session, table)


def is_empty(session: DatabaseSession, table: str) -> bool:
    """Whether the table has no row, or is not there."""
    if find(session, table) is None:
        return True
    return not session.value(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)})")  # noqa: S608 - our own names


def has_rows(session: DatabaseSession, table: str, found: FoundTable, filters: Sequence[Filter]) -> list[bool]:
    """For each of these days whether the table has any row of it; quick where the columns have an index."""
    if not filters or not filters[0]:
        return [not is_empty(session, table)] * len(filters)
    if not filters[0].keys() <= found.columns.keys():
        return [False] * len(filters)
    if session.is_sqlite:
        there = [f"SELECT EXISTS (SELECT 1 FROM {quoted(table)} WHERE {matching(session, it)})" for it in filters]  # noqa: S608
        return [bool(session.value(query)) for query in there]
    # Asked for in one statement, and in the columns' own types: a text is no match for an index on a date.
    types = {name: found.columns[name].type for name in filters[0]}
    days = ", ".join(
        f"({number}, {', '.join(f'{session.literal(it[name])}::{type_}' for name, type_ in types.items())})"
        for number, it in enumerate(filters)
    )
    on = " AND ".join(f"t.{quoted(name)} = day.{quoted(name)}" for name in types)
    names = listed([_NUMBER, *types])
    is_there = f"EXISTS (SELECT FROM {quoted(table)} t WHERE {on})"
    query = f"SELECT {quoted(_NUMBER)} FROM (VALUES {days}) day ({names}) WHERE {is_there}"  # noqa: S608
    numbers = {number for (number,) in session.rows(query)}
    return [number in numbers for number in range(len(filters))]


def matching(session: DatabaseSession, day: Filter, before: str = "") -> str:
    """The condition for the rows of one day's file."""
    return " AND ".join(f"{before}{quoted(name)} = {session.literal(value)}" for name, value in day.items())


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _find_in_postgresql(session: DatabaseSession, table: str) -> FoundTable | None:
    rows = session.rows(
        "SELECT relkind::text, attname, format_type(atttypid, atttypmod), attnotnull, atthasdef OR attidentity <> '',"  # noqa: S608
        " array_position(indkey::int2[], attnum) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary"
        f" WHERE pg_class.oid = {session.regclass(table)} AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    )
    if not rows:
        return None
    if rows[0][0] in {"v", "m"}:
        return FoundTable({}, (), is_sqlite=False)
    columns = {
        name: FoundColumn(name, _short(type_), _postgresql_holds(type_), nullable=not required, has_default=has_default)
        for _, name, type_, required, has_default, _ in rows
    }
    key = sorted((place, name) for _, name, _, _, _, place in rows if place is not None)
    return FoundTable(columns, tuple(name for _, name in key), is_sqlite=False)


def _short(type_: str) -> str:
    return type_.replace("character varying", "varchar").replace(" without time zone", "")


def _postgresql_holds(type_: str) -> Holds:
    if re.fullmatch(r"timestamp(\(\d\))? without time zone", type_):
        return Holds.TIME
    return {
        "date": Holds.DATE,
        "bigint": Holds.BIGINT,
        "double precision": Holds.DOUBLE,
        "numeric": Holds.NUMERIC,
        "boolean": Holds.BOOLEAN,
        "text": Holds.TEXT,
        "character varying": Holds.TEXT,
        "json": Holds.JSON,
        "jsonb": Holds.JSON,
    }.get(type_, Holds.OTHER)


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _find_in_sqlite(session: DatabaseSession, table: str) -> FoundTable | None:
    name = session.literal(table)
    of_name = f"FROM sqlite_master WHERE name = {name} COLLATE NOCASE AND type IN ('table', 'view')"
    kind = session.value(f"SELECT type {of_name}")
    if kind is None:
        return None
    if kind == "view":
        return FoundTable({}, (), is_sqlite=True)
    rows = session.rows(f'SELECT name, lower(type), "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo({name})')  # noqa: S608
    columns = {
        column: FoundColumn(
            column,
            type_,
            _sqlite_holds(type_),
            nullable=not required,
            has_default=default is not None or bool(hidden),
        )
        for column, type_, required, default, _, hidden in rows
    }
    key = sorted((place, column) for column, _, _, _, place, _ in rows if place)
    return FoundTable(columns, tuple(column for _, column in key), is_sqlite=True)


def _sqlite_holds(type_: str) -> Holds:
    match type_:
        case "timestamp" | "datetime":
            return Holds.TIME
        case "date":
            return Holds.DATE
        case "boolean":
            return Holds.BOOLEAN
        case "integer" | "int" | "bigint" | "smallint":
            return Holds.BIGINT
        case "real" | "float" | "double" | "double precision":
            return Holds.DOUBLE
        case "numeric" | "decimal":
            return Holds.NUMERIC
        case "text" | "varchar":
            return Holds.TEXT
        case "json":
            return Holds.JSON
    return Holds.OTHER
