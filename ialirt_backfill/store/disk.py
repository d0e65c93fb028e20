"""Files on the local disk: looked at, read, staged beside their place, published there, discarded, swept.

They are bytes here; what is in them, `dayfile` knows. A new version is staged beside the old one, under a temporary
name that carries a token, and becomes visible with one rename: a reader sees the old file or the new one, never half of
one, and so does the next run after a crash. Another store (of objects, say) would have to offer these functions and no
others.

All raise DayFileError, which names the file, for what the disk cannot do.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import math
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ialirt_backfill.exceptions import DayFileError

log = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"\.(.+)\.[^.]+\.tmp")


# --- looking and reading ----------------------------------------------------------------------------------------------


def size(path: Path | str) -> int | None:
    """The size of a file in bytes, None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a plan asks for thousands, and making a Path costs more than a stat
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _trouble(path, "looked at", error) from error
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def followed(path: Path) -> Path:
    """Where the file itself lies, or will: its place may be a link to it, which is to stay one.

    DayFileError for a link that leads nowhere, and for what is no file: to read a pipe would never end, and a device
    (a link to /dev/null) is not to be replaced.
    """
    with _named(path, "followed"):
        real = Path(os.path.realpath(path)) if path.is_symlink() else path  # `resolve` raises of links in a ring
        try:
            mode = real.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if real is path:
                return path
            raise DayFileError(f"{path} is a link to {real}, and there is no such file: is its disk there?") from None
        if not stat.S_ISREG(mode):
            kind = next(name for known, name in _KINDS if known(mode))
            raise DayFileError(f"{path} is {kind}, not a file: move it aside")
        return real


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: True, "a device"),
)


def read(path: Path) -> bytes:
    """All of a file."""
    with _named(path, "read"):
        return path.read_bytes()


def read_if_there(path: Path) -> bytes | None:
    """All of a file, None where there is none."""
    with _named(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def first_line(path: Path) -> bytes:
    """A file up to its first line break."""
    with _named(path, "read"), path.open("rb") as file:
        return file.readline()


def last_byte(path: Path) -> bytes:
    """The last byte of a file, none where it is empty."""
    with _named(path, "read"), path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return b""
        file.seek(-1, os.SEEK_END)
        return file.read(1)


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file beside its place, safely on disk and not yet visible; `sha256` in hexadecimal."""

    temporary: Path
    size_bytes: int
    sha256: str


def stage(path: Path, parts: Iterable[bytes | memoryview | pa.Buffer], token: str) -> StagedFile:
    """Write these parts, one behind the other, beside ``path``. Where that fails, nothing is left.

    What is written has the owner, the mode and the access list of the file that stands there.
    """
    temporary = _temporary(path, token)
    try:
        with _named(path, "written"):
            _make_folder(path.parent)
            with temporary.open("wb") as file:
                digest = hashlib.sha256()
                for part in parts:
                    digest.update(part)
                    file.write(part)
                file.flush()
                _take_after(path, file.fileno())
                _put_on_disk(file.fileno())
                return StagedFile(temporary, os.fstat(file.fileno()).st_size, digest.hexdigest())
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _take_after(path: Path, descriptor: int) -> None:
    """Give a new file the properties of the one that it is to replace, as far as user and file system let it."""
    try:
        old, new = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return
    if old.st_gid != new.st_gid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, old.st_gid)
    if old.st_uid != new.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, -1)
    for name in _attributes(path):
        with contextlib.suppress(OSError):
            os.setxattr(descriptor, name, os.getxattr(path, name))
    if (mode := stat.S_IMODE(old.st_mode)) != stat.S_IMODE(os.fstat(descriptor).st_mode):
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)


def _attributes(path: Path) -> list[str]:
    """What hangs on a file beside its mode, access lists among it; not every file system has that, nor every system."""
    try:
        return os.listxattr(path)
    except (OSError, AttributeError):
        return []


def publish(temporary: Path, path: Path) -> None:
    """Put a staged file in its place, for good. After a DayFileError the old file stands there, or the new one."""
    with _named(path, "published"):
        temporary.replace(path)
        _sync(path.parent)


def discard(temporary: Path) -> None:
    """Remove a staged file; where that cannot be done now, the next sweep does it."""
    with contextlib.suppress(OSError):
        temporary.unlink()


def sweep(path: Path, keep_token: str | None = None, *, untouched_seconds: float = -math.inf) -> list[Path]:
    """Remove the temporary files that earlier attempts at this file left, but for that of ``keep_token``, and those
    that were written to more lately: where no lock says so, these may be of a process that lives."""
    path = followed(path)
    latest = time.time() - untouched_seconds
    kept = None if keep_token is None else _temporary(path, keep_token)
    removed = []
    with _named(path, "swept"):
        try:
            found = _leftovers(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return []
        for temporary, final in found:
            if final == path and temporary != kept and _written_at(temporary) <= latest:
                temporary.unlink(missing_ok=True)
                removed.append(temporary)
    return removed


def _written_at(path: Path) -> float:
    """In Unix seconds; of a file that is gone already, the beginning of time."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def leftovers(folder: Path) -> list[tuple[Path, Path]]:
    """The temporary files in a folder, each with the file it was to become; none where it cannot be listed."""
    try:
        return _leftovers(folder)
    except OSError:
        return []


def _leftovers(folder: Path) -> list[tuple[Path, Path]]:
    names = os.listdir(folder)  # noqa: PTH208 - a plan looks through thousands, and making a Path costs more
    matches = [(name, _TEMPORARY.fullmatch(name)) for name in names if name.startswith(".")]
    return [(folder / name, folder / match[1]) for name, match in matches if match]


def _temporary(path: Path, token: str) -> Path:
    return path.with_name(f".{path.name}.{token}.tmp")


def _make_folder(folder: Path) -> None:
    """The folder and those above it, each safely on disk."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        if made.is_symlink():
            raise DayFileError(f"{made} is a link to {made.readlink()}, which is no folder: is its disk there?")
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


# --- failing ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _named(path: Path, done: str) -> Iterator[None]:
    """Turn a failure of the disk into a DayFileError that names the file."""
    try:
        yield
    except OSError as error:
        raise _trouble(path, done, error) from error


def _trouble(path: Path | str, done: str, error: OSError) -> DayFileError:
    return DayFileError(f"{path} cannot be {done}: {error.strerror or error}")
