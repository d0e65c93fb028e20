"""Datastores that cannot do what ours must, and those that have no room."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ialirt_backfill.doctor import place
from ialirt_backfill.doctor.findings import Finding, Verdict
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import DoctorOptions
from tests.support.mounts import mounted, remount
from tests.support.places import DAY
from tests.support.refused import is_possible, without_locks


def odd(folder: Path, instrument: str = "hit") -> dict[str, Finding]:
    """What is not ok, by check; and nothing is left behind."""
    before = sorted(folder.rglob("*"))
    found = place.examine(DoctorOptions(datastore=str(folder / "data"), instrument=instrument), {}, DAY)
    assert sorted(folder.rglob("*")) == before
    return {it.check: it for it in found if it.verdict is not Verdict.OK}


def test_a_place_that_can_do_everything(tmp_path: Path) -> None:
    assert odd(tmp_path) == {}


@pytest.mark.parametrize(("days", "verdict"), [(3, Verdict.WRONG), (20, Verdict.NOTICE), (40, None)])
def test_the_room_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, verdict: Verdict | None
) -> None:
    usual = place.examine(DoctorOptions(datastore=str(tmp_path), instrument="hit"), {}, DAY)[0].seen
    a_day = float(usual.rpartition(", at ")[2].removesuffix(" MB a day")) * 1e6
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=round((days + 0.5) * a_day)))
    found = odd(tmp_path)
    assert (found["space"].verdict if found else None) is verdict


@pytest.mark.parametrize(
    ("what", "refuses"),
    [
        ("fsync of folders", stat.S_ISDIR),
        ("fsync of files", stat.S_ISREG),
    ],
)
def test_a_file_system_without_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, refuses: Callable[[int], bool]
) -> None:
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if refuses(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    found = odd(tmp_path)
    assert set(found) == {what}
    assert found[what].seen == "it is refused: Invalid argument"


def test_a_small_file_system_and_a_full_one(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", "size=200k"):
        found = odd(tmp_path)
        assert {check: it.verdict for check, it in found.items()} == {"space": Verdict.WRONG}
        assert "0.0 GB are free: 0 days of these instruments" in found["space"].seen
        (tmp_path / "data" / "filler").write_bytes(b"x" * 200_000)
        found = odd(tmp_path)
        assert {check: it.verdict for check, it in found.items()} == dict.fromkeys(("space", "writable"), Verdict.WRONG)
        assert found["writable"].seen == f"{tmp_path}/data cannot be written: No space left on device"
        assert found["writable"].advice.startswith("make room; ")


def test_a_read_only_file_system_and_a_folder_of_one_instrument_that_is(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", "size=1g"):
        folder = (tmp_path / "data" / INSTRUMENTS["mag_hk"].path(DAY)).parent
        folder.mkdir(parents=True)
        with mounted(folder, "ro"):
            [finding] = odd(tmp_path, "hit,mag_hk").values()
            assert (finding.check, finding.verdict) == ("writable", Verdict.WRONG)
            assert finding.seen == f"{folder}, where mag_hk are kept, cannot be written"
        remount(tmp_path / "data", "ro")
        [finding] = odd(tmp_path).values()
        assert finding.seen == f"{tmp_path}/data cannot be written: Read-only file system"


def test_a_link_to_nowhere_stands_in_the_way_of_the_datastore(tmp_path: Path) -> None:
    """A file does too, which no command takes for a datastore."""
    data = tmp_path / "data"
    data.symlink_to(tmp_path / "nowhere")
    found = odd(tmp_path)["writable"]
    assert (found.verdict, found.seen) == (Verdict.WRONG, f"{data} cannot be written: No such file or directory")


@pytest.mark.skipif(not is_possible, reason="system calls can be refused on Linux only")
def test_a_file_system_without_locks(tmp_path: Path) -> None:
    code = (
        "import datetime, sys\n"
        "from ialirt_backfill.doctor import place\n"
        "from ialirt_backfill.options import DoctorOptions\n"
        "found = place.examine(DoctorOptions(datastore=sys.argv[1], instrument='hit'), {}, datetime.date(2026, 2, 2))\n"
        "print(*(f'{it.check}: {it.seen}' for it in found if it.verdict.value != 'ok'))\n"
    )
    done = without_locks("ENOLCK", code, [str(tmp_path)])
    assert done.stdout == "locks: files cannot be locked\n", done.stderr
