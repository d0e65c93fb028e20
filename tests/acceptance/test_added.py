"""Instruments that are known by data alone: three that a file each adds, and the ninth of the catalogue.

No line of Python names them, and everything works for them as for the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ialirt_backfill import open_dataset, read_days
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.read.table import read_table
from ialirt_backfill.simulator import Simulator
from tests.support.access import FULL
from tests.support.added import FILES, FOLDERS, assert_holds, write_files
from tests.support.clock import Clock
from tests.support.commands import Command, Ended

Backfill = Callable[..., Ended]

ALL_FOUR = ("swapi_hk", "glows", "ultra", "spacecraft_status")
NAMES = ",".join(ALL_FOUR)
FIRST, SECOND = date(2026, 2, 2), date(2026, 2, 3)
DAYS = ("--instrument", NAMES, "--start", str(FIRST), "--end", str(SECOND))
AS_OF = ("--as-of", "2026-02-10T00:00:00")


@pytest.fixture
def catalogue(command: Command, simulator: Simulator) -> str:
    """The files that add them, which the simulator has read, too."""
    files = write_files(command.cwd)
    simulator.catalogue = catalogue_of(files)
    return files


@pytest.fixture
def filled(backfill: Backfill, catalogue: str) -> Ended:
    """Two days of all four."""
    done = backfill(*DAYS, IALIRT_CATALOGUE=catalogue)
    assert done.code == 0, done.err
    return done


def file_of(command: Command, name: str, day: date) -> Path:
    return command.datastore / FOLDERS.get(name, "ialirt") / f"{day:%Y/%m}" / f"imap_ialirt_{name}_{day:%Y%m%d}.csv"


def count(path: Path) -> int:
    return len(path.read_text().splitlines()) - 1


def served(simulator: Simulator, name: str, day: date) -> list[dict[str, Any]]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return simulator.records(name, start, start + timedelta(days=1), scopes=FULL)


def test_days_are_fetched_reported_verified_and_adopted(
    filled: Ended, backfill: Backfill, command: Command, simulator: Simulator, catalogue: str
) -> None:
    assert {(it["instrument"], it["status"]) for it in filled.json["results"]} == {(n, "downloaded") for n in ALL_FOUR}
    for name in FILES:
        for day in (FIRST, SECOND):
            assert_holds(file_of(command, name, day), served(simulator, name, day))
    assert count(file_of(command, "spacecraft_status", FIRST)) == len(served(simulator, "spacecraft_status", FIRST))
    env: dict[str, Any] = {"IALIRT_CATALOGUE": catalogue}

    status = command("status", *DAYS, *AS_OF, "--json", **env).json
    assert [(it["instrument"], it["days_final"]) for it in status["instruments"]] == [(name, 2) for name in ALL_FOUR]
    gaps = command("gaps", *DAYS, *AS_OF, "--json", **env)
    assert (gaps.code, [it["instrument"] for it in gaps.json["instruments"]]) == (0, list(ALL_FOUR))
    history = command("history", "--instrument", "ultra", "--day", str(FIRST), "--json", **env).json
    assert history["state"]["path"] == f"ialirt/2026/02/imap_ialirt_ultra_{FIRST:%Y%m%d}.csv"

    file_of(command, "glows", FIRST).write_text("")
    verified = command("verify", *DAYS, *AS_OF, "--fix", "--json", **env)
    assert verified.code == 0, verified.err
    assert_holds(file_of(command, "glows", FIRST), served(simulator, "glows", FIRST))

    for file in command.datastore.glob("ledger.sqlite*"):
        file.unlink()
    adopted = command("adopt", *DAYS, *AS_OF, "--json", **env)
    assert adopted.code == 0, adopted.err
    assert [it["adoption"] for it in adopted.json["days"]] == ["adopted"] * 2 * len(ALL_FOUR)
    before = {path: path.read_bytes() for path in command.datastore.rglob("*.csv")}
    again = backfill(*DAYS, IALIRT_CATALOGUE=catalogue)
    assert again.code == 0, again.err
    assert {path: path.read_bytes() for path in command.datastore.rglob("*.csv")} == before


def test_what_was_fetched_is_read_and_mirrored(filled: Ended, command: Command, catalogue: str) -> None:
    assert filled.code == 0
    mirror = command.cwd / "mirror.sqlite"
    words = ("mirror", "--database", f"sqlite:///{mirror}", *DAYS)
    loaded = command(*words, IALIRT_CATALOGUE=catalogue)
    assert loaded.code == 0, loaded.err
    for name in ALL_FOUR:
        frame = read_days(command.datastore, name, FIRST, SECOND, catalogue=catalogue)
        with closing(sqlite3.connect(mirror)) as database:
            [(rows,)] = database.execute(f"SELECT COUNT(*) FROM ialirt_{name}").fetchall()
        assert rows == len(frame) == count(file_of(command, name, FIRST)) + count(file_of(command, name, SECOND)) > 0
    glows = read_table(command.datastore, "glows", FIRST, SECOND, catalogue=catalogue)
    assert glows.schema.field("glows_counts_4").type == pa.int64()
    assert glows.schema.field("glows_temperature").metadata[b"unit"] == b"K"
    hk = read_days(command.datastore, "swapi_hk", FIRST, catalogue=catalogue)
    assert set(hk["swapi_hk_mode"].dropna()) <= {"Standby", "Science"}
    ultra = read_days(command.datastore, "ultra", FIRST, catalogue=catalogue)
    assert ultra["ultra_rate"].dropna().iloc[0].shape == (3, 4)
    rates = open_dataset(command.datastore, "ultra", FIRST, catalogue=catalogue)
    assert list(rates.data_vars) == ["ultra_rate"]  # nothing says that its times belong to its sectors
    assert rates["ultra_rate"].dims == ("time", "ultra_energy", "ultra_sector")
    assert rates["ultra_energy"].values.tolist() == [1.0, 2.0, 5.0]


def test_today_is_kept_complete(
    backfill: Backfill, command: Command, simulator: Simulator, catalogue: str, clock: Clock
) -> None:
    now = clock.set("2026-02-02T06:00:00")
    done = command(
        "poll", "--once", "--instrument", NAMES, "--since", str(FIRST), "--as-of", now, "--json",
        IALIRT_CATALOGUE=catalogue,
    )  # fmt: skip
    assert done.code == 0, done.err
    for name in FILES:
        assert_holds(file_of(command, name, FIRST), served(simulator, name, FIRST))


def test_a_demonstration_has_them(command: Command) -> None:
    files = write_files(command.cwd)
    words = (*DAYS, "--demo", "--datastore", "demo", "--catalogue", files, "--json", "--as-of", "2026-03-01T12:00:00")
    plan = command(*words, "--dry-run").json["plan"]
    assert {(it["instrument"], it["reason"]) for it in plan} == {(name, "never asked for") for name in ALL_FOUR}
    done = command(*words)
    assert done.code == 0, done.err
    assert {(it["instrument"], it["status"]) for it in done.json["results"]} == {(n, "downloaded") for n in ALL_FOUR}
    assert command(*words).json["results"] == []
