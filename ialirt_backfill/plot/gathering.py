"""The days of a range, read once, become what the panels show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.instruments import TIME_UTC, Axis, Column, ColumnKind, Field, Shape
from ialirt_backfill.instruments.boards import Panel, PanelKind, Scale, energies_of, fields_of
from ialirt_backfill.plot.choosing import columns_of
from ialirt_backfill.plot.series import Line, Mask, Numbers, Points, Presence, Rows, Spectrum
from ialirt_backfill.plot.window import Micros, Window
from ialirt_backfill.plot.words import unit_written, units_written
from ialirt_backfill.read.arrays import array_of
from ialirt_backfill.read.days import tables
from ialirt_backfill.read.schema import AS_UTC

_MICROSECOND = timedelta(microseconds=1)
_LONGEST_RECORD = 3_600_000_000
"""A measurement that is said to lie further from its record than this, in microseconds, was not made then."""
_MOST_STATES = 8
"""So many at least have a row of their own; those that come later share one."""
OTHERS = "others"
_UNKNOWN_RANGE = (0.0, 1.0)
_NO_ENERGIES = Axis("energy", values=(1.0,))


class Gathered(ABC):
    """What one panel shows. ``records`` counts those read, ``outside`` the values that cannot be true."""

    def __init__(self, panel: Panel, window: Window) -> None:
        self.panel = panel
        self.columns = columns_of(panel, panel.columns)
        self.cadence, self.pause = (
            int(it / _MICROSECOND) for it in (panel.instrument.cadence, panel.instrument.longest_pause)
        )
        self.presence = Presence(self.pause)
        self.records = self.outside = 0
        self.newest: int | None = None

    @property
    def read(self) -> list[str]:
        """The columns that are read for it."""
        return [column.name for column in self.columns]

    @property
    def has_values(self) -> bool:
        """Whether there is anything to be seen."""
        return self.presence.count > 0

    @property
    def label(self) -> str:
        """What stands at the axis of values."""
        if self.panel.label or len(self.columns) == 1:
            return self.panel.label or self.columns[0].label
        entries = dict.fromkeys(fields_of(self.panel.instrument)[name] for name in self.panel.columns)
        return next(iter(entries)).label if len(entries) == 1 else self.panel.instrument.title

    @property
    def unit(self) -> str:
        """The unit at the axis of values, in brackets; empty where there is none to speak of."""
        return units_written(self.columns)

    def take_in(self, table: pa.Table) -> None:
        """The records of one day."""
        times = table[TIME_UTC].combine_chunks().cast(pa.int64()).to_numpy()
        self.records += len(times)
        self.newest = int(times[-1])
        self.feed(table, times)

    @abstractmethod
    def feed(self, table: pa.Table, times: Micros) -> None:
        """The values of one day, and where there are any."""

    def true(self, column: Column, values: Numbers) -> Numbers:
        """The values without those out of the column's valid range, which are counted."""
        outside: Mask = np.zeros(values.shape, np.bool_)
        if column.valid_min is not None:
            outside |= values < column.valid_min
        if column.valid_max is not None:
            outside |= values > column.valid_max
        if not outside.any():
            return values
        self.outside += int(outside.sum())
        return np.where(outside, np.nan, values)


class GatheredLines(Gathered):
    """Lines, some of them on an axis at the right. ``below`` counts values for which a logarithm has no place."""

    def __init__(self, panel: Panel, window: Window) -> None:
        super().__init__(panel, window)
        self.right = columns_of(panel, panel.right)
        is_log = panel.scale is Scale.LOG and any(it.kind is not ColumnKind.COUNT for it in self.columns)
        self._logarithmic = {it.name for it in self.columns} if is_log else set()
        self.below = 0
        self.lines = {it.name: Line(window, self.cadence, self.pause) for it in (*self.columns, *self.right)}

    @property
    def read(self) -> list[str]:
        return list(self.lines)

    def feed(self, table: pa.Table, times: Micros) -> None:
        there = np.zeros(len(times), np.bool_)
        for column in (*self.columns, *self.right):
            values = self.true(column, numbers(table, column.name))
            there |= ~np.isnan(values)
            if column.name in self._logarithmic and (below := values <= 0).any():
                self.below += int(below.sum())
                values = np.where(below, np.nan, values)
            self.lines[column.name].feed(times, values)
        self.presence.feed(times[there])


class GatheredPoints(Gathered):
    """Points without a line."""

    def __init__(self, panel: Panel, window: Window) -> None:
        super().__init__(panel, window)
        self.range = panel.range or _valid_range(self.columns[0])
        self.points = {it.name: Points(window, self.range) for it in self.columns}

    def feed(self, table: pa.Table, times: Micros) -> None:
        there = np.zeros(len(times), np.bool_)
        for column in self.columns:
            values = self.true(column, numbers(table, column.name))
            self.points[column.name].feed(times, values)
            there |= ~np.isnan(values)
        self.presence.feed(times[there])


class GatheredSpectrum(Gathered):
    """Energies over time."""

    def __init__(self, panel: Panel, window: Window) -> None:
        super().__init__(panel, window)
        self.entry = fields_of(panel.instrument)[panel.columns[0]]
        self.energies = energies_of(self.entry) or _NO_ENERGIES
        self._several = _times_of(self.entry)
        self.cadence //= self._several.size if self._several else 1
        self.spectrum = Spectrum(window, len(self.energies), self.cadence, self.pause)

    @property
    def read(self) -> list[str]:
        names = [column.name for column in self.columns]
        if self._several is not None:
            names.append(self._several.field + AS_UTC)
        return names

    @property
    def label(self) -> str:
        return self.panel.label or self.energies.label

    @property
    def unit(self) -> str:
        return f"[{unit_written(self.energies.unit)}]"

    def feed(self, table: pa.Table, times: Micros) -> None:
        if self.entry.shape is Shape.CELL:
            times, values = _of_cells(self.entry, self.energies, table, times)
        else:
            values = np.column_stack([numbers(table, column.name) for column in self.columns])
        values = self.true(self.columns[0], values)
        self.spectrum.feed(times, values)
        self.presence.feed(times[~np.isnan(values).all(axis=1)])


