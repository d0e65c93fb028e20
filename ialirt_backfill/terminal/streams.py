"""Standard output and standard error as they are for a program whose work matters more than what it says.

What cannot be said is dropped: a reader that has gone (``… | head``), a full disk behind ``2> log``, a terminal that is
no more. The work goes on, and neither its result nor its exit code changes. Everything that speaks goes through here:
consoles, the log, JSON and CSV, argparse, tracebacks.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

INPUT, OUTPUT, ERROR = 0, 1, 2
_LOOK_SECONDS = 60.0


class Speaker(io.RawIOBase):
    """Writes to a descriptor and never raises. It keeps nothing back, so that nothing is left to be said at the end.

    ``failure`` is the first reason for which something was dropped, other than that the reader had gone.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """All of it, or as much as can be said."""
        left = memoryview(data)
        size = left.nbytes
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # another program has made the terminal or the pipe impatient
                with contextlib.suppress(OSError, ValueError):
                    select.select([], [self._descriptor], [], _LOOK_SECONDS)
            except OSError as error:
                if error.errno != errno.EPIPE:
                    self.failure = self.failure or error
                break
        return size


def steady_streams() -> None:
    """Let this process's own standard streams be such that a write never fails. To be called before anything else.

    A descriptor that was closed (``>&-``) leads to nowhere from now on: else the next file that is opened, the ledger
    it may be, would get its number, and what is meant for a screen would be written into it. A stream that somebody has
    put in the place of the process's own is left alone.
    """
    _open_closed_descriptors()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _steady(sys.stdout, OUTPUT)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _steady(sys.stderr, ERROR)


def failure_of(stream: TextIO | None) -> OSError | None:
    """Why something that was to be said there was dropped; None where nothing was, or nobody listened any more."""
    raw = getattr(stream, "buffer", None)
    return raw.failure if isinstance(raw, Speaker) else None


def _open_closed_descriptors() -> None:
    for descriptor in (INPUT, OUTPUT, ERROR):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != descriptor:  # it is the lowest that is free
                    os.dup2(opened, descriptor)
                    os.close(opened)


def _steady(stream: TextIO | None, descriptor: int) -> TextIO:
    encoding = "utf-8"
    if stream is not None:
        encoding = stream.encoding or encoding
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    raw: Any = Speaker(descriptor)
    # a terminal without our characters shows others, and nothing fails
    return io.TextIOWrapper(raw, encoding=encoding, errors="replace", write_through=True)
