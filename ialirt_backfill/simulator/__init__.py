"""A local I-ALiRT that obeys every rule of the real API over HTTP on loopback: for ``--demo``, tests and benchmarks.

    with Simulator(seed=1) as simulator:
        ...  # ask simulator.url

The rooms: ``weather`` makes the values up, ``telemetry`` says which records exist and when, ``rules`` answers a query,
``faults`` are the ways to misbehave, ``server`` speaks HTTP. Which stretches are missing, late or rewritten, and when
an instrument is switched off, is said in ``telemetry``.
"""

from __future__ import annotations

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
from ialirt_backfill.simulator.rules import LIMIT, Answer
from ialirt_backfill.simulator.server import Simulator

__all__ = [
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
]
