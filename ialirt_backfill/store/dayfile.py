"""The CSV file of one day: read, added to, and replaced as a whole.

A new version is staged beside the old one, under a temporary name that carries the claim's token, and becomes visible
with one rename: a reader sees the old file or the new one, never half of one, and so does the next run after a crash.

Adding to the end of a day parses only the rows from the first new time on. That place is found by bisection, because
rows rise in time; what stands before it is taken over byte for byte. A file that is not as this program writes it (an
edited one, another program's, one cut short) is parsed whole, put in order and written whole: its rows count as they
are.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from ialirt_backfill.day import table
from ialirt_backfill.day.times import TIME, canonical_times
from ialirt_backfill.exceptions import DayFileError

_ROW = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,\n]")
_QUOTED = re.compile(rb'"[^"]*"')
_TEMPORARY = re.compile(r"\.(.+)\.[^.]+\.tmp")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
        return _write(path, b"", _first_version(new), token) if new.num_rows else None
    version = (None if whole else _longer_version(old, new)) or _whole_version(path, old, new)
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
    return _understood(path, _there(path))


def header(path: Path) -> list[str]:
    """The names of the columns, from the first line alone. Raises DayFileError where it cannot be read."""
    with _named(path, "read"), path.open("rb") as file:
        line = file.readline()
    try:
        return _names(line.rstrip(b"\r\n"))
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
    times = _rows(path, data)[TIME].combine_chunks()
    return Inspection(
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        is_cut=not data.endswith(b"\n"),
        rows=len(times),
        is_ordered=table.is_ordered(pa.table({TIME: times})),
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


@dataclass(frozen=True, slots=True)
class _Version:
    """What will stand in the file: the first ``cut`` bytes of the old one, and behind them ``content``.

    ``content`` can be gone through once. ``is_old``: all that stands there already. The others are those of Staged.
    """

    cut: int
    content: Iterable[bytes | pa.Buffer]
    is_old: bool
    replaced: int
    last_kept: datetime | None
    tail: list[int]


class _Unlike(Exception):
    """The file is not as this program writes it."""


def _first_version(new: pa.Table) -> _Version:
    return _Version(0, _content(new), False, 0, None, table.times(new))


def _whole_version(path: Path, data: bytes, new: pa.Table) -> _Version:
    """All of the old file put in order, with the new rows merged in."""
    old = _understood(path, data)
    rows = table.merge(old, new)
    content = b"".join(_content(rows))
    is_old = content == data or not (rows.num_rows or data)
    return _Version(0, [content], is_old, old.num_rows, None, table.times(rows))


def _content(rows: pa.Table) -> Iterator[bytes | pa.Buffer]:
    names = rows.column_names
    yield table.header(names)
    yield from table.lines(rows, names)


def _longer_version(old: bytes, new: pa.Table) -> _Version | None:
    """The old file up to the first new time, and from there on its rows with the new ones merged in.

    None where that is not possible: the file lacks a column of ``new``, or is not as this program writes it.
    """
    try:
        lines = _Lines(old)
        if not set(lines.columns).issuperset(new.column_names):
            return None
        first = new[TIME][0].as_py() if new.num_rows else None
        cut = len(old) if first is None else lines.first_from(first.encode())
        # The row before the cut is looked at too: its time is asked for, and its form tells that of those before it.
        before = lines.start_of_row_before(cut)
        lines.check_row_starts(before, cut)
        rows = _parsed(old[before:], lines.columns)
    except (_Unlike, pa.ArrowException):
        return None
    if not table.is_ordered(rows) or table.to_csv(rows, lines.columns) != old[before:]:
        return None
    last_kept = None
    if before < cut:
        if first is not None and rows[TIME][0].as_py() >= first:
            return None
        last_kept = datetime.fromtimestamp(table.times(rows.slice(0, 1))[0], UTC)
        rows = rows.slice(1)
    merged = table.merge(rows, new)
    tail = table.to_csv(merged, lines.columns)
    return _Version(cut, [tail], tail == old[cut:], rows.num_rows, last_kept, table.times(merged))


class _Lines:
    """The lines of a day's file as this program writes it. Raises _Unlike where it turns out not to be one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._begin = data.find(b"\n") + 1
        try:
            self.columns = _names(data[: self._begin])
        except ValueError:
            raise _Unlike from None
        written = table.header([TIME, *sorted(set(self.columns) - {TIME})])
        if not data.startswith(written) or len(written) != self._begin or not data.endswith(b"\n"):
            raise _Unlike

    def first_from(self, time: bytes) -> int:
        """Where the first row begins whose time is ``time`` or later; the end of the file if there is none."""

        def is_late(position: int) -> bool:
            start = self._row_start(position)
            return start == len(self._data) or self._time(start) >= time

        found = bisect_left(range(self._begin, len(self._data)), True, key=is_late)
        return self._row_start(self._begin + found)

    def start_of_row_before(self, end: int) -> int:
        """Where the row begins that ends at ``end``; ``end`` itself if that is where the rows begin."""
        return end if end == self._begin else self._data.rfind(b"\n", 0, end - 1) + 1

    def check_row_starts(self, *positions: int) -> None:
        """Raise _Unlike where one is inside a cell: behind a line break in a cell may stand what looks like a row."""
        if self._data.find(b'"', self._begin, max(positions)) >= 0:
            for position in positions:
                if self._data.count(b'"', self._begin, position) % 2:
                    raise _Unlike

    def _row_start(self, position: int) -> int:
        """Where the first row begins that does not begin before ``position``."""
        return max(self._begin, self._data.find(b"\n", position - 1) + 1)

    def _time(self, start: int) -> bytes:
        match = _ROW.match(self._data, start)
        if match is None:
            raise _Unlike
        return match[1]


