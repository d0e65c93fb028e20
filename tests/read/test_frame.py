"""Daily files as DataFrames."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.frame import read_days

DAY = date(2026, 2, 1)


def write(datastore: Path, instrument: str, text: str, day: date = DAY) -> None:
    path = datastore / INSTRUMENTS[instrument].path(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_types_come_from_the_table_of_instruments_and_no_digit_is_lost(tmp_path: Path) -> None:
    write(
        tmp_path,
        "mag",
        "time_utc,later,mag_B_GSE_x,mag_epoch\n2026-02-01T00:00:03,a,1,823176136884633761\n2026-02-01T00:00:07,,2.5,\n",
    )
    write(tmp_path, "mag", "time_utc,mag_B_GSE_x\n2026-02-02T00:00:03,\n", date(2026, 2, 2))
    frame = read_days(tmp_path, "mag", DAY, date(2026, 2, 3))
    assert list(frame.index) == [
        datetime(2026, 2, 1, 0, 0, 3, tzinfo=UTC),
        datetime(2026, 2, 1, 0, 0, 7, tzinfo=UTC),
        datetime(2026, 2, 2, 0, 0, 3, tzinfo=UTC),
    ]
    assert frame["mag_epoch"].dtype == "Int64"
    assert frame["mag_epoch"].iloc[0] == 823176136884633761
    assert frame["mag_epoch"].isna().tolist() == [False, True, True]
    assert frame["mag_B_GSE_x"].dtype == "float64"
    assert frame["later"].iloc[0] == "a"


def test_booleans(tmp_path: Path) -> None:
    write(tmp_path, "mag_hk", "time_utc,mag_hk_pri_isvalid\n2026-02-01T00:00:03,True\n2026-02-01T00:00:07,\n")
    frame = read_days(tmp_path, "mag_hk", DAY)
    assert frame["mag_hk_pri_isvalid"].dtype == "boolean"
    assert frame["mag_hk_pri_isvalid"].tolist() == [True, pd.NA]


def test_a_cell_of_another_kind_leaves_its_column_text(tmp_path: Path) -> None:
    write(tmp_path, "swe", "time_utc,swe_normalized_counts_1\n2026-02-01T00:00:17,5\n2026-02-01T00:01:17,2.5\n")
    assert read_days(tmp_path, "swe", DAY)["swe_normalized_counts_1"].tolist() == ["5", "2.5"]


def test_counts_of_hit_are_measurements_whole_or_not(tmp_path: Path) -> None:
    write(tmp_path, "hit", "time_utc,hit_h_omni_low_en\n2026-02-01T00:00:17,5\n2026-02-01T00:01:17,2.5\n")
    found = read_days(tmp_path, "hit", DAY)["hit_h_omni_low_en"]
    assert found.dtype == "float64"
    assert found.tolist() == [5.0, 2.5]


HIT = "time_utc,hit_h_omni_low_en\n{}T00:00:17,5\n"


def test_no_file_of_those_days_is_an_empty_frame(tmp_path: Path) -> None:
    write(tmp_path, "hit", HIT.format(DAY))
    assert read_days(tmp_path, "hit", date(2026, 2, 2)).empty
    assert read_days(tmp_path, "mag", DAY).empty


@pytest.mark.parametrize(
    ("folder", "start", "end", "said"),
    [
        ("none", "2026-02-01", None, "none: there is no such folder"),
        ("", "2026-02-01", None, "holds no day files: name the datastore"),
        ("d", "2026-02-02", "2026-02-01", "the last day, 2026-02-01, lies before the first, 2026-02-02"),
        ("d", "01/02/2026", None, "may be read as two days"),
    ],
)
def test_what_would_be_an_empty_frame_by_mistake_is_refused(
    tmp_path: Path, folder: str, start: str, end: str | None, said: str
) -> None:
    write(tmp_path / "d", "hit", HIT.format(DAY))
    (tmp_path / "d" / "ledger.sqlite").touch()
    with pytest.raises(UsageError, match=said):
        read_days(tmp_path / folder, "hit", start, end)


def test_days_may_be_given_as_text_and_as_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in (DAY, date(2026, 2, 28)):
        write(tmp_path, "hit", HIT.format(day), day)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(read_days("~", "hit", "2026-02", "2026-02")) == 2
    assert len(read_days(str(tmp_path), "hit", "2026-02-01")) == 1
    assert len(read_days(tmp_path, "hit", datetime(2026, 2, 1, 12, tzinfo=UTC), pd.Timestamp("2026-02-28"))) == 2


def test_one_instrument_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one instrument"):
        read_days(tmp_path, "all", DAY)
    with pytest.raises(UsageError, match="unknown instrument"):
        read_days(tmp_path, "hitt", DAY)
