"""What is read becomes what can be seen: a day at a time, in a room that does not grow with the range.

All of these take times (microseconds, rising) and values (NaN where one is missing) of a day after the other. Of more
samples than can be told apart nothing is left out that stands out: lines keep the least and the greatest of every
column of pixels, points one of those that would lie on one another, colours the greatest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ialirt_backfill.plot.window import Micros, Window

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

POINT_ROWS = 180
"""So many points can be told apart over one another."""


@dataclass(slots=True)
class Presence:
    """Where something is there: the pauses between samples that are longer than ``pause`` (microseconds)."""

    pause: int
    first: int | None = None
    last: int | None = None
    count: int = 0
    _pauses: list[tuple[int, int]] = field(default_factory=list)

    def feed(self, times: Micros) -> None:
        if not len(times):
            return
        if self.last is not None:
            times = np.concatenate([[self.last], times])
            self.count -= 1
        long = np.flatnonzero(np.diff(times) > self.pause)
        self._pauses += [(int(times[at]), int(times[at + 1])) for at in long]
        self.first = int(times[0]) if self.first is None else self.first
        self.last = int(times[-1])
        self.count += len(times)

    def missing(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The stretches from ``start`` to ``stop`` without a sample."""
        if self.first is None or self.last is None:
            return [(start, stop)] if stop > start else []
        ends = [(start, self.first), *self._pauses, (self.last, stop)]
        return [(since, until) for since, until in ends if until - since > self.pause]


@dataclass(frozen=True, slots=True)
class Trace:
    """A line as it is drawn. Where it is interrupted there is a sample without a value.

    Of an envelope each sample is of a column of pixels: ``middle`` its mean, ``low`` and ``high`` its extremes. Else
    all three are the values themselves.
    """

    times: Micros
    middle: Numbers
    low: Numbers
    high: Numbers
    is_envelope: bool
    samples: int

    @property
    def alone(self) -> Mask:
        """The samples without a neighbour, of which no line can be drawn."""
        there = np.concatenate([[False], ~np.isnan(self.middle), [False]])
        return np.asarray(there[1:-1] & ~there[:-2] & ~there[2:])


class Line:
    """A line that grows, sample by sample where these are few, else as an envelope."""

    def __init__(self, window: Window, cadence: int, pause: int) -> None:
        self._window, self._pause = window, pause
        self._is_envelope = window.has_more_than_fit(cadence)
        self._raw: list[tuple[Micros, Numbers]] = []
        self._low, self._high = np.full(window.columns, np.inf), np.full(window.columns, -np.inf)
        self._sum, self._count = np.zeros(window.columns), np.zeros(window.columns, np.int64)
        self._begin = np.full(window.columns, np.iinfo(np.int64).max)
        self._end = np.full(window.columns, np.iinfo(np.int64).min)
        self.samples = 0

    def feed(self, times: Micros, values: Numbers) -> None:
        there = ~np.isnan(values)
        times, values = times[there], values[there]
        self.samples += len(times)
        if not self._is_envelope:
            self._raw.append((times, values))
        elif len(times):
            self._take_in(times, values)

    def _take_in(self, times: Micros, values: Numbers) -> None:
        bins = self._window.bins(times)
        first = np.concatenate([[0], np.flatnonzero(np.diff(bins)) + 1])
        last = np.concatenate([first[1:], [len(bins)]]) - 1
        at = bins[first]
        self._low[at] = np.minimum(self._low[at], np.minimum.reduceat(values, first))
        self._high[at] = np.maximum(self._high[at], np.maximum.reduceat(values, first))
        self._sum[at] += np.add.reduceat(values, first)
        self._count[at] += last - first + 1
        self._begin[at] = np.minimum(self._begin[at], times[first])
        self._end[at] = np.maximum(self._end[at], times[last])

    def trace(self) -> Trace:
        """What is drawn."""
        if self._is_envelope:
            at = np.flatnonzero(self._count)
            begin, end, low, high = self._begin[at], self._end[at], self._low[at], self._high[at]
            middle = np.clip(self._sum[at] / self._count[at], low, high)
            times = begin + (end - begin) // 2
        else:
            times = np.concatenate([np.empty(0, np.int64), *(times for times, _ in self._raw)])
            middle = np.concatenate([np.empty(0), *(values for _, values in self._raw)])
            begin, end, low, high = times, times, middle, middle
        after = np.flatnonzero(begin[1:] - end[:-1] > self._pause) + 1
        between = end[after - 1] + (begin[after] - end[after - 1]) // 2
        middle, low, high = (np.insert(values, after, np.nan) for values in (middle, low, high))
        return Trace(np.insert(times, after, between), middle, low, high, self._is_envelope, self.samples)


