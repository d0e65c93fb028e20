"""The plan of the house: which way the arrows point, whose the names are, and what the doorstep costs."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("cli", "flows", "ialirt_backfill", "ledger")
HEAVY = {
    "alembic", "cheroot", "matplotlib", "numpy", "pandas", "prefect", "psycopg", "pyarrow", "pydantic", "rich",
    "sqlalchemy",
}  # fmt: skip


def files(part: str) -> list[Path]:
    """The source files of one of the house's parts, or of a room in it."""
    path = ROOT / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it the import stands, by its full name."""
    return iter(_imported(path))


@cache
def _imported(path: Path) -> tuple[str, ...]:
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
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


OPEN_TO_ALL = {"", "ending", "exceptions", "instruments", "listening", "options"}
"""What every room may import; the package itself has the version."""

ARROWS: dict[str, set[str]] = {
    "exceptions": set(),
    "ending": set(),
    "listening": set(),
    "instruments": {"exceptions"},
    "options": {"", "exceptions", "instruments", "ledger"},
    "plan": {"ledger"},
    "day": {"plan"},
    "ask": {"day"},
    "store": {"day", "ledger"},
    "read": {"store"},
    "simulator": set(),
    "run": {"ask", "store", "simulator"},
    "reports": {"store"},
    "upkeep": {"run", "read", "reports"},
    "doctor": {"run", "read", "reports"},
    "mirror": {"read"},
    "export": {"read", "reports"},
    "plot": {"read", "reports"},
    "serve": {"read", "reports"},
    "terminal": {"upkeep", "doctor", "mirror", "export", "plot", "serve"},
    "command": {"terminal"},
    "neighbours": set(),
    "own_flows": {"neighbours"},
    "__main__": {"command", "neighbours"},
}
"""What each room imports; it may import what those import, too. Those that are open to all import nothing else."""


def reachable(room: str) -> set[str]:
    """The rooms that a room may import."""
    found = set(ARROWS[room])
    for other in ARROWS[room] & ARROWS.keys():
        found |= reachable(other)
    return found


def room_of(module: str) -> str:
    """The room that a module of ours lies in: ``run``, ``ledger``, ``flows``; empty for the package itself."""
    part, _, rest = module.partition(".")
    if part != "ialirt_backfill":
        return part
    name = rest.partition(".")[0]
    return name if name in ARROWS else ""


def ours(names: Iterator[str]) -> Iterator[str]:
    return (name for name in names if name.partition(".")[0] in PARTS)


def test_every_room_has_its_arrows() -> None:
    package = ROOT / "ialirt_backfill"
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == ARROWS.keys()


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_what_its_arrows_lead_to_and_nothing_else(room: str) -> None:
    allowed = reachable(room) | {room} | (set() if room in OPEN_TO_ALL else OPEN_TO_ALL)
    path = ROOT / "ialirt_backfill" / room
    offending = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")])
        for name in ours(imported(file))
        if room_of(name) not in allowed
    ]
    assert offending == []


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("ledger", {"ledger"}),
        ("cli", {"__main__"}),
        ("flows", {"flows", "ledger", *ARROWS.keys() - {"terminal", "command", "__main__"}}),
    ],
)
def test_so_do_the_other_parts(part: str, allowed: set[str]) -> None:
    offending = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(part)
        for name in ours(imported(path))
        if room_of(name) not in allowed
    ]
    assert offending == []


@pytest.mark.parametrize(
    ("part", "library", "where"),
    [
        ("ialirt_backfill", "rich", "ialirt_backfill/terminal/"),
        ("ialirt_backfill", "xarray", "ialirt_backfill/read/"),
        ("ialirt_backfill", "prefect", "nowhere"),
        ("ialirt_backfill", "matplotlib", "ialirt_backfill/plot/"),
        ("ialirt_backfill", "ialirt_data_access", "ialirt_backfill/ask/"),
        ("ialirt_backfill", "crump", "ialirt_backfill/mirror/"),
        ("ialirt_backfill", "cheroot", "ialirt_backfill/serve/"),
        ("ledger", "pandas", "nowhere"),
        ("ledger", "pyarrow", "nowhere"),
        ("flows", "rich", "nowhere"),
    ],
)
def test_a_library_is_known_in_one_room(part: str, library: str, where: str) -> None:
    assert [it for it in offences(part, library) if not it.startswith(where)] == []


@pytest.mark.parametrize("room", ["plan", "instruments"])
def test_pure_rooms_import_nothing_that_reaches_out(room: str) -> None:
    pure = {
        "__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math",
        "operator", "types", "typing", "ledger.records", "pathlib.PurePosixPath",
        "ialirt_backfill.exceptions", "ialirt_backfill.instruments", f"ialirt_backfill.{room}",
    }  # fmt: skip
    if room == "instruments":  # its catalogue is text, and pkgutil reads the one that comes with the program
        pure |= {"difflib", "hashlib", "json", "pkgutil", "re", "tomllib"}
    names = {name for path in (ROOT / "ialirt_backfill" / room).rglob("*.py") for name in imported(path)}
    assert {it for it in names if not any(it == good or it.startswith(f"{good}.") for good in pure)} == set()


@pytest.mark.parametrize("room", ["plan", "instruments"])
def test_pure_rooms_look_at_no_clock(room: str) -> None:
    for path in (ROOT / "ialirt_backfill" / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        called = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}
        assert not called & {"now", "utcnow", "today", "time", "monotonic", "open"}, path


@pytest.mark.parametrize("room", ["day"])
def test_what_becomes_of_an_answer_touches_neither_disk_nor_network(room: str) -> None:
    out = {"os", "pathlib.Path", "socket", "shutil", "tempfile", "urllib", "http", "ialirt_data_access"}
    names = {name for path in (ROOT / "ialirt_backfill" / room).rglob("*.py") for name in imported(path)}
    assert {it for it in names if any(it == bad or it.startswith(f"{bad}.") for bad in out)} == set()


def test_threads_take_turns_in_one_place_of_the_room_of_the_day() -> None:
    day = ROOT / "ialirt_backfill" / "day"
    assert [path.stem for path in sorted(day.glob("*.py")) if "threading" in imported(path)] == ["answers"]


SAID_AGAIN = {
    "log": "the logger of a module",
    "NAME": "that of a flow",
    "OWNER": "by which a package is known for ours",
    "Record": "one of an answer, decoded",
    "TIME_UTC": "the column of it",
}
"""Names that stand in several modules and mean the same in each."""


def defined(path: Path) -> Iterator[str]:
    """The types and the values of a module that other modules may know."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.ClassDef):
            targets = [ast.Name(node.name)]
        yield from (it.id for it in targets if isinstance(it, ast.Name) and not it.id.startswith("_"))


