"""What the documents say is what the program does."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from pathlib import Path

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.plan.decisions import Action
from tests.support.commands import Command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under one heading of the README."""
    _, _, rest = README.partition(f"# {title}\n")
    assert rest, title
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_readme_documents_every_option_and_no_other() -> None:
    flags = {"--version", "--help"}
    for field in dataclasses.fields(BackfillOptions):
        flags.update(field.metadata.get("args", [f"--{field.name.replace('_', '-')}"]))
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section("Options")))
    assert documented == flags


def test_the_readme_names_every_instrument_and_decision() -> None:
    for name in INSTRUMENTS:
        assert f"`{name}`" in section("The real thing")
    for action in Action:
        assert f"`{action.value}`" in section("How it decides")


def test_the_readme_shows_where_the_files_lie() -> None:
    files = section("The files")
    for name in ("mag", "mag_hk", "hit"):
        assert str(INSTRUMENTS[name].path(date(2026, 2, 1))) in files


def test_the_two_set_up_commands_are_one_line_each() -> None:
    commands = [line for line in section("Set up").splitlines() if line.startswith("    ")]
    assert len(commands) == 2
    assert "--demo" in commands[0]
    assert "pytest" in commands[1]


def test_help_explains_every_option(command: Command) -> None:
    done = command("--help")
    assert done.code == 0
    for field in dataclasses.fields(BackfillOptions):
        assert field.metadata["description"], field.name
    assert "--min-availability PCT" in done.out


def test_nothing_says_to_install_the_package_by_its_name_which_is_on_no_index() -> None:
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("ialirt_backfill/**/*.py"),
        *ROOT.glob("flows/*.py"),
    ]
    for path in texts:
        assert not re.search(r"pip install\s+[\w\s-]*['\"]?ialirt-backfill", path.read_text(encoding="utf-8")), path


def test_version(command: Command) -> None:
    done = command("--version")
    assert done.code == 0
    assert re.fullmatch(r"ialirt-backfill \d+\.\d+\.\d+\n", done.out)
