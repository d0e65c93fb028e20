"""The stretch of time that is drawn, and the columns of pixels that it is divided into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

BINS, GRID_BINS = 900, 1200
"""So many columns of pixels a panel has, about, or the panels of a row of a grid together."""

Micros = NDArray[np.int64]
"""Times in microseconds since 1970, UTC."""

_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MICROS = 86_400_000_000


def micros(moment: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(at: int) -> datetime:
    """The time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=int(at))


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` to ``stop``, of which nothing after ``now`` can have been observed.

    It is drawn in so many ``columns`` of pixels; of more than two samples to each, mean and extremes are drawn.
    """

    start: datetime
    stop: datetime
    now: datetime
    columns: int = BINS

    @classmethod
    def of(cls, days: Sequence[date], now: datetime) -> Window:
        """Whole days, of which today ends with the hour. Days to come are there, too, where there is nothing else."""
        start, stop = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1] + timedelta(days=1)))
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        ended = this_hour if this_hour == now else this_hour + _HOUR
        return cls(start, stop if now < start else min(stop, max(ended, start + _HOUR)), now)

    @property
    def observed(self) -> tuple[datetime, datetime]:
        """Within which something can have been observed."""
        return self.start, max(self.start, min(self.stop, self.now))

    @property
    def seen(self) -> tuple[int, int]:
        """What is seen, in microseconds."""
        start, stop = self.observed
        return micros(start), micros(stop)

    @property
    def length(self) -> int:
        """In microseconds."""
        return (self.stop - self.start) // _MICROSECOND

    def has_more_than_fit(self, cadence: int) -> bool:
        """Whether samples of a cadence, in microseconds, are more than can be drawn one by one."""
        return self.length > 2 * self.columns * cadence

    def bins(self, times: Micros) -> NDArray[np.int64]:
        """The column of pixels of each time."""
        return np.clip((times - micros(self.start)) * self.columns // self.length, 0, self.columns - 1)

    @property
    def edges(self) -> Micros:
        """Of the columns of pixels."""
        return micros(self.start) + np.arange(self.columns + 1, dtype=np.int64) * self.length // self.columns
