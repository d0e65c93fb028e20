"""The rows of one day on their way: into a temporary table with the types of the table they are for, then merged.

All of it in one transaction, so that whoever reads the table sees the old day or the new one. Rows that did not change
are not written: that would be bloat, and work for every replica.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import csv as pa_csv

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import TIME_UTC
from ialirt_backfill.mirror import shape
from ialirt_backfill.mirror.found import Filter, find, matching
from ialirt_backfill.mirror.reading import are_rising, shown
from ialirt_backfill.mirror.session import DatabaseSession, StatementRefused, listed, quoted

_NAME = "ialirt-backfill day"
_ORDER = "ialirt-backfill row"
"""The place of a row in the file: of rows with one key the last counts, as with crump."""

_INT64 = 2**63

_MADE_BY_THE_JOB = "let the job make a text of it, or another number"

BOOLEANS = {"true": 1, "yes": 1, "y": 1, "1": 1, "false": 0, "no": 0, "n": 0, "0": 0}
"""Words that are the same boolean to crump and to PostgreSQL, in small letters."""


@dataclass(frozen=True, slots=True)
class CellSource:
    """A column of the file and the column of the table that it fills.

    ``keeps_empty``: an empty cell is an empty text there, not NULL.
    """

    in_file: str
    column: str
    keeps_empty: bool = False
    is_boolean: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """Rows that were new or changed, and rows that were gone."""

    written: int
    deleted: int


class Staging:
    """The temporary table for one day of ``table``, inside a transaction.

    ``columns`` are all that are written, ``key`` those of the primary key, ``constant`` what all rows have in common
    (which are columns, too). ``is_timed``: rows of different times have different keys.
    """

    def __init__(
        self,
        session: DatabaseSession,
        table: str,
        columns: Sequence[str],
        key: Sequence[str],
        constant: Mapping[str, str | None],
        *,
        is_timed: bool = False,
    ) -> None:
        self._session, self._table, self._columns, self._key, self._constant = session, table, columns, key, constant
        self._is_timed = is_timed
        self._place = f"{'temp' if session.is_sqlite else 'pg_temp'}.{quoted(_NAME)}"
        self._has_order = False
        (self._make_in_sqlite if session.is_sqlite else self._make_in_postgresql)()

    # --- filled -------------------------------------------------------------------------------------------------------

    def fill(self, rows: pa.Table, sources: Sequence[CellSource]) -> None:
        """Take in a file's rows, text as it stands. MirrorError names the cell that its column does not take."""
        if self._session.is_sqlite:
            self._fill_sqlite(rows, sources)
            return
        if not (self._is_timed and are_rising(rows[TIME_UTC].combine_chunks())):
            self._keep_order()
        try:
            self._copy(rows, sources)
        except StatementRefused as error:
            blamed = self._blamed(rows, sources) if error.may_be_of_a_cell else None
            raise blamed or error from None

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take in rows whose cells are whatever crump has made of them, in the order of the columns.

        MirrorError names the cell that its column does not take.
        """
        if self._session.is_sqlite:
            self._insert_sqlite(self._columns, map(self._for_sqlite, rows))
            return
        self._keep_order()
        try:
            self._insert(self._columns, rows)
        except StatementRefused as error:
            blamed = self._blamed_of(rows) if error.may_be_of_a_cell else None
            raise blamed or error from None

    # --- merged -------------------------------------------------------------------------------------------------------

    def merge(self, day: Filter) -> Merged:
        """Bring the table to the state of the file: ``day`` are the rows of the table that the file speaks of."""
        session, table, stage = self._session, quoted(self._table), self._place
        self._leave_last()
        same_key = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in self._key)
        of_day = matching(session, day, "t.")
        deleted = 0
        if day:
            if not session.is_sqlite:
                # Without statistics the planner takes the day for a few rows, and would look through all for each.
                session.execute("SET LOCAL enable_nestloop = off")
            gone = f"NOT EXISTS (SELECT 1 FROM {stage} s WHERE {same_key})"  # noqa: S608
            deleted = session.execute(f"DELETE FROM {table} AS t WHERE {of_day} AND {gone}")  # noqa: S608
        there = f"{same_key}{' AND ' if day else ''}{of_day} AND {self._is_same()}"
        names, others = listed(self._columns), [name for name in self._columns if name not in self._key]
        changes = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in others)
        written = session.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {stage} s"  # noqa: S608
            f" WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {there})"
            f" ON CONFLICT ({listed(self._key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"
        )
        self._check_count(day, of_day)
        return Merged(written, deleted)

    def _is_same(self) -> str:
        """The condition that a row of the table is just like that of the file.

        In PostgreSQL the rows are compared as they are stored: 0 and -0, or 1.0 and 1.00 in a column of numeric, are
        equal and yet not the same, and a column of json knows no equality.
        """
        if self._session.is_sqlite:
            return " AND ".join(f"t.{quoted(name)} IS s.{quoted(name)}" for name in self._columns)
        return f"ROW({listed(self._columns, 't.')})::record *= ROW({listed(self._columns, 's.')})::record"

    def _leave_last(self) -> None:
        """Of rows with one key, leave the last; in SQLite it has taken the others' place already."""
        if self._has_order:
            same_key = " AND ".join(f"s.{quoted(name)} = last.{quoted(name)}" for name in self._key)
            order, key = quoted(_ORDER), listed(self._key)
            self._session.execute(
                f"DELETE FROM {self._place} s USING (SELECT {key}, max({order}) AS {order} FROM {self._place} GROUP BY"  # noqa: S608
                f" {key}) last WHERE {same_key} AND s.{order} < last.{order}"
            )

    def _check_count(self, day: Filter, of_day: str) -> None:
        """A trigger may keep rows out: then the day is not loaded."""
        if not day:
            return
        there = self._session.value(f"SELECT count(*) FROM {quoted(self._table)} t WHERE {of_day}")  # noqa: S608
        expected = self._session.value(f"SELECT count(*) FROM {self._place}")  # noqa: S608
        if there != expected:
            raise MirrorError(
                f"{self._table} would have {there:,} rows of this day, the file has {expected:,}: a trigger or another"
                " program has changed them; run again"
            )

    # --- PostgreSQL ---------------------------------------------------------------------------------------------------

    def _make_in_postgresql(self) -> None:
        session = self._session
        session.execute(
            f"CREATE TEMPORARY TABLE {quoted(_NAME)} ON COMMIT DROP AS"  # noqa: S608
            f" SELECT {listed(self._columns)} FROM {quoted(self._table)} WITH NO DATA"
        )
        for name, value in self._constant.items():
            if value is not None:
                session.execute(f"ALTER TABLE {self._place} ALTER {quoted(name)} SET DEFAULT {session.literal(value)}")

    def _keep_order(self) -> None:
        if not self._has_order:
            self._session.execute(f"ALTER TABLE {self._place} ADD {quoted(_ORDER)} bigint GENERATED ALWAYS AS IDENTITY")
            self._has_order = True

    def _copy(self, rows: pa.Table, sources: Sequence[CellSource]) -> None:
        empty = [source.column for source in sources if source.keeps_empty]
        how = f"FORMAT csv, FORCE_NOT_NULL ({listed(empty)})" if empty else "FORMAT csv"
        names = listed(source.column for source in sources)
        statement = f"COPY {self._place} ({names}) FROM STDIN ({how})"
        cursor = self._session.postgresql.cursor()
        with self._session.transaction(), cursor.copy(statement.encode()) as copy:
            copy.write(memoryview(_csv(rows.select([source.in_file for source in sources]))))

    def _insert(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        names, marks = listed(columns).replace("%", "%%"), ", ".join(["%s"] * len(columns))
        with self._session.transaction(), self._session.postgresql.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {self._place} ({names}) VALUES ({marks})".encode(), rows)  # noqa: S608

    def _blamed(self, rows: pa.Table, sources: Sequence[CellSource]) -> MirrorError | None:
        """The first cell that the server does not take, found by giving it ever less of each column.

        What the server says of it names the column and the line at best, and in its own language.
        """

        for source in sources:
            row, refused = _first_refused(rows.num_rows, partial(self._copy_some, rows, source))
            if refused is not None:
                why = f"the database refuses ({refused.said})"
                return shape.unfit(source.column, rows, source.in_file, row, why, _advice(refused))
        return None

    def _copy_some(self, rows: pa.Table, source: CellSource, count: int) -> None:
        self._copy(rows.slice(0, count), [source])

    def _blamed_of(self, rows: Sequence[Sequence[Any]]) -> MirrorError | None:
        """The first cell that the server does not take where crump has made the cells: the row is known by its key."""
        number, _ = _first_refused(len(rows), lambda count: self._insert(self._columns, rows[:count]))
        row = dict(zip(self._columns, rows[number], strict=True))
        for name, cell in row.items():
            _, refused = _first_refused(1, partial(self._insert_some, name, cell))
            if refused is not None:
                why = f"which the database refuses ({refused.said}): {_advice(refused)}"
                return MirrorError(f"{self._located(name, row)}, {why}")
        return None

    def _located(self, name: str, row: Mapping[str, Any]) -> str:
        key = ", ".join(f"{it} is {row[it]}" for it in self._key)
        return f"{name} is {shown(row[name])} where {key}"

    def _insert_some(self, name: str, cell: Any, count: int) -> None:
        self._insert([name], [[cell]] * count)

    # --- SQLite -------------------------------------------------------------------------------------------------------

    def _make_in_sqlite(self) -> None:
        """With the key, by which a later row takes the place of an earlier one, and gone rows are found quickly."""
        session = self._session
        found = find(session, self._table)
        types = {name: column.type for name, column in found.columns.items()} if found else {}
        columns = ", ".join(f"{quoted(name)} {types.get(name, '')}" for name in self._columns)
        session.execute(f"DROP TABLE IF EXISTS {self._place}")
        session.execute(f"CREATE TEMPORARY TABLE {quoted(_NAME)} ({columns}, PRIMARY KEY ({listed(self._key)}))")

    def _fill_sqlite(self, rows: pa.Table, sources: Sequence[CellSource]) -> None:
        columns = [_cells(rows[source.in_file].combine_chunks(), source) for source in sources]
        constant = [[value] * rows.num_rows for value in self._constant.values()]
        names = [*(source.column for source in sources), *self._constant]
        self._insert_sqlite(names, zip(*columns, *constant, strict=True))

    def _for_sqlite(self, row: Sequence[Any]) -> list[Any]:
        """Cells of crump's making as SQLite takes them. MirrorError names one that it cannot hold."""
        cells = [_as_sqlite(cell) for cell in row]
        for name, cell in zip(self._columns, cells, strict=True):
            if not _is_sqlites(cell):
                located = self._located(name, dict(zip(self._columns, row, strict=True)))
                raise MirrorError(f"{located}, which SQLite cannot hold: {_MADE_BY_THE_JOB}")
        return cells

    def _insert_sqlite(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(names))
        with self._session.translated():
            self._session.sqlite.executemany(
                f"INSERT OR REPLACE INTO {self._place} ({listed(names)}) VALUES ({marks})",  # noqa: S608
                rows,
            )


def _first_refused(count: int, take: Callable[[int], None]) -> tuple[int, StatementRefused | None]:
    """Of so many things the first that is refused, and why; ``take`` tries that many from the beginning."""

    def refusal(many: int) -> StatementRefused | None:
        try:
            take(many)
        except StatementRefused as error:
            return error
        return None

    taken, refused = 0, count
    found = refusal(refused)
    while found is not None and refused - taken > 1:
        middle = (taken + refused) // 2
        if (earlier := refusal(middle)) is None:
            taken = middle
        else:
            refused, found = middle, earlier
    return taken, found


def _csv(rows: pa.Table) -> pa.Buffer:
    """The lines of a CSV. Quotes cost time, and most days need none."""
    for style in ("none", "needed"):
        lines = pa.BufferOutputStream()
        how = pa_csv.WriteOptions(include_header=False, quoting_style=style)
        with contextlib.suppress(pa.ArrowInvalid):  # a cell that needs quotes
            pa_csv.write_csv(rows, lines, how)
            return lines.getvalue()
    raise AssertionError("with quotes every text can be written")


def _cells(cells: pa.Array, source: CellSource) -> list[Any]:
    empty = "" if source.keeps_empty else None
    values: list[Any] = cells.to_pylist()
    if source.is_boolean:
        return [empty if cell is None else BOOLEANS[cell.strip().lower()] for cell in values]
    return values if empty is None else [empty if cell is None else cell for cell in values]


def _as_sqlite(cell: Any) -> Any:
    """Times as sqlite3 used to write them by itself, which it gives up."""
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else cell


def _is_sqlites(cell: Any) -> bool:
    """Whether SQLite has a type for it: whole numbers have 64 bits."""
    if isinstance(cell, int):
        return -_INT64 <= cell < _INT64
    return cell is None or isinstance(cell, str | float | bytes)


def _advice(refused: StatementRefused) -> str:
    if not refused.state:
        return _MADE_BY_THE_JOB
    if refused.state in {"22021", "22P05"}:
        return "a database in UTF8 takes every character but NUL, which no text in PostgreSQL can hold"
    return shape.CHANGE_TYPE
