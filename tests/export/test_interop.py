"""Other programs read what was exported: all files of an instrument, without an option, and with its units."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.dataset as ds
import pytest

from ialirt_backfill.export.columns import astropy_unit
from ialirt_backfill.export.parquet import export_parquet
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import ExportOptions
from ialirt_backfill.read.schema import schema_of
from tests.export.samples import FIRST, LAST, Export, file
from tests.support.stores import Store

pytestmark = pytest.mark.interop

COMPONENT = "mag_B_GSE_x"
Found = tuple[int, datetime, datetime, float, int]


@pytest.fixture
def of_mag(store: Store, export: Export, folder: Path) -> Path:
    """The folder of all files of `mag`, in two months; not every record has a value."""
    store.change("mag", LAST, lambda rows: [row | ({COMPONENT: ""} if n % 5 else {}) for n, row in enumerate(rows)])
    assert export("mag").exit_code == 0
    return folder / "instrument=mag"


def expected(store: Store) -> Found:
    """Rows, first and last time, the sum of a component, and the first nanoseconds, by the day files."""
    rows = [row for day in (FIRST, date(2026, 1, 31), LAST) for row in store.rows("mag", day)]
    times = [datetime.fromisoformat(f"{row['time_utc']}+00:00") for row in rows]
    total = sum(float(row[COMPONENT]) for row in rows if row[COMPONENT])
    return len(rows), min(times), max(times), round(total, 6), int(rows[0]["mag_epoch"])


def by_duckdb(folder: Path) -> Found:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(*), epoch_us(min(time_utc)), epoch_us(max(time_utc)),"
            f" round(sum({COMPONENT}), 6), first(mag_epoch ORDER BY time_utc) FROM read_parquet($1)",
            [f"{folder}/*/*.parquet"],
        ).fetchone()
    rows, first, last, total, epoch = found
    return rows, _moment(first), _moment(last), total, epoch


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def by_polars(folder: Path) -> Found:
    polars = pytest.importorskip("polars")
    frame = polars.scan_parquet(folder).sort("time_utc").collect()
    times = frame["time_utc"]
    assert frame.schema["extra"] is not None
    return len(frame), times.min(), times.max(), round(frame[COMPONENT].sum(), 6), frame["mag_epoch"][0]


def by_pandas(folder: Path) -> Found:
    frame = pd.read_parquet(folder).sort_values("time_utc")
    times = frame["time_utc"]
    return (
        len(frame),
        times.min().to_pydatetime(),
        times.max().to_pydatetime(),
        round(frame[COMPONENT].sum(), 6),
        int(frame["mag_epoch"].iloc[0]),
    )


def by_arrow(folder: Path) -> Found:
    rows = ds.dataset(folder).to_table().sort_by("time_utc")
    assert rows.schema.equals(schema_of(INSTRUMENTS["mag"]))
    times = rows["time_utc"].to_pylist()
    total = sum(it for it in rows[COMPONENT].to_pylist() if it is not None)
    return rows.num_rows, times[0], times[-1], round(total, 6), rows["mag_epoch"][0].as_py()


@pytest.mark.parametrize("scan", [by_duckdb, by_polars, by_pandas, by_arrow])
def test_a_folder_is_scanned_without_an_option(store: Store, of_mag: Path, scan: Callable[[Path], Found]) -> None:
    assert scan(of_mag) == expected(store)


def test_what_the_document_shows_gives_the_means(store: Store, of_mag: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    table = pytest.importorskip("astropy.table")
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8").partition("## Reading it")[2]
    examples = re.findall(r"^    (.+)$", text.replace("parquet/instrument=mag", str(of_mag)), re.MULTILINE)
    by_day = []
    for day in (FIRST, date(2026, 1, 31), LAST):
        values = [float(it["mag_B_magnitude"]) for it in store.rows("mag", day) if it["mag_B_magnitude"]]
        by_day.append(pytest.approx(sum(values) / len(values)))
    known = {"polars": polars, "pandas": pd, "pyarrow": pyarrow, "astropy": SimpleNamespace(table=table)}
    lazy, series, rows, month = (eval(it, known) for it in examples[:4])
    assert lazy.sort("time_utc").collect()["mag_B_magnitude"].to_list() == by_day
    assert series.to_list() == by_day
    assert rows.num_rows == expected(store)[0]
    assert str(month.unit) == "nT"
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Pacific/Auckland'")  # a day is a day of UTC wherever one sits
    found = connection.execute("\n".join(examples[4:6])).fetchall()
    assert found == list(zip((FIRST, date(2026, 1, 31), LAST), by_day, strict=True))


def test_duckdb_has_a_column_type_for_each_and_the_folders_as_columns(of_mag: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    described = duckdb.connect().execute("DESCRIBE FROM read_parquet($1)", [f"{of_mag}/*/*.parquet"]).fetchall()
    types = {name: type_ for name, type_, *_ in described}
    assert (types["time_utc"], types["mag_epoch"]) == ("TIMESTAMP WITH TIME ZONE", "BIGINT")
    assert (types["extra"], types["instrument"], types["year"]) == ("MAP(VARCHAR, VARCHAR)", "VARCHAR", "BIGINT")


def test_arrays_in_arrays_are_read_by_all(store: Store, export: Export, folder: Path) -> None:
    export("codice_hi")
    path = folder / "instrument=codice_hi"
    [shape] = {_shape(it) for it in ds.dataset(path).to_table()["codice_hi_h"].to_pylist()[:5]}
    assert shape == (4, 15, 4, 4)
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    assert _shape(polars.scan_parquet(path).first().collect()["codice_hi_h"][0].to_list()) == shape
    found = duckdb.connect().execute("SELECT codice_hi_h FROM read_parquet($1) LIMIT 1", [f"{path}/*/*.parquet"])
    assert _shape(found.fetchone()[0]) == shape


def _shape(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape(value[0])) if isinstance(value, list) else ()


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_astropy_gives_every_physical_column_its_unit(store: Store, export: Export, folder: Path, name: str) -> None:
    """Also where a cell of a column is empty, in text as well; times in nanoseconds stay whole numbers."""
    units, table = pytest.importorskip("astropy.units"), pytest.importorskip("astropy.table")
    store.change(name, FIRST, lambda rows: [*rows[:-1], {"time_utc": rows[-1]["time_utc"]}])
    export(name)
    with warnings.catch_warnings():
        if name == "codice_hi":  # of which a column of arrays in arrays can be no Quantity
            warnings.filterwarnings("ignore", "column codice_hi_h has a unit but is kept as a Column")
        found = table.QTable.read(file(folder, name))
    assert found.meta["instrument"] == name
    physical = 0
    for column in INSTRUMENTS[name].columns.values():
        unit = None if column.is_time or column.name == "time_utc" else astropy_unit(column.unit) or None
        assert found[column.name].info.description == column.description
        assert found[column.name].unit == (None if unit is None else units.Unit(unit)), column.name
        assert not isinstance(found[column.name].unit, units.UnrecognizedUnit), column.name
        is_quantity = isinstance(found[column.name], units.Quantity)
        assert is_quantity == (unit is not None and column.name != "codice_hi_h"), column.name
        physical += is_quantity
    assert physical == 14 or name != "mag"


def test_astropy_keeps_nanoseconds_exact(store: Store, export: Export, folder: Path) -> None:
    table = pytest.importorskip("astropy.table")
    export("mag")
    found = table.QTable.read(file(folder, "mag"))
    assert found["mag_epoch"].dtype == "int64"
    assert int(found["mag_epoch"][0]) == int(store.rows("mag")[0]["mag_epoch"])


def test_a_synthetic_file_says_so_to_astropy_as_well(synthetic_store: Store, folder: Path) -> None:
    table = pytest.importorskip("astropy.table")
    options = ExportOptions(
        datastore=str(synthetic_store.folder), to=str(folder), instrument="hit", start=FIRST, end=LAST
    )
    export_parquet(options)
    assert table.QTable.read(file(folder)).meta["synthetic"] == "yes"
