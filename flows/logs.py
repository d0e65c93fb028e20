"""The library's own log lines, in the logs of the flow and task runs they belong to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.exceptions import FailedRun

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


class _LastWord(logging.Filter):
    """Drops the traceback of Prefect's own engine that it logs as the last word of every flow that ends as failed.

    The state before it says why the flow failed; a traceback below would say that this program is at fault.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, FailedRun) and str(error) in self.said)


_last_word = _LastWord()


def is_last_word(message: str) -> None:
    """Let the message of a flow's final state be the last that its log says of the failure."""
    _last_word.said.add(message)
    logging.getLogger("prefect.flow_runs").addFilter(_last_word)
