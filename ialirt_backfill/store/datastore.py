"""A datastore seen from outside: its ledger, its mark where it is a demonstration's, the day files below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ialirt_backfill.instruments import of_file

LEDGER = "ledger.sqlite"
"""The ledger of a datastore, unless another is named."""

MARK = "ledger.synthetic"
"""The file that says that the days of a datastore are synthetic."""

MARK_TEXT = "The days in this folder are synthetic: ialirt-backfill --demo made them. Real ones do not belong here.\n"


def is_marked(datastore: str | Path) -> bool:
    """Whether a datastore says of itself that its days are synthetic."""
    return _is_there(Path(datastore) / MARK)


def is_datastore(folder: Path) -> bool:
    """Whether a folder has a ledger of its own, or says that it is a demonstration's."""
    return _is_there(folder / LEDGER) or is_marked(folder)


def means_own_ledger(datastore: str, *, demo: bool) -> bool:
    """Whether the ledger inside the datastore is meant, whichever the settings name.

    They name it for the real days; those of a demonstration never go into a ledger that others share.
    """
    return demo or is_marked(datastore)


@dataclass(slots=True)
class DayFiles:
    """The day files below a folder, under any of the names in use; to be gone through once.

    A folder below that is a datastore by itself is passed over, and afterwards in ``passed_over``: its days are
    remembered there, or are synthetic. ``ledger`` is the one in use, which may lie below the folder it is of.
    """

    folder: Path
    ledger: Path | None = None
    passed_over: list[Path] = field(default_factory=list)

    def __iter__(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.folder):
            here = Path(folder)
            if here != self.folder and self._is_anothers(here):
                self.passed_over.append(here)
                folders.clear()
                continue
            folders.sort()
            yield from (here / name for name in sorted(files) if of_file(name) is not None)

    def _is_anothers(self, folder: Path) -> bool:
        if not is_datastore(folder):
            return False
        is_in_use = self.ledger is not None and (folder / LEDGER).resolve() == self.ledger.resolve()
        return is_marked(folder) or not is_in_use


def _is_there(path: Path) -> bool:
    """False also where the folder cannot be entered: whoever goes on finds no file in it either."""
    try:
        return path.exists()
    except OSError:
        return False
