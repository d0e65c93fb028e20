"""The cells of a day's file, as the text that stands there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from ialirt_backfill.store import dayfile


def read_text(path: Path) -> pa.Table:
    """All rows of a day's file, whoever wrote it.

    Columns of ``pa.string()``, null where a cell is empty: ``time_utc`` first (``2026-02-01T00:00:07``), the others in
    sorted order; rows rise in time, one for each. A last line that was cut short is left out. Raises DayFileError where
    the file cannot be read or understood. For a file as it stands, with its bytes: `dayfile.inspect`.
    """
    return dayfile.read(path)
