"""What a day failed with: kept without what it holds, and said in words."""

from __future__ import annotations

import logging
from typing import TypeVar

from ialirt_backfill.exceptions import IalirtBackfillError
from ialirt_backfill.plan.decisions import Decision

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Exception)


def without_frames(error: E) -> E:
    """An error without the frames it came through, and without what caused it.

    They hold all records of its window, and the frame that keeps the error would hold itself, until the collector of
    garbage happens to find them.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def in_words(error: Exception) -> str:
    """A failure in words for a person; an unexpected one with its kind."""
    if isinstance(error, IalirtBackfillError | OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; please report this"


def tell_of_bug(error: Exception, decision: Decision) -> None:
    """Log a failure that nobody foresaw, with where it came from."""
    if not isinstance(error, IalirtBackfillError | OSError):
        name, day = decision.instrument.name, decision.day
        log.error("%s %s: unexpected failure", name, day, exc_info=error)
