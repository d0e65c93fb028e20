"""What is served, as data: a dataset is an instrument's records, or their means, with the columns of the catalogue.

The columns are those of the catalogue whatever a day's file holds, so that what one client has learned of a dataset
holds for every day. A vector, or a spectrum, is one parameter with a size. HAPI knows integers of 32 bits, doubles,
times and texts: flags are integers, counts may be larger and are doubles, and nanoseconds become times in UTC, of which
none is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from math import prod
from typing import Any

from ialirt_backfill.instruments import (
    FILL_VALUE,
    TIME_UTC,
    Axis,
    Column,
    ColumnKind,
    ColumnType,
    Field,
    Instrument,
    Shape,
)
from ialirt_backfill.read.averages import (
    averages_schema,
    count_name,
    has_mean,
    mean_axes,
    mean_description,
    records_name,
)
from ialirt_backfill.read.schema import schema_of

_TIME = "Time"
"""The first parameter of every dataset."""

DOUBLE_FILL = FILL_VALUE
INTEGER_FILL = -(2**31)
INSTANT_FILL = "9999-12-31T23:59:59.999999999Z"
"""What a CDF shows for a time that is missing."""

TEXT_FILL = "-"
"""Not the empty text: who divides a line of CSV at its commas may lose a last cell that is empty."""

MOST_DIMENSIONS = 3
"""Clients keep arrays of so many dimensions beside time; one of more comes in pieces along its first axis."""

_LONGEST_TEXT = 64
_FRAMES = ("GSE", "GSM", "RTN")
_CARTESIAN = ["x", "y", "z"]


class Type(Enum):
    """The types of HAPI."""

    TIME = "isotime"
    TEXT = "string"
    INTEGER = "integer"
    DOUBLE = "double"


class Means(Enum):
    """What the rows of a dataset are, by what stands behind the instrument in its name."""

    NONE = ""
    MINUTE = "_1min"
    HOUR = "_1h"

    @property
    def stretch(self) -> timedelta | None:
        """How long a mean is made over; None for the records themselves."""
        return {Means.MINUTE: timedelta(minutes=1), Means.HOUR: timedelta(hours=1)}.get(self)


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One parameter: the columns that it is made of, and how HAPI describes it.

    ``piece`` is which of the ``pieces`` along the first axis of an array in one cell it is, None for the whole.
    ``size`` is empty for a single value; ``length`` is that of a text or a time. ``is_shown_to_all`` is false for what
    the server of I-ALiRT shows to keys with a scope only.
    """

    name: str
    type: Type
    columns: tuple[str, ...]
    size: tuple[int, ...] = ()
    length: int | None = None
    units: str | None = None
    fill: str | None = None
    label: str | list[str] = ""
    description: str = ""
    piece: int | None = None
    pieces: int = 0
    axes: tuple[Axis, ...] = ()
    frame: str = ""
    is_shown_to_all: bool = True

    @property
    def width(self) -> int:
        """How many values it has in a row."""
        return prod(self.size)

    def described(self) -> dict[str, Any]:
        """As `info` has it."""
        found: dict[str, Any] = {"name": self.name, "type": self.type.value, "units": self.units, "fill": self.fill}
        if self.length is not None:
            found["length"] = self.length
        if self.size:
            found["size"] = list(self.size)
        if self.label:
            found["label"] = self.label
        if self.description:
            found["description"] = self.description
        if any(axis.values for axis in self.axes):
            found["bins"] = [_bins(axis) for axis in self.axes]
        if self.frame:
            found["coordinateSystemName"] = self.frame
            found["vectorComponents"] = _CARTESIAN if self.frame != "RTN" else ["other"] * 3
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """One dataset of the catalog."""

    id: str
    instrument: Instrument
    means: Means
    parameters: tuple[Parameter, ...] = field(repr=False)

    @property
    def title(self) -> str:
        """At most 40 characters."""
        every = {Means.NONE: "", Means.MINUTE: " (1 min)", Means.HOUR: " (1 h)"}[self.means]
        return f"{self.instrument.title}{every}"

    @property
    def cadence(self) -> timedelta:
        """The nominal time between two rows."""
        return self.means.stretch or self.instrument.cadence

    @property
    def names(self) -> list[str]:
        """Of its parameters, in order."""
        return [parameter.name for parameter in self.parameters]


def datasets(instruments: Iterable[Instrument], *, restricted: bool) -> dict[str, Dataset]:
    """All that is served, by id; what is not for everybody only where it is ``restricted`` who may ask.

    There are no means where nothing has one.
    """
    found = {}
    for instrument in instruments:
        if instrument.scopes and not restricted:
            continue
        for means in Means:
            parameters = [it for it in _parameters(instrument, means) if restricted or it.is_shown_to_all]
            if any(has_mean(column) for column in instrument.columns.values()) or means is Means.NONE:
                id_ = f"{instrument.name}{means.value}"
                found[id_] = Dataset(id_, instrument, means, tuple(parameters))
    return found


