"""The collector of garbage rests while much is made at once, and never for long."""

from __future__ import annotations

import gc
import weakref

import pytest

from ledger.gc_pause import GarbagePause


class _Loop:
    """Garbage that only the collector can find."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_left_as_it_was(enabled: bool) -> None:
    pause = GarbagePause()
    if not enabled:
        gc.disable()
    try:
        with pause:
            assert not gc.isenabled()
            with pause:
                pass
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
        with pytest.raises(ZeroDivisionError), pause:
            raise ZeroDivisionError
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_garbage_is_collected_although_pauses_overlap_without_end() -> None:
    pause = GarbagePause()
    with pause:
        garbage = weakref.ref(_Loop())
        with pause:
            pass
        assert garbage() is not None
        pause.longest = 0.0
        with pause:
            pass
        assert garbage() is None
        assert not gc.isenabled()
    assert gc.isenabled()
