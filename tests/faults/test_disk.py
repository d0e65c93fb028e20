"""A disk that is full, or not to be written, and paths that are not what they should be."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

from ialirt_backfill.simulator import Fault, Request
from ledger import DayStatus
from tests.support.commands import Command
from tests.support.mounts import mounted, remount
from tests.support.places import DAY, Place

EARLY, LATER = "2026-02-02T02:00:00", "2026-02-02T04:00:00"


def assert_failed_naming(place: Place, path: Path, *words: str, instrument: str = "mag") -> None:
    """The day failed, its message names the path, the rest of the run went on."""
    report = place.run(f"{instrument},spacecraft")
    assert report.exit_code == 1
    outcomes = {outcome.instrument.name: outcome for outcome in report.results}
    assert outcomes["spacecraft"].status is not DayStatus.FAILED
    failed = outcomes[instrument]
    assert failed.status is DayStatus.FAILED
    assert str(path) in (failed.error or "")
    for word in words:
        assert word in (failed.error or "")


def test_a_full_disk_fails_the_day_and_leaves_the_old_file(place: Place) -> None:
    place.clock.set(EARLY)
    folder = place.file("mag").parent.parent.parent
    with mounted(folder, "size=2m"):
        place.run("mag")
        old = place.file("mag").read_bytes()
        row = place.row("mag")
        place.clock.set(LATER)
        filler = folder / "filler"
        filler.write_bytes(b"x" * (2 * 2**20 - 400_000 - len(old)))
        assert_failed_naming(place, place.file("mag"), "No space left")
        assert place.file("mag").read_bytes() == old
        assert place.temporary_files == []
        failed = place.row("mag")
        assert (failed.records, failed.sha256, failed.asked_through) == (row.records, row.sha256, row.asked_through)
        filler.unlink()
        assert place.run("mag", retry_failed=True).exit_code == 0
        assert place.asked[0].startswith("mag 02T01:50:00 ")
        place.assert_right("mag")


def test_a_limit_on_the_size_of_files_fails_the_day(command: Command) -> None:
    """For where nothing can be mounted: the same, by the limit of a process."""
    done = subprocess.run(
        command.words(
            "--instrument", "mag,spacecraft", "--start", str(DAY), "--end", str(DAY), "--as-of", "2026-03-01"
        ),
        cwd=command.cwd,
        env=command.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)),
    )
    assert done.returncode == 1
    assert "imap_ialirt_20260202.csv cannot be written: File too large" in done.stderr
    assert [path.name for path in command.datastore.rglob("*.csv")] == ["imap_ialirt_spacecraft_20260202.csv"]
    assert list(command.datastore.rglob("*.tmp")) == []


def test_a_datastore_that_cannot_be_written_fails_the_day_and_leaves_the_old_file(place: Place) -> None:
    place.clock.set(EARLY)
    folder = place.file("mag_hk").parent.parent.parent
    with mounted(folder, "size=9m"):
        place.run("mag_hk")
        old = place.file("mag_hk").read_bytes()
        remount(folder, "ro")
        place.clock.set(LATER)
        assert_failed_naming(place, place.file("mag_hk"), "Read-only file system", instrument="mag_hk")
        assert place.file("mag_hk").read_bytes() == old
        remount(folder, "rw")
        assert place.run("mag_hk", retry_failed=True).exit_code == 0
        place.assert_right("mag_hk")


def test_a_disk_that_becomes_read_only_while_a_file_is_staged_fails_that_day_alone(place: Place) -> None:
    folder = place.file("mag_hk").parent.parent.parent
    with mounted(folder, "size=9m"):
        place.clock.set(EARLY)
        place.run("mag_hk")
        place.clock.set(LATER)

        def becomes_read_only(request: Request) -> Fault | None:
            if request.instrument == "mag_hk":
                remount(folder, "ro")
            return None

        place.simulator.faults = becomes_read_only
        assert_failed_naming(place, place.file("mag_hk"), "Read-only", instrument="mag_hk")


def test_a_datastore_where_nothing_can_be_made(command: Command) -> None:
    ledger = f"sqlite:///{command.cwd}/ledger.sqlite"
    done = command(
        "--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--as-of", "2026-03-01",
        "--datastore", "/proc/nothing here", "--ledger", ledger,
    )  # fmt: skip
    assert done.code == 1
    assert "/proc/nothing here" in done.err
    # With the ledger there too, nothing can be begun.
    done = command("--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--datastore", "/proc/nothing here")
    assert done.code == 2
    assert "/proc/nothing here" in done.err


def test_a_folder_removed_mid_run_fails_the_day_and_the_next_run_asks_for_all_of_it(place: Place) -> None:
    place.clock.set(EARLY)
    place.run("mag_hk")
    place.clock.set(LATER)

    def remove(request: Request) -> Fault | None:
        if request.instrument == "mag_hk":
            shutil.rmtree(place.datastore / "ialirt_hk", ignore_errors=True)
        return None

    place.simulator.faults = remove
    assert_failed_naming(place, place.file("mag_hk"), "taken away", instrument="mag_hk")
    place.simulator.faults = ()
    assert place.run("mag_hk", retry_failed=True).exit_code == 0
    place.assert_right("mag_hk")


def test_a_folder_that_became_a_file_fails_the_day_and_stops_no_other(place: Place) -> None:
    place.clock.set(EARLY)
    place.run("mag_hk")
    row = place.row("mag_hk")
    folder = place.file("mag_hk").parent
    place.clock.set(LATER)

    def replace(_: Request) -> Fault | None:
        if folder.is_dir():
            shutil.rmtree(folder)
            folder.write_text("I am a file")
        return None

    place.simulator.faults = replace
    assert_failed_naming(place, place.file("mag_hk"), instrument="mag_hk")
    assert folder.read_text() == "I am a file"
    assert place.row("mag_hk").records == row.records
    folder.unlink()
    place.simulator.faults = ()
    assert place.run("mag_hk", retry_failed=True).exit_code == 0
    place.assert_right("mag_hk")


def test_a_path_that_is_a_folder_fails_the_day(place: Place) -> None:
    place.clock.set(EARLY)
    place.file("mag").mkdir(parents=True)
    assert_failed_naming(place, place.file("mag"), "directory")
    place.file("mag").rmdir()
    assert place.run("mag", retry_failed=True).exit_code == 0
    place.assert_right("mag")


def test_a_path_that_leads_round_in_circles_fails_the_day(place: Place) -> None:
    """What the ledger knows of a day is not forgotten because its file cannot be looked at; the plan stands."""
    place.clock.set(EARLY)
    place.run("mag_hk")
    row = place.row("mag_hk")
    folder = place.file("mag_hk").parent
    hidden = folder.rename(folder.with_name("hidden"))
    folder.symlink_to(folder.name)
    assert_failed_naming(place, place.file("mag_hk"), "symbolic links", instrument="mag_hk")
    failed = place.row("mag_hk")
    assert (failed.records, failed.sha256, failed.path) == (row.records, row.sha256, row.path)
    folder.unlink()
    hidden.rename(folder)
    assert place.run("mag_hk", retry_failed=True).exit_code == 0
    place.assert_right("mag_hk")


def test_a_datastore_that_is_a_file(command: Command) -> None:
    command.datastore.write_text("I am a file")
    done = command("--instrument", "hit", "--start", str(DAY), "--end", str(DAY))
    assert done.code == 2
    assert "ialirt-data" in done.err
    assert command.datastore.read_text() == "I am a file"


def test_a_file_that_the_reader_holds_open_is_replaced_beside_him(place: Place) -> None:
    place.clock.set(EARLY)
    place.run()
    old = place.file().read_bytes()
    with place.file().open("rb") as reading:
        place.clock.set(LATER)
        place.run()
        assert reading.read() == old
        assert place.file().stat().st_ino != os.fstat(reading.fileno()).st_ino
