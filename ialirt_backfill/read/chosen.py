"""Which columns of which instruments go on one time axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS, TIME_UTC, Column, Instrument
from ialirt_backfill.read.schema import EXTRA, fields_named, schema_of, unknown_column


def own_columns(instrument: Instrument) -> list[str]:
    """Its columns without those that most instruments have, as the key of the kernels: so that what is read of two
    instruments can be joined as it is."""
    found = Counter(name for it in INSTRUMENTS.values() for name in it.columns)
    most = {name for name, count in found.items() if 2 * count > len(INSTRUMENTS)}
    return [name for name in schema_of(instrument).names if name not in most | {EXTRA}]


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
        found = {one: [it for it in names if _is_possible(one, it, has_mean)] for one, names in own.items()}
    else:
        found = _named(instruments, dict.fromkeys(columns), has_mean)
    for name, count in Counter(name for names in found.values() for name in names).items():
        if count > 1 and name != TIME_UTC:
            having = " and ".join(one.name for one, names in found.items() if name in names)
            raise UsageError(f"{having} have a column {name!r} each: read them one by one")
    return found or {instruments[0]: []}


def _named(
    instruments: Sequence[Instrument], columns: Iterable[str], has_mean: Callable[[Column], bool] | None
) -> dict[Instrument, list[str]]:
    found: dict[Instrument, list[str]] = {}
    for name in columns:
        having = [instrument for instrument in instruments if fields_named(instrument, name)]
        if not having:
            raise unknown_column(name, instruments)
        for one in having:
            found.setdefault(one, []).append(name)
            for field in fields_named(one, name):
                if field.name != TIME_UTC and not _is_possible(one, field.name, has_mean):
                    raise UsageError(f"there is no mean of {field.name}: means are of numbers, and not of times")
    return found


def _is_possible(instrument: Instrument, name: str, has_mean: Callable[[Column], bool] | None) -> bool:
    return has_mean is None or (name in instrument.columns and has_mean(instrument.columns[name]))