def _parameters(instrument: Instrument, means: Means) -> list[Parameter]:
    time = Parameter(_TIME, Type.TIME, (TIME_UTC,), length=20, units="UTC", label="Time", description=_of_time(means))
    own = [it for entry in instrument.fields for it in _of_field(entry, means) if it.columns != (TIME_UTC,)]
    if means is Means.NONE:
        return [time, *sorted(own, key=lambda it: it.type in {Type.TIME, Type.TEXT})]  # what is measured comes first
    made = set(averages_schema(instrument, schema_of(instrument)).names)
    averaged = [it for it in own if set(it.columns) <= made]
    return [time, *(_mean(it) for it in averaged), *(_count(it) for it in averaged), _records(instrument)]


def _of_time(means: Means) -> str:
    return "time of the record" if means is Means.NONE else "beginning of the stretch that the means are made over"


def _of_field(entry: Field, means: Means) -> Iterator[Parameter]:
    """The parameters that a field becomes. The means of arrays have no axis that is time."""
    if entry.shape is Shape.LIST:
        yield _list(entry)
    elif entry.shape is Shape.CELL:
        is_mean = means is not Means.NONE
        about = mean_description(entry, entry.description) if is_mean else entry.description
        yield from _cell(entry, mean_axes(entry) if is_mean else entry.axes, about)
    else:
        yield from (_scalar(column) for column in entry.columns)


def _scalar(column: Column) -> Parameter:
    return Parameter(
        name=column.name,
        columns=(column.name,),
        label=column.label,
        description=column.description,
        **_as_type(column),
    )


def _list(entry: Field) -> Parameter:
    frame = next((it for it in _FRAMES if entry.name.endswith(f"_{it}") and len(entry.columns) == len(_CARTESIAN)), "")
    return Parameter(
        name=entry.name,
        columns=tuple(column.name for column in entry.columns),
        size=(len(entry.columns),),
        label=[column.label for column in entry.columns] if frame else entry.label,
        description=entry.description,
        axes=entry.axes,
        frame=frame,
        **_as_type(entry.columns[0]),
    )


def _cell(entry: Field, axes: tuple[Axis, ...], description: str) -> Iterator[Parameter]:
    (column,) = entry.columns
    sizes = tuple(len(axis) for axis in axes)
    about: dict[str, Any] = {"columns": (column.name,), "label": entry.label, **_as_type(column)}
    if len(sizes) <= MOST_DIMENSIONS:
        yield Parameter(name=entry.name, size=sizes, axes=axes, description=description, **about)
        return
    first, *others = axes
    for piece in range(len(first)):
        yield Parameter(
            name=f"{entry.name}_{piece + 1}",
            size=sizes[1:],
            axes=tuple(others),
            description=f"{description}; here number {piece + 1} along {first.label or first.name}",
            piece=piece,
            pieces=len(first),
            **about,
        )


def _as_type(column: Column) -> dict[str, Any]:
    """What HAPI says of values like those of a column, as arguments of `Parameter`."""
    shown = {"is_shown_to_all": not column.scopes}
    units = column.unit or None
    if column.is_time:
        return {"type": Type.TIME, "length": len(INSTANT_FILL), "units": "UTC", "fill": INSTANT_FILL, **shown}
    if column.type is ColumnType.TEXT:
        return {"type": Type.TEXT, "length": _LONGEST_TEXT, "units": None, "fill": _text_fill(column), **shown}
    if column.kind is ColumnKind.FLAG:
        return {"type": Type.INTEGER, "units": units, "fill": _integer_fill(column), **shown}
    return {"type": Type.DOUBLE, "units": units, "fill": _double_fill(column), **shown}


def _text_fill(column: Column) -> str:
    fill = column.fill
    return fill if isinstance(fill, str) and len(fill.encode()) <= _LONGEST_TEXT else TEXT_FILL


def _double_fill(column: Column) -> str:
    return repr(DOUBLE_FILL if column.fill is None else float(column.fill))


def _integer_fill(column: Column) -> str:
    """That of the column, where an integer of HAPI can be it."""
    fill = column.fill
    if isinstance(fill, int | float) and float(fill).is_integer() and -(2**31) <= fill < 2**31:
        return str(int(fill))
    return str(INTEGER_FILL)


def _mean(parameter: Parameter) -> Parameter:
    fill, description = f"{DOUBLE_FILL:g}", f"mean: {parameter.description}"
    return replace(parameter, type=Type.DOUBLE, fill=fill, description=description)


def _count(parameter: Parameter) -> Parameter:
    return replace(
        parameter,
        name=count_name(parameter.name),
        type=Type.INTEGER,
        columns=tuple(count_name(column) for column in parameter.columns),
        units=None,
        fill=str(INTEGER_FILL),
        label="",
        description=f"values in the mean of {parameter.name}",
        axes=(),
        frame="",
    )


def _records(instrument: Instrument) -> Parameter:
    name = records_name(instrument)
    about = "records in the stretch"
    return Parameter(name, Type.INTEGER, (name,), fill=str(INTEGER_FILL), description=about)


def _bins(axis: Axis) -> dict[str, Any]:
    """An axis as HAPI describes a dimension. It wants a text for a unit, also where there is none."""
    found: dict[str, Any] = {"name": axis.name, "units": axis.unit or "dimensionless", "label": axis.label or axis.name}
    found["centers"] = list(axis.values) or None
    if axis.minus and axis.plus:
        edges = zip(axis.values, axis.minus, axis.plus, strict=True)
        found["ranges"] = [[centre - below, centre + above] for centre, below, above in edges]
    if axis.description:
        found["description"] = axis.description
    return found
