"""Files that have another name, or whose names have properties: followed, kept, or left alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.frame import read_days
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.store import dayfile
from tests.support.clock import NOW
from tests.support.commands import Command, Ended
from tests.support.ledgers import execute
from tests.support.places import DAY, Place
from tests.support.reference import assert_file_holds

Main = Callable[..., Ended]
EARLY, LATER = "2026-02-02T02:00:00", "2026-02-02T04:00:00"
WEEKS_LATER = "2026-03-01T12:00:00"
RANGE = ("--start", str(DAY), "--end", str(DAY), "--as-of", NOW)


def renamed(place: Place, instrument: str = "mag") -> Path:
    """The day's file under the name that a sibling program gives it."""
    usual, other = (place.datastore / path for path in INSTRUMENTS[instrument].paths(DAY))
    usual.rename(other)
    return other


def only_file(place: Place) -> Path:
    [path] = place.datastore.rglob("*.csv")
    return path


@pytest.mark.parametrize("instrument", ["mag", "mag_hk"])
def test_a_renamed_file_is_followed_where_it_is_what_the_ledger_recorded(place: Place, instrument: str) -> None:
    place.clock.set(EARLY)
    place.run(instrument)
    path = renamed(place, instrument)
    place.clock.set(LATER)
    assert place.run(instrument).exit_code == 0
    assert place.asked[0].startswith(f"{instrument} 02T01:50:00 ")
    assert only_file(place) == path
    assert place.row(instrument).path == str(path.relative_to(place.datastore))
    assert_file_holds(path, place.perfect(instrument))
    # Back to the usual name, and the day is over: nothing is asked for, and the ledger knows all the same.
    place.clock.set(WEEKS_LATER)
    place.run(instrument)
    path.rename(place.file(instrument))
    assert place.run(instrument).exit_code == 0
    assert place.asked == []
    assert place.row(instrument).path == str(INSTRUMENTS[instrument].path(DAY))
    place.assert_right(instrument)


def test_into_a_renamed_file_that_was_changed_what_it_lacks_is_merged(place: Place) -> None:
    """Also where it has as many bytes as before."""
    place.clock.set(LATER)
    place.run("mag")
    path = renamed(place)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert place.run("mag").exit_code == 0
    assert only_file(place) == path
    assert_file_holds(path, place.perfect("mag"))
    renamed_back = path.rename(place.file("mag"))
    rows = renamed_back.read_bytes().splitlines(keepends=True)
    changed = b"".join([*rows[:2], *sorted(rows[2:], reverse=True)])
    assert len(changed) == len(b"".join(rows))
    renamed_back.write_bytes(changed)
    assert place.run("mag").exit_code == 0
    assert_file_holds(place.file("mag"), place.perfect("mag"))
    assert place.row("mag").sha256 == dayfile.checksum(place.file("mag"))


