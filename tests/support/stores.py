"""A datastore whose files a test may change."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.options.datastore import MARK
from ialirt_backfill.run.backfill import backfill

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Store:
    """Days of every instrument from ``first`` on, which is the one meant where none is named."""

    folder: Path
    first: date

    def path(self, instrument: str, day: date | None = None) -> Path:
        return self.folder / INSTRUMENTS[instrument].path(day or self.first)

    def rows(self, instrument: str, day: date | None = None) -> Rows:
        with self.path(instrument, day).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def change(self, instrument: str, day: date, how: Callable[[Rows], Rows]) -> Rows:
        """Write a file again with other rows, under all their names; at least the header stays."""
        before = self.rows(instrument, day)
        header = list(before[0])
        rows = how(before)
        names = list(dict.fromkeys([*(name for row in rows for name in row)])) or header
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

    def copied(self, folder: Path) -> Store:
        """The same days in a folder of a test's own."""
        return replace(self, folder=Path(shutil.copytree(self.folder, folder)))

    def passing_for_real(self) -> Store:
        """The same days, which nothing calls a demonstration's any more."""
        (self.folder / MARK).unlink()
        self.ledger("DELETE FROM ledger_property")
        return self


def made(folder: Path, first: date, last: date, noon: datetime) -> Store:
    """Whole days of all instruments, and one of `hit` that was asked for at noon last, and still grows."""
    later = datetime(2026, 3, 1, tzinfo=UTC)
    whole = BackfillOptions(instrument="all", start=first, end=last, datastore=str(folder), demo=True, as_of=later)
    assert backfill(whole).exit_code == 0
    day = noon.date()
    half = BackfillOptions(instrument="hit", start=day, end=day, datastore=str(folder), demo=True, as_of=noon)
    assert backfill(half).exit_code == 0
    return Store(folder, first)
