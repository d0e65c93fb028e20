"""Take the files of a datastore that another program has filled into the ledger, without asking the network.

A day keeps the path it was adopted under. Adopted days are not final: the next run asks for their gaps once, and for
what lies behind their last record. A file whose nanoseconds went through a float has lost digits: it is asked for again
whole.

Nothing is taken from a datastore of synthetic days, nor from a folder below that has a ledger of its own: it is a
datastore by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill import __version__
from ialirt_backfill.day import table
from ialirt_backfill.exceptions import DayFileError, UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import AdoptOptions
from ialirt_backfill.plan.coverage import SECOND, Span, day_span, measure
from ialirt_backfill.plan.decisions import Policy
from ialirt_backfill.run.measuring import day_result
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.demonstration import refuse_synthetic
from ialirt_backfill.store.files import DayFiles
from ialirt_backfill.store.places import LedgerRows
from ledger import AttemptResult, AttemptStatus, DayResult, DayStatus, Ledger

_FLOAT_FORM = r"[.eE]"
"""What stands in nanoseconds that went through a float, and in no integer."""


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


@dataclass(frozen=True, slots=True)
class AdoptReport:
    """What became of the files that were found; ``passed_over`` are folders below that are datastores by themselves,
    ``unread`` those that could not be looked into."""

    days: tuple[AdoptedDay, ...]
    passed_over: tuple[Path, ...]
    unread: tuple[OSError, ...] = ()


def adopt(options: AdoptOptions) -> AdoptReport:
    """Adopt the files of the range, or with ``dry_run`` tell what would be.

    Raises UsageError where there is no datastore or its days are synthetic, and ledger.LedgerError.
    """
    datastore = Path(options.datastore)
    if not datastore.is_dir():
        raise UsageError(f"{options.datastore} is no folder: name the datastore with --datastore")
    refuse_synthetic(options, None, _ADVICE)
    files = DayFiles(datastore, options.ledger_file, options.known)
    days = _examined_only(options, files) if options.dry_run else _adopted(options, files)
    return AdoptReport(tuple(days), tuple(files.passed_over), tuple(files.unread))


_ADVICE = "nothing is adopted from it, nor beside it"


def _examined_only(options: AdoptOptions, files: DayFiles) -> list[AdoptedDay]:
    """What would become of the files; nothing is written or made."""
    datastore, now = Path(options.datastore), options.as_of or datetime.now(UTC)
    rows = _rows_there(options, now)
    found = find(files, options.instruments, options.days(now))
    return [_examined(datastore, instrument, day, paths, rows, now) for instrument, day, paths in found]


def _adopted(options: AdoptOptions, files: DayFiles) -> list[AdoptedDay]:
    """What became of the files, as the ledger has it now."""
    datastore, now = Path(options.datastore), options.as_of or datetime.now(UTC)
    found = find(files, options.instruments, options.days(now))
    with Ledger.open(options.ledger_url) as ledger:
        refuse_synthetic(options, ledger, _ADVICE)
        run_id = ledger.start_run("adopt", _remembered(options), __version__)
        rows = _rows(ledger, options, now)
        days = []
        for instrument, day, paths in found:
            examined = _examined(datastore, instrument, day, paths, rows, now)
            days.append(_recorded(ledger, run_id, examined, rows))
        counts = {adoption.value: sum(day.adoption is adoption for day in days) for adoption in Adoption}
        ledger.finish_run(run_id, counts, int(bool(counts[Adoption.FAILED.value])))
    return days


def _remembered(options: AdoptOptions) -> dict[str, object]:
    """The options as the ledger remembers them; what was adopted is real."""
    names = ("datastore", "instrument", "start", "end")
    return {name: getattr(options, name) for name in names} | {"demo": False}


def find(
    files: DayFiles, instruments: Sequence[Instrument], days: Sequence[date]
) -> Iterator[tuple[Instrument, date, list[PurePosixPath]]]:
    """The files of these days and instruments, by what their names say; their paths are relative to the datastore."""
    wanted = set(days)
    paths: dict[tuple[Instrument, date], list[PurePosixPath]] = {}
    for path in files:
        said = files.catalogue.of_file(path.name)
        if said is not None and said[0] in instruments and said[1] in wanted and path.is_file():
            paths.setdefault(said, []).append(PurePosixPath(path.relative_to(files.folder)))
    for (instrument, day), found in sorted(paths.items(), key=lambda entry: (entry[0][1], entry[0][0].name)):
        yield instrument, day, found


def _rows_there(options: AdoptOptions, now: datetime) -> LedgerRows:
    """What the ledger has, where there is one."""
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        return {}
    with ledger:
        refuse_synthetic(options, ledger, _ADVICE)
        return _rows(ledger, options, now)


def _rows(ledger: Ledger, options: AdoptOptions, now: datetime) -> LedgerRows:
    days = options.days(now)
    return ledger.days([instrument.progress_key for instrument in options.instruments], days[0], days[-1])


def _examined(
    datastore: Path,
    instrument: Instrument,
    day: date,
    paths: Sequence[PurePosixPath],
    rows: LedgerRows,
    now: datetime,
) -> AdoptedDay:
    path = paths[0]
    if len(paths) > 1:
        both = " and ".join(str(datastore / path) for path in paths)
        error = f"{instrument.name} {day} has more than one file, {both}: keep one and move the others away"
        return AdoptedDay(instrument, day, path, Adoption.FAILED, error=error)
    row = rows.get((instrument.progress_key, day))
    if row is not None and row.status is not DayStatus.PENDING:
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
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(file).decode(errors="backslashreplace")
        raise DayFileError(f"{shown} has a name that is not UTF-8, and no ledger can hold it: rename it") from None
    found = dayfile.inspect(file)
    rows = found.in_order()
    whole = day_span(day)
    times = table.times(rows)
    start, end = int(whole.start.timestamp()), int(whole.end.timestamp())
    if times and not start <= times[0] <= times[-1] < end:
        raise DayFileError(f"{file} holds rows of another day than its name says: correct it, or move it away")
    lost_digits = _went_through_float(rows, instrument)
    asked_through = whole.start if lost_digits else _asked_through(instrument, whole, times, found.is_cut, now)
    result = day_result(
        instrument,
        measure(instrument, Span(whole.start, asked_through), times),
        DayStatus.DOWNLOADED if times else DayStatus.NO_DATA,
        is_final=False,
        path=path,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        rejected=0,
        access=None,  # what the file's header shows of it is judged when the day is planned
    )
    return result, lost_digits


def _asked_through(instrument: Instrument, whole: Span, times: Sequence[int], is_cut: bool, now: datetime) -> datetime:
    """A file has been asked for to its last record, as far as it tells; to the day's end where it ends there.

    Not the last record itself where the file ends in the middle of a line, nor what may still be rewritten.
    """
    if not times:
        return whole.start
    last = datetime.fromtimestamp(times[-1], UTC)
    if is_cut:
        return last
    relied_on = (now - Policy().overlap).replace(microsecond=0)
    if relied_on >= whole.end and whole.end - last - SECOND <= instrument.longest_pause:
        return whole.end
    return max(whole.start, min(last + SECOND, relied_on))


def _went_through_float(rows: pa.Table, instrument: Instrument) -> bool:
    """Whether nanoseconds stand there as floats are written, with an exponent or a decimal point."""
    for name, column in instrument.columns.items():
        if not column.is_time or name not in rows.column_names:
            continue
        if pc.any(pc.match_substring_regex(rows[name], _FLOAT_FORM)).as_py():
            return True
    return False


def _recorded(ledger: Ledger, run_id: str, day: AdoptedDay, rows: LedgerRows) -> AdoptedDay:
    """The adopted day, in the ledger; as known where another runner has been at it since ``rows`` were read."""
    if day.result is None:
        return day
    key = day.instrument.progress_key
    row = rows.get((key, day.day))
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
    try:
        with ledger.recording(claim) as recording:
            recording.save(day.result, attempt, checked=None, progress=day.result.last_record)
    except BaseException:
        ledger.release(claim)
        raise
    return day
