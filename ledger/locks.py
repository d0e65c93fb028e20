"""Whether a file system keeps locks, as SQLite needs them: network shares often do not, and say so in many ways."""

from __future__ import annotations

import contextlib
import tempfile
from functools import cache
from pathlib import Path


@cache
def are_kept_in(folder: Path) -> bool:
    """Whether files in this folder can be locked; True also where that cannot be found out.

    SQLite itself tells a refusal apart from a lock that another process holds in some cases only.
    """
    try:
        import fcntl  # noqa: PLC0415 - there is none where files are locked in another way
    except ImportError:
        return True
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # nobody else can hold a lock on a file that nobody else knows
            return False
    return True
