"""A stretch of time as a Dataset of xarray: vectors, energies and angles are dimensions, attributes as CF has them.

A vector's components, and the elements of a list, are one variable along a dimension; an array is a variable along its
axes. Where an axis of it is time (`codice_hi` sends four measurements in a record), the measurements are put one behind
the other, each at its own time. Coordinates come from the axes of the table of instruments. Needs the extra ``xarray``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ialirt_backfill import __version__
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import TIME_UTC, Instrument
from ialirt_backfill.options.extras import installing
from ialirt_backfill.read.asked import Asked, Moment, asked, names_of, stretch_of
from ialirt_backfill.read.averages import has_mean
from ialirt_backfill.read.chosen import chosen
from ialirt_backfill.read.days import tables
from ialirt_backfill.read.measurements import Measurements, array_fields, columns_of, means_of, measurements_of
from ialirt_backfill.read.schema import EXTRA, fields_named, is_of_numbers, projected
from ialirt_backfill.read.table import whole
from ialirt_backfill.read.variables import BOUND, INDEX, TIME, coordinates_of, instants, variables_of

if TYPE_CHECKING:
    import xarray as xr

_TIME = {"standard_name": "time", "long_name": "time (UTC)", "units_metadata": "leap_seconds: none"}


def open_dataset(
    datastore: str | Path,
    instrument: str | Iterable[str],
    start: Moment,
    end: Moment | None = None,
    *,
    columns: str | Iterable[str] | None = None,
    average: str | timedelta | None = None,
    strict: bool = False,
    catalogue: str | Path | None = None,
) -> xr.Dataset:
    """The records of one instrument, or of several on one time axis, as a Dataset; near-real-time, uncalibrated.

    ``start``, ``end``, ``columns``, ``average``, ``strict`` and ``catalogue`` are as in `read_days`; so are errors and
    warnings, and which columns come. The dimension ``time`` is UTC. ``mag_B_GSE`` has the dimension ``component``
    (``x``, ``y``, ``z``; in RTN ``component_rtn``), ``swe_normalized_counts`` has ``swe_energy``; ``codice_hi_h`` has
    energies, sectors and elevations (``codice_hi_energy``, ``codice_hi_spin_sector``, ``codice_hi_polar``), and a time
    for each of the measurements of a record. Of a field without all of its columns each column is a variable; lists of
    times that belong to no array are not there. Counts and flags are ``float64``, NaN where one is missing, and
    nanoseconds (``mag_epoch``) are times in UTC, exact.
    """
    xarray = _xarray()
    what, every = asked(datastore, instrument, start, end, catalogue), stretch_of(average)
    found = []
    for one, some in chosen(
        what.instruments, names_of(columns), has_mean=has_mean if every is not None else None
    ).items():
        names = _with_a_place(one, some, are_named=columns is not None)
        found += [_dataset(xarray, one, names, it) for it in _parts(what, one, names, every, strict=strict)]
    dataset = found[0] if len(found) == 1 else _merged(xarray, found)
    dataset.attrs = _about(what.instruments)
    return dataset


def _with_a_place(one: Instrument, names: list[str], *, are_named: bool) -> list[str]:
    """The columns that can be variables. Raises UsageError for one that cannot, where it was asked for by name."""
    times = {field.axes[0].field for field in array_fields(one, names)}
    found = []
    for name in names:
        types = [field.type for field in fields_named(one, name)]
        is_time = name not in times and any(pa.types.is_list(it) and not is_of_numbers(it) for it in types)
        if name != EXTRA and not is_time:
            found.append(name)
        elif are_named:
            raise UsageError(f"{name} has no place in a Dataset: read_table and read_days have it")
    return found


def _xarray() -> Any:
    try:
        import xarray  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(f"a Dataset needs xarray: {installing('xarray')}") from None
    return xarray


def _parts(
    what: Asked, one: Instrument, names: list[str], every: timedelta | None, *, strict: bool
) -> list[Measurements]:
    """What becomes a Dataset, each part on a time axis: arrays and all else where there are arrays, but means apart."""
    fields = array_fields(one, names)
    others = [name for name in names if name not in {field.name for field in fields}]
    parts = []
    if fields:
        needed = [*(names if every is None else ()), *columns_of(fields)]
        days = tables(what.datastore, one, what.start, what.stop, columns=needed, strict=strict)
        pieces = chain([projected(one, needed).empty_table()], days)  # so that its variables are there without a day
        if every is None:
            return [measurements_of(pieces, one, fields, strict=strict)]
        parts = [means_of(pieces, one, fields, every, strict=strict)]
    if others or every is not None or not fields:
        table = whole(what, one, others, every, strict=strict)
        variables = list(variables_of(table, one, are_means=every is not None))
        parts.append(Measurements(instants(table[TIME_UTC]), variables))
    return parts


def _dataset(xarray: Any, one: Instrument, names: list[str], found: Measurements) -> xr.Dataset:
    axes = coordinates_of(
        one, [field for field in one.fields if {field.name, *(it.name for it in field.columns)} & {*names}]
    )
    used = {dim for variable in found.variables for dim in variable.dims}
    coordinates = {name: it for name, it in axes.items() if used >= {*it[0]} - {BOUND}}
    time = ((TIME,), found.times, _TIME)
    variables = {it.name: ((TIME, *it.dims), it.values, dict(it.attrs)) for it in found.variables}
    dataset: xr.Dataset = xarray.Dataset(variables, {TIME: time, **coordinates})
    for name, (dims, *_) in coordinates.items():
        if dims == (f"{name}{INDEX}",):
            dataset = dataset.set_xindex(name)  # to be selected by its values all the same
    return dataset


def _merged(xarray: Any, found: Sequence[xr.Dataset]) -> xr.Dataset:
    """All on one time axis: where one has nothing, its counts are 0, and all else is missing."""
    counts = {name: 0 for one in found for name, it in one.data_vars.items() if it.dtype.kind == "i"}
    merged: xr.Dataset = xarray.merge(found, join="outer", fill_value=counts, combine_attrs="override")
    return merged


def _about(instruments: Sequence[Instrument]) -> dict[str, str]:
    titles = ", ".join(instrument.title for instrument in instruments)
    return {
        "Conventions": "CF-1.11",
        "title": f"IMAP I-ALiRT: {titles}",
        "source": f"IMAP I-ALiRT {', '.join(instrument.name for instrument in instruments)}",
        "comment": "near-real-time, uncalibrated",
        "history": f"read by ialirt-backfill {__version__}",
    }
