"""What there is of each instrument: from when to when, and when it last changed. From the ledger; from the files where
there is none, or while it cannot be read.

It is looked at anew when it is a second old, beside the answers, which do not wait for it: a ledger of ten years takes
longer than they may.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.options import ServeOptions
from ialirt_backfill.read.days import tables
from ialirt_backfill.store.files import DayFiles
from ledger import Extent, Ledger, LedgerError

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)
STILL_GROWS = timedelta(days=7)
"""A dataset grows while it was asked for, or had a record, within so long a time. (The mission's own archive waits a
week before it calls a day complete.)"""

FRESH_SECONDS = 1.0
FRESH_SECONDS_OF_FILES = 30.0
"""How long what was found holds; to look at all files takes longer."""
STALE_SECONDS = 60.0
"""What is older than this is not told any more: whoever asks then waits."""
PATIENCE_SECONDS = 2.0
"""How long a ledger that does not answer is waited for."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What there is of one instrument: its first and its last record, and when the newest file was written.

    ``asked_through`` is up to when the ledger knows it to have been asked for; None where nobody says.
    """

    first: datetime
    last: datetime
    modified: datetime
    asked_through: datetime | None

    def grows(self, now: datetime) -> bool:
        """Whether more may come at its end."""
        return now - max(self.last, self.asked_through or self.last) < STILL_GROWS


class Holdings:
    """What there is, for any number of threads."""

    def __init__(self, options: ServeOptions) -> None:
        self._datastore = Path(options.datastore)
        self._ledger_url = options.ledger_url
        self._catalogue = options.known
        self._instruments = {instrument.name: instrument for instrument in options.instruments}
        self._ledger: Ledger | None = None
        self._known: Mapping[str, Holding] = {}
        self._looked_at = -STALE_SECONDS
        self._has_ledger: bool | None = None
        self._looking = threading.Lock()
        self._edges: dict[Path, tuple[float, int, tuple[datetime, datetime] | None]] = {}

    def known(self) -> Mapping[str, Holding]:
        """What there is, by the instrument's name."""
        age = time.monotonic() - self._looked_at
        if age > STALE_SECONDS:
            with self._looking:
                if time.monotonic() - self._looked_at > STALE_SECONDS:
                    self._look()
        elif age > (FRESH_SECONDS if self._has_ledger else FRESH_SECONDS_OF_FILES) and not self._looking.locked():
            threading.Thread(target=self._look_again, name="holdings", daemon=True).start()
        return self._known

    def close(self) -> None:
        """Close the ledger."""
        with self._looking:
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = None

    def _look_again(self) -> None:
        if self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()

    def _look(self) -> None:
        found = self._from_ledger()
        self._known = self._from_files() if found is None else found
        self._looked_at = time.monotonic()

    # The ledger

    def _from_ledger(self) -> Mapping[str, Holding] | None:
        """None where there is no ledger, or it cannot be read; the log says so once."""
        try:
            if self._ledger is None:
                self._ledger = Ledger.open_existing(self._ledger_url, timeout_seconds=PATIENCE_SECONDS)
            if self._ledger is None:
                self._say(has_ledger=False, why="There is no ledger yet")
                return None
            extents = self._ledger.extents([it.progress_key for it in self._instruments.values()])
        except LedgerError as error:
            self._say(has_ledger=False, why=str(error))
            return None
        self._say(has_ledger=True)
        names = {instrument.progress_key: name for name, instrument in self._instruments.items()}
        return {names[key]: _holding(extent) for key, extent in extents.items()}

    def _say(self, *, has_ledger: bool, why: str = "") -> None:
        if not has_ledger and self._has_ledger is not False:
            log.warning("%s. What there is, is told from the files alone.", why.rstrip("."))
        elif has_ledger and self._has_ledger is False:
            log.warning("The ledger can be read: what there is, is told from it again.")
        self._has_ledger = has_ledger

    # The files

    def _from_files(self) -> Mapping[str, Holding]:
        days: dict[str, list[tuple[date, Path]]] = {}
        for path in DayFiles(self._datastore, catalogue=self._catalogue):
            instrument, day = self._catalogue.of_file(path.name) or (None, None)
            if instrument is not None and day is not None and instrument.name in self._instruments:
                days.setdefault(instrument.name, []).append((day, path))
        found = {name: self._of_files(self._instruments[name], sorted(files)) for name, files in days.items()}
        return {name: holding for name, holding in found.items() if holding is not None}

    def _of_files(self, instrument: Instrument, files: list[tuple[date, Path]]) -> Holding | None:
        first = next((edges for day, path in files if (edges := self._edges_of(instrument, day, path))), None)
        last = next((edges for day, path in reversed(files) if (edges := self._edges_of(instrument, day, path))), None)
        if first is None or last is None:
            return None
        modified = max(path.stat().st_mtime for _, path in files if path.exists())
        return Holding(first[0], last[1], datetime.fromtimestamp(modified, UTC), None)

    def _edges_of(self, instrument: Instrument, day: date, path: Path) -> tuple[datetime, datetime] | None:
        """The first and the last record of a day; None where it has none, or cannot be read."""
        try:
            looked = path.stat()
        except OSError:
            return None
        mtime, size, edges = self._edges.get(path, (0.0, -1, None))
        if (mtime, size) == (looked.st_mtime, looked.st_size):
            return edges
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        edges = None
        try:
            for table in tables(self._datastore, instrument, midnight, midnight + _DAY, columns=[]):
                edges = (table[TIME_UTC][0].as_py(), table[TIME_UTC][-1].as_py())
        except DayFileError as error:
            log.warning("%s", error)
        self._edges[path] = (looked.st_mtime, looked.st_size, edges)
        return edges


def _holding(extent: Extent) -> Holding:
    return Holding(extent.first_record, extent.last_record, extent.updated_at, extent.asked_through)
