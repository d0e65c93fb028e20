"""The views say what the files say, averaged; they are ours alone to change."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime
from statistics import fmean
from typing import Any

import pytest

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.mirror.views import ViewsReport, make_views
from ialirt_backfill.options import MirrorOptions
from tests.mirror.samples import FIRST, Mirror, execute
from tests.support.stores import Store


def views(database: str, instrument: str = "all", **others: Any) -> ViewsReport:
    return make_views(MirrorOptions(database=database, instrument=instrument, **others))


def names(report: ViewsReport) -> dict[str, bool]:
    return {view.name: view.is_new for view in report.views}


def view(database: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a view by its time as the files write it; the names are not put in quotes."""
    rows = execute(database, f"SELECT time_utc, {', '.join(columns)} FROM {name} ORDER BY time_utc")
    return [(time.isoformat() if isinstance(time, datetime) else time, *values) for time, *values in rows]


@pytest.mark.parametrize(("bucket", "length", "rest"), [("1min", 16, ":00"), ("1h", 13, ":00:00")])
def test_means_counts_and_extremes(
    store: Store, load: Mirror, database: str, bucket: str, length: int, rest: str
) -> None:
    store.change("mag", FIRST, lambda rows: [rows[0] | {"mag_B_GSE_x": ""}, *rows[1:]])
    load(database, "mag", end=FIRST)
    views(database, "mag")
    groups = defaultdict(list)
    for row in store.rows("mag"):
        groups[row["time_utc"][:length] + rest].append(row)
    columns = ("records", *(f"mag_b_gse_x_{what}" for what in ("mean", "min", "max", "count")))
    found = view(database, f"ialirt_mag_{bucket}", *columns)
    assert [row[0] for row in found] == sorted(groups)
    for time, records, mean, least, most, count in found:
        values = [float(row["mag_B_GSE_x"]) for row in groups[time] if row["mag_B_GSE_x"]]
        assert (records, count) == (len(groups[time]), len(values))
        if values:
            assert (least, most) == (min(values), max(values))
            assert mean == pytest.approx(fmean(values), abs=1e-12)
        else:
            assert (mean, least, most) == (None, None, None)


def test_the_mean_of_angles_is_a_direction(store: Store, load: Mirror, database: str) -> None:
    angles = ["350", "20", "350", "20"]
    store.change("mag", FIRST, lambda rows: [
        row | {"mag_phi_B_GSE": angle} for row, angle in zip(rows, angles, strict=False)
    ])  # fmt: skip
    load(database, "mag", end=FIRST)
    views(database, "mag")
    [(_, mean, least, most)] = view(database, "ialirt_mag_1h", *(f"mag_phi_b_gse_{w}" for w in ("mean", "min", "max")))
    assert math.isclose(mean, 5, abs_tol=1e-9)
    assert (least, most) == (20, 350)


def test_what_stands_for_a_missing_value_is_in_the_table_and_in_no_mean(
    store: Store, load: Mirror, database: str
) -> None:
    """255 in a flag, and the least number of 64 bits in a count."""
    fills = {"swe_counterstreaming_electrons": "255", "swe_normalized_counts_3": str(-(2**63))}
    rows = store.change("swe", FIRST, lambda rows: [rows[0] | fills, *rows[1:]])
    load(database, "swe", end=FIRST)
    views(database, "swe")
    [first, *_] = view(database, "ialirt_swe_records", *fills)
    assert [str(value) for value in first[1:]] == [*fills.values()]
    for name in fills:
        values = [int(row[name]) for row in rows[1:] if row["time_utc"] < f"{FIRST}T01" and row[name]]
        columns = [f"{name}_{what}" for what in ("min", "max", "count")]
        assert view(database, "ialirt_swe_1h", *columns)[0][1:] == (min(values), max(values), len(values))


def test_flags_counts_and_arrays(store: Store, load: Mirror, database: str) -> None:
    load(database, "mag_hk,swe,codice_hi", end=FIRST)
    views(database)
    rows = [row for row in store.rows("mag_hk") if row["time_utc"] < f"{FIRST}T01"]
    [first, *_] = view(database, "ialirt_mag_hk_1h", "records", "mag_hk_pri_isvalid_mean", "mag_hk_pri_isvalid_count")
    assert first[1:] == (len(rows), fmean(row["mag_hk_pri_isvalid"] == "True" for row in rows), len(rows))
    [first, *_] = view(database, "ialirt_swe_1h", "swe_normalized_counts_3_max", "swe_normalized_counts_3_mean")
    counts = [int(row["swe_normalized_counts_3"]) for row in store.rows("swe") if row["time_utc"] < f"{FIRST}T01"]
    assert first[1] == max(counts)
    assert first[2] == pytest.approx(fmean(counts))
    assert len(view(database, "ialirt_codice_hi_1h", "records")) == 24


