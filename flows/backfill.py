"""Make every day of a range complete, one task per instrument-day: in threads, or spread over a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import ProgressBar, show_availability, show_plan, show_results
from flows.days import DayEnd, DayWork, cluster, in_threads, label, on_dask, threads
from flows.ending import first_of
from flows.forms import BACKFILL
from flows.logs import library_logs
from flows.origin import Origin
from flows.settings import api_key, completed, in_one_sentence
from ialirt_backfill.ending import Stop
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.planning import dry_plan, policy_of
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import session
from ledger import DayStatus

NAME = "ialirt-backfill"


@flow(name=NAME)
def backfill(options: Annotated[BackfillOptions | Mapping[str, object], BACKFILL], dask: str = "") -> State[None]:
    """Make every day of a range complete; days that are complete already are not asked for.

    Args:
        options: which days and how; what is left empty comes from the worker's environment
        dask: where to spread the work: the address of a Dask scheduler, or "local"; empty: threads of this process
    """
    return in_one_sentence(BACKFILL, lambda: _backfill(completed(BACKFILL, options), dask))


def _backfill(options: BackfillOptions, dask: str) -> State[None]:
    origin, key = Origin.of(options, synthetic=options.demo), api_key(options)
    if options.dry_run:
        show_plan(NAME, dry_plan(options, key=key), origin)
        return Completed(message=origin.flagged("planned only (dry run)"))
    get_run_logger().info("%s", origin.place)
    stop = Stop()
    progress: ProgressBar | None = None
    try:
        with (
            library_logs(),
            session(options, policy_of(options), "backfill", key=key, listener=Listener(), stop=stop) as run,
        ):
            planned = run.plan(options)
            show_plan(NAME, planned, origin)
            progress = ProgressBar(NAME, planned, origin)
            context = replace(run.context, listener=progress)
            with cluster(dask, options.jobs) if dask else threads(options.jobs) as tasks:
                ask = on_dask(tasks, _elsewhere(options, context), stop) if dask else in_threads(tasks)
                report = run.carry_out(planned, context=context, fail_fast=options.fail_fast, ask=ask)
    finally:  # also where the run is cancelled: what it has done until then is shown and told of
        if progress is not None:
            results = [outcome for outcome in progress.outcomes if not outcome.interrupted]
            show_results(NAME, results, origin)
            show_availability(NAME, results, origin)
            progress.tell()
    return _state(report, origin)


def _elsewhere(options: BackfillOptions, context: Context) -> Callable[[Decision], DayWork]:
    """What a task does in another process: it works in this run, with its share of the rate, with what the run knows of
    its access, and with its own claim."""
    share = None if options.max_rate is None else options.max_rate / options.jobs
    shared = replace(options, max_rate=share)
    return lambda decision: partial(ask_elsewhere, shared, decision, context.run_id, context.api.admission)


def ask_elsewhere(options: BackfillOptions, decision: Decision, run_id: str, admission: Admission) -> DayEnd:
    """Carry one day out in a process of its own, as part of a run that another process has begun."""
    with session(
        options,
        policy_of(options),
        "backfill",
        key=api_key(options),
        listener=Listener(),
        stop=Stop(),
        run_id=run_id,
        admission=admission,
    ) as run:
        return carry_out(run.context, decision)


def _days(decisions: Sequence[Decision]) -> str:
    """The days of each instrument, from the first to the last."""
    days: dict[str, list[date]] = {}
    for decision in decisions:
        days.setdefault(decision.instrument.name, []).append(decision.day)
    return ", ".join(
        f"{name} {min(of_it)}" + (f" … {max(of_it)}" if len(of_it) > 1 else "") for name, of_it in days.items()
    )


def _state(report: Report, origin: Origin) -> State[None]:
    """Failed where a day failed, with a message that names them."""
    summary = report.summary
    added = sum(outcome.records_added for outcome in report.results)
    told = f"{summary['run']} instrument-days asked for, +{added:,} records, {summary['failed']} failed"
    told = origin.flagged(told)
    get_run_logger().info(told)
    missed = "; ".join(dict.fromkeys(it.reason for it in report.without_access))
    if missed:
        told += f"; {len(report.without_access)} not to be had: {_days(report.without_access)}: {missed}"
    if report.never_reached:
        return Failed(message=BACKFILL.words(f"{told}. Ended early: {report.ended}"))
    if report.has_nothing:
        return Failed(message=told)
    if not report.has_failures:
        return Completed(message=told)
    failed = _failed(report)
    named = f": {first_of(failed)}" if failed else ""  # the ledger may fail before a day does
    early = f" Ended early: {report.ended}." if report.ended else ""
    return Failed(message=BACKFILL.words(f"{told}{named}.{early}"))


def _failed(report: Report) -> list[str]:
    """The days that failed, each with its reason; those that did not reach I-ALiRT together, for they have one."""
    bad = [outcome for outcome in report.results if outcome.status is DayStatus.FAILED]
    failed = [f"{label(outcome.decision)} ({outcome.error})" for outcome in bad if outcome.unreached is None]
    if lost := [outcome for outcome in bad if outcome.unreached is not None]:
        failed.insert(0, f"{_days([outcome.decision for outcome in lost])}: not reached ({lost[-1].unreached})")
    failed += [f"{label(it)} (skipped as failed)" for it in report.plan if it.action is Action.SKIP_FAILED]
    if not report.ended:
        reported = {label(outcome.decision) for outcome in report.outcomes} | {label(it) for it in report.skipped}
        asked = [label(it) for it in report.plan if it.action.asks]
        failed += [f"{name} (no result, see the log)" for name in asked if name not in reported]
    return failed
