"""Take the files of a datastore that another program has filled into the ledger, without asking the network.

A day keeps the path it was adopted under. Adopted days are not final: the next run asks for their gaps once, and for
what lies behind their last record. A file whose nanoseconds went through a float has lost digits: it is asked for again
whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill import __version__, dayfile, table
from ialirt_backfill.coverage import SECOND, Span, availability_pct, day_span, expected_records, measure
from ialirt_backfill.exceptions import DayFileError, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, ColumnType, Instrument
from ialirt_backfill.options import AdoptOptions
from ledger import AttemptResult, AttemptStatus, DayResult, DayState, DayStatus, Ledger

_DIGITS = r"^-?\d+$"


class Adoption(Enum):
    """What became of one file."""

    ADOPTED = "adopted"
    LOST_DIGITS = "lost digits"
    """Adopted, but its nanoseconds went through a float: to be asked for again whole."""
    KNOWN = "known"
    """The ledger has the day already."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AdoptedDay:
    """One instrument-day found in the datastore; ``path`` is relative to it, ``result`` what the ledger will hold."""

    instrument: Instrument
    day: date
    path: PurePosixPath
    adoption: Adoption
    result: DayResult | None = None
    error: str | None = None


def adopt(options: AdoptOptions) -> list[AdoptedDay]:
    """Adopt the files of the range, or with ``dry_run`` tell what would be.

    Raises UsageError where there is no datastore, and ledger.LedgerError.
    """
    datastore = Path(options.datastore)
    if not datastore.is_dir():
        raise UsageError(f"{options.datastore} is no folder: name the datastore with --datastore")
    now = options.as_of or datetime.now(UTC)
    found = find(datastore, options.instruments, options.days(now))
    if options.dry_run:
        ledger = Ledger.open_existing(options.ledger_url)
        known = {} if ledger is None else _known(ledger, options, now)
        return [_examined(datastore, instrument, day, paths, known, now) for instrument, day, paths in found]
    with Ledger.open(options.ledger_url) as ledger:
        run_id = ledger.start_run("adopt", {"datastore": options.datastore}, __version__)
        known = _known(ledger, options, now)
        days = []
        for instrument, day, paths in found:
            examined = _examined(datastore, instrument, day, paths, known, now)
            days.append(_recorded(ledger, run_id, examined))
        counts = {adoption.value: sum(day.adoption is adoption for day in days) for adoption in Adoption}
        ledger.finish_run(run_id, counts, int(bool(counts[Adoption.FAILED.value])))
    return days


def find(
    datastore: Path, instruments: Sequence[Instrument], days: Sequence[date]
) -> Iterator[tuple[Instrument, date, list[PurePosixPath]]]:
    """The day files below a folder, under any of the names in use, with the day and instrument that the name says."""
    wanted = set(days)
    paths: dict[tuple[Instrument, date], list[PurePosixPath]] = {}
    for path in sorted(datastore.rglob("imap_*.csv")):
        said = _said_by(path.name)
        if said is not None and said[0] in instruments and said[1] in wanted and path.is_file():
            paths.setdefault(said, []).append(PurePosixPath(path.relative_to(datastore)))
    for (instrument, day), files in sorted(paths.items(), key=lambda entry: (entry[0][1], entry[0][0].name)):
        yield instrument, day, files


def _said_by(name: str) -> tuple[Instrument, date] | None:
    """Which instrument and day a file's name says; None where it is no day file's name."""
    match = re.fullmatch(r"imap_(\w*?_)(\d{8})\.csv", name, re.ASCII)
    if match is None:
        return None
    for instrument in INSTRUMENTS.values():
        if match[1] in {instrument.file_prefix, *instrument.other_file_prefixes}:
            try:
                return instrument, date.fromisoformat(match[2])
            except ValueError:
                return None
    return None


def _known(ledger: Ledger, options: AdoptOptions, now: datetime) -> dict[tuple[str, date], DayState]:
    days = options.days(now)
    rows = ledger.days([instrument.progress_key for instrument in options.instruments], days[0], days[-1])
    return {key: row for key, row in rows.items() if row.status is not DayStatus.PENDING}


