"""Daily files as tables of arrow: as text, and in the types of their columns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.text import read_text
from ialirt_backfill.read.typed import read_typed

MAG, MAG_HK = INSTRUMENTS["mag"], INSTRUMENTS["mag_hk"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "day.csv"


def test_text_is_what_stands_there_put_in_order(path: Path) -> None:
    path.write_text(
        "time_utc,b,a\n2026-02-01T00:00:07,1.50,\n2026-02-01 00:00:03Z,007,x\n2026-02-01T00:00:07,,y\n"
        "2026-02-01T00:00:11,"
    )
    assert read_text(path).to_pylist() == [
        {"time_utc": "2026-02-01T00:00:03", "a": "x", "b": "007"},
        {"time_utc": "2026-02-01T00:00:07", "a": "y", "b": "1.50"},
    ]


def test_each_column_has_its_type_and_keeps_its_digits(path: Path) -> None:
    path.write_text(
        "time_utc,later,mag_B_GSE_x,mag_epoch,mag_phi_B_GSE\n"
        "2026-02-01T00:00:03,7,1,823176136884633761, 2.5 \n2026-02-01T00:00:07,,-0.001,,\n"
    )
    rows = read_typed(path, MAG)
    assert {field.name: field.type for field in rows.schema} == {
        "time_utc": pa.timestamp("us", "UTC"),
        "later": pa.string(),
        "mag_B_GSE_x": pa.float64(),
        "mag_epoch": pa.int64(),
        "mag_phi_B_GSE": pa.float64(),
    }
    assert rows.to_pylist() == [
        {
            "time_utc": datetime(2026, 2, 1, 0, 0, 3, tzinfo=UTC),
            "later": "7",
            "mag_B_GSE_x": 1.0,
            "mag_epoch": 823176136884633761,
            "mag_phi_B_GSE": 2.5,
        },
        {
            "time_utc": datetime(2026, 2, 1, 0, 0, 7, tzinfo=UTC),
            "later": None,
            "mag_B_GSE_x": -0.001,
            "mag_epoch": None,
            "mag_phi_B_GSE": None,
        },
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["True", "False", ""], [True, False, None]),
        (["True", "1", ""], ["True", "1", None]),
        (["", "", ""], [None] * 3),
    ],
)
def test_flags_are_such_only_as_they_are_written_here(path: Path, cells: list[str], expected: list[object]) -> None:
    lines = [f"2026-02-01T00:00:{second:02d},{cell}\n" for second, cell in enumerate(cells)]
    path.write_text("".join(["time_utc,mag_hk_pri_isvalid\n", *lines]))
    assert read_typed(path, MAG_HK)["mag_hk_pri_isvalid"].to_pylist() == expected


def test_a_file_without_rows_has_its_types(path: Path) -> None:
    path.write_text("time_utc,mag_epoch\n")
    rows = read_typed(path, MAG)
    assert rows.num_rows == 0
    assert rows.schema.types == [pa.timestamp("us", "UTC"), pa.int64()]


@pytest.mark.parametrize("data", [b"<html>\n", b"time_utc,a\n2026-02-01T00:00:03,1,2\n", b"time_utc\nnoon\n"])
def test_what_is_no_file_of_a_day_is_named(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(DayFileError, match="cannot be understood") as caught:
        read_typed(path, MAG)
    assert str(path) in str(caught.value)