# --- reading ----------------------------------------------------------------------------------------------------------


def _understood(path: Path, data: bytes) -> pa.Table:
    """The rows of a file whoever wrote it, put in order. Raises DayFileError where that cannot be done."""
    return table.concatenate([_rows(path, data)])


def _rows(path: Path, data: bytes) -> pa.Table:
    """The rows of a file as they stand, but for the form of their times. Raises DayFileError."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data:
        return table.empty()
    try:
        data.decode()  # so that the words of the error name the byte, whichever line it is in
        end = _first_line_end(data)
        names = _names(data[:end])
        if TIME not in names:
            raise ValueError(f"its first line names no column {TIME}")
        if len(set(names)) < len(names):
            raise ValueError("its first line names a column twice")
        rows = _parsed(_whole_lines(data[end:], names), names)
        times = canonical_times(rows[TIME].combine_chunks())
        if times.null_count:
            row = times.is_null().index(True).as_py()
            raise ValueError(f"the time of row {row + 1}, {rows[TIME][row].as_py()!r}, cannot be read")
    except (ValueError, csv.Error) as error:  # arrow's ArrowInvalid and UnicodeDecodeError are ValueErrors
        raise DayFileError(
            f"{path} cannot be understood: {error}. It was left as it is: move it aside and run again"
        ) from error
    return rows.set_column(names.index(TIME), TIME, times)


def _first_line_end(data: bytes) -> int:
    """Where the second line begins; a line break inside quotes ends no line."""
    end = 0
    while True:
        end = data.find(b"\n", end) + 1
        if end == 0:
            return len(data)
        if data.count(b'"', 0, end) % 2 == 0:
            return end


def _names(line: bytes) -> list[str]:
    """The cells of a header line. Raises ValueError where it is none."""
    try:
        return next(csv.reader(io.StringIO(line.decode(), newline=""), strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"its first line cannot be read ({error})") from None


def _whole_lines(data: bytes, names: Sequence[str]) -> bytes:
    """The lines without the last one, where that was cut short."""
    if data.endswith(b"\n") or not data:
        return data
    start = data.rfind(b"\n") + 1
    while data.count(b'"', 0, start) % 2:  # that line break stands inside quotes
        start = data.rfind(b"\n", 0, start - 1) + 1
    last = data[start:]
    is_cut = last.count(b'"') % 2 or _QUOTED.sub(b"", last).count(b",") + 1 < len(names)
    return data[:start] if is_cut else data + b"\n"


def _parsed(lines: bytes, names: Sequence[str]) -> pa.Table:
    """The cells of these lines, as the text that stands there. Raises ArrowInvalid for a line of another length."""
    if not lines:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pa.csv.read_csv(
        pa.BufferReader(lines),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=list(names)),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )


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


def _write(path: Path, old: bytes, version: _Version, token: str) -> Staged:
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
                os.fsync(file.fileno())
                size_bytes = os.fstat(file.fileno()).st_size
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return _staged(path, temporary, version, size_bytes, digest.hexdigest())


def _staged(path: Path, temporary: Path | None, version: _Version, size_bytes: int, sha256: str) -> Staged:
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
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(path: Path, done: str) -> Iterator[None]:
    """Turn a failure of the disk into a DayFileError that names the file."""
    try:
        yield
    except OSError as error:
        raise _trouble(path, done, error) from error


def _trouble(path: Path | str, done: str, error: OSError) -> DayFileError:
    return DayFileError(f"{path} cannot be {done}: {error.strerror or error}")
