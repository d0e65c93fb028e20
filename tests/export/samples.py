"""Days to export, and a look at what was written that goes no way of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from ialirt_backfill.export.events import ExportReport
from ialirt_backfill.instruments import INSTRUMENTS

FIRST, LAST = date(2026, 1, 30), date(2026, 2, 1)
"""Three days in two months."""
NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)
"""When the fourth day of `hit` was asked for last: it is still growing."""

FILES = 2 * len(INSTRUMENTS)
"""So many files hold all instruments' days; each of the two months has one for each."""

Export = Callable[..., ExportReport]


def file(folder: Path, instrument: str = "hit", day: date = FIRST) -> Path:
    """Where the file of a day's month lies, as the document has it."""
    name = f"imap_ialirt_{instrument}_{day:%Y%m}.parquet"
    return folder / f"instrument={instrument}" / f"year={day:%Y}" / name


def files(folder: Path) -> list[Path]:
    """All that lies below, but for what is the program's own."""
    return sorted(it for it in folder.rglob("*") if it.is_file() and "_ialirt_export" not in it.parts)


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """By file what another version of it would change, be it the same to a byte."""
    return {it: (it.stat().st_ino, it.stat().st_mtime_ns) for it in files(folder)}
