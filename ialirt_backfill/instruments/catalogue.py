"""The instruments of I-ALiRT: what the API serves and what a day's file holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from ialirt_backfill.instruments.model import SCOPES, Column, ColumnType, Field, Instrument, Shape

_TT = "nanoseconds of Terrestrial Time since J2000"


_TIME = Field(
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
        _TIME,
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
