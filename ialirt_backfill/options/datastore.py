"""What a datastore says of itself: where its ledger is, and whether it is a demonstration's."""

from __future__ import annotations

from pathlib import Path

LEDGER = "ledger.sqlite"
"""The ledger of a datastore, unless another is named."""

MARK = "ledger.synthetic"
"""The file that says that the days of a datastore are synthetic."""

MARK_TEXT = "The days in this folder are synthetic: ialirt-backfill --demo made them. Real ones do not belong here.\n"


def is_marked(datastore: str | Path) -> bool:
    """Whether a datastore says of itself that its days are synthetic."""
    return is_there(Path(datastore) / MARK)


def has_ledger(datastore: str | Path) -> bool:
    """Whether a datastore has a ledger in it; an empty file is none yet."""
    try:
        return (Path(datastore) / LEDGER).stat().st_size > 0
    except OSError:
        return False


def is_datastore(folder: Path) -> bool:
    """Whether a folder has a ledger of its own, or says that it is a demonstration's."""
    return is_there(folder / LEDGER) or is_marked(folder)


def means_own_ledger(datastore: str, *, demo: bool) -> bool:
    """Whether the ledger inside the datastore is meant, whichever the settings name.

    They name it for the real days; those of a demonstration never go into a ledger that others share.
    """
    return demo or is_marked(datastore)


def is_file(datastore: str) -> bool:
    """Whether a slip of the pen has named a file for the datastore; what cannot be looked at is told of later."""
    try:
        return Path(datastore).is_file()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """False also where the folder cannot be entered: whoever goes on finds no file in it either."""
    try:
        return path.exists()
    except OSError:
        return False
