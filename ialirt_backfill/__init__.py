"""Keeps every UTC day of IMAP's I-ALiRT telemetry complete: what it offers to Python programs.

    from datetime import date
    from ialirt_backfill import BackfillOptions, backfill, read_days

    report = backfill(BackfillOptions(instrument="hit", start=date(2026, 2, 1), end=date(2026, 2, 7)))
    frame = read_days("ialirt-data", "hit", "2026-02-01", "2026-02-07")

Each name is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ialirt_backfill.ending import Stop
    from ialirt_backfill.exceptions import (
        AccessDenied,
        ApiError,
        DayFileError,
        ExportError,
        IalirtBackfillError,
        Interrupted,
        MirrorError,
        MirrorUnavailable,
        OddCells,
        UnwritableValue,
        UsageError,
    )
    from ialirt_backfill.export.parquet import export_parquet
    from ialirt_backfill.options import (
        AdoptOptions,
        BackfillOptions,
        ChangesOptions,
        ExportOptions,
        GapsOptions,
        HistoryOptions,
        MirrorOptions,
        PlotOptions,
        PollOptions,
        RunsOptions,
        StatusOptions,
        VerifyOptions,
    )
    from ialirt_backfill.plan.access import NoAccess
    from ialirt_backfill.read.dataset import open_dataset
    from ialirt_backfill.read.frame import read_days
    from ialirt_backfill.read.table import day_tables, read_table
    from ialirt_backfill.reports.changes import changes
    from ialirt_backfill.reports.history import history, runs
    from ialirt_backfill.reports.status import gaps, status
    from ialirt_backfill.run.backfill import backfill
    from ialirt_backfill.run.events import DayOutcome, Listener
    from ialirt_backfill.run.passes import PollListener
    from ialirt_backfill.run.poll import poll
    from ialirt_backfill.run.report import Report
    from ialirt_backfill.simulator import Simulator
    from ledger import LedgerError

_HOMES = {
    "ialirt_backfill.ending": ("Stop",),
    "ialirt_backfill.exceptions": (
        "AccessDenied",
        "ApiError",
        "DayFileError",
        "ExportError",
        "IalirtBackfillError",
        "Interrupted",
        "MirrorError",
        "MirrorUnavailable",
        "OddCells",
        "UnwritableValue",
        "UsageError",
    ),
    "ialirt_backfill.export.parquet": ("export_parquet",),
    "ialirt_backfill.options": (
        "AdoptOptions",
        "BackfillOptions",
        "ChangesOptions",
        "ExportOptions",
        "GapsOptions",
        "HistoryOptions",
        "MirrorOptions",
        "PlotOptions",
        "PollOptions",
        "RunsOptions",
        "StatusOptions",
        "VerifyOptions",
    ),
    "ialirt_backfill.plan.access": ("NoAccess",),
    "ialirt_backfill.read.dataset": ("open_dataset",),
    "ialirt_backfill.read.frame": ("read_days",),
    "ialirt_backfill.read.table": ("day_tables", "read_table"),
    "ialirt_backfill.reports.changes": ("changes",),
    "ialirt_backfill.reports.history": ("history", "runs"),
    "ialirt_backfill.reports.status": ("gaps", "status"),
    "ialirt_backfill.run.backfill": ("backfill",),
    "ialirt_backfill.run.events": ("DayOutcome", "Listener"),
    "ialirt_backfill.run.poll": ("PollListener", "poll"),
    "ialirt_backfill.run.report": ("Report",),
    "ialirt_backfill.simulator": ("Simulator",),
    "ledger": ("LedgerError",),
}

__all__ = [
    "AccessDenied",
    "AdoptOptions",
    "ApiError",
    "BackfillOptions",
    "ChangesOptions",
    "DayFileError",
    "DayOutcome",
    "ExportError",
    "ExportOptions",
    "GapsOptions",
    "HistoryOptions",
    "IalirtBackfillError",
    "Interrupted",
    "LedgerError",
    "Listener",
    "MirrorError",
    "MirrorOptions",
    "MirrorUnavailable",
    "NoAccess",
    "OddCells",
    "PlotOptions",
    "PollListener",
    "PollOptions",
    "Report",
    "RunsOptions",
    "Simulator",
    "StatusOptions",
    "Stop",
    "UnwritableValue",
    "UsageError",
    "VerifyOptions",
    "__version__",
    "backfill",
    "changes",
    "day_tables",
    "export_parquet",
    "gaps",
    "history",
    "open_dataset",
    "poll",
    "read_days",
    "read_table",
    "runs",
    "status",
]


def __getattr__(name: str) -> object:
    from ialirt_backfill.neighbours import refuse_stranger  # noqa: PLC0415 - the package itself loads nothing

    for home, names in _HOMES.items():
        if name in names:
            refuse_stranger("ledger")
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
