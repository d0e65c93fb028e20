"""The forms that a person writes: days, times, durations, instruments."""

import difflib
import re
from datetime import MAXYEAR, UTC, date, datetime, timedelta

from ialirt_backfill.exceptions import UnknownInstrument, UsageError
from ialirt_backfill.instruments import Board, Catalogue, Instrument, default_catalogue

ALL = "all"


_DAY_FORM = re.compile(r"(\d{4})(?:[-/.](\d{1,2})[-/.](\d{1,2})|(\d{2})(\d{2}))", re.ASCII)
_MONTH_FORM = re.compile(r"(\d{4})[-/](\d{2})", re.ASCII)
_DAY_OF_YEAR = re.compile(r"(\d{4})-(\d{3})", re.ASCII)
_TWO_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2}) ?(?:\.{2,3}|[/:,]|to) ?(\d{4}-\d{2}-\d{2})", re.ASCII)
_BACK = re.compile(r"-?(\d+)([dw])", re.ASCII)
_YEAR_LAST = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}", re.ASCII)


def parse_day(text: str) -> date:
    """A UTC day: ``2026-02-01``, ``2026/02/01``, ``20260201``, ``2026-032``, ``today``, ``yesterday``, ``-7d`` (a week
    ago); of a month, ``2026-02``, its first."""
    return _month(text, first=True) or _day(text)


def parse_last_day(text: str) -> date:
    """A UTC day that ends a range: as `parse_day`, but of a month it is the last."""
    return _month(text, first=False) or _day(text)


def parse_one_day(text: str) -> date:
    """A UTC day where no range is meant: as `parse_day`, but never a month."""
    if _MONTH_FORM.fullmatch(text.strip()):
        raise UsageError(f"{text!r} is a month, and one day is meant: write it as {text.strip()}-01")
    return _day(text)


def _month(text: str, *, first: bool) -> date | None:
    match = _MONTH_FORM.fullmatch(text.strip())
    if match is None:
        return None
    year, month = int(match[1]), int(match[2])
    if not (1 <= month <= 12 and year):
        raise UsageError(f"{text!r} is not a month: write it as 2026-02")
    begins = date(year, month, 1)
    if first:
        return begins
    following = date(year + month // 12, month % 12 + 1, 1) if year < MAXYEAR else date.max
    return following - timedelta(days=1)


def _day_of_year(year: int, number: int) -> date:
    found = date(year, 1, 1) + timedelta(days=number - 1)
    if found.year != year:
        raise ValueError(f"{year} has no day {number}")
    return found


def _day(text: str) -> date:
    said = text.strip().lower()
    today = datetime.now(UTC).date()
    if said in {"today", "now"}:
        return today
    if said == "yesterday":
        return today - timedelta(days=1)
    try:
        if back := _BACK.fullmatch(said):
            return today - int(back[1]) * timedelta(days=7 if back[2] == "w" else 1)
        if of_year := _DAY_OF_YEAR.fullmatch(said):
            return _day_of_year(int(of_year[1]), int(of_year[2]))
        if match := _DAY_FORM.fullmatch(said):
            return date(int(match[1]), int(match[2] or match[4]), int(match[3] or match[5]))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"there is no day {text!r} ({error}): write one as 2026-02-01") from None
    if _YEAR_LAST.fullmatch(said):
        raise UsageError(f"{text!r} may be read as two days, day first or month first: write it as 2026-02-01")
    if stretch := _TWO_DAYS.fullmatch(said):
        raise UsageError(f"{text!r} is a range: write it as --start {stretch[1]} --end {stretch[2]}")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}[t ].*", said):
        raise UsageError(f"{text!r} is a time, and whole UTC days are kept: write {said[:10]}")
    raise UsageError(f"{text!r} is not a day: write it as 2026-02-01, today, yesterday or -7d")


