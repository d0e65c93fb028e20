"""What is known of an instrument, as frozen records: its fields, the columns they become, who may have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType

LAUNCH = date(2025, 9, 24)
"""The day of launch: nothing was observed before it."""


PUBLIC_SINCE = datetime(2026, 2, 1, tzinfo=UTC)
"""Without a key the server refuses a start before this time, as its source had it on 2026-11-28. It may move: what a
run does, it learns from the server; this serves for words before the server is asked."""


SCOPES = ("full", "read")
"""A key with any of these scopes is shown what is restricted."""


FILL_VALUE = -1.0e31
"""What the science centre writes where a measurement is missing."""


NANOSECONDS = "ns"


TIME_UTC = "time_utc"
"""The field of every record, and the column of every day's file, that says when."""


LONGEST_LABEL = 20
"""So many characters may stand at an axis, by the rules of ISTP."""


class ColumnType(Enum):
    """What a column of a day's file holds, whatever one answer happened to send."""

    INTEGER = "integer"
    """Counts, flags 0/1 and times in nanoseconds: written without a decimal point, never through a float."""
    MEASUREMENT = "measurement"
    """A decimal number, also where a whole one arrived as ``1``."""
    BOOLEAN = "boolean"
    """``True`` or ``False``."""
    TEXT = "text"
    JSON = "json"
    """Compact JSON in one cell; missing values inside it are ``null``."""


class ColumnKind(Enum):
    """What the values of a column are to who works with them, however they are written."""

    MEASUREMENT = "measurement"
    COUNT = "count"
    """How many were counted; a background may have been subtracted."""
    TIME = "time"
    FLAG = "flag"
    """The state of something: on or off, a range, a word of status. No mean of it means anything."""
    TEXT = "text"