class Points:
    """Points in a range of values: the first of those that would lie on one another."""

    def __init__(self, window: Window, range_: tuple[float, float]) -> None:
        self._window, self.range = window, range_
        self._times = np.zeros(window.columns * POINT_ROWS, np.int64)
        self._values = np.full(window.columns * POINT_ROWS, np.nan)
        self.samples = 0

    def feed(self, times: Micros, values: Numbers) -> None:
        there = ~np.isnan(values)
        times, values = times[there], values[there]
        self.samples += len(times)
        low, high = self.range
        rows = np.clip((values - low) / (high - low) * POINT_ROWS, 0, POINT_ROWS - 1).astype(np.int64)
        places, first = np.unique(self._window.bins(times) * POINT_ROWS + rows, return_index=True)
        free = np.isnan(self._values[places])
        self._times[places[free]], self._values[places[free]] = times[first[free]], values[first[free]]

    def points(self) -> tuple[Micros, Numbers]:
        """Times and values of the points that are drawn."""
        there = ~np.isnan(self._values)
        return self._times[there], self._values[there]


class Spectrum:
    """Rows of colours over time, one for each energy: each sample, or the greatest of each column of pixels."""

    def __init__(self, window: Window, rows: int, cadence: int, pause: int) -> None:
        self._window, self._cadence, self._pause = window, cadence, pause
        self._is_binned = window.has_more_than_fit(cadence)
        self._raw: list[tuple[Micros, Numbers]] = []
        self._greatest = np.full((window.columns, rows), np.nan)
        self.samples = 0

    def feed(self, times: Micros, values: Numbers) -> None:
        """``values`` has a row for each time."""
        there = ~np.isnan(values).all(axis=1)
        times, values = times[there], values[there]
        self.samples += len(times)
        if not self._is_binned:
            self._raw.append((times, values))
        elif len(times):
            bins = self._window.bins(times)
            first = np.concatenate([[0], np.flatnonzero(np.diff(bins)) + 1])
            at = bins[first]
            self._greatest[at] = np.fmax(self._greatest[at], np.fmax.reduceat(values, first, axis=0))

    def cells(self) -> tuple[Micros, Numbers]:
        """The edges of the cells in time, and their values (NaN: nothing), one row for each cell."""
        if self._is_binned:
            return self._window.edges, self._greatest
        times = np.concatenate([np.empty(0, np.int64), *(times for times, _ in self._raw)])
        values = np.concatenate([np.empty((0, self._greatest.shape[1])), *(values for _, values in self._raw)])
        if not len(times):
            return times, values
        # A sample stands for the time up to the next one; where that comes late, for its cadence.
        after = np.flatnonzero(np.diff(times) > self._pause)
        edges = np.concatenate([times, [times[-1] + self._cadence]])
        edges = np.insert(edges, after + 1, times[after] + self._cadence)
        return edges, np.insert(values, after + 1, np.nan, axis=0)


class Rows:
    """Rows that are marked where something is so: a flag that is set, a state that holds."""

    def __init__(self, window: Window, cadence: int) -> None:
        self._window, self._cadence = window, cadence
        self._steps: dict[str, NDArray[np.int64]] = {}
        self.counts: dict[str, int] = {}

    def feed(self, name: str, times: Micros) -> None:
        """These times of a row; each lasts as long as the cadence."""
        steps = self._steps.setdefault(name, np.zeros(self._window.columns + 1, np.int64))
        self.counts[name] = self.counts.get(name, 0) + len(times)
        np.add.at(steps, self._window.bins(times), 1)
        np.add.at(steps, self._window.bins(times + self._cadence) + 1, -1)

    def spans(self, name: str) -> list[tuple[int, int]]:
        """The stretches of a row, in whole columns of pixels."""
        marked = (
            np.cumsum(self._steps.get(name, np.zeros(self._window.columns + 1, np.int64)))[: self._window.columns] > 0
        )
        steps = np.diff(np.concatenate([[0], marked.astype(np.int64), [0]]))
        edges = self._window.edges
        starts, stops = edges[np.flatnonzero(steps == 1)], edges[np.flatnonzero(steps == -1)]
        return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]
