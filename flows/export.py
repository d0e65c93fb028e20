"""Write the days as Parquet. When it runs is said in prefect-export.yaml: when a file changed, and hourly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import show_exports, show_plan
from flows.ending import ended, first_of
from flows.forms import EXPORT, LEFT_EMPTY
from flows.logs import library_logs
from flows.origin import Origin
from flows.settings import completed, in_one_sentence
from ialirt_backfill.export.events import ExportListener, ExportReport, MonthOutcome
from ialirt_backfill.export.parquet import export_parquet
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import ExportOptions

NAME = "ialirt-export"


@flow(name=NAME)
def export(options: Annotated[ExportOptions | Mapping[str, object], EXPORT] = LEFT_EMPTY) -> State[None]:
    """Write the months of which a day has changed since they were last written.

    Args:
        options: which days, and where to; what is left empty comes from the worker's environment
    """
    return in_one_sentence(EXPORT, lambda: _export(completed(EXPORT, options)))


def _export(options: ExportOptions) -> State[None]:
    with library_logs():
        report = export_parquet(options, listener=_Logged())
    origin = Origin.of(options, synthetic=report.is_synthetic)
    if report.run_id is None:
        show_plan(NAME, report.plan, origin)
        return Completed(message=origin.flagged("planned only (dry run)"))
    if report.outcomes:
        show_exports(NAME, report.outcomes, report.to, origin)
    return _state(report, origin)


class _Logged(ExportListener):
    """Tells the flow's log what becomes of each file."""

    def __init__(self) -> None:
        self._log = get_run_logger()

    def waiting(self, folder: Path) -> None:
        self._log.info("another export writes into %s", folder)

    def month_started(self, instrument: Instrument, month: date, days: int) -> None:
        self._log.info("%s %s: %d days have changed", instrument.name, f"{month:%Y-%m}", days)

    def month_finished(self, outcome: MonthOutcome) -> None:
        for reason in dict.fromkeys(outcome.failed.values()):
            self._log.error("%s", reason)


def _state(report: ExportReport, origin: Origin) -> State[None]:
    """Failed where a day failed, with a message that names it."""
    summary = report.summary
    skipped = summary["skipped_exported"] + summary["skipped_growing"]
    told = f"{summary['exported']} days exported, {summary['failed']} failed, {skipped} skipped"
    failed = list(dict.fromkeys(reason for outcome in report.outcomes for reason in outcome.failed.values()))
    return ended(EXPORT, origin.flagged(told), well=not report.exit_code, failed=first_of(failed))
