"""Memory that answers have needed goes back to the system, so that a year is served in the memory of a day.

Left to itself, each of the threads that answer keeps what it once had: arrow's own pool does, and so does the allocator
of glibc, which has a heap for each. A server of sixteen threads then grows with each of them, and for days.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa

_M_ARENA_MAX = -8
"""Of glibc: how many heaps there are at most."""
_HEAPS = 2


def share() -> None:
    """Let all threads have the same few heaps; to be called before there are any. Of no effect without glibc."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):  # another library of C, or another system
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Give what is not needed at present back to the system."""
    pa.default_memory_pool().release_unused()
