"""The instruments of I-ALiRT, as data: what the API serves and what a day's file holds.

Every product of the API is called an *instrument*, housekeeping and spacecraft included. A ninth instrument is a new
entry in :data:`INSTRUMENTS`; no other code knows any of them by name.

Sources: the ``ialirt-data-access`` package and its README; IMAP-Science-Operations-Center/sds-data-manager
(``lambda_code/IAlirtCode``, the API's query and ingest functions); IMAP-Science-Operations-Center/imap_processing
(``ialirt/``, the product algorithms and packet definition 4.05). Read as of November 2026.
"""

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

    @property
    def is_time(self) -> bool:
        """Whether it holds nanoseconds: of 18 or 19 digits, more than a float can."""
        return self.unit == NANOSECONDS


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a record, as the API names it, and the columns it becomes.

    For ``Shape.LIST`` the columns stand in the order of the elements, all of one type; for ``Shape.OBJECT`` ``members``
    names the member of the object that each column comes from; for ``Shape.CELL`` lists are nested ``depth`` deep.
    """

    name: str
    shape: Shape
    columns: tuple[Column, ...]
    members: tuple[str, ...] = ()
    depth: int = 0
    prefix: str = ""
    """For ``Shape.OBJECT``: what a member not listed here is written under, ``<prefix><member>``."""


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One product of the API.

    A day's file is ``<folder>/YYYY/MM/imap_<file_prefix>YYYYMMDD.csv``; ``other_file_prefixes`` are what other programs
    write instead of ``file_prefix``.
    ``cadence`` is the nominal time between records; where it is ``irregular``, availability counts minutes that hold a
    record. ``window`` is a stretch whose records stay well below the API's limit of 1 MB a query. A stretch without
    records longer than ``longest_pause`` is a gap. ``public_since`` is since when its records need no key; ``scopes``,
    where there are any, says that no key without one of them is given any.
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

    def __post_init__(self) -> None:
        if not self.longest_pause:
            object.__setattr__(self, "longest_pause", 2.5 * self.cadence)

    def __reduce__(self) -> tuple[Callable[[str], Instrument], tuple[str]]:
        """In another process an instrument is that process's own entry of the table."""
        return _entry, (self.name,)

    def path(self, day: date) -> PurePosixPath:
        """Where the file of ``day`` lies, relative to the root of the datastore."""
        return self._path(day, self.file_prefix)

    def paths(self, day: date) -> tuple[PurePosixPath, ...]:
        """The same, and where the file lies when another program has named it."""
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


# --- building blocks of the table below -------------------------------------------------------------------------------

_TT = "nanoseconds of Terrestrial Time since J2000"
TIME = Field(
    "time_utc",
    Shape.SCALAR,
    (Column("time_utc", ColumnType.TEXT, "UTC", "time of the record, ISO 8601, whole seconds, no zone"),),
)
_TTJ2000 = Field(
    "ttj2000ns", Shape.SCALAR, (Column("ttj2000ns", ColumnType.INTEGER, "ns", f"time of the record, {_TT}"),)
)
_KERNELS = Field(
    "kernel_set_key",
    Shape.SCALAR,
    (Column("kernel_set_key", ColumnType.TEXT, "", "set of SPICE kernels the record was made with"),),
)


def _scalar(name: str, type: ColumnType, unit: str, description: str) -> Field:
    return Field(name, Shape.SCALAR, (Column(name, type, unit, description),))


def _epoch(instrument: str) -> Field:
    return _scalar(f"{instrument}_epoch", ColumnType.INTEGER, "ns", f"time of the measurement, {_TT}")


def _vector(name: str, unit: str, description: str) -> Field:
    axes = "rtn" if name.endswith("_RTN") else "xyz"
    columns = tuple(
        Column(f"{name}_{axis}", ColumnType.MEASUREMENT, unit, f"{description}, {axis.upper()} component")
        for axis in axes
    )
    return Field(name, Shape.LIST, columns)


