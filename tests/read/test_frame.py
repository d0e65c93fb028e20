"""Daily files as DataFrames."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ialirt_backfill.exceptions import OddCells, UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.frame import read_days

DAY = date(2026, 2, 1)


def write(datastore: Path, instrument: str, text: str, day: date = DAY) -> None:
    path = datastore / INSTRUMENTS[instrument].path(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def at(second: int) -> datetime:
    return datetime(2026, 2, 1, 0, 0, second, tzinfo=UTC)


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "mag",
        "time_utc,kernel_set_key,later,mag_B_GSE_x,mag_B_GSE_y,mag_B_GSE_z,mag_epoch,ttj2000ns\n"
        "2026-02-01T00:00:03,k,a,1,2,3,823176072977448541,823176072184000000\n"
        "2026-02-01T00:00:07,k,,2.5,,,,823176076184000000\n",
    )
    write(
        tmp_path,
        "swapi",
        "time_utc,kernel_set_key,swapi_pseudo_proton_speed,ttj2000ns\n"
        "2026-02-01T00:00:05,k,400.5,823176074184000000\n2026-02-01T00:00:07,k,401,823176076184000000\n",
    )
    return tmp_path


def test_types_come_from_the_table_of_instruments_and_no_digit_is_lost(datastore: Path) -> None:
    write(datastore, "mag", "time_utc,mag_B_GSE_x\n2026-02-02T00:00:03,\n", date(2026, 2, 2))
    frame = read_days(datastore, "mag", DAY, date(2026, 2, 3))
    assert list(frame.index) == [at(3), at(7), datetime(2026, 2, 2, 0, 0, 3, tzinfo=UTC)]
    assert frame["mag_epoch"].dtype == "Int64"
    assert frame["mag_epoch"].iloc[0] == 823176072977448541
    assert frame["mag_epoch"].isna().tolist() == [False, True, True]
    assert frame["mag_B_GSE_x"].dtype == "float64"
    alone = read_days(datastore, "mag", date(2026, 2, 2))
    assert alone.dtypes.equals(frame.dtypes)
    assert alone.index.dtype == frame.index.dtype


def test_its_columns_are_its_own(datastore: Path) -> None:
    frame = read_days(datastore, "mag", DAY)
    assert {"ttj2000ns", "kernel_set_key", "extra", "time_utc"}.isdisjoint(frame.columns)
    assert set(frame.columns) < INSTRUMENTS["mag"].columns.keys()
    others = read_days(datastore, "mag", DAY, columns=["ttj2000ns", "kernel_set_key", "extra"])
    assert others["ttj2000ns"].tolist() == [823176072184000000, 823176076184000000]
    assert others["kernel_set_key"].tolist() == ["k", "k"]
    assert others["extra"].tolist() == [[("later", "a")], None]


def test_it_knows_its_units(datastore: Path) -> None:
    frame = read_days(datastore, "mag", DAY, columns="mag_B_GSE")
    assert frame.attrs["units"]["mag_B_GSE_z"] == "nT"
    assert "uncalibrated" in frame.attrs["source"]


def test_two_instruments_can_be_joined_and_resampled(datastore: Path) -> None:
    mag, swapi = (read_days(datastore, name, DAY) for name in ("mag", "swapi"))
    joined = mag.join(swapi)
    assert joined["swapi_pseudo_proton_speed"].isna().tolist() == [True, False]
    means = joined.resample("1min").mean()
    assert means["mag_B_GSE_x"].tolist() == [1.75]
    assert means["swapi_pseudo_proton_speed"].tolist() == [401.0]
    averaged = [read_days(datastore, name, DAY, average="1min") for name in ("mag", "swapi")]
    assert averaged[0].join(averaged[1])["swapi_records"].tolist() == [2]


def test_several_instruments_on_one_time_axis(datastore: Path) -> None:
    frame = read_days(datastore, ["mag", "swapi"], DAY, columns=["mag_B_GSE_x", "swapi_pseudo_proton_speed"])
    assert list(frame.index) == [at(3), at(5), at(7)]
    np.testing.assert_array_equal(frame["mag_B_GSE_x"], [1, np.nan, 2.5])
    np.testing.assert_array_equal(frame["swapi_pseudo_proton_speed"], [np.nan, 400.5, 401])
    assert set(frame.attrs["units"]) >= {"mag_B_GSE_x", "swapi_pseudo_proton_speed"}
    means = read_days(datastore, "mag, swapi", "2026-02-01", average="1min")
    assert means.index.tolist() == [at(0)]
    assert means[["mag_B_GSE_x", "swapi_pseudo_proton_speed", "mag_records", "swapi_records"]].iloc[0].tolist() == [
        1.75,
        400.75,
        2,
        2,
    ]
    assert read_days(datastore, "mag,swapi", DAY, columns="mag_B_GSE_x").columns.tolist() == ["mag_B_GSE_x"]


def test_the_index_may_be_the_time_of_the_measurement_to_the_nanosecond(datastore: Path) -> None:
    frame = read_days(datastore, "mag", DAY, columns="mag_B_GSE_x", index="mag_epoch_utc")
    assert frame.index.dtype == "datetime64[ns, UTC]"
    assert frame.index[0] == pd.Timestamp("2026-02-01T00:00:03.793448541Z")
    assert frame.columns.tolist() == ["time_utc", "mag_B_GSE_x"]


@pytest.mark.parametrize("instrument", ["mag", "mag,swapi"])
def test_without_an_index_the_time_is_a_column(datastore: Path, instrument: str) -> None:
    frame = read_days(datastore, instrument, DAY, columns="mag_B_GSE_x,time_utc", index=None)
    assert frame["time_utc"].iloc[0] == at(3)
    assert frame["time_utc"].dtype == "datetime64[us, UTC]"
    assert isinstance(frame.index, pd.RangeIndex)


def test_booleans(tmp_path: Path) -> None:
    write(tmp_path, "mag_hk", "time_utc,mag_hk_pri_isvalid\n2026-02-01T00:00:03,True\n2026-02-01T00:00:07,\n")
    frame = read_days(tmp_path, "mag_hk", DAY)
    assert frame["mag_hk_pri_isvalid"].dtype == "boolean"
    assert frame["mag_hk_pri_isvalid"].tolist() == [True, pd.NA]


def test_a_cell_of_another_kind_leaves_its_column_its_type(tmp_path: Path) -> None:
    write(tmp_path, "swe", "time_utc,swe_normalized_counts_1\n2026-02-01T00:00:17,5\n2026-02-01T00:01:17,2.5\n")
    with pytest.warns(OddCells, match=r"'2\.5'"):
        found = read_days(tmp_path, "swe", DAY)["swe_normalized_counts_1"]
    assert found.dtype == "Int64"
    assert found.tolist() == [5, pd.NA]


def test_counts_of_hit_are_measurements_whole_or_not(tmp_path: Path) -> None:
    write(tmp_path, "hit", "time_utc,hit_h_omni_low_en\n2026-02-01T00:00:17,5\n2026-02-01T00:01:17,2.5\n")
    found = read_days(tmp_path, "hit", DAY)["hit_h_omni_low_en"]
    assert found.dtype == "float64"
    assert found.tolist() == [5.0, 2.5]


def test_a_cell_of_nested_arrays_is_one_array(tmp_path: Path) -> None:
    cell = str([[[[1.5, 2], [3, 4]]], [[[5, 6], [7, None]]]]).replace("None", "null")
    write(
        tmp_path,
        "codice_hi",
        f'time_utc,codice_hi_epoch,codice_hi_h\n2026-02-01T00:00:10,"[1,2]","{cell}"\n2026-02-01T00:04:10,,\n',
    )
    frame = read_days(tmp_path, "codice_hi", DAY)
    first, second = frame["codice_hi_h"]
    np.testing.assert_array_equal(first, np.array([[[[1.5, 2], [3, 4]]], [[[5, 6], [7, np.nan]]]]))
    assert second is None
    assert frame["codice_hi_epoch"].iloc[0].tolist() == [1, 2]


def test_an_odd_array_changes_no_other_cell(tmp_path: Path) -> None:
    cells = ["[[[[1,2]]]]", "[[[[3]]]]", "", "[[[[4,5]]],[]]", "[[[[6,null]]]]"]
    rows = "".join(f'2026-02-01T00:0{minute}:10,"{cell}"\n' for minute, cell in enumerate(cells))
    write(tmp_path, "codice_hi", f"time_utc,codice_hi_h\n{rows}")
    one, other, none, ragged, last = read_days(tmp_path, "codice_hi", DAY)["codice_hi_h"]
    assert [(it.dtype, it.shape) for it in (one, other, last)] == [
        (float, (1, 1, 1, 2)),
        (float, (1, 1, 1, 1)),
        (float, (1, 1, 1, 2)),
    ]
    assert none is None
    assert (ragged.dtype, ragged.tolist()) == (object, [[[[4.0, 5.0]]], []])
    np.testing.assert_array_equal(last[0, 0, 0], [6, np.nan])


def test_nanoseconds_in_arrays_stay_exact_also_beside_one_that_is_missing(tmp_path: Path) -> None:
    text = 'time_utc,codice_hi_epoch\n2026-02-01T00:00:10,"[823176199184000001,823176199184000003]"\n'
    write(tmp_path, "codice_hi", f'{text}2026-02-01T00:04:10,"[823176199184000001,null]"\n2026-02-01T00:05:10,\n')
    whole, part, none = read_days(tmp_path, "codice_hi", DAY, columns="codice_hi_epoch")["codice_hi_epoch"]
    assert (whole.dtype, whole.tolist()) == ("int64", [823176199184000001, 823176199184000003])
    assert part.tolist() == [823176199184000001, None]
    assert none is None
    [first, *_] = read_days(tmp_path, "codice_hi", DAY, columns="codice_hi_epoch_utc")["codice_hi_epoch_utc"]
    assert first.dtype == "datetime64[ns]"


def test_a_stretch_without_files_is_an_empty_frame_with_its_columns(datastore: Path) -> None:
    frame = read_days(datastore, "mag", "2026-01-01", "2026-01-31")
    assert frame.empty
    assert frame.dtypes.equals(read_days(datastore, "mag", DAY).dtypes)
    assert str(frame.index.dtype) == "datetime64[us, UTC]"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("hitt", {}, "unknown instrument"),
    ("mag,swapi", {"columns": "kernel_set_key"}, "mag and swapi have a column 'kernel_set_key' each"),
    ("mag,swapi", {"columns": "hit_epoch"}, "mag and swapi: there is no column 'hit_epoch'"),
    ("mag,swapi", {"index": "mag_epoch_utc"}, "have time_utc in common"),
    ("mag", {"index": "mag_epoch_utc", "average": "1h"}, "have time_utc in common"),
    ("mag", {"index": "mag_B_GSE_x"}, "'mag_B_GSE_x' is no time"),
    ("mag", {"index": "nope"}, "there is no column 'nope'"),
]


@pytest.mark.parametrize(("instrument", "how", "words"), WRONG)
def test_what_is_asked_for_wrongly_is_an_error(
    datastore: Path, instrument: str, how: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_days(datastore, instrument, DAY, **how)
