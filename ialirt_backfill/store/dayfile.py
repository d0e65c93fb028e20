"""The CSV file of one day, where it lies: looked at, read, staged in a new version, published, swept.

Takes the path of the file, and tables of text as `day.table` has them. How bytes get on the disk and back is in `disk`;
what they mean, and what will stand in the next version, in `day.content` and `day.version`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa

from ialirt_backfill.day import content, table
from ialirt_backfill.day.version import FileVersion, first_version, next_version
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import TIME_UTC
from ialirt_backfill.store import disk
from ialirt_backfill.store.disk import followed, leftovers, size, sweep

__all__ = [
    "Inspection",
    "Staged",
    "checksum",
    "divided",
    "followed",
    "header",
    "inspect",
    "is_cut",
    "leftovers",
    "read",
    "read_times",
    "size",
    "stage",
    "sweep",
]


# --- a new version ----------------------------------------------------------------------------------------------------


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
            disk.publish(self.temporary, self.final)

    def discard(self) -> None:
        """Remove what was staged; where that cannot be done now, the day's next sweep does it."""
        if self.temporary is not None:
            disk.discard(self.temporary)


def stage(path: Path, new: pa.Table, token: str, *, whole: bool = False) -> Staged | None:
    """Write the day's file with the rows of ``new`` merged in, beside the old one.

    ``whole`` reads all of the old file: for one that is not as it was left. None where there is neither a file nor a
    row. Raises DayFileError for a file that cannot be understood or written; the old file is untouched then.
    """
    path = disk.followed(path)
    old = disk.read_if_there(path)
    if old is None:
        return _written(path, b"", first_version(new), token) if new.num_rows else None
    with _understood(path):
        version = next_version(old, new, whole=whole)
    if version.is_old:
        return _staged(path, None, len(old), hashlib.sha256(old).hexdigest(), version)
    return _written(path, old, version, token)


def _written(path: Path, old: bytes, version: FileVersion, token: str) -> Staged:
    written = disk.stage(path, chain([memoryview(old)[: version.cut]], version.rest), token)
    return _staged(path, written.temporary, written.size_bytes, written.sha256, version)


def _staged(path: Path, temporary: Path | None, size_bytes: int, sha256: str, version: FileVersion) -> Staged:
    return Staged(path, temporary, size_bytes, sha256, version.replaced, version.last_kept, version.tail)


# --- what is there ----------------------------------------------------------------------------------------------------


def read(path: Path) -> pa.Table:
    """All rows of a day's file, put in order, as text."""
    data = disk.read(path)
    with _understood(path):
        return content.read_in_order(data)


def divided(path: Path) -> content.Divided:
    """A day's file as its first line and those below."""
    data = disk.read(path)
    with _understood(path):
        return content.divided(data)


def read_times(path: Path) -> list[int]:
    """The times of all rows, in Unix seconds."""
    return table.times(read(path))


def header(path: Path) -> list[str]:
    """The names of the columns, from the first line alone. Raises DayFileError where it cannot be read."""
    try:
        return content.names_of(disk.first_line(path).rstrip(b"\r\n"))
    except ValueError as error:
        raise DayFileError(f"{path} does not begin with a header: {error}") from error


def is_cut(path: Path) -> bool:
    """Whether the file ends in the middle of a line, so that its last cell may have lost its end."""
    return disk.last_byte(path) not in {b"", b"\n"}


def checksum(path: Path) -> str:
    """The SHA-256 of the file, in hexadecimal."""
    return hashlib.sha256(disk.read(path)).hexdigest()


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file as it stands, read once.

    ``cells`` are its rows as text, in the order of the file, times in our form; a last line that was cut short is not
    among them. ``is_cut``: it ends in the middle of a line; ``is_ordered``: rows rise in time.
    """

    size_bytes: int
    sha256: str
    is_cut: bool
    cells: pa.Table
    is_ordered: bool

    @property
    def rows(self) -> int:
        """How many rows stand there."""
        return int(self.cells.num_rows)

    def in_order(self) -> pa.Table:
        """The rows, put in order."""
        return table.concatenate([self.cells])


def inspect(path: Path) -> Inspection:
    """Look at all of a day's file. Raises DayFileError where it cannot be read or understood."""
    data = disk.read(path)
    with _understood(path):
        cells = content.read(data)
    return Inspection(
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        is_cut=not data.endswith(b"\n"),
        cells=cells,
        is_ordered=table.is_ordered(cells.select([TIME_UTC])),
    )


@contextlib.contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Where the bytes of the file cannot be understood inside, or this machine lacks memory or threads to read them, a
    DayFileError that names it."""
    try:
        yield
    except content.NotUnderstood as error:
        raise DayFileError(
            f"{path} cannot be understood: {error}. It was left as it is: move it aside and run again"
        ) from error
    except pa.ArrowException as error:
        raise DayFileError(f"{path} cannot be read on this machine: {error}") from error