def _counts(name: str, description: str, *scopes: str) -> Field:
    """Counts that may come with fractions: a background may have been subtracted."""
    column = Column(name, ColumnType.MEASUREMENT, "counts", description, scopes=scopes)
    return Field(name, Shape.SCALAR, (column,))


def _hk_columns() -> dict[str, Column]:
    """The members of ``mag_hk_status`` and their columns, in the units of packet definition 4.05."""

    def number(name: str, unit: str, description: str, *polynomial: float) -> Column:
        return Column(f"mag_hk_{name}", ColumnType.MEASUREMENT, unit, description, polynomial)

    def flag(name: str, description: str) -> Column:
        return Column(f"mag_hk_{name}", ColumnType.BOOLEAN, "", description)

    columns: dict[str, Column] = {}
    for sensor, title, polynomial in (
        ("fib", "inboard", (-442.261486, 0.360584507, -1.21404793e-4, 1.910344879e-8)),
        ("fob", "outboard", (-391.2388, 0.2892792, -8.7790356e-5, 1.373157e-8)),
    ):
        range_name = f"{sensor}_range"
        columns[range_name] = Column(f"mag_hk_{range_name}", ColumnType.INTEGER, "", f"range of the {title} sensor")
        columns[f"{sensor}_saturated"] = flag(f"{sensor}_saturated", f"the {title} sensor is saturated")
        columns[f"{sensor}_temp"] = number(
            f"{sensor}_temp", "degC", f"temperature of the {title} sensor's electronics", *polynomial
        )
    columns["icu_temp"] = number("icu_temp", "degC", "temperature of the instrument control unit", -273.15, 0.1235727)
    columns["hk3v3"] = number("hk3v3", "V", "3.3 V supply", 0.0, 0.001164028)
    columns["hk3v3_current"] = number("hk3v3_current", "mA", "current of the 3.3 V supply", -13.655, 0.07964502)
    columns["hkn8v5"] = number("hkn8v5", "V", "-8.5 V supply", 0.0, -0.0025910408)
    columns["hkn8v5_current"] = number("hkn8v5_current", "mA", "current of the -8.5 V supply", -8.3906, 0.1178)
    columns["mode"] = Column(
        "mag_hk_mode",
        ColumnType.TEXT,
        "",
        "mode of the instrument",
        codes=MappingProxyType({1: "Standby", 2: "Safe", 3: "Config", 4: "Debug", 5: "Normal", 6: "Burst"}),
    )
    columns["multbit_errs"] = flag("multbit_errs", "memory errors of more than one bit were seen")
    columns["pri_isvalid"] = flag("pri_isvalid", "the primary sensor's vector is valid")
    columns["sec_isvalid"] = flag("sec_isvalid", "the secondary sensor's vector is valid")
    for supply, title in (("hk1v5", "1.5 V"), ("hk1v8", "1.8 V"), ("hk2v5", "2.5 V"), ("hkp8v5", "+8.5 V")):
        for suffix, quantity in (("", "voltage"), ("c", "current")):
            for level in ("danger", "warn"):
                name = f"{supply}{suffix}_{level}"
                limit = "danger" if level == "danger" else "warning"
                columns[name] = flag(name, f"{quantity} of the {title} supply is past its {limit} limit")
    return columns


_HK = _hk_columns()
_SWE_ENERGIES_EV = ("100.4", "140", "194", "270", "376", "523", "727", "1011")

# --- the table --------------------------------------------------------------------------------------------------------

