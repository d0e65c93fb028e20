"""Times of records: as they come, as a day's file writes them (``2026-02-01T00:00:07``), and in Unix seconds.

Takes and gives ``pa.Array`` of text, one for each record, or single values. Fractions of a second are cut.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_LENGTH = len("2026-02-01T00:00:00")
_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


def canonical_times(values: pa.Array) -> pa.Array:
    """The times of ``values`` (text) as a day's file writes them; null where one cannot be read."""
    if are_canonical(values):
        return values
    return pa.array([text_at(second_of(value)) for value in values.to_pylist()], pa.string())


def are_canonical(values: pa.Array) -> bool:
    """Whether every one of these texts is a time as a day's file writes it."""
    return canonical_seconds(values) is not None


def canonical_seconds(values: pa.Array) -> NDArray[np.int64] | None:
    """The Unix seconds of times as a day's file writes them; None where one of these texts is not written so."""
    if values.null_count:
        return None
    if not len(values):
        return np.empty(0, np.int64)
    lengths = pc.min_max(pc.binary_length(values)).as_py()
    if lengths != {"min": _LENGTH, "max": _LENGTH}:
        return None
    try:
        seconds = unix_seconds(values)  # strict about every character but the one between date and time
    except pa.ArrowInvalid:
        return None
    between = pc.binary_slice(values.cast(pa.binary()), 10, 11)
    return seconds if pc.all(pc.equal(between, b"T")).as_py() else None


def unix_seconds(values: pa.Array) -> NDArray[np.int64]:
    """The Unix seconds of times known to be written as a day's file writes them."""
    seconds: NDArray[np.int64] = values.cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    return seconds


def second_of(moment: object) -> int | None:
    """The Unix second of a time as it came, or None where it cannot be read."""
    match = _FORM.fullmatch(moment) if isinstance(moment, str) else None
    if match is None:
        return None
    day, clock, zone = match.groups()
    try:
        return int(datetime.fromisoformat(f"{day}T{clock}{zone or 'Z'}").astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def text_at(second: int | None) -> str | None:
    """A Unix second as a day's file writes it."""
    return None if second is None else datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
