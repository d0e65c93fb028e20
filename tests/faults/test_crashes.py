"""kill -9 and SIGTERM at every step of the file protocol, and the order in which things reach the disk."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ialirt_backfill.simulator import Simulator
from ialirt_backfill.store import dayfile
from ledger import AttemptStatus, DayStatus, Ledger
from tests.support import tripwire
from tests.support.clock import NOW, Clock
from tests.support.commands import Command
from tests.support.places import DAY, Place

NOON, LATER = "2026-02-02T12:00:00", "2026-02-02T18:00:00"


def words(place: Place, *more: str) -> list[str]:
    return [
        "--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--datastore", str(place.datastore),
        "--url", place.simulator.url, "--as-of", place.clock.now.isoformat(), "--jobs", "1", "--quiet", *more,
    ]  # fmt: skip


def nothing(place: Place) -> None:
    """The day has never been asked for."""


def half_a_day(place: Place) -> None:
    """The file holds the morning, and the afternoon is to be added to it."""
    place.clock.set(NOON)
    place.run()
    place.clock.set(LATER)


def no_changes(place: Place) -> None:
    """The file holds the day, which is asked for again."""
    place.run()


def an_edited_file(place: Place) -> None:
    """Rows were taken out of the file and one was added: it is to be read and written whole."""
    place.run()
    lines = place.file().read_text().splitlines(keepends=True)
    place.file().write_text(
        "".join([*lines[:300], *lines[400:]]) + "2026-02-02T23:59:59" + "," * lines[0].count(",") + "\n"
    )


def prepared(tmp_path: Path, simulator: Simulator, clock: Clock, prepare: Callable[[Place], None]) -> Place:
    place = Place(tmp_path / "prepared", simulator, clock)
    Ledger.open(place.ledger_url).close()
    prepare(place)
    return place


SITUATIONS = [nothing, half_a_day, an_edited_file]


@pytest.mark.parametrize("prepare", SITUATIONS, ids=lambda prepare: prepare.__name__)
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one_and_the_next_run_mends_it(
    tmp_path: Path, simulator: Simulator, clock: Clock, prepare: Callable[[Place], None]
) -> None:
    before = prepared(tmp_path, simulator, clock, prepare)
    old = before.file().read_bytes() if before.file().exists() else None
    whole = Place(tmp_path / "whole", simulator, clock)
    shutil.copytree(before.datastore, whole.datastore)
    simulator.forget_requests()
    steps = tripwire.steps(words(whole))
    asked = [request.start for request in simulator.requests]
    new = whole.file().read_bytes()
    assert new != old
    assert {"fsync the temporary file", "replace the day's file by the temporary file", "commit"} <= set(steps)
    assert steps.count("write the other half") >= 1

    outcomes = set()
    first = 0 if prepare is nothing else steps.index("open the temporary file") - 1
    for number in range(first, len(steps)):
        place = Place(tmp_path / str(number), simulator, clock)
        shutil.copytree(before.datastore, place.datastore)
        assert tripwire.run(words(place), at=number) == -signal.SIGKILL, steps[number]
        found = place.file().read_bytes() if place.file().exists() else None
        assert found in (old, new), steps[number]
        outcomes.add((found == new, bool(place.temporary_files)))
        with place.ledger() as ledger:
            row = ledger.day("HIT_IALIRT", DAY)
        recorded = row is not None and row.size_bytes == len(new)
        if row is not None and row.records and prepare is not an_edited_file:
            assert found is not None
            assert row.records <= found.count(b"\n") - 1, steps[number]
        assert found == new or not recorded, f"{steps[number]}: the ledger claims more than the disk holds"

        report = place.run()
        assert report.exit_code == 0
        assert place.file().read_bytes() == new, steps[number]
        assert place.temporary_files == [], steps[number]
        assert place.row().sha256 == dayfile.checksum(place.file())
        requests = [request.start for request in simulator.requests]
        assert not recorded or requests == [], steps[number]
        assert len(requests) <= len(asked), steps[number]
        if prepare is half_a_day:
            assert all(start is not None and start.hour >= 11 for start in requests), steps[number]
    assert {(False, False), (False, True), (True, False)} <= outcomes


def test_what_a_kill_leaves_is_swept_away_though_nothing_is_to_be_asked_for(
    place: Place,
) -> None:
    """A whole day is asked for again, and killed; the next run would skip it."""
    place.run()
    steps = tripwire.steps(words(place, "--redownload"))
    assert "replace the day's file by the temporary file" not in steps  # nothing has changed
    lines = place.file().read_text().splitlines(keepends=True)
    lines[5] = lines[5].replace(lines[5].rstrip("\n")[-1] + "\n", "9\n")
    place.file().write_text("".join(lines))
    number = tripwire.steps(words(place, "--redownload")).index("fsync the temporary file")
    place.file().write_text("".join(lines))
    assert tripwire.run(words(place, "--redownload"), at=number) == -signal.SIGKILL
    assert place.temporary_files
    report = place.run()
    assert place.asked == []
    assert report.exit_code == 0
    assert place.temporary_files == []


def test_the_temporary_file_of_a_living_run_is_left_alone(place: Place) -> None:
    place.run()
    with Ledger.open(place.ledger_url) as ledger:
        claim = ledger.claim("HIT_IALIRT", DAY, seen_version=place.row().version, run_id="another")
        assert claim is not None
        staged = place.file().with_name(f".{place.file().name}.{claim.token}.tmp")
        staged.write_text("in work")
        report = place.run()
        assert report.summary["skipped_claimed"] == 1
        assert staged.exists()


def test_sigterm_at_any_step_ends_cleanly(tmp_path: Path, simulator: Simulator, clock: Clock) -> None:
    before = prepared(tmp_path, simulator, clock, half_a_day)
    whole = Place(tmp_path / "whole", simulator, clock)
    shutil.copytree(before.datastore, whole.datastore)
    steps = tripwire.steps(words(whole))
    for number in range(steps.index("open the temporary file") - 2, len(steps)):
        place = Place(tmp_path / str(number), simulator, clock)
        shutil.copytree(before.datastore, place.datastore)
        code = tripwire.run(words(place), at=number, number=signal.SIGTERM)
        assert code in {0, -signal.SIGTERM, 128 + signal.SIGTERM}, (steps[number], code)
        if code != -signal.SIGTERM:  # it came after the signal was listened for
            assert place.temporary_files == [], steps[number]
            row = place.row() if place.file().exists() else None
            assert row is None or row.sha256 == dayfile.checksum(place.file()), steps[number]
        assert place.run().exit_code == 0
        assert place.file().read_bytes() == whole.file().read_bytes(), steps[number]


def test_everything_reaches_the_disk_before_what_relies_on_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power loss the disk holds what was synced: the content before its name, the name before the record."""
    done: list[str] = []
    tripwire.watch(done.append, monkeypatch.setattr)
    place.run()
    synced = done.index("fsync the temporary file")
    replaced = done.index("replace the day's file by the temporary file")
    assert synced < replaced
    assert done[replaced + 1 : replaced + 3] == ["fsync the folder 02", "commit"]
    folders = done[: done.index("open the temporary file")]
    made = [step for step in folders if step.startswith("fsync the folder")]
    assert made == ["fsync the folder data", "fsync the folder ialirt", "fsync the folder 2026"]

    done.clear()
    place.clock.set("2026-03-02T12:00:00")
    place.run()
    assert not [step for step in done if "file" in step]  # what has not changed is not written again


