"""The table of faults names tests that are there, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = (HERE.parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")


def test_the_table_names_every_test_and_no_other() -> None:
    named = set(re.findall(r"`(test_\w+\.py::\w+)`", TABLE))
    there = {
        f"{path.name}::{name}"
        for path in (*HERE.glob("test_*.py"), HERE.parent / "upkeep" / "test_verify.py")
        for name in re.findall(r"^(?:def (test_\w+)|(Test\w+) =)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name in name
        if name
    }
    assert named <= there, sorted(named - there)
    left_out = {name for name in there - named if not name.startswith(("test_table_of_faults", "test_verify"))}
    assert not left_out
