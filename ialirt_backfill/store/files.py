"""The day files that lie below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ialirt_backfill.instruments import Catalogue, default_catalogue
from ialirt_backfill.options.datastore import LEDGER, is_datastore, is_marked


@dataclass(slots=True)
class DayFiles:
    """The day files below a folder, under any of the names in use; to be gone through once.

    A folder below that is a datastore by itself is passed over, and afterwards in ``passed_over``: its days are
    remembered there, or are synthetic. ``ledger`` is the one in use, which may lie below the folder it is of.
    """

    folder: Path
    ledger: Path | None = None
    catalogue: Catalogue = field(default_factory=default_catalogue)
    passed_over: list[Path] = field(default_factory=list)

    def __iter__(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.folder):
            here = Path(folder)
            if here != self.folder and self._is_anothers(here):
                self.passed_over.append(here)
                folders.clear()
                continue
            folders.sort()
            yield from (here / name for name in sorted(files) if self.catalogue.of_file(name) is not None)

    def _is_anothers(self, folder: Path) -> bool:
        if not is_datastore(folder):
            return False
        is_in_use = self.ledger is not None and (folder / LEDGER).resolve() == self.ledger.resolve()
        return is_marked(folder) or not is_in_use
