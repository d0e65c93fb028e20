"""Flows that are run within this process, and what the Prefect server then knows of them.

Each looks at the runs of its own only: the server is shared with tests that run at the same time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, State, TaskRun
from prefect.events.filters import EventFilter, EventNameFilter, EventOrder, EventRelatedFilter
from prefect.runtime import flow_run

from flows.backfill import backfill
from flows.poll import poll_hour
from ialirt_backfill.options import BackfillOptions, PollOptions
from ialirt_backfill.simulator import Simulator

FEBRUARY = date(2026, 2, 1)


class Seen:
    """What the server knows of one flow run."""

    def __init__(self, flow_run_id: UUID) -> None:
        self.id = flow_run_id

    @classmethod
    def tagged(cls, tag: str) -> Seen:
        """Of the one flow run that has a tag."""

        async def read() -> UUID:
            async with get_client() as client:
                [run] = await client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])))
                return run.id

        return cls(asyncio.run(read()))

    @property
    def task_runs(self) -> list[TaskRun]:
        """In the order in which they began."""

        async def read() -> list[TaskRun]:
            async with get_client() as client:
                chosen = FlowRunFilter(id=FlowRunFilterId(any_=[self.id]))
                found: list[TaskRun] = []
                while page := await client.read_task_runs(flow_run_filter=chosen, limit=200, offset=len(found)):
                    found += page
                return found

        return sorted(asyncio.run(read()), key=lambda run: (str(run.start_time), run.name))

    @property
    def artifacts(self) -> dict[str, Any]:
        """By key, their data."""
        return {str(found.key): found.data for found in self._artifacts()}

    @property
    def descriptions(self) -> dict[str, str]:
        """By key, what stands above the data of an artifact."""
        return {str(found.key): str(found.description) for found in self._artifacts()}

    def _artifacts(self) -> list[Artifact]:
        async def read() -> list[Artifact]:
            async with get_client() as client:
                chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.id]))
                return await client.read_artifacts(artifact_filter=chosen)

        return asyncio.run(read())

    @property
    def logs(self) -> list[str]:
        """The messages of the flow run and its task runs."""

        async def read() -> list[str]:
            async with get_client() as client:
                chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.id]))
                return [line.message for line in await client.read_logs(chosen, limit=200)]

        return asyncio.run(read())

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events about single days that this run emitted."""
        return self._events("ialirt.day.updated")

    @property
    def bursts(self) -> list[dict[str, Any]]:
        """The events about all days that had changed for a while."""
        return self._events("ialirt.days.updated")

    def _events(self, name: str) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            async with get_client() as client:
                chosen = EventFilter(
                    event=EventNameFilter(name=[name]),
                    related=EventRelatedFilter(id=[f"prefect.flow-run.{self.id}"]),
                    order=EventOrder.ASC,
                )
                page = await client.read_events(chosen, limit=50)  # the most that the server gives
                return [event.model_dump(mode="json") for event in page.events]

        return asyncio.run(read())


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 15) -> Any:
    """What is seen once it is good, or at last: logs, events and the states of tasks reach the server with a delay."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


def options_for(simulator: Simulator, datastore: str, **others: Any) -> BackfillOptions:
    asked: dict[str, Any] = {"instrument": "hit", "start": FEBRUARY, "end": FEBRUARY} | others
    return BackfillOptions(url=simulator.url, datastore=datastore, **asked)


def run(options: BackfillOptions, dask: str = "") -> tuple[State[Any], Seen]:
    state: State[Any] = backfill(options, dask, return_state=True)
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None
    return state, Seen(flow_run_id)


class Hour:
    """A clock that only sleeping moves, and a flow that polls by it."""

    def __init__(self, simulator: Simulator, datastore: str, now: str, **options: Any) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self.options = PollOptions(url=simulator.url, datastore=datastore, **options)
        simulator.now = lambda: self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def run(self, slot: datetime | None = None) -> tuple[State[Any], Seen]:
        seen: list[UUID] = []

        @flow(name="an hour")
        def hour() -> State[None]:
            seen.append(UUID(flow_run.id))
            return poll_hour(self.options, slot or self.now, lambda: self.now, self.sleep)

        state: State[Any] = hour(return_state=True)
        return state, Seen(seen[0])
