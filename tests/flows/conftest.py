"""A real Prefect server, shared by all workers of a session, and what a flow needs to run."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

# Prefect reads these when it is imported. A folder of its own keeps the tests away from whatever the person has set up.
_home = tempfile.TemporaryDirectory(prefix="ialirt-prefect-")
atexit.register(_home.cleanup)
os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_HOME": _home.name,
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
}

from prefect.events.worker import EventsWorker  # noqa: E402
from prefect.logging.handlers import APILogHandler  # noqa: E402
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: E402

from ialirt_backfill.ask.patience import Patience  # noqa: E402
from ialirt_backfill.simulator import Simulator  # noqa: E402
from tests.support.access import ENVIRONMENT, KEYS  # noqa: E402
from tests.support.session import Server, Session  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _server(session: Session) -> Iterator[None]:
    # Whether a run still lives nobody watches here, and the heart that beats for it makes each last a second at least.
    settings = {PREFECT_API_URL: session.address_of(Server.PREFECT), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(updates=settings):
        yield
        APILogHandler().flush()  # what is still to be sent needs the server
        EventsWorker.drain_all()


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


@pytest.fixture
def own_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets under names of the test's own: on the shared server no other test's run may find them."""
    for name in ("flows.blocks.KEY_BLOCK", "flows.blocks.LEDGER_BLOCK", "flows.blocks.DATABASE_BLOCK"):
        monkeypatch.setattr(name, f"tests-{uuid4()}")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """I-ALiRT is asked again as often as ever, but at once."""
    for module in ("ialirt_backfill.run.session", "ialirt_backfill.run.poll"):
        monkeypatch.setattr(f"{module}.Patience", partial(Patience, first_pause=0.02))
