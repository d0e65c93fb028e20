"""Compare the files with what the ledger recorded of them, and have those that differ asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from pathlib import Path, PurePosixPath

from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL, Stop
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument, definition_of
from ialirt_backfill.listening import guarded
from ialirt_backfill.options import VerifyOptions
from ialirt_backfill.plan.decisions import Decision, Policy, decide
from ialirt_backfill.reports.status import open_ledger
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import session
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.demonstration import is_synthetic_throughout, refuse_at_sight, refuse_mixing
from ialirt_backfill.store.places import day_path, size_on_disk
from ledger import DayState, Ledger


class FileFault(Enum):
    """In what a file is not what the ledger recorded."""

    MISSING = "missing"
    UNRECORDED = "unrecorded"
    """A file is there, and the ledger says that there is none."""
    UNREADABLE = "unreadable"
    SIZE = "size"
    CHECKSUM = "checksum"
    ROWS = "rows"
    ORDER = "order"
    """Its rows do not rise in time, one per second."""
    HALF_LINE = "half line"
    """It ends in the middle of a line."""
    DEFINITION = "definition"
    """It is what the ledger recorded, but its instrument was defined otherwise when it was written."""


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A file that is not what the ledger recorded; ``path`` is relative to the datastore, ``detail`` says how it is."""

    instrument: Instrument
    day: date
    path: PurePosixPath
    faults: tuple[FileFault, ...]
    detail: str
    state: DayState

    @property
    def is_as_recorded(self) -> bool:
        """Whether only the definition of its instrument has changed."""
        return self.faults == (FileFault.DEFINITION,)

    def to_json(self) -> dict[str, object]:
        return {
            "instrument": self.instrument.name,
            "day": self.day.isoformat(),
            "path": str(self.path),
            "faults": [fault.value for fault in self.faults],
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in ``files`` files; after ``--fix`` also the run that asked again, and what is ``left`` wrong.

    ``is_synthetic``, ``datastore`` and ``ledger`` are as in `Report`.
    """

    files: int
    findings: tuple[FileFinding, ...]
    repair: Report | None = None
    left: tuple[FileFinding, ...] = ()
    is_synthetic: bool = False
    datastore: str = field(default="", compare=False)
    ledger: str = field(default="", compare=False)

    @property
    def exit_code(self) -> int:
        """0 when every file is what the ledger recorded, or is again; 1 when one is not."""
        if self.repair is not None:
            return EXIT_FAILED if self.left else self.repair.exit_code
        return EXIT_FAILED if self.findings else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The contract of ``--json``; ``results`` are those of the backfill's, ``run_id`` is null without ``--fix``."""
        repaired = {} if self.repair is None else self.repair.to_json()
        return {
            "synthetic": self.is_synthetic,
            "datastore": self.datastore,
            "ledger": self.ledger,
            "files": self.files,
            "findings": [finding.to_json() for finding in self.findings],
            "run_id": repaired.get("run_id"),
            "results": repaired.get("results", []),
            "left": [finding.to_json() for finding in self.left],
        }


def verify(
    options: VerifyOptions, *, key: str | None = None, listener: Listener | None = None, stop: Stop | None = None
) -> Verification:
    """Read the files of a range; with ``fix``, ask again whole for the days of those that are not as recorded.

    What is in such a file is merged with what comes, never thrown away. Raises UsageError and ledger.LedgerError.
    """
    listener, stop = guarded(listener or Listener()), stop or Stop()
    may_ask = options.demo or options.fix
    if may_ask:
        refuse_at_sight(options)
    with open_ledger(options) as ledger:
        if may_ask:
            refuse_mixing(options, ledger)
        is_synthetic = is_synthetic_throughout(options, ledger)
        files, findings = _look(ledger, options, stop)
    if not (options.fix and findings) or stop.is_set():
        return Verification(files, findings, None, (), is_synthetic, options.datastore_shown, options.ledger_shown)
    policy = Policy(redownload=True, settle=options.settle, overlap=options.overlap)
    with session(options, policy, "verify", key=key, listener=listener, stop=stop) as run:
        planned = [_again(finding, run.context) for finding in findings]
        listener.planned(planned)
        repair = run.carry_out(planned)
        seen = ((finding, run.context.ledger.day(finding.state.item_name, finding.day)) for finding in findings)
        left = tuple(
            still
            for finding, row in seen
            if row is not None and (still := examine(run.context.datastore, finding.instrument, row)) is not None
        )
    return Verification(files, findings, repair, left, is_synthetic, options.datastore_shown, options.ledger_shown)


def _look(ledger: Ledger, options: VerifyOptions, stop: Stop) -> tuple[int, tuple[FileFinding, ...]]:
    """How many files there should be, and those that are not as recorded. Files in work are left alone."""
    datastore, by_key = Path(options.datastore), {entry.progress_key: entry for entry in options.instruments}
    days = options.days(options.as_of or utc_now())
    rows = ledger.days(list(by_key), days[0], days[-1])
    found = []
    for key, day in sorted(rows, key=lambda place: (place[1], place[0])):
        if stop.is_set():
            break
        finding = examine(datastore, by_key[key], rows[key, day])
        while finding is not None:
            row = ledger.day(key, day)
            if row is None or row.version == finding.state.version:
                break
            finding = examine(datastore, by_key[key], row)  # a run has recorded it since
        if finding is not None and finding.state.claim is None:
            found.append(finding)
    return sum(row.size_bytes is not None for row in rows.values()), tuple(found)


def _again(finding: FileFinding, context: Context) -> Decision:
    """Ask for the whole day again, and read what is in its file as it is."""
    row = finding.state
    size = size_on_disk(context.datastore, finding.instrument, finding.day, row)
    policy, admission = Policy(redownload=True), context.api.admission
    decision = decide(finding.instrument, finding.day, row, size, context.now, policy, admission)
    return replace(decision, reason=f"verify --fix: {finding.detail}", reread=size is not None)


def examine(datastore: Path, instrument: Instrument, row: DayState) -> FileFinding | None:
    """What is wrong with the file of a row, None where it is what the ledger recorded."""
    path = day_path(datastore, instrument, row.day, row)
    wrong: dict[FileFault, str] = {}
    try:
        if dayfile.size(datastore / path) is None:
            if row.size_bytes is not None:
                wrong[FileFault.MISSING] = "the file is missing"
        elif row.size_bytes is None:
            wrong[FileFault.UNRECORDED] = "a file is there that the ledger does not know"
        else:
            wrong = dict(_differences(dayfile.inspect(datastore / path), row, definition_of(instrument)))
    except DayFileError as error:
        wrong[FileFault.UNREADABLE] = str(error)
    return FileFinding(instrument, row.day, path, tuple(wrong), "; ".join(wrong.values()), row) if wrong else None


def _differences(found: dayfile.Inspection, row: DayState, definition: str) -> Sequence[tuple[FileFault, str]]:
    checks = (
        (
            FileFault.SIZE,
            found.size_bytes != row.size_bytes,
            f"{found.size_bytes:,} bytes, recorded {row.size_bytes:,}",
        ),
        (FileFault.CHECKSUM, found.sha256 != row.sha256, "its checksum is not the one recorded"),
        (FileFault.ROWS, found.rows != row.records, f"{found.rows:,} rows, recorded {row.records:,}"),
        (FileFault.ORDER, not found.is_ordered, "its rows do not rise in time"),
        (FileFault.HALF_LINE, found.is_cut, "it ends in the middle of a line"),
        (FileFault.DEFINITION, row.definition not in {None, definition}, "it was written under another definition"),
    )
    return [(fault, words) for fault, is_wrong, words in checks if is_wrong]