_MAG = Instrument(
    name="mag",
    title="Magnetometer",
    cadence=timedelta(seconds=4),
    # Four hours are about 1 MB; three leave room for records a little larger, so that the server seldom refuses one.
    window=timedelta(hours=3),
    progress_key="MAG_IALIRT",
    file_prefix="ialirt_",  # existing readers rely on there being no instrument in the name
    other_file_prefixes=("ialirt_mag_",),
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _epoch("mag"),
        _vector("mag_B_GSE", "nT", "magnetic field, GSE"),
        _vector("mag_B_GSM", "nT", "magnetic field, GSM"),
        _vector("mag_B_RTN", "nT", "magnetic field, RTN"),
        _scalar("mag_B_magnitude", ColumnType.MEASUREMENT, "nT", "magnitude of the magnetic field"),
        _scalar("mag_phi_B_GSE", ColumnType.MEASUREMENT, "degrees", "longitude of the magnetic field, GSE"),
        _scalar("mag_theta_B_GSE", ColumnType.MEASUREMENT, "degrees", "latitude of the magnetic field, GSE"),
        _scalar("mag_phi_B_GSM", ColumnType.MEASUREMENT, "degrees", "longitude of the magnetic field, GSM"),
        _scalar("mag_theta_B_GSM", ColumnType.MEASUREMENT, "degrees", "latitude of the magnetic field, GSM"),
    ),
)

_MAG_HK = Instrument(
    name="mag_hk",
    title="Magnetometer housekeeping",
    cadence=timedelta(seconds=4),
    window=timedelta(minutes=90),  # two hours are about 1 MB
    progress_key="MAG_IALIRT_HK",
    folder="ialirt_hk",
    file_prefix="ialirt_hk_",
    other_file_prefixes=("ialirt_mag_hk_",),
    scopes=SCOPES,
    fields=(
        TIME,
        _KERNELS,
        Field("mag_hk_status", Shape.OBJECT, tuple(_HK.values()), tuple(_HK), prefix="mag_hk_"),
    ),
)

_HIT = Instrument(
    name="hit",
    title="High-energy Ion Telescope",
    cadence=timedelta(seconds=60),
    window=timedelta(days=1),
    progress_key="HIT_IALIRT",
    file_prefix="ialirt_hit_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _epoch("hit"),
        _counts("hit_e_a_side_low_en", "electrons, side A, low energy", *SCOPES),
        _counts("hit_e_a_side_med_en", "electrons, side A, medium energy"),
        _counts("hit_e_a_side_high_en", "electrons, side A, high energy", *SCOPES),
        _counts("hit_e_b_side_low_en", "electrons, side B, low energy", *SCOPES),
        _counts("hit_e_b_side_med_en", "electrons, side B, medium energy"),
        _counts("hit_e_b_side_high_en", "electrons, side B, high energy", *SCOPES),
        _counts("hit_h_omni_low_en", "protons, all directions, low energy"),
        _counts("hit_h_omni_med_en", "protons, all directions, medium energy"),
        _counts("hit_h_a_side_high_en", "protons, side A, high energy", *SCOPES),
        _counts("hit_h_b_side_high_en", "protons, side B, high energy", *SCOPES),
        _counts("hit_he_omni_low_en", "helium, all directions, low energy"),
        _counts("hit_he_omni_high_en", "helium, all directions, high energy"),
    ),
)

_SWE = Instrument(
    name="swe",
    title="Solar Wind Electron",
    cadence=timedelta(seconds=30),
    window=timedelta(days=1),
    progress_key="SWE_IALIRT",
    file_prefix="ialirt_swe_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _epoch("swe"),
        Field(
            "swe_normalized_counts",
            Shape.LIST,
            tuple(
                Column(f"swe_normalized_counts_{i}", ColumnType.INTEGER, "counts", f"electrons of {energy} eV")
                for i, energy in enumerate(_SWE_ENERGIES_EV, start=1)
            ),
        ),
        _scalar("swe_counterstreaming_electrons", ColumnType.INTEGER, "", "1 where electrons stream both ways, else 0"),
    ),
)

