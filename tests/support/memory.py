"""Where tests write: in memory where there is room. To wait for a disk proves nothing that they are about: processes
are killed here, but no machine loses its power."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 << 30
"""A whole run writes half a gigabyte, of which what failed is kept."""


def short_folder() -> str:
    """For folders whose path must be short, as those with sockets in them."""
    return str(_MEMORY) if _has_room() else "/tmp"


def write_there() -> None:
    """Have temporary files of this process, and of those that it starts, in memory; unless ``TMPDIR`` is set."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _has_room() -> bool:
    """Also for programs, which tests write as well: in a container it may be that nothing there can be run."""
    return (
        os.access(_MEMORY, os.W_OK)
        and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    )
