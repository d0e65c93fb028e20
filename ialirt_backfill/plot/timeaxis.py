"""The axis of time: UTC, with full days, hours or minutes at its ticks, and never more labels than fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray

from ialirt_backfill.plot.window import DAY_MICROS, Micros, Window, micros, moment_of

_STEPS = [timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30)] + [timedelta(hours=n) for n in (1, 2, 3, 6, 12)]
_DAYS = (1, 2, 3, 5, 10)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_DAY = timedelta(days=1)


def days(times: Micros) -> NDArray[np.float64]:
    """Times as matplotlib counts them: in days since 1970."""
    return np.asarray(times) / DAY_MICROS


def day(at: datetime) -> float:
    """One of them."""
    return micros(at) / DAY_MICROS


def set_time(axes: Axes, window: Window, *, most: int, labelled: bool) -> None:
    """Let a panel show this stretch, with at most so many labels."""
    major = list(_ticks(window, most))
    axes.set_xlim(day(window.start), day(window.stop))
    axes.xaxis_date("UTC")
    axes.xaxis.set_major_locator(FixedLocator([day(it) for it in major]))
    axes.xaxis.set_minor_locator(FixedLocator([day(it) for it in _ticks(window, 3 * most)]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    texts = dict(zip([day(it) for it in major], _labels(major), strict=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: texts.get(x, "")) if labelled else NullFormatter())


def _ticks(window: Window, most: int) -> Iterator[datetime]:
    length = window.stop - window.start
    for step in _STEPS:
        if length / step <= most:
            return _every(window, step)
    for number in _DAYS:
        if length / (number * _DAY) <= most:
            return _days(window, number)
    months = next((it for it in _MONTHS if length / (it * 30 * _DAY) <= most), _MONTHS[-1])
    return _firsts(window, months)


def _every(window: Window, step: timedelta) -> Iterator[datetime]:
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + -(-(window.start - midnight) // step) * step
    while at <= window.stop:
        yield at
        at += step


def _days(window: Window, number: int) -> Iterator[datetime]:
    """Every day; or those whose number in the month fits, but for one that lies close to the next first."""
    at = moment_of(-(-int(window.start.timestamp()) // 86_400) * DAY_MICROS)
    while at <= window.stop:
        following = (at.replace(day=1) + 32 * _DAY).replace(day=1)
        if (at.day - 1) % number == 0 and (following - at) / _DAY >= 0.6 * number:
            yield at
        at += _DAY


def _firsts(window: Window, months: int) -> Iterator[datetime]:
    """The first of every so many months."""
    number = window.start.year * 12 + window.start.month - 1
    number = -(-number // months) * months
    while True:
        at = window.start.replace(year=number // 12, month=number % 12 + 1, day=1, hour=0, minute=0, second=0)
        if at > window.stop:
            return
        if at >= window.start:
            yield at
        number += months


def _labels(ticks: list[datetime]) -> list[str]:
    """The hour where there is one, and below it the day; the year where it begins."""
    has_hours = any(it.hour or it.minute for it in ticks)
    found = []
    for place, at in enumerate(ticks):
        is_new_day = place == 0 or at.date() != ticks[place - 1].date()
        is_new_year = place == 0 or at.year != ticks[place - 1].year
        above = f"{at:%H:%M}" if has_hours else f"{at:%b %d}"
        below = f"{at:%Y-%m-%d}" if has_hours and is_new_day else f"{at:%Y}" if is_new_year and not has_hours else ""
        found.append(f"{above}\n{below}")
    return found
