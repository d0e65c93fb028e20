"""What the datastore's file system does, tried with files of its own that are gone afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.plan.estimate import bytes_a_day
from ledger import locks
from ledger.records import Experience

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SOME_BYTES = b"time_utc\n" * 1_000
"""A file without content has room where there is none."""
_FEW_DAYS, _SOME_DAYS = 7, 30


def examine(options: DoctorOptions, experience: Mapping[str, Experience], today: date) -> list[Finding]:
    """What is found of the datastore; of the folder above it where it is yet to be made."""
    datastore = Path(options.datastore).absolute()
    folder = _standing(datastore)
    found = []
    try:
        found.append(_space(options, folder, experience))
        with tempfile.TemporaryDirectory(prefix=".ialirt-doctor-", dir=folder) as scratch:
            (Path(scratch) / "day.csv").write_bytes(_SOME_BYTES)
            seen = "it can be written" if folder == datastore else f"it is yet to be made; {folder} can be written"
            found.append(_finding("writable", Verdict.OK, f"{datastore}: {seen}"))
            found += _abilities(Path(scratch), folder)
        found += _folders(options, datastore, folder, today)
    except OSError as error:
        seen = f"{folder} cannot be written: {error.strerror or error}"
        advice = "make room" if error.errno in _FULL else "give this user the right, or name another --datastore"
        advice += "; until then nothing can be kept"
        found.append(_finding("writable", Verdict.WRONG, seen, "a folder that can be written", advice))
    return found


def _standing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _folders(options: DoctorOptions, datastore: Path, tried: Path, today: date) -> Iterator[Finding]:
    """The folders of the instruments' newest days that cannot be written, where that was not tried already."""
    kept: dict[Path, list[str]] = {}
    for instrument in options.instruments:
        kept.setdefault(_standing((datastore / instrument.path(today)).parent), []).append(instrument.name)
    for folder, names in kept.items():
        if folder != tried and not os.access(folder, os.W_OK | os.X_OK):
            seen = f"{folder}, where {', '.join(names)} are kept, cannot be written"
            advice = "give this user the right; until then their days fail, the others go on"
            yield _finding("writable", Verdict.WRONG, seen, "a folder that can be written", advice)


def _finding(check: str, verdict: Verdict, seen: str, expected: str = "", advice: str = "") -> Finding:
    return Finding(Part.HERE, "datastore", check, verdict, seen, expected, advice)


def _space(options: DoctorOptions, folder: Path, experience: Mapping[str, Experience]) -> Finding:
    free = shutil.disk_usage(folder).free
    a_day = sum(bytes_a_day(it, experience.get(it.progress_key)) for it in options.instruments)
    days = int(free / a_day)
    seen = f"{free / 1e9:,.1f} GB are free: {days:,} days of these instruments, at {a_day / 1e6:.1f} MB a day"
    if days >= _SOME_DAYS:
        return _finding("space", Verdict.OK, seen)
    verdict = Verdict.WRONG if days < _FEW_DAYS else Verdict.NOTICE
    return _finding("space", verdict, seen, f"{_SOME_DAYS} days at least", "make room, or move the datastore")


def _abilities(scratch: Path, folder: Path) -> Iterator[Finding]:
    yield _rename(scratch)
    yield _fsync("fsync of files", scratch / "synced", os.O_RDWR | os.O_CREAT)
    yield _fsync("fsync of folders", scratch, os.O_RDONLY)
    yield _locks(folder)
    yield _links(scratch)
    yield _case(scratch)


def _rename(scratch: Path) -> Finding:
    """A new version takes an old one's place with a rename."""
    old, new = scratch / "day.csv", scratch / ".day.csv.tmp"
    try:
        old.write_bytes(b"old")
        new.write_bytes(b"new")
        new.replace(old)
        if old.read_bytes() == b"new":
            return _finding("rename", Verdict.OK, "a new file takes an old one's place")
        seen = "after it the old content stands there"
    except OSError as error:
        seen = f"it fails: {error.strerror or error}"
    return _finding("rename", Verdict.WRONG, seen, "a new file takes an old one's place", "name another --datastore")


def _fsync(check: str, path: Path, flags: int) -> Finding:
    try:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        advice = "all else is as ever; after a power cut, verify tells what was lost"
        return _finding(check, Verdict.NOTICE, f"it is refused: {error.strerror or error}", "it is done", advice)
    return _finding(check, Verdict.OK, "it is done: what is written outlasts a power cut")


def _locks(folder: Path) -> Finding:
    if locks.are_kept_in(folder):
        return _finding("locks", Verdict.OK, "files can be locked")
    advice = "keep the ledger on a local disk or in PostgreSQL: --ledger"
    return _finding("locks", Verdict.NOTICE, "files cannot be locked", "locks, which a ledger in SQLite needs", advice)


def _links(scratch: Path) -> Finding:
    try:
        (scratch / "link").symlink_to(scratch / "day.csv")
        is_followed = (scratch / "link").read_bytes() == (scratch / "day.csv").read_bytes()
    except OSError:
        is_followed = False
    return _finding(
        "links", Verdict.OK, "links are made and followed" if is_followed else "there are none; none needed"
    )


def _case(scratch: Path) -> Finding:
    is_one = (scratch / "DAY.CSV").exists()
    seen = "names that differ in case are one file; ours differ in more" if is_one else "names keep their case apart"
    return _finding("case", Verdict.OK, seen)
