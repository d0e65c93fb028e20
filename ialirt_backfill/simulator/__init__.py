"""A local I-ALiRT that obeys every rule of the real API over HTTP on loopback: for ``--demo``, tests and benchmarks.

    with Simulator(keys={DEMONSTRATION_KEY: ("full",)}) as simulator:
        ...  # ask simulator.url for what is public, simulator.url + "/api-key" with the key for everything

The rooms: ``weather`` makes the values up, ``unfamiliar`` those of what a catalogue adds, ``telemetry`` says which
records exist and when, ``rules`` answers a query, ``faults`` are the ways to misbehave, ``server`` speaks HTTP. Which
stretches are missing, late or rewritten, and when an instrument is switched off, is said in ``telemetry``.
"""

from __future__ import annotations

from ialirt_backfill.instruments.stored import LIMIT
from ialirt_backfill.simulator.faults import (
    CutBody,
    CutJson,
    Fault,
    Redirect,
    Request,
    Reset,
    Rule,
    Silence,
    Slow,
    Times,
    Transform,
    Trickle,
)
from ialirt_backfill.simulator.rules import Answer, all_scopes
from ialirt_backfill.simulator.server import Simulator

DEMONSTRATION_KEY = "demonstration"
"""The key of ``--demo``, which opens everything. No server but this one knows it."""

__all__ = [
    "DEMONSTRATION_KEY",
    "LIMIT",
    "Answer",
    "CutBody",
    "CutJson",
    "Fault",
    "Redirect",
    "Request",
    "Reset",
    "Rule",
    "Silence",
    "Simulator",
    "Slow",
    "Times",
    "Transform",
    "Trickle",
    "all_scopes",
]
