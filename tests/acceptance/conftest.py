"""The real command in a real process, against the simulator over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.clock import NOW, clock
from tests.support.commands import Command, Ended, command, here, simulator

__all__ = ["backfill", "clock", "command", "here", "simulator"]


@pytest.fixture
def backfill(command: Command) -> Callable[..., Ended]:
    """The main command with ``--json``, as of NOW."""

    def run(*args: str, as_of: str = NOW, **env: str) -> Ended:
        return command(*args, "--as-of", as_of, "--json", timeout=60, **env)

    return run
