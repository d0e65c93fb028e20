"""The CSV file of one day on the local disk: looked at, read, staged, published, swept.

A new version is staged beside the old one, under a temporary name that carries the claim's token, and becomes visible
with one rename: a reader sees the old file or the new one, never half of one, and so does the next run after a crash.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.csv

from ialirt_backfill.day import table
from ialirt_backfill.day.content import (
    NotUnderstood,
    Version,
    first_version,
    longer_version,
    names_of,
    rows_of,
    understood,
    whole_version,
)
from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import DayFileError

log = logging.getLogger(__name__)

T = TypeVar("T")

_TEMPORARY = re.compile(r"\.(.+)\.[^.]+\.tmp")


@dataclass(frozen=True, slots=True)
class Staged:
    """A new version of a day's file, written beside it and safely on disk, but not yet visible.

    ``temporary`` is None where nothing changed and nothing was written. The rows up to ``last_kept`` were taken
    over as they are (None: there are none). ``replaced`` counts the rows of the old file behind them, ``tail`` has the
    times (Unix seconds) of those that stand there now.
    """

    final: Path
    temporary: Path | None
    size_bytes: int
    sha256: str
    replaced: int
    last_kept: datetime | None
    tail: list[int]

    @property
    def records_added(self) -> int:
        """Rows that were not there before."""
        return len(self.tail) - self.replaced

    def publish(self) -> None:
        """Make the new version the day's file, for good. After a DayFileError the old file stands, or the new one."""
        if self.temporary is not None:
            with _named(self.final, "published"):
                self.temporary.replace(self.final)
                _sync(self.final.parent)

    def discard(self) -> None:
        """Remove what was staged; where that cannot be done now, the day's next sweep does it."""
        if self.temporary is not None:
            with contextlib.suppress(OSError):
                self.temporary.unlink()


def stage(path: Path, new: pa.Table, token: str, *, whole: bool = False) -> Staged | None:
    """Write the day's file with the rows of ``new`` merged in, beside the old one.

    ``whole`` reads all of the old file: for one that is not as it was left. None where there is neither a file nor a
    row. Raises DayFileError for a file that cannot be understood or written; the old file is untouched then.
    """
    old = _bytes(path)
    if old is None:
        return _write(path, b"", first_version(new), token) if new.num_rows else None
    version = (None if whole else longer_version(old, new)) or _named_content(path, lambda: whole_version(old, new))
    if version.is_old:
        return _staged(path, None, version, len(old), hashlib.sha256(old).hexdigest())
    return _write(path, old, version, token)


def size(path: Path | str) -> int | None:
    """The size of the day's file in bytes, None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a plan asks for thousands, and making a Path costs more than a stat
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _trouble(path, "looked at", error) from error
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def read(path: Path) -> pa.Table:
    """All rows of a day's file, put in order, as text."""
    data = _there(path)
    return _named_content(path, lambda: understood(data))


def header(path: Path) -> list[str]:
    """The names of the columns, from the first line alone. Raises DayFileError where it cannot be read."""
    with _named(path, "read"), path.open("rb") as file:
        line = file.readline()
    try:
        return names_of(line.rstrip(b"\r\n"))
    except ValueError as error:
        raise DayFileError(f"{path} does not begin with a header: {error}") from error


def read_times(path: Path) -> list[int]:
    """The times of all rows, in Unix seconds."""
    return table.times(read(path))


def is_cut(path: Path) -> bool:
    """Whether the file ends in the middle of a line, so that its last cell may have lost its end."""
    with _named(path, "read"), path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file as it stands. ``is_cut``: it ends in the middle of a line; ``is_ordered``: rows rise in time."""

    size_bytes: int
    sha256: str
    is_cut: bool
    rows: int
    is_ordered: bool


def inspect(path: Path) -> Inspection:
    """Look at all of a day's file. Raises DayFileError where it cannot be read or understood."""
    data = _there(path)
    times = _named_content(path, lambda: rows_of(data))[TIME_UTC].combine_chunks()
    return Inspection(
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        is_cut=not data.endswith(b"\n"),
        rows=len(times),
        is_ordered=table.is_ordered(pa.table({TIME_UTC: times})),
    )


