"""Load daily files into a database. When it runs is said in prefect-mirror.yaml: when a file changed, and hourly."""

from __future__ import annotations

from dataclasses import replace

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import flagged, show_loads, show_plan
from flows.logs import library_logs
from flows.settings import completed, secret
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.mirror.address import Address
from ialirt_backfill.mirror.events import MirrorDecision, MirrorListener, MirrorOutcome, MirrorReport, MirrorStatus
from ialirt_backfill.mirror.loading import mirror as load
from ialirt_backfill.options import MIRROR_ACTIONS, MirrorOptions

NAME = "ialirt-mirror"
DATABASE_BLOCK = "ialirt-mirror-database"
MOST_NAMED = 20


@flow(name=NAME)
def mirror(options: MirrorOptions = MirrorOptions()) -> State[None]:  # noqa: B008 - frozen; the form shows the defaults
    """Load the days whose files have changed since they were last loaded.

    Args:
        options: which days, and where to; the database comes from the Secret block "ialirt-mirror-database" or from
            the worker's environment, and an address given here must not hold a password, for Prefect keeps it
    """
    options = _with_database(options)
    with library_logs():
        report = load(options, listener=_Logged())
    if report.run_id is None:
        show_plan(NAME, report.plan, synthetic=report.is_synthetic)
        return Completed(message=flagged("planned only (dry run)", synthetic=report.is_synthetic))
    show_loads(NAME, report.outcomes, synthetic=report.is_synthetic)
    return _state(report)


def _with_database(options: MirrorOptions) -> MirrorOptions:
    if options.action != MIRROR_ACTIONS[0]:
        raise UsageError(f"the flow loads days: for {options.action}, use the command line")
    if options.database is not None and Address(options.database).has_secret:
        raise UsageError(
            f"the database's address holds a password, which Prefect would keep: put it in the Secret {DATABASE_BLOCK}"
        )
    if options.database is None and (database := secret(DATABASE_BLOCK)):
        options = replace(options, database=database)
    return completed(options)


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


def _state(report: MirrorReport) -> State[None]:
    """Failed where a day failed, with a message that names it."""
    summary = report.summary
    skipped = summary["skipped_loaded"] + summary["skipped_growing"]
    told = f"{summary['loaded']} days loaded, {summary['failed']} failed, {skipped} skipped"
    told = flagged(told, synthetic=report.is_synthetic)
    if not report.exit_code:
        return Completed(message=told)
    failed = [outcome.error for outcome in report.outcomes if outcome.error]
    more = f"; and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return Failed(message=f"{told}: {'; '.join(failed[:MOST_NAMED])}{more}")