_SWAPI = Instrument(
    name="swapi",
    title="Solar Wind and Pickup Ion",
    cadence=timedelta(seconds=12),
    window=timedelta(hours=12),
    progress_key="SWAPI_IALIRT",
    file_prefix="ialirt_swapi_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _epoch("swapi"),
        _scalar("swapi_pseudo_proton_speed", ColumnType.MEASUREMENT, "km/s", "pseudo speed of the protons"),
        _scalar("swapi_pseudo_proton_density", ColumnType.MEASUREMENT, "1/cm3", "pseudo density of the protons"),
        _scalar("swapi_pseudo_proton_temperature", ColumnType.MEASUREMENT, "K", "pseudo temperature of the protons"),
    ),
)

_CODICE_LO = Instrument(
    name="codice_lo",
    title="CoDICE-Lo",
    cadence=timedelta(seconds=240),
    window=timedelta(days=1),
    progress_key="CODICE_LO_IALIRT",
    file_prefix="ialirt_codice_lo_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _epoch("codice_lo"),
        *(
            _scalar(f"codice_lo_{name}", ColumnType.MEASUREMENT, "", description)
            for name, description in (
                ("c_over_o_abundance", "abundance of carbon over oxygen"),
                ("mg_over_o_abundance", "abundance of magnesium over oxygen"),
                ("fe_over_o_abundance", "abundance of iron over oxygen"),
                ("c_plus_6_over_c_plus_5", "carbon 6+ over carbon 5+"),
                ("o_plus_7_over_o_plus_6", "oxygen 7+ over oxygen 6+"),
                ("fe_low_over_fe_high", "iron of low over iron of high charge states"),
            )
        ),
    ),
)

_CODICE_HI = Instrument(
    name="codice_hi",
    title="CoDICE-Hi",
    cadence=timedelta(seconds=240),
    window=timedelta(hours=12),
    progress_key="CODICE_HI_IALIRT",
    file_prefix="ialirt_codice_hi_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        Field(
            "codice_hi_epoch",
            Shape.CELL,
            (Column("codice_hi_epoch", ColumnType.JSON, "ns", f"times of the 4 measurements, {_TT}"),),
            depth=1,
        ),
        Field(
            "codice_hi_h",
            Shape.CELL,
            (
                Column(
                    "codice_hi_h",
                    ColumnType.JSON,
                    "counts/(cm2 sr s MeV)",
                    "proton intensity: 4 epochs x 15 energies (0.02-3.62 MeV) x 4 spin sectors x 4 elevations",
                ),
            ),
            depth=4,
        ),
    ),
)

_SPACECRAFT = Instrument(
    name="spacecraft",
    title="Spacecraft position and velocity",
    cadence=timedelta(seconds=60),
    irregular=True,
    longest_pause=timedelta(minutes=5),
    window=timedelta(days=1),
    progress_key="SPACECRAFT_IALIRT",
    file_prefix="ialirt_spacecraft_",
    fields=(
        TIME,
        _TTJ2000,
        _KERNELS,
        _vector("sc_position_GSE", "km", "position, GSE"),
        _vector("sc_position_GSM", "km", "position, GSM"),
        _vector("sc_velocity_GSE", "km/s", "velocity, GSE"),
        _vector("sc_velocity_GSM", "km/s", "velocity, GSM"),
    ),
)

INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        instrument.name: instrument
        for instrument in (_MAG, _MAG_HK, _HIT, _SWE, _SWAPI, _CODICE_LO, _CODICE_HI, _SPACECRAFT)
    }
)
"""The instruments by the name the API gives them."""


def of_file(name: str) -> tuple[Instrument, date] | None:
    """The instrument and day that the name of a file says, under any of the names in use; None: it is no day's file."""
    prefix, digits = name[len("imap_") : -len("YYYYMMDD.csv")], name[-len("YYYYMMDD.csv") : -len(".csv")]
    if name != f"imap_{prefix}{digits}.csv" or not (digits.isascii() and digits.isdigit()):
        return None
    for instrument in INSTRUMENTS.values():
        if prefix in {instrument.file_prefix, *instrument.other_file_prefixes}:
            try:
                return instrument, date.fromisoformat(digits)
            except ValueError:
                return None
    return None


def _entry(name: str) -> Instrument:
    return INSTRUMENTS[name]
