"""crump's configuration, made from the table of instruments: one job per instrument."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from crump import ColumnMapping, CrumpConfig, CrumpJob, FailureMode, Index, IndexColumn
from crump.config import FilenameColumnMapping, FilenameToColumn

from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.mirror.tables import FILE_DATE, Kind, TableColumn, known_columns, table_name

_DAY = "[0-9]" * 8

_INTRODUCTION = """\
# crump's configuration for the daily files of I-ALiRT, one job per instrument.
#
#     crump sync <file> --config <this file> --db-url postgresql://user@host/database
#
# chooses the job by the file's name. Written by: ialirt-backfill mirror config. Do not edit: make it again.
#
# The files, relative to the datastore, as patterns of fnmatch and glob:
#
#     paths_to_match:
"""


def job(
    instrument: Instrument,
    prefix: str = "",
    columns: Sequence[TableColumn] | None = None,
    types: Mapping[str, Kind] | None = None,
) -> CrumpJob:
    """The job of an instrument.

    ``columns`` are the columns of one file and its table; without them those that the instrument is known to have.
    ``types`` are what columns hold in a table that is there already, where that differs.
    """
    table = table_name(instrument, prefix)
    mappings = [_mapping(column, types or {}) for column in columns or known_columns(instrument)]
    key, *others = mappings
    return CrumpJob(
        name=table,
        target_table=table,
        id_mapping=[key],
        columns=others,
        filename_match=f"imap_{instrument.file_prefix}{_DAY}.csv",
        filename_to_column=FilenameToColumn(
            {"date": FilenameColumnMapping("date", FILE_DATE, Kind.DATE.value, use_to_delete_old_rows=True)},
            # A template's [date] would also take "hit_20260101" for a day of mag.
            regex=rf"^imap_{instrument.file_prefix}(?P<date>\d{{8}})\.csv$",
        ),
        # Without it, every load would search the whole table for the rows of its day.
        indexes=[Index(f"ix_{table}_{FILE_DATE}", [IndexColumn(FILE_DATE)])],
        failure_mode=FailureMode.STRICT,
    )


def _mapping(column: TableColumn, types: Mapping[str, Kind]) -> ColumnMapping:
    kind = types.get(column.name, column.kind)
    return ColumnMapping(column.in_file, column.name, kind.value, nullable=column.name != TIME_UTC)


def path_pattern(instrument: Instrument) -> str:
    """The files of an instrument, relative to the datastore: for fnmatch and glob, and of no other instrument."""
    return f"{instrument.folder}/*/*/imap_{instrument.file_prefix}{_DAY}.csv"


def yaml_text(instruments: Iterable[Instrument], prefix: str = "") -> str:
    """The configuration as crump reads it, with the patterns of the files as a comment."""
    chosen = list(instruments)
    config = CrumpConfig({made.name: made for made in (job(instrument, prefix) for instrument in chosen)})
    text = io.StringIO(_INTRODUCTION)
    text.seek(0, io.SEEK_END)
    for instrument in chosen:
        text.write(f'#       - "{path_pattern(instrument)}"\n')
    text.write("\n")
    content: dict[str, Any] = config.to_yaml_dict()
    yaml.safe_dump(content, text, default_flow_style=False, sort_keys=False, width=120)
    return text.getvalue()
