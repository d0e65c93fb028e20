"""An ordinary answer is parsed into columns, and they give the same cells as its records do one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import date, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.day.answers import parse_answer, rows_of, tabulate
from ialirt_backfill.day.columns import AnswerColumns, as_text
from ialirt_backfill.day.table import concatenate
from ialirt_backfill.exceptions import UnwritableValue
from ialirt_backfill.instruments import FILL_VALUE, INSTRUMENTS, Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.plan.coverage import Span, day_span
from ialirt_backfill.simulator import Simulator
from tests.support.access import FULL
from tests.support.strategies import WHOLE_FILL, answers, at

SPAN = day_span(date(2026, 2, 1))
MAG, MAG_HK, HIT, SWE, CODICE_HI = (INSTRUMENTS[name] for name in ("mag", "mag_hk", "hit", "swe", "codice_hi"))


def body_of(instrument: Instrument, *records: object, **json_options: Any) -> bytes:
    meta = {"count": len(records), "type": "science", "instrument": instrument.name}
    return json.dumps({"meta": meta, "data": records}, **json_options).encode()


def record(instrument: Instrument, second: int = 0, **fields: object) -> dict[str, object]:
    return {"instrument": instrument.name, "time_utc": at(second), **fields}


def check_same(instrument: Instrument, body: bytes, span: Span = SPAN) -> AnswerColumns | None:
    """The same rows, and nothing left out, by both ways; the columns, where there are any."""
    arrays = parse_answer(instrument, span, body)
    if arrays is not None:
        records = json.loads(body)["data"]
        assert len(arrays) == len(records)
        one_by_one, at_once = tabulate(instrument, span, records), tabulate(instrument, span, arrays)
        assert at_once.rows.column_names == one_by_one.rows.column_names
        if not at_once.rows.equals(one_by_one.rows):  # which takes a tenth of the time, but does not say where
            assert at_once.rows.to_pylist() == one_by_one.rows.to_pylist()
        assert (at_once.doubts, one_by_one.doubts) == ("", "")
    return arrays


# --- whatever comes ---------------------------------------------------------------------------------------------------


def usual_values(column: Column, *, inside: bool = False) -> st.SearchStrategy[Any]:
    """What the table of instruments says of a column; ``inside`` a list."""
    missing = st.sampled_from([None, FILL_VALUE, 0.995 * FILL_VALUE, WHOLE_FILL])
    if column.is_time:
        return st.integers(8 * 10**17, 9 * 10**18) | (st.nothing() if inside else st.none())
    if column.codes:
        return st.integers(-1, 9) | st.none()
    match column.type:
        case ColumnType.BOOLEAN:
            return st.booleans() | st.none()
        case ColumnType.TEXT:
            return st.sampled_from(["2026-02-01T00:03:12", "", 'a "b", c', None])
        case ColumnType.INTEGER:
            return st.integers(-(2**52), 2**52) | st.integers(0, 99).map(float) | missing
    three_decimals = st.floats(-400, 400).map(lambda value: round(value, 3))
    rest = st.floats(-(2.0**52), 2.0**52) | st.sampled_from([-0.0, 0, 1, 282.0, 5e-324, 1e-5, 1e10, 1e15])
    return three_decimals | st.integers(-1000, 1000) | rest | missing


def usual_fields(entry: Field) -> st.SearchStrategy[Any]:
    values = usual_values(entry.columns[0], inside=entry.shape is Shape.CELL)
    if entry.shape is Shape.LIST:
        return st.lists(values, min_size=len(entry.columns), max_size=len(entry.columns)) | st.none()
    if entry.shape is Shape.OBJECT:
        each = {member: usual_values(column) for member, column in zip(entry.members, entry.columns, strict=True)}
        return st.fixed_dictionaries({}, optional=each)
    for length in (3, 2, 1, 2)[: entry.depth]:
        values = st.lists(values, min_size=length, max_size=length)
    return values | st.none() if entry.shape is Shape.CELL else values


@cache
def usual_records(instrument: Instrument) -> st.SearchStrategy[list[dict[str, Any]]]:
    optional = {entry.name: usual_fields(entry) for entry in instrument.fields[1:]}
    must: Mapping[str, Any] = {"instrument": st.just(instrument.name), "time_utc": st.integers(-2, 6).map(at)}
    records = st.lists(st.fixed_dictionaries(dict(must), optional=optional), max_size=5, unique_by=time_of)
    return records.map(lambda found: sorted(found, key=time_of))


def time_of(one: dict[str, Any]) -> str:
    return str(one["time_utc"])


@pytest.mark.parametrize("name", INSTRUMENTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_usual_answers_are_parsed_and_give_the_same_cells(name: str, data: st.DataObject) -> None:
    records = data.draw(usual_records(INSTRUMENTS[name]))
    arrays = check_same(INSTRUMENTS[name], body_of(INSTRUMENTS[name], *records))
    unusual = any("\\" in json.dumps(one) or one["time_utc"] < at(0) for one in records)
    assert (arrays is None) == unusual


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(answers, st.booleans())
def test_of_any_answer_the_cells_are_the_same(answer: tuple[Instrument, list[Any]], ascii_only: bool) -> None:
    instrument, records = answer
    for one in records:
        if type(one) is dict:
            one.setdefault("instrument", instrument.name)
    try:
        body = body_of(instrument, *records, ensure_ascii=ascii_only)
    except UnicodeEncodeError:  # half of a surrogate pair cannot be sent
        return
    try:
        check_same(instrument, body)
    except UnwritableValue:
        assert parse_answer(instrument, SPAN, body) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_what_the_simulator_sends_in_a_day_is_usual(name: str) -> None:
    instrument = INSTRUMENTS[name]
    simulator = Simulator()
    start = SPAN.start
    while start < SPAN.end:
        end = min(start + instrument.window, SPAN.end)
        body = body_of(instrument, *simulator.records(name, start, end, scopes=FULL))
        assert check_same(instrument, body, Span(start, end)) is not None
        start = end


# --- fill values ------------------------------------------------------------------------------------------------------


def with_fill(entry: Field, number: int, came: Any) -> Any:
    """What came of a field, with the fill value in one of its columns; of an array, in its first place."""
    match entry.shape:
        case Shape.LIST:
            return [WHOLE_FILL if place == number else element for place, element in enumerate(came)]
        case Shape.OBJECT:
            return came | {entry.members[number]: WHOLE_FILL}
        case Shape.CELL:
            return [with_fill(entry, number, came[0]) if isinstance(came[0], list) else WHOLE_FILL, *came[1:]]
    return WHOLE_FILL


def is_float_in_arrays(entry: Field, column: Column) -> bool:
    is_number = column.type in {ColumnType.MEASUREMENT, ColumnType.INTEGER} or entry.depth > 0
    return is_number and not column.is_time


EVERY_NUMBER = [
    pytest.param(instrument, entry, number, id=f"{instrument.name}-{column.name}")
    for instrument in INSTRUMENTS.values()
    for entry in instrument.fields
    for number, column in enumerate(entry.columns)
    if column.type is not ColumnType.TEXT or column.codes
]


@cache
def records_of_an_hour(instrument: Instrument) -> list[dict[str, Any]]:
    """With restricted fields, which the simulator gives to none without a key. Not to be changed."""
    restricted: dict[str, Any] = {each.name: 3 for each in instrument.fields if each.columns[0].scopes}
    return [
        restricted | one for one in Simulator().records(instrument.name, SPAN.start, SPAN.start + timedelta(hours=1))
    ]


@pytest.mark.parametrize(("instrument", "entry", "number"), EVERY_NUMBER)
def test_a_fill_value_that_came_as_a_whole_number_is_an_empty_cell(
    instrument: Instrument, entry: Field, number: int
) -> None:
    """In every numeric column, and no other cell is another one for it."""
    column = entry.columns[number]
    records = records_of_an_hour(instrument)
    place = next(i for i, one in enumerate(records) if i and one.get(entry.name) is not None)
    records = deepcopy(records[: place + 10])
    expected = tabulate(instrument, SPAN, records).rows.to_pylist()
    usual = expected[place][column.name]
    expected[place][column.name] = None
    if entry.shape is Shape.CELL:
        first = usual.lstrip("[")
        expected[place][column.name] = usual.replace(first, "null" + first[first.index(",") :])

    records[place][entry.name] = with_fill(entry, number, records[place][entry.name])
    assert "-9999999999999999635896294965248" in json.dumps(records)
    assert tabulate(instrument, SPAN, records).rows.to_pylist() == expected
    arrays = check_same(instrument, body_of(instrument, *records))
    assert (arrays is not None) == is_float_in_arrays(entry, column)


# --- the columns ------------------------------------------------------------------------------------------------------


def test_values_have_the_type_of_their_column() -> None:
    usual = {
        "ttj2000ns": 823176136884633761, "kernel_set_key": "k", "mag_epoch": 823176136884633762,
        "mag_B_GSE": [1, -0.5, FILL_VALUE], "mag_B_magnitude": 2,
    }  # fmt: skip
    arrays = parse_answer(MAG, SPAN, body_of(MAG, record(MAG, 3, **usual), record(MAG, 7, mag_B_GSE=None)))
    assert arrays is not None
    found = {column.name: values for column, values in arrays.columns.items()}
    assert {name: (values.type, values.to_pylist()) for name, values in found.items()} == {
        "ttj2000ns": (pa.int64(), [823176136884633761, None]),
        "kernel_set_key": (pa.string(), ["k", None]),
        "mag_epoch": (pa.int64(), [823176136884633762, None]),
        "mag_B_GSE_x": (pa.float64(), [1.0, None]),
        "mag_B_GSE_y": (pa.float64(), [-0.5, None]),
        "mag_B_GSE_z": (pa.float64(), [None, None]),
        "mag_B_magnitude": (pa.float64(), [2.0, None]),
    }


def test_a_field_is_a_column_where_it_came_be_it_empty_and_no_column_where_it_did_not() -> None:
    arrays = parse_answer(HIT, SPAN, body_of(HIT, record(HIT, hit_h_omni_med_en=None, hit_epoch=None)))
    assert arrays is not None
    assert [column.name for column in arrays.columns] == ["hit_epoch", "hit_h_omni_med_en"]


@pytest.mark.parametrize(
    ("instrument", "fields"),
    [
        (MAG, {"kernel_set_key": "mag_epoch"}),
        (MAG, {"kernel_set_key": "mag_epoch", "mag_epoch": None}),
        (MAG_HK, {"kernel_set_key": "mode", "mag_hk_status": {}}),
        (MAG_HK, {"kernel_set_key": "mode", "mag_hk_status": {"mode": None}}),
    ],
)
def test_the_name_of_a_field_may_be_a_value(instrument: Instrument, fields: dict[str, object]) -> None:
    for separators in ((",", ":"), (" , ", " : ")):
        assert check_same(instrument, body_of(instrument, record(instrument) | fields, separators=separators))


def test_no_records() -> None:
    arrays = parse_answer(HIT, SPAN, body_of(HIT))
    assert arrays is not None
    assert len(arrays) == 0
    assert tabulate(HIT, SPAN, arrays).rows.shape == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTRUMENTS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_several_answers_become_rows_at_once(name: str, data: st.DataObject) -> None:
    instrument = INSTRUMENTS[name]
    answers = data.draw(st.lists(usual_records(instrument), min_size=1, max_size=3))
    parts = [part for records in answers if (part := parse_answer(instrument, SPAN, body_of(instrument, *records)))]
    alone = [as_text([part]) for part in parts]
    together = as_text(parts) if parts else concatenate([])
    names = together.column_names
    assert names == ["time_utc", *sorted(set().union(*(each.column_names for each in alone)) - {"time_utc"})]
    expected = [{**dict.fromkeys(names), **row} for each in alone for row in each.to_pylist()]
    assert together.to_pylist() == expected


def test_columns_and_rows_of_a_day_become_one_table_in_whatever_order_they_came() -> None:
    def columns(second: int, **fields: object) -> AnswerColumns:
        found = parse_answer(HIT, SPAN, body_of(HIT, record(HIT, second, **fields)))
        assert found is not None
        return found

    unusual = tabulate(HIT, SPAN, [record(HIT, 60, hit_epoch=None, brand_new="x"), record(HIT, 180)]).rows
    rows = rows_of([columns(120, hit_epoch=3), columns(60, hit_epoch=2), unusual, columns(0, hit_epoch=1)])
    assert rows.to_pylist() == [
        {"time_utc": at(0), "brand_new": None, "hit_epoch": "1"},
        {"time_utc": at(60), "brand_new": "x", "hit_epoch": "2"},
        {"time_utc": at(120), "brand_new": None, "hit_epoch": "3"},
        {"time_utc": at(180), "brand_new": None, "hit_epoch": None},
    ]
    assert rows_of([]).to_pylist() == []


def test_the_shape_of_an_array_may_change_from_answer_to_answer() -> None:
    bodies = [body_of(CODICE_HI, record(CODICE_HI, codice_hi_h=value)) for value in ([[[[1]]]], None, [[[[2, 3.5]]]])]
    parts = [part for body in bodies if (part := parse_answer(CODICE_HI, SPAN, body))]
    assert as_text(parts)["codice_hi_h"].to_pylist() == ["[[[[1]]]]", None, "[[[[2,3.5]]]]"]


USUAL = record(MAG, 3, ttj2000ns=823176136884633761, mag_B_GSE=[1, 2, 3], mag_B_magnitude=1.5)


@pytest.mark.parametrize(
    "other",
    [
        {"time_utc": "2026-02-01 00:00:07"},
        {"time_utc": "2026-02-01T00:00:07Z"},
        {"time_utc": "2026-02-02T00:00:00"},
        {"time_utc": at(3)},
        {"time_utc": at(2)},
        {"time_utc": "2026-01-31T23:59:59"},
        {"time_utc": None},
        {"instrument": None},
        {"instrument": "hit"},
        {"brand_new": 1},
        {"brand_new": None},
        {"mag_B_GSE_x": 1},
        {"mag_B_GSE": [1, 2]},
        {"mag_B_GSE": [1, 2, 3, 4]},
        {"mag_B_GSE": []},
        {"mag_B_GSE": 1},
        {"mag_B_GSE": [1, 2, "3"]},
        {"mag_B_magnitude": "1"},
        {"mag_B_magnitude": True},
        {"mag_B_magnitude": 2**53 + 1},
        {"mag_B_magnitude": 1e300},
        {"mag_B_magnitude": int("9" * 400)},
        {"mag_B_magnitude": float("inf")},
        {"mag_B_GSE": [1, float("nan"), 2]},
        {"ttj2000ns": 823176136884633761.0},
        {"ttj2000ns": FILL_VALUE},
        {"ttj2000ns": 2**63},
        {"kernel_set_key": 1},
        {"kernel_set_key": "é"},
        {"kernel_set_key": 'quoted "'},
    ],
    ids=repr,
)
def test_what_is_not_usual_is_not_parsed(other: dict[str, object]) -> None:
    assert parse_answer(MAG, SPAN, body_of(MAG, USUAL)) is not None
    assert parse_answer(MAG, SPAN, body_of(MAG, USUAL, record(MAG, 7) | other)) is None


@pytest.mark.parametrize(
    ("instrument", "fields"),
    [
        (SWE, {"swe_normalized_counts": [1, 2, 3, 4, 5, 6, 7, 8.5]}),
        (MAG_HK, {"mag_hk_status": {"brand_new": 1}}),
        (MAG_HK, {"mag_hk_status": [1]}),
        (MAG_HK, {"mag_hk_status": {"mode": 5.0}}),
        (MAG_HK, {"mag_hk_status": {"sec_isvalid": 1}}),
        (CODICE_HI, {"codice_hi_epoch": [1, 2.5]}),
        (CODICE_HI, {"codice_hi_epoch": []}),
        (CODICE_HI, {"codice_hi_h": [[[[1, 2], [3]]]]}),
        (CODICE_HI, {"codice_hi_h": [[[[1], None]]]}),
        (CODICE_HI, {"codice_hi_h": [1, 2]}),
    ],
)
def test_nor_are_fields_of_another_form(instrument: Instrument, fields: dict[str, object]) -> None:
    assert parse_answer(instrument, SPAN, body_of(instrument, record(instrument) | fields)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"null", b" null ", b'"text"',
        b'{"data": null}', b'{"data": {}}', b'{"data": [null]}', b'{"data": [1]}',
        b'{"data": []} {"data": []}', b'{"data": []} more', b'{"data": [', b'{"data": [], "data": []}',
        b'{"meta": {"count": 1}, "data": []}', b'{"meta": {"count": 0, "new": 1}, "data": []}',
        b'{"meta": {"count": 0, "instrument": "hit"}, "data": []}', b'{"meta": {"instrument": 1}, "data": []}',
        b'\xef\xbb\xbf{"data": []}', b'{"data": [], "new": "\xff"}', b'{"data": []}\x0b',
        b'{"data": [{"time_utc": "2026-02-01T00:00:03", "instrument": "mag", "mag_epoch": 1, "mag_epoch": 2}]}',
    ],
)  # fmt: skip
def test_nor_are_other_texts(body: bytes) -> None:
    assert parse_answer(MAG, SPAN, body) is None


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize(
    "where",
    ["%s", '{"x": %s}', '{"data": %s}', '{"data": [%s]}', '{"data": [{"x": %s}]}', '{"data": [{"codice_hi_h": %s}]}',
     '{"meta": %s}', '{"meta": {"count": %s}}'],
)  # fmt: skip
def test_nor_is_what_is_nested_without_end(opening: str, where: str) -> None:
    """Left to find out the types by itself, arrow would overflow the stack, and the process be gone."""
    nested = opening * 200_000 + "1" + ("]" if opening == "[" else "}") * 200_000
    assert parse_answer(CODICE_HI, SPAN, (where % nested).encode()) is None


def test_an_answer_on_many_lines_that_says_nothing_of_its_count() -> None:
    arrays = check_same(MAG, json.dumps({"data": [USUAL]}, indent=2).encode() + b"\n")
    assert arrays is not None
    assert arrays.times.to_pylist() == [at(3)]
