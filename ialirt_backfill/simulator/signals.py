"""Shapes that made-up signals are made of, and the ways in which the API has values missing."""

from __future__ import annotations

import math
import random
from typing import Any

from ialirt_backfill.instruments import FILL_VALUE

FILL = int(FILL_VALUE)
"""The fill value as the API sends it: -9999999999999999635896294965248, since it is a whole number."""

Values = dict[str, Any]
"""The fields of a record behind its times, in the order of the API."""


def sent(value: float) -> int | float:
    """As the API sends it: three decimals, and a whole number as an integer."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def vector(*components: float) -> list[int | float]:
    return [sent(component) for component in components]


def swell_of(length: int) -> list[float]:
    """From 0 at the ends of an episode to 1 over its middle."""
    ramp = length / 6
    return [math.sin(0.5 * math.pi * min(1.0, i / ramp, (length - 1 - i) / ramp)) ** 2 for i in range(length)]


def wave_of(rng: random.Random, length: int, highest: int = 12) -> list[float]:
    """A smooth signal of about unit size that is 0 at both ends: a few harmonics of random phase under a swell."""
    parts = [(rng.uniform(0.3, 1.0) / math.sqrt(k), k, rng.uniform(0.0, math.tau)) for k in (1, 2, 3, 5, 8, highest)]
    step = math.tau / length
    return [
        rise * sum(size * math.sin(k * step * i + phase) for size, k, phase in parts)
        for i, rise in enumerate(swell_of(length))
    ]


def rotated(y: float, z: float, angle: float) -> tuple[float, float]:
    """Turn about the x axis, as from GSE to GSM."""
    return y * math.cos(angle) + z * math.sin(angle), z * math.cos(angle) - y * math.sin(angle)


def lose(rng: random.Random, values: Values, share: float, *names: str) -> None:
    """Make values go missing now and then, in each of the ways the API has for it."""
    if rng.random() >= share:
        return
    for name in names or (rng.choice(list(values)),):
        way = rng.randrange(4)
        if way == 0:
            values[name] = None
        elif way == 1:
            del values[name]
        elif isinstance(values[name], list) and way == 2:
            values[name] = [None] * len(values[name])
        elif isinstance(values[name], list):
            values[name] = [FILL] * len(values[name])
        else:
            values[name] = FILL
