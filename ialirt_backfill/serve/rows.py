"""The rows of a dataset in a stretch of time, day by day, and the files that they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.read.averages import averaged, count_name
from ialirt_backfill.read.days import tables
from ialirt_backfill.serve.datasets import Dataset, Parameter
from ialirt_backfill.serve.values import HapiRows

_DAY = timedelta(days=1)
_VALUES_AT_ONCE = 1 << 16
_VALUES_AT_FIRST = 1 << 13
"""The first piece is a small one: it is what a client waits for."""


def rows(
    datastore: Path, dataset: Dataset, parameters: Sequence[Parameter], start: datetime, stop: datetime
) -> Iterator[HapiRows]:
    """The rows from ``start`` to before ``stop``, some at a time. A mean is in them where its stretch begins in it, and
    is made of the whole of that stretch. Raises DayFileError."""
    instrument, width = dataset.instrument, dataset.means.stretch
    columns = _stored(instrument, parameters)
    if width is None:
        found = tables(datastore, instrument, start, stop, columns=columns)
    else:
        first, last = _not_before(start, width), _not_before(stop, width)
        found = averaged(tables(datastore, instrument, first, last, columns=columns), instrument, width)
    values = sum(it.width for it in parameters)
    at_once = max(1, _VALUES_AT_FIRST // values)
    for table in found:
        batches = [batch for batch in reversed(table.to_batches()) if batch.num_rows]
        del table  # else a day would still be held while the next one is read; so below
        while batches:
            batch = batches.pop()
            yield HapiRows(batch.slice(0, at_once))
            if batch.num_rows > at_once:
                batches.append(batch.slice(at_once))
            del batch
            at_once = max(1, _VALUES_AT_ONCE // values)


def _stored(instrument: Instrument, parameters: Sequence[Parameter]) -> list[str]:
    """The columns of the files that parameters are made of; the number of values is made of the values."""
    counted = {count_name(name): name for name in instrument.columns}
    names = (counted.get(name, name) for it in parameters for name in it.columns)
    return [name for name in dict.fromkeys(names) if name in instrument.columns and name != TIME_UTC]


def _not_before(moment: datetime, width: timedelta) -> datetime:
    """The first beginning of a stretch that does not lie before a time."""
    epoch = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return epoch - (epoch - moment) // width * width


@dataclass(frozen=True, slots=True)
class Version:
    """A day's file, and by what it is seen that it has changed."""

    path: Path
    size: int
    modified_ns: int


def versions(datastore: Path, instrument: Instrument, start: datetime, stop: datetime) -> list[Version]:
    """The files with records from ``start`` to before ``stop``. None of them is opened."""
    found = []
    day = start.date()
    while datetime(day.year, day.month, day.day, tzinfo=UTC) < stop:
        for path in (datastore / name for name in instrument.paths(day)):
            try:
                looked = path.stat()
            except FileNotFoundError:
                continue
            found.append(Version(path, looked.st_size, looked.st_mtime_ns))
            break
        day += _DAY
    return found
