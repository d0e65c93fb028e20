"""Which days a mirror loads, and why: from the files, the ledger and the tables. Nothing is changed."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ialirt_backfill.exceptions import MirrorError, UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.mirror import markers
from ialirt_backfill.mirror.events import MirrorAction, MirrorDecision
from ialirt_backfill.mirror.found import find, has_rows, is_empty
from ialirt_backfill.mirror.jobs import Jobs, TablePlace
from ialirt_backfill.mirror.session import DatabaseSession
from ialirt_backfill.mirror.tables import marker_name
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.filed import FiledDay, due_again, filed_day
from ledger import Ledger, MirroredDay

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MirrorPlanner:
    """What decides: the options, a configuration, and whatever is remembered. ``ledger`` is None where there is none.

    ``is_synthetic`` says that the files are those of a demonstration.
    """

    options: MirrorOptions
    jobs: Jobs
    ledger: Ledger | None
    is_synthetic: bool

    def plan(self, session: DatabaseSession, now: datetime) -> tuple[MirrorDecision, ...]:
        """Decide for every day of the range that has a file. MirrorError where a table cannot take them."""
        days = self.options.days(now)
        there = [it for instrument in self.options.instruments for it in self._files(instrument, days)]
        self._check_tables(session, there)
        by_table: defaultdict[str, list[_Placed]] = defaultdict(list)
        for it in there:
            by_table[it.place.table].append(it)
        decided = {
            (decision.day, decision.instrument.name): decision
            for table, files in by_table.items()
            for decision in self._decide_all(session, table, files, days, now)
        }
        names = [instrument.name for instrument in self.options.instruments]
        plan = tuple(decided[day, name] for day in days for name in names if (day, name) in decided)
        for decision in {decision.place.table: decision for decision in reversed(plan)}.values():
            self.refuse_mixing(session, decision)
        return plan

    def decide_again(self, session: DatabaseSession, planned: MirrorDecision, now: datetime) -> MirrorDecision | None:
        """What is to be done with a planned day, if another mirror has loaded it since the plan was made; else None."""
        assert self.ledger is not None  # noqa: S101 - nothing is loaded without one
        key, day = planned.instrument.progress_key, planned.day
        last = self.ledger.mirrored(session.identity(planned.place.table), [key], day, day).get((key, day))
        size = dayfile.size(planned.path)
        if last == planned.last or size is None:
            return None
        state = self.ledger.days([key], day, day).get((key, day))
        file = FiledDay(planned.instrument, day, planned.path, size, state)
        return self._decide(_Placed(file, planned.place), last, True, now)

    def refuse_mixing(self, session: DatabaseSession, decision: MirrorDecision) -> bool:
        """Whether the table is said to hold days of the kind that the files are.

        False where it is empty, and takes either; MirrorError where it would come to hold both real and synthetic days.
        """
        table = decision.place.table
        if markers.is_named(session, table, marker_name(self.options.table_prefix)) is self.is_synthetic:
            return True
        if is_empty(session, table):
            return False
        elsewhere = "give --table-prefix, or another schema or database"
        if not self.is_synthetic:
            raise MirrorError(
                f"{session.shown} has a table {table} that holds the synthetic days of a demonstration, and nothing was"
                f" changed: drop it, or {elsewhere}"
            )
        key = decision.instrument.progress_key
        before = {} if self.ledger is None else self.ledger.mirrored(session.identity(table), [key], *_EVER)
        loaded = f". An earlier version has loaded {len(before):,} of them into it: if it holds no others, drop it"
        raise MirrorError(
            f"{session.shown} has a table {table} whose days are real, as far as is known, and those of"
            f" {self.options.datastore} are synthetic; nothing was changed: {elsewhere}{loaded if before else ''}"
        )

    # --- within -------------------------------------------------------------------------------------------------------

    def _files(self, instrument: Instrument, days: Sequence[date]) -> list[_Placed]:
        """The files of an instrument that a job takes."""
        key, datastore = instrument.progress_key, Path(self.options.datastore)
        states = {} if self.ledger is None else self.ledger.days([key], days[0], days[-1])
        found, others = [], 0
        for day in days:
            if (file := filed_day(datastore, instrument, day, states.get((key, day)))) is None:
                continue
            if (place := self.jobs.place(instrument, day, file.path)) is None:
                others += 1
            else:
                found.append(_Placed(file, place))
        if others:
            self._tell_of_files_without_a_job(instrument, others, has_some=bool(found))
        return found

    def _tell_of_files_without_a_job(self, instrument: Instrument, count: int, *, has_some: bool) -> None:
        trouble = f"no job of {self.options.crump_config} takes {count:,} of the files of {instrument.name}"
        if not has_some and not self.options.takes_what_it_may:
            raise UsageError(f"--instrument {instrument.name}: {trouble}")
        log.log(logging.WARNING if has_some else logging.INFO, "%s", trouble)

    def _check_tables(self, session: DatabaseSession, files: Iterable[_Placed]) -> None:
        for instrument, table in dict.fromkeys((it.file.instrument, it.place.table) for it in files):
            columns = self.jobs.check(session, instrument, table)
            if columns and self.options.dry_run:
                log.warning("%s: the next load makes columns double precision first: %s", table, ", ".join(columns))

    def _decide_all(
        self, session: DatabaseSession, table: str, files: Sequence[_Placed], days: Sequence[date], now: datetime
    ) -> list[MirrorDecision]:
        keys = list(dict.fromkeys(it.file.instrument.progress_key for it in files))
        mirrored: Mapping[tuple[str, date], MirroredDay] = {}
        if self.ledger is not None:
            mirrored = self.ledger.mirrored(session.identity(table), keys, days[0], days[-1])
        found = find(session, table) if mirrored else None
        in_table = [False] * len(files)
        if found is not None:
            in_table = has_rows(session, table, found, [it.place.day for it in files])
        return [
            self._decide(it, mirrored.get((it.file.instrument.progress_key, it.file.day)), is_there, now)
            for it, is_there in zip(files, in_table, strict=True)
        ]

    def _decide(self, placed: _Placed, last: MirroredDay | None, is_in_table: bool, now: datetime) -> MirrorDecision:
        file, place = placed.file, placed.place

        def decision(action: MirrorAction, reason: str) -> MirrorDecision:
            return MirrorDecision(file.instrument, file.day, file.path, file.size, place, action, reason, last)

        if self.options.reload:
            return decision(MirrorAction.LOAD, "to be loaded again (--reload)")
        if last is None:
            return decision(MirrorAction.LOAD, "never loaded")
        # The ledger may have been told of a load into a table that was dropped since, or into one behind the same
        # address.
        if last.records and not is_in_table:
            return decision(MirrorAction.LOAD, "the table has no row of it")
        when = f"{last.loaded_at:%Y-%m-%d %H:%M}Z"
        if file.sha256() == last.sha256:
            return decision(MirrorAction.SKIP_LOADED, f"{last.records:,} records, loaded {when}")
        due = due_again(last.loaded_at, self.options.open_every)
        if file.is_growing(now) and now < due:
            return decision(MirrorAction.SKIP_GROWING, f"still growing, loaded {when}; next at {due:%H:%M}Z")
        return decision(MirrorAction.LOAD, f"changed since {when}")


_EVER = (date.min, date.max)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A day's file, and where it goes."""

    file: FiledDay
    place: TablePlace