def test_a_name_is_one_thing() -> None:
    """Never a value here and a type there, nor two things in two rooms."""
    places: dict[str, list[str]] = {}
    for path in (path for part in PARTS for path in files(part) if "versions" not in path.parts):
        for name in defined(path):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in SAID_AGAIN} == {}


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


def test_tests_take_from_each_other_only_what_lies_in_support_or_beside_them() -> None:
    """And nothing from a conftest: it holds fixtures, which need no import."""
    offending = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files("tests")
        for name in imported(path)
        if name.startswith("tests.") and not name.startswith("tests.support.")
        if {"conftest", "test"} & {part.partition("_")[0] for part in name.split(".")[1:]}
        or not name.startswith(f"tests.{path.relative_to(ROOT / 'tests').parts[0]}.")
    ]
    assert offending == []


def test_nobody_is_told_to_install_by_name_what_is_on_no_index() -> None:
    told = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(path for part in PARTS for path in files(part))]
    by_name = re.compile(r"install (?:--?\w+ )*[\"']?ialirt-backfill")
    assert [str(path.relative_to(ROOT)) for path in told if by_name.search(path.read_text(encoding="utf-8"))] == []


PLAN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
IN_WORDS = {"the ledger's records": "ledger", "how a ledger's address is written": "ledger"}
"""How the document says what is imported of `ledger`."""


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table in the document that has this heading over its first column."""
    [table] = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|---.*\n((?:\|.*\n)+)", PLAN, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def test_the_document_draws_the_arrows_that_are_held() -> None:
    drawn = {}
    for rooms, _, imports in rows_of("room of `ialirt_backfill/`"):
        led_to = {IN_WORDS.get(it, it) for it in imports.strip(" |").split(", ") if it}
        for room in re.findall(r"`(\w+)(?:/|\.py)`", rooms):
            drawn[room] = led_to
    assert drawn.keys() == ARROWS.keys()
    held = {room: led_to - OPEN_TO_ALL for room, led_to in ARROWS.items()}
    assert {room: led_to - OPEN_TO_ALL for room, led_to in drawn.items()} == held


def test_the_modules_that_it_names_are_there() -> None:
    missing = [
        f"{room}/{name}"
        for rooms, text, _ in rows_of("room of `ialirt_backfill/`")
        for room in re.findall(r"`(\w+)/`", rooms)
        for name in re.findall(r"`(\w+(?:\.py|\.toml|/))`", text)
        if not (ROOT / "ialirt_backfill" / room / name).exists()
    ]
    assert missing == []
    named = {name for names, _ in rows_of("module of `ledger/`") for name in re.findall(r"`(\w+(?:\.py|/))`", names)}
    there = {path.name for path in (ROOT / "ledger").glob("*.py")} - {"__init__.py"}
    assert named == there | {"migrations/"}


def test_what_it_says_holds_a_promise_is_there() -> None:
    assert [name for name in re.findall(r"`(tests/[\w/.]*)`", PLAN) if not (ROOT / name).exists()] == []
