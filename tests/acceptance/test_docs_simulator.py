"""The commands of docs/simulator.md work as they stand."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator.__main__ import main
from tests.support.commands import typed

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
PORT = "8765"
SERVE, PUBLIC, GUEST, TEAM, *REFUSED = re.findall(r"^    (.+)$", PAGE, flags=re.MULTILINE)
SIX = INSTRUMENTS["hit"].restricted_columns


@pytest.fixture(scope="module")
def port() -> str:
    """The page's own may be taken on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": programs, "HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module", autouse=True)
def serving(port: str, env: dict[str, str]) -> Iterator[None]:
    words = SERVE.replace(PORT, port).split()
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
            yield
        finally:
            process.terminate()


@pytest.fixture
def tried(port: str, env: dict[str, str], tmp_path: Path) -> Path:
    """The folder in which all of the page has been typed."""
    for command in (PUBLIC, GUEST, TEAM):
        done = typed(command.replace(PORT, port), tmp_path, env)
        assert done.code == 0, done.err
    return tmp_path / "try"


def columns(folder: Path, instrument: str) -> list[set[str]]:
    """Of every file of an instrument."""
    prefix = INSTRUMENTS[instrument].file_prefix
    return [set(path.read_text().splitlines()[0].split(",")) for path in sorted(folder.rglob(f"imap_{prefix}*.csv"))]


def test_who_has_what(tried: Path) -> None:
    assert [not SIX & found for found in columns(tried / "public", "hit")] == [True] * 3
    assert [not SIX & found for found in columns(tried / "guest", "hit")] == [True] * 5
    assert [found >= SIX for found in columns(tried / "team", "hit")] == [True] * 3
    assert len(columns(tried / "team", "mag_hk")) == 3


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_refused(command: str, port: str, env: dict[str, str], tmp_path: Path) -> None:
    assert typed(command.replace(PORT, port), tmp_path, env).code in {1, 2}
    assert not list(tmp_path.rglob("*.csv"))


def test_every_option_is_there_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)", PAGE, flags=re.MULTILINE)) == options


def test_two_commands_are_refused() -> None:
    assert len(REFUSED) == 2


def test_the_demonstration_shows_everything_whatever_key_there_is(env: dict[str, str], tmp_path: Path) -> None:
    line = "IALIRT_API_KEY=real ialirt-backfill --demo --instrument hit,mag_hk --start 2026-01-05 --end 2026-01-05"
    assert typed(f"{line} --datastore .", tmp_path, env).code == 0
    assert [found >= SIX for found in columns(tmp_path, "hit")] == [True]
    assert len(columns(tmp_path, "mag_hk")) == 1
