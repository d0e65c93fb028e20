"""Records become the columns of a day's file, window by window, and tables of one day become one.

Every cell is kept as its final text: a table is a ``pa.Table`` of ``pa.string()`` columns in which null is an empty
cell, ``time_utc`` comes first, the other columns follow in sorted order, and rows rise in time, one per ``time_utc``.
So a cell that was written once keeps its digits whatever arrives later, and merging is exact.

Whole columns are converted at once; how values become text, is said in ``cells``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.cells import NUMBERS, are_lists, cells_of, encodable, is_missing, lists, without_missing
from ialirt_backfill.coverage import Span
from ialirt_backfill.exceptions import UnwritableValue
from ialirt_backfill.instruments import Column, ColumnType, Field, Instrument, Shape

TIME = "time_utc"
_INSTRUMENT = "instrument"  # the file name says it

_TIME_LENGTH = len("2026-02-01T00:00:00")
_TIME_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_SHOWN = 200
"""How many characters of a rejected record are shown."""

_MUST_QUOTE = (b",", b'"', b"\n", b"\r")


@dataclass(frozen=True, slots=True)
class Window:
    """What one answer became.

    ``rejected`` shows the records that cannot be kept, the start of each, as compact text: without a readable
    ``time_utc``, no objects, or with a value that its column cannot hold truthfully. ``ignored`` counts the harmless
    ones: of another instrument, or outside the span that was asked for.
    """

    rows: pa.Table
    rejected: tuple[str, ...]
    ignored: int


def tabulate(instrument: Instrument, span: Span, records: Sequence[object]) -> Window:
    """Make rows of the records of one answer, in whatever order they came.

    Of a time that came twice, the later copy's cells win where they are not empty. Raises UnwritableValue, naming the
    column, where half of the records or more have a value that their column cannot hold truthfully.
    """
    selection = _select(instrument, span, records)
    while True:
        try:
            rows = _columns(instrument, selection).table()
        except _UnfitRecords as unfit:
            # A broken record among many costs itself; a field that has changed its kind is for a person to look at.
            if 2 * len(unfit.places) >= len(selection.records):
                raise UnwritableValue(str(unfit)) from None
            selection = selection.without(unfit.places)
        else:
            return Window(concatenate([rows]), selection.rejected, selection.ignored)


def _columns(instrument: Instrument, selection: _Selection) -> _Columns:
    columns = _Columns(instrument, selection.times)
    known = {entry.name: entry for entry in instrument.fields}
    for name, values in selection.fields.items():
        if name in {TIME, _INSTRUMENT}:
            continue
        if name in known:
            columns.add(known[name], values)
        else:
            columns.add_unknown(name, values)
    return columns


def concatenate(windows: Sequence[pa.Table]) -> pa.Table:
    """One table of several of the same day, in any order.

    Per cell, the last of them that is not empty wins; no row and no column is lost.
    """
    if not windows:
        return empty()
    names = sorted(set().union(*(table.column_names for table in windows)) - {TIME})
    rows = pa.concat_tables(windows, promote_options="default").select([TIME, *names])
    return rows if _rising(rows[TIME].combine_chunks()) else _united(rows)


def merge(old: pa.Table, new: pa.Table) -> pa.Table:
    """Both tables as one: per cell the new value wins, unless it is empty; no row and no column is lost."""
    return concatenate([old, new])


def empty() -> pa.Table:
    """A table without rows."""
    return pa.table({TIME: pa.array([], pa.string())})


def times(rows: pa.Table) -> list[int]:
    """The times of the rows, in Unix seconds."""
    seconds: list[int] = rows[TIME].cast(pa.timestamp("s")).cast(pa.int64()).to_pylist()
    return seconds


def canonical_times(values: pa.Array) -> pa.Array:
    """The times of ``values`` (text) as a day's file writes them; null where one cannot be read."""
    if _are_canonical(values):
        return values
    return pa.array([_time_text(_second(value)) for value in values.to_pylist()], pa.string())


def is_ordered(rows: pa.Table) -> bool:
    """Whether the times are written as a day's file writes them, and each is later than the one before."""
    times = rows[TIME].combine_chunks()
    return _are_canonical(times) and _rising(times)


def header(columns: Sequence[str]) -> bytes:
    """The header line of a day's file."""
    return (",".join(_quoted(name) for name in columns) + "\n").encode()


def to_csv(rows: pa.Table, columns: Sequence[str]) -> bytes:
    """The lines of a day's file below its header, with the cells in the order of ``columns``.

    A column that ``rows`` does not have gives empty cells.
    """
    return b"".join(_lines(batch, columns) for batch in rows.to_batches() if batch.num_rows)


