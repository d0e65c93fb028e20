"""How a program ends: its exit codes, and the wish that it may end."""

from __future__ import annotations

import threading

EXIT_WELL, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
"""All well; some instrument-day failed; wrong usage or configuration."""

EXIT_INTERRUPTED = 128
"""Interrupted: this, and the number of the signal."""


class Stop(threading.Event):
    """Set it, from a signal handler or another thread, to end a run after the requests in flight."""

    exit_code = EXIT_INTERRUPTED + 2
    """What the program then ends with."""