def _examined(
    datastore: Path,
    instrument: Instrument,
    day: date,
    paths: Sequence[PurePosixPath],
    known: dict[tuple[str, date], DayState],
    now: datetime,
) -> AdoptedDay:
    path = paths[0]
    if len(paths) > 1:
        both = " and ".join(str(datastore / path) for path in paths)
        error = f"{instrument.name} {day} has more than one file, {both}: keep one and move the others away"
        return AdoptedDay(instrument, day, path, Adoption.FAILED, error=error)
    if (instrument.progress_key, day) in known:
        return AdoptedDay(instrument, day, path, Adoption.KNOWN)
    try:
        result, lost_digits = _read(datastore, instrument, day, path, now)
    except DayFileError as error:
        return AdoptedDay(instrument, day, path, Adoption.FAILED, error=str(error))
    return AdoptedDay(instrument, day, path, Adoption.LOST_DIGITS if lost_digits else Adoption.ADOPTED, result)


def _read(
    datastore: Path, instrument: Instrument, day: date, path: PurePosixPath, now: datetime
) -> tuple[DayResult, bool]:
    """What the ledger will hold of a file, and whether its nanoseconds have lost digits."""
    file = datastore / path
    rows = dayfile.read(file)
    whole = day_span(day)
    times = table.times(rows)
    start, end = int(whole.start.timestamp()), int(whole.end.timestamp())
    if times and not start <= times[0] <= times[-1] < end:
        raise DayFileError(f"{file} holds rows of another day than its name says: correct it, or move it away")
    lost_digits = _went_through_float(rows, instrument)
    asked_through = whole.start if lost_digits else _asked_through(instrument, whole, times, now)
    coverage = measure(instrument, Span(whole.start, asked_through), times)
    result = DayResult(
        status=DayStatus.DOWNLOADED if times else DayStatus.NO_DATA,
        records=coverage.records,
        expected_records=expected_records(instrument, coverage.asked),
        availability_pct=availability_pct(instrument, coverage),
        first_record=coverage.first,
        last_record=coverage.last,
        gaps=tuple((gap.start, gap.end) for gap in coverage.gaps),
        asked_through=asked_through,
        is_final=False,
        path=str(path),
        size_bytes=dayfile.size(file),
        sha256=dayfile.checksum(file),
        rejected=0,
        error=None,
    )
    return result, lost_digits


def _asked_through(instrument: Instrument, whole: Span, times: Sequence[int], now: datetime) -> datetime:
    """A file has been asked for to its last record, as far as it tells; to the day's end where it ends there."""
    if not times:
        return whole.start
    behind_last = datetime.fromtimestamp(times[-1], UTC) + SECOND
    complete = now >= whole.end + timedelta(minutes=10) and whole.end - behind_last <= instrument.longest_pause
    return whole.end if complete else behind_last


def _went_through_float(rows: pa.Table, instrument: Instrument) -> bool:
    """Whether nanoseconds stand there as floats are written, with an exponent or a decimal point."""
    for name, column in instrument.columns.items():
        if column.type is ColumnType.INTEGER and column.unit == "ns" and name in rows.column_names:
            cells = rows[name].drop_null()
            if not pc.all(pc.match_substring_regex(cells, _DIGITS), min_count=0).as_py():
                return True
    return False


def _recorded(ledger: Ledger, run_id: str, day: AdoptedDay) -> AdoptedDay:
    """The same day, in the ledger; as known where another runner has been faster."""
    if day.result is None:
        return day
    key = day.instrument.progress_key
    row = ledger.day(key, day.day)
    claim = ledger.claim(key, day.day, seen_version=None if row is None else row.version, run_id=run_id)
    if claim is None:
        return AdoptedDay(day.instrument, day.day, day.path, Adoption.KNOWN)
    moment = ledger.now()
    attempt = AttemptResult(
        decision="adopt",
        reason=day.adoption.value,
        status=AttemptStatus(day.result.status.value),
        records_fetched=0,
        records_added=day.result.records,
        availability_pct=day.result.availability_pct,
        requests=0,
        seconds=0.0,
        error_type=None,
        error=None,
        rejected=0,
        rejected_sample=None,
        started=moment,
        finished=moment,
    )
    with ledger.recording(claim) as recording:
        recording.save(day.result, attempt, checked=None, progress=day.result.last_record)
    return day
