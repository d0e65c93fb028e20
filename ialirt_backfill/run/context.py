"""Where a run takes place, and what lies there: the days' files on disk, seen with the ledger's rows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path, PurePosixPath

from ialirt_backfill.ask.client import Api
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument, of_file
from ialirt_backfill.plan.decisions import Decision, Policy, decide
from ialirt_backfill.run.events import Listener
from ialirt_backfill.store import dayfile
from ledger import DayAccess, DayState, Ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run takes place: its ledger, its datastore, I-ALiRT, and as of when it decides.

    ``follow_server_clock`` says that ``now`` is this machine's clock, which the server's corrects where they differ.
    """

    ledger: Ledger
    api: Api
    datastore: Path
    policy: Policy
    now: datetime
    run_id: str
    listener: Listener = field(default_factory=Listener)
    follow_server_clock: bool = True

    def decide(self, instrument: Instrument, day: date, row: DayState | None) -> Decision:
        """Decide from a row and the file on disk as they are now."""
        size = size_on_disk(self.datastore, instrument, day, row)
        return decide(instrument, day, row, size, self.now, self.policy, self.api.admission)

    def trusted_now(self) -> datetime:
        """``now``, but no later than the server's clock: what a clock that is ahead has asked for has yet to happen."""
        ahead = self.api.clock_error if self.follow_server_clock else timedelta(0)
        return self.now - ahead if ahead > timedelta(minutes=1) else self.now


def day_path(instrument: Instrument, day: date, row: DayState | None) -> PurePosixPath:
    """Where a day's file lies, relative to the datastore: where the ledger has it, else at its usual place."""
    return PurePosixPath(row.path) if row is not None and row.path else instrument.path(day)


def size_on_disk(datastore: Path, instrument: Instrument, day: date, row: DayState | None) -> int | None:
    """The size of a day's file in bytes, None where there is none.

    None also where it cannot be looked at: so the day is decided to be asked for, and its attempt tells the reason.
    """
    name = row.path if row is not None and row.path else instrument.path(day)
    try:
        return dayfile.size(f"{datastore}/{name}")
    except DayFileError:
        return None


def access_shown(datastore: Path, instrument: Instrument, row: DayState) -> DayAccess | None:
    """With what access a day was fetched: as the ledger has it; where it does not know, as its file's header shows.

    None where the file cannot be read, or has nothing restricted to tell by.
    """
    if row.access is not None or not row.path or not instrument.has_restricted_fields:
        return row.access
    try:
        names = dayfile.header(datastore / row.path)
    except DayFileError:
        return None
    return DayAccess.FULL if instrument.restricted_columns <= set(names) else DayAccess.NONE


def note_access_shown(ledger: Ledger, datastore: Path, instruments: Iterable[Instrument]) -> None:
    """Let the ledger know with what access the days were fetched of which it does not: those of an earlier version, and
    adopted ones."""
    for instrument in instruments:
        if instrument.has_restricted_fields:
            rows = ledger.without_access(instrument.progress_key)
            shown = {day: access_shown(datastore, instrument, row) for day, row in rows.items()}
            ledger.note_access(instrument.progress_key, {day: access for day, access in shown.items() if access})


def sweep_skipped(site: Site, planned: Iterable[Decision]) -> None:
    """Remove the temporary files that killed runs left beside the files of days that are not worked on now.

    A file is seen first, then the ledger asked: whoever staged it holds a claim until it is gone.
    """
    skipped = {(it.instrument, it.day) for it in planned if not it.action.asks}
    months = {(instrument, day.year, day.month) for instrument, day in skipped}
    folders = {site.datastore / instrument.folder_of(date(year, month, 1)) for instrument, year, month in months}
    for temporary, final in chain.from_iterable(map(dayfile.leftovers, sorted(folders))):
        said = of_file(final.name)
        if said is not None and said in skipped:
            row = site.ledger.day(said[0].progress_key, said[1])
            if row is None or row.claim is None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                    log.info("removed %s, which a killed run left", temporary)
