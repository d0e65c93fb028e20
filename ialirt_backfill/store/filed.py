"""A day's file and what the ledger has of it, for whoever copies days elsewhere as often as they change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.places import day_path
from ledger import DayState

_OF_OPEN_EVERY = 0.9
"""A copy is remembered with the time when it ended: a schedule as long as ``open_every`` itself would find the day too
young by the seconds that the last run took, and copy it every second time only."""


@dataclass(frozen=True, slots=True)
class FiledDay:
    """A day that has a file. ``size`` is the file's, in bytes; ``state`` is None where the ledger has no row of it."""

    instrument: Instrument
    day: date
    path: Path
    size: int
    state: DayState | None

    def sha256(self) -> str:
        """The ledger's checksum as long as the file has the size that it recorded, else that of the file.

        Raises DayFileError where the file has to be read and cannot be.
        """
        if self.state is not None and self.state.sha256 is not None and self.state.size_bytes == self.size:
            return self.state.sha256
        return dayfile.checksum(self.path)

    def is_growing(self, now: datetime) -> bool:
        """Whether records are still to be appended: the day is not over, or has not been asked for to its end."""
        end = day_span(self.day).end
        if self.state is None or self.state.asked_through is None:
            return now < end
        return self.state.asked_through < end


def filed_day(datastore: Path, instrument: Instrument, day: date, state: DayState | None) -> FiledDay | None:
    """A day's file where it lies now; None where there is none. Raises DayFileError where it cannot be looked at."""
    path = datastore / day_path(datastore, instrument, day, state)
    size = dayfile.size(path)
    return None if size is None else FiledDay(instrument, day, path, size, state)


def due_again(copied_at: datetime, open_every: timedelta) -> datetime:
    """From when on a day that still grows is to be copied again."""
    return copied_at + _OF_OPEN_EVERY * open_every
