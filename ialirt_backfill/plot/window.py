"""The stretch of time that is drawn, and the columns of pixels that it is divided into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

BINS = 900
"""So many columns of pixels a panel has, about; of more than two samples to each, mean and extremes are drawn."""

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
    """From ``start`` to ``stop``, of which nothing after ``now`` can have been observed."""

    start: datetime
    stop: datetime
    now: datetime

    @classmethod
    def of(cls, days: Sequence[date], now: datetime) -> Window:
        """Whole days, of which today ends with the hour."""
        start, stop = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1] + timedelta(days=1)))
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        ended = this_hour if this_hour == now else this_hour + _HOUR
        return cls(start, min(stop, max(ended, start + _HOUR)), now)

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

    def bins(self, times: Micros) -> NDArray[np.int64]:
        """The column of pixels of each time."""
        return np.clip((times - micros(self.start)) * BINS // self.length, 0, BINS - 1)

    @property
    def edges(self) -> Micros:
        """Of the columns of pixels."""
        return micros(self.start) + np.arange(BINS + 1, dtype=np.int64) * self.length // BINS
