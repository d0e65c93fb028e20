"""A draft of an instrument's entry in a catalogue, from records as the server sent them.

What can be seen is written: shapes, types, the cadence, how much fits into a query. What cannot, a unit or what a field
means, is left open with a remark. Nothing needs to be known of the instrument.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from ialirt_backfill.exceptions import CatalogueError
from ialirt_backfill.instruments import FILL_VALUE, Catalogue
from ialirt_backfill.instruments.stored import LIMIT, stored_size

Record = Mapping[str, Any]

_TIME_UTC, _NANOSECONDS, _KERNELS = "time_utc", "ttj2000ns", "kernel_set_key"
_EVERY_RECORD_HAS = ("instrument", _TIME_UTC)
_LEAST_NANOSECONDS = 10**17
"""A whole number as large as this is a time: more than three years since J2000."""
_LARGEST_SHARE = 0.75
"""So much of what the server sends at once a window may fill: records differ."""
_WINDOWS = ("1d", "12h", "8h", "6h", "4h", "3h", "2h", "90m", "1h", "30m", "15m", "10m", "5m", "2m", "1m")
_UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60}
_REGULAR = 0.9
"""This share of the times between records is a whole number of cadences, where there is one."""
_LONGEST_KEY = 32
_INT64 = 2**63
_LONGEST_SHOWN = 10**30


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry as TOML, and from how many records it was drafted."""

    name: str
    records: int
    text: str


def draft(name: str, records: Sequence[Record], catalogue: Catalogue) -> Draft:
    """The entry that these records, one or more, suggest. Added to this catalogue it is a good one: what it would not
    take stands as a remark."""
    times = sorted({str(record[_TIME_UTC]) for record in records})
    count = f"{len(records):,} record{'' if len(records) == 1 else 's'}"
    is_known = name in catalogue.instruments
    title = f"title = {_quoted(name.upper().replace('_', ' '))}"
    head = [
        f"# Drafted from {count} of {name}, {times[0]} to {times[-1]}. Units, meanings, labels and valid ranges",
        "# are not in an answer: fill them in. docs/catalogue.md has the keys.",
        *(["# It is known already: what stands here changes that."] if is_known else []),
        f"[{name}]",
        *([] if is_known else [title, 'sentence = "" # what it measures']),
        *_cadence_and_window(records, times),
    ]
    if len(f"{name.upper()}_IALIRT") > _LONGEST_KEY:
        head.append(f"progress_key = {_quoted(f'{name.upper()}_IALIRT'[:_LONGEST_KEY])}")
    if name.endswith("hk"):
        head.append('scopes = ["full", "read"] # the server shows housekeeping to keys with one of these only')
    return Draft(name, len(records), _with_fields(name, "\n".join(head), records, catalogue))


# --- how often, and how much -----------------------------------------------------------------------------------------


