"""An open ledger in either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger import Ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url, timeout_seconds=5) as opened:
        yield opened
