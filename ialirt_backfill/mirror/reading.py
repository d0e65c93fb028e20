"""A day's file as it is now: its bytes, read once, and the text of its cells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ialirt_backfill.day.content import first_line, names_of, parse_lines
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import TIME_UTC

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class DayFile:
    """``rows`` are columns of text under the names in the file, null where a cell is empty."""

    name: str
    content: bytes
    rows: pa.Table

    @property
    def header(self) -> bytes:
        """The first line."""
        return first_line(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def content_of(path: Path) -> bytes:
    """Read a day's file. Raises DayFileError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DayFileError(f"{path} cannot be read: {error.strerror}") from None


def understood(name: str, content: bytes) -> DayFile:
    """The cells of a day's file. Raises DayFileError where it is not as a day's file is."""
    try:
        return DayFile(name, content, _rows(content, pa.string()))
    except ValueError as error:  # arrow's ArrowInvalid and UnicodeDecodeError are ValueErrors
        trouble = _not_utf8(content) or " ".join(str(error).split())
        raise DayFileError(f"{name} is damaged ({trouble}): let verify look at it") from None


def instants(times: pa.Array) -> pa.Array | None:
    """The seconds that these texts are; None where one of them is none, or empty."""
    if times.null_count:
        return None
    try:
        return times.cast(pa.timestamp("s"))
    except pa.ArrowInvalid:
        return None


def are_rising(times: pa.Array) -> bool:
    """Whether each of these texts is a later second than the one before."""
    seconds = instants(times)
    return seconds is not None and pc.all(pc.less(seconds[:-1], seconds[1:]), min_count=0).as_py()


def shown(cell: object) -> str:
    """A cell in a message: an array of CoDICE has thousands of characters."""
    text = repr(cell)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _rows(content: bytes, type_: pa.DataType) -> pa.Table:
    first = first_line(content)
    return parse_lines(memoryview(content)[len(first) :], _names(first), type_)


def _names(line: bytes) -> list[str]:
    if not line:
        raise ValueError("it is empty")
    names = names_of(line.rstrip(b"\r\n"))
    if names[:1] != [TIME_UTC]:
        raise ValueError(f"its first column is not {TIME_UTC}")
    if len(set(names)) < len(names):
        raise ValueError("its first line names a column twice")
    return names


def _not_utf8(content: bytes) -> str | None:
    """Which cell is no UTF-8; None where all are, or there are no cells to be had."""
    try:
        rows = _rows(content, pa.binary())
    except ValueError:
        return None
    for name in rows.column_names:
        for time, cell in zip(rows[TIME_UTC], rows[name], strict=True):
            try:
                (cell.as_py() or b"").decode()
            except UnicodeDecodeError:
                return f"{name} is {shown(cell.as_py())} at {time.as_py().decode(errors='replace')}, which is no UTF-8"
    return None
