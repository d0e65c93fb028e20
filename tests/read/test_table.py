"""A stretch of time of one instrument, as people ask for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ialirt_backfill.exceptions import DayFileError, OddCells, UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.schema import projected, schema_of
from ialirt_backfill.read.table import day_tables, read_table

DAY = date(2026, 2, 1)
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
MAG = INSTRUMENTS["mag"]


def write(datastore: Path, day: date, *seconds: int) -> None:
    """A day of mag whose Bz is the second of the day."""
    lines = [
        f"{datetime.combine(day, datetime.min.time()) + timedelta(seconds=it):%Y-%m-%dT%H:%M:%S},{it}\n"
        for it in seconds
    ]
    path = datastore / MAG.path(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(["time_utc,mag_B_GSE_z\n", *lines]))


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    write(tmp_path, DAY, 0, 4, 43200, 86399)
    write(tmp_path, date(2026, 2, 3), 10, 20)
    write(tmp_path, date(2026, 2, 28), 0)
    return tmp_path


def seconds(rows: pa.Table) -> list[Any]:
    found: list[Any] = rows["mag_B_GSE_z"].to_pylist()
    return found


STRETCHES: list[tuple[Any, Any, list[int]]] = [
    ("2026-02-01", None, [0, 4, 43200, 86399]),
    (DAY, DAY, [0, 4, 43200, 86399]),
    ("2026-02-01", "2026-02-03", [0, 4, 43200, 86399, 10, 20]),
    ("2026-02", None, [0, 4, 43200, 86399, 10, 20, 0]),
    ("2026-02-01", "2026-02", [0, 4, 43200, 86399, 10, 20, 0]),
    ("20260203", date(2026, 2, 28), [10, 20, 0]),
    ("2026-02-01T00:00:04", None, [4, 43200, 86399]),
    ("2026-02-01T00:00:04", "2026-02-01 12:00", [4]),
    ("2026-02-01 00:00:04Z", "2026-02-01T12:00:01+00:00", [4, 43200]),
    ("2026-02-01T01:00:04+01:00", "2026-02-01", [4, 43200, 86399]),
    (NOON, NOON + timedelta(days=1.5, seconds=20), [43200, 86399, 10]),
    (NOON.replace(tzinfo=None), DAY, [43200, 86399]),
    (pd.Timestamp("2026-02-01T01:00:04", tz="Europe/Paris"), pd.Timestamp("2026-02-01T12:00"), [4]),
    (np.datetime64("2026-02-01"), None, [0, 4, 43200, 86399]),
    (np.datetime64("2026-02-01T00:00:04", "ns"), np.datetime64("2026-02-01T12", "h"), [4]),
    ("2026-02-02", "2026-02-02", []),
]


@pytest.mark.parametrize(("start", "end", "expected"), STRETCHES)
def test_a_stretch_is_as_people_write_it(datastore: Path, start: Any, end: Any, expected: list[int]) -> None:
    """A day that ends is read as a whole, a time that ends is not part of it."""
    rows = read_table(datastore, "mag", start, end)
    assert seconds(rows) == expected
    assert rows.schema.equals(schema_of(MAG), check_metadata=True)
    assert [seconds(day) for day in day_tables(datastore, "mag", start, end)] == [
        seconds(rows.slice(first, last - first)) for first, last in days_of(rows)
    ]


def days_of(rows: pa.Table) -> list[tuple[int, int]]:
    days = [time.date() for time in rows["time_utc"].to_pylist()]
    return [(days.index(day), days.index(day) + days.count(day)) for day in sorted(set(days))]


WRONG: list[tuple[str, Any, Any, dict[str, Any], str]] = [
    ("mag", "2026-02-03", "2026-02-01", {}, "the end, 2026-02-01, does not lie behind the start, 2026-02-03"),
    ("mag", "2026-02-01T12:00", "2026-02-01T12:00", {}, "does not lie behind"),
    ("mag", "01.02.2026", None, {}, "may be read as two days"),
    ("mag", "2026-02-01Tnoon", None, {}, "is not a time"),
    ("mga", "2026-02-01", None, {}, "unknown instrument 'mga'"),
    ("mag,hit", "2026-02-01", None, {}, "mag, hit: a table is of one instrument"),
    ("mag", "2026-02-01", None, {"columns": "Bz"}, "mag: there is no column 'Bz'"),
    ("mag", "2026-02-01", None, {"columns": "mag_epoch", "average": "1min"}, "there is no mean of mag_epoch"),
    ("mag", "2026-02-01", None, {"average": "7h"}, "7h is no stretch to average over"),
    ("mag", "2026-02-01", None, {"average": "5"}, "'5' is not a duration"),
    ("mag", "2026-02-01", None, {"average": 60}, "'60' is not a duration"),
    ("mag", 20260201, None, {}, "20260201 is no day and no time"),
    ("mag", pd.NaT, None, {}, "NaT is no day and no time"),
    ("mag", "2026-02-01", pd.NaT, {}, "NaT is no day and no time"),
    ("mag", "9999-12-31", None, {}, "9999-12-31 is past the last day of the calendar"),
]


@pytest.mark.parametrize(("instrument", "start", "end", "how", "words"), WRONG)
def test_what_is_asked_for_wrongly_is_an_error(
    datastore: Path, instrument: str, start: Any, end: Any, how: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_table(datastore, instrument, start, end, **how)


def test_a_wrong_folder_is_an_error(datastore: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match="nope: there is no such folder"):
        read_table(datastore / "nope", "mag", DAY)
    file = next(datastore.rglob("*.csv"))
    with pytest.raises(UsageError, match=f"the datastore {file} is a file: name the folder that the days lie in"):
        read_table(file, "mag", DAY)
    (datastore / "empty").mkdir()
    for inside in ("ialirt", "empty"):
        with pytest.raises(UsageError, match=f"{inside} holds no day files: name the datastore: is {datastore} meant"):
            read_table(datastore / inside, "mag", DAY)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(UsageError, match="holds no day files: name the datastore, the folder that has `ialirt` in it"):
        read_table(empty, "mag", DAY)
    (empty / "ledger.sqlite").write_bytes(b"there")
    assert read_table(empty, "mag", DAY).num_rows == 0
    assert read_table(datastore, "mag_hk", DAY).num_rows == 0


def test_the_datastore_may_be_written_with_a_tilde(datastore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(datastore.parent))
    assert seconds(read_table(f"~/{datastore.name}", "mag", DAY)) == [0, 4, 43200, 86399]


def test_columns_by_name_among_them_times_in_utc(datastore: Path) -> None:
    path = datastore / MAG.path(DAY)
    path.write_text(
        "time_utc,mag_B_GSE_x,mag_epoch\n2026-02-01T00:00:03,1,823176072977448541\n2026-02-01T00:00:07,2,\n"
    )
    rows = read_table(datastore, "mag", DAY, columns="mag_epoch_utc, mag_B_GSE_x")
    assert rows.schema.names == ["time_utc", "mag_epoch_utc", "mag_B_GSE_x"]
    assert rows["mag_epoch_utc"].cast(pa.int64()).to_pylist() == [1769904003793448541, None]
    assert rows.schema.equals(projected(MAG, ["mag_epoch_utc", "mag_B_GSE_x"]), check_metadata=True)
    both = read_table(datastore, "mag", DAY, columns=["mag_epoch", "mag_epoch_utc"])
    assert both["mag_epoch"].to_pylist() == [823176072977448541, None]


def test_means_of_every_minute(datastore: Path) -> None:
    rows = read_table(datastore, "mag", DAY, average="1min", columns="mag_B_GSE_z")
    assert rows.to_pylist()[0] == {
        "time_utc": datetime(2026, 2, 1, tzinfo=UTC),
        "mag_B_GSE_z": 2.0,
        "mag_B_GSE_z_count": 2,
        "mag_records": 2,
    }
    assert rows.num_rows == 3
    assert read_table(datastore, "mag", "2026-02-02", average=timedelta(hours=1)).num_rows == 0
    every = read_table(datastore, "mag", DAY, average="1d")
    assert every["mag_records"].to_pylist() == [4]
    assert "kernel_set_key" not in every.column_names


def test_odd_cells_are_told_of_or_strictly_refused(datastore: Path) -> None:
    path = datastore / MAG.path(DAY)
    path.write_text(path.read_text().replace(",86399", ",broken"))
    with pytest.warns(OddCells, match="'broken'"):
        assert seconds(read_table(datastore, "mag", DAY)) == [0, 4, 43200, None]
    with pytest.raises(DayFileError, match="'broken'"):
        read_table(datastore, "mag", DAY, strict=True)
    assert seconds(read_table(datastore, "mag", DAY, "2026-02-01T12:00", strict=True)) == [0, 4]
