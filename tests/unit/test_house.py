"""The plan of the house: which way the arrows point, whose the names are, and what the doorstep costs."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("cli", "flows", "ialirt_backfill", "ledger")
HEAVY = {"alembic", "numpy", "pandas", "prefect", "psycopg", "pyarrow", "pydantic", "rich", "sqlalchemy"}


def files(part: str) -> list[Path]:
    """The source files of one of the house's parts, or of a room in it."""
    path = ROOT / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it the import stands, by its full name."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offences(part: str, *forbidden: str) -> list[str]:
    """The imports in a part of what lies behind one of the forbidden names."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(part)
        for name in imported(path)
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
    ]


def test_the_parts_are_where_the_plan_has_them() -> None:
    assert all(files(part) and files(part)[0].exists() for part in PARTS)
    known = {"ledger.records.DayState", "ialirt_backfill.plan.coverage.Span"}
    assert known <= set(imported(ROOT / "ialirt_backfill" / "plan" / "decisions.py"))


@pytest.mark.parametrize(
    ("part", "forbidden"),
    [
        ("ledger", ["ialirt_backfill", "flows", "cli", "ialirt_data_access", "pandas", "pyarrow", "rich", "prefect"]),
        ("ialirt_backfill", ["flows", "cli", "prefect"]),
        ("flows", ["cli", "ialirt_backfill.terminal"]),
        ("cli", ["flows"]),
    ],
)
def test_arrows_point_one_way(part: str, forbidden: list[str]) -> None:
    assert offences(part, *forbidden) == []


def test_only_the_command_line_knows_the_terminal() -> None:
    offending = [
        offence
        for part in ("ialirt_backfill", "flows", "ledger")
        for offence in offences(part, "ialirt_backfill.terminal", "rich")
        if not offence.startswith("ialirt_backfill/terminal/")
    ]
    assert offending == []


def test_nobody_but_a_demonstration_knows_the_simulator() -> None:
    offending = [
        offence
        for offence in offences("ialirt_backfill", "ialirt_backfill.simulator")
        if not offence.startswith("ialirt_backfill/simulator/")
    ]
    assert {offence.split()[0] for offence in offending} == {"ialirt_backfill/run/backfill.py"}


@pytest.mark.parametrize("room", ["plan/decisions", "plan/coverage", "instruments/__init__"])
def test_pure_rooms_import_nothing_that_reaches_out(room: str) -> None:
    pure = {
        "__future__", "bisect", "collections.abc", "dataclasses", "datetime", "enum", "itertools", "math", "operator",
        "types",
        "typing", "ialirt_backfill.plan.coverage", "ialirt_backfill.instruments", "ledger.records",
        "pathlib.PurePosixPath",
    }  # fmt: skip
    names = set(imported(ROOT / "ialirt_backfill" / f"{room}.py"))
    assert {name for name in names if name not in pure and name.rpartition(".")[0] not in pure} == set()


@pytest.mark.parametrize("room", ["plan/decisions", "plan/coverage", "instruments/__init__"])
def test_pure_rooms_look_at_no_clock(room: str) -> None:
    tree = ast.parse((ROOT / "ialirt_backfill" / f"{room}.py").read_text(encoding="utf-8"))
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert not called & {"now", "utcnow", "today", "time", "monotonic", "open"}


def test_nobody_else_owns_the_top_level_names() -> None:
    owners = importlib.metadata.packages_distributions()
    strangers = {name: set(owners.get(name, [])) - {"ialirt-backfill"} for name in PARTS}
    assert strangers == {name: set() for name in PARTS}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["--instrument", "nothing", "--start", "2026-01-01"]])
def test_the_doorstep_is_light(words: list[str]) -> None:
    code = (
        "import sys, cli\n"
        "try:\n"
        "    sys.exit(cli.main(sys.argv[1:]))\n"
        "finally:\n"
        f"    print(sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1] == "[]"
    assert ended.returncode == (0 if words[0] in {"--help", "--version"} else 2)


def test_help_from_the_file_itself() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "cli.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("usage: ialirt-backfill")
    assert ended.stderr == ""
