"""Whoever listens to a run must not be able to stop it, nor to change what it comes to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

log = logging.getLogger(__name__)

ListenerT = TypeVar("ListenerT")


class _Guarded:
    """A listener that is left alone once it has raised, which is logged."""

    def __init__(self, listener: object) -> None:
        self._listener = listener
        self._has_raised = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        hear = getattr(self._listener, name)

        def tell(*told: Any) -> None:
            if self._has_raised:
                return
            try:
                hear(*told)
            except Exception:
                self._has_raised = True
                log.exception("what listens to this run has failed and is told no more; the run goes on")

        return tell


class _Several:
    """Listeners that are told the same, one after the other."""

    def __init__(self, listeners: tuple[object, ...]) -> None:
        self._listeners = listeners

    def __getattr__(self, name: str) -> Callable[..., None]:
        hear = [getattr(listener, name) for listener in self._listeners]

        def tell(*told: Any) -> None:
            for one in hear:
                one(*told)

        return tell


def several(first: ListenerT, *others: ListenerT) -> ListenerT:
    """A listener that tells several others, of which none can keep the rest from hearing."""
    return cast("ListenerT", _Several(tuple(guarded(listener) for listener in (first, *others))))


def guarded(listener: ListenerT) -> ListenerT:
    """A listener that tells another, and of which no call raises."""
    return listener if isinstance(listener, _Guarded) else cast("ListenerT", _Guarded(listener))
