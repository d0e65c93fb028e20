"""The main path reads as a recipe: few functions of ours stand between the command and the mission's client."""

from __future__ import annotations

import ast
import sys
import threading
from functools import cache
from pathlib import Path
from statistics import median
from types import FrameType

import pytest

import cli
from ialirt_backfill.simulator import Request, Simulator
from tests.support.access import KEY, KEYS

ROOT = Path(__file__).parents[2]
PARTS = ("ialirt_backfill", "ledger", "flows")


def ours(frame: FrameType | None) -> list[str]:
    """Our functions on a stack, the newest first, but for the simulator's."""
    names = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "ialirt_backfill") and "simulator" not in path.parts:
            names.append(f"{path.stem}.{frame.f_code.co_name}")
        frame = frame.f_back
    return names


def test_at_most_ten_functions_of_ours_lead_to_the_mission_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen while a request is under way: those of the thread that waits, and those of the worker below its client."""
    seen: dict[str, list[str]] = {}
    main = threading.get_ident()

    def look(request: Request) -> None:
        frames = sys._current_frames()
        workers = [thread for thread in threading.enumerate() if thread.name.startswith("worker")]
        for thread in workers:
            stack = ours(frames[thread.ident or 0])
            if any(name.startswith("request.") for name in stack):
                seen["worker"] = stack
        seen["main"] = ours(frames[main])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IALIRT_API_KEY", KEY)
    with Simulator(keys=KEYS, faults=look) as simulator:
        day = ("--start", "2026-02-01", "--end", "2026-02-01", "--jobs", "1")
        assert cli.main(["--instrument", "hit", *day, "--url", simulator.url, "--quiet"]) == 0
    below_client = [name for name in seen["worker"] if name.split(".")[0] not in {"wire", "mission", "sockets"}]
    path = [*reversed(seen["main"]), *reversed(below_client)]
    assert path[0] == "command.main"
    assert len(path) <= 10, path


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Of the program."""
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8")))
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
    ]


def functions() -> list[tuple[int, str]]:
    """How long each function of the program is, in lines, and its name."""
    found = []
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                found.append((node.end_lineno - node.lineno + 1, f"{path}:{node.name}"))
    return found


def test_functions_fit_on_a_screen() -> None:
    lengths = functions()
    assert median(length for length, _ in lengths) <= 12
    assert [name for length, name in lengths if length > 60] == []


def test_no_docstring_leaves_it_to_the_one_above() -> None:
    """ "The same …" says nothing to who begins here."""
    found = []
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (ast.get_docstring(node) or "").startswith(
                "The same"
            ):
                found.append(f"{path}:{node.name}")
    assert found == []
