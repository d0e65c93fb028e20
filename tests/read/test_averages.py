"""Means over stretches of time, with the rule that the mirror's views have."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.exceptions import DayFileError, OddCells, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.read.averages import averaged, averages_schema, has_mean
from ialirt_backfill.read.schema import projected, schema_of

START = datetime(2026, 2, 1, tzinfo=UTC)
MAG, MAG_HK, SWE, CODICE_HI = (INSTRUMENTS[name] for name in ("mag", "mag_hk", "swe", "codice_hi"))
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))
BX, PHI = "mag_B_GSE_x", "mag_phi_B_GSE"
MAG_COLUMNS = ["mag_B_GSE_x", "mag_phi_B_GSE"]


def table(instrument: Instrument, seconds: Sequence[float], **columns: Sequence[Any]) -> pa.Table:
    times = [START + timedelta(seconds=second) for second in seconds]
    return pa.table({"time_utc": times, **columns}, schema=projected(instrument, list(columns)))


def means(instrument: Instrument, every: timedelta, *tables: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.concat_tables(averaged(tables, instrument, every)).to_pylist()
    return found


def test_a_minute_has_means_and_how_many_values_they_are_of() -> None:
    rows = table(MAG, [0, 4, 59, 60, 300], mag_B_GSE_x=[1.0, None, 4.0, None, 7.0])
    expected = [
        {"time_utc": START, BX: 2.5, f"{BX}_count": 2, "mag_records": 3},
        {"time_utc": START + MINUTE, BX: None, f"{BX}_count": 0, "mag_records": 1},
        {"time_utc": START + 5 * MINUTE, BX: 7.0, f"{BX}_count": 1, "mag_records": 1},
    ]
    assert means(MAG, MINUTE, rows) == expected


def test_the_mean_of_angles_is_the_direction_between_them() -> None:
    rows = table(MAG, [0, 1, 2], mag_phi_B_GSE=[350.0, 20.0, None])
    [found] = means(MAG, MINUTE, rows)
    assert found[PHI] == pytest.approx(5.0)
    assert found[f"{PHI}_count"] == 2


def arrays(*firsts: float) -> list[Any]:
    return [np.arange(first, first + 960).reshape(4, 15, 4, 4).tolist() for first in firsts]


def test_each_element_of_arrays_has_a_mean_over_records_and_their_measurements() -> None:
    cells = arrays(0, 1000, 5)
    cells[0][3][0][0][0] = None
    for measurement in range(4):
        cells[2][measurement][14][3][3] = None
    rows = table(CODICE_HI, [0, 240, 3600, 7200], codice_hi_h=[*cells, None])
    first, second, third = means(CODICE_HI, HOUR, rows)
    measured = np.array(cells[:2], np.float64).reshape(8, 15, 4, 4)
    np.testing.assert_allclose(np.array(first["codice_hi_h"]), np.nanmean(measured, axis=0))
    np.testing.assert_array_equal(first["codice_hi_h_count"], (~np.isnan(measured)).sum(axis=0))
    assert first["codice_hi_h_count"][0][0][0] == 7
    assert (second["codice_hi_h"][14][3][3], second["codice_hi_h_count"][14][3][3]) == (None, 0)
    assert (third["codice_hi_h"], third["codice_hi_records"]) == (None, 1)
    assert np.array(third["codice_hi_h_count"]).sum() == 0


def test_a_mean_of_arrays_goes_on_in_the_next_table() -> None:
    parts = [table(CODICE_HI, [at], codice_hi_h=arrays(first)) for at, first in ((0, 0), (240, 2), (3600, 7))]
    first, second = means(CODICE_HI, HOUR, *parts)
    assert (first["codice_hi_h"][0][0][0], first["codice_hi_h_count"][0][0][0]) == (361.0, 8)
    assert second["codice_hi_h"][0][0][0] == 367.0


def test_arrays_of_another_shape_have_no_part_in_a_mean_and_are_told_of_once() -> None:
    [whole] = arrays(0)
    others: list[Any] = [[[[[1.0]]]], [None, *whole[1:]], [[*whole[0][:14], whole[0][14][:3]], *whole[1:]], []]
    rows = table(CODICE_HI, [0, 1, 2, 3, 4], codice_hi_h=[whole, *others])
    with pytest.warns(OddCells, match="no array of 4 x 15 x 4 x 4 at 2026-02-01T00:00:01: 8 such arrays") as told:
        [found] = means(CODICE_HI, DAY, rows, table(CODICE_HI, [5, 6, 7, 8], codice_hi_h=others))
    assert len(told) == 1
    assert (found["codice_hi_h"][0][0][0], found["codice_hi_h_count"][0][0][0]) == (360.0, 4)
    with pytest.raises(DayFileError, match="no array of 4 x 15 x 4 x 4 at 2026-02-01T00:00:01"):
        list(averaged([rows], CODICE_HI, DAY, strict=True))


def test_the_mean_of_an_array_of_angles_is_the_direction_of_each_element() -> None:
    [*rest, array] = CODICE_HI.fields
    angles = replace(array, columns=(replace(array.columns[0], unit="deg"),), axes=array.axes[2:3], depth=1)
    turning = replace(CODICE_HI, name="turning", fields=(*rest, angles))
    rows = table(turning, [0, 1], codice_hi_h=[[350, 10, 90, None], [20, None, 180, None]])
    [found] = means(turning, MINUTE, rows)
    assert found["codice_hi_h"] == [pytest.approx(5), pytest.approx(10), pytest.approx(135), None]
    assert found["codice_hi_h_count"] == [2, 1, 2, 0]


def test_flags_and_counts_have_means_and_times_and_text_have_none() -> None:
    rows = table(MAG_HK, [0, 1, 2], mag_hk_pri_isvalid=[True, False, None], mag_hk_mode=["Normal", "Normal", "Safe"])
    [found] = means(MAG_HK, HOUR, rows)
    assert found["mag_hk_pri_isvalid"] == 0.5
    assert set(found) == {"time_utc", "mag_hk_pri_isvalid", "mag_hk_pri_isvalid_count", "mag_hk_records"}
    [counted] = means(SWE, HOUR, table(SWE, [0, 1], swe_normalized_counts_1=[5_000_000_000_000, 2], swe_epoch=[1, 2]))
    assert counted["swe_normalized_counts_1"] == 2_500_000_000_001
    assert "swe_epoch" not in counted


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_every_column_of_a_mean_is_new_but_for_the_mean(instrument: Instrument) -> None:
    names = averages_schema(instrument, schema_of(instrument)).names
    assert len(set(names)) == len(names)
    with_mean = {name for name, column in instrument.columns.items() if has_mean(column)}
    assert set(names) & instrument.columns.keys() == with_mean | {"time_utc"}


def test_a_mean_keeps_what_is_known_of_its_column() -> None:
    schema = averages_schema(MAG, schema_of(MAG))
    assert schema.field(BX).metadata == schema_of(MAG).field(BX).metadata
    direction = schema.field(PHI).metadata
    assert (direction[b"unit"], direction[b"valid_min"], direction[b"valid_max"]) == (b"deg", b"-180.0", b"180.0")


def test_a_stretch_goes_on_in_the_next_table() -> None:
    parts = [
        table(MAG, [0, 3600], mag_B_GSE_x=[1.0, 2.0]),
        table(MAG, [3601, 3602], mag_B_GSE_x=[3.0, None]),
        table(MAG, [86400, 7 * 86400], mag_B_GSE_x=[5.0, 6.0]),
    ]
    assert [(it["time_utc"] - START, it[BX], it["mag_records"]) for it in means(MAG, HOUR, *parts)] == [
        (0 * HOUR, 1.0, 1),
        (HOUR, 2.5, 3),
        (24 * HOUR, 5.0, 1),
        (7 * DAY, 6.0, 1),
    ]


values = st.none() | st.floats(-1e3, 1e3)
samples = st.lists(st.tuples(st.integers(0, 3 * 86400), values, values), max_size=30, unique_by=lambda it: it[0])


@settings(deadline=None)
@given(samples, st.sets(st.integers(0, 30)), st.sampled_from([SECOND, MINUTE, HOUR, 12 * HOUR, DAY, 2 * DAY]))
def test_they_are_those_of_each_stretch_however_the_rows_are_cut_into_tables(
    rows: list[tuple[int, float | None, float | None]], cuts: set[int], every: timedelta
) -> None:
    rows.sort()
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    parts = [rows[first:last] for first, last in pairwise(edges)]
    tables = [
        table(MAG, [it[0] for it in part], **{BX: [it[1] for it in part], PHI: [it[2] for it in part]})
        for part in parts
    ]
    found = [row for it in averaged(tables, MAG, every) for row in it.to_pylist()]
    expected: dict[datetime, list[tuple[int, float | None, float | None]]] = {}
    for row in rows:
        time = START + timedelta(seconds=row[0])
        since = time - datetime(1970, 1, 1, tzinfo=UTC)
        expected.setdefault(time - since % every, []).append(row)
    assert [it["time_utc"] for it in found] == sorted(expected)
    for it in found:
        group = expected[it["time_utc"]]
        numbers = [row[1] for row in group if row[1] is not None]
        angles = [cmath.rect(1, math.radians(row[2])) for row in group if row[2] is not None]
        assert (it["mag_records"], it[f"{BX}_count"], it[f"{PHI}_count"]) == (len(group), len(numbers), len(angles))
        assert it[BX] == (pytest.approx(fmean(numbers), abs=1e-9) if numbers else None)
        if angles and abs(sum(angles)) > 1e-6:  # opposite ones have no direction between them
            turned = cmath.rect(1, math.radians(it[PHI])) / (sum(angles) / abs(sum(angles)))
            assert cmath.phase(turned) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("every", [timedelta(0), -MINUTE, 7 * HOUR, 36 * HOUR, 7 * SECOND])
def test_a_stretch_that_makes_no_day_is_refused_at_once(every: timedelta) -> None:
    with pytest.raises(UsageError, match="no stretch to average over"):
        averaged([], MAG, every)


def test_nothing_has_no_means() -> None:
    assert list(averaged([], MAG, MINUTE)) == []
    assert list(averaged([table(MAG, [], mag_B_GSE_x=[])], MAG, MINUTE)) == []