class Shape(Enum):
    """How one field of a record becomes columns of the file."""

    SCALAR = "scalar"
    """One value, one column."""
    LIST = "list"
    """A list of known length: one column per element."""
    OBJECT = "object"
    """An object: one column per member."""
    CELL = "cell"
    """A list or a nested array: one cell of JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a day's file.

    ``unit`` is a VOUnit, ``""`` for none, ``mission_unit`` the same in the words of the mission's daily CDF; ``label``
    is short enough for an axis. ``valid_min`` and ``valid_max`` are what may be true, None where nobody says.
    ``stated_fill`` is what stands for a missing value, where the catalogue says it.
    ``polynomial`` converts the raw value that arrives to ``unit``: coefficients in rising powers of the raw value.
    ``codes`` names the values of a coded integer. ``scopes``, where there are any, says that the server shows it to a
    key with one of them only.
    """

    name: str
    type: ColumnType
    unit: str = ""
    description: str = ""
    polynomial: tuple[float, ...] = ()
    scopes: tuple[str, ...] = ()
    codes: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    kind: ColumnKind = ColumnKind.MEASUREMENT
    mission_unit: str = ""
    label: str = ""
    valid_min: float | None = None
    valid_max: float | None = None
    stated_fill: float | str | None = None

    @property
    def is_time(self) -> bool:
        """Whether it holds nanoseconds since J2000: of 18 or 19 digits, more than a float can."""
        is_time = self.kind is ColumnKind.TIME and self.unit == NANOSECONDS  # of few columns: nothing else is looked at
        return is_time and self.type in {ColumnType.INTEGER, ColumnType.JSON}

    @property
    def fill(self) -> float | str | None:
        """What the science centre writes where a value is missing; None where it writes nothing of the kind.

        `FILL_VALUE` is an empty cell of a day's file. Another one stands there as it came, and is read as missing.
        """
        if self.stated_fill is not None:
            return self.stated_fill
        is_number = self.type in {ColumnType.MEASUREMENT, ColumnType.JSON} and not self.is_time
        return FILL_VALUE if is_number else None

    @property
    def unit_shown(self) -> str:
        """The unit for a person to read, without the quotes around what VOUnit does not know."""
        return self.unit.replace("'", "")


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What the elements of a list, or of an array in one direction, belong to.

    Either each has one of the ``values`` (``minus`` and ``plus`` are the distances to the edges around it), or one of
    the ``labels``, or there are ``size`` of them and where each lies comes with the record, in ``field``.
    """

    name: str
    label: str = ""
    unit: str = ""
    mission_unit: str = ""
    description: str = ""
    values: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    size: int = 0
    field: str = ""
    minus: tuple[float, ...] = ()
    plus: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.values) or len(self.labels) or self.size


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate:
    """What depends on two axes at once, as the angle of a sector at an elevation: ``values[i][j]`` belongs to the
    element ``i`` of the first and ``j`` of the second of ``axes``, which are names."""

    name: str
    axes: tuple[str, str]
    values: tuple[tuple[float, ...], ...]
    label: str = ""
    unit: str = ""
    mission_unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a record, as the API names it, and the columns it becomes.

    For ``Shape.LIST`` the columns stand in the order of the elements, all of one type; for ``Shape.OBJECT`` ``members``
    names the member of the object that each column comes from; for ``Shape.CELL`` lists are nested ``depth`` deep.
    ``axes`` are those of a list (one) or of a cell (one for each depth, the outermost first), ``coordinates`` what
    depends on two of them. ``label`` and ``description`` are of the field as a whole.
    """

    name: str
    shape: Shape
    columns: tuple[Column, ...]
    members: tuple[str, ...] = ()
    depth: int = 0
    prefix: str = ""
    """For ``Shape.OBJECT``: what a member not listed here is written under, ``<prefix><member>``."""
    axes: tuple[Axis, ...] = ()
    coordinates: tuple[Coordinate, ...] = ()
    label: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One product of the API.

    A day's file is ``<folder>/YYYY/MM/imap_<file_prefix>YYYYMMDD.csv``; ``other_file_prefixes`` are what other programs
    write instead of ``file_prefix``.
    ``cadence`` is the nominal time between records; where it is ``irregular``, availability counts minutes that hold a
    record. ``window`` is a stretch whose records stay well below the API's limit of 1 MB a query. A stretch without
    records longer than ``longest_pause`` is a gap. ``public_since`` is since when its records need no key; ``scopes``,
    where there are any, says that no key without one of them is given any. What is ``optional`` is not missed by who
    asks for all instruments. ``sentence`` says what it measures. ``definition`` is its whole table of the catalogue.
    """

    name: str
    title: str
    cadence: timedelta
    window: timedelta
    progress_key: str
    fields: tuple[Field, ...]
    folder: str = "ialirt"
    file_prefix: str = ""
    other_file_prefixes: tuple[str, ...] = ()
    irregular: bool = False
    longest_pause: timedelta = timedelta(0)
    public_since: datetime = PUBLIC_SINCE
    scopes: tuple[str, ...] = ()
    optional: bool = False
    sentence: str = ""
    definition: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.longest_pause:
            object.__setattr__(self, "longest_pause", 2.5 * self.cadence)

    def __reduce__(self) -> tuple[Callable[[str, str], Instrument], tuple[str, str]]:
        """In another process an instrument of the default catalogue is that process's own; any other is made there from
        its definition, once."""
        from ialirt_backfill.instruments.catalogue import defined, is_own  # noqa: PLC0415 - it is made of this model

        return defined, (self.name, "" if is_own(self) else self.definition)

    def path(self, day: date) -> PurePosixPath:
        """Where the file of ``day`` lies, relative to the root of the datastore."""
        return self._path(day, self.file_prefix)

    def paths(self, day: date) -> tuple[PurePosixPath, ...]:
        """Where the file of ``day`` lies, and where it lies when another program has named it."""
        return tuple(self._path(day, prefix) for prefix in (self.file_prefix, *self.other_file_prefixes))

    def folder_of(self, day: date) -> PurePosixPath:
        """Where the files of the day's month lie, relative to the root of the datastore."""
        return PurePosixPath(self.folder, f"{day:%Y}", f"{day:%m}")

    def _path(self, day: date, prefix: str) -> PurePosixPath:
        return self.folder_of(day) / f"imap_{prefix}{day:%Y%m%d}.csv"

    @property
    def columns(self) -> dict[str, Column]:
        """Every column this instrument is known to have, by name."""
        return {column.name: column for entry in self.fields for column in entry.columns}

    @property
    def restricted_columns(self) -> frozenset[str]:
        """The names of the columns that not every key is shown; all of them where the instrument itself is not."""
        return frozenset(name for name, column in self.columns.items() if self.scopes or column.scopes)

    @property
    def has_restricted_fields(self) -> bool:
        """Whether a key without a scope is given records of it, but not all of their fields."""
        return not self.scopes and any(column.scopes for column in self.columns.values())