def test_every_record_under_plain_names(store: Store, load: Mirror, database: str) -> None:
    load(database, "mag", end=FIRST)
    views(database, "mag")
    found = view(database, "ialirt_mag_records", "mag_B_GSE_x", "MAG_EPOCH")
    assert found == [(row["time_utc"], float(row["mag_B_GSE_x"]), int(row["mag_epoch"])) for row in store.rows("mag")]
    quoted = execute(database, 'SELECT "mag_B_GSE_x" FROM ialirt_mag ORDER BY time_utc')
    assert [value for (value,) in quoted] == [value for _, value, _ in found]


def test_they_are_made_once_and_grow_with_their_tables(store: Store, load: Mirror, database: str) -> None:
    load(database, end=FIRST)
    all_three = [f"ialirt_hit_{kind}" for kind in ("records", "1min", "1h")]
    report = views(database)
    assert names(report) == dict.fromkeys(all_three, True)
    assert set(report.without_table) == {f"ialirt_{name}" for name in INSTRUMENTS if name != "hit"}
    assert names(views(database)) == dict.fromkeys(all_three, False)
    store.change("hit", FIRST, lambda rows: [row | {"Hit_new": "0.5"} for row in rows])
    load(database, end=FIRST)
    assert names(views(database)) == {"ialirt_hit_records": True, "ialirt_hit_1min": False, "ialirt_hit_1h": False}
    assert view(database, "ialirt_hit_records", "hit_new")[0][1] == "0.5"


def test_a_late_column_made_a_number_has_means(store: Store, load: Mirror, postgresql_url: str) -> None:
    store.change("hit", FIRST, lambda rows: [row | {"Hit_new": "0.5"} for row in rows])
    load(postgresql_url, end=FIRST)
    views(postgresql_url)
    execute(postgresql_url, "GRANT SELECT ON ialirt_hit_1h TO PUBLIC")
    execute(postgresql_url, "DROP VIEW ialirt_hit_records")
    execute(
        postgresql_url, 'ALTER TABLE ialirt_hit ALTER "Hit_new" TYPE double precision USING "Hit_new"::double precision'
    )
    assert set(names(views(postgresql_url)).values()) == {True}
    assert view(postgresql_url, "ialirt_hit_1h", "hit_new_mean")[0][1] == 0.5
    granted = "SELECT has_table_privilege('public', 'ialirt_hit_1h', 'SELECT')"
    assert execute(postgresql_url, granted) == [(True,)]
    assert load(postgresql_url, end=FIRST, reload=True).exit_code == 0


@pytest.mark.parametrize("length", range(55, 64))
def test_the_longest_name_has_means_as_well(store: Store, load: Mirror, postgresql_url: str, length: int) -> None:
    """PostgreSQL keeps 63 bytes of a name, and would take what is behind them for the same."""
    name = "hit_".ljust(length, "x")
    store.change("hit", FIRST, lambda rows: [row | {name: str(2 * n)} for n, row in enumerate(rows[:2])])
    load(postgresql_url, end=FIRST)
    execute(postgresql_url, f"ALTER TABLE ialirt_hit ALTER {name} TYPE double precision USING {name}::double precision")
    assert set(names(views(postgresql_url)).values()) == {True}
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'ialirt_hit_1h'::regclass AND attname LIKE 'hit_xx%'"
    means = [name for (name,) in execute(postgresql_url, f"{columns} ORDER BY attnum")]
    assert view(postgresql_url, "ialirt_hit_1h", *means)[0][1:] == (1.0, 0.0, 2.0, 2)
    assert set(names(views(postgresql_url)).values()) == {False}


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
def test_what_the_mirror_did_not_make_is_left_alone(load: Mirror, database: str, kind: str) -> None:
    load(database, end=FIRST)
    body = "(a integer)" if kind == "TABLE" else "AS SELECT 1 AS a"
    execute(database, f"CREATE {kind} ialirt_hit_1h {body}")
    with pytest.raises(MirrorError, match="ialirt_hit_1h that the mirror did not make"):
        views(database)
    assert execute(database, "SELECT a FROM ialirt_hit_1h") in ([], [(1,)])


def test_a_condition_on_the_day_uses_the_index(load: Mirror, database: str) -> None:
    load(database)
    views(database, "hit")
    query = f"SELECT * FROM ialirt_hit_1h WHERE file_date = '{FIRST:%Y%m%d}'"
    if database.startswith("sqlite"):
        plan = str(execute(database, f"EXPLAIN QUERY PLAN {query}"))
    else:
        execute(database, "SET enable_seqscan = off")
        plan = str(execute(database, f"EXPLAIN {query}"))
        plan = plan if "Index Cond" in plan else plan.replace("Filter: (file_date", "ix_ialirt_hit_file_date")
    assert "ix_ialirt_hit_file_date" in plan