# --- which records count ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Selection:
    """The records of an answer that become rows, the values of each of their fields, and the text of their times."""

    records: Sequence[dict[str, Any]]
    fields: Mapping[str, Sequence[Any]]
    times: pa.Array
    rejected: tuple[str, ...]
    ignored: int

    def without(self, places: Sequence[int]) -> _Selection:
        """The same, with the records at these places rejected."""
        shown = tuple(_shown(self.records[place]) for place in places)
        kept = sorted(set(range(len(self.records))).difference(places))
        records = [self.records[place] for place in kept]
        return _Selection(records, _transposed(records), self.times.take(kept), self.rejected + shown, self.ignored)


class _UnfitRecords(Exception):
    """The records at these places hold a value that its column cannot hold truthfully."""

    def __init__(self, message: str, places: Sequence[int]) -> None:
        super().__init__(message)
        self.places = places


def _select(instrument: Instrument, span: Span, records: Sequence[object]) -> _Selection:
    objects = [record for record in records if type(record) is dict]
    rejected = [_shown(record) for record in records if type(record) is not dict] if len(objects) < len(records) else []
    ours, fields = objects, _transposed(objects)
    if fields.get(_INSTRUMENT, ()).count(instrument.name) < len(objects):
        ours = [record for record in objects if record.get(_INSTRUMENT) in (instrument.name, None)]
        fields = _transposed(ours)
    ignored = len(objects) - len(ours)
    start, end = int(span.start.timestamp()), int(span.end.timestamp())

    moments = fields.get(TIME, [None] * len(ours))
    try:
        times = pa.array(moments, pa.string())
    except (pa.ArrowException, ValueError):  # something that is no text, or no UTF-8
        times = None
    if times is not None and _are_canonical(times):
        seconds = times.cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
        inside = (seconds >= start) & (seconds < end)
        if not inside.all():
            ours = list(compress(ours, inside))
            fields = _transposed(ours)
            ignored += len(times) - len(ours)
            times = times.filter(pa.array(inside))
        return _Selection(ours, fields, times, tuple(rejected), ignored)

    chosen: list[dict[str, Any]] = []
    texts: list[str | None] = []
    for record, moment in zip(ours, moments, strict=True):
        second = _second(moment)
        if second is None:
            rejected.append(_shown(record))
        elif start <= second < end:
            chosen.append(record)
            texts.append(_time_text(second))
        else:
            ignored += 1
    return _Selection(chosen, _transposed(chosen), pa.array(texts, pa.string()), tuple(rejected), ignored)


def _are_canonical(values: pa.Array) -> bool:
    """Whether every one of these texts is a time as a day's file writes it."""
    if values.null_count:
        return False
    if not len(values):
        return True
    lengths = pc.min_max(pc.binary_length(values)).as_py()
    if lengths != {"min": _TIME_LENGTH, "max": _TIME_LENGTH}:
        return False
    try:
        values.cast(pa.timestamp("s"))  # strict about every character but the one between date and time
    except pa.ArrowInvalid:
        return False
    between = pc.binary_slice(values.cast(pa.binary()), 10, 11)
    return bool(pc.all(pc.equal(between, b"T")).as_py())


def _second(moment: object) -> int | None:
    """The Unix second of a time as it came, or None where it cannot be read."""
    match = _TIME_FORM.fullmatch(moment) if isinstance(moment, str) else None
    if match is None:
        return None
    day, clock, zone = match.groups()
    try:
        return int(datetime.fromisoformat(f"{day}T{clock}{zone or 'Z'}").astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def _time_text(second: int | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


def _shown(record: object) -> str:
    try:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, default=repr)
    except (RecursionError, ValueError, TypeError):
        text = f"<{type(record).__name__} that cannot be shown>"
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text[:_SHOWN])[:_SHOWN]


# --- from fields to columns -------------------------------------------------------------------------------------------


