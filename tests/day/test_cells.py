"""The text of a cell depends on nothing but its own value and its column."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.day.cells import cells_of
from ialirt_backfill.instruments import FILL_VALUE, Column, ColumnType
from tests.support.strategies import WHOLE_FILL

ODD = [
    *(0, 0.0, -0.0, 1, 1.0, 100, 100.0, -100.0, 100.001, 99.9999, 1.0004, 1e-3, 1e-4, 5e-324, 0.1 + 0.2),
    *(2**53 - 1, 2**53 + 1, -(2**63), 2**63, 10**19, 10**400, 1e10, 1e300, 1.5, -2.0),
    *(FILL_VALUE, 0.995 * FILL_VALUE, 1.02 * FILL_VALUE, int(FILL_VALUE)),
    *(math.nan, math.inf, -math.inf, None, True, False, "", "text", "1.5", "\ud800"),
    *([], [1, 2.5], [True], [[1], [None]], {}, {"a": FILL_VALUE}),
]
CODES = {1: "Standby"}
ENOUGH = 600
"""So many usual values in a column, and their texts are looked up or made once for all that are equal."""
USUAL: dict[ColumnType, list[Any]] = {
    ColumnType.MEASUREMENT: [round(-5 + number / 60, 3) for number in range(ENOUGH)],
    ColumnType.INTEGER: list(range(ENOUGH)),
    ColumnType.BOOLEAN: [number % 3 == 0 for number in range(ENOUGH)],
    ColumnType.TEXT: [f"text {number}" for number in range(ENOUGH)],
    ColumnType.JSON: [[number / 8, number] for number in range(ENOUGH)],
}


@cache
def usual_ones_alone(kind: ColumnType, coded: bool = False) -> list[str | None]:
    """The cells of the usual values, each as if there were no other."""
    column = Column("x", kind, codes=CODES if coded else {})
    return [cells_of(column, [one])[0].as_py() for one in USUAL[kind]]


@pytest.mark.parametrize("kind", ColumnType)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_an_odd_value_among_usual_ones(kind: ColumnType, value: Any) -> None:
    column = Column("x", kind)
    alone = cells_of(column, [value]).to_pylist()
    usual = usual_ones_alone(kind)
    assert cells_of(column, [*USUAL[kind], value]).to_pylist() == usual + alone
    assert cells_of(column, [value, *USUAL[kind], None]).to_pylist() == [*alone, *usual, None]


@pytest.mark.parametrize("coded", [False, True], ids=["", "codes"])
@pytest.mark.parametrize("kind", ColumnType)
def test_a_fill_value_among_usual_ones(kind: ColumnType, coded: bool) -> None:
    """As a float, by way of 32 bits, and as the whole numbers that these are."""
    column = Column("x", kind, codes=CODES if coded else {})
    fills = [FILL_VALUE, -9.999999848243207e30, WHOLE_FILL, int(-9.999999848243207e30), -(10**31)]
    usual = usual_ones_alone(kind, coded)
    for fill in fills:
        assert cells_of(column, [*USUAL[kind], fill]).to_pylist() == [*usual, None]
    assert cells_of(column, fills).to_pylist() == [None] * len(fills)


@settings(max_examples=200, deadline=None)
@given(st.floats(-120, 120), st.integers(0, 6))
def test_a_measurement_is_the_shortest_text_that_reads_back(number: float, decimals: int) -> None:
    rounded = round(number, decimals)
    text = cells_of(Column("x", ColumnType.MEASUREMENT), [*USUAL[ColumnType.MEASUREMENT], rounded])[-1].as_py()
    assert math.copysign(1, float(text)) == math.copysign(1, rounded)
    assert float(text) == rounded
    assert len(_digits(text)) <= len(_digits(repr(rounded)))


def _digits(text: str) -> tuple[int, ...]:
    """Those that count."""
    return Decimal(text).normalize().as_tuple().digits


def test_nothing_at_all() -> None:
    for kind in ColumnType:
        assert cells_of(Column("x", kind), [None] * ENOUGH).to_pylist() == [None] * ENOUGH
        assert cells_of(Column("x", kind), []).to_pylist() == []
