"""What the documents say is what the program does."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import cli
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions
from tests.support.blocks import blocks
from tests.support.commands import Command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str, page: str = README) -> str:
    """The text under one heading of a page."""
    _, _, rest = page.partition(f"# {title}\n")
    assert rest, title
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_readme_is_short_and_says_what_the_data_are() -> None:
    assert len(README.split()) <= 900
    first, _, _ = README.partition("\n## ")
    assert "near-real-time and uncalibrated" in first
    assert "Acknowledge the IMAP mission" in first


def test_the_readme_names_every_instrument() -> None:
    for name in INSTRUMENTS:
        assert f"`{name}`" in section("The real thing")


def test_it_is_said_where_the_files_lie() -> None:
    files = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    for name in ("mag", "mag_hk", "hit"):
        assert str(INSTRUMENTS[name].path(date(2026, 2, 1))) in files


def test_the_two_set_up_commands_are_one_line_each() -> None:
    commands = [line for line in section("Set up").splitlines() if line.startswith("    ")]
    assert len(commands) == 2
    assert "--demo" in commands[0]
    assert "pytest" in commands[1]


def lines_of_code(text: str) -> list[str]:
    """What is to be typed in a text, without its remarks."""
    indented = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    return [line.partition(" #")[0].strip() for line in indented]


def test_the_commands_after_the_demonstration_work_as_they_stand(command: Command) -> None:
    [demonstration, _] = [line for line in lines_of_code(section("Set up")) if line]
    words = demonstration.rpartition("ialirt-backfill ")[2].split()
    ended = command(*words)
    assert ended.code == 0, ended.err
    commands = [line for line in lines_of_code(section("Looking at it")) if line.startswith("ialirt-backfill ")]
    assert len(commands) >= 5
    for line in commands:
        ended = command(*shlex.split(line)[1:])
        assert ended.code == 0, (line, ended.err)
        assert ended.out
    query = next(line for line in lines_of_code(section("Looking at it")) if line.startswith("sqlite3"))
    _, file, sql = shlex.split(query)
    with closing(sqlite3.connect(command.cwd / file)) as connection:
        assert len(connection.execute(sql).fetchall()) == 32


def test_the_lines_of_python_in_the_readme(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    words = lines_of_code(section("Set up"))[0].rpartition("ialirt-backfill ")[2].split()
    assert command(*words, "--quiet").code == 0
    monkeypatch.chdir(command.cwd)
    [program] = [it.text for it in blocks(ROOT / "README.md") if it.text.startswith("from ialirt_backfill")]
    names: dict[str, Any] = {}
    exec(program, names)
    assert len(names["frame"]) > 40_000


def test_the_picture_of_the_readme(command: Command) -> None:
    install, *lines = [line for line in lines_of_code(section("A picture")) if line]
    assert install.endswith("pip install --quiet '.[plot]'")
    for line in lines:
        ended = command(*shlex.split(line)[1:], timeout=110)
        assert ended.code == 0, ended.err
    assert (command.cwd / "solar-wind.png").stat().st_size > 10_000


def test_what_is_shown_is_what_is_seen(command: Command) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = lines_of_code(section("What you see", page))
    words = lines_of_code(section("Set up"))[0].rpartition("ialirt-backfill ")[2].split()
    for _ in range(2):
        ended = command(*words)
        seen = (ended.err + ended.out).replace(str(command.cwd), "/home/you").splitlines()
        missing = [line for line in seen if line not in shown and not line.startswith("hit 2026-")]
        assert not missing


def test_the_lines_of_python_for_who_reads_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    demonstration = next(line for line in lines_of_code(text) if line.startswith("ialirt-backfill --demo"))
    monkeypatch.chdir(tmp_path)
    assert cli.main([*shlex.split(demonstration)[1:], "--quiet"]) == 0
    day, week, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(day + week, names)
    assert len(names["mag"]) == 21_600
    grid, wanted = names["grid"], names["wanted"]
    assert 7 * 1400 < len(grid.asfreq("1min")[wanted].dropna()) <= 7 * 1440
    assert [grid.attrs["units"][name] for name in wanted] == ["nT", "km/s"]


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
