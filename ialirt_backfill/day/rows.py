"""The records of an answer, decoded into Python's objects, become rows of a day's table.

Takes a list of whatever came, gives a table of text (see `table`) and what was left out. Objects are looked at as long
as it takes: whole columns are still converted at once (how values become text, is said in `cells`), and what is odd
about one record costs no other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.day.cells import NUMBERS, cells_of, converted, encodable, is_missing, without_missing
from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.day.selection import Selection, select, transposed
from ialirt_backfill.day.table import concatenate
from ialirt_backfill.exceptions import UnwritableValue
from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.plan.coverage import Span
from ledger.gc_pause import gc_paused

_NAMED = 3
"""How many other instruments are named, those with the most records."""


@dataclass(frozen=True, slots=True)
class AnswerRows:
    """What one answer became.

    ``rejected`` shows the records that cannot be kept, the start of each, as compact text: without a readable
    ``time_utc``, no objects, or with a value that its column cannot hold truthfully. ``foreign`` names the other
    instrument, once for each record of it. Either is a sign that the answer is wrong. Records outside the span that was
    asked for are harmless, and left out without a word.
    """

    rows: pa.Table
    rejected: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def doubts(self) -> str:
        """What should not have come, in words; none where nothing did."""
        kinds = [(count, f"of {name}") for name, count in Counter(self.foreign).most_common(_NAMED)]
        kinds += [(len(self.rejected), "that cannot be kept")] if self.rejected else []
        return ", ".join(f"{count:,} record{'s' if count > 1 else ''} {what}" for count, what in kinds)


def joined(answers: Sequence[AnswerRows]) -> AnswerRows:
    """What several answers became, as if they had been one."""
    return AnswerRows(
        concatenate([answer.rows for answer in answers]),
        tuple(chain.from_iterable(answer.rejected for answer in answers)),
        tuple(chain.from_iterable(answer.foreign for answer in answers)),
    )


def rows_of_records(instrument: Instrument, span: Span, records: Sequence[object]) -> AnswerRows:
    """The records in ``span`` as rows. Raises UnwritableValue where half of them or more cannot be kept."""
    with gc_paused:
        selection = select(instrument, span, records)
        while True:
            try:
                table = _columns(instrument, selection).table()
            except _UnfitRecords as unfit:
                # A broken record among many costs itself; a field that has changed its kind is for a person to look at.
                if 2 * len(unfit.places) >= len(selection.records):
                    raise UnwritableValue(str(unfit)) from None
                selection = selection.without(unfit.places)
            else:
                return AnswerRows(concatenate([table]), selection.rejected, selection.foreign)


def _columns(instrument: Instrument, selection: Selection) -> _Columns:
    """The columns of all fields. Raises _UnfitRecords."""
    columns = _Columns(instrument, selection.times)
    known = {entry.name: entry for entry in instrument.fields}
    for name, values in selection.fields.items():
        if name in {TIME_UTC, INSTRUMENT}:
            continue
        if name in known:
            columns.add(known[name], values)
        else:
            columns.add_unknown(name, values)
    return columns


# --- from fields to columns -------------------------------------------------------------------------------------------


class _UnfitRecords(Exception):
    """The records at these places hold a value that its column cannot hold truthfully."""

    def __init__(self, message: str, places: Sequence[int]) -> None:
        super().__init__(message)
        self.places = places


class _Columns:
    """The columns of text of one answer, as they come together. ``times`` is the text of each record's time.

    Raises _UnfitRecords where records hold a value that its column cannot hold truthfully.
    """

    def __init__(self, instrument: Instrument, times: pa.Array) -> None:
        self._instrument = instrument
        self._times = times
        self._known = instrument.columns
        self._cells: dict[str, pa.Array] = {}

    def table(self) -> pa.Table:
        names = sorted(self._cells)
        return pa.table([self._times, *(self._cells[name] for name in names)], [TIME_UTC, *names])

    def add(self, entry: Field, values: Sequence[Any]) -> None:
        """The columns of one field of the table of instruments."""
        if entry.shape is Shape.LIST:
            self._add_list(entry, values)
        elif entry.shape is Shape.OBJECT:
            self._add_object(entry, values)
        else:
            self._put(entry.columns[0], values)

    def add_unknown(self, name: str, values: Sequence[Any]) -> None:
        """A field nobody has seen before, as it came."""
        name = encodable(name)
        column = self._known.get(name, Column(name, ColumnType.JSON))
        if column.polynomial:
            missing = pa.array([is_missing(value) for value in values], pa.bool_())
            self._refuse(name, pc.invert(missing), "it arrived as a field of its own, in an unknown unit")
        self._put(column, values)

    def _add_list(self, entry: Field, values: Sequence[Any]) -> None:
        """A column for each element of a list of known length; what is no such list, in a column of its own."""
        size = len(entry.columns)
        nothing = [None] * size
        values = [nothing if value is None else value for value in values]
        if not (set(map(type, values)) <= {list} and set(map(len, values)) <= {size}):
            fits = [type(value) is list and len(value) == size for value in values]
            missing = [is_missing(value) for value in values]
            self._add_odd(entry.name, values, [fit or absent for fit, absent in zip(fits, missing, strict=True)])
            if not any(fits) and not any(missing):
                return
            values = [value if fit else nothing for value, fit in zip(values, fits, strict=True)]
        for column, part in zip(entry.columns, zip(*values, strict=True), strict=True):
            self._put(column, part)

    def _add_object(self, entry: Field, values: Sequence[Any]) -> None:
        """A column for each member of an object, known or not; what is no object, in a column of its own."""
        if set(map(type, values)) - {dict}:
            fits = [type(value) is dict for value in values]
            self._add_odd(entry.name, values, [fit or is_missing(v) for fit, v in zip(fits, values, strict=True)])
            values = [value if fit else {} for value, fit in zip(values, fits, strict=True)]
        known = dict(zip(entry.members, entry.columns, strict=True))
        for member, part in transposed(values).items():
            name = encodable(entry.prefix + member)
            self._put(known.get(member) or Column(name, ColumnType.JSON), part)

    def _add_odd(self, name: str, values: Sequence[Any], ordinary: Sequence[bool]) -> None:
        """What came instead of a list or an object, in a column named as the field."""
        if not all(ordinary):
            odd = [None if usual else value for value, usual in zip(values, ordinary, strict=True)]
            self._put(Column(name, ColumnType.JSON), odd)

    def _put(self, column: Column, values: Sequence[Any]) -> None:
        """The cells of one column, put together with those that another field has given for it already."""
        if column.polynomial:
            cells = self._converted(column, values)
        else:
            try:
                cells = cells_of(column, values)
            except RecursionError:
                raise UnwritableValue(
                    f"{self._instrument.name}: column {column.name!r}: a value is nested too deeply to be written"
                ) from None
        name = column.name
        if name in self._cells:
            differ = pc.fill_null(pc.not_equal(self._cells[name], cells), False)
            self._refuse(name, differ, "two fields of the record give different values for it")
            cells = pc.coalesce(cells, self._cells[name])
        self._cells[name] = cells

    def _converted(self, column: Column, values: Sequence[Any]) -> pa.Array:
        """Raw values in the unit of their column, not rounded."""
        if not NUMBERS.issuperset(map(type, values)):
            wrong = pa.array([type(value) not in NUMBERS and not is_missing(value) for value in values], pa.bool_())
            self._refuse(column.name, wrong, f"the raw value to be converted to {column.unit_shown} is not a number")
            values = [value if type(value) in NUMBERS else None for value in values]
        cells, too_large = converted(column, without_missing(self._floats(column, values)))
        self._refuse(column.name, too_large, f"the raw value is too large for {column.unit_shown}")
        return cells

    def _floats(self, column: Column, values: Sequence[int | float | None]) -> pa.Array:
        """Raw values as ``float64``; whole numbers too long for that are unfit."""
        try:
            return pa.array(values, pa.float64())
        except (pa.ArrowInvalid, OverflowError):  # whole numbers that arrow finds too long
            too_large = pa.array([type(value) is int and abs(value) > sys.float_info.max for value in values])
            self._refuse(column.name, too_large, f"the raw value is too large for {column.unit_shown}")
            return pa.array([None if value is None else float(value) for value in values], pa.float64())

    def _refuse(self, name: str, where: pa.Array, reason: str) -> None:
        """Raise _UnfitRecords where any of ``where`` is true."""
        places = pc.indices_nonzero(where).to_pylist()
        if places:
            time = self._times[places[0]].as_py()
            message = f"{self._instrument.name}: column {name!r} cannot be written at {time}: {reason}"
            raise _UnfitRecords(message, places)
