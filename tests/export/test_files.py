"""What is in a file: the day files, cell for cell, in one schema, sorted, with units."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ialirt_backfill.export.columns import astropy_unit
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.schema import schema_of
from tests.export.samples import FIRST, LAST, Export, file, files
from tests.support.stores import Store
from tests.support.texts import cells_of

DAYS = (FIRST, date(2026, 1, 31), LAST)


def read(folder: Path, instrument: str, day: date = FIRST) -> pa.Table:
    return pq.read_table(file(folder, instrument, day), partitioning=None)


def of_day(rows: pa.Table, day: date) -> dict[str, dict[str, str]]:
    return {time: cells for time, cells in cells_of(rows).items() if time.startswith(day.isoformat())}


def cells(store: Store, instrument: str, day: date) -> dict[str, dict[str, str]]:
    """The cells of a day's CSV that are not empty, by time and column."""
    rows = store.rows(instrument, day)
    return {row["time_utc"]: {n: it for n, it in row.items() if it and n != "time_utc"} for row in rows}


def test_back_to_csv_it_is_the_days_file_cell_for_cell(store: Store, export: Export, folder: Path) -> None:
    report = export("all")
    assert (report.exit_code, report.summary["failed"]) == (0, 0)
    for name in INSTRUMENTS:
        for day in DAYS:
            expected = cells(store, name, day)
            assert len(expected) > 100, name
            assert of_day(read(folder, name, day), day) == expected, f"{name} {day}"


def test_what_the_columns_have_no_room_for_is_there_as_well(store: Store, export: Export, folder: Path) -> None:
    def odd(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        rows[3]["hit_h_omni_low_en"] = "many"
        rows[5]["hit_epoch"] = "8.143056700633761e+17"
        return [row | {"hit_new": f"{number}" if number % 2 else ""} for number, row in enumerate(rows)]

    store.change("hit", FIRST, odd)
    assert export().exit_code == 0
    found = read(folder, "hit")
    assert of_day(found, FIRST) == cells(store, "hit", FIRST)
    assert found["extra"][3].as_py() == [("hit_h_omni_low_en", "many"), ("hit_new", "3")]


def test_all_files_of_an_instrument_have_the_one_schema(store: Store, export: Export, folder: Path) -> None:
    """Whatever their days hold: here none of the columns but the time."""
    store.change("hit", LAST, lambda rows: [{"time_utc": row["time_utc"]} for row in rows])
    export("hit,codice_hi")
    for name in ("hit", "codice_hi"):
        schemas = [pq.read_schema(file(folder, name, day)) for day in (FIRST, LAST)]
        for schema in schemas:
            assert schema.equals(schema_of(INSTRUMENTS[name]))
            units = [(it.name, (it.metadata or {}).get(b"unit")) for it in schema]
            assert units == [(it.name, (it.metadata or {}).get(b"unit")) for it in schema_of(INSTRUMENTS[name])]
        about = [{key: it.metadata[key] for key in (b"instrument", b"note", b"table_meta_yaml")} for it in schemas]
        assert about[0] == about[1]
        assert about[0][b"note"] == b"Near-real-time data of I-ALiRT, uncalibrated."


def test_times_are_utc_nanoseconds_exact_rows_sorted_and_columns_compressed(
    store: Store, export: Export, folder: Path
) -> None:
    export("mag")
    found = read(folder, "mag")
    assert found.schema.field("time_utc").type == pa.timestamp("us", "UTC")
    assert found["mag_epoch"].type == pa.int64()
    assert found["mag_epoch"].to_pylist()[0] == int(store.rows("mag")[0]["mag_epoch"]) > 2**53
    times = found["time_utc"].to_pylist()
    assert times == sorted(times)
    metadata = pq.read_metadata(file(folder, "mag"))
    group = metadata.row_group(0)
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}
    assert group.sorting_columns == (pq.SortingColumn(0),)


def test_neighbouring_days_are_compressed_together(store: Store, export: Export, folder: Path) -> None:
    export("hit")
    assert pq.read_metadata(file(folder)).num_row_groups == 1


def test_only_files_of_the_form_that_is_documented(store: Store, export: Export, folder: Path) -> None:
    export("hit,mag_hk")
    expected = [file(folder, name, day) for name in ("hit", "mag_hk") for day in (FIRST, LAST)]
    assert files(folder) == sorted(expected)
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    assert "instrument=mag/year=2026/imap_ialirt_mag_202601.parquet" in text


@pytest.mark.parametrize(
    ("unit", "astropy"),
    [("nT", "nT"), ("'degC'", "deg_C"), ("degC", "deg_C"), ("cm**-3", "cm**-3"), ("", ""), ("mA/'degC'", "mA/deg_C")],
)
def test_units_as_astropy_has_them(unit: str, astropy: str) -> None:
    assert astropy_unit(unit) == astropy
