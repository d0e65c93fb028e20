"""The days that have changed, as a program follows them that is started anew each time: the real command."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from tests.support.commands import Command, Here

RANGE = ("--instrument", "hit,codice_lo", "--start", "2026-02-01", "--end", "2026-02-02")
NOW = ("--as-of", "2026-03-01T12:00:00Z")


def told(here: Here, *words: str) -> Any:
    done = here("changes", "--json", *words)
    assert (done.code, done.err) == (0, "")
    return done.json


def test_each_change_is_told_once(command: Command, here: Here) -> None:
    assert command(*RANGE, *NOW).code == 0
    first = told(here)
    assert list(first) == ["synthetic", "changes", "cursor"]
    assert sorted((it["instrument"], it["day"]) for it in first["changes"]) == [
        (name, day) for name in ("codice_lo", "hit") for day in ("2026-02-01", "2026-02-02")
    ]
    assert list(first["changes"][0]) == [
        "instrument", "day", "path", "sha256", "records", "availability_pct", "is_final", "changed_at",
    ]  # fmt: skip
    assert all((command.datastore / it["path"]).is_file() and it["changed_at"].endswith("Z") for it in first["changes"])

    assert command(*RANGE, *NOW, "--redownload").code == 0
    after = ("--since", first["cursor"])
    assert told(here, *after) == {"synthetic": False, "changes": [], "cursor": first["cursor"]}, "it found nothing new"

    file = command.datastore / first["changes"][0]["path"]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    assert command("verify", *RANGE, *NOW, "--fix").code == 0
    assert told(here, *after)["changes"] == [], "the file is what it was"


def test_adopted_days_are_changes(command: Command, here: Here) -> None:
    assert command(*RANGE, *NOW).code == 0
    (command.datastore / "ledger.sqlite").unlink()
    assert command("adopt", "--datastore", str(command.datastore), "--start", "2026-02-02").code == 0
    assert [it["day"] for it in told(here)["changes"]] == ["2026-02-02"] * 2
    cursor = told(here)["cursor"]
    assert command("adopt", "--datastore", str(command.datastore)).code == 0
    assert [it["day"] for it in told(here, "--since", cursor)["changes"]] == ["2026-02-01"] * 2


def test_for_people(command: Command, here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*RANGE, "--demo").code == 0
    said = here("changes", "--since", "2026-01-01").out.splitlines()
    assert said[0].startswith("Synthetic data")
    assert said[1] == "4 days changed"
    assert said[2].split() == ["changed", "instrument", "day", "records", "available", "final"]
    assert re.fullmatch(
        r"To go on from here: --since c1@[0-9a-f]{8},CODICE_LO_IALIRT:2,HIT_IALIRT:2", said[-1].rstrip()
    )
    shutil.rmtree(command.datastore)
    done = here("changes")
    assert done.code == 2
    assert "there is no ledger yet" in done.err
    assert here("changes", "--since", "soon").code == 2
