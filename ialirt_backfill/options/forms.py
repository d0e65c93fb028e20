"""The forms that a person writes: days, times, durations, instruments."""

import difflib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument

ALL = "all"


def parse_day(text: str) -> date:
    """A UTC day, ``YYYY-MM-DD`` or ``YYYYMMDD``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day: write it as 2026-02-01") from None


def parse_time(text: str) -> datetime:
    """A moment in ISO 8601; ``Z`` or no zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a time: write it as 2026-02-01T14:00:00Z") from None


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SHORT = re.compile(r"(\d+(?:\.\d+)?)([dhms])", re.ASCII)
_ISO = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?", re.ASCII
)


def parse_duration(text: str) -> timedelta:
    """A duration: ``90s``, ``5m``, ``1h``, ``1d``, or ISO 8601 as ``PT5M``."""
    if short := _SHORT.fullmatch(text):
        numbers = {_UNITS[short[2]]: short[1]}
    else:
        iso = _ISO.fullmatch(text.upper())
        numbers = {} if iso is None else {unit: number for unit, number in iso.groupdict().items() if number}
    if not numbers:
        raise UsageError(f"{text!r} is not a duration: write it as 90s, 5m, 1h, 1d or PT5M")
    try:
        return timedelta(**{unit: float(number) for unit, number in numbers.items()})
    except OverflowError:
        raise UsageError(f"{text!r} is too long a duration") from None


def write_duration(duration: timedelta) -> str:
    """A duration as :func:`parse_duration` reads it, in the largest unit that leaves a whole number."""
    for letter, unit in _UNITS.items():
        count, rest = divmod(duration, timedelta(**{unit: 1}))
        if count and not rest:
            return f"{count}{letter}"
    return f"{duration.total_seconds():g}s"


class _AsWritten:
    """How pydantic reads a duration that comes from a flow's form: ISO 8601, or as on the command line."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema  # noqa: PLC0415 - only a flow needs it, and has loaded it

        def read(value: Any) -> Any:
            try:
                return parse_duration(value) if isinstance(value, str) else value
            except UsageError as error:
                raise ValueError(str(error)) from None

        return core_schema.no_info_before_validator_function(read, handler(source))


Duration = Annotated[timedelta, _AsWritten()]


def parse_instruments(text: str) -> tuple[Instrument, ...]:
    """One instrument, a comma-separated list, or ``all``; in the order given, each once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"no instrument given: choose from {', '.join(INSTRUMENTS)}, or {ALL}")
    for name in names:
        if name not in INSTRUMENTS and name != ALL:
            near = difflib.get_close_matches(name.lower(), [*INSTRUMENTS, ALL], n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"unknown instrument {name!r}.{hint} Known: {', '.join(INSTRUMENTS)}, or {ALL}")
    return tuple(INSTRUMENTS[name] for name in dict.fromkeys(INSTRUMENTS if ALL in names else names))


def parse_names(text: str) -> str:
    """The same text, where every instrument in it is known."""
    parse_instruments(text)
    return text


def means_all(text: str | None) -> bool:
    """Whether all instruments are meant, none of them named."""
    return text is None or ALL in [name.strip() for name in text.split(",")]
