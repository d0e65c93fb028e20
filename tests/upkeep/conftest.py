"""A datastore, and a server that can be told to misbehave."""

from __future__ import annotations

from tests.support.clock import clock
from tests.support.places import main, place, simulator

__all__ = ["clock", "main", "place", "simulator"]
