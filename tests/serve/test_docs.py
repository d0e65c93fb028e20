"""The blocks of docs/serve.md work as they stand, on what its first command serves."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import Serving

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080/hapi"
SHELL = re.findall(r"^curl .+$", PAGE, re.MULTILINE)
CLIENT, SPEDAS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    [command] = [line for line in PAGE.splitlines() if line.startswith("    ialirt-backfill serve")]
    with closing(Serving(tmp_path_factory.mktemp("page"), *shlex.split(command)[2:])) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("line", SHELL)
def test_curl(serving: Serving, line: str) -> None:
    done = subprocess.run(
        line.replace("curl", "curl --silent --fail").replace(ADDRESS, serving.url),
        shell=True, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert len(SHELL) == 3
    if "/data" in line:
        assert len(done.stdout.splitlines()) == 24
    else:
        assert '"status": {"code": 1200' in done.stdout


def test_hapiclient(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # it keeps a copy of all it reads
    names: dict[str, Any] = {}
    exec(CLIENT.replace(ADDRESS, serving.url), names)
    assert len(names["times"]) == len(names["south"]) == len(names["data"]) > 700


@pytest.mark.interop
def test_pyspedas(serving: Serving, tmp_path: Path) -> None:
    pytest.importorskip("pyspedas")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "MPLBACKEND": "Agg"}
    block = SPEDAS.replace(ADDRESS, serving.url)
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert (tmp_path / "pyspedas_plots" / "swe.png").stat().st_size > 10_000
