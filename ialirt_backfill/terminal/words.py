"""Numbers, days and times as a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

A_FEW_SECONDS = 10


def counted(number: int, thing: str, things: str | None = None) -> str:
    """``1 day``, ``2 days``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def nothing_left(to_do: str, later: Mapping[str, int]) -> str:
    """``Nothing is left to do.``, or why there are days for which there is nothing ``to_do`` now: how many, by why."""
    left = [f"{counted(number, 'instrument-day')} {why}" for why, number in later.items() if number]
    return f"Nothing to {to_do} now: {', '.join(left)}." if left else "Nothing is left to do."


def short_count(number: int) -> str:
    """A count in at most five characters: ``9,999``, ``44.6k``, ``1.2M``."""
    if number < 10_000:
        return f"{number:,}"
    if number < 999_950:
        return f"{number / 1000:.1f}k" if number < 99_950 else f"{number / 1000:.0f}k"
    return f"{number / 1_000_000:.1f}M"


def clock(seconds: float) -> str:
    """Seconds on a stopwatch: ``0:12``, ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def length(seconds: float) -> str:
    """A length of time in its two largest units: ``45 s``, ``3 h 25 min``, ``19 d 2 h``."""
    rest, parts = max(0, int(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def rough_length(seconds: float) -> str:
    """A length of time that is only guessed: ``a few seconds``, ``about 12 min``, ``about 3 h 25 min``."""
    if seconds < A_FEW_SECONDS:
        return "a few seconds"
    return "about " + length(seconds if seconds < 60 else round(seconds / 60) * 60)


def rough_size(size_bytes: float) -> str:
    """Bytes in two or three digits: ``430 MB``, ``1.2 GB``."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}" if size_bytes < 10 * size else f"{size_bytes / size:.0f} {unit}"
    return f"{max(1, round(size_bytes / 1e3))} kB"


def stretch(first: date, last: date) -> str:
    """The days from the first to the last, both included."""
    return f"{first}" if first == last else f"{first} … {last}"


def both_ends(days: Collection[date]) -> str:
    """``32 days, both ends included, 2026-01-01 … 2026-02-01``: the range that the days lie in."""
    first, last = min(days), max(days)
    return f"{counted((last - first) // timedelta(days=1) + 1, 'day')}, both ends included, {stretch(first, last)}"


def moment(time: datetime | None) -> str:
    """A time in UTC to the second."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"


def one_line(text: str) -> str:
    """Words of others, as one line in which nothing can steer a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
