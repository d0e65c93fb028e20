"""Which job of crump's loads a day's file, and into which table: the mirror's own jobs, or those of a team."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import yaml
from crump import CrumpConfig, CrumpJob

from ialirt_backfill.exceptions import MirrorError, UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.mirror import shape
from ialirt_backfill.mirror.configuration import job
from ialirt_backfill.mirror.found import Filter, find
from ialirt_backfill.mirror.session import DatabaseSession
from ialirt_backfill.mirror.shape import FoundTable
from ialirt_backfill.mirror.tables import FILE_DATE, columns_for, table_name
from ialirt_backfill.options import MirrorOptions


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Where a day's file goes: its table, and the rows of it that are this day's.

    ``values`` is what crump takes from the file's name, None where its job takes nothing.
    """

    table: str
    day: Filter
    values: Mapping[str, str | None] | None


class Jobs(Protocol):
    """What the mirror asks of a configuration."""

    def place(self, instrument: Instrument, day: date, path: Path) -> TablePlace | None:
        """Where a file goes, None where no job takes it. UsageError where that cannot be told."""

    def check(self, session: DatabaseSession, instrument: Instrument, table: str) -> list[str]:
        """The columns that a load will change first. MirrorError where the table cannot take the instrument's days."""

    def job(self, instrument: Instrument, path: Path, rows: pa.Table, found: FoundTable | None, is_sqlite: bool) -> Any:
        """The job for a file as it is read, into its table as it is. MirrorError where a cell does not fit."""


def jobs_of(options: MirrorOptions) -> Jobs:
    """The configuration that is in force."""
    return OwnJobs(options.table_prefix) if options.crump_config is None else TeamJobs(options.crump_config)


@dataclass(frozen=True, slots=True)
class OwnJobs:
    """One job per instrument, from the table of instruments, with whatever columns a file and its table have."""

    prefix: str

    def place(self, instrument: Instrument, day: date, path: Path) -> TablePlace:
        written = f"{day:%Y%m%d}"
        return TablePlace(table_name(instrument, self.prefix), {FILE_DATE: written}, {"date": written})

    def check(self, session: DatabaseSession, instrument: Instrument, table: str) -> list[str]:
        found = find(session, table)
        if found is None:
            return []
        if reasons := shape.differences(instrument, found):
            raise MirrorError(
                f"{session.shown} has a table {table} that is not the mirror's, and nothing was changed: give"
                f" --table-prefix, or another schema or database. The difference: {'; '.join(reasons)}"
            )
        return shape.outgrown_columns(instrument, found)

    def job(self, instrument: Instrument, path: Path, rows: pa.Table, found: FoundTable | None, is_sqlite: bool) -> Any:
        columns = columns_for(instrument, rows.column_names)
        shape.check_cells(rows, columns, found, is_sqlite)
        if found is not None:
            shape.refuse_doubles(columns, found)
            columns += shape.forgotten_columns(columns, found)
        return job(instrument, self.prefix, columns, shape.types_differing(columns, found))


@dataclass(slots=True)
class TeamJobs:
    """The jobs of a configuration file as crump reads it, each for the files that crump would take it for."""

    file: str
    _config: CrumpConfig = field(init=False)
    _takers: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._config = _read(self.file)

    def place(self, instrument: Instrument, day: date, path: Path) -> TablePlace | None:
        job = self._job_of(path)
        if job is None:
            return None
        if job.filename_to_column is None:
            self._refuse_second(job, instrument)
            return TablePlace(job.target_table, {}, None)
        values = job.filename_to_column.extract_values_from_filename(path)
        if not values:
            raise UsageError(
                f"--crump-config {self.file}: job {job.name} takes {path.name}, but its filename_to_column does not"
                " match that name"
            )
        named = [(it, values[name]) for name, it in job.filename_to_column.columns.items() if name in values]
        of_day = {it.db_column: value for it, value in named if it.use_to_delete_old_rows}
        return TablePlace(job.target_table, {} if None in of_day.values() else of_day, values)

    def check(self, session: DatabaseSession, instrument: Instrument, table: str) -> list[str]:
        return []

    def job(self, instrument: Instrument, path: Path, rows: pa.Table, found: FoundTable | None, is_sqlite: bool) -> Any:
        return self._job_of(path)

    def _job_of(self, path: Path) -> CrumpJob | None:
        """The job for a file, None where there is none.

        An only job is crump's for every file, so here it must not say that it is for others.
        """
        jobs = dict(self._config.jobs)
        if len(jobs) == 1:
            [only] = jobs.values()
            if only.filename_match is None:
                values_from = only.filename_to_column
                return only if values_from is None or values_from.extract_values_from_filename(path) else None
            jobs[""] = only  # of two jobs crump takes the first that matches
        try:
            found = CrumpConfig(jobs).get_job_or_auto_detect(filename=path.as_posix())
        except ValueError:  # none matches
            return None
        return found[0] if found else None

    def _refuse_second(self, job: CrumpJob, instrument: Instrument) -> None:
        """UsageError where a job that says nothing of files would put two instruments into one table."""
        taker = self._takers.setdefault(job.name, instrument.name)
        if job.filename_match is None and taker != instrument.name:
            raise UsageError(
                f"--crump-config {self.file}: job {job.name} would take the files of {taker} and of {instrument.name}:"
                " give it a filename_match, or name one --instrument"
            )


def _read(file: str) -> CrumpConfig:
    try:
        return CrumpConfig.from_yaml(Path(file))
    except OSError as error:
        trouble = error.strerror or "there is no such file"
    except yaml.YAMLError as error:
        trouble = f"it is no YAML: {' '.join(str(error).split())}"
    except (ValueError, re.error) as error:
        trouble = str(error)
    except (AttributeError, KeyError, TypeError):  # crump takes it for granted that a mapping is one
        trouble = "it is not made as crump wants it"
    raise UsageError(f"--crump-config {file}: {trouble}")
