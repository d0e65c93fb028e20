"""What the tests of upkeep share with those of faults."""

from __future__ import annotations

from tests.faults.conftest import clock, main, place, simulator

__all__ = ["clock", "main", "place", "simulator"]
