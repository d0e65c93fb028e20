"""An instrument-day as a task of Prefect: in a thread of this process, or on a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from threading import Event
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.forms import BACKFILL
from flows.logs import library_logs
from ialirt_backfill.ask.permissions import Permissions
from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.plan.access import NoAccess
from ialirt_backfill.plan.coverage import day_span, percent
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.workers import CarryOut
from ledger import DayAccess, DayStatus

DayEnd = DayOutcome | Decision
DayWork = Callable[[], DayEnd]

_LOOK_SECONDS = 0.5


class Parcel:
    """What a task found, in a wrapping that does not spread over the logs: Prefect prints the data of a failure."""

    def __init__(self, found: DayEnd) -> None:
        self.found = found

    def __repr__(self) -> str:
        return "..."


@task(name="instrument-day", task_run_name="{label}", cache_policy=NO_CACHE)
def instrument_day(label: str, work: DayWork) -> State[Parcel]:
    """Carry one instrument-day out; the state of the task is that of the day."""
    logger = get_run_logger()
    with library_logs():
        found = work()
    if isinstance(found, Decision):
        logger.info("%s: %s, %s", label, found.action.value, found.reason)
        return Completed(name="Skipped", message=f"{found.action.value}: {found.reason}", data=Parcel(found))
    if found.refusal is not None:
        return Completed(name="Skipped", message=f"the rest is refused: {found.refusal.reason}", data=Parcel(found))
    if found.interrupted:  # why, the run says, once: the day itself has not failed
        name, told = "Interrupted", f"+{found.records_added:,} records"
        if found.unreached is not None:
            name, told = "NotReached", BACKFILL.words(found.unreached)
        return Cancelled(name=name, message=told, data=Parcel(found))
    if found.status is DayStatus.FAILED:
        error = BACKFILL.words(found.error or "unknown")
        logger.error("%s: %s", label, error)
        return Failed(message=error, data=Parcel(found))
    told = f"+{found.records_added:,} records, {percent(found.availability_pct)}"
    logger.info("%s: %s, newest %s", label, told, found.last_record or "none")
    return Completed(message=told, data=Parcel(found))


def label(decision: Decision) -> str:
    """How a task run is called."""
    return f"{decision.instrument.name} {decision.day}"


def in_threads(tasks: TaskRunner[Any]) -> CarryOut:
    """Carry days out as tasks that share what this process has: the ledger, the pace, the connection."""

    def ask(context: Context, decision: Decision) -> DayEnd:
        work = partial(carry_out, context, decision)
        return _found(tasks.submit(instrument_day, {"label": label(decision), "work": work}))

    return ask


def on_dask(tasks: TaskRunner[Any], work: Callable[[Decision], DayWork], stop: Stop) -> CarryOut:
    """Carry days out as tasks in other processes, perhaps on other machines; ``work`` says what they do there.

    A run that is stopped does not wait for them: their claims keep the ledger true.
    """

    def ask(context: Context, decision: Decision) -> DayEnd:
        permissions, start = context.api.permissions, day_span(decision.day).start
        try:
            # As long as it is not known whether such days are refused, they go one after another here, too.
            with permissions.turn(decision.instrument, start):
                found = wait(decision)
                _learn(permissions, found, start)
                return found
        except NoAccess as denied:
            return decision.refused(denied.refusal)
        except Interrupted:
            return _left(decision)

    def wait(decision: Decision) -> DayEnd:
        future = tasks.submit(instrument_day, {"label": label(decision), "work": work(decision)})
        done = Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(_LOOK_SECONDS):
            if stop.is_set():
                return _left(decision)
        return _found(future)

    return ask


def _left(decision: Decision) -> DayOutcome:
    """A day that nobody waits for any more."""
    return DayOutcome(decision.instrument, decision.day, decision, DayStatus.PENDING, interrupted=True)


def _learn(permissions: Permissions, found: DayEnd, start: datetime) -> None:
    """What a task has learned of what the run may have, for the tasks behind it."""
    if found.refusal is not None:
        permissions.learn(found.refusal)
    if isinstance(found, Decision) or found.unreached is not None or not found.requests:
        return
    if found.status is not DayStatus.FAILED:
        permissions.answered(found.instrument, start, ())
        if found.access is DayAccess.FULL:
            permissions.learn_shown(found.instrument)


def threads(jobs: int) -> AbstractContextManager[TaskRunner[Any]]:
    """Threads of this process for so many tasks at once."""
    return ThreadPoolTaskRunner(max_workers=jobs)


@contextmanager
def cluster(address: str, jobs: int) -> Iterator[TaskRunner[Any]]:
    """A Dask cluster: that of the scheduler at ``address``, or, for ``local``, one on this machine for this run."""
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 - an extra of its own

    local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.WARNING}
    with DaskTaskRunner(cluster_kwargs=local) if address == "local" else DaskTaskRunner(address=address) as tasks:
        _ = tasks.client  # made when first asked for, which two workers at once would do twice
        yield tasks


def _found(future: PrefectFuture[Any]) -> DayEnd:
    """What the task found, from the future itself: what the server has is without the data. Raises what it died of."""
    parcel = future.result(raise_on_failure=False)
    if isinstance(parcel, BaseException):
        raise parcel
    assert isinstance(parcel, Parcel)  # noqa: S101 - the task returns nothing else
    return parcel.found
