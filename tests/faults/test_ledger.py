"""A ledger that is locked, damaged, newer, not to be written: a stated time, then exit code 2 with what to do."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

import cli
from ialirt_backfill.simulator import Fault, Request
from ledger import Ledger
from tests.support import tripwire
from tests.support.clock import NOW
from tests.support.commands import Command
from tests.support.places import DAY, Place


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger's lock is waited for half a second, not half a minute."""
    defaults = Ledger.open.__func__.__kwdefaults__  # type: ignore[attr-defined]
    assert defaults == {"timeout_seconds": 30.0}
    monkeypatch.setitem(defaults, "timeout_seconds", 0.5)


def words(place: Place) -> list[str]:
    return [
        "--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--datastore", str(place.datastore),
        "--url", place.simulator.url, "--as-of", NOW,
    ]  # fmt: skip


def lock(place: Place) -> sqlite3.Connection:
    other = sqlite3.connect(place.datastore / "ledger.sqlite", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


@pytest.mark.usefixtures("little_patience")
def test_a_locked_ledger_is_waited_for_a_stated_time(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    Ledger.open(place.ledger_url).close()
    other = lock(place)
    began = time.monotonic()
    assert cli.main(words(place)) == 2
    assert time.monotonic() - began < 10
    said = capfd.readouterr().err
    assert "locked by another process for more than 0.5 s" in said
    assert "run again" in said
    assert place.simulator.requests == []
    other.execute("ROLLBACK")
    other.close()
    assert cli.main(words(place)) == 0


def test_a_ledger_that_is_locked_meanwhile_ends_the_run_with_nothing_half_written(place: Place) -> None:
    others: list[sqlite3.Connection] = []

    def locking(_: Request) -> Fault | None:
        others.append(lock(place))
        return None

    place.simulator.faults = locking
    assert tripwire.run(words(place), ledger_patience_seconds=0.5) == 2
    assert not place.file().exists()
    assert place.temporary_files == []
    for other in others:
        other.execute("ROLLBACK")
        other.close()
    place.simulator.faults = ()
    assert place.run().exit_code == 0
    place.assert_right()


@pytest.mark.usefixtures("little_patience")
def test_a_ledger_that_is_locked_for_a_moment_delays_the_run_and_no_more(place: Place) -> None:
    def locking(_: Request) -> Fault | None:
        other = lock(place)
        time.sleep(0.2)
        other.execute("ROLLBACK")
        other.close()
        return None

    place.simulator.faults = locking
    assert place.run("hit,swe").exit_code == 0
    place.assert_right()


def test_a_ledger_taken_away_mid_run_ends_the_run_and_publishes_nothing(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    def damage(_: Request) -> Fault | None:
        for path in place.datastore.glob("ledger.sqlite*"):
            path.write_bytes(b"no database, surely" * 500)
        return None

    place.simulator.faults = damage
    assert cli.main(words(place)) == 2
    said = capfd.readouterr().err
    assert "damaged" in said or "cannot be" in said
    assert place.temporary_files == []


def test_a_damaged_ledger(command: Command) -> None:
    command.datastore.mkdir()
    path = command.datastore / "ledger.sqlite"
    path.write_bytes(b"no database, surely" * 500)
    done = command("--instrument", "hit", "--start", str(DAY), "--end", str(DAY))
    assert done.code == 2
    assert "damaged" in done.err
    assert "restore it from a backup" in done.err
    assert path.read_bytes() == b"no database, surely" * 500
    assert {entry.name for entry in command.datastore.iterdir()} == {"ledger.sqlite"}


def test_a_newer_ledger(command: Command, place: Place) -> None:
    Ledger.open(f"sqlite:///{command.datastore}/ledger.sqlite").close()
    with sqlite3.connect(command.datastore / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE ialirt_backfill_version SET version_num = '9999'")
    ledger.close()
    done = command("--instrument", "hit", "--start", str(DAY), "--end", str(DAY))
    assert done.code == 2
    assert "upgrade the program" in done.err
    assert place.simulator.requests == []


def test_a_ledger_that_cannot_be_made_or_is_no_file(command: Command, tmp_path: Path) -> None:
    for url, name in ((f"sqlite:///{tmp_path}", str(tmp_path)), ("sqlite:////proc/no/ledger.sqlite", "/proc/no")):
        done = command("--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--ledger", url)
        assert done.code == 2
        assert name in done.err
        assert "check" in done.err


def test_a_ledger_that_may_only_be_read(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.run()
    if os.geteuid() == 0:
        pytest.skip("to root every file may be written")
    (place.datastore / "ledger.sqlite").chmod(0o444)
    place.datastore.chmod(0o555)
    try:
        assert cli.main(words(place)) == 2
    finally:
        place.datastore.chmod(0o755)
    assert "read and write" in capfd.readouterr().err
