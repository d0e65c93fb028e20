"""Records become cells: each value's text, what is rejected or refused, and merging per cell."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.day import content, table
from ialirt_backfill.day.answers import tabulate
from ialirt_backfill.exceptions import UnwritableValue
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.coverage import day_span
from tests.support.strategies import WHOLE_FILL, answers, at

DAY = date(2026, 2, 1)
SPAN = day_span(DAY)
MAG, MAG_HK, HIT, SWE, CODICE_HI = (INSTRUMENTS[name] for name in ("mag", "mag_hk", "hit", "swe", "codice_hi"))

modest = settings(max_examples=80, deadline=None)

Cells = dict[str, dict[str, str]]


def tabulated(instrument: Instrument, *records: object) -> pa.Table:
    window = tabulate(instrument, SPAN, records)
    assert window.doubts == ""
    check_form(window.rows)
    return window.rows


def check_form(rows: pa.Table) -> None:
    names = rows.column_names
    assert names == ["time_utc", *sorted(names[1:])]
    assert all(rows.schema.field(name).type == pa.string() for name in names)
    moments = rows["time_utc"].to_pylist()
    assert moments == sorted(set(moments))
    assert "" not in {cell for name in names for cell in rows[name].to_pylist()}


def cells(rows: pa.Table) -> Cells:
    """The cells that are not empty, by time and column."""
    return {
        row["time_utc"]: {name: cell for name, cell in row.items() if cell is not None and name != "time_utc"}
        for row in rows.to_pylist()
    }


def one(instrument: Instrument, /, **fields: Any) -> dict[str, str]:
    """The cells of a record with these fields."""
    return cells(tabulated(instrument, {"time_utc": at(0), **fields}))[at(0)]


def read_back(written: bytes) -> Cells:
    rows = csv.DictReader(io.StringIO(written.decode(), newline=""), strict=True)
    return {row["time_utc"]: {k: v for k, v in row.items() if v and k != "time_utc"} for row in rows}


# --- ordinary records -------------------------------------------------------------------------------------------------

# As the API sends them, for each instrument: some fields of a record, and the cells they become.
SAMPLES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (
        "mag",
        {
            "instrument": "mag",
            "ttj2000ns": 823176136184000000,
            "kernel_set_key": "2026-02-01T00:03:12",
            "mag_epoch": 823176136884633761,
            "mag_B_GSE": [6.219, 1.989, 4.179],
            "mag_B_RTN": [-6.219, -2, 4.179],
            "mag_B_magnitude": 7.752,
            "mag_phi_B_GSE": 265.567,
            "mag_theta_B_GSM": 78,
        },
        {
            "ttj2000ns": "823176136184000000",
            "kernel_set_key": "2026-02-01T00:03:12",
            "mag_epoch": "823176136884633761",
            "mag_B_GSE_x": "6.219",
            "mag_B_GSE_y": "1.989",
            "mag_B_GSE_z": "4.179",
            "mag_B_RTN_r": "-6.219",
            "mag_B_RTN_t": "-2",
            "mag_B_RTN_n": "4.179",
            "mag_B_magnitude": "7.752",
            "mag_phi_B_GSE": "265.567",
            "mag_theta_B_GSM": "78",
        },
    ),
    (
        "hit",
        {
            "hit_epoch": 823176150184000000,
            "hit_e_a_side_low_en": 6,
            "hit_e_b_side_low_en": 12.0,
            "hit_h_b_side_high_en": 0,
            "hit_he_omni_low_en": 2.5,
        },
        {
            "hit_epoch": "823176150184000000",
            "hit_e_a_side_low_en": "6",
            "hit_e_b_side_low_en": "12",
            "hit_h_b_side_high_en": "0",
            "hit_he_omni_low_en": "2.5",
        },
    ),
    (
        "swe",
        {
            "swe_normalized_counts": [84873600, 34747200, 14620800, 1994400, 10368000, 14241600, 2688012, 3988800],
            "swe_counterstreaming_electrons": 0,
        },
        {
            "swe_normalized_counts_1": "84873600",
            "swe_normalized_counts_2": "34747200",
            "swe_normalized_counts_3": "14620800",
            "swe_normalized_counts_4": "1994400",
            "swe_normalized_counts_5": "10368000",
            "swe_normalized_counts_6": "14241600",
            "swe_normalized_counts_7": "2688012",
            "swe_normalized_counts_8": "3988800",
            "swe_counterstreaming_electrons": "0",
        },
    ),
    (
        "swapi",
        {"swapi_pseudo_proton_speed": 360.001, "swapi_pseudo_proton_temperature": 118983.962},
        {"swapi_pseudo_proton_speed": "360.001", "swapi_pseudo_proton_temperature": "118983.962"},
    ),
    (
        "codice_lo",
        {"codice_lo_c_over_o_abundance": 0.699, "codice_lo_fe_low_over_fe_high": None},
        {"codice_lo_c_over_o_abundance": "0.699"},
    ),
    (
        "codice_hi",
        {
            "codice_hi_epoch": [823176263184000000, 823176323184000000, 823176383184000000, 823176443184000000],
            "codice_hi_h": [[[5.75, 6], [5.875, -1.0e31]], [[0, None], [1.5, 2.25]]],
        },
        {
            "codice_hi_epoch": "[823176263184000000,823176323184000000,823176383184000000,823176443184000000]",
            "codice_hi_h": "[[[5.75,6],[5.875,null]],[[0,null],[1.5,2.25]]]",
        },
    ),
    (
        "spacecraft",
        {"ttj2000ns": 823176133184000000, "sc_position_GSE": [1462915.809, -365046.95, 97962.4]},
        {
            "ttj2000ns": "823176133184000000",
            "sc_position_GSE_x": "1462915.809",
            "sc_position_GSE_y": "-365046.95",
            "sc_position_GSE_z": "97962.4",
        },
    ),
]


@pytest.mark.parametrize(("name", "fields", "expected"), SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_a_record_becomes_cells(name: str, fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert one(INSTRUMENTS[name], **fields) == expected


def test_housekeeping_is_flattened_and_converted() -> None:
    status = {"fib_range": 2, "fib_saturated": False, "pri_isvalid": True, "mode": 5}
    raw = {"icu_temp": 2368, "fib_temp": 2460, "fob_temp": 2468.5, "hk3v3": 2880, "hk3v3_current": 1776}
    raw |= {"hkn8v5": 3680, "hkn8v5_current": 1360}
    found = one(MAG_HK, mag_hk_status=status | raw)
    converted = {name: float(found.pop(f"mag_hk_{name}")) for name in raw}
    assert converted == pytest.approx(
        {
            "icu_temp": -273.15 + 0.1235727 * 2368,
            "fib_temp": -442.261486 + 0.360584507 * 2460 - 1.21404793e-4 * 2460**2 + 1.910344879e-8 * 2460**3,
            "fob_temp": -391.2388 + 0.2892792 * 2468.5 - 8.7790356e-5 * 2468.5**2 + 1.373157e-8 * 2468.5**3,
            "hk3v3": 0.001164028 * 2880,
            "hk3v3_current": -13.655 + 0.07964502 * 1776,
            "hkn8v5": -0.0025910408 * 3680,
            "hkn8v5_current": -8.3906 + 0.1178 * 1360,
        },
        rel=1e-12,
    )
    assert found == {
        "mag_hk_fib_range": "2",
        "mag_hk_fib_saturated": "False",
        "mag_hk_pri_isvalid": "True",
        "mag_hk_mode": "Normal",
    }


@pytest.mark.parametrize(
    ("raw", "text"),
    [(1, "Standby"), (6, "Burst"), (7, "7"), (0, "0"), (True, "True"), (None, None), (WHOLE_FILL, None), ("5", "5")],
)
def test_modes_are_named_and_unknown_ones_written_as_they_came(raw: object, text: str | None) -> None:
    found = cells(
        tabulated(
            MAG_HK,
            {"time_utc": at(0), "mag_hk_status": {"mode": raw, "hk3v3": 0}},
            {"time_utc": at(4), "mag_hk_status": {"mode": 2, "hk3v3": 0}},
        )
    )
    assert found[at(0)].get("mag_hk_mode") == text
    assert found[at(4)]["mag_hk_mode"] == "Safe"


def test_columns_are_those_of_the_fields_that_came() -> None:
    rows = tabulated(
        MAG,
        {"time_utc": at(0), "instrument": "mag", "mag_B_GSE": None, "mag_B_magnitude": None},
        {"time_utc": at(4), "mag_epoch": 1},
    )
    assert rows.column_names == [
        "time_utc",
        "mag_B_GSE_x",
        "mag_B_GSE_y",
        "mag_B_GSE_z",
        "mag_B_magnitude",
        "mag_epoch",
    ]


def test_no_records_are_no_rows() -> None:
    rows = tabulated(MAG)
    assert rows.num_rows == 0
    assert rows.column_names == ["time_utc"]


# --- values of each kind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (2.5, "2.5"),
        (-0.001, "-0.001"),
        (1e21, "1e+21"),
        (2**53 + 1, "9007199254740993"),
        (2**63 + 1, "9223372036854775809"),
        (10**400, "1" + "0" * 400),
        (-1.0e31, None),
        (-9.999999848243207e30, None),  # the fill value by way of a 32-bit float
        (-(10**31), None),
        (WHOLE_FILL, None),
        (-1.0e30, "-1e+30"),
        (-1.0e33, "-1e+33"),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (None, None),
        ("", None),
        (True, "True"),
        ("off", "off"),
        ([1, 2.5, math.nan], "[1,2.5,null]"),
        ({"a": [None, -1.0e31], "b": "ü"}, '{"a":[null,null],"b":"ü"}'),
    ],
)
def test_measurements(value: object, text: str | None) -> None:
    found = cells(tabulated(MAG, *({"time_utc": at(i), "mag_B_magnitude": v} for i, v in enumerate((0.1, value, 7)))))
    assert [found[at(i)].get("mag_B_magnitude") for i in range(3)] == ["0.1", text, "7"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (823176136884633761, "823176136884633761"),
        (-(2**63), "-9223372036854775808"),
        (2**63, "9223372036854775808"),
        (10**25, "1" + "0" * 25),
        (6.0, "6"),
        (6.5, "6.5"),
        (1e300, "1e+300"),
        (-1.0e31, None),
        (WHOLE_FILL, None),
        (math.nan, None),
        (False, "False"),
        ("6", "6"),
        ([6], "[6]"),
    ],
)
def test_integers(value: object, text: str | None) -> None:
    exact = 823176136884633761
    found = cells(tabulated(MAG, *({"time_utc": at(i), "mag_epoch": v} for i, v in enumerate((exact, value, exact)))))
    assert [found[at(i)].get("mag_epoch") for i in range(3)] == [str(exact), text, str(exact)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "True"), (0, "0"), (1, "1"), ("yes", "yes"), (2.5, "2.5"), (None, None), (WHOLE_FILL, None), ([], "[]")],
)
def test_booleans(value: object, text: str | None) -> None:
    found = cells(
        tabulated(
            MAG_HK,
            {"time_utc": at(0), "mag_hk_status": {"pri_isvalid": value}},
            {"time_utc": at(4), "mag_hk_status": {"pri_isvalid": False}},
        )
    )
    assert found[at(0)].get("mag_hk_pri_isvalid") == text
    assert found[at(4)]["mag_hk_pri_isvalid"] == "False"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2, "2"),
        (2.0, "2.0"),
        (10**30, "1" + "0" * 30),
        (True, "True"),
        ("a,b", "a,b"),
        ("\ud800", "\\ud800"),
        (-1.0e31, None),
        (WHOLE_FILL, None),
        ([1, WHOLE_FILL, {"a": WHOLE_FILL}], '[1,null,{"a":null}]'),
        ([1, "x"], '[1,"x"]'),
        ({"b": 1, "a": True}, '{"b":1,"a":true}'),
    ],
)
def test_an_unknown_field_is_written_as_it_came(value: object, text: str | None) -> None:
    assert one(MAG, brand_new=value).get("brand_new") == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1, 2], {"mag_B_GSE": "[1,2]"}),
        ([], {"mag_B_GSE": "[]"}),
        (5.5, {"mag_B_GSE": "5.5"}),
        ({"x": 1}, {"mag_B_GSE": '{"x":1}'}),
        (-1.0e31, {}),
        (WHOLE_FILL, {}),
        ([-1.0e31, 2, None], {"mag_B_GSE_y": "2"}),
        ([WHOLE_FILL, 2, WHOLE_FILL], {"mag_B_GSE_y": "2"}),
        ([1, "b", [2]], {"mag_B_GSE_x": "1", "mag_B_GSE_y": "b", "mag_B_GSE_z": "[2]"}),
    ],
)
def test_a_vector_of_another_kind(value: object, found: dict[str, str]) -> None:
    rows = tabulated(MAG, {"time_utc": at(0), "mag_B_GSE": value}, {"time_utc": at(4), "mag_B_GSE": [1, 2.5, 3]})
    assert cells(rows) == {at(0): found, at(4): {"mag_B_GSE_x": "1", "mag_B_GSE_y": "2.5", "mag_B_GSE_z": "3"}}


def test_a_status_that_is_no_object_and_unknown_members() -> None:
    rows = tabulated(
        MAG_HK,
        {"time_utc": at(0), "mag_hk_status": [1]},
        {"time_utc": at(4), "mag_hk_status": {"colour": "red", "hk3v3": 2000}},
        {"time_utc": at(8), "mag_hk_status": None},
    )
    assert cells(rows) == {
        at(0): {"mag_hk_status": "[1]"},
        at(4): {"mag_hk_colour": "red", "mag_hk_hk3v3": repr(0.001164028 * 2000)},
        at(8): {},
    }


@pytest.mark.parametrize("value", ["2460", [2460], {"raw": 2460}, True, 10**400, 1e200])
def test_a_raw_value_that_cannot_be_converted_is_refused(value: object) -> None:
    records = [{"time_utc": at(i), "mag_hk_status": {"fib_temp": raw}} for i, raw in enumerate([2460, value])]
    with pytest.raises(UnwritableValue, match=rf"mag_hk: column 'mag_hk_fib_temp' .* {at(1)}"):
        tabulate(MAG_HK, SPAN, records)


@pytest.mark.parametrize("value", [None, math.nan, -1.0e31, WHOLE_FILL, ""])
def test_a_raw_value_that_is_missing_is_an_empty_cell(value: object) -> None:
    assert one(MAG_HK, mag_hk_status={"fib_temp": value}) == {}


def test_long_raw_values_are_converted() -> None:
    found = one(MAG_HK, mag_hk_status={"hk3v3": 2**60})
    assert float(found["mag_hk_hk3v3"]) == pytest.approx(0.001164028 * 2**60)


def test_two_fields_for_one_column() -> None:
    def record(second: int, **fields: object) -> dict[str, object]:
        return {"time_utc": at(second), **fields}

    with pytest.raises(UnwritableValue, match="mag_B_GSE_x"):
        tabulated(MAG, record(0, mag_B_GSE=[1, 2, 3]), record(4, mag_B_GSE=[1, 2, 3], mag_B_GSE_x=4))
    same = tabulated(MAG, record(0, mag_B_GSE=[1, 2, 3], mag_B_GSE_x=1.0), record(4, mag_B_GSE_x=5))
    assert [row["mag_B_GSE_x"] for row in cells(same).values()] == ["1", "5"]
    with pytest.raises(UnwritableValue, match="mag_hk_fib_temp"):  # counts or degrees: nobody can know
        tabulated(MAG_HK, record(0, mag_hk_fib_temp=2460))


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3]],
        [[1, 2], 3],
        [[1, [2]], [3, 4]],
        [[1, "x"], [3, 4]],
        [[1, True], [2.5, 4]],
        [[None, None], None],
        [[], []],
        [[2**60, 1.5], [1, 2]],
        [[10**12, 1.5], [1e10, 2]],
        [[2**70, 1], [1, 2]],
        [[math.nan, -1.0e31], [math.inf, 0.5]],
        [[WHOLE_FILL, 1], [WHOLE_FILL, WHOLE_FILL]],
    ],
)
def test_one_odd_array_changes_no_other(value: list[Any]) -> None:
    usual = [[1, 2.5], [12345678901, -1.0e31]]
    arrays = [usual, value, [[1, 2], [3, 4]]]
    together = tabulated(CODICE_HI, *({"time_utc": at(i), "codice_hi_h": array} for i, array in enumerate(arrays)))
    alone = [one(CODICE_HI, codice_hi_h=array)["codice_hi_h"] for array in arrays]
    texts = together["codice_hi_h"].to_pylist()
    assert texts == alone
    assert all(" " not in text for text in texts)
    for array, text in zip(arrays, texts, strict=True):
        assert json.loads(text) == without_missing(array)


def without_missing(value: Any) -> Any:
    if isinstance(value, list):
        return [without_missing(element) for element in value]
    return None if value == -1.0e31 or (isinstance(value, float) and not math.isfinite(value)) else value


# --- times and which records count ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-01T00:00:07",
        "2026-02-01 00:00:07",
        "2026-02-01T00:00:07Z",
        "2026-02-01T00:00:07.999",
        "2026-02-01T00:00:07.123456789Z",
        "2026-02-01T00:00:07+00:00",
        "2026-02-01T01:30:07+01:30",
        "2026-01-31T19:00:07.5-0500",
    ],
)
def test_forms_of_time(text: str) -> None:
    assert cells(tabulated(HIT, {"time_utc": text, "hit_epoch": 1})) == {at(7): {"hit_epoch": "1"}}


UNREADABLE: list[object] = [
    None,
    "",
    5,
    True,
    [],
    "2026-02-30T00:00:07",
    "2026-02-01T24:00:00",
    "2026-02-01T23:59:60",
    "2026-02-01",
    "20260201T000007",
    "2026-02-01T00:00",
    "2026-02-01T00:00:7",
    "2026-02-01t00:00:07",
    " 2026-02-01T00:00:07",
    "2026-02-01T00:00:07\n",
    "٢٠٢٦-02-01T00:00:07",
    "0001-01-01T00:00:00+23:00",
    "NaT",
    "\ud800",
]


@pytest.mark.parametrize("text", UNREADABLE, ids=repr)
def test_an_unreadable_time_costs_its_own_record(text: object) -> None:
    exact = 823176136884633761
    records = [{"time_utc": at(0), "mag_epoch": exact}, {"time_utc": text, "mag_epoch": 1}]
    window = tabulate(MAG, SPAN, records)
    assert cells(window.rows) == {at(0): {"mag_epoch": str(exact)}}
    assert len(window.rejected) == 1
    assert '"mag_epoch":1' in window.rejected[0]
    assert window.foreign == ()
    assert window.doubts == "1 record that cannot be kept"


def test_what_is_no_record_is_rejected_and_shown() -> None:
    records = [None, [1, 2], "x" * 300, {"mag_epoch": 1}, {"time_utc": at(0)}]
    window = tabulate(MAG, SPAN, records)
    assert window.rejected == ("null", "[1,2]", '"' + "x" * 199, '{"mag_epoch":1}')
    assert window.rows.num_rows == 1


def test_records_of_another_time_are_left_out_without_a_word() -> None:
    records = [
        {"time_utc": at(0), "instrument": "mag", "mag_epoch": 1},
        {"time_utc": at(-1), "mag_epoch": 4},
        {"time_utc": at(86400), "mag_epoch": 5, "brand_new": 5},
        {"time_utc": "2099-01-01T00:00:00.5", "mag_epoch": 6},
        {"time_utc": at(86399), "mag_epoch": 7},
    ]
    window = tabulate(MAG, SPAN, records)
    assert cells(window.rows) == {at(0): {"mag_epoch": "1"}, at(86399): {"mag_epoch": "7"}}
    assert window.doubts == ""
    assert window.rows.column_names == ["time_utc", "mag_epoch"]


def test_records_of_another_instrument_are_left_out_and_named() -> None:
    others: list[object] = ["hit", "hit", ["mag"], "sw\x1be", 5, "MAG"]
    records = [{"time_utc": at(0), "instrument": "mag", "mag_epoch": 1}, {"time_utc": at(4), "mag_epoch": 2}]
    records += [{"time_utc": at(8), "instrument": other, "hit_epoch": 3} for other in others]
    records.append({"time_utc": "soon", "instrument": "hit"})  # it need not have a time to be left out
    window = tabulate(MAG, SPAN, [*records, {"instrument": "mag"}])
    assert cells(window.rows) == {at(0): {"mag_epoch": "1"}, at(4): {"mag_epoch": "2"}}
    assert window.rows.column_names == ["time_utc", "mag_epoch"]
    assert window.foreign == ('"hit"', '"hit"', '["mag"]', '"sw\\u001be"', "5", '"MAG"', '"hit"')
    assert window.rejected == ('{"instrument":"mag"}',)
    assert window.doubts == (
        '3 records of "hit", 1 record of ["mag"], 1 record of "sw\\u001be", 1 record that cannot be kept'
    )


def test_records_out_of_order_and_twice() -> None:
    records = [
        {"time_utc": at(8), "mag_epoch": 3},
        {"time_utc": at(0), "mag_epoch": 1, "mag_B_magnitude": 5.5},
        {"time_utc": at(4), "mag_epoch": 2},
        {"time_utc": at(0) + ".25", "mag_epoch": 9, "mag_B_magnitude": None},
    ]
    assert cells(tabulated(MAG, *records)) == {
        at(0): {"mag_epoch": "9", "mag_B_magnitude": "5.5"},
        at(4): {"mag_epoch": "2"},
        at(8): {"mag_epoch": "3"},
    }


def test_times_in_seconds() -> None:
    rows = tabulated(MAG, {"time_utc": at(4)}, {"time_utc": at(0)})
    assert table.times(rows) == [int(SPAN.start.timestamp()), int(SPAN.start.timestamp()) + 4]
    assert table.times(table.empty()) == []


# --- merging and writing ----------------------------------------------------------------------------------------------

AWKWARD = (
    "a",
    "",
    ".x",
    "[0]",
    "x,y",
    'say "so"',
    "two\nlines",
    "cr\rhere",
    "ü",
    "mag_epoch",
    "a_last",
    "0",
    " padded ",
)
names = st.sampled_from(AWKWARD)
cell_texts = st.one_of(st.none(), st.sampled_from(["1", "1.0", "0823", "823176136884633761", "1e5", "NaN", "null"]))
cell_texts |= st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
contents = st.dictionaries(st.integers(0, 12), st.dictionaries(names, cell_texts, max_size=4), max_size=6)


def built(some: dict[int, dict[str, str | None]]) -> pa.Table:
    columns = sorted({name for row in some.values() for name in row})
    data = {name: [some[second].get(name) for second in sorted(some)] for name in columns}
    return pa.table(
        [pa.array([at(s) for s in sorted(some)], pa.string()), *(pa.array(data[c], pa.string()) for c in columns)],
        ["time_utc", *columns],
    )


def model(*contents: dict[int, dict[str, str | None]]) -> Cells:
    merged: Cells = {}
    for some in contents:
        for second, row in some.items():
            merged.setdefault(at(second), {}).update({name: cell for name, cell in row.items() if cell is not None})
    return merged


@given(st.lists(contents, max_size=4))
@modest
def test_tables_are_merged_per_cell(parts: list[dict[int, dict[str, str | None]]]) -> None:
    rows = table.concatenate([built(part) for part in parts])
    check_form(rows)
    assert cells(rows) == model(*parts)
    assert set(rows.column_names) == {"time_utc"}.union(*(row for part in parts for row in part.values()))
    step = table.empty()
    for part in parts:
        step = table.merge(step, built(part))
    assert step.equals(rows) or cells(step) == cells(rows)


@given(contents, st.lists(names, unique=True))
@modest
def test_what_is_written_reads_back(some: dict[int, dict[str, str | None]], more: list[str]) -> None:
    rows = built(some)
    columns = ["time_utc", *sorted({*rows.column_names[1:], *more})]
    written = content.header(columns) + content.to_csv(rows, columns)
    assert read_back(written) == model(some)
    assert written.endswith(b"\n")
    lines = list(csv.reader(io.StringIO(written.decode(), newline=""), strict=True))
    assert lines[0] == columns
    assert {len(line) for line in lines} == {len(columns)}


def test_quotes_stand_only_where_they_are_needed() -> None:
    rows = built({0: {"a": "plain", "x,y": "1,2"}, 4: {"a": 'q"', "x,y": " "}})
    assert content.header(rows.column_names) == b'time_utc,a,"x,y"\n'
    assert content.to_csv(rows, rows.column_names) == f'{at(0)},plain,"1,2"\n{at(4)},"q""", \n'.encode()


