"""Whatever a server may send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from ialirt_backfill.instruments import FILL_VALUE, INSTRUMENTS, Column, ColumnType, Instrument, Shape

START = datetime(2026, 2, 1, tzinfo=UTC)
WHOLE_FILL = -9999999999999999635896294965248
"""The fill value as the server writes it: every float of its size is a whole number."""


def at(second: int) -> str:
    """A time of 1 February 2026 as I-ALiRT writes it."""
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


numbers = st.one_of(
    st.integers(-100, 100),
    st.integers(-(2**70), 2**70),
    st.floats(width=32),
    st.floats(),
    st.sampled_from([FILL_VALUE, WHOLE_FILL, 2**53, 2**53 + 1, 1e10, 10**10, 1e16, 823176136884633761, 0.0, -0.0, 1.0]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=4))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def values_for(column: Column) -> st.SearchStrategy[Any]:
    usual: st.SearchStrategy[Any]
    match column.type:
        case ColumnType.INTEGER:
            usual = st.integers(0, 10**18)
        case ColumnType.MEASUREMENT:
            usual = st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.integers(-1000, 1000)
        case ColumnType.BOOLEAN:
            usual = st.booleans()
        case _:
            usual = st.text(max_size=4)
    return usual | st.sampled_from([None, FILL_VALUE, WHOLE_FILL]) if column.polynomial else usual | anything


@cache  # to make and to check a strategy takes longer than to draw from it
def records_for(instrument: Instrument) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for entry in instrument.fields[1:]:
        each = [values_for(column) for column in entry.columns]
        if entry.shape is Shape.LIST:
            fields[entry.name] = st.tuples(*each).map(list) | anything
        elif entry.shape is Shape.OBJECT:
            fields[entry.name] = st.fixed_dictionaries({}, optional=dict(zip(entry.members, each, strict=True)))
        elif entry.shape is Shape.CELL:
            fields[entry.name] = st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=2, max_size=2) | anything
        else:
            fields[entry.name] = each[0]
    moments = st.integers(-1, 6).map(at) | st.sampled_from([at(2) + "Z", at(3) + ".5", "soon"]) | st.none()
    return st.fixed_dictionaries(
        {"time_utc": moments}, optional=fields | {"instrument": st.just(instrument.name), "brand_new": anything}
    )


answers = st.sampled_from(sorted(INSTRUMENTS)).flatmap(
    lambda name: st.tuples(st.just(INSTRUMENTS[name]), st.lists(records_for(INSTRUMENTS[name]) | anything, max_size=6))
)
