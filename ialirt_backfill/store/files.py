"""The day files that lie below a folder."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ialirt_backfill.instruments import Catalogue, default_catalogue
from ialirt_backfill.options.datastore import LEDGER, is_datastore, is_marked

_OF_THE_SYSTEM = re.compile(r"(?:^|/)(?:[.@#$~]|(?:lost\+found|System Volume Information)(?:/|$))")
"""Folders in which a file system, a server or a desktop keeps what it needs: .snapshot, .Trash-1000, @eaDir, #recycle,
$RECYCLE.BIN, ~snapshot. They hold old versions of files, and thumbnails of them."""


def is_of_the_system(path: str) -> bool:
    """Whether a path, relative to the datastore, leads through a folder that nobody keeps days in."""
    return _OF_THE_SYSTEM.search(path) is not None


@dataclass(slots=True)
class DayFiles:
    """The day files below a folder, under any of the names in use; to be gone through once.

    A folder below that is a datastore by itself is passed over, and afterwards in ``passed_over``: its days are
    remembered there, or are synthetic. ``ledger`` is the one in use, which may lie below the folder it is of. A folder
    that is a link, to another disk it may be, is gone through like any other, and none twice. ``unread`` are afterwards
    those that could not be looked into.
    """

    folder: Path
    ledger: Path | None = None
    catalogue: Catalogue = field(default_factory=default_catalogue)
    passed_over: list[Path] = field(default_factory=list)
    unread: list[OSError] = field(default_factory=list)

    def __iter__(self) -> Iterator[Path]:
        # Links come last, and those to what lies in here after the others: so a folder is known by its own name.
        begin, doubles = deque([self.folder]), deque[Path]()
        seen: set[tuple[int, int]] = set()
        while begin or doubles:
            for folder, folders, files in os.walk((begin or doubles).popleft(), onerror=self.unread.append):
                here = Path(folder)
                if self._is_seen(here, seen):
                    folders.clear()
                    continue
                folders[:] = sorted(name for name in folders if not is_of_the_system(name))
                for link in (here / name for name in folders if (here / name).is_symlink()):
                    (doubles if self._leads_inside(link) else begin).append(link)
                yield from (here / name for name in sorted(files) if self.catalogue.of_file(name) is not None)

    def _is_seen(self, folder: Path, seen: set[tuple[int, int]]) -> bool:
        """Whether a folder is to be passed over, for it was gone through before or is another's."""
        found = folder.stat()
        place = (found.st_dev, found.st_ino)
        if place in seen:
            return True
        seen.add(place)
        if folder != self.folder and self._is_anothers(folder):
            self.passed_over.append(folder)
            return True
        return False

    def _leads_inside(self, link: Path) -> bool:
        target = os.path.normpath(link.parent.absolute() / link.readlink())
        return Path(target).is_relative_to(self.folder.absolute())

    def _is_anothers(self, folder: Path) -> bool:
        if not is_datastore(folder):
            return False
        is_in_use = self.ledger is not None and (folder / LEDGER).resolve() == self.ledger.resolve()
        return is_marked(folder) or not is_in_use
