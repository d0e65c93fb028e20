"""What a flow takes from its worker's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.forms import POLL
from flows.settings import completed
from ialirt_backfill.options import PollOptions


def test_a_flow_understands_what_the_command_line_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "HOME": str(tmp_path),
        "IALIRT_DATASTORE": '"~/data"\r',
        "IALIRT_LEDGER_URL": "'sqlite:///~/ledger.sqlite'",
        "IALIRT_JOBS": '"3"',
    }.items():
        monkeypatch.setenv(name, text)
    options = completed(POLL, PollOptions(api_key_file="~/key"))
    assert options.datastore == f"{tmp_path}/data"
    assert options.ledger == f"sqlite:///{tmp_path}/ledger.sqlite"
    assert options.api_key_file == f"{tmp_path}/key"
    assert options.jobs == 3