def checksum(path: Path) -> str:
    """The SHA-256 of the file, in hexadecimal."""
    return hashlib.sha256(_there(path)).hexdigest()


def sweep(path: Path, keep_token: str | None = None) -> list[Path]:
    """Remove the temporary files that earlier attempts at this day's file left, but for that of ``keep_token``."""
    kept = None if keep_token is None else _temporary(path, keep_token)
    removed = []
    with _named(path, "swept"):
        try:
            found = _leftovers(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return []
        for temporary, final in found:
            if final == path and temporary != kept:
                temporary.unlink(missing_ok=True)
                removed.append(temporary)
    return removed


def leftovers(folder: Path) -> list[tuple[Path, Path]]:
    """The temporary files in a folder, each with the day's file it was to become; none where it cannot be listed."""
    try:
        return _leftovers(folder)
    except OSError:
        return []


def _leftovers(folder: Path) -> list[tuple[Path, Path]]:
    names = os.listdir(folder)  # noqa: PTH208 - a plan looks through thousands, and making a Path costs more
    matches = [(name, _TEMPORARY.fullmatch(name)) for name in names if name.startswith(".")]
    return [(folder / name, folder / match[1]) for name, match in matches if match]


# --- what will stand in the file --------------------------------------------------------------------------------------


# --- reading ----------------------------------------------------------------------------------------------------------


def _bytes(path: Path) -> bytes | None:
    with _named(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _there(path: Path) -> bytes:
    with _named(path, "read"):
        return path.read_bytes()


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(path: Path, old: bytes, version: Version, token: str) -> Staged:
    temporary = _temporary(path, token)
    try:
        with _named(path, "written"):
            _make_folder(path.parent)
            with temporary.open("wb") as file:
                digest = hashlib.sha256()
                for part in chain([memoryview(old)[: version.cut]], version.content):
                    digest.update(part)
                    file.write(part)
                file.flush()
                _put_on_disk(file.fileno())
                size_bytes = os.fstat(file.fileno()).st_size
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return _staged(path, temporary, version, size_bytes, digest.hexdigest())


def _staged(path: Path, temporary: Path | None, version: Version, size_bytes: int, sha256: str) -> Staged:
    return Staged(
        final=path,
        temporary=temporary,
        size_bytes=size_bytes,
        sha256=sha256,
        replaced=version.replaced,
        last_kept=version.last_kept,
        tail=version.tail,
    )


def _temporary(path: Path, token: str) -> Path:
    return path.with_name(f".{path.name}.{token}.tmp")


def _make_folder(folder: Path) -> None:
    """The folder and those above it, each safely on disk."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        _sync(made.parent)


def _sync(folder: Path) -> None:
    """Put what happened to the names in a folder on disk."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError as error:  # a folder may be written into and yet not be read
        _note_unsynced(error.strerror)
        return
    try:
        _put_on_disk(descriptor)
    finally:
        os.close(descriptor)


def _put_on_disk(descriptor: int) -> None:
    """What was written is safe from a power cut, as far as its file system gives such a promise at all."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_PROMISE:
            raise
        _note_unsynced(error.strerror)


_NO_SUCH_PROMISE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""How a file system says that it does not know fsync, most often of folders; what was written is there all the same."""

_noted = threading.Lock()


def _note_unsynced(reason: str | None) -> None:
    """Once, for it is so with every file. The lock is never given back."""
    if _noted.acquire(blocking=False):
        log.warning(
            "the datastore's file system does not promise that a file outlasts a power cut (%s); all else is as ever",
            reason,
        )


@contextlib.contextmanager
def _named(path: Path, done: str) -> Iterator[None]:
    """Turn a failure of the disk into a DayFileError that names the file."""
    try:
        yield
    except OSError as error:
        raise _trouble(path, done, error) from error


def _named_content(path: Path, understand: Callable[[], T]) -> T:
    """What stands in the file; where it cannot be understood, a DayFileError that names it."""
    try:
        return understand()
    except NotUnderstood as error:
        raise DayFileError(
            f"{path} cannot be understood: {error}. It was left as it is: move it aside and run again"
        ) from error


def _trouble(path: Path | str, done: str, error: OSError) -> DayFileError:
    return DayFileError(f"{path} cannot be {done}: {error.strerror or error}")