def test_a_kill_of_the_real_command_among_many_days(command: Command, simulator: Simulator) -> None:
    """Four workers, killed in the middle: every file is complete, and the next run asks for the other days only."""
    simulator.latency = 0.05
    last = DAY + timedelta(days=15)
    args = ["--instrument", "hit,swe", "--start", str(DAY), "--end", str(last), "--as-of", NOW]
    running = command.start(*args)
    while len(simulator.requests) < 14:
        assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    simulator.latency = 0
    files = list(command.datastore.rglob("*.csv"))
    assert all(path.read_bytes().endswith(b"\n") for path in files)
    with Ledger.open(f"sqlite:///{command.datastore}/ledger.sqlite") as ledger:
        rows = ledger.days(["HIT_IALIRT", "SWE_IALIRT"], DAY, last)
    recorded = {key for key, row in rows.items() if row.status is not DayStatus.PENDING}
    simulator.forget_requests()
    done = command(*args, "--json")
    assert done.code == 0
    assert len(simulator.requests) == 32 - len(recorded)
    with Ledger.open(f"sqlite:///{command.datastore}/ledger.sqlite") as ledger:
        interrupted = [
            attempt
            for key, day in rows
            for attempt in ledger.attempts(key, day)
            if attempt.status is AttemptStatus.INTERRUPTED
        ]
    assert len(interrupted) == len([row for row in rows.values() if row.status is DayStatus.PENDING])
