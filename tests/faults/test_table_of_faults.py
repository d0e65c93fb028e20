"""The table of faults names tests that are there, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")


def names_in(path: Path) -> set[str]:
    """As the table names them: ``ask/test_faults.py::test_…``, those of `tests/faults` without their folder."""
    found = re.findall(r"^(?:def (test_\w+)|(Test\w+) =)", path.read_text(encoding="utf-8"), re.MULTILINE)
    file = path.relative_to(TESTS).as_posix().removeprefix("faults/")
    return {f"{file}::{function or machine}" for function, machine in found}


def test_the_table_names_every_test_and_no_other() -> None:
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py::\w+)`", TABLE))
    there = {name for path in TESTS.rglob("test_*.py") for name in names_in(path)}
    assert named <= there, sorted(named - there)
    files = {*TESTS.glob("faults/test_*.py"), *TESTS.rglob("test_faults.py")} - {Path(__file__)}
    left_out = {name for path in files for name in names_in(path)} - named
    assert not left_out
