"""Forms: a value of TOML as what it means; ValueError says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from ialirt_backfill.instruments import vounit
from ialirt_backfill.instruments.model import LONGEST_LABEL, ColumnType

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Enum)

LONGEST_KEY = 32
"""What the table `workflow_progress` takes for a name."""
LONGEST_FILE_NAME = 200
"""Of a file and a folder, so that there is room for what stands behind it while it is written."""
LONGEST_AXIS = 100_000

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_FILE_NAME = re.compile(r"imap_([A-Za-z0-9_.-]+)YYYYMMDD\.csv", re.ASCII)
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*", re.ASCII)
_CODE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(d|h|m|s)", re.ASCII)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DAY = timedelta(days=1)
_INT64 = 2**63


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'write a text, as "{value}"')
    if not value.isprintable():
        raise ValueError("write a text of one line")
    return value


def some_text(value: Any) -> str:
    if not text(value).strip():
        raise ValueError("write a text that is not empty")
    return str(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")
    return value


def duration(value: Any) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time as "4s", "90m", "12h" or "1d"')
    try:
        found = timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        found = timedelta.max
    if not timedelta(seconds=1) <= found <= _DAY or found.microseconds:
        raise ValueError("write whole seconds, from 1s to 1d")
    return found


def window(value: Any) -> timedelta:
    found = duration(value)
    if _DAY % found:
        raise ValueError('a day is not a whole number of these: write "1h", "90m", "12h" or "1d", for example')
    return found


def key(value: Any) -> str:
    if len(some_text(value)) > LONGEST_KEY:
        raise ValueError(f"write at most {LONGEST_KEY} characters")
    if value != value.strip():
        raise ValueError("write it without blanks at its ends")
    return str(value)


def folder(value: Any) -> str:
    if not _FOLDER.fullmatch(text(value)) or len(value) > LONGEST_FILE_NAME:
        raise ValueError('write a folder below the datastore, as "ialirt"')
    return str(value)


def prefix(value: Any) -> str:
    """``ialirt_hit_`` of ``imap_ialirt_hit_YYYYMMDD.csv``."""
    match = _FILE_NAME.fullmatch(text(value))
    if match is None or "YYYYMMDD" in match[1] or len(value) > LONGEST_FILE_NAME:
        raise ValueError('write the name as "imap_ialirt_hit_YYYYMMDD.csv", with YYYYMMDD where the day stands')
    return match[1]


def moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime):
        raise ValueError("write a time, as 2026-02-01T00:00:00Z")
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise ValueError("write a time, as 2026-02-01T00:00:00Z") from None


def number(value: Any) -> float:
    try:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        raise ValueError("write a number that a float has room for") from None
    if not is_number:
        raise ValueError(f"{value!r} is not a number")
    found: float = value
    return found


def distance(value: Any) -> float:
    if number(value) < 0:
        raise ValueError(f"{value!r}: write a distance, 0 or more")
    return float(value)


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_AXIS:
        raise ValueError(f"write a whole number from 1 to {LONGEST_AXIS:,}")
    return value


def list_of(form: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    def read(value: Any) -> tuple[_T, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("write a list that is not empty: [ … ]")
        return tuple(form(item) for item in value)

    return read


def list_or_none(form: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    """A list that may be empty: so a key of a known instrument is undone."""
    return lambda value: () if value == [] else list_of(form)(value)


def bounds(value: Any) -> tuple[float | None, float | None]:
    found = list_of(number)(value)
    if len(found) != 2 or found[0] > found[1]:
        raise ValueError("write the least and the greatest: [0.0, 360.0]")
    return found[0], found[1]


def fill(type: ColumnType, *, is_time: bool) -> Callable[[Any], float | str | None]:
    """What stands for a missing value of a type; None, the usual one, for ``false``."""

    def read(value: Any) -> float | str | None:
        if value is False:
            return None
        match type:
            case ColumnType.BOOLEAN:
                raise ValueError("true and false have none, a missing one is an empty cell: leave it out")
            case ColumnType.TEXT:
                return some_text(value)
            case ColumnType.MEASUREMENT | ColumnType.JSON if not is_time:
                return float(number(value))
        if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
            raise ValueError(f"{value!r} is not a whole number of 64 bits, as the column holds")
        return value

    return read


def unit(value: Any) -> str:
    if wrong := vounit.complaint(text(value)):
        raise ValueError(f"{value!r} is no unit: {wrong}")
    return str(value)


def label(value: Any) -> str:
    if len(some_text(value)) > LONGEST_LABEL:
        raise ValueError(f"{len(value)} characters: write at most {LONGEST_LABEL}")
    return str(value)


def name(value: Any) -> str:
    if not NAME.fullmatch(text(value)):
        raise ValueError("write a name of letters, digits and _")
    return str(value)


def name_or_none(value: Any) -> str:
    """A name, or ``false``: so it is undone."""
    return "" if value is False else name(value)


def components(value: Any) -> str:
    if not re.fullmatch(r"[a-z]{2,9}", text(value)) or len(set(value)) != len(value):
        raise ValueError('write a letter for each component, as "xyz" or "rtn"')
    return str(value)


def codes(value: Any) -> Mapping[int, str]:
    if not isinstance(value, dict) or not all(_CODE.fullmatch(it) and -_INT64 <= int(it) < _INT64 for it in value):
        raise ValueError('write a table of whole numbers and their names: { 1 = "Standby" }')
    return MappingProxyType({int(key): some_text(name) for key, name in value.items()})


def one_of(kind: type[_E]) -> Callable[[Any], _E]:
    def read(value: Any) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"write one of {', '.join(str(it.value) for it in kind)}") from None

    return read
