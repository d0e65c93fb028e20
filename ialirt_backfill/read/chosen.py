"""Which columns of which instruments go on one time axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ialirt_backfill.day.times import TIME_UTC
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Column, Instrument
from ialirt_backfill.read.schema import EXTRA, fields_named, schema_of, unknown_column


def own_columns(instrument: Instrument) -> list[str]:
    """The columns that no other instrument has: without the keys of kernels and the like, so that what is read of two
    instruments can be joined as it is."""
    found = Counter(name for it in INSTRUMENTS.values() for name in it.columns)
    return [name for name in schema_of(instrument).names if name not in {TIME_UTC, EXTRA} and found[name] <= 1]


def chosen(
    instruments: Sequence[Instrument],
    columns: Sequence[str] | None,
    *,
    has_mean: Callable[[Column], bool] | None = None,
) -> Mapping[Instrument, list[str]]:
    """The columns of each instrument: its own, or those that are named; an instrument that has none of these is not
    there. Where means are made, ``has_mean`` says which have one.

    Raises UsageError for a name that none of them has, or more than one, or that has no mean.
    """
    if columns is None:
        own = {instrument: own_columns(instrument) for instrument in instruments}
        return {one: [it for it in names if _is_possible(one, it, has_mean)] for one, names in own.items()}
    found: dict[Instrument, list[str]] = {}
    for name in dict.fromkeys(columns):
        having = [instrument for instrument in instruments if fields_named(instrument, name)]
        if not having:
            raise unknown_column(name, instruments)
        if len(having) > 1 and name != TIME_UTC:
            names = " and ".join(instrument.name for instrument in having)
            raise UsageError(f"{names} have a column {name!r} each: read them one by one")
        for one in having:
            found.setdefault(one, []).append(name)
            for field in fields_named(one, name):
                if field.name != TIME_UTC and not _is_possible(one, field.name, has_mean):
                    raise UsageError(f"there is no mean of {field.name}: means are of numbers, and not of times")
    return found or {instruments[0]: []}


def _is_possible(instrument: Instrument, name: str, has_mean: Callable[[Column], bool] | None) -> bool:
    return has_mean is None or (name in instrument.columns and has_mean(instrument.columns[name]))
