"""Views for people, made inside the database: every record under plain names, and means per minute and per hour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.mirror import markers
from ialirt_backfill.mirror.address import DatabaseAddress
from ialirt_backfill.mirror.found import find
from ialirt_backfill.mirror.lock import exclusive
from ialirt_backfill.mirror.session import DatabaseSession, StatementRefused, quoted
from ialirt_backfill.mirror.shape import FoundColumn, FoundTable, Holds, differences
from ialirt_backfill.mirror.tables import FILE_DATE, fitting, marker_name, table_name
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.read.averages import is_direction

MADE_BY_US = "made by ialirt-backfill mirror views"
"""How a view of ours is known from another's of the same name."""

_NUMBERS = {Holds.BIGINT, Holds.DOUBLE, Holds.NUMERIC, Holds.BOOLEAN}


class Bucket(Enum):
    """The stretches of which means are made; the value ends the view's name."""

    MINUTE = "1min"
    HOUR = "1h"


@dataclass(frozen=True, slots=True)
class MadeView:
    """A view that stands; ``is_new`` is False where it stood already, just so."""

    name: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class ViewsReport:
    """What stands now. ``without_table`` are tables that no load has made yet; ``synthetic`` says that in one of the
    others are the days of a demonstration."""

    database: str
    synthetic: bool
    views: tuple[MadeView, ...]
    without_table: tuple[str, ...]


def make_views(options: MirrorOptions) -> ViewsReport:
    """Make the views of the instruments' tables, or bring them up to date. Raises UsageError and MirrorError."""
    views: list[MadeView] = []
    without_table: list[str] = []
    synthetic = False
    with DatabaseSession(DatabaseAddress(options.database_url)) as session:
        for instrument in options.instruments:
            table = table_name(instrument, options.table_prefix)
            found = find(session, table)
            if found is None:
                without_table.append(table)
                continue
            if reasons := differences(instrument, found):
                raise MirrorError(f"{session.shown} has a table {table} that is not the mirror's: {'; '.join(reasons)}")
            with exclusive(session, table, stopped=lambda: False, waiting=lambda: None):
                synthetic |= markers.is_named(session, table, marker_name(options.table_prefix))
                for name, query in _queries(instrument, table, found, session):
                    views.append(MadeView(name, _make(session, name, query)))
        return ViewsReport(session.shown, synthetic, tuple(views), tuple(without_table))


def view_names(table: str) -> list[str]:
    """The views that a table has."""
    return [f"{table}_records", *(f"{table}_{bucket.value}" for bucket in Bucket)]


# --- what the views say -----------------------------------------------------------------------------------------------


def _queries(
    instrument: Instrument, table: str, found: FoundTable, session: DatabaseSession
) -> Iterator[tuple[str, str]]:
    columns = list(found.columns.values())  # in the order of the table, which only ever grows at its end
    records, *means = view_names(table)
    yield records, _records(table, columns)
    has_sine = not session.is_sqlite or _has_sine(session)
    for name, bucket in zip(means, Bucket, strict=True):
        yield name, _means(instrument, table, columns, bucket, session.is_sqlite, has_sine)


def _records(table: str, columns: Sequence[FoundColumn]) -> str:
    """Every record, under names in small letters, which no one need put in quotes."""
    names = ",\n  ".join(f"{quoted(column.name)} AS {quoted(column.name.lower())}" for column in columns)
    return f"SELECT\n  {names}\nFROM {quoted(table)}"


def _means(
    instrument: Instrument,
    table: str,
    columns: Sequence[FoundColumn],
    bucket: Bucket,
    is_sqlite: bool,
    has_sine: bool,
) -> str:
    """Per minute or hour: its start, the records in it, and of each number mean, min, max and count.

    What a mean is, `read.averages` says. A condition on ``file_date`` or ``time_utc`` reaches the table, where the
    first has an index.
    """
    start = _start(bucket, is_sqlite)
    parts = [FILE_DATE, f"{start} AS {TIME_UTC}", "count(*) AS records"]
    for column in columns:
        known = instrument.columns.get(column.name)
        if column.holds in _NUMBERS and not (known and known.is_time):
            is_angle = known is not None and is_direction(known)
            fill = known.stated_fill if known else None
            parts += _statistics(column, fill, is_angle=is_angle, has_sine=has_sine)
    listed = ",\n  ".join(parts)
    return f"SELECT\n  {listed}\nFROM {quoted(table)}\nGROUP BY {FILE_DATE}, {start}"