def _transposed(objects: Sequence[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """The values of each key that any of the objects has, None where one lacks it."""
    names = list(objects[0]) if objects else []
    others = set().union(*objects).difference(names)
    names += sorted(others)
    if others or min(map(len, objects), default=0) < len(names):  # ordinarily, few lack any
        nothing = dict.fromkeys(names)
        objects = [it if len(it) == len(names) else nothing | it for it in objects]
    if len(names) < 2:  # itemgetter makes tuples of two names or more only
        return {name: [it[name] for it in objects] for name in names}
    return dict(zip(names, zip(*map(itemgetter(*names), objects), strict=True), strict=True))


class _Columns:
    """The columns of one answer, as they come together. ``times`` is the text of each record's time."""

    def __init__(self, instrument: Instrument, times: pa.Array) -> None:
        self._instrument = instrument
        self._times = times
        self._known = instrument.columns
        self._cells: dict[str, pa.Array] = {}

    def table(self) -> pa.Table:
        names = sorted(self._cells)
        return pa.table([self._times, *(self._cells[name] for name in names)], [TIME, *names])

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
        size = len(entry.columns)
        nothing = [None] * size
        values = [nothing if value is None else value for value in values]
        if not are_lists(values, size):
            fits = [type(value) is list and len(value) == size for value in values]
            missing = [is_missing(value) for value in values]
            self._add_odd(entry.name, values, [fit or absent for fit, absent in zip(fits, missing, strict=True)])
            if not any(fits) and not any(missing):
                return
            values = [value if fit else nothing for value, fit in zip(values, fits, strict=True)]
        for column, part in zip(entry.columns, zip(*values, strict=True), strict=True):
            self._put(column, part)

    def _add_object(self, entry: Field, values: Sequence[Any]) -> None:
        if set(map(type, values)) - {dict}:
            fits = [type(value) is dict for value in values]
            self._add_odd(entry.name, values, [fit or is_missing(v) for fit, v in zip(fits, values, strict=True)])
            values = [value if fit else {} for value, fit in zip(values, fits, strict=True)]
        known = dict(zip(entry.members, entry.columns, strict=True))
        for member, part in _transposed(values).items():
            name = encodable(entry.prefix + member)
            self._put(known.get(member) or Column(name, ColumnType.JSON), part)

    def _add_odd(self, name: str, values: Sequence[Any], ordinary: Sequence[bool]) -> None:
        """What came instead of a list or an object, in a column named as the field."""
        if not all(ordinary):
            odd = [None if usual else value for value, usual in zip(values, ordinary, strict=True)]
            self._put(Column(name, ColumnType.JSON), odd)

    def _put(self, column: Column, values: Sequence[Any]) -> None:
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
            self._refuse(column.name, wrong, f"the raw value to be converted to {column.unit} is not a number")
            values = [value if type(value) in NUMBERS else None for value in values]
        raw = without_missing(
            self._floats(column, values)
        ).dictionary_encode()  # few values, which come again and again
        result = pa.scalar(column.polynomial[-1])
        for coefficient in column.polynomial[-2::-1]:
            result = pc.add(pc.multiply(result, raw.dictionary), coefficient)
        too_large = pc.invert(pc.is_finite(result)).take(raw.indices)
        self._refuse(column.name, too_large, f"the raw value is too large for {column.unit}")
        return pc.cast(result, pa.string()).take(raw.indices)

    def _floats(self, column: Column, values: Sequence[int | float | None]) -> pa.Array:
        try:
            return pa.array(values, pa.float64())
        except (pa.ArrowInvalid, OverflowError):  # whole numbers that arrow finds too long
            too_large = pa.array([type(value) is int and abs(value) > sys.float_info.max for value in values])
            self._refuse(column.name, too_large, f"the raw value is too large for {column.unit}")
            return pa.array([None if value is None else float(value) for value in values], pa.float64())

    def _refuse(self, name: str, where: pa.Array, reason: str) -> None:
        """Raise _UnfitRecords where any of ``where`` is true."""
        places = pc.indices_nonzero(where).to_pylist()
        if places:
            time = self._times[places[0]].as_py()
            message = f"{self._instrument.name}: column {name!r} cannot be written at {time}: {reason}"
            raise _UnfitRecords(message, places)


# --- lines ------------------------------------------------------------------------------------------------------------


def _rising(times: pa.Array) -> bool:
    """Whether each time is later than the one before."""
    return bool(pc.all(pc.less(times[:-1], times[1:]), min_count=0).as_py()) if len(times) > 1 else True


def _united(rows: pa.Table) -> pa.Table:
    """One row for each time, rising: of each column the last cell that is not empty."""
    names = rows.column_names
    numbered = rows.rename_columns([str(number) for number in range(len(names))])  # some names have a meaning for arrow
    others = numbered.column_names[1:]
    groups = numbered.group_by("0", use_threads=False).aggregate([(name, "last") for name in others])
    united = groups.select(["0", *(f"{name}_last" for name in others)]).rename_columns(names)
    return united.take(pc.sort_indices(united[TIME]))


def _lines(rows: pa.RecordBatch, columns: Sequence[str]) -> bytes:
    nothing = pa.nulls(rows.num_rows, pa.string())
    present = set(rows.schema.names)
    cells = [_quoted_cells(rows[name]) if name in present else nothing for name in columns]
    lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    text: bytes = pc.binary_join(lists(lines, len(lines)), "\n")[0].as_buffer().to_pybytes()
    return text + b"\n"


def _quoted_cells(cells: pa.Array) -> pa.Array:
    """The same cells, with quotes around those that need them."""
    data = cells.buffers()[2]
    text = b"" if data is None else data.to_pybytes()
    if not any(special in text for special in _MUST_QUOTE):
        return cells
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(cells, '[",\r\n]'), quoted, cells)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(special in text for special in ',"\r\n') else text
