"""The server of one's choice: ``pytest tests/live --live https://…``; without it these tests are skipped."""

from __future__ import annotations

import pytest


@pytest.fixture
def url(pytestconfig: pytest.Config) -> str:
    """Where I-ALiRT is; the key, if any, is taken from the environment or from a file, as in a run."""
    given = pytestconfig.getoption("--live")
    if not given:
        pytest.skip("needs a network: --live https://… names the server to ask")
    return str(given)