def _start(bucket: Bucket, is_sqlite: bool) -> str:
    if is_sqlite:
        length, rest = (16, ":00") if bucket is Bucket.MINUTE else (13, ":00:00")
        return f"substr({TIME_UTC}, 1, {length}) || '{rest}'"
    return f"date_trunc('{'minute' if bucket is Bucket.MINUTE else 'hour'}', {TIME_UTC})"


def _statistics(column: FoundColumn, fill: float | str | None, *, is_angle: bool, has_sine: bool) -> Iterator[str]:
    """A flag counts as 0 or 1, so that its mean is the fraction of records where it is set; a fill does not count.

    The mean of angles is the direction between them, from -180 to 180 degrees: that of 350 and 20 is 5, not 185.
    """
    value = quoted(column.name)
    if column.holds is Holds.BOOLEAN:
        value = f"CAST({value} AS integer)"
    elif isinstance(fill, int | float):
        value = f"nullif({value}, CAST('{fill}' AS {column.holds.value}))"
    mean = f"avg({value})"
    if is_angle:
        mean = f"degrees(atan2(avg(sin(radians({value}))), avg(cos(radians({value})))))"
    name = column.name.lower()
    if has_sine or not is_angle:
        yield f"CAST({mean} AS double precision) AS {quoted(fitting(f'{name}_mean'))}"
    for function in ("min", "max", "count"):
        yield f"{function}({value}) AS {quoted(fitting(f'{name}_{function}'))}"


# --- how they come to stand -------------------------------------------------------------------------------------------


def _has_sine(session: DatabaseSession) -> bool:
    """Whether this SQLite was built with the functions of mathematics."""
    try:
        session.value("SELECT sin(1)")
    except MirrorError:
        return False
    return True


def _make(session: DatabaseSession, name: str, query: str) -> bool:
    """Make the view, or change it; False where it stands already, just so."""
    with session.transaction():
        return (_make_in_sqlite if session.is_sqlite else _make_in_postgresql)(session, name, query)


def _make_in_sqlite(session: DatabaseSession, name: str, query: str) -> bool:
    statement = f"CREATE VIEW {quoted(name)} AS -- {MADE_BY_US}\n{query}"
    there = session.rows(f"SELECT type, sql FROM sqlite_master WHERE name = {session.literal(name)}")  # noqa: S608
    if there:
        [(kind, made)] = there
        if kind != "view" or MADE_BY_US not in made:
            raise _foreign(session.shown, name)
        if made == statement:
            return False
        session.execute(f"DROP VIEW {quoted(name)}")
    session.execute(statement)
    return True


def _make_in_postgresql(session: DatabaseSession, name: str, query: str) -> bool:
    comment = f"{MADE_BY_US} ({hashlib.sha256(query.encode()).hexdigest()[:16]})"
    there = session.rows(
        "SELECT relkind::text, obj_description(oid, 'pg_class') FROM pg_class"  # noqa: S608
        f" WHERE oid = {session.regclass(name)}"
    )
    if there:
        [(kind, remark)] = there
        if kind != "v" or remark is None or not remark.startswith(MADE_BY_US):
            raise _foreign(session.shown, name)
        if remark == comment:
            return False
    try:
        with session.transaction():  # to replace it keeps what was granted on it, and what is built upon it
            session.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS\n{query}")
    except StatementRefused as error:
        if error.state != "42P16":  # the names or types of its columns would change
            raise
        session.execute(f"DROP VIEW {quoted(name)}")
        session.execute(f"CREATE VIEW {quoted(name)} AS\n{query}")
    session.execute(f"COMMENT ON VIEW {quoted(name)} IS {session.literal(comment)}")
    return True


def _foreign(shown: str, name: str) -> MirrorError:
    return MirrorError(
        f"{shown} has a table or view {name} that the mirror did not make, and it was left alone:"
        " give --table-prefix, or another schema or database"
    )
