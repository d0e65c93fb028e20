"""One real, ephemeral Prefect server for all tests of the flows."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

# Prefect reads these when it is imported. A folder of its own keeps the tests away from whatever the person has set up.
_home = tempfile.TemporaryDirectory(prefix="ialirt-prefect-")
os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_HOME": _home.name,
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
}

from prefect import get_client  # noqa: E402
from prefect.client.schemas.filters import (  # noqa: E402
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, TaskRun  # noqa: E402
from prefect.testing.utilities import prefect_test_harness  # noqa: E402

from ialirt_backfill.simulator import Simulator  # noqa: E402
from tests.support.access import ENVIRONMENT, KEYS  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield
    _home.cleanup()


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """With the environment of somebody whose API key opens everything."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Simulator(seed=1, keys=KEYS) as running:
        yield running


@pytest.fixture
def datastore(tmp_path: Path) -> str:
    return str(tmp_path / "data")


class Seen:
    """What the server knows of one flow run."""

    def __init__(self, flow_run_id: UUID) -> None:
        self.id = flow_run_id

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
        """The events about days that this run emitted."""

        async def read() -> list[dict[str, Any]]:
            async with get_client() as client:
                chosen = {"event": {"name": ["ialirt.day.updated"]}, "order": "ASC"}
                answer = await client._client.post("/events/filter", json={"filter": chosen, "limit": 50})
                answer.raise_for_status()
                found: list[dict[str, Any]] = answer.json()["events"]
                return [event for event in found if any(str(self.id) in str(it) for it in event["related"])]

        return asyncio.run(read())


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 15) -> Any:
    """What is seen once it is good, or at last: logs, events and the states of tasks reach the server with a delay."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen
