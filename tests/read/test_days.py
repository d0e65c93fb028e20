"""Days of an instrument as tables of arrow, all of one schema, whatever their files hold."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.day import content
from ialirt_backfill.day.answers import tabulate
from ialirt_backfill.exceptions import DayFileError, OddCells, UnwritableValue, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument, default_catalogue
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.read.days import tables
from ialirt_backfill.read.schema import projected, schema_of
from tests.support.strategies import answers
from tests.support.texts import cells_of

FILL = "-9999999999999999635896294965248"
"""The fill value as a whole number, as it arrives."""

DAY = date(2026, 2, 1)
START = datetime(2026, 2, 1, tzinfo=UTC)
WHOLE = timedelta(days=1)
MAG, MAG_HK, SWE, CODICE_HI = (INSTRUMENTS[name] for name in ("mag", "mag_hk", "swe", "codice_hi"))
modest = settings(max_examples=60, deadline=None)


def write(datastore: Path, instrument: Instrument, text: str | bytes, day: date = DAY, *, other: bool = False) -> Path:
    path = datastore / instrument.paths(day)[1 if other else 0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lines(column: str, cells: Iterable[str]) -> str:
    rows = (f"2026-02-01T00:00:{second:02d},{cell}\n" for second, cell in enumerate(cells))
    return "".join([f"time_utc,{column}\n", *rows])


def read(datastore: Path, instrument: Instrument, **how: Any) -> pa.Table:
    return pa.concat_tables(tables(datastore, instrument, START, START + WHOLE, **how))


def column(datastore: Path, instrument: Instrument, name: str) -> list[Any]:
    found: list[Any] = read(datastore, instrument, columns=[name])[name].to_pylist()
    return found


# --- one schema -------------------------------------------------------------------------------------------------------


def test_each_column_has_its_type_and_keeps_its_digits(tmp_path: Path) -> None:
    write(
        tmp_path,
        MAG,
        "time_utc,later,mag_B_GSE_x,mag_epoch,mag_phi_B_GSE\n"
        "2026-02-01T00:00:03,7,1,823176136884633761, 2.5 \n2026-02-01T00:00:07,,-0.001,,\n",
    )
    rows = read(tmp_path, MAG)
    assert rows.schema.equals(schema_of(MAG), check_metadata=True)
    known = {"mag_B_GSE_x", "mag_epoch", "mag_phi_B_GSE", "time_utc", "extra"}
    assert {name for name in rows.column_names if rows[name].null_count < 2} == known
    assert rows.select(sorted(known)).to_pylist() == [
        {
            "extra": [("later", "7")],
            "mag_B_GSE_x": 1.0,
            "mag_epoch": 823176136884633761,
            "mag_phi_B_GSE": 2.5,
            "time_utc": datetime(2026, 2, 1, 0, 0, 3, tzinfo=UTC),
        },
        {
            "extra": None,
            "mag_B_GSE_x": -0.001,
            "mag_epoch": None,
            "mag_phi_B_GSE": None,
            "time_utc": datetime(2026, 2, 1, 0, 0, 7, tzinfo=UTC),
        },
    ]


@modest
@given(answers)
def test_what_a_file_holds_is_read_cell_for_cell(
    tmp_path_factory: pytest.TempPathFactory, answer: tuple[Instrument, list[object]]
) -> None:
    """Whatever came: what its column has no room for stands in ``extra``."""
    instrument, records = answer
    try:
        rows = tabulate(instrument, day_span(DAY), records).rows
    except UnwritableValue:
        return
    if not rows.num_rows:
        return
    tmp_path = tmp_path_factory.mktemp("day")
    write(tmp_path, instrument, b"".join(map(bytes, content.whole_file(rows))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OddCells)
        found = read(tmp_path, instrument)
    assert found.schema.equals(schema_of(instrument), check_metadata=True)
    written = {
        row.pop("time_utc"): {name: cell for name, cell in row.items() if cell is not None} for row in rows.to_pylist()
    }
    back = cells_of(found)
    assert back.keys() == written.keys()
    for time, cells in written.items():
        for name, cell in cells.items():
            assert is_same(cell, back[time].get(name)), (time, name)
        assert back[time].keys() <= cells.keys()


def is_same(cell: str, back: str | None) -> bool:
    """A number may have another form, and a way to write that nothing is there is nothing."""
    if back is None:
        return cell.strip().lower() in {"", "nan", "null", "none"} or abs(float(cell)) > 1e30
    return cell == back or float(cell) == float(back)


texts = st.text(st.characters(exclude_characters='"\r\n,', exclude_categories=["Cs"]), max_size=5)
spellings = st.one_of(
    st.sampled_from(
        ["", "1", "-0", "nan", "NaN", "inf", "-1e31", "True", "false", "0", "null", " 2 ", "0x1F", "1e3", "2.0"]
    ),
    st.integers(-(2**64), 2**64).map(str),
    st.floats().map(repr),
    texts,
)
NAMES = ["later", "mag_B_GSE_x", "mag_epoch", "mag_hk_fib_range", "mag_hk_mode", "mag_hk_pri_isvalid"]


@modest
@given(st.data(), st.integers(2, 5), st.sampled_from([MAG, MAG_HK]))
def test_the_short_way_and_the_long_way_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int, instrument: Instrument
) -> None:
    """A file in another order, or with times in another form, is read the long way."""
    usual = st.sampled_from(["", "1", "-2.5", "0"])
    cells = [
        data.draw(st.lists(spellings if data.draw(st.booleans()) else usual, min_size=count, max_size=count))
        for _ in NAMES
    ]
    rows = [f"00:00:{n:02d},{','.join(row)}\n" for n, row in enumerate(zip(*cells, strict=True))]
    tmp_path = tmp_path_factory.mktemp("day")
    found = []
    for ordered, between in ((rows, "T"), (rows[::-1], "T"), (rows, " ")):
        write(
            tmp_path,
            instrument,
            "".join([f"time_utc,{','.join(NAMES)}\n", *(f"2026-02-01{between}{row}" for row in ordered)]),
        )
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found.append((read(tmp_path, instrument).to_pylist(), sorted(str(it.message) for it in told)))
    assert found[0] == found[1] == found[2]


# --- cells ------------------------------------------------------------------------------------------------------------


VALUES: list[tuple[Instrument, str, list[str], list[Any]]] = [
    (MAG, "mag_B_GSE_x", ["1", "-0.5", "1e-3", ""], [1, -0.5, 0.001, None]),
    (MAG, "mag_B_GSE_x", ["nan", "-1e31", "NaN", "inf", "-9.999999848243207e30"], [None] * 5),
    (SWE, "swe_normalized_counts_1", ["inf", "-1.0e31", FILL, "-Infinity", "7"], [None] * 4 + [7]),
    (CODICE_HI, "codice_hi_epoch", [f'"[1,{FILL},null]"', '"[-1e31]"'], [[1, None, None], [None]]),
    (MAG, "mag_B_GSE_x", ["+1", "null", ".5", "5."], [1, None, 0.5, 5]),
    (SWE, "swe_normalized_counts_1", ["1", "2.0", "NaN", "3e2"], [1, 2, None, 300]),
    (MAG, "mag_epoch", ["823176136884633761", "823176136884633761.0"], [823176136884633761] * 2),
    (MAG_HK, "mag_hk_pri_isvalid", ["True", "false", "1", "0", "TRUE", ""], [True, False, True, False, True, None]),
    (CODICE_HI, "codice_hi_epoch", ['"[1,2]"', "", '"[823176136884633761]"'], [[1, 2], None, [823176136884633761]]),
    (CODICE_HI, "codice_hi_h", ['"[[[[1,2.5,null]]]]"'], [[[[[1, 2.5, None]]]]]),
    (CODICE_HI, "codice_hi_h", ['"[[[[-1e31]],[[]]]]"', ""], [[[[[None]], [[]]]], None]),
    (CODICE_HI, "codice_hi_h", ['"[[[[1,NaN]]]]"', " null "], [[[[[1, None]]]], None]),
]


@pytest.mark.parametrize(("instrument", "name", "cells", "values"), VALUES)
def test_values(tmp_path: Path, instrument: Instrument, name: str, cells: list[str], values: list[Any]) -> None:
    write(tmp_path, instrument, lines(name, cells))
    assert column(tmp_path, instrument, name) == values


STATED = """
[x]
title = "X"
cadence = "1m"
[x.axes.e]
size = 2
[x.fields]
number = { fill = -999.9 }
large = { fill = 1e20 }
none = { fill = 0 }
whole = { type = "integer", fill = 255 }
word = { type = "text", fill = "N/A" }
nested = { cell = ["e"], fill = -1 }
times = { cell = ["e"], unit = "ns", fill = -9223372036854775808 }
"""
X = default_catalogue().with_file(STATED, "x.toml").instruments["x"]


@pytest.mark.parametrize(
    ("name", "cells", "values"),
    [
        ("number", ["-999.9", "-999.8", "", "-1e31", "-999.90"], [None, -999.8, None, None, None]),
        ("large", ["1e20", "100000002004087734272", "1.1e20"], [None, None, 1.1e20]),  # by way of 32 bits
        ("none", ["0", "0.0", "-0", "1"], [None, None, None, 1.0]),
        ("whole", ["255", "1", "255.0"], [None, 1, None]),
        ("word", ["N/A", "n/a", ""], [None, "n/a", None]),
        ("nested", ['"[-1,2.5]"', "", "[]"], [[None, 2.5], None, []]),
        ("times", ['"[-9223372036854775808,823176136884633761]"'], [[None, 823176136884633761]]),
    ],
)
def test_what_stands_for_a_missing_value_is_read_as_missing(
    tmp_path: Path, name: str, cells: list[str], values: list[Any]
) -> None:
    write(tmp_path, X, lines(name, cells))
    assert column(tmp_path, X, name) == values


def test_what_the_missions_files_have_for_a_missing_value_is_missing(tmp_path: Path) -> None:
    write(tmp_path, SWE, lines("swe_counterstreaming_electrons,swe_epoch", ["255,-9223372036854775808", "1,5"]))
    assert column(tmp_path, SWE, "swe_counterstreaming_electrons") == [None, 1]
    assert column(tmp_path, SWE, "swe_epoch") == [None, 5]


ODD = [
    (MAG, "mag_B_GSE_x", "broken", "no number"),
    (MAG, "mag_B_GSE_x", "True", "no number"),
    (MAG, "mag_B_GSE_x", "1_0", "no number"),
    (SWE, "swe_normalized_counts_1", "2.5", "no whole number of 64 bits"),
    (SWE, "swe_normalized_counts_1", str(2**63), "no whole number of 64 bits"),
    (SWE, "swe_normalized_counts_1", "1e99999999999999999999", "no whole number of 64 bits"),
    (MAG, "mag_epoch", "8.231761368846338e17", "no whole number of 64 bits"),
    (MAG_HK, "mag_hk_pri_isvalid", "perhaps", "neither True nor False"),
    (CODICE_HI, "codice_hi_epoch", '"[1.5]"', "no array of numbers"),
    (CODICE_HI, "codice_hi_epoch", "[1", "no array of numbers"),
    (CODICE_HI, "codice_hi_h", "[1]", "no array of numbers"),
    (CODICE_HI, "codice_hi_h", '"[1]}\n{""_"":[1]"', "no array of numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("instrument", "name", "cell", "what"), ODD)
def test_a_cell_that_its_column_cannot_hold_is_null_and_told_of(
    tmp_path: Path, instrument: Instrument, name: str, cell: str, what: str
) -> None:
    write(tmp_path, instrument, lines(name, ["", cell, "", cell]))
    with pytest.warns(OddCells, match=f"2026-02-01T00:00:01, which is {what}") as told:
        rows = read(tmp_path, instrument)
    assert len(told) == 1
    assert f"2 such cells of {name} are read as missing" in str(told[0].message)
    assert rows[name].to_pylist() == [None] * 4
    text = cell.removeprefix('"').removesuffix('"').replace('""', '"')
    assert rows["extra"].to_pylist() == [None, [(name, text)], None, [(name, text)]]


def test_an_odd_array_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    cells = [f'"[[[[{FILL}, 1e31, 10000000000000000000000000, 1]]]]"', "[[[[true]]]]"]
    write(tmp_path, CODICE_HI, lines("codice_hi_h", cells[:1]))
    expected = column(tmp_path, CODICE_HI, "codice_hi_h")
    write(tmp_path, CODICE_HI, lines("codice_hi_h", cells))
    with pytest.warns(OddCells, match=r"is '\[\[\[\[true"):
        assert column(tmp_path, CODICE_HI, "codice_hi_h") == [*expected, None]
    assert expected == [[[[[None, 1e31, 1e25, 1.0]]]]]


@pytest.mark.parametrize(("instrument", "name", "cell", "what"), ODD)
def test_where_it_is_strict_that_is_an_error(
    tmp_path: Path, instrument: Instrument, name: str, cell: str, what: str
) -> None:
    path = write(tmp_path, instrument, lines(name, ["", cell]))
    with pytest.raises(DayFileError, match=f"2026-02-01T00:00:01, which is {what}") as caught:
        read(tmp_path, instrument, strict=True)
    assert str(path) in str(caught.value)
    others = [it for it in schema_of(instrument).names if it not in {name, "extra"}]
    assert read(tmp_path, instrument, strict=True, columns=others).num_rows == 2


def test_the_other_cells_of_an_odd_column_are_as_they_were(tmp_path: Path) -> None:
    write(tmp_path, SWE, lines("swe_normalized_counts_1", ["5", "2.5", "7"]))
    with pytest.warns(OddCells, match="'2.5'.*: it is read as missing"):
        assert column(tmp_path, SWE, "swe_normalized_counts_1") == [5, None, 7]


def test_it_is_told_once_for_all_days_also_to_who_stops_early(tmp_path: Path) -> None:
    for day in (DAY, DAY + WHOLE):
        text = lines("mag_B_GSE_x", ["x"]).replace("2026-02-01", str(day))
        write(tmp_path, MAG, text, day)
    with pytest.warns(OddCells, match="2 such cells") as told:
        list(tables(tmp_path, MAG, START, START + 2 * WHOLE))
    assert len(told) == 1
    reading = tables(tmp_path, MAG, START, START + 2 * WHOLE)
    assert isinstance(reading, Generator)
    next(reading)
    with pytest.warns(OddCells, match="it is read as missing"):
        reading.close()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_stretch_begins_with_its_start_and_ends_before_its_stop(tmp_path: Path) -> None:
    write(tmp_path, MAG, lines("mag_B_GSE_x", "0123456"))
    write(tmp_path, MAG, "time_utc,mag_B_GSE_x\n2026-02-02T00:00:00,7\n", DAY + WHOLE)

    def found(start: datetime, stop: datetime) -> list[list[float]]:
        return [it["mag_B_GSE_x"].to_pylist() for it in tables(tmp_path, MAG, start, stop)]

    second = timedelta(seconds=1)
    assert found(START + 2 * second, START + 5 * second) == [[2, 3, 4]]
    assert found(START + 5 * second, START + WHOLE + second) == [[5, 6], [7]]
    assert found(START, START) == []
    cet = timezone(timedelta(hours=1))
    assert found((START + 6 * second).astimezone(cet), (START + WHOLE).replace(tzinfo=None)) == [[6]]


def test_days_without_a_file_or_without_rows_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, MAG, lines("mag_B_GSE_x", "1"))
    write(tmp_path, MAG, "time_utc,mag_B_GSE_x\n", DAY + WHOLE)
    write(tmp_path, MAG, b"", DAY + 2 * WHOLE)
    assert [it.num_rows for it in tables(tmp_path, MAG, START - WHOLE, START + 5 * WHOLE)] == [1]


def test_what_a_file_has_of_another_day_is_left_to_that_days_file(tmp_path: Path) -> None:
    write(tmp_path, MAG, "time_utc,mag_B_GSE_x\n2026-02-01T23:59:59,1\n2026-02-02T00:00:00,2\n")
    write(tmp_path, MAG, "time_utc,mag_B_GSE_x\n2026-02-02T00:00:00,2\n", DAY + WHOLE)
    found = pa.concat_tables(tables(tmp_path, MAG, START, START + 3 * WHOLE))
    assert found["mag_B_GSE_x"].to_pylist() == [1, 2]


def test_a_file_is_found_under_another_name_and_behind_a_link(tmp_path: Path) -> None:
    there = write(tmp_path, MAG, lines("mag_B_GSE_x", "12"), other=True)
    assert column(tmp_path, MAG, "mag_B_GSE_x") == [1, 2]
    elsewhere = there.rename(tmp_path / "elsewhere.csv")
    (tmp_path / MAG.path(DAY)).symlink_to(os.path.relpath(elsewhere, there.parent))
    assert column(tmp_path, MAG, "mag_B_GSE_x") == [1, 2]


@pytest.mark.parametrize("end", ["2026-02-01T00:00:0", "2026-02-01T00:00:09", '2026-02-01T00:00:09,"1', ""])
def test_a_last_line_that_was_cut_short_is_left_out(tmp_path: Path, end: str) -> None:
    write(tmp_path, MAG, lines("mag_B_GSE_x", "12") + end)
    assert column(tmp_path, MAG, "mag_B_GSE_x") == [1, 2]


def test_a_column_of_the_file_that_is_named_as_ours_is_one_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, MAG, "time_utc,extra,later\n2026-02-01T00:00:03,a,b\n")
    assert read(tmp_path, MAG)["extra"].to_pylist() == [[("extra", "a"), ("later", "b")]]


def test_of_some_columns_only_these_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path, MAG, "time_utc,later,mag_B_GSE_x,mag_B_GSE_y\n2026-02-01T00:00:03,a,1,broken\n")
    rows = read(tmp_path, MAG, columns=["mag_B_GSE_x", "mag_B_GSE_z"])
    assert rows.schema.equals(projected(MAG, ["mag_B_GSE_x", "mag_B_GSE_z"]), check_metadata=True)
    assert rows.to_pylist() == [{"time_utc": START + timedelta(seconds=3), "mag_B_GSE_x": 1.0, "mag_B_GSE_z": None}]
    assert read(tmp_path, MAG, columns=["extra"])["extra"].to_pylist() == [[("later", "a")]]


def test_of_no_columns_the_times_are_left(tmp_path: Path) -> None:
    write(tmp_path, MAG, lines("mag_B_GSE_x", "12"))
    assert read(tmp_path, MAG, columns=[]).to_pylist() == [
        {"time_utc": START},
        {"time_utc": START + timedelta(seconds=1)},
    ]


def test_a_day_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    reading = tables(tmp_path, MAG, START, START + 2 * WHOLE)
    write(tmp_path, MAG, lines("mag_B_GSE_x", "1"))
    assert next(reading).num_rows == 1
    write(tmp_path, MAG, lines("mag_B_GSE_x", "23").replace("2026-02-01", "2026-02-02"), DAY + WHOLE)
    assert next(reading).num_rows == 2


def test_an_unknown_column_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mag: there is no column 'mag_b_GSE_x'\. Did you mean 'mag_B_GSE_x'\?"):
        tables(tmp_path, MAG, START, START, columns=["mag_b_GSE_x"])


@pytest.mark.parametrize(
    "data",
    [
        b"<html>\n",
        b"time_utc,a\n2026-02-01T00:00:03,1,2\n",
        b"time_utc\nnoon\n",
        b"time_utc,a\n2026-02-01T00:00:03,\xff\n",
    ],
)
def test_what_is_no_file_of_a_day_is_named(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, MAG, data)
    with pytest.raises(DayFileError, match="cannot be understood") as caught:
        read(tmp_path, MAG)
    assert str(path) in str(caught.value)
