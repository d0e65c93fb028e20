"""The simulator as a program of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ialirt_backfill.simulator import Simulator
from tests.simulator.asking import HOUR, NOW, SECOND, START, get, text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_program(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "ialirt_backfill.simulator", "--seed", "1", "--now", "2026-03-01"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        data = get(f"{url}/space-weather", instrument="hit", time_utc_start=text(START)).json["data"]
        assert data == Simulator(seed=1, now=lambda: NOW).records("hit", START, START + HOUR + SECOND)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, ialirt_backfill.simulator; "
        "sys.exit(bool({'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'rich'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
