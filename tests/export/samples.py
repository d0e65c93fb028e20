"""Days to export, ways to change their files, and a look at what was written that goes no way of ours."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ialirt_backfill.export.events import ExportReport
from ialirt_backfill.instruments import INSTRUMENTS

FIRST, LAST = date(2026, 1, 30), date(2026, 2, 1)
"""Three days in two months."""
NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)
"""When the fourth day of `hit` was asked for last: it is still growing."""

FILES = 2 * len(INSTRUMENTS)
"""So many files hold all instruments' days; each of the two months has one for each."""

Rows = list[dict[str, str]]
Export = Callable[..., ExportReport]


@dataclass(frozen=True)
class Store:
    """A datastore whose files a test may change."""

    folder: Path

    def path(self, instrument: str, day: date = FIRST) -> Path:
        return self.folder / INSTRUMENTS[instrument].path(day)

    def rows(self, instrument: str, day: date = FIRST) -> Rows:
        with self.path(instrument, day).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def change(self, instrument: str, day: date, how: Callable[[Rows], Rows]) -> Rows:
        """Write a file again with other rows, under all their names."""
        rows = how(self.rows(instrument, day))
        names = list(dict.fromkeys([*(name for row in rows for name in row)]))
        with self.path(instrument, day).open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return rows

    def thin_out(self, instrument: str, day: date, step: int) -> None:
        self.change(instrument, day, lambda rows: rows[::step])

    def ledger(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows that a statement gives, asked of the ledger past the program; what it changes is kept."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection, connection:
            return connection.execute(statement, parameters).fetchall()


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
