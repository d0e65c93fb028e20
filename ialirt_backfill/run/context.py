"""The context of a run: its ledger, its datastore, I-ALiRT, its policy, and as of when it decides."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path

from ialirt_backfill.ask.client import Api
from ialirt_backfill.instruments import Catalogue, Instrument
from ialirt_backfill.listening import guarded
from ialirt_backfill.plan.decisions import Decision, Policy, decide
from ialirt_backfill.run.events import Listener
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.places import access_shown, size_on_disk
from ledger import DayState, Ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What every day of a run has in common.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "listener", guarded(self.listener))

    def decide(self, instrument: Instrument, day: date, row: DayState | None) -> Decision:
        """Decide from a row and the file on disk as they are now."""
        size = size_on_disk(self.datastore, instrument, day, row)
        return decide(instrument, day, row, size, self.now, self.policy, self.api.admission)

    def trusted_now(self) -> datetime:
        """``now``, but no later than the server's clock: what a clock that is ahead has asked for has yet to happen."""
        ahead = self.api.clock_error if self.follow_server_clock else timedelta(0)
        return self.now - ahead if ahead > timedelta(minutes=1) else self.now


def note_access_shown(ledger: Ledger, datastore: Path, instruments: Iterable[Instrument]) -> None:
    """Let the ledger know with what access the days were fetched of which it does not: those of an earlier version, and
    adopted ones."""
    for instrument in instruments:
        if instrument.has_restricted_fields:
            rows = ledger.without_access(instrument.progress_key)
            shown = {day: access_shown(datastore, instrument, row) for day, row in rows.items()}
            ledger.note_access(instrument.progress_key, {day: access for day, access in shown.items() if access})


def note_renamed(ledger: Ledger, renamed: Mapping[tuple[str, date], DayState]) -> None:
    """Let the ledger know where files lie now that another program has renamed, as far as they are what it recorded."""
    news: dict[str, dict[date, str]] = {}
    for (key, day), row in renamed.items():
        if row.size_bytes is not None and row.path:
            news.setdefault(key, {})[day] = row.path
            log.info("%s %s: followed to %s, as another program has renamed it", key, day, row.path)
    for key, paths in news.items():
        ledger.note_paths(key, paths)


def sweep_skipped(context: Context, planned: Iterable[Decision]) -> None:
    """Remove the temporary files that killed runs left beside the files of days that are not worked on now.

    A file is seen first, then the ledger asked: whoever staged it holds a claim until it is gone.
    """
    skipped = {(it.instrument, it.day) for it in planned if not it.action.asks}
    months = {(instrument, day.year, day.month) for instrument, day in skipped}
    folders = {context.datastore / instrument.folder_of(date(year, month, 1)) for instrument, year, month in months}
    planned_ones = Catalogue({instrument.name: instrument for instrument, _ in skipped})
    for temporary, final in chain.from_iterable(map(dayfile.leftovers, sorted(folders))):
        said = planned_ones.of_file(final.name)
        if said is not None and said in skipped:
            row = context.ledger.day(said[0].progress_key, said[1])
            if row is None or row.claim is None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                    log.info("removed %s, which a killed run left", temporary)
