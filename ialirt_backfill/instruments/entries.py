"""Tables of TOML become instruments.

Every key is looked at, and what is wrong is noted with the place it stands at, so that a person is told of all of it at
once. What is noted is then left out, and the reading goes on.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from ialirt_backfill.instruments import vounit
from ialirt_backfill.instruments.model import (
    LONGEST_LABEL,
    NANOSECONDS,
    PUBLIC_SINCE,
    Axis,
    Column,
    ColumnKind,
    ColumnType,
    Coordinate,
    Field,
    Instrument,
    Shape,
)

_T = TypeVar("_T")
_D = TypeVar("_D")
_E = TypeVar("_E", bound=Enum)

LONGEST_KEY = 32
"""What the table `workflow_progress` takes for a name."""
LONGEST_COLUMN = 63
"""What PostgreSQL takes for the name of a column."""
LONGEST_NAME = 32
"""Of an instrument: its tables in a database have it in their names."""
LONGEST_FILE_NAME = 200
"""Of a file and a folder, so that there is room for what stands behind it while it is written."""
MOST_COLUMNS = 1000
"""A table of PostgreSQL has room for 1,600 columns of the smallest kind."""
LONGEST_AXIS = 100_000
_RESERVED = ("instrument", "file_date", "extra", "time", "component", "bound")
"""What every record has, what every table of the mirror has, and what those who read the days are given beside them."""

TIME_UTC = "time_utc"
_SHAPES = ("vector", "list", "cell", "members")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_INSTRUMENT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_FILE_NAME = re.compile(r"imap_([A-Za-z0-9_.-]+)YYYYMMDD\.csv", re.ASCII)
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*", re.ASCII)
_WITHOUT_RANGE = ("text", "boolean")
_OF_NUMBERS = frozenset(ColumnKind) - {ColumnKind.TEXT}
_KINDS: Mapping[ColumnType, Collection[ColumnKind]] = {
    ColumnType.BOOLEAN: {ColumnKind.FLAG},
    ColumnType.TEXT: {ColumnKind.TEXT, ColumnKind.FLAG, ColumnKind.TIME},
    ColumnType.INTEGER: _OF_NUMBERS,
    ColumnType.MEASUREMENT: _OF_NUMBERS,
    ColumnType.JSON: _OF_NUMBERS,
}
"""What the values of a type can be."""
_CODE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(d|h|m|s)", re.ASCII)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DAY = timedelta(days=1)
_NO_CODES: Mapping[int, str] = MappingProxyType({})
_NO_BOUNDS: tuple[float | None, float | None] = (None, None)
_INT64 = 2**63


Place = tuple[str, ...]
"""Where something stands in a catalogue: ``("mag", "fields", "mag_epoch", "unit")``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a catalogue, and what to do."""

    place: Place
    what: str


@dataclass(slots=True)
class Table:
    """One table as it is read: every key is taken once, and those that nobody takes are unknown."""

    values: Mapping[str, Any]
    place: Place
    problems: list[Problem]
    taken: set[str] = field(default_factory=set)

    def wrong(self, what: str, *keys: str) -> None:
        """Note what is wrong with a key of this table, or with the table itself."""
        self.problems.append(Problem((*self.place, *keys), what))

    def get(self, key: str, form: Callable[[Any], _T], default: _D) -> _T | _D:
        """The value of a key; the default where it is not there, or is wrong."""
        self.taken.add(key)
        if key not in self.values:
            return default
        try:
            return form(self.values[key])
        except ValueError as error:
            self.wrong(str(error), key)
            return default

    def tables(self, key: str) -> dict[str, Table]:
        """The tables in the table of a key, by name."""
        self.taken.add(key)
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.wrong("write a table", key)
            return {}
        for name, values in found.items():
            if not isinstance(values, dict):
                self.wrong("write a table: { … }", key, name)
        tables = {name: values for name, values in found.items() if isinstance(values, dict)}
        return {name: Table(values, (*self.place, key, name), self.problems) for name, values in tables.items()}

    def refuse_unknown(self) -> None:
        """Note every key that was not taken."""
        for key in self.values:
            if key not in self.taken:
                near = difflib.get_close_matches(key, self.taken, n=1)
                known = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(self.taken))}"
                self.wrong(f"there is no key {key}. {known}", key)


# --- forms: a value of TOML as what it means; ValueError says what to write -------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'write a text, as "{value}"')
    if not value.isprintable():
        raise ValueError("write a text of one line")
    return value


def _some_text(value: Any) -> str:
    if not _text(value).strip():
        raise ValueError("write a text that is not empty")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")
    return value


def _duration(value: Any) -> timedelta:
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


def _window(value: Any) -> timedelta:
    found = _duration(value)
    if _DAY % found:
        raise ValueError('a day is not a whole number of these: write "1h", "90m", "12h" or "1d", for example')
    return found


def _key(value: Any) -> str:
    if len(_some_text(value)) > LONGEST_KEY:
        raise ValueError(f"write at most {LONGEST_KEY} characters")
    if value != value.strip():
        raise ValueError("write it without blanks at its ends")
    return str(value)


def _folder(value: Any) -> str:
    if not _FOLDER.fullmatch(_text(value)) or len(value) > LONGEST_FILE_NAME:
        raise ValueError('write a folder below the datastore, as "ialirt"')
    return str(value)


def _prefix(value: Any) -> str:
    """``ialirt_hit_`` of ``imap_ialirt_hit_YYYYMMDD.csv``."""
    match = _FILE_NAME.fullmatch(_text(value))
    if match is None or "YYYYMMDD" in match[1] or len(value) > LONGEST_FILE_NAME:
        raise ValueError('write the name as "imap_ialirt_hit_YYYYMMDD.csv", with YYYYMMDD where the day stands')
    return match[1]


def _moment(value: Any) -> datetime:
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


def _number(value: Any) -> float:
    try:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        raise ValueError("write a number that a float has room for") from None
    if not is_number:
        raise ValueError(f"{value!r} is not a number")
    found: float = value
    return found


def _distance(value: Any) -> float:
    if _number(value) < 0:
        raise ValueError(f"{value!r}: write a distance, 0 or more")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_AXIS:
        raise ValueError(f"write a whole number from 1 to {LONGEST_AXIS:,}")
    return value


def _list_of(form: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    def read(value: Any) -> tuple[_T, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("write a list that is not empty: [ … ]")
        return tuple(form(item) for item in value)

    return read


def _bounds(value: Any) -> tuple[float | None, float | None]:
    found = _list_of(_number)(value)
    if len(found) != 2 or found[0] > found[1]:
        raise ValueError("write the least and the greatest: [0.0, 360.0]")
    return found[0], found[1]


def _fill(type: ColumnType, *, is_time: bool) -> Callable[[Any], float | str | None]:
    """What stands for a missing value of a type; None, the usual one, for ``false``."""

    def read(value: Any) -> float | str | None:
        if value is False:
            return None
        match type:
            case ColumnType.BOOLEAN:
                raise ValueError("true and false have none, a missing one is an empty cell: leave it out")
            case ColumnType.TEXT:
                return _some_text(value)
            case ColumnType.MEASUREMENT | ColumnType.JSON if not is_time:
                return float(_number(value))
        if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
            raise ValueError(f"{value!r} is not a whole number of 64 bits, as the column holds")
        return value

    return read


def _unit(value: Any) -> str:
    if wrong := vounit.complaint(_text(value)):
        raise ValueError(f"{value!r} is no unit: {wrong}")
    return str(value)


def _label(value: Any) -> str:
    if len(_some_text(value)) > LONGEST_LABEL:
        raise ValueError(f"{len(value)} characters: write at most {LONGEST_LABEL}")
    return str(value)


def _name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise ValueError("write a name of letters, digits and _")
    return str(value)


def _name_or_none(value: Any) -> str:
    """A name, or ``false``: so it is undone."""
    return "" if value is False else _name(value)


def _components(value: Any) -> str:
    if not re.fullmatch(r"[a-z]{2,9}", _text(value)) or len(set(value)) != len(value):
        raise ValueError('write a letter for each component, as "xyz" or "rtn"')
    return str(value)


def _codes(value: Any) -> Mapping[int, str]:
    if not isinstance(value, dict) or not all(_CODE.fullmatch(it) and -_INT64 <= int(it) < _INT64 for it in value):
        raise ValueError('write a table of whole numbers and their names: { 1 = "Standby" }')
    return MappingProxyType({int(key): _some_text(name) for key, name in value.items()})


def _one_of(kind: type[_E]) -> Callable[[Any], _E]:
    def read(value: Any) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"write one of {', '.join(str(it.value) for it in kind)}") from None

    return read


# --- tables ahead of their reading ------------------------------------------------------------------------------------


def merged(known: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the keys of another put over it, table by table; of the shapes of a field the newer one holds."""
    if any(shape in own for shape in _SHAPES if shape != "members"):
        known = {key: value for key, value in known.items() if key not in _SHAPES}
        if "cell" in own:
            known.pop("type", None)
    if own.get("type", known.get("type")) != known.get("type"):  # what was said of its numbers is not said of these
        gone = {"fill", "valid"} if own["type"] in _WITHOUT_RANGE else {"fill"}
        known = {key: value for key, value in known.items() if key not in gone}
    found = dict(known)
    for key, value in own.items():
        before = found.get(key)
        found[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def likened(tables: Mapping[str, Any], place: Place, problems: list[Problem]) -> dict[str, Any]:
    """Fields, or members of an object, with what they have from those that they are like."""

    def full(name: str, seen: tuple[str, ...]) -> dict[str, Any]:
        own = {key: value for key, value in tables[name].items() if key != "like"}
        other = tables[name].get("like")
        if other is None:
            return own
        if not isinstance(tables.get(other) if isinstance(other, str) else None, dict) or other in seen:
            what = "itself" if other in seen else f"{other!r}, which is not here"
            near = difflib.get_close_matches(str(other), tables.keys() - {other}, n=1)
            hint = f" Did you mean {near[0]}?" if near and other not in seen else ""
            problems.append(Problem((*place, name, "like"), f"it cannot be like {what}.{hint}"))
            return own
        return merged(full(other, (*seen, other)), own)

    return {name: full(name, (name,)) if isinstance(values, dict) else values for name, values in tables.items()}


def expanded(name: str, table: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """An instrument's table without `like`, and without the fields that were taken away."""
    found = dict(table)
    fields = found.get("fields", {})
    if isinstance(fields, dict):
        fields = likened(fields, (name, "fields"), problems)
        for key, values in fields.items():
            if isinstance(values, dict) and isinstance(members := values.get("members"), dict):
                values["members"] = likened(members, (name, "fields", key, "members"), problems)
        found["fields"] = {key: values for key, values in fields.items() if values is not False}
    return found


def written(table: Mapping[str, Any]) -> str:
    """An expanded table as text, from which `instrument_of` makes the same instrument."""
    return json.dumps(table, default=lambda moment: moment.isoformat(), separators=(",", ":"), ensure_ascii=False)


# --- an instrument ----------------------------------------------------------------------------------------------------


def complaint_about_name(name: str) -> str:
    """What is wrong with the name of an instrument; empty: nothing."""
    if _INSTRUMENT.fullmatch(name) and name != "all" and len(name) <= LONGEST_NAME:
        return ""
    return f"write the name as the API has it: at most {LONGEST_NAME} small letters, digits and _"


def instrument_of(name: str, values: Mapping[str, Any], problems: list[Problem]) -> Instrument:
    """The instrument that an expanded table makes; what is wrong with it is added to ``problems``."""
    table = Table(values, (name,), problems)
    if wrong := complaint_about_name(name):
        table.wrong(wrong)
    for key in ("title", "cadence"):
        if key not in values:
            table.wrong(f"{key} is missing: write {key} = " + ('"…"' if key == "title" else '"4s"'))
    cadence = table.get("cadence", _duration, timedelta(minutes=1))
    axes = {key: _axis(key, it) for key, it in table.tables("axes").items()}
    coordinates = [_coordinate(key, it, axes) for key, it in table.tables("coordinates").items()]
    found = Instrument(
        name=name,
        title=table.get("title", _some_text, name),
        cadence=cadence,
        window=table.get("window", _window, timedelta(hours=1)),
        progress_key=table.get("progress_key", _key, f"{name.upper()}_IALIRT"),
        fields=_fields(table, axes, [it for it in coordinates if it is not None]),
        folder=table.get("folder", _folder, "ialirt"),
        file_prefix=table.get("file_name", _prefix, f"ialirt_{name}_"),
        other_file_prefixes=table.get("other_file_names", _list_or_none(_prefix), ()),
        irregular=table.get("irregular", _flag, False),
        longest_pause=table.get("longest_pause", _duration, 2.5 * cadence),
        public_since=table.get("public_since", _moment, PUBLIC_SINCE),
        scopes=table.get("scopes", _list_or_none(_some_text), ()),
        optional=table.get("optional", _flag, False),
        sentence=table.get("sentence", _text, ""),
        definition=written(values),
    )
    if len(found.progress_key) > LONGEST_KEY:
        table.wrong(f"progress_key is missing: {found.progress_key} has more than {LONGEST_KEY} characters")
    table.refuse_unknown()
    return found


def _list_or_none(form: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    """A list that may be empty: so a key of a known instrument is undone."""
    return lambda value: () if value == [] else _list_of(form)(value)


def _fields(table: Table, axes: Mapping[str, Axis], coordinates: Sequence[Coordinate]) -> tuple[Field, ...]:
    fields = [_field(name, it, axes, coordinates) for name, it in table.tables("fields").items()]
    if not any(it.name == TIME_UTC and _is_plain_text(it) for it in fields):
        table.wrong(f"every record has a {TIME_UTC}: leave it as it is", "fields", TIME_UTC)
    if len(fields) < 2:
        table.wrong("there are no fields: write at least one", "fields")
    seen: dict[str, str] = dict.fromkeys(_RESERVED, "the program")
    for entry in fields:
        for column in entry.columns:
            if len(column.name) > LONGEST_COLUMN:
                table.wrong(f"its column {column.name} has more than {LONGEST_COLUMN} characters", "fields", entry.name)
            if other := seen.get(column.name.lower()):
                table.wrong(f"its column {column.name} is one of {other} already", "fields", entry.name)
            seen[column.name.lower()] = entry.name
    if len(seen) > MOST_COLUMNS:
        table.wrong(f"more than {MOST_COLUMNS:,} columns: no table of a database has room for them", "fields")
    _check_names(table, fields, axes, [it.name for it in coordinates], seen)
    for axis in axes.values():
        _check_axis(axis, table, fields)
    return tuple(fields)


def _check_names(
    table: Table,
    fields: Sequence[Field],
    axes: Mapping[str, Axis],
    coordinates: Sequence[str],
    columns: Mapping[str, str],
) -> None:
    """Note what is called like something else that those are given who read the days; ``columns`` say of which field
    each column is."""
    instrument = table.place[0]
    for entry in fields:
        other = columns.get(entry.name.lower())
        if entry.shape in {Shape.LIST, Shape.OBJECT} and other not in {None, entry.name}:
            table.wrong(f"it is called like a column of {other}", "fields", entry.name)
        for column in entry.columns:
            of = column.name.lower().removesuffix("_count")
            if column.name.lower() == f"{instrument}_records" or (of != column.name.lower() and of in columns):
                what = f"its column {column.name} is called like a number that stands beside means"
                table.wrong(f"{what}: leave it out, and it is written as it comes", "fields", entry.name)
    names = dict(columns) | {entry.name.lower(): entry.name for entry in fields}
    beside = [("axes", name) for name, axis in axes.items() if not axis.field] + [
        ("coordinates", it) for it in coordinates
    ]
    for key, name in beside:
        if other := names.get(f"{instrument}_{name}".lower()):
            table.wrong(f"give it another name: in a Dataset it is called like {other}", key, name)


def _check_axis(axis: Axis, table: Table, fields: Sequence[Field]) -> None:
    """Note where an axis lies along times that are not there."""
    times = next((it for it in fields if it.name == axis.field), None)
    if axis.field and not (
        times is not None and times.columns[0].is_time and [it.name for it in times.axes] == [axis.name]
    ):
        what = f'write a field with the times along it, {axis.field} = {{ cell = ["{axis.name}"], unit = "ns" }}'
        table.wrong(f"{what}, or here field = false", "axes", axis.name, "field")


def _is_plain_text(entry: Field) -> bool:
    """Whether it is one text as it comes."""
    column = entry.columns[0] if entry.shape is Shape.SCALAR else None
    return column is not None and column.type is ColumnType.TEXT and not column.codes and column.stated_fill is None


def _axis(name: str, table: Table) -> Axis:
    found = Axis(
        name=name,
        label=table.get("label", _label, name[:LONGEST_LABEL]),
        unit=table.get("unit", _unit, ""),
        mission_unit=table.get("mission_unit", _text, str(table.values.get("unit", ""))),
        description=table.get("description", _text, ""),
        values=table.get("values", _list_of(_number), ()),
        labels=table.get("labels", _list_of(_some_text), ()),
        size=table.get("size", _count, 0),
        field=table.get("field", _name_or_none, ""),
        minus=table.get("minus", _list_of(_distance), ()),
        plus=table.get("plus", _list_of(_distance), ()),
    )
    if not _NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    if sum(key in table.values for key in ("values", "labels", "size")) != 1:
        table.wrong("write its values, its labels or its size: one of the three")
    for key, distances in (("minus", found.minus), ("plus", found.plus)):
        if distances and len(distances) != len(found.values):
            table.wrong(f"write as many as there are values: {len(found.values)}", key)
    if bool(found.minus) != bool(found.plus):
        table.wrong("write both or neither of minus and plus", "minus" if found.minus else "plus")
    if found.field and not found.size:
        table.wrong("only an axis with a size has its times in a field", "field")
    table.refuse_unknown()
    return found


def _coordinate(name: str, table: Table, axes: Mapping[str, Axis]) -> Coordinate | None:
    of = table.get("axes", _list_of(_name), ())
    values = table.get("values", _list_of(_list_of(_number)), ())
    label = table.get("label", _label, name[:LONGEST_LABEL])
    unit = table.get("unit", _unit, "")
    mission_unit = table.get("mission_unit", _text, unit)
    description = table.get("description", _text, "")
    table.refuse_unknown()
    if not _NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    if len(of) != 2 or len(set(of)) != 2 or not axes.keys() >= set(of):
        table.wrong(f"write two axes of {', '.join(axes) or 'this instrument'}", "axes")
        return None
    if [len(row) for row in values] != [len(axes[of[1]])] * len(axes[of[0]]):
        table.wrong(f"write {len(axes[of[0]])} lists of {len(axes[of[1]])} numbers", "values")
        return None
    return Coordinate(name, (of[0], of[1]), values, label, unit, mission_unit, description)


# --- a field ----------------------------------------------------------------------------------------------------------


def _field(name: str, table: Table, axes: Mapping[str, Axis], coordinates: Iterable[Coordinate]) -> Field:
    if not _NAME.fullmatch(name):
        table.wrong("write a name of letters, digits and _")
    shapes = [key for key in _SHAPES if key in table.values]
    if len(shapes) > 1:
        table.wrong(f"write one of {' and '.join(shapes)}", shapes[1])
    elif shapes == ["members"] or "prefix" in table.values:
        return _object(name, table)
    along = _axes_of(table, axes)
    pattern = _column(name, table, is_cell="cell" in shapes)
    label, description = pattern.label, pattern.description
    if shapes == ["vector"]:
        parts = [(part, part, f"{part.upper()} component") for part in along[0].labels] if along else []
        columns = tuple(_element(pattern, *part) for part in parts)
    elif shapes == ["list"]:
        parts = [(str(i), str(i), said) for i, said in enumerate(_said(along[0]), start=1)] if along else []
        columns = tuple(_element(pattern, *part) for part in parts)
    else:
        columns = (pattern,)
    shape = {"vector": Shape.LIST, "list": Shape.LIST, "cell": Shape.CELL}.get(next(iter(shapes), ""), Shape.SCALAR)
    depth = len(along) if shape is Shape.CELL else 0
    names = {axis.name for axis in along}
    near = tuple(it for it in coordinates if names.issuperset(it.axes))
    return Field(name, shape, columns, depth=depth, axes=along, coordinates=near, label=label, description=description)


def _axes_of(table: Table, axes: Mapping[str, Axis]) -> tuple[Axis, ...]:
    """The axes that a field names; those of a vector are its components."""
    components = table.get("vector", _components, "")
    named: tuple[str, ...] = table.get("cell", _list_of(_name), ())
    if one := table.get("list", _name, ""):
        named = (one,)
    if components:
        return (Axis("component", "component", labels=tuple(components), description="component of the vector"),)
    for name in named:
        if name not in axes:
            key = "list" if "list" in table.values else "cell"
            table.wrong(f"there is no axis {name!r}: write a table for it, [{table.place[0]}.axes.{name}]", key)
    if len(set(named)) < len(named):
        table.wrong("write each axis once", "cell")
    if one in axes and len(axes[one]) > MOST_COLUMNS:
        table.wrong(f'more than {MOST_COLUMNS:,} columns: write it as one, cell = ["{one}"]', "list")
        return ()
    return tuple(axes[name] for name in named if name in axes)


def _said(axis: Axis) -> list[str]:
    """What each element of an axis is, in words."""
    unit = axis.unit.replace("'", "")
    values = [f"{value:g} {unit}".rstrip() for value in axis.values] or list(axis.labels)
    return [f"{axis.name} {value}" for value in values or map(str, range(1, len(axis) + 1))]


def _element(pattern: Column, suffix: str, label: str, words: str) -> Column:
    """One column of a list, after the pattern of all of them."""
    short = pattern.label[: LONGEST_LABEL - len(label) - 1]
    return Column(
        name=f"{pattern.name}_{suffix}",
        type=pattern.type,
        unit=pattern.unit,
        description=f"{pattern.description}, {words}" if pattern.description else words,
        polynomial=pattern.polynomial,
        scopes=pattern.scopes,
        codes=pattern.codes,
        kind=pattern.kind,
        mission_unit=pattern.mission_unit,
        label=f"{short} {label}",
        valid_min=pattern.valid_min,
        valid_max=pattern.valid_max,
        stated_fill=pattern.stated_fill,
    )


def _object(name: str, table: Table) -> Field:
    prefix = table.get("prefix", _name, f"{name}_")
    scopes = table.get("scopes", _list_or_none(_some_text), ())
    description = table.get("description", _text, "")
    label = table.get("label", _label, name[:LONGEST_LABEL])
    members = table.tables("members")
    if not members:
        table.wrong("write a table for each of its members", "members")
    columns = tuple(_column(f"{prefix}{member}", it, scopes=scopes) for member, it in members.items())
    table.refuse_unknown()
    return Field(name, Shape.OBJECT, columns, tuple(members), prefix=prefix, label=label, description=description)


def _column(name: str, table: Table, *, is_cell: bool = False, scopes: tuple[str, ...] = ()) -> Column:
    codes = table.get("codes", _codes, _NO_CODES)
    usual = ColumnType.JSON if is_cell else ColumnType.TEXT if codes else ColumnType.MEASUREMENT
    unit = table.get("unit", _unit, "")
    type_ = table.get("type", _one_of(ColumnType), usual)
    kind = table.get("kind", _one_of(ColumnKind), _usual_kind(type_, unit))
    least, greatest = table.get("valid", _bounds, _NO_BOUNDS)
    found = Column(
        name=name,
        type=type_,
        unit=unit,
        description=table.get("description", _text, ""),
        polynomial=table.get("polynomial", _list_of(_number), ()),
        scopes=table.get("scopes", _list_or_none(_some_text), scopes),
        codes=codes,
        kind=kind,
        mission_unit=table.get("mission_unit", _text, unit),
        label=table.get("label", _label, name[:LONGEST_LABEL]),
        valid_min=least,
        valid_max=greatest,
        stated_fill=table.get("fill", _fill(type_, is_time=kind is ColumnKind.TIME and unit == NANOSECONDS), None),
    )
    _check_column(found, table, is_cell=is_cell)
    table.refuse_unknown()
    return found


def _check_column(found: Column, table: Table, *, is_cell: bool) -> None:
    """Note what of a column does not go together."""
    if (found.type is ColumnType.JSON) is not is_cell:
        table.wrong('"json" is the type of an array: write its axes, as cell = ["energy"]', "type")
    if found.codes and found.type is not ColumnType.TEXT:
        table.wrong('names are texts: write "text"', "type")
    if found.kind not in _KINDS[found.type]:
        known = " or ".join(it.value for it in ColumnKind if it in _KINDS[found.type])
        table.wrong(f"{found.type.value} can only be {known}", "kind")
    if found.valid_min is not None and found.type.value in _WITHOUT_RANGE:
        table.wrong(f"{found.type.value} has no range: leave it out", "valid")
    if found.polynomial and found.type is not ColumnType.MEASUREMENT:
        table.wrong('what is converted is a measurement: write "measurement"', "type")
    if found.polynomial and found.stated_fill is not None:
        table.wrong("what is converted is a fill no longer: leave it out", "fill")
    if _is_within(found):
        table.wrong("it may be true, as it is within valid: write what can stand for a missing value only", "fill")


def _is_within(column: Column) -> bool:
    """Whether its fill may be a true value as well."""
    fill, least, greatest = column.stated_fill, column.valid_min, column.valid_max
    return isinstance(fill, int | float) and least is not None and greatest is not None and least <= fill <= greatest


def _usual_kind(type: ColumnType, unit: str) -> ColumnKind:
    match type:
        case ColumnType.INTEGER | ColumnType.JSON if unit == NANOSECONDS:
            return ColumnKind.TIME
        case ColumnType.INTEGER:
            return ColumnKind.COUNT
        case ColumnType.BOOLEAN:
            return ColumnKind.FLAG
        case ColumnType.TEXT:
            return ColumnKind.TEXT
    return ColumnKind.MEASUREMENT
