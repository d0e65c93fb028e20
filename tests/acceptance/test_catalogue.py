"""The example of docs/catalogue.md: over the files and the progress of another pipeline, under its names."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill import read_days
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import Simulator
from tests.support.access import FULL
from tests.support.commands import Command, Ended
from tests.support.reference import assert_file_holds

Backfill = Callable[..., Ended]

DOCUMENT = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")
IMPERIAL, GLOWS = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)

THEIRS = {
    "mag": ("ialirt/2026/02/imap_ialirt_mag_202602{:02}.csv", "MAG_MAG_IALIRT"),
    "mag_hk": ("ialirt_hk/2026/02/imap_ialirt_mag_hk_202602{:02}.csv", "MAG_IALIRT_HK"),
    "hit": ("ialirt/2026/02/imap_ialirt_hit_202602{:02}.csv", "HIT_MAG_IALIRT"),
    "swe": ("ialirt/2026/02/imap_ialirt_swe_202602{:02}.csv", "SWE_MAG_IALIRT"),
    "swapi": ("ialirt/2026/02/imap_ialirt_swapi_202602{:02}.csv", "SWAPI_MAG_IALIRT"),
}
NAMES = ",".join(THEIRS)
FIRST, SECOND = date(2026, 2, 2), date(2026, 2, 3)
OF_OTHERS = ("SOLO_L2", "2026-01-01 00:00:00.000000", "2026-01-02 00:00:00.000000")


def rows(command: Command, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(command.datastore / "ledger.sqlite")) as ledger:
        return ledger.execute(query).fetchall()


@pytest.fixture
def theirs(backfill: Backfill, command: Command) -> Path:
    """A datastore as their pipeline has it: their files of one day, and their table of progress."""
    assert backfill("--instrument", NAMES, "--start", str(FIRST), "--end", str(FIRST)).code == 0
    progress = dict(rows(command, "SELECT item_name, progress_timestamp FROM workflow_progress"))
    for file_of_ledger in command.datastore.glob("ledger.sqlite*"):
        file_of_ledger.unlink()
    for name, (file, _) in THEIRS.items():
        (command.datastore / INSTRUMENTS[name].path(FIRST)).rename(command.datastore / file.format(FIRST.day))
    with closing(sqlite3.connect(command.datastore / "ledger.sqlite")) as ledger, ledger:
        ledger.execute(
            "CREATE TABLE workflow_progress (item_name VARCHAR(32) NOT NULL PRIMARY KEY,"
            " progress_timestamp DATETIME, last_checked_date DATETIME)"
        )
        own = [(key, progress[INSTRUMENTS[name].progress_key], None) for name, (_, key) in THEIRS.items()]
        ledger.executemany("INSERT INTO workflow_progress VALUES (?, ?, ?)", [*own, OF_OTHERS])
    path = command.cwd / "imperial.toml"
    path.write_text(IMPERIAL)
    return path


def test_the_names_of_another_pipeline_are_gone_on_with(
    theirs: Path, backfill: Backfill, command: Command, simulator: Simulator
) -> None:
    before = {path: path.read_bytes() for path in command.datastore.rglob("*.csv")}
    words = ("--catalogue", str(theirs), "--instrument", NAMES, "--start", str(FIRST), "--end", str(SECOND))
    adopted = command("adopt", *words, "--as-of", "2026-02-10T00:00:00", "--json")
    assert adopted.code == 0, adopted.err
    simulator.forget_requests()
    done = backfill(*words)
    assert done.code == 0, done.err
    assert [it["path"] for it in done.json["results"] if it["day"] == str(SECOND)] == [
        THEIRS[name][0].format(SECOND.day) for name in sorted(THEIRS)
    ]
    expected = {command.datastore / file.format(day.day) for file, _ in THEIRS.values() for day in (FIRST, SECOND)}
    assert set(command.datastore.rglob("*.csv")) == expected
    assert {path: path.read_bytes() for path in before} == before
    for name, (file, _) in THEIRS.items():
        start = datetime(2026, 2, 3, tzinfo=UTC)
        records = simulator.records(name, start, start + timedelta(days=1), scopes=FULL)
        assert_file_holds(command.datastore / file.format(SECOND.day), records)
    progress = {str(row[0]): str(row[1]) for row in rows(command, "SELECT * FROM workflow_progress")}
    assert progress.keys() == {OF_OTHERS[0], *(key for _, key in THEIRS.values())}
    assert all(progress[key].startswith("2026-02-03 23:") for _, key in THEIRS.values())
    assert OF_OTHERS in rows(command, "SELECT * FROM workflow_progress")
    again = backfill(*words)
    assert (again.code, again.json["results"]) == (0, [])


def test_every_command_goes_on_with_them(theirs: Path, backfill: Backfill, command: Command) -> None:
    env: dict[str, Any] = {"IALIRT_CATALOGUE": str(theirs), "IALIRT_INSTRUMENT": "mag"}
    days = ("--start", str(FIRST), "--end", str(SECOND), "--as-of", "2026-02-10T00:00:00")
    assert command("adopt", *days, **env).code == 0
    assert backfill("--start", str(FIRST), "--end", str(SECOND), **env).code == 0
    status = command("status", *days, "--json", **env).json
    assert [(it["instrument"], it["days_complete"]) for it in status["instruments"]] == [("mag", 2)]
    history = command("history", "--day", str(SECOND), "--json", **env).json
    assert history["state"]["path"] == THEIRS["mag"][0].format(SECOND.day)
    verified = command("verify", "--start", str(FIRST), "--end", str(SECOND), **env)
    assert verified.code == 0, verified.err
    mirror = f"sqlite:///{command.cwd}/mirror.sqlite"
    loaded = command("mirror", "--database", mirror, "--start", str(FIRST), "--end", str(SECOND), **env)
    assert loaded.code == 0, loaded.err
    frame = read_days(command.datastore, "mag", FIRST, SECOND, catalogue=theirs)
    with closing(sqlite3.connect(command.cwd / "mirror.sqlite")) as database:
        [(count,)] = database.execute("SELECT COUNT(*) FROM ialirt_mag").fetchall()
    assert count == len(frame) > 20_000


def test_without_their_catalogue_the_days_are_others(theirs: Path, backfill: Backfill, command: Command) -> None:
    """Which is why every command is to be given it."""
    done = backfill("--instrument", "hit", "--start", str(FIRST), "--end", str(FIRST))
    assert done.json["plan"][0]["action"] == "run"
    assert ("HIT_IALIRT",) in rows(command, "SELECT item_name FROM workflow_progress")


def test_the_other_example_is_a_whole_instrument(command: Command) -> None:
    path = command.cwd / "glows.toml"
    path.write_text(GLOWS)
    plan = command(
        "--catalogue", str(path), "--instrument", "glows", "--start", str(FIRST), "--end", str(FIRST), "--dry-run",
        "--json",
    )  # fmt: skip
    assert plan.code == 0, plan.err
    assert [(it["instrument"], it["action"]) for it in plan.json["plan"]] == [("glows", "run")]
    said = re.search(r"with the columns (.*?); its", DOCUMENT.replace("\n", " "), re.DOTALL)
    assert said is not None
    glows = catalogue_of(str(path)).instruments["glows"]
    columns = "`time_utc`, `glows_counts_1` … `_4`, `glows_epoch`, `glows_temperature`, `kernel_set_key`, `ttj2000ns`"
    assert said[1] == columns
    assert sorted(glows.columns) == [
        "glows_counts_1", "glows_counts_2", "glows_counts_3", "glows_counts_4", "glows_epoch", "glows_temperature",
        "kernel_set_key", "time_utc", "ttj2000ns",
    ]  # fmt: skip
    assert glows.progress_key == "GLOWS_IALIRT"
