"""Why a day is as it is, and what the last runs did: what `history` and `runs` tell, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import HistoryOptions, RunsOptions
from ialirt_backfill.reports.status import open_ledger
from ialirt_backfill.store.demonstration import is_synthetic
from ledger import Attempt, DayState, Run


@dataclass(frozen=True, slots=True)
class DayHistory:
    """One instrument-day: its state (None: never asked for) and every attempt at it, oldest first.

    ``synthetic`` says that it is one of a demonstration.
    """

    instrument: str
    day: date
    state: DayState | None
    attempts: tuple[Attempt, ...]
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class RunsReport:
    """The last runs, newest first; ``synthetic`` as in `DayHistory`."""

    runs: tuple[Run, ...]
    synthetic: bool = False


def history(options: HistoryOptions) -> DayHistory:
    """The history of an instrument-day. Raises UsageError and ledger.LedgerError."""
    if options.instrument is None or options.day is None:
        raise UsageError("a history is that of one --instrument and one --day")
    (instrument,) = options.instruments
    with open_ledger(options) as ledger:
        state = ledger.day(instrument.progress_key, options.day)
        attempts = ledger.attempts(instrument.progress_key, options.day)
        synthetic = is_synthetic(options, ledger)
    return DayHistory(instrument.name, options.day, state, tuple(attempts), synthetic)


def runs(options: RunsOptions) -> RunsReport:
    """The last runs, newest first. Raises UsageError and ledger.LedgerError."""
    with open_ledger(options) as ledger:
        return RunsReport(tuple(ledger.runs(limit=options.limit)), is_synthetic(options, ledger))
