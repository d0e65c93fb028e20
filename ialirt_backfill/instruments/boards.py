"""Boards: the pictures that are drawn by name, as the file ``boards.toml`` beside this one has them.

A board says what is to be seen, never how it is drawn.
"""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any

from ialirt_backfill.instruments.entries import forms
from ialirt_backfill.instruments.entries.tables import Problem, Table
from ialirt_backfill.instruments.model import Axis, ColumnType, Field, Instrument

KEY = "board"
"""The table that boards stand in: ``[board.NAME]``."""

_NAME = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_DAYS = re.compile(r"(\d+)d", re.ASCII)


class BoardKind(Enum):
    """How a board is laid out."""

    STACK = "stack"
    """Panels under one another, on one axis of time."""
    GRID = "grid"
    """Panels side by side, each with an axis of its own."""
    COVERAGE = "coverage"
    """How complete the instruments' days are."""
    ORBIT = "orbit"
    """Where the spacecraft is."""


class PanelKind(Enum):
    """How a panel shows its columns."""

    LINES = "lines"
    POINTS = "points"
    SPECTRUM = "spectrum"
    FLAGS = "flags"
    STATES = "states"


class Scale(Enum):
    """Of an axis of values."""

    LINEAR = "linear"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Mark:
    """What of a column lies below a value is marked."""

    column: str
    below: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a board would show and does not. ``column`` is a column or a field; None: all of the instrument."""

    instrument: str
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Columns of one instrument, on one axis. ``columns`` are names of columns or of fields, and so is ``right``.

    ``normal`` is what flags ordinarily are; None: nobody says.
    """

    kind: PanelKind
    instrument: Instrument
    columns: tuple[str, ...]
    right: tuple[str, ...] = ()
    label: str = ""
    scale: Scale = Scale.LINEAR
    range: tuple[float, float] | None = None
    height: float = 1.0
    mark: Mark | None = None
    normal: bool | None = False


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A picture that is drawn by name. Of an orbit there are ``instrument``, ``position`` and ``places``, in km.

    ``left_out`` is what does not fit the instruments as they are now, since a catalogue changed them.
    """

    name: str
    title: str
    kind: BoardKind = BoardKind.STACK
    across: int = 4
    last: timedelta = timedelta(days=3)
    panels: tuple[Panel, ...] = ()
    instrument: Instrument | None = None
    position: str = ""
    places: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    left_out: tuple[LeftOut, ...] = ()


def boards_of(
    tables: Mapping[str, Any], instruments: Mapping[str, Instrument], problems: list[Problem]
) -> dict[str, Board]:
    """The boards in the table ``[board]`` of a catalogue; what is wrong with them is noted, with its place."""
    found = Table({KEY: tables}, (), problems).tables(KEY)
    return {name: _board(name, table, instruments) for name, table in found.items()}


def own_tables() -> dict[str, Any]:
    """The tables of the boards that come with the program."""
    found: dict[str, Any] = tomllib.loads((pkgutil.get_data(__package__, "boards.toml") or b"").decode())[KEY]
    return found


def energies_of(entry: Field) -> Axis | None:
    """The axis of a field that its elements have their energies on; None where there is none."""
    return next((axis for axis in entry.axes if axis.values and axis.unit.endswith("eV")), None)


def fields_of(instrument: Instrument) -> dict[str, Field]:
    """The field of each name that a panel may have: that of a field, or of one of its columns."""
    by_name = {column.name: entry for entry in instrument.fields for column in entry.columns}
    return by_name | {entry.name: entry for entry in instrument.fields}


# --- tables -----------------------------------------------------------------------------------------------------------


def _board(name: str, table: Table, instruments: Mapping[str, Instrument]) -> Board:
    if not _NAME.fullmatch(name):
        table.wrong("write a name of small letters, digits and -")
    kind = table.get("kind", forms.one_of(BoardKind), BoardKind.STACK)
    has_panels = kind in {BoardKind.STACK, BoardKind.GRID}
    left_out: list[LeftOut] = []
    found = Board(
        name=name,
        title=table.get("title", _words, name),
        kind=kind,
        across=table.get("across", _count, 4),
        last=table.get("last", _days, timedelta(days=3)),
        panels=tuple(_panels(table, instruments, left_out)) if has_panels else (),
        instrument=table.get("instrument", _instrument(instruments), None) if kind is BoardKind.ORBIT else None,
        position=table.get("position", _words, "") if kind is BoardKind.ORBIT else "",
        places=table.get("places", _places, MappingProxyType({})) if kind is BoardKind.ORBIT else MappingProxyType({}),
    )
    if has_panels and not found.panels and not left_out:
        table.wrong(f"there are no panels: write at least one, [[{KEY}.{name}.panels]]", "panels")
    if kind is BoardKind.ORBIT and found.instrument is not None:
        entry = {it.name: it for it in found.instrument.fields}.get(found.position)
        if entry is None or len(entry.columns) != 3:
            table.wrong(f"write a field of {found.instrument.name} that is a vector of 3", "position")
            left_out.append(LeftOut(found.instrument.name, found.position, "no vector of 3"))
    elif kind is BoardKind.ORBIT:
        table.wrong("say whose position it is", "instrument")
    table.refuse_unknown()
    return replace(found, left_out=tuple(left_out))


def _panels(table: Table, instruments: Mapping[str, Instrument], left_out: list[LeftOut]) -> Iterator[Panel]:
    for number, values in enumerate(table.get("panels", _tables, []), start=1):
        one = Table(values, (*table.place, "panels", str(number)), table.problems)
        panel = _panel(one, instruments, left_out)
        if panel is not None and panel.columns:
            yield panel


def _panel(table: Table, instruments: Mapping[str, Instrument], left_out: list[LeftOut]) -> Panel | None:
    kinds = [kind for kind in PanelKind if kind.value in table.values]
    instrument = table.get("instrument", _instrument(instruments), None)
    if len(kinds) != 1:
        table.wrong(f"write one of {', '.join(kind.value for kind in PanelKind)}")
    if len(kinds) != 1 or instrument is None:
        if "instrument" not in table.values:
            table.wrong("say whose columns they are", "instrument")
        return None
    kind = kinds[0]
    found = Panel(
        kind=kind,
        instrument=instrument,
        columns=_shown(table, kind.value, kind, instrument, left_out),
        right=_shown(table, "right", kind, instrument, left_out),
        label=table.get("label", _words, ""),
        scale=table.get("scale", forms.one_of(Scale), Scale.LINEAR),
        range=table.get("range", _range, None),
        height=table.get("height", _height, 1.0),
        mark=table.get("mark", _mark, None),
        normal=table.get("normal", forms.flag, False),
    )
    if kind is PanelKind.SPECTRUM and len(found.columns) > 1:
        table.wrong("write one field", kind.value)
    if kind is not PanelKind.LINES and (found.right or found.mark):
        table.wrong("that is for lines", "right" if found.right else "mark")
    if found.scale is Scale.LOG and found.range is not None and found.range[0] <= 0:
        table.wrong("a logarithm needs more than 0", "range")
    table.refuse_unknown()
    return _marked(found, table)


def _marked(panel: Panel, table: Table) -> Panel:
    """The panel; without its mark where that is of a column that it does not show."""
    entries = fields_of(panel.instrument)
    lines = {it.name for name in panel.columns for it in entries[name].columns if name in {entries[name].name, it.name}}
    if panel.mark is None or panel.mark.column in lines:
        return panel
    table.wrong(f"{panel.mark.column} is not one of the lines", "mark")
    return replace(panel, mark=None)


def _shown(table: Table, key: str, kind: PanelKind, instrument: Instrument, left_out: list[LeftOut]) -> tuple[str, ...]:
    """The columns that a key of a panel names. One that cannot be shown so is noted, and left out."""
    found = []
    for name in table.get(key, _names, ()):
        reason = _misfit(kind, instrument, name)
        if reason is None:
            found.append(name)
        else:
            table.wrong(f"{name} is {reason}", key)
            left_out.append(LeftOut(instrument.name, name, reason))
    return tuple(found)


def _misfit(kind: PanelKind, instrument: Instrument, name: str) -> str | None:
    """What is wrong with a name in a panel of this kind, after the word "is"; None: nothing."""
    entry = fields_of(instrument).get(name)
    if entry is None:
        return f"no column of {instrument.name}"
    types = {column.type for column in entry.columns if name in {entry.name, column.name}}
    match kind:
        case PanelKind.SPECTRUM if energies_of(entry) is None or name != entry.name:
            return "no field with an axis of energies"
        case PanelKind.SPECTRUM if ColumnType.TEXT in types:
            return "no number"
        case PanelKind.LINES | PanelKind.POINTS if types & {ColumnType.TEXT, ColumnType.JSON}:
            return "no number"
        case PanelKind.FLAGS if not types <= {ColumnType.BOOLEAN, ColumnType.INTEGER}:
            return "no flag"
        case PanelKind.STATES if not types <= {ColumnType.TEXT, ColumnType.INTEGER, ColumnType.BOOLEAN}:
            return "no state"
    return None


# --- forms: a value of TOML as what it means; ValueError says what to write -------------------------------------------


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("write a text of one line that is not empty")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 12:
        raise ValueError("write a whole number from 1 to 12")
    return value


def _number(value: Any) -> float:
    return float(forms.number(value))


def _height(value: Any) -> float:
    if not 0.2 <= _number(value) <= 10:
        raise ValueError("write a number from 0.2 to 10")
    return float(value)


def _range(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or _number(value[0]) >= _number(value[1]):
        raise ValueError("write the least and the greatest: [0.0, 360.0]")
    return float(value[0]), float(value[1])


def _days(value: Any) -> timedelta:
    match = _DAYS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) <= 36_500:
        raise ValueError('write whole days, as "3d"')
    return timedelta(days=int(match[1]))


def _mark(value: Any) -> Mark:
    if not isinstance(value, dict) or value.keys() != {"column", "below"}:
        raise ValueError('write { column = "…", below = -10.0 }')
    return Mark(_words(value["column"]), _number(value["below"]))


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(it, dict) for it in value):
        raise ValueError("write a list of tables")
    return value


def _places(value: Any) -> Mapping[str, tuple[float, ...]]:
    if not isinstance(value, dict):
        raise ValueError("write a table of places: { L1 = [1500000.0, 0.0, 0.0] }")
    for place in value.values():
        if not isinstance(place, list) or len(place) != 3:
            raise ValueError("write x, y and z of each place, in km: { L1 = [1500000.0, 0.0, 0.0] }")
    return MappingProxyType({_words(name): tuple(map(_number, place)) for name, place in value.items()})


def _instrument(instruments: Mapping[str, Instrument]) -> Callable[[Any], Instrument]:
    def read(value: Any) -> Instrument:
        if not isinstance(value, str) or value not in instruments:
            raise ValueError(f"write one of {', '.join(instruments)}")
        return instruments[value]

    return read


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("write a list of columns that is not empty: [ … ]")
    return tuple(value)
