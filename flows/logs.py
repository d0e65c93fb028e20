"""The library's own log lines, in the logs of the flow and task runs they belong to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARY = ("ialirt_backfill", "ledger")

_lock = threading.Lock()
_users = 0


@contextmanager
def library_logs() -> Iterator[None]:
    """Send what the library logs to Prefect, as PREFECT_LOGGING_EXTRA_LOGGERS would, but with nothing to be set."""
    global _users  # noqa: PLW0603 - loggers are one set for the whole process, runs are many
    handlers = logging.getLogger("prefect.extra").handlers
    with _lock:
        _users += 1
        for logger in map(logging.getLogger, LIBRARY):
            for handler in handlers:
                logger.addHandler(handler)
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                for logger in map(logging.getLogger, LIBRARY):
                    for handler in handlers:
                        logger.removeHandler(handler)
