"""Load daily files into a database. When it runs is said in prefect-mirror.yaml: when a file changed, and hourly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import show_loads, show_plan
from flows.ending import ended, first_of
from flows.forms import LEFT_EMPTY, MIRROR
from flows.logs import library_logs
from flows.origin import Origin
from flows.settings import completed, in_one_sentence
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.mirror.events import MirrorDecision, MirrorListener, MirrorOutcome, MirrorReport, MirrorStatus
from ialirt_backfill.mirror.loading import mirror as load
from ialirt_backfill.options import MIRROR_ACTIONS, MirrorOptions

NAME = "ialirt-mirror"


@flow(name=NAME)
def mirror(options: Annotated[MirrorOptions | Mapping[str, object], MIRROR] = LEFT_EMPTY) -> State[None]:
    """Load the days whose files have changed since they were last loaded.

    Args:
        options: which days, and where to; what is left empty comes from the worker's environment
    """
    return in_one_sentence(MIRROR, lambda: _mirror(completed(MIRROR, options)))


def _mirror(options: MirrorOptions) -> State[None]:
    if options.action != MIRROR_ACTIONS[0]:
        raise UsageError(f"the flow loads days: for {options.action}, use the command line")
    with library_logs():
        report = load(options, listener=_Logged())
    origin = Origin.of(options, synthetic=report.is_synthetic)
    if report.run_id is None:
        show_plan(NAME, report.plan, origin)
        return Completed(message=origin.flagged("planned only (dry run)"))
    if report.outcomes:
        show_loads(NAME, report.outcomes, report.database, origin)
    return _state(report, origin)


class _Logged(MirrorListener):
    """Tells the flow's log what becomes of each day."""

    def __init__(self) -> None:
        self._log = get_run_logger()

    def waiting(self, decision: MirrorDecision) -> None:
        self._log.info("%s %s: another mirror works on this table", decision.instrument.name, decision.day)

    def day_finished(self, outcome: MirrorOutcome) -> None:
        if outcome.status is MirrorStatus.FAILED:
            self._log.error("%s", outcome.error)
            return
        name, day = outcome.decision.instrument.name, outcome.decision.day
        self._log.info("%s %s: %s records in %.1f s", name, day, f"{outcome.records:,}", outcome.seconds)


def _state(report: MirrorReport, origin: Origin) -> State[None]:
    """Failed where a day failed, with a message that names it."""
    summary = report.summary
    skipped = summary["skipped_loaded"] + summary["skipped_growing"]
    told = f"{summary['loaded']} days loaded, {summary['failed']} failed, {skipped} skipped"
    failed = first_of([outcome.error for outcome in report.outcomes if outcome.error]) or str(report.ended)
    return ended(MIRROR, origin.flagged(told), well=not report.exit_code, failed=failed)
