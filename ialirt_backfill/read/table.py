"""A stretch of time of one instrument as a single table of arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.read.asked import Asked, Moment, asked, names_of, stretch_of
from ialirt_backfill.read.averages import averaged, averages_schema, has_mean
from ialirt_backfill.read.chosen import chosen
from ialirt_backfill.read.days import tables
from ialirt_backfill.read.schema import projected


def read_table(
    datastore: str | Path,
    instrument: str,
    start: Moment,
    end: Moment | None = None,
    *,
    columns: str | Iterable[str] | None = None,
    average: str | timedelta | None = None,
    strict: bool = False,
    catalogue: str | Path | None = None,
) -> pa.Table:
    """The records of one instrument as a table of arrow, whose fields know their units.

    ``start`` and ``end`` are days (``"2026-02-01"``, a ``date``), both of which are read, or times, to before ``end``;
    UTC, where no zone is given. Without an ``end`` it is the day of ``start``. ``columns`` are all that are read beside
    ``time_utc``: ``mag_B_GSE`` stands for its three components, ``mag_epoch_utc`` for the times of ``mag_epoch`` in
    UTC, exact to the nanosecond. ``average="1min"`` gives means instead (see `averages`), made day by day.
    ``catalogue`` names the files that add to what is known of the instruments, or change it, separated by commas.

    Every day has the same columns and types; what does not fit them is null, its text stands in ``extra``, and a
    warning (OddCells) says so, or with ``strict`` a DayFileError. Days without a file are left out. Raises UsageError
    for what is asked for wrongly, and DayFileError for a file that cannot be read.
    """
    what = _of_one(asked(datastore, instrument, start, end, catalogue))
    every, names = stretch_of(average), names_of(columns)
    if names is not None or every is not None:
        names = chosen(what.instruments, names, has_mean=has_mean if every is not None else None).get(
            what.instruments[0], []
        )
    return whole(what, what.instruments[0], names, every, strict=strict)


def day_tables(
    datastore: str | Path,
    instrument: str,
    start: Moment,
    end: Moment | None = None,
    *,
    columns: str | Iterable[str] | None = None,
    strict: bool = False,
    catalogue: str | Path | None = None,
) -> Iterator[pa.Table]:
    """The records of one instrument as `read_table` has them, a table for each day that has any: for a stretch that is
    too long to be held in memory."""
    what = _of_one(asked(datastore, instrument, start, end, catalogue))
    names = names_of(columns)
    return tables(what.datastore, what.instruments[0], what.start, what.stop, columns=names, strict=strict)


def whole(
    what: Asked, instrument: Instrument, columns: list[str] | None, every: timedelta | None, *, strict: bool
) -> pa.Table:
    """One instrument of what is asked for."""
    schema = projected(instrument, columns)
    days = tables(what.datastore, instrument, what.start, what.stop, columns=columns, strict=strict)
    if every is None:
        return pa.concat_tables([schema.empty_table(), *days])
    means = averages_schema(instrument, schema)
    return pa.concat_tables([means.empty_table(), *averaged(days, instrument, every, strict=strict)])


def _of_one(what: Asked) -> Asked:
    if len(what.instruments) != 1:
        names = ", ".join(instrument.name for instrument in what.instruments)
        raise UsageError(f"{names}: a table is of one instrument, which has one set of columns")
    return what