def test_a_file_that_a_sibling_has_made_before_us_is_merged_under_its_name(place: Place) -> None:
    place.clock.set(LATER)
    place.run("mag")
    path = renamed(place)
    whole = path.read_bytes()
    shutil.rmtree(place.datastore)
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[: whole.rindex(b"\n", 0, len(whole) // 2) + 1])
    assert place.run("mag").exit_code == 0
    assert only_file(place) == path
    assert_file_holds(path, place.perfect("mag"))
    assert place.row("mag").path == str(path.relative_to(place.datastore))


def test_so_do_all_other_commands_find_it(main: Main) -> None:
    assert main("--instrument", "mag", *RANGE).code == 0
    usual, other = (Path("ialirt-data") / path for path in INSTRUMENTS["mag"].paths(DAY))
    usual.rename(other)
    assert main("verify", "--as-of", NOW).out == "1 file: all are what the ledger recorded.\n"
    assert "skip-existing" in main("--instrument", "mag", *RANGE, "--dry-run").out
    assert not main("poll", "--instrument", "mag", "--once", "--as-of", "2026-02-03T00:30:00", "-q").err
    mirrored = main("mirror", "--instrument", "mag", *RANGE[:4], "--database", "sqlite:///m.sqlite", "--json")
    assert mirrored.json["results"][0]["records"] == len(read_days("ialirt-data", "mag", DAY)) > 20_000
    assert main("adopt", "--as-of", NOW, "--json").json["summary"]["known"] == 2
    assert not usual.exists()


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_a_link_stays_one_and_its_target_is_brought_up_to_date(place: Place, tmp_path: Path) -> None:
    place.clock.set(EARLY)
    place.run()
    target = tmp_path / "another disk" / "day.csv"
    target.parent.mkdir()
    place.file().rename(target)
    place.file().symlink_to(target)
    place.clock.set(LATER)
    (target.parent / f".{target.name}.killed.tmp").touch()
    assert place.run().exit_code == 0
    assert place.asked[0].startswith("hit 02T01:50:00 ")
    assert place.file().readlink() == target
    assert [path.name for path in target.parent.iterdir()] == ["day.csv"]
    place.assert_right()


def test_a_link_that_leads_nowhere_fails_its_day_before_anything_is_asked(place: Place, tmp_path: Path) -> None:
    place.file().parent.mkdir(parents=True)
    place.file().symlink_to(tmp_path / "not mounted" / "day.csv")
    report = place.run("hit,swe")
    assert report.exit_code == 1
    failed = next(it for it in report.results if it.instrument.name == "hit")
    assert "is a link to" in (failed.error or "")
    assert "is its disk there?" in (failed.error or "")
    assert not any(line.startswith("hit") for line in place.asked)
    place.assert_right("swe")
    assert not (tmp_path / "not mounted").exists()


@pytest.mark.parametrize("linked", ["ialirt", "ialirt/2026", "ialirt/2026/02"])
def test_a_folder_that_is_a_link_to_another_disk_is_as_any_other(
    main: Main, tmp_path: Path, linked: str, simulator: Simulator
) -> None:
    assert main("--instrument", "hit", *RANGE).code == 0
    folder, disk = Path("ialirt-data", linked), tmp_path / "disk"
    folder.rename(disk)
    folder.symlink_to(disk)
    simulator.forget_requests()
    assert main("--instrument", "hit", *RANGE).code == 0
    assert simulator.requests == []
    Path("ialirt-data/ledger.sqlite").unlink()
    Path("ialirt-data/again").symlink_to("ialirt")  # what is found twice is one file
    (disk / "round").symlink_to(Path.cwd() / "ialirt-data")
    adopted = main("adopt", "--as-of", NOW, "--json").json
    assert [day["path"] for day in adopted["days"]] == [str(INSTRUMENTS["hit"].path(DAY))]
    assert adopted["summary"]["adopted"] == 1


def test_a_folder_that_is_a_link_to_nowhere_fails_its_days(place: Place, tmp_path: Path) -> None:
    place.datastore.mkdir()
    (place.datastore / "ialirt").symlink_to(tmp_path / "not mounted")
    place.clock.set(EARLY)
    report = place.run("hit,mag_hk")
    failed = next(it for it in report.results if it.instrument.name == "hit")
    assert f"ialirt is a link to {tmp_path}/not mounted, which is no folder: is its disk there?" in (failed.error or "")
    place.assert_right("mag_hk")
    assert not (tmp_path / "not mounted").exists()


def test_a_folder_that_cannot_be_looked_into_is_said(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was as if it were empty."""
    Path("ialirt-data/ialirt").mkdir(parents=True)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("/ialirt"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    done = main("adopt", "--as-of", NOW)
    assert "ialirt cannot be looked into (Permission denied): what is in there is left out" in done.err


@pytest.mark.parametrize("kind", ["pipe", "socket", "link to a pipe"])
def test_what_is_no_file_fails_its_day_and_is_neither_read_nor_replaced(
    place: Place, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a pipe would never end; a link may lead to /dev/null."""
    place.clock.set(EARLY)
    place.run()
    recorded = place.row().records
    place.file().unlink()
    made = place.file() if kind != "link to a pipe" else place.datastore / "made"
    if kind == "socket":
        monkeypatch.chdir(made.parent)  # its whole path is too long for one
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(made.name)
    else:
        os.mkfifo(made)
    if made != place.file():
        place.file().symlink_to(made)
    before, made_as = made.lstat(), kind.removeprefix("link to a ")
    place.clock.set(LATER)
    report = place.run("hit,swe")
    [failed] = [it for it in report.results if it.instrument.name == "hit"]
    said = f"{place.file().name} is a {made_as}, not a file: move it aside"
    assert (failed.error or "").endswith(said)
    assert not any(line.startswith("hit") for line in place.asked)
    place.assert_right("swe")
    assert os.path.samestat(made.lstat(), before)
    assert place.row().records == recorded > 0
    assert [str(it.day) for it in read_days(place.datastore, "hit", DAY).itertuples()] == []


def test_so_do_the_commands_that_only_look(main: Main) -> None:
    assert main("--instrument", "hit", *RANGE).code == 0
    path = Path("ialirt-data") / INSTRUMENTS["hit"].path(DAY)
    path.unlink()
    os.mkfifo(path)
    assert "missing" in main("verify", "--as-of", NOW).out
    assert main("mirror", "--instrument", "hit", *RANGE[:4], "--database", "sqlite:///m.sqlite").code == 0
    assert "No day files found" in main("adopt", "--as-of", NOW).out


# --- names that are almost one ----------------------------------------------------------------------------------------


def test_what_other_programs_put_beside_a_file_is_left_alone(main: Main) -> None:
    """Copies of editors, of synchronisation and of macOS, and the unfinished file of an rsync."""
    assert main("--instrument", "hit", *RANGE).code == 0
    path = Path("ialirt-data") / INSTRUMENTS["hit"].path(DAY)
    names = [
        f"._{path.name}",
        f"{path.name}~",
        f"{path.stem} (1).csv",
        f"{path.stem} (conflicted copy).csv",
        f"{path.stem}.sync-conflict-20260203-101112-ABCDEFG.csv",
        f".{path.name}.Xy12Ab",
        path.name.upper(),
    ]
    for name in names:
        path.with_name(name).write_text("of another program\n")
    assert main("--instrument", "hit", *RANGE, "--redownload").code == 0
    assert main("adopt", "--as-of", NOW, "--json").json["summary"]["known"] == 1
    assert main("verify", "--as-of", NOW).code == 0
    assert [path.with_name(name).read_text() for name in names] == ["of another program\n"] * len(names)


def test_a_folder_whose_name_is_not_utf_8_is_named_and_stops_no_other_day(command: Command) -> None:
    assert command("--instrument", "hit,swe", *RANGE).code == 0
    path = command.cwd / "ialirt-data" / INSTRUMENTS["hit"].path(DAY)
    folder = os.fsencode(command.cwd / "ialirt-data") + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    path.rename(f"{os.fsdecode(folder)}/{path.name}")
    (command.cwd / "ialirt-data" / "ledger.sqlite").unlink()
    with command.start("adopt", "--as-of", NOW, "--json") as adopting:
        out, err = adopting.communicate(timeout=60)
    assert adopting.returncode == 1
    assert rf"ialirt-data/caf\xe9/{path.name} has a name that is not UTF-8, and no ledger can hold it: rename it" in err
    assert json.loads(out)["summary"]["adopted"] == json.loads(out)["summary"]["failed"] == 1


# --- properties -------------------------------------------------------------------------------------------------------


def test_a_replaced_file_keeps_its_mode_its_group_and_what_else_hangs_on_its_name(place: Place) -> None:
    place.clock.set(EARLY)
    place.run()
    place.file().chmod(0o664)
    may_give_away = os.geteuid() == 0
    if may_give_away:
        os.chown(place.file(), 1234, 5678)
    try:
        os.setxattr(place.file(), "user.team", b"hit")
        keeps_attributes = True
    except OSError:
        keeps_attributes = False
    before = place.file().stat()
    place.clock.set(LATER)
    assert place.run().exit_code == 0
    after = place.file().stat()
    assert after.st_ino != before.st_ino
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o664, before.st_uid, before.st_gid)
    assert not keeps_attributes or os.getxattr(place.file(), "user.team") == b"hit"
    place.assert_right()


FOLDERS = [".snapshot/daily", "@eaDir", ".Trash-1000/files", "#recycle", "lost+found", "$RECYCLE.BIN", "~snapshot"]


def test_what_a_file_system_or_a_desktop_keeps_for_itself_is_never_walked(main: Main) -> None:
    assert main("--instrument", "hit", *RANGE).code == 0
    name = str(INSTRUMENTS["hit"].path(DAY))
    for folder in FOLDERS:
        for place in (Path("ialirt-data", folder), Path("ialirt-data/ialirt/2026", folder)):
            place.mkdir(parents=True)
            shutil.copy(Path("ialirt-data", name), place)
    Path("ialirt-data/ledger.sqlite").unlink()
    adopted = main("adopt", "--as-of", NOW, "--json").json
    assert [day["path"] for day in adopted["days"]] == [name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_written_into_it_though_an_earlier_version_has_adopted_it(place: Place, folder: str) -> None:
    place.clock.set(EARLY)
    place.run()
    old = place.datastore / folder / place.file().name
    old.parent.mkdir(parents=True)
    place.file().rename(old)
    before = old.read_bytes()
    execute(place.ledger_url, f"UPDATE instrument_day SET path = '{old.relative_to(place.datastore)}'")
    place.clock.set(LATER)
    assert place.run().exit_code == 0
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir()] == [old.name]
    place.assert_right()
