"""A doctor beside a simulator that can drift, and a datastore between the two."""

from __future__ import annotations

from tests.support.clock import clock
from tests.support.commands import command
from tests.support.places import main, place, simulator

__all__ = ["clock", "command", "main", "place", "simulator"]
