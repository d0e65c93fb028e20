"""Times as HAPI writes them: ``2026-02-01T00:00:07Z``, or by the day of the year, with whatever is missing at the end
taken for the least it can be, and the ``Z`` or not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_FORM = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?|-(?P<day_of_year>\d{3}))?"
    r"(?:T(?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d*))?)?)?)?"
    r"Z?",
    re.ASCII,
)
_ONE_SECOND = timedelta(seconds=1)
_LAST_MINUTE = (23, 59)
_LAST_SECOND = datetime.max.replace(microsecond=0, tzinfo=UTC)


class PreciseTime(NamedTuple):
    """A time of any precision: the second that it lies in, and the digits behind the point. They sort by time."""

    second: datetime
    fraction: str = ""

    @property
    def whole(self) -> datetime:
        """The first whole second that does not lie before it. Records have whole seconds, so no more is needed; none
        has the last second that there is."""
        return self.second + _ONE_SECOND if self.fraction and self.second < _LAST_SECOND else self.second


def parse(text: str) -> PreciseTime:
    """The time that a text means. Raises ValueError where it is none that HAPI knows."""
    match = _FORM.fullmatch(text)
    if match is None or (match["hour"] is not None and match["day"] is None and match["day_of_year"] is None):
        raise ValueError("no time as HAPI writes it")
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    fraction = (match["fraction"] or "").rstrip("0")
    extra = timedelta(0)
    if hour == 24 and not (minute or second or fraction):  # the midnight at the end of the day
        hour, extra = 0, timedelta(days=1)
    elif second == 60 and (hour, minute) == _LAST_MINUTE:  # a leap second, which no record has
        second, extra = 59, _ONE_SECOND
    try:
        midnight = datetime(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1), tzinfo=UTC)
        if match["day_of_year"]:
            midnight = _of_day(int(match["year"]), int(match["day_of_year"]))
        return PreciseTime(midnight.replace(hour=hour, minute=minute, second=second) + extra, fraction)
    except OverflowError as error:
        raise ValueError("past the last year there is") from error


def _of_day(year: int, number: int) -> datetime:
    found = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)
    if found.year != year or number < 1:
        raise ValueError("the year has no such day")
    return found


def write(moment: datetime) -> str:
    """A time to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def write_duration(stretch: timedelta) -> str:
    """A stretch of time as ISO 8601 has it: ``PT4S``, ``PT1M``, ``P366D``."""
    days, seconds = stretch.days, stretch.seconds
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count)
    return f"P{days}D" * bool(days) + ("P" * (not days) + f"T{time}") * bool(time) or "PT0S"
