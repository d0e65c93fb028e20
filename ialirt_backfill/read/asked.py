"""What somebody asks to read: a datastore, instruments, a stretch of time, as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Catalogue, Instrument
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.options.datastore import is_datastore, is_there
from ialirt_backfill.options.forms import parse_day, parse_duration, parse_instruments, parse_last_day, parse_time
from ialirt_backfill.options.texts import full_path

Moment = str | date | datetime
"""A day or a time as it may be given; without a zone it is UTC."""

_CLOCK = re.compile(r"\d{4}-?\d{2}-?\d{2}[Tt ].*")


@dataclass(frozen=True, slots=True)
class Asked:
    """From ``start`` to before ``stop``, in UTC."""

    datastore: Path
    instruments: tuple[Instrument, ...]
    start: datetime
    stop: datetime


def asked(
    datastore: str | Path,
    instrument: str | Iterable[str],
    start: Moment,
    end: Moment | None,
    catalogue: str | Path | None = None,
) -> Asked:
    """What is meant. Raises UsageError for an unknown instrument, a wrong folder or catalogue, an end that does not lie
    behind the start.

    A day that ends is meant as a whole; a time that ends is not part of it. Without an end it is the day of the start,
    or its month.
    """
    names = instrument if isinstance(instrument, str) else ",".join(instrument)
    known = catalogue_of(None if catalogue is None else str(catalogue))
    instruments = parse_instruments(names, known)
    start, end = _plain(start), None if end is None else _plain(end)
    try:
        begins = _start(start)
        ends = _stop(end) if end is not None else _stop(start if _is_day(start) else begins.date())
    except OverflowError:
        raise UsageError(f"{start if end is None else end} is past the last day of the calendar") from None
    if ends <= begins:
        raise UsageError(f"the end, {end}, does not lie behind the start, {start}")
    folder = Path(full_path("the datastore", str(datastore)))
    _check(folder, known)
    return Asked(folder, instruments, begins, ends)


def names_of(columns: str | Iterable[str] | None) -> list[str] | None:
    """The names of columns: a list of them, or one text with commas between."""
    if isinstance(columns, str):
        return [name.strip() for name in columns.split(",") if name.strip()]
    return None if columns is None else list(columns)


def stretch_of(average: str | timedelta | None) -> timedelta | None:
    """How long the stretches are that are averaged over. Raises UsageError for what is no duration."""
    if average is None or isinstance(average, timedelta):
        return average
    return parse_duration(str(average))


def _plain(moment: object) -> Moment:
    """A moment of numpy's as one of Python's; UsageError for what is none."""
    if isinstance(moment, np.datetime64):
        moment = moment.item() if np.datetime_data(moment)[0] == "D" else moment.astype("datetime64[us]").item()
    if not isinstance(moment, str | date) or moment != moment:  # NaT of pandas is a datetime unlike itself
        raise UsageError(f"{moment!r} is no day and no time: write it as '2026-02-01' or '2026-02-01T14:00:00'")
    return moment


def _is_day(moment: Moment) -> bool:
    if isinstance(moment, str):
        return _CLOCK.fullmatch(moment.strip()) is None
    return not isinstance(moment, datetime)


def _start(moment: Moment) -> datetime:
    if isinstance(moment, str):
        if _is_day(moment):
            return _midnight(parse_day(moment))
        return parse_time(moment.strip())
    return _aware(moment) if isinstance(moment, datetime) else _midnight(moment)


def _stop(moment: Moment) -> datetime:
    if not _is_day(moment):
        return _start(moment)
    last = parse_last_day(moment) if isinstance(moment, str) else moment
    return _midnight(last) + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _check(folder: Path, known: Catalogue) -> None:
    """Raise UsageError for a folder that is no datastore: else a slip of the pen would look like days without data."""
    if folder.is_file():
        raise UsageError(f"the datastore {folder} is a file: name the folder that the days lie in")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    names = sorted({instrument.folder for instrument in known.instruments.values()})
    if is_datastore(folder) or any(is_there(folder / name) for name in names):
        return
    above = next((it for it in folder.absolute().parents if any(is_there(it / name) for name in names)), None)
    hint = f": is {above} meant?" if above else f", the folder that has `{names[0]}` in it"
    raise UsageError(f"{folder} holds no day files: name the datastore{hint}")