class GatheredRows(Gathered):
    """Rows that are marked: flags out of the ordinary, states. ``valid`` is where there is a flag at all."""

    def __init__(self, panel: Panel, window: Window) -> None:
        super().__init__(panel, window)
        self.marked, self.valid = Rows(window, self.cadence), Rows(window, self.cadence)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns if self.panel.kind is PanelKind.FLAGS else self.marked.counts)

    @property
    def unit(self) -> str:
        return ""

    def feed(self, table: pa.Table, times: Micros) -> None:
        there = np.zeros(len(times), np.bool_)
        feed = self._feed_flag if self.panel.kind is PanelKind.FLAGS else self._feed_state
        for column in self.columns:
            there |= feed(column, table, times)
        self.presence.feed(times[there])

    def _feed_flag(self, column: Column, table: pa.Table, times: Micros) -> Mask:
        values = numbers(table, column.name)
        valid = ~np.isnan(values)
        self.marked.feed(column.name, times[valid & (values != float(self.panel.normal or False))])
        self.valid.feed(column.name, times[valid])
        return valid

    def _feed_state(self, column: Column, table: pa.Table, times: Micros) -> Mask:
        encoded = pc.dictionary_encode(table[column.name].combine_chunks().cast(pa.string()))
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        others = places >= 0
        for place, value in enumerate(encoded.dictionary.to_pylist()):
            name = value if len(self.columns) == 1 else f"{column.label} {value}"
            if name in self.marked.counts or len(self.marked.counts) < max(_MOST_STATES, 3 * len(self.columns)):
                self.marked.feed(name, times[places == place])
                others &= places != place
        if others.any():
            self.marked.feed(OTHERS, times[others])
        return np.asarray(places >= 0)


_KINDS: Mapping[PanelKind, type[Gathered]] = {
    PanelKind.LINES: GatheredLines,
    PanelKind.POINTS: GatheredPoints,
    PanelKind.SPECTRUM: GatheredSpectrum,
    PanelKind.FLAGS: GatheredRows,
    PanelKind.STATES: GatheredRows,
}


def gather(datastore: str | Path, panels: Sequence[Panel], window: Window) -> list[Gathered]:
    """What the panels show, in their order. Each file is read once, whatever number of panels it is for."""
    found = [_KINDS[panel.kind](panel, window) for panel in panels]
    for instrument in dict.fromkeys(panel.instrument for panel in panels):
        mine = [it for it in found if it.panel.instrument is instrument]
        wanted = list(dict.fromkeys(name for it in mine for name in it.read))
        for table in tables(datastore, instrument, *window.observed, columns=wanted):
            for it in mine:
                it.take_in(table)
    return found


def _valid_range(column: Column) -> tuple[float, float]:
    if column.valid_min is None or column.valid_max is None or column.valid_min >= column.valid_max:
        return _UNKNOWN_RANGE
    return column.valid_min, column.valid_max


def numbers(table: pa.Table, name: str) -> Numbers:
    """The values of a column, NaN where one is missing."""
    cells = table[name].combine_chunks().cast(pa.float64(), safe=False)
    return np.asarray(cells.to_numpy(zero_copy_only=False))


# --- arrays in cells --------------------------------------------------------------------------------------------------


def _times_of(entry: Field) -> Axis | None:
    """The axis of a field whose elements have times of their own, in another field."""
    return next((axis for axis in entry.axes if axis.field), None)


def _of_cells(entry: Field, energies: Axis, table: pa.Table, times: Micros) -> tuple[Micros, Numbers]:
    """The energies of each measurement in the records, as a mean over the other directions; and their times."""
    array, _ = array_of(table[entry.name], [len(axis) for axis in entry.axes])
    several = _times_of(entry)
    along = {axis.name: place for place, axis in enumerate(entry.axes, start=1)}
    array = np.moveaxis(array, along[energies.name], -1)
    if several is None:
        return times, _mean(array.reshape(len(times), -1, len(energies)))
    place = along[several.name] - (along[several.name] > along[energies.name])
    array = np.moveaxis(array, place, 1).reshape(len(times), len(several), -1, len(energies))
    measured = _measured_at(several, table, times).ravel()
    values = _mean(array.reshape(len(measured), -1, len(energies)))
    order = np.argsort(measured, kind="stable")
    return measured[order], values[order]


def _measured_at(several: Axis, table: pa.Table, times: Micros) -> Micros:
    """When each measurement was made; where its record does not say it, when that was."""
    lists = table[several.field + AS_UTC].combine_chunks()
    is_whole = np.asarray(pc.fill_null(pc.equal(pc.list_value_length(lists), several.size), False))
    found = np.repeat(times[:, None], several.size, axis=1)
    said = lists.filter(pa.array(is_whole)).flatten().cast(pa.int64())
    at = np.asarray(said.fill_null(0).to_numpy(zero_copy_only=False)).reshape(-1, several.size) // 1000
    own = found[is_whole]
    found[is_whole] = np.where(np.abs(at - own) < _LONGEST_RECORD, at, own)
    return found


def _mean(values: Numbers) -> Numbers:
    """Over the second of three axes, of the values that are there."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, where=count > 0, out=np.full(total.shape, np.nan)))
