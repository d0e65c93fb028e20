"""docs/commands.md has every command with every option, setting, decision and exit code, and no other."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill import ending
from ialirt_backfill.command import COMMANDS
from ialirt_backfill.options.settings import KEY_VARIABLE
from ialirt_backfill.plan.decisions import Action

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`-.+?`) \| .+ \|(.*)\|$", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@cache
def sections() -> dict[str, str]:
    """The text under each heading, by the heading's anchor."""
    parts = re.split(r"^#+ (.+)\n", PAGE, flags=re.MULTILINE)[1:]
    named = zip(parts[::2], parts[1::2], strict=True)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): text for title, text in named}


def options_in(text: str) -> dict[str, str]:
    """The flags that the rows of a text's tables begin with, each with what its last column says."""
    return {flag: setting.strip("` ") for cell, setting in ROW.findall(text) for flag in FLAG.findall(cell)}


def documented(command: str) -> dict[str, str]:
    """The options of a command: those of the groups that its section leads to, and its own."""
    assert command in sections(), f"docs/commands.md has no section {command}"
    text = sections()[command]
    own = text.partition("#which-instruments-and-days")[0]
    found: dict[str, str] = {}
    for group in re.findall(r"\]\(#([\w-]+)\)", text):
        if group not in COMMANDS:
            found |= options_in(sections()[group])
    return found | options_in(own) | options_in(text)


def flags_of(field: dataclasses.Field[Any]) -> list[str]:
    return list(field.metadata.get("args", [f"--{field.name.replace('_', '-')}"]))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_there_and_no_other(command: str) -> None:
    fields = dataclasses.fields(COMMANDS[command].options)
    flags = {flag for field in fields for flag in flags_of(field) if flag.startswith("-")}
    there = documented(command).keys()
    assert not flags - there, "missing in docs/commands.md"
    assert not there - flags, "no option of this command"
    for choice in (choice for field in fields for choice in field.metadata.get("choices", ())):
        assert re.search(rf"\b{choice}\b", sections()[command]), choice


@pytest.mark.parametrize("command", COMMANDS)
def test_so_is_the_setting_of_each(command: str) -> None:
    there = documented(command)
    for field in dataclasses.fields(COMMANDS[command].options):
        for flag in (flag for flag in flags_of(field) if flag.startswith("-")):
            assert there[flag] == field.metadata.get("env", ""), flag


def test_the_list_of_commands_is_whole() -> None:
    listed, _, _ = PAGE.partition("## How values are written")
    assert re.findall(r"\[`([a-z]+)`\]", listed) == list(COMMANDS)
    assert f"`{KEY_VARIABLE}`" in sections()["settings"]


def test_every_decision_and_exit_code_is_explained() -> None:
    for action in Action:
        assert f"`{action.value}`" in sections()["how-a-run-decides"]
    codes = {getattr(ending, name) for name in ("EXIT_WELL", "EXIT_FAILED", "EXIT_USAGE")}
    codes |= {ending.EXIT_INTERRUPTED + signal for signal in (1, 2, 15)}
    told = re.findall(r"^\| (\d[\d, ]*) \|", sections()["exit-codes"], re.MULTILINE)
    assert {int(code) for cell in told for code in cell.split(", ")} == codes


def test_who_only_tells_is_named_where_it_matters() -> None:
    tellers = [name for name, command in COMMANDS.items() if command.only_tells]
    assert all(f"`{name}`" in sections()["exit-codes"] for name in tellers), tellers