# --- whatever comes ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(answers)
@settings(max_examples=150, deadline=None)
def test_every_record_becomes_the_same_cells_alone_and_among_others(answer: tuple[Instrument, list[Any]]) -> None:
    instrument, records = answer
    try:
        alone = [tabulate(instrument, SPAN, [record]) for record in records]
    except UnwritableValue:
        with pytest.raises(UnwritableValue):
            tabulate(instrument, SPAN, records)
        return
    window = tabulate(instrument, SPAN, records)
    check_form(window.rows)
    assert cells(window.rows) == cells(table.concatenate([each.rows for each in alone]))
    assert len(window.rejected) == sum(len(each.rejected) for each in alone)
    assert window.foreign == tuple(name for each in alone for name in each.foreign)
    columns = window.rows.column_names
    written = content.header(columns) + content.to_csv(window.rows, columns)
    assert read_back(written) == cells(window.rows)


@given(st.lists(st.one_of(st.integers(), st.floats()), min_size=1, max_size=5))
@modest
def test_measurements_read_back_to_the_same_number(values: list[float]) -> None:
    rows = tabulated(MAG, *({"time_utc": at(i), "mag_B_magnitude": value} for i, value in enumerate(values)))
    for value, text in zip(values, rows["mag_B_magnitude"].to_pylist(), strict=True):
        if text is None:
            assert not math.isfinite(value) or -1.01e31 <= value <= -0.99e31
        elif isinstance(value, int) and abs(value) > 2**53:
            assert int(text) == value
        else:
            assert float(text) == value


def test_a_broken_record_among_others_costs_itself_and_a_change_of_kind_fails_the_column() -> None:
    def status(second: int, temperature: object) -> dict[str, object]:
        return {"time_utc": f"2026-02-01T00:00:{second:02d}", "mag_hk_status": {"fib_temp": temperature, "mode": 5}}

    window = tabulate(MAG_HK, SPAN, [status(3, 2460), status(7, [2460]), status(11, 2461)])
    assert window.rows["time_utc"].to_pylist() == ["2026-02-01T00:00:03", "2026-02-01T00:00:11"]
    assert len(window.rejected) == 1
    assert "[2460]" in window.rejected[0]
    with pytest.raises(UnwritableValue, match="mag_hk_fib_temp"):
        tabulate(MAG_HK, SPAN, [status(3, "cold"), status(7, [2460]), status(11, 2461)])
