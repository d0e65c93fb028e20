"""Daily files as Datasets of xarray."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from ialirt_backfill.exceptions import DayFileError, OddCells, UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.dataset import open_dataset
from ialirt_backfill.read.measurements import measurements_of
from ialirt_backfill.read.schema import projected
from ialirt_backfill.read.table import read_table

DAY = date(2026, 2, 1)
EPOCH = 823176199184000000  # 2026-02-01T00:02:10
MINUTE = 60 * 10**9
SHAPE = (4, 15, 4, 4)


def write(datastore: Path, instrument: str, *lines: str) -> None:
    path = datastore / INSTRUMENTS[instrument].path(DAY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def times(*texts: str) -> np.ndarray[Any, Any]:
    return np.array([f"2026-02-01T00:{text}" for text in texts], "datetime64[ns]")


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "mag",
        "time_utc,mag_B_GSE_x,mag_B_GSE_y,mag_B_GSE_z,mag_B_RTN_n,mag_B_RTN_r,mag_B_RTN_t,mag_epoch,mag_phi_B_GSE",
        "2026-02-01T00:00:03,1,2,3,30,10,20,823176072977448541,350",
        "2026-02-01T00:00:07,4,5,,,,,,20",
    )
    write(tmp_path, "swe", f"time_utc,{counts()}", "2026-02-01T00:00:05,1,2,3,4,5,6,7,8,1")
    return tmp_path


def counts() -> str:
    return ",".join([*(f"swe_normalized_counts_{n}" for n in range(1, 9)), "swe_counterstreaming_electrons"])


def h(start: float = 0.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.arange(start, start + np.prod(SHAPE)).reshape(SHAPE)


def record(clock: str, epochs: Any, array: Any) -> str:
    values = array.tolist() if isinstance(array, np.ndarray) else array
    cells = ('"' + json.dumps(it) + '"' if it is not None else "" for it in (epochs, values))
    return f"2026-02-01T{clock},{','.join(cells)}"


def write_codice(datastore: Path, *records: str) -> None:
    write(datastore, "codice_hi", "time_utc,codice_hi_epoch,codice_hi_h", *records)


def four(first: int) -> list[int]:
    return [first + n * MINUTE for n in range(4)]


# --- variables, dimensions, coordinates -------------------------------------------------------------------------------


def test_a_vector_is_one_variable_along_its_components(datastore: Path) -> None:
    data = open_dataset(datastore, "mag", "2026-02-01")
    assert data["mag_B_GSE"].dims == ("time", "component")
    np.testing.assert_array_equal(data["mag_B_GSE"].sel(component="z"), [3, np.nan])
    np.testing.assert_array_equal(data["mag_B_RTN"].sel(component_rtn="r"), [10, np.nan])
    assert data["component_rtn"].values.tolist() == ["r", "t", "n"]
    np.testing.assert_array_equal(data["time"], times("00:03", "00:07"))


def test_times_of_measurements_are_utc_to_the_nanosecond(datastore: Path) -> None:
    found = open_dataset(datastore, "mag", DAY)["mag_epoch"]
    np.testing.assert_array_equal(found, [np.datetime64("2026-02-01T00:00:03.793448541"), np.datetime64("NaT", "ns")])
    assert "leap seconds included" in found.attrs["comment"]
    named = open_dataset(datastore, "mag", DAY, columns=["mag_epoch_utc", "mag_B_GSE_x"])
    assert set(named.data_vars) == {"mag_epoch_utc", "mag_B_GSE_x"}
    np.testing.assert_array_equal(named["mag_epoch_utc"], found)


def test_energies_are_a_dimension_with_their_values(datastore: Path) -> None:
    data = open_dataset(datastore, "swe", DAY)
    assert data["swe_normalized_counts"].dims == ("time", "swe_energy")
    assert data["swe_normalized_counts"].sel(swe_energy=270).item() == 4
    assert data["swe_energy"].attrs == {"long_name": "energy of the electrons", "units": "eV"}
    assert data["swe_counterstreaming_electrons"].item() == 1


def test_attributes_are_those_of_cf(datastore: Path) -> None:
    data = open_dataset(datastore, "mag", DAY)
    assert data.attrs["Conventions"].startswith("CF-1.")
    assert data.attrs["comment"] == "near-real-time, uncalibrated"
    assert data["time"].attrs["standard_name"] == "time"
    assert data["mag_B_GSE"].attrs == {
        "long_name": "magnetic field, GSE",
        "units": "nT",
        "valid_min": -65000.0,
        "valid_max": 65000.0,
    }
    assert data["mag_phi_B_GSE"].attrs["units"] == "degree"
    assert open_dataset(datastore, "mag_hk", DAY)["mag_hk_fib_temp"].attrs["units"] == "degC"


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_stretch_without_files_has_all_variables_and_coordinates(datastore: Path, instrument: str) -> None:
    empty = open_dataset(datastore, instrument, "2026-01-01")
    assert empty.sizes["time"] == 0
    whole = open_dataset(datastore, instrument, DAY)
    assert {name: (it.dims, it.dtype) for name, it in empty.variables.items()} == {
        name: (it.dims, it.dtype) for name, it in whole.variables.items()
    }


def test_of_a_vector_without_all_of_its_columns_each_is_a_variable(datastore: Path) -> None:
    data = open_dataset(datastore, "mag", DAY, columns="mag_B_GSE_z,kernel_set_key")
    assert set(data.variables) == {"time", "mag_B_GSE_z", "kernel_set_key"}
    assert data["kernel_set_key"].values.tolist() == ["", ""]
    np.testing.assert_array_equal(data["mag_B_GSE_z"], [3, np.nan])


def test_several_instruments_on_one_time_axis(datastore: Path) -> None:
    data = open_dataset(datastore, ["mag", "swe"], DAY)
    np.testing.assert_array_equal(data["time"], times("00:03", "00:05", "00:07"))
    np.testing.assert_array_equal(data["swe_counterstreaming_electrons"], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(data["mag_B_GSE"].sel(component="x"), [1, np.nan, 4])
    assert data.attrs["source"] == "IMAP I-ALiRT mag, swe"
    assert data["mag_B_GSE"].attrs["units"] == "nT"
    assert open_dataset(datastore, "all", DAY).sizes["time"] == 3


def test_means(datastore: Path) -> None:
    write(datastore, "swe", f"time_utc,{counts()}", "2026-02-01T00:02:05,1,2,3,4,5,6,7,8,1")
    data = open_dataset(datastore, "mag,swe", DAY, average="1min")
    np.testing.assert_array_equal(data["time"], times("00:00", "02:00"))
    np.testing.assert_array_equal(data["mag_B_GSE"][0], [2.5, 3.5, 3])
    np.testing.assert_array_equal(data["mag_B_GSE_count"], [[2, 2, 1], [0, 0, 0]])
    assert data["mag_phi_B_GSE"][0].item() == pytest.approx(5)
    assert data["mag_records"].values.tolist() == [2, 0]
    assert data["mag_records"].attrs["standard_name"] == "number_of_observations"
    assert data["mag_B_GSE"].attrs["cell_methods"] == "time: mean"
    assert data["mag_B_GSE"].attrs["ancillary_variables"] == "mag_B_GSE_count mag_records"


# --- measurements with a time of their own ----------------------------------------------------------------------------


def test_the_measurements_of_a_record_stand_one_behind_the_other_each_at_its_time(tmp_path: Path) -> None:
    write_codice(tmp_path, record("00:02:10", four(EPOCH), h()), record("00:06:10", four(EPOCH + 4 * MINUTE), h(1000)))
    data = open_dataset(tmp_path, "codice_hi", DAY)
    found = data["codice_hi_h"]
    assert found.dims == ("time", "codice_hi_energy", "codice_hi_spin_sector", "codice_hi_polar_index")
    assert found.shape == (8, 15, 4, 4)
    np.testing.assert_array_equal(data["time"], times(*(f"{minute:02d}:10" for minute in range(2, 10))))
    np.testing.assert_array_equal(found, np.concatenate([h(), h(1000)]))
    assert found.attrs["units"] == "count.cm**-2.sr**-1.s**-1.MeV**-1"
    assert data["codice_hi_energy"].attrs["units"] == "MeV"
    assert data["codice_hi_energy_bounds"].values[0] == pytest.approx([0.02, 0.02828427])
    assert data["codice_hi_polar"].values.tolist() == [132.8, 65.7, 47.1, 114.3]
    assert data["codice_hi_spin_angle"].sel(codice_hi_spin_sector=1, codice_hi_polar=114.3).item() == 5.44
    assert found.sel(codice_hi_energy=0.03, method="nearest").sel(codice_hi_polar=47.1).shape == (8, 4)


def test_measurements_without_a_time_are_told_of_and_left_out(tmp_path: Path) -> None:
    epochs = [EPOCH, None, EPOCH + 2 * MINUTE, EPOCH + 3 * MINUTE]
    write_codice(tmp_path, record("00:02:10", epochs, h()), record("00:06:10", None, h()))
    with pytest.warns(OddCells, match="without its time at 2026-02-01T00:02:10: 5 such measurements of"):
        data = open_dataset(tmp_path, "codice_hi", DAY)
    np.testing.assert_array_equal(data["codice_hi_h"], h()[[0, 2, 3]])
    with pytest.raises(DayFileError, match="codice_hi_h has a measurement without its time at 2026-02-01T00:02:10"):
        open_dataset(tmp_path, "codice_hi", DAY, strict=True)


def test_arrays_of_another_shape_are_told_of_and_missing(tmp_path: Path) -> None:
    write_codice(
        tmp_path,
        record("00:02:10", four(EPOCH), h()),
        record("00:06:10", four(EPOCH + 4 * MINUTE), [[[[1.0]]]]),
        record("00:10:10", four(EPOCH + 8 * MINUTE), None),
    )
    with pytest.warns(OddCells, match="no array of 4 x 15 x 4 x 4 at 2026-02-01T00:06:10: it is read as missing"):
        data = open_dataset(tmp_path, "codice_hi", DAY)
    np.testing.assert_array_equal(data["codice_hi_h"][:4], h())
    assert data["codice_hi_h"][4:].isnull().all()
    assert data.sizes["time"] == 12


def test_measurements_rise_in_time_and_of_two_at_one_time_the_later_record_counts(tmp_path: Path) -> None:
    write_codice(tmp_path, record("00:02:10", four(EPOCH), h()), record("00:04:10", four(EPOCH + 2 * MINUTE), h(1000)))
    data = open_dataset(tmp_path, "codice_hi", DAY)
    np.testing.assert_array_equal(data["codice_hi_h"], np.concatenate([h()[:2], h(1000)]))


def test_means_of_measurements_are_made_at_their_own_times(tmp_path: Path) -> None:
    array = h()
    array[0, 0, 0, 0] = np.nan
    first = json.loads(json.dumps(array.tolist()).replace("NaN", "null"))
    write_codice(
        tmp_path, record("00:02:10", four(EPOCH), first), record("00:06:10", four(EPOCH + 4 * MINUTE), h(1000))
    )
    data = open_dataset(tmp_path, "codice_hi", DAY, average="5m")
    np.testing.assert_array_equal(data["time"], times("00:00", "05:00"))
    np.testing.assert_allclose(data["codice_hi_h"][0], np.nanmean(array[:3], axis=0))
    np.testing.assert_allclose(data["codice_hi_h"][1], np.concatenate([h()[3:], h(1000)]).mean(axis=0))
    assert data["codice_hi_h_count"][:, 0, 0, 0].values.tolist() == [2, 5]
    assert data["codice_hi_records"].values.tolist() == [1, 1]
    day = open_dataset(tmp_path, "codice_hi", DAY, average="1d")
    np.testing.assert_allclose(day["codice_hi_h"][0], np.nanmean(np.concatenate([array, h(1000)]), axis=0))


@pytest.mark.parametrize("every", ["0s", "7h"])
def test_a_stretch_that_makes_no_day_is_refused(tmp_path: Path, every: str) -> None:
    write_codice(tmp_path, record("00:02:10", four(EPOCH), h()))
    with pytest.raises(UsageError, match="no stretch to average over"):
        open_dataset(tmp_path, "codice_hi", DAY, columns="codice_hi_h", average=every)


def test_the_mean_of_an_array_of_angles_is_the_direction_of_each_element(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        '[turning]\ntitle = "Turning"\ncadence = "1m"\n[turning.axes.side]\nvalues = [1, 2]\n'
        '[turning.fields.turning_angle]\ncell = ["side"]\nunit = "deg"\nvalid = [0.0, 360.0]\n'
    )
    path = tmp_path / "ialirt" / "2026" / "02" / "imap_ialirt_turning_20260201.csv"
    path.parent.mkdir(parents=True)
    path.write_text(
        'time_utc,turning_angle\n2026-02-01T00:00:00,"[350,null]"\n2026-02-01T00:01:00,"[20,null]"\n', encoding="utf-8"
    )
    data = open_dataset(tmp_path, "turning", DAY, average="1h", catalogue=tmp_path / "ours.toml")
    np.testing.assert_allclose(data["turning_angle"], [[5, np.nan]])
    assert data["turning_angle_count"].values.tolist() == [[2, 0]]
    attrs = data["turning_angle"].attrs
    assert (attrs["valid_min"], attrs["cell_methods"]) == (-180.0, "time: mean (the direction between angles)")
    table = read_table(tmp_path, "turning", DAY, average="1h", catalogue=tmp_path / "ours.toml")
    assert table["turning_angle"].to_pylist() == [[pytest.approx(5), None]]


def test_a_stretch_of_means_goes_on_past_midnight(tmp_path: Path) -> None:
    late = EPOCH + int(timedelta(hours=23, minutes=55, seconds=30).total_seconds()) * 10**9  # 23:57:40 and later
    write_codice(tmp_path, record("23:57:40", four(late), h()))
    path = tmp_path / INSTRUMENTS["codice_hi"].path(date(2026, 2, 2))
    next_day = record("00:01:40", four(late + 4 * MINUTE), h(1000)).replace("2026-02-01", "2026-02-02")
    path.write_text(f"time_utc,codice_hi_epoch,codice_hi_h\n{next_day}\n")
    data = open_dataset(tmp_path, "codice_hi", DAY, "2026-02-02", average="1h")
    assert data["codice_hi_h_count"][:, 0, 0, 0].values.tolist() == [3, 5]
    np.testing.assert_allclose(data["codice_hi_h"][1], np.concatenate([h()[3:], h(1000)]).mean(axis=0))


def test_what_else_a_record_has_comes_with_each_of_its_measurements(tmp_path: Path) -> None:
    write(
        tmp_path,
        "codice_hi",
        "time_utc,codice_hi_epoch,codice_hi_h,kernel_set_key",
        f"{record('00:02:10', four(EPOCH), h())},first",
        f"{record('00:06:10', four(EPOCH + 4 * MINUTE), h())},second",
    )
    data = open_dataset(tmp_path, "codice_hi", DAY, columns="codice_hi_epoch,codice_hi_h,kernel_set_key")
    assert data["kernel_set_key"].values.tolist() == ["first"] * 4 + ["second"] * 4
    assert set(data.data_vars) == {"codice_hi_h", "kernel_set_key"}


def test_an_array_without_a_time_of_its_own_stands_at_the_time_of_its_record() -> None:
    """As a team may have one in a table of instruments of its own."""
    [epoch, array] = INSTRUMENTS["codice_hi"].fields[-2:]
    flat = replace(
        array, name="x_map", columns=(replace(array.columns[0], name="x_map"),), axes=array.axes[2:], depth=2
    )
    one = replace(INSTRUMENTS["codice_hi"], name="x", fields=(*INSTRUMENTS["codice_hi"].fields[:3], epoch, array, flat))
    at = datetime(2026, 2, 1, 0, 2, 10, tzinfo=UTC)
    table = pa.table(
        {
            "time_utc": [at, at + timedelta(minutes=4)],
            "codice_hi_epoch": [four(EPOCH), four(EPOCH + 4 * MINUTE)],
            "codice_hi_h": [h().tolist(), h(1000).tolist()],
            "x_map": [np.ones((4, 4)).tolist(), None],
        },
        schema=projected(one, ["codice_hi_epoch", "codice_hi_h", "x_map"]),
    )
    alone = measurements_of([table], one, [flat], strict=True)
    np.testing.assert_array_equal(alone.times, times("02:10", "06:10"))
    assert alone.variables[0].dims == ("x_spin_sector", "x_polar_index")
    np.testing.assert_array_equal(alone.variables[0].values, [np.ones((4, 4)), np.full((4, 4), np.nan)])
    both = {it.name: it for it in measurements_of([table], one, [array, flat], strict=True).variables}
    assert both["codice_hi_h"].values.shape == (8, 15, 4, 4)
    np.testing.assert_array_equal(both["x_map"].values[:, 0, 0], [1.0] * 4 + [np.nan] * 4)


# --- what goes wrong, and what goes out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"columns": "extra"}, "extra has no place in a Dataset"),
        ({"columns": "codice_hi_epoch"}, "codice_hi_epoch has no place in a Dataset"),
        ({"columns": "codice_hi_h,codice_hi_epoch_utc"}, "codice_hi_epoch_utc has no place in a Dataset"),
        ({"columns": "nope"}, "there is no column 'nope'"),
        ({"columns": "codice_hi_epoch", "average": "1h"}, "there is no mean of codice_hi_epoch"),
    ],
)
def test_what_is_asked_for_wrongly_is_an_error(datastore: Path, how: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_dataset(datastore, "codice_hi", DAY, **how)


def test_without_xarray_it_is_said_how_to_come_by_it(datastore: Path) -> None:
    code = (
        "import sys; sys.modules['xarray'] = None\n"
        "from ialirt_backfill import UsageError, open_dataset\n"
        f"try: open_dataset({str(datastore)!r}, 'mag', '2026-02-01')\n"
        "except UsageError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("a Dataset needs xarray: in a clone `pip install '.[xarray]'`")


@pytest.mark.interop
def test_netcdf_keeps_every_nanosecond(datastore: Path, tmp_path: Path) -> None:
    pytest.importorskip("netCDF4")
    write_codice(datastore, record("00:02:10", four(EPOCH), h()))
    data = open_dataset(datastore, "mag,codice_hi", DAY)
    data.to_netcdf(tmp_path / "day.nc")
    with xr.open_dataset(tmp_path / "day.nc") as back:
        xr.testing.assert_equal(back.load(), data)
        assert back["mag_B_GSE"].attrs["units"] == "nT"
        assert back["mag_epoch"].values[0] == np.datetime64("2026-02-01T00:00:03.793448541")
        assert back["time"].values[0] == np.datetime64(datetime(2026, 2, 1, 0, 0, 3, tzinfo=UTC).replace(tzinfo=None))
