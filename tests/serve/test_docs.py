"""The blocks of docs/serve.md work as they stand, on what its first command serves."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import Serving, Start

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080/hapi"
SHELL = re.findall(r"^curl .+$", PAGE, re.MULTILINE)
CLIENT, SPEDAS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def of_the_page(start: Start) -> Serving:
    """What the first command of the page serves."""
    [command] = [line for line in PAGE.splitlines() if line.startswith("    ialirt-backfill serve")]
    return start(*shlex.split(command)[2:])


def test_a_demonstration_is_one_command_and_the_clients_read_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # hapiclient keeps a copy of all it reads
    serving = of_the_page(start)
    assert {"mag", "mag_1h", "mag_hk", "codice_hi", "spacecraft"} <= serving.ids()
    info = json.loads(serving.get("/info?dataset=hit"))
    assert "Synthetic" in info["warning"]
    span = f"start={info['sampleStartDate']}&stop={info['sampleStopDate']}"
    assert len(serving.get(f"/data?dataset=hit&{span}").splitlines()) > 30
    assert serving.process.said.startswith("Synthetic data")
    check_curl(serving)
    check_hapiclient(serving)
    code, complained = serving.end()
    assert (code, "Traceback" in complained) == (0, False)
    assert (tmp_path / "try" / "ledger.synthetic").exists()


def check_curl(serving: Serving) -> None:
    assert len(SHELL) == 3
    for line in SHELL if shutil.which("curl") else ():
        done = subprocess.run(
            line.replace("curl", "curl --silent --fail").replace(ADDRESS, serving.url),
            shell=True, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        if "/data" in line:
            assert len(done.stdout.splitlines()) == 24
        else:
            assert '"status": {"code": 1200' in done.stdout


def check_hapiclient(serving: Serving) -> None:
    names: dict[str, Any] = {}
    exec(CLIENT.replace(ADDRESS, serving.url), names)
    assert len(names["times"]) == len(names["south"]) == len(names["data"]) > 700


@pytest.mark.interop
def test_pyspedas(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("pyspedas")
    serving = of_the_page(start)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "MPLBACKEND": "Agg"}
    block = SPEDAS.replace(ADDRESS, serving.url)
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert (tmp_path / "pyspedas_plots" / "swe.png").stat().st_size > 10_000