def parse_time(text: str) -> datetime:
    """A moment in ISO 8601; ``Z`` or no zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a time: write it as 2026-02-01T14:00:00Z") from None


CURSOR = "c1"
"""How a cursor of `changes` begins, so that none is taken for a time, nor one of another form for one of this."""


def is_cursor(text: str) -> bool:
    """Whether it is a cursor of `changes`, or its beginning."""
    return text.partition(",")[0].partition("@")[0] == CURSOR


def parse_since(text: str) -> str:
    """Where a list of changes begins: a cursor as it stands, or a time or a day, as the time in ISO 8601."""
    said = text.strip()
    if is_cursor(said):
        return said
    try:
        return parse_time(said).isoformat()
    except UsageError:
        pass
    try:
        day = parse_day(said)
    except UsageError:
        raise UsageError(
            f"{text!r} is neither a time nor a cursor: write 2026-02-01T14:00:00Z, or the cursor that the last"
            " list of changes ended with"
        ) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SHORT = re.compile(
    r"(\d+(?:\.\d+)?) ?(w|weeks?|d|days?|h|hours?|hrs?|m|mins?|minutes?|s|secs?|seconds?)", re.ASCII | re.IGNORECASE
)
_ISO = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?", re.ASCII
)


def parse_duration(text: str) -> timedelta:
    """A duration: ``90s``, ``5m``, ``1h``, ``1d``, ``1w``, or ISO 8601 as ``PT5M``."""
    if short := _SHORT.fullmatch(text):
        numbers = {({"w": "weeks"} | _UNITS)[short[2][0].lower()]: short[1]}
    else:
        iso = _ISO.fullmatch(text.upper())
        numbers = {} if iso is None else {unit: number for unit, number in iso.groupdict().items() if number}
    if not numbers:
        unit = f": {text}s, {text}m, {text}h or {text}d?" if re.fullmatch(r"\d+(\.\d+)?", text) else ""
        raise UsageError(f"{text!r} is not a duration{unit or ': write it as 90s, 5m, 1h, 1d or PT5M'}")
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


def parse_instruments(text: str, catalogue: Catalogue | None = None) -> tuple[Instrument, ...]:
    """One instrument, a list of them, by commas or spaces, or ``all``; in the order given, each once."""
    known = (catalogue or default_catalogue()).instruments
    names = _names(text)
    if not names:
        raise UnknownInstrument(f"no instrument given: choose from {', '.join(known)}, or {ALL}")
    for name in names:
        if name not in known and name != ALL:
            near = difflib.get_close_matches(name, [*known, ALL], n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UnknownInstrument(f"unknown instrument {name!r}.{hint} Known: {', '.join(known)}, or {ALL}")
    return tuple(known[name] for name in dict.fromkeys(known if ALL in names else names))


def parse_names(text: str) -> str:
    """The names of instruments as they are written here, where every one of them is known."""
    parse_instruments(text)
    return written_names(text)


def written_names(text: str) -> str:
    """The names of instruments as they are written here, known or not."""
    return ",".join(_names(text))


def _names(text: str) -> list[str]:
    return text.lower().replace(",", " ").split()


def parse_board(text: str, catalogue: Catalogue | None = None) -> Board:
    """The board of a name."""
    known = (catalogue or default_catalogue()).boards
    name = written_board(text)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"--board: unknown board {text!r}.{hint} Known: {', '.join(known)}")
    return known[name]


def written_board(text: str) -> str:
    """The name of a board as it is written here, known or not."""
    return text.strip().lower().replace("_", "-")


PICTURES = ("png", "svg", "pdf")
"""What pictures are made as, by the end of a file's name."""


def parse_picture(flag: str, file: str) -> str:
    """What the picture of a file is made as; ``flag`` is where the file was named."""
    _, dot, end = file.rpartition(".")
    if not dot or end.lower() not in PICTURES:
        raise UsageError(f"{flag} {file}: the end of its name says what it is made as: .{', .'.join(PICTURES)}")
    return end.lower()


_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|m|min|minute|h|hour)", re.ASCII | re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_rate(text: str) -> float:
    """A rate per second: ``2``, ``0.5``, ``2/s``, ``30/min``."""
    if match := _RATE.fullmatch(text.strip()):
        return float(match[1]) / _SECONDS[match[2][0].lower()]
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a rate: write it as 2 (per second), 2/s or 30/min") from None


def parse_percent(text: str) -> float:
    """A percentage: ``95``, ``95%`` or ``95 %``; one below 1 only with its sign, for ``0.95`` may be a share of 1."""
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        raise UsageError(f"{text!r} is not a percentage: write it as 95 or 95%") from None
    if 0 < percent < 1 and "%" not in text:
        raise UsageError(f"{text!r} may be read as {percent:g} % or as {100 * percent:g} %: write it with the sign %")
    return percent


def parse_count(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a whole number") from None


def means_all(text: str | None) -> bool:
    """Whether all instruments are meant, none of them named."""
    return text is None or ALL in _names(text)
