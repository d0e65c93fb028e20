"""What all tests share."""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import socket
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.databases import (
    databases,
    door,
    ledger_url,
    postgresql_socket,
    postgresql_url,
    role_with_password,
    sqlite_url,
)
from tests.support.memory import write_there
from tests.support.session import Session, begun

__all__ = ["databases", "door", "ledger_url", "postgresql_socket", "postgresql_url", "role_with_password", "sqlite_url"]

write_there()

settings.register_profile("untimed", deadline=None)  # a busy machine is no defect
settings.load_profile("untimed")

# As where the environment is activated, which `.venv/bin/pytest` alone does not do: messages advise the program by the
# name by which it is at hand.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])


LIVE = "--live"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The server that the tests of ``tests/live`` are for."""
    parser.addoption(LIVE, metavar="URL", default=None, help="I-ALiRT, for tests/live, which are skipped without it")


SESSION = pytest.StashKey[Session]()


def pytest_configure(config: pytest.Config) -> None:
    """The first process begins the session; the workers that it starts are told of it."""
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    if told is None:
        until_the_end = ExitStack()
        config.stash[SESSION] = until_the_end.enter_context(begun())
        config.add_cleanup(until_the_end.close)
    else:
        config.stash[SESSION] = Session(Path(told["session"]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of the session."""
    node.workerinput["session"] = str(node.config.stash[SESSION].folder)


SLOW_ROOMS = {"acceptance", "doctor", "export", "faults", "flows", "mirror", "plot", "serve", "team", "upkeep"}
"""What is tried there takes whole runs: real processes, databases, a Prefect server."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """While at work nothing of the slow rooms is even read: Prefect and matplotlib alone take seconds to load."""
    if config.getoption("markexpr") != "not slow" or config.getoption(LIVE):
        return None
    return True if collection_path.name in SLOW_ROOMS and collection_path.parent == Path(__file__).parent else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow what takes seconds or many processes."""
    tests = Path(__file__).parent
    for item in items:
        room = item.path.relative_to(tests).parts[0]
        if room in SLOW_ROOMS:
            item.add_marker(pytest.mark.slow)
        if config.getoption(LIVE) and room != "live":
            item.add_marker(pytest.mark.skip(reason="with --live only tests/live is run: nothing else may ask it"))


def pytest_collection_finish() -> None:
    """Thousands of tests, and what they import, stay to the end: the garbage collector need not look at them, nor look
    as often as in a small program."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


@pytest.fixture(scope="session")
def session(pytestconfig: pytest.Config) -> Session:
    """What this worker shares with the others."""
    return pytestconfig.stash[SESSION]


OUR_LOGGERS = ("", "ialirt_backfill", "ialirt_backfill.ask.client", "ledger")
LEVELS = [logging.getLogger(name).level for name in OUR_LOGGERS]
"""As they are before any test, or what several of them share, has run a command."""


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command run inside the tests' process sets levels and a handler up, which the tests after it are not to see."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    _set_levels()
    yield
    root.handlers[:] = handlers
    _set_levels()
    logging.captureWarnings(False)


def _set_levels() -> None:
    for name, level in zip(OUR_LOGGERS, LEVELS, strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def _no_network(pytestconfig: pytest.Config) -> Iterator[None]:
    """No test of this process reaches beyond this machine, not even by accident; where it is asked for, they may."""
    if pytestconfig.getoption(LIVE):
        yield
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            assert _is_loopback(address[0]), f"a test tried to connect to {address}"
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}