def _cadence_and_window(records: Sequence[Record], times: Sequence[str]) -> Iterator[str]:
    seconds = [datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() for time in times]
    steps = [max(1, round(after - before)) for before, after in pairwise(seconds)]
    if not steps:
        yield 'cadence = "1h" # a single record came: how often do they come?'
        yield 'window = "1d"'
        return
    [(cadence, _)] = Counter(steps).most_common(1)
    is_regular = sum(step % cadence == 0 for step in steps) >= _REGULAR * len(steps)
    if not is_regular:
        cadence = sorted(steps)[len(steps) // 2]
    yield f'cadence = "{cadence}s" # measured'
    if not is_regular:
        yield "irregular = true # they come about so often"
    size = sum(map(stored_size, map(dict, records))) / len(records)
    yield f'window = "{_window(size / cadence)}" # a record takes up {size:,.0f} bytes in the server\'s store'


def _window(bytes_a_second: float) -> str:
    """The longest whose records stay well below what the server sends at once."""
    fitting = (it for it in _WINDOWS if _seconds(it) * bytes_a_second <= _LARGEST_SHARE * LIMIT)
    return next(fitting, _WINDOWS[-1])


def _seconds(window: str) -> int:
    return int(window[:-1]) * _UNIT_SECONDS[window[-1]]


# --- the fields -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """What becomes of the fields: lines of `[name.fields]`, tables after it, and the axes both need."""

    name: str
    has_nanoseconds: bool
    lines: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    axes: dict[str, int] = field(default_factory=dict)

    def text(self, head: str) -> str:
        remark = "better: values = [ … ], what its elements belong to, and their unit"
        axes = [f"[{self.name}.axes.{axis}]\nsize = {size} # {remark}" for axis, size in self.axes.items()]
        fields = "\n".join([f"[{self.name}.fields]", *self.lines])
        return "\n\n".join([head, *axes, fields, *self.tables]) + "\n"

    def copy(self) -> _Found:
        return replace(self, lines=[*self.lines], tables=[*self.tables], axes={**self.axes})


def _with_fields(name: str, head: str, records: Sequence[Record], catalogue: Catalogue) -> str:
    """The entry: a field that the catalogue would not take becomes a remark."""

    def complaint(about: _Found) -> str:
        try:
            catalogue.with_file(about.text(head), "draft")
        except CatalogueError as error:
            return error.problems[0].partition(": ")[2]
        return ""

    found = _found(name, records, lambda _: "")
    if complaint(found):  # then one by one, which takes much longer where they are many
        found = _found(name, records, complaint)
    if complaint(found):  # nothing but the time is left, and an instrument has more than that
        found.lines = [line for line in found.lines if line.startswith("#")]
    return found.text(head)


def _found(name: str, records: Sequence[Record], complaint: Callable[[_Found], str]) -> _Found:
    """What becomes of the fields, without those of which there is a complaint."""
    seen = dict.fromkeys(key for record in records for key in record if key not in _EVERY_RECORD_HAS)
    found = _Found(name, _NANOSECONDS in seen)
    found.lines = [f"{key} = false # it has none" for key in (_NANOSECONDS, _KERNELS) if key not in seen]
    for key in seen:
        values: list[Any] = [value for record in records if not _is_missing(value := record.get(key))]
        if key in {_NANOSECONDS, _KERNELS}:
            continue
        if values and all(isinstance(value, dict) for value in values):
            _add_object(found, key, values, complaint)
            continue
        more = found.copy()
        more.lines.append(_line(more, key, values))
        if wrong := complaint(more):
            found.lines.append(_left_out(key, wrong))
        else:
            found = more
    return found


def _left_out(key: str, why: str) -> str:
    return _remark(f"# {json.dumps(key)} came, too, and is left out: {why}")


def _add_object(found: _Found, key: str, values: Sequence[Record], complaint: Callable[[_Found], str]) -> None:
    """A table with one for the members, of which each is tried."""
    prefix = f"{found.name}_" if key.startswith(f"{found.name}_") else f"{key}_"
    place = f"{found.name}.fields.{_key(key)}"
    head = f"[{place}]\nprefix = {_quoted(prefix)}\n\n[{place}.members]"
    lines: list[str] = []
    is_empty = True
    for member in dict.fromkeys(name for value in values for name in value):
        of_member = [value[member] for value in values if not _is_missing(value.get(member))]
        if any(isinstance(value, list | dict) for value in of_member):
            lines.append(_left_out(member, "a list or an object in an object has no column of its own"))
            continue
        said, remark = _typed(of_member)
        line = f"{_key(member)} = {{ {', '.join(said)} }} # {remark}"
        more = found.copy()
        more.tables.append("\n".join([head, *lines, line]))
        wrong = complaint(more)
        lines.append(_left_out(member, wrong) if wrong else line)
        is_empty = is_empty and bool(wrong)
    if is_empty:
        found.lines += [_left_out(key, "no member of it can be a column"), *lines]
    else:
        found.tables.append("\n".join([head, *lines]))


def _line(found: _Found, key: str, values: Sequence[Any]) -> str:
    said, remark = _described(found, key, values)
    return f"{_key(key)} = {{ {', '.join(said)} }}" + (f" # {remark}" if remark else "")


def _described(found: _Found, key: str, values: Sequence[Any]) -> tuple[list[str], str]:
    """The keys of a field that is no object, and a remark."""
    flat = [value for value in _flat(values) if not _is_missing(value)]
    said, remark = _typed(flat)
    sizes = _sizes(values)
    is_time = said == _OF_TIME
    if len(sizes) == 1 and sizes[0] == len("xyz") and not is_time:
        components = "rtn" if key.lower().endswith("rtn") else "xyz"
        return [f'vector = "{components}"', *said], f"or list = an axis? {remark}"
    axes = _axes(sizes)
    found.axes |= axes
    if len(sizes) == 1 and not is_time:
        return [f'list = "{next(iter(axes))}"', *said], remark
    if sizes:
        along = ", ".join(f'"{axis}"' for axis in axes)
        return [f"cell = [{along}]", *(it for it in said if not it.startswith("type"))], remark
    if is_time and found.has_nanoseconds:
        return ['like = "ttj2000ns"'], "a time"
    return said, remark


_OF_TIME = ['type = "integer"', 'unit = "ns"']


def _typed(values: Sequence[Any]) -> tuple[list[str], str]:
    """The type of values that are neither lists nor objects nor missing, and what was seen."""
    if not values:
        return ['unit = ""'], "never there in these records; unit?"
    if all(isinstance(value, bool) for value in values):
        return ['type = "boolean"'], f"seen: {', '.join(sorted({str(value).lower() for value in values}))}"
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        texts = list(dict.fromkeys(map(str, values)))
        return ['type = "text"'], f"seen: {_some(texts)}"
    least, greatest = min(values), max(values)
    seen = f"seen: {_shown(least)}" + (f" to {_shown(greatest)}" if least != greatest else "")
    if any(isinstance(value, float) or not -_INT64 <= value < _INT64 for value in values):
        return ['unit = ""'], f"unit? {seen}"
    if least >= _LEAST_NANOSECONDS:
        return _OF_TIME, "a time"
    return ['type = "integer"', 'unit = ""'], f'a count, a state (kind = "flag"), or a measurement? unit? {seen}'


def _shown(number: float) -> str:
    """A number in a remark: one of hundreds of digits by its size."""
    return f"{number:,}" if abs(number) < _LONGEST_SHOWN else "beyond 10**30"


def _some(texts: Sequence[str]) -> str:
    shown = ", ".join(json.dumps(text[:20]) for text in texts[:3])
    return _remark(shown) + (" …" if len(texts) > 3 else "")


def _sizes(values: Sequence[Any]) -> list[int]:
    """How long the lists are, the outermost first; empty where the values are no lists."""
    sizes = []
    while values and any(isinstance(value, list) for value in values):
        lists = [value for value in values if isinstance(value, list)]
        sizes.append(max(1, *map(len, lists)))
        values = [element for value in lists for element in value]
    return sizes


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _is_missing(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value is None
    return value != value or abs(value) == math.inf or value <= 0.9 * FILL_VALUE  # without a float of a long integer


def _axes(sizes: Sequence[int]) -> dict[str, int]:
    """Axes of these sizes: those of different fields are taken for the same where their size is."""
    found: dict[str, int] = {}
    for size in sizes:
        same = list(found.values()).count(size)
        found[f"of_{size}_{same + 1}" if same else f"of_{size}"] = size
    return found


def _remark(text: str) -> str:
    """Without what TOML does not take in a comment, which the server may have sent."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _quoted(text: str) -> str:
    """As TOML has it: for printable text, JSON's form."""
    return json.dumps(text, ensure_ascii=False)


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _quoted(name)
