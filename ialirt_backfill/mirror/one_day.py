"""One day's file into its table, in one transaction: all of it, or nothing."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crump import CrumpJob

from ialirt_backfill.exceptions import DayFileError, MirrorError, MirrorUnavailable
from ialirt_backfill.mirror import through_crump
from ialirt_backfill.mirror.events import MirrorDecision
from ialirt_backfill.mirror.found import find
from ialirt_backfill.mirror.jobs import Jobs, TablePlace
from ialirt_backfill.mirror.judging import columns_of, is_timed, sources_of
from ialirt_backfill.mirror.reading import DayFile, content_of, understood
from ialirt_backfill.mirror.session import DatabaseSession
from ialirt_backfill.mirror.staging import Merged, Staging

log = logging.getLogger(__name__)

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load has brought: the file as it was, the rows of it that are in the table now, what that changed."""

    sha256: str
    records: int
    left_out: int
    merged: Merged


def load_day(session: DatabaseSession, jobs: Jobs, planned: MirrorDecision, *, history: bool) -> Loaded:
    """Load a day's file as it is now. Raises DayFileError and MirrorError; the table is as it was then."""
    content = content_of(planned.path)
    with tempfile.TemporaryDirectory(prefix="ialirt-mirror-") as folder:
        day = _Day(session, jobs, planned, content, Path(folder) / planned.path.name)
        return day.load_and_note() if history else day.load()


@dataclass(slots=True)
class _Day:
    """A day's file on its way into its table. ``shown`` is where crump is given its content, or its first line."""

    session: DatabaseSession
    jobs: Jobs
    planned: MirrorDecision
    content: bytes
    shown: Path
    has_changed: bool = False

    @property
    def place(self) -> TablePlace:
        return self.planned.place

    def load(self, began: datetime | None = None) -> Loaded:
        """In one transaction; noted in it where it is said when the load ``began``."""
        file = understood(self.shown.name, self.content)
        with self.session.transaction():
            loaded = self._merged(file)
            if began is not None:
                self._note(began, loaded, None)
            return loaded

    def _merged(self, file: DayFile) -> Loaded:
        table, is_sqlite = self.place.table, self.session.is_sqlite
        found = find(self.session, table)
        job = self.jobs.job(self.planned.instrument, self.planned.path, file.rows, found, is_sqlite)
        named = _from_name(job, self.place)
        mappings = columns_of(job, file.rows.column_names)
        sources = sources_of(job, mappings, file.rows, named)
        if sources is None:
            return self._merged_row_by_row(file, job)
        self.shown.write_bytes(file.header)
        self.has_changed = through_crump.run(self.session, job, self.shown, self.place.values, lambda row: None)
        columns = [*(mapping.db_column for mapping in mappings), *named]
        staging = Staging(self.session, table, columns, _key(job), named, is_timed=is_timed(job, found))
        staging.fill(file.rows, sources)
        return Loaded(file.sha256, file.rows.num_rows, 0, staging.merge(self.place.day))

    def _merged_row_by_row(self, file: DayFile, job: CrumpJob) -> Loaded:
        """With crump's rules for every cell and row."""
        self.shown.write_bytes(file.content)
        rows = _Rows(self.session, self.place.table, _key(job))
        self.has_changed = through_crump.run(self.session, job, self.shown, self.place.values, rows.receive)
        merged = rows.staged().merge(self.place.day)
        left_out = 0 if _samples(job) else file.rows.num_rows - rows.count
        return Loaded(file.sha256, rows.count, left_out, merged)

    def load_and_note(self) -> Loaded:
        """A load and its row in crump's history, which also a load that fails has."""
        began = datetime.now(UTC)
        try:
            return self.load(began)
        except MirrorUnavailable:
            raise
        except (DayFileError, MirrorError) as error:
            self._note(began, None, str(error))
            raise

    def _note(self, began: datetime, loaded: Loaded | None, error: str | None) -> None:
        """As with crump, a note that cannot be made fails no load."""
        self.shown.write_bytes(self.content)
        try:
            with self.session.transaction():
                through_crump.note(
                    self.session,
                    self.shown,
                    self.place.table,
                    began=began,
                    ended=datetime.now(UTC),
                    rows_upserted=loaded.records if loaded else 0,
                    rows_deleted=loaded.merged.deleted if loaded else 0,
                    schema_changed=self.has_changed and loaded is not None,
                    success=loaded is not None,
                    error=error,
                )
        except MirrorUnavailable:
            raise
        except MirrorError as trouble:
            log.warning("%s: not noted in %s: %s", self.shown.name, through_crump.HISTORY, trouble)


class _Rows:
    """The rows that crump would have written, on their way into the temporary table."""

    def __init__(self, session: DatabaseSession, table: str, key: Sequence[str]) -> None:
        self._session, self._table, self._key = session, table, key
        self._columns: list[str] = []
        self._waiting: list[tuple[Any, ...]] = []
        self._staging: Staging | None = None
        self.count = 0

    def receive(self, row: through_crump.Row) -> None:
        self._columns = self._columns or list(row)
        self._waiting.append(tuple(row[name] for name in self._columns))
        self.count += 1
        if len(self._waiting) == _AT_ONCE:
            self.staged()

    def staged(self) -> Staging:
        """The temporary table with all rows so far."""
        if self._staging is None:
            self._staging = Staging(self._session, self._table, self._columns or self._key, self._key, {})
        if self._waiting:
            self._staging.insert(self._waiting)
            self._waiting.clear()
        return self._staging


def _from_name(job: CrumpJob, place: TablePlace) -> dict[str, str | None]:
    """The columns that the file's name fills."""
    if job.filename_to_column is None or not place.values:
        return {}
    columns = job.filename_to_column.columns.items()
    return {it.db_column: place.values[name] for name, it in columns if name in place.values}


def _key(job: CrumpJob) -> list[str]:
    return [mapping.db_column for mapping in job.id_mapping]


def _samples(job: CrumpJob) -> bool:
    return job.sample_percentage is not None and job.sample_percentage < 100
