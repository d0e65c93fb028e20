"""Which days an export writes, and why: from the day files, the Parquet files, and the ledger. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ialirt_backfill.export.columns import fingerprint
from ialirt_backfill.export.events import ExportAction, ExportDecision
from ialirt_backfill.export.folder import Folder, Held, HeldDay
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import ExportOptions
from ialirt_backfill.store.filed import FiledDay, due_again, filed_day
from ledger import DayState, Ledger, MirroredDay


@dataclass(frozen=True, slots=True)
class ExportPlanner:
    """What decides: the options, the folder, and whatever is remembered. ``ledger`` is None where there is none."""

    options: ExportOptions
    folder: Folder
    ledger: Ledger | None

    def plan(self, now: datetime) -> tuple[ExportDecision, ...]:
        """Decide for every day of the range that has a file."""
        days = self.options.days(now)
        decided = [it for instrument in self.options.instruments for it in self._decide_all(instrument, days, now)]
        return tuple(sorted(decided, key=lambda decision: decision.day))

    def _decide_all(self, instrument: Instrument, days: Sequence[date], now: datetime) -> list[ExportDecision]:
        key, datastore = instrument.progress_key, Path(self.options.datastore)
        states: Mapping[tuple[str, date], DayState] = {}
        last: Mapping[tuple[str, date], MirroredDay] = {}
        if self.ledger is not None:
            states = self.ledger.days([key], days[0], days[-1])
            last = self.ledger.mirrored(self.folder.target, [key], days[0], days[-1])
        schema = fingerprint(self.folder.schema(instrument))
        held: dict[date, Held | None] = {}
        decisions = []
        for day in days:
            if (file := filed_day(datastore, instrument, day, states.get((key, day)))) is None:
                continue
            month = day.replace(day=1)
            if month not in held:
                held[month] = self.folder.held(self.folder.path(instrument, month))
            decisions.append(self._decide(_Found(file, last.get((key, day)), held[month], schema), now))
        return decisions

    def _decide(self, found: _Found, now: datetime) -> ExportDecision:
        def decision(action: ExportAction, reason: str) -> ExportDecision:
            it = found.file
            there, known = found.there, found.is_remembered
            return ExportDecision(it.instrument, it.day, it.path, it.size, action, reason, there, known)

        if self.options.rewrite:
            return decision(ExportAction.EXPORT, "to be written again (--rewrite)")
        there = found.there
        if there is None:
            return decision(ExportAction.EXPORT, found.why_not_there())
        since = found.written_at
        when = f"{since:%Y-%m-%d %H:%M}Z"
        if found.file.sha256() == there.sha256:
            return decision(ExportAction.SKIP_EXPORTED, f"{there.records:,} records, exported {when}")
        due = due_again(since, self.options.open_every)
        if found.file.is_growing(now) and now < due:
            return decision(ExportAction.SKIP_GROWING, f"still growing, exported {when}: again from {due:%H:%M}Z on")
        return decision(ExportAction.EXPORT, f"changed since {when}")


@dataclass(frozen=True, slots=True)
class _Found:
    """A day's file, and what is known of its copy: by the ledger, and by the file that its month has in the folder."""

    file: FiledDay
    last: MirroredDay | None
    held: Held | None
    schema: str

    @property
    def there(self) -> HeldDay | None:
        """The day as the folder has it, where that is in the columns of today."""
        if self.held is None or self.held.schema != self.schema:
            return None
        return self.held.days.get(self.file.day)

    @property
    def is_remembered(self) -> bool:
        """Whether the ledger has it as the folder has it."""
        return self.last is not None and self.there is not None and self.last.sha256 == self.there.sha256

    @property
    def written_at(self) -> datetime:
        """When what is there was written: as the ledger has it, else as the file says."""
        assert self.held is not None  # noqa: S101 - asked of what is there only
        return self.last.loaded_at if self.last is not None and self.is_remembered else self.held.written_at

    def why_not_there(self) -> str:
        if self.held is not None and self.file.day in self.held.days:
            return "its file has other columns than those of today"
        return "never exported" if self.last is None else "the folder has it no more"
