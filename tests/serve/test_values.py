"""Columns become values, and values the bytes of three formats that say the same."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.instruments import default_catalogue
from ialirt_backfill.read.schema import schema_of
from ialirt_backfill.serve.datasets import (
    DOUBLE_FILL,
    INSTANT_FILL,
    INTEGER_FILL,
    TEXT_FILL,
    Parameter,
    Type,
    datasets,
)
from ialirt_backfill.serve.formats import written
from ialirt_backfill.serve.requests import Format
from ialirt_backfill.serve.values import HapiRows, dtype_of, elements

TIME = Parameter("Time", Type.TIME, ("time_utc",), length=20, units="UTC")
DOUBLE = Parameter("double", Type.DOUBLE, ("double",), fill="-1e+31")
INTEGER = Parameter("integer", Type.INTEGER, ("integer",), fill=str(INTEGER_FILL))
TEXT = Parameter("text", Type.TEXT, ("text",), length=8, fill=TEXT_FILL)
INSTANT = Parameter("instant", Type.TIME, ("instant",), length=30, fill=INSTANT_FILL)
VECTOR = Parameter("vector", Type.DOUBLE, ("a", "b"), size=(2,), fill="-1e+31")
CELL = Parameter("cell", Type.DOUBLE, ("cell",), size=(2, 3), fill="-1e+31")
PIECE = Parameter("piece", Type.DOUBLE, ("cell",), size=(3,), fill="-1e+31", piece=1, pieces=2)
ALL = [TIME, DOUBLE, INTEGER, TEXT, INSTANT, VECTOR, CELL, PIECE]
SECOND = datetime(2026, 2, 1, 0, 0, 7, tzinfo=UTC)


def rows(**columns: list[Any]) -> HapiRows:
    types = {
        "double": pa.float64(),
        "integer": pa.int64(),
        "text": pa.string(),
        "instant": pa.int64(),
        "a": pa.float64(),
        "b": pa.float64(),
        "cell": pa.list_(pa.list_(pa.float64())),
    }
    count = len(next(iter(columns.values())))
    times = pa.array([SECOND] * count, pa.timestamp("us", "UTC"))
    arrays = {name: pa.array(columns.get(name, [None] * count), type_) for name, type_ in types.items()}
    return HapiRows(pa.record_batch({"time_utc": times, **arrays}))


def value(parameter: Parameter, **columns: list[Any]) -> Any:
    return rows(**columns).values(parameter).tolist()


def test_a_missing_value_is_the_fill_of_its_parameter() -> None:
    found = rows(double=[None])
    assert [found.values(it).tolist() for it in (DOUBLE, INTEGER, TEXT, INSTANT, VECTOR)] == [
        [DOUBLE_FILL], [INTEGER_FILL], [TEXT_FILL.encode()], [INSTANT_FILL.encode()], [[DOUBLE_FILL] * 2]
    ]  # fmt: skip
    assert found.values(CELL).tolist() == [[[DOUBLE_FILL] * 3] * 2]
    assert found.values(PIECE).tolist() == [[DOUBLE_FILL] * 3]


STATED = """
[x]
title = "X"
cadence = "1m"
[x.fields]
usual = {}
stated = { fill = 0 }
count = { type = "integer", fill = -9223372036854775808 }
flag = { type = "integer", kind = "flag", fill = 255 }
wide = { type = "integer", kind = "flag", fill = 4294967296 }
word = { type = "text", fill = "N/A" }
"""


def test_the_fill_is_what_the_catalogue_says_where_the_type_has_room_for_it() -> None:
    x = default_catalogue().with_file(STATED, "x.toml").instruments["x"]
    found = datasets([x], restricted=True)
    own = [it for it in found["x"].parameters if it.name in STATED]
    fills = {it.name: it.fill for it in own}
    assert fills == {
        "usual": "-1e+31", "stated": "0.0", "count": "-9.223372036854776e+18", "flag": "255", "wide": "-2147483648",
        "word": "N/A",
    }  # fmt: skip
    assert {it.fill for it in found["x_1h"].parameters if it.type is Type.DOUBLE} == {"-1e+31"}  # a mean may be 0
    nothing = HapiRows(pa.record_batch({name: pa.nulls(1, schema_of(x).field(name).type) for name in fills}))
    values = [nothing.values(it).tolist() for it in own]
    assert values == [[-1e31], [0.0], [-(2.0**63)], [255], [-(2**31)], [b"N/A"]]


def test_what_a_type_has_no_room_for_is_its_fill_and_never_cut() -> None:
    assert value(INTEGER, integer=[2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 5_000_000_000_000]) == [
        2**31 - 1, INTEGER_FILL, INTEGER_FILL, INTEGER_FILL, INTEGER_FILL
    ]  # fmt: skip
    assert value(TEXT, text=["12345678", "123456789", "Tübinge", "Tübingen", ""]) == [
        b"12345678", b"-", "Tübinge".encode(), b"-", b"-"
    ]  # fmt: skip


def test_counts_beyond_32_bits_are_doubles_and_exact() -> None:
    counts = Parameter("counts", Type.DOUBLE, ("integer",))
    assert value(counts, integer=[5_000_000_000_000, 2**53, 0]) == [5e12, 2.0**53, 0.0]


@pytest.mark.parametrize(
    ("epoch", "written_as"),
    [
        (0, b"2000-01-01T11:58:55.816000000Z"),
        (823_176_076_184_000_000, b"2026-02-01T00:00:07.000000000Z"),
        (823_176_076_184_000_001, b"2026-02-01T00:00:07.000000001Z"),
        (823_176_076_183_999_999, b"2026-02-01T00:00:06.999999999Z"),
        (-1, b"2000-01-01T11:58:55.815999999Z"),
    ],
)
def test_nanoseconds_become_times_of_which_none_is_lost(epoch: int, written_as: bytes) -> None:
    assert value(INSTANT, instant=[epoch]) == [written_as]


def test_an_array_that_is_too_short_is_filled_up_and_one_that_is_too_long_is_missing() -> None:
    whole = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    fill = [DOUBLE_FILL] * 3
    assert value(CELL, cell=[whole, [[1.0], None], [], [*whole, [7.0, 8.0, 9.0]], [[1.0] * 4, [2.0, None, 3.0]]]) == [
        whole, [[1.0, DOUBLE_FILL, DOUBLE_FILL], fill], [fill, fill], [fill, fill], [fill, [2.0, DOUBLE_FILL, 3.0]]
    ]  # fmt: skip
    assert value(PIECE, cell=[whole, [[1.0]]]) == [[4.0, 5.0, 6.0], fill]


nested = st.one_of(
    st.none(),
    st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 99)), max_size=4)), max_size=4),
)


@given(st.lists(nested, max_size=6), st.integers(0, 3))
def test_elements_are_those_of_each_array_whatever_its_shape(cells: list[Any], cut: int) -> None:
    arrays = pa.array(cells, pa.list_(pa.list_(pa.float64()))).slice(min(cut, len(cells)))
    expected = []
    for cell in cells[min(cut, len(cells)) :]:
        outer = cell if cell is not None and len(cell) <= 2 else []
        for one in range(2):
            inner = outer[one] if one < len(outer) and outer[one] is not None and len(outer[one]) <= 3 else []
            expected += [inner[place] if place < len(inner) else None for place in range(3)]
    assert elements(arrays, (2, 3)).to_pylist() == expected


# --- formats ----------------------------------------------------------------------------------------------------------


def read_csv(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def joined(format_: Format, parameters: list[Parameter], *some: HapiRows, header: bytes | None = None) -> bytes:
    return b"".join(bytes(piece) for piece in written(format_, parameters, some, header))


SOME = st.fixed_dictionaries(
    {
        "double": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        "integer": st.one_of(st.none(), st.integers(-(2**40), 2**40)),
        "text": st.one_of(
            st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
        ),
        "instant": st.one_of(st.none(), st.integers(0, 2**62)),
        "a": st.one_of(st.none(), st.floats(-1e6, 1e6)),
        "cell": nested,
    }
)


@given(st.lists(st.lists(SOME, max_size=4), max_size=3))
def test_the_three_formats_say_the_same(portions: list[list[dict[str, Any]]]) -> None:
    some = [rows(**{name: [row[name] for row in portion] for name in portion[0]}) for portion in portions if portion]
    in_json = json.loads(joined(Format.JSON, ALL, *some, header=b'{"HAPI": "3.3"}'))["data"]
    in_csv = read_csv(joined(Format.CSV, ALL, *some))
    binary = np.frombuffer(joined(Format.BINARY, ALL, *some), [dtype_of(it) for it in ALL])
    assert len(in_json) == len(in_csv) == len(binary)
    for row, cells, fields in zip(in_json, in_csv, binary, strict=True):
        assert np.hstack([np.ravel(np.array(it, object)) for it in row]).tolist() == [
            cell if isinstance(it, str) else type(it)(cell)
            for it, cell in zip(np.hstack([np.ravel(np.array(it, object)) for it in row]), cells, strict=True)
        ]
        for parameter, found in zip(ALL, row, strict=True):
            stands = fields[parameter.name]
            if parameter.type in {Type.TEXT, Type.TIME}:
                assert stands.tobytes().rstrip(b"\0").decode() == found
            else:
                assert stands.tolist() == found


def test_a_header_stands_before_csv_and_binary_behind_marks_and_around_the_data_of_json() -> None:
    some = rows(double=[1.5])
    header = b'{"HAPI": "3.3"}'
    assert joined(Format.CSV, [TIME, DOUBLE], some, header=header) == b'#{"HAPI": "3.3"}\n2026-02-01T00:00:07Z,1.5\n'
    binary = joined(Format.BINARY, [TIME, DOUBLE], some, header=header)
    assert binary == b'#{"HAPI": "3.3"}\n2026-02-01T00:00:07Z' + np.float64(1.5).tobytes()
    in_json = joined(Format.JSON, [TIME, DOUBLE], some, header=header)
    assert json.loads(in_json) == {"HAPI": "3.3", "data": [["2026-02-01T00:00:07Z", 1.5]]}


def test_no_rows_are_an_empty_body_and_an_empty_list() -> None:
    assert joined(Format.CSV, ALL) == b""
    assert joined(Format.BINARY, ALL) == b""
    assert json.loads(joined(Format.JSON, ALL, header=b'{"HAPI": "3.3"}')) == {"HAPI": "3.3", "data": []}


def test_a_cell_of_csv_is_quoted_where_it_must_be() -> None:
    found = joined(Format.CSV, [TEXT], rows(text=["a,b", 'a"b', "a\nb", "plain"]))
    assert found == b'"a,b"\n"a""b"\n"a\nb"\nplain\n'
