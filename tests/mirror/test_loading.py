"""What is in the database is what is in the files, whatever happens on the way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.exceptions import MirrorError, MirrorUnavailable, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Column, ColumnType
from ialirt_backfill.mirror.events import MirrorAction, MirrorReport, MirrorStatus
from ialirt_backfill.options import MirrorOptions
from ledger import Ledger
from tests.mirror.samples import FIRST, LAST, NOON, Mirror, execute, table, texts
from tests.support.stores import Rows, Store


def actions(report: MirrorReport) -> list[tuple[date, MirrorAction]]:
    return [(decision.day, decision.action) for decision in report.plan]


def errors(report: MirrorReport) -> list[str]:
    return [outcome.error for outcome in report.outcomes if outcome.error]


def expected(column: Column | None, cell: str | None, database: str) -> Any:
    """What a cell of the file must be in the database."""
    if cell is None or column is None:
        return cell
    if column.type is ColumnType.INTEGER:
        return int(cell)
    if column.type is ColumnType.MEASUREMENT:
        return float(cell)
    if column.type is ColumnType.BOOLEAN:
        return {"True": True, "False": False}[cell]  # which are 1 and 0 to SQLite
    return cell


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_cell_of_a_day_is_there(store: Store, load: Mirror, database: str, instrument: str) -> None:
    report = load(database, instrument, end=FIRST)
    assert (report.exit_code, report.summary["loaded"]) == (0, 1)
    columns = INSTRUMENTS[instrument].columns
    found = table(database, f"ialirt_{instrument}")
    rows = store.rows(instrument)
    assert len(rows) >= 100
    assert found.keys() == {row["time_utc"] for row in rows}
    assert set(next(iter(found.values()))) >= set(rows[0])
    compared = 0
    for time, row in texts(rows).items():
        for name, value in found[time].items():
            wanted = expected(columns.get(name), row.get(name), database)
            assert (value, type(value) if value is not None and name != "mag_hk_mode" else None) == (
                wanted,
                _type(wanted, database) if wanted is not None and name != "mag_hk_mode" else None,
            ), (time, name)
            compared += value is not None
    assert compared > 3 * len(rows)


def _type(value: object, database: str) -> type:
    return int if isinstance(value, bool) and database.startswith("sqlite") else type(value)


def test_the_types_in_postgresql(load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url, "mag,codice_hi,mag_hk,hit,swe", end=FIRST)
    found = {
        (name, column): (kind, nullable)
        for name, column, kind, nullable in execute(
            postgresql_url,
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public'",
        )
    }
    assert found["ialirt_mag", "time_utc"] == ("timestamp without time zone", "NO")
    assert found["ialirt_mag", "mag_epoch"] == ("bigint", "YES")
    assert found["ialirt_mag", "ttj2000ns"] == ("bigint", "YES")
    assert found["ialirt_mag", "mag_B_GSE_x"] == ("double precision", "YES")
    assert found["ialirt_mag", "file_date"] == ("date", "YES")
    assert found["ialirt_hit", "hit_h_omni_low_en"] == ("double precision", "YES")
    assert found["ialirt_swe", "swe_normalized_counts_1"] == ("bigint", "YES")
    assert found["ialirt_mag_hk", "mag_hk_pri_isvalid"] == ("boolean", "YES")
    assert found["ialirt_codice_hi", "codice_hi_h"] == ("text", "YES")
    shape = "SELECT json_array_length(codice_hi_h::json), codice_hi_h::json #> '{3,14,3,3}' FROM ialirt_codice_hi"
    assert execute(postgresql_url, f"{shape} LIMIT 1")[0][0] == 4


def test_what_is_loaded_is_not_loaded_again(store: Store, load: Mirror, database: str) -> None:
    assert [action for _, action in actions(load(database))] == [MirrorAction.LOAD] * 2
    again = load(database)
    assert [action for _, action in actions(again)] == [MirrorAction.SKIP_LOADED] * 2
    assert (again.outcomes, again.exit_code) == ((), 0)
    store.change("hit", LAST, lambda rows: [*rows[:-1], rows[-1] | {"hit_h_omni_low_en": "54321"}])
    third = load(database)
    assert actions(third) == [(FIRST, MirrorAction.SKIP_LOADED), (LAST, MirrorAction.LOAD)]
    assert list(table(database, "ialirt_hit").values())[-1]["hit_h_omni_low_en"] == 54321
    assert [action for _, action in actions(load(database, reload=True))] == [MirrorAction.LOAD] * 2


def test_each_database_and_each_prefix_is_remembered_by_itself(
    load: Mirror, postgresql_url: str, sqlite_target: str
) -> None:
    for database, prefix in ((postgresql_url, ""), (sqlite_target, ""), (postgresql_url, "p_"), (sqlite_target, "p_")):
        assert load(database, table_prefix=prefix).summary["loaded"] == 2
        assert load(database, table_prefix=prefix).summary["loaded"] == 0
    assert len(table(postgresql_url, "p_ialirt_hit")) == len(table(sqlite_target, "ialirt_hit"))


def test_a_table_that_lost_its_rows_is_filled_again(load: Mirror, database: str) -> None:
    load(database)
    full = table(database, "ialirt_hit")
    execute(database, f"DELETE FROM ialirt_hit WHERE file_date = '{FIRST:%Y%m%d}'")
    assert actions(load(database)) == [(FIRST, MirrorAction.LOAD), (LAST, MirrorAction.SKIP_LOADED)]
    execute(database, "DROP TABLE ialirt_hit")
    assert load(database).summary["loaded"] == 2
    assert table(database, "ialirt_hit") == full


def test_a_shrunk_file_takes_its_rows_away(store: Store, load: Mirror, database: str) -> None:
    load(database)
    kept = store.change("hit", FIRST, lambda rows: rows[5:50])
    assert load(database).exit_code == 0
    assert table(database, "ialirt_hit", FIRST).keys() == {row["time_utc"] for row in kept}
    assert len(table(database, "ialirt_hit", LAST)) == len(store.rows("hit", LAST))
    store.change("hit", FIRST, lambda rows: [])
    assert load(database).exit_code == 0
    assert table(database, "ialirt_hit", FIRST) == {}
    assert load(database).summary["loaded"] == 0


def test_a_late_column_is_kept(store: Store, load: Mirror, database: str) -> None:
    load(database, end=FIRST)
    long = "hit_" + "x" * 70
    names = ("hit_new", "Hit_B_x", 'hit %s "q"', "file_date", "HIT_EPOCH", long)

    def add(rows: Rows) -> Rows:
        return [row | {name: f"{name}/{number}" for name in names} for number, row in enumerate(rows)]

    changed = store.change("hit", LAST, add)
    report = load(database)
    assert errors(report) == []
    found = table(database, "ialirt_hit", LAST)
    assert found[changed[3]["time_utc"]]["hit_new"] == "hit_new/3"
    assert found[changed[3]["time_utc"]]["Hit_B_x"] == "Hit_B_x/3"
    values = {value for value in found[changed[3]["time_utc"]].values() if isinstance(value, str)}
    assert {f"{name}/3" for name in names} <= values
    assert {row["hit_new"] for row in table(database, "ialirt_hit", FIRST).values()} == {None}
    assert load(database, reload=True).exit_code == 0
    # what a file has no more is taken away as well
    store.change("hit", LAST, lambda rows: [{k: v for k, v in row.items() if k != "hit_new"} for row in rows])
    assert load(database).exit_code == 0
    assert {row["hit_new"] for row in table(database, "ialirt_hit", LAST).values()} == {None}


def test_a_late_column_may_have_a_name_that_postgresql_has_given_away(
    store: Store, load: Mirror, postgresql_url: str
) -> None:
    system = "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attnum < 0"
    names = [name for (name,) in execute(postgresql_url, system)]
    assert len(names) >= 6
    rows = store.change("hit", FIRST, lambda rows: [row | dict.fromkeys(names, "x") for row in rows])
    for again in (False, True):
        assert errors(load(postgresql_url, end=FIRST, reload=again)) == []
    [row, *others] = table(postgresql_url, "ialirt_hit").values()
    assert len(others) == len(rows) - 1
    made = [name for name, cell in row.items() if cell == "x"]
    assert sorted(name.rpartition("_")[0] for name in made) == sorted(names)


def test_a_known_column_that_a_table_lacks_comes_with_its_type(load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url, end=FIRST)
    execute(postgresql_url, "ALTER TABLE ialirt_hit DROP COLUMN hit_epoch")
    assert load(postgresql_url, reload=True).exit_code == 0
    kind = "SELECT data_type FROM information_schema.columns WHERE column_name = 'hit_epoch'"
    assert execute(postgresql_url, kind) == [("bigint",)]


def test_a_cell_that_does_not_fit_fails_its_day_alone_before_a_row_is_touched(
    store: Store, load: Mirror, postgresql_url: str
) -> None:
    load(postgresql_url, "swe")
    before = table(postgresql_url, "ialirt_swe")
    store.change("swe", FIRST, lambda rows: [row | {"swe_normalized_counts_3": "0.5"} for row in rows[1:]])
    store.change("swe", LAST, lambda rows: rows[1:])
    report = load(postgresql_url, "swe")
    assert (report.exit_code, report.summary["failed"], report.summary["loaded"]) == (1, 1, 1)
    assert errors(report)[0].startswith(f"swe {FIRST} was not loaded: swe_normalized_counts_3 is '0.5' at {FIRST}T00:")
    assert table(postgresql_url, "ialirt_swe", FIRST) == {
        time: row for time, row in before.items() if time.startswith(f"{FIRST}")
    }
    execute(postgresql_url, "ALTER TABLE ialirt_swe ALTER swe_normalized_counts_3 TYPE double precision")
    assert load(postgresql_url, "swe").summary == {
        "planned": 2, "loaded": 1, "failed": 0, "skipped_loaded": 1, "skipped_growing": 0,
        "records": len(before) // 2 - 1,
    }  # fmt: skip
    assert {row["swe_normalized_counts_3"] for row in table(postgresql_url, "ialirt_swe", FIRST).values()} == {0.5}


def test_columns_of_another_type_take_the_cells_as_text(store: Store, load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url, "mag_hk", end=FIRST)
    for column in ("mag_hk_pri_isvalid", "mag_hk_icu_temp", "mag_hk_fib_range"):
        execute(postgresql_url, f"ALTER TABLE ialirt_mag_hk ALTER {column} TYPE text")
    assert load(postgresql_url, "mag_hk", end=FIRST, reload=True).exit_code == 0
    rows = texts(store.rows("mag_hk"))
    found = table(postgresql_url, "ialirt_mag_hk")
    for column in ("mag_hk_pri_isvalid", "mag_hk_icu_temp", "mag_hk_fib_range"):
        assert {time: row[column] for time, row in found.items()} == {time: row[column] for time, row in rows.items()}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "time_utc,a\n2026-01-01T00:00:00,1,2\n",
        "a,b\n1,2\n",
        "time_utc\n\xff\n",
        'time_utc,a\n"2026-01-01T00:00:00,1\n2026-01-01T00:00:01,2\n',
    ],
)
def test_a_damaged_file_fails_its_day_alone(store: Store, load: Mirror, sqlite_target: str, content: str) -> None:
    store.path("hit", FIRST).write_bytes(content.encode("latin-1"))
    report = load(sqlite_target)
    assert (report.exit_code, report.summary["failed"], report.summary["loaded"]) == (1, 1, 1)
    assert "damaged" in errors(report)[0]
    assert "\n" not in errors(report)[0]


# --- days that grow ---------------------------------------------------------------------------------------------------


def test_a_growing_day_is_loaded_at_most_once_an_hour(store: Store, load: Mirror, sqlite_target: str) -> None:
    day = NOON.date()
    assert load(sqlite_target, start=day, end=day).summary["loaded"] == 1
    store.change("hit", day, lambda rows: rows[:-1])
    report = load(sqlite_target, start=day, end=day)
    assert actions(report) == [(day, MirrorAction.SKIP_GROWING)]
    assert "still growing" in report.plan[0].reason
    assert load(sqlite_target, start=day, end=day, open_every=timedelta(0)).summary["loaded"] == 1
    # a run that comes every hour comes some seconds less than an hour after the end of the load before it
    with closing(sqlite3.connect(store.folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE mirrored_day SET loaded_at = datetime(loaded_at, '-50 minutes')")
    store.change("hit", day, lambda rows: rows[:-1])
    assert load(sqlite_target, start=day, end=day).summary["loaded"] == 0
    with closing(sqlite3.connect(store.folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE mirrored_day SET loaded_at = datetime(loaded_at, '-9 minutes')")
    assert load(sqlite_target, start=day, end=day).summary["loaded"] == 1
    # the days before were asked for to their end: what changes in them is no growth
    load(sqlite_target)
    store.change("hit", LAST, lambda rows: rows[:-1])
    assert load(sqlite_target).summary["loaded"] == 1


# --- dry run, history, what is remembered -----------------------------------------------------------------------------


def test_a_dry_run_changes_nothing(store: Store, load: Mirror, database: str) -> None:
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    report = load(database, "all", dry_run=True)
    assert (report.run_id, report.summary["planned"], report.outcomes) == (None, 18, ())
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before
    if database.startswith("sqlite"):
        assert list(Path(database.removeprefix("sqlite:///")).parent.iterdir()) == []
    else:
        assert execute(database, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'") == []
    load(database)
    assert [action for _, action in actions(load(database, dry_run=True))] == [MirrorAction.SKIP_LOADED] * 2


def test_without_a_ledger_the_files_are_loaded_all_the_same(store: Store, load: Mirror, sqlite_target: str) -> None:
    (store.folder / "ledger.sqlite").unlink()
    assert load(sqlite_target, dry_run=True).summary["planned"] == 2
    assert load(sqlite_target).summary["loaded"] == 2
    assert load(sqlite_target).summary["skipped_loaded"] == 2


def test_history_is_kept_in_utc(load: Mirror, postgresql_url: str) -> None:
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    execute(postgresql_url, f"ALTER DATABASE {name} SET timezone TO 'Asia/Tokyo'")
    load(postgresql_url, history=True)
    kept = execute(
        postgresql_url,
        "SELECT filename, table_name, rows_deleted, success,"
        " abs(extract(epoch FROM timestamp - (now() AT TIME ZONE 'UTC'))) < 60 FROM _crump_history ORDER BY filename",
    )
    assert kept == [(f"imap_ialirt_hit_2026010{day}.csv", "ialirt_hit", 0, True, True) for day in (1, 2)]


def test_the_run_is_in_the_ledger_without_the_password(store: Store, load: Mirror, postgresql_url: str) -> None:
    secret = "top/secret +%&x"
    database = postgresql_url.replace("postgres@", "postgres:top%2Fsecret%20+%25%26x@")
    report = load(database, history=True)
    assert report.exit_code == 0
    with Ledger.open(f"sqlite:///{store.folder}/ledger.sqlite") as ledger:
        run = ledger.runs(1)[0]
        assert (run.command, run.exit_code, run.counts) == ("mirror", 0, {"loaded": 2})
        assert run.options["database"] == report.database
    # the same database, by whichever password
    assert load(postgresql_url).summary["skipped_loaded"] == 2
    for path in store.folder.glob("ledger*"):
        assert b"top/secret" not in path.read_bytes()
        assert b"top%2Fsecret" not in path.read_bytes()
    assert "top" not in json.dumps(report.to_json())
    assert "top" not in repr(MirrorOptions(database=database))
    assert secret not in str(execute(postgresql_url, "SELECT * FROM _crump_history"))


# --- tables and databases that are not right --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "difference"),
    [
        (
            ["CREATE TABLE ialirt_hit (id bigint PRIMARY KEY, hit_h_omni_low_en double precision)"],
            ["its key is id, not time_utc", "hit_epoch is missing", "id bigint is in no file of hit"],
        ),
        (
            ['CREATE TABLE ialirt_hit (time_utc timestamp PRIMARY KEY, file_date date, "B_GSE_x" double precision)'],
            ["B_GSE_x double precision is in no file of hit", "hit_epoch is missing"],
        ),
        (["CREATE VIEW ialirt_hit AS SELECT 1 AS time_utc"], ["it is a view"]),
        (["ALTER TABLE ialirt_hit ALTER hit_epoch TYPE double precision"], ["hit_epoch is double precision, not big"]),
        (["ALTER TABLE ialirt_hit ALTER hit_h_omni_low_en TYPE integer"], ["hit_h_omni_low_en is integer, not double"]),
        (["ALTER TABLE ialirt_hit ALTER hit_epoch TYPE integer USING 0"], ["hit_epoch is integer, not bigint"]),
        (["ALTER TABLE ialirt_hit ALTER kernel_set_key TYPE varchar(19)"], ["kernel_set_key is varchar(19), not text"]),
        (
            ["DELETE FROM ialirt_hit", "ALTER TABLE ialirt_hit ADD must integer NOT NULL"],
            ["must must be given in ever"],
        ),
    ],
)
def test_a_foreign_table_is_refused_before_a_row_is_touched(
    load: Mirror, postgresql_url: str, statements: list[str], difference: list[str]
) -> None:
    if not statements[0].startswith("CREATE"):
        load(postgresql_url, end=FIRST)
    for statement in statements:
        execute(postgresql_url, statement)
    rows = "SELECT * FROM ialirt_hit"
    before = execute(postgresql_url, rows)
    with pytest.raises(MirrorError, match="is not the mirror's, and nothing was changed") as refusal:
        load(postgresql_url, "swe,hit")
    assert [words for words in difference if words not in str(refusal.value)] == []
    assert execute(postgresql_url, rows) == before
    assert execute(postgresql_url, "SELECT to_regclass('ialirt_swe')") == [(None,)]


def test_a_foreign_table_is_refused_in_sqlite_too(load: Mirror, sqlite_target: str) -> None:
    execute(sqlite_target, "CREATE TABLE ialirt_hit (id INTEGER PRIMARY KEY, B_GSE_x REAL)")
    with pytest.raises(MirrorError, match=r"its key is id, not time_utc.*B_GSE_x real is in no file of hit"):
        load(sqlite_target)
    assert execute(sqlite_target, "SELECT * FROM ialirt_hit") == []


def test_a_table_of_the_name_in_another_schema_is_no_matter(store: Store, load: Mirror, postgresql_url: str) -> None:
    execute(postgresql_url, "CREATE TABLE ialirt_hit (id integer, hit_new integer, hit_epoch integer)")
    execute(postgresql_url, "CREATE SCHEMA mine")
    mine = f"{postgresql_url}&options=-csearch_path%3Dmine"
    load(mine, end=FIRST)
    store.change("hit", LAST, lambda rows: [row | {"hit_new": "1"} for row in rows])
    assert errors(load(mine)) == []
    assert execute(postgresql_url, "SELECT DISTINCT hit_new FROM mine.ialirt_hit ORDER BY 1") == [("1",), (None,)]
    assert execute(postgresql_url, "SELECT * FROM public.ialirt_hit") == []


def test_columns_of_ones_own_are_left_alone(load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url)
    execute(postgresql_url, "ALTER TABLE ialirt_hit ADD loaded_at timestamptz DEFAULT now(), ADD note text DEFAULT ''")
    execute(postgresql_url, "UPDATE ialirt_hit SET note = 'mine'")
    assert load(postgresql_url, reload=True).exit_code == 0
    assert execute(postgresql_url, "SELECT DISTINCT note FROM ialirt_hit") == [("mine",)]


@pytest.mark.parametrize(
    ("database", "column"),
    [
        ("postgresql", "quality integer DEFAULT 0"),
        ("postgresql", "doubled double precision GENERATED ALWAYS AS (hit_h_omni_low_en * 2) STORED"),
        ("postgresql", "number bigint GENERATED ALWAYS AS IDENTITY"),
        ("postgresql", "seen boolean NOT NULL DEFAULT false"),
        ("sqlite", "quality integer DEFAULT 0"),
        ("sqlite", "doubled real GENERATED ALWAYS AS (hit_h_omni_low_en * 2) VIRTUAL"),
    ],
    indirect=["database"],
)
def test_whatever_their_type_they_are_no_reason_to_refuse_a_table(load: Mirror, database: str, column: str) -> None:
    """Not even one that lacks a column which a later version knows."""
    load(database)
    whole = table(database, "ialirt_hit")
    execute(database, "ALTER TABLE ialirt_hit DROP COLUMN hit_he_omni_low_en")
    execute(database, f"ALTER TABLE ialirt_hit ADD {column}")
    before = table(database, "ialirt_hit")
    assert errors(load(database, reload=True)) == []
    own = column.partition(" ")[0]
    after = table(database, "ialirt_hit")
    assert {time: row.pop(own) for time, row in after.items()} == {time: row[own] for time, row in before.items()}
    assert after == whole


def test_a_role_that_may_not_make_tables_is_told_so(load: Mirror, postgresql_url: str) -> None:
    execute(postgresql_url, "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    report = load(postgresql_url.replace("postgres@", "reader@"))
    assert report.exit_code == 1
    assert "permission denied for schema public" in errors(report)[0]
    assert "GRANT" in errors(report)[0]


@pytest.mark.parametrize(
    ("database", "kind", "words"),
    [
        (
            "postgresql://u:top-secret@127.0.0.1:1/x",
            MirrorUnavailable,
            "postgresql://u@127.0.0.1:1/x cannot be reached",
        ),
        ("postgresql://u:top-secret@127.0.0.1:port/x", MirrorUnavailable, "cannot be reached"),
        ("postgresql://u:top-secret@[/x", UsageError, "--database cannot be understood"),
        ("mysql://u:top-secret@host/x", UsageError, "neither PostgreSQL nor SQLite"),
        ("top-secret", UsageError, "neither PostgreSQL nor SQLite"),
        ("sqlite://", UsageError, "names no SQLite file"),
        ("sqlite:///:memory:", UsageError, "names no SQLite file"),
        ("sqlite:////no/such/folder/x.sqlite", MirrorUnavailable, "there is no folder /no/such/folder"),
        ("", UsageError, "--database is missing"),
    ],
)
def test_an_unusable_database_is_named_without_its_password(
    load: Mirror, database: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as raised:
        load(database)
    assert words in str(raised.value)
    assert "top-secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused(store: Store, load: Mirror) -> None:
    path = store.folder.parent / "other.sqlite"
    path.write_text("not a database, by any means" * 100)
    with pytest.raises(MirrorError, match="it is no SQLite database, or a damaged one"):
        load(f"sqlite:///{path}")


def test_there_must_be_a_datastore(tmp_path: Any) -> None:
    from ialirt_backfill.mirror.loading import mirror  # noqa: PLC0415

    with pytest.raises(UsageError, match="there is no such folder"):
        mirror(MirrorOptions(datastore=str(tmp_path / "none"), database="sqlite:///x"))


def test_the_json_contract(load: Mirror, sqlite_target: str) -> None:
    told = json.loads(json.dumps(load(sqlite_target).to_json()))
    assert told.keys() == {
        "run_id", "synthetic", "datastore", "ledger", "database", "plan", "results", "summary",
    }  # fmt: skip
    assert told["synthetic"] is False
    assert told["plan"][0] == {"instrument": "hit", "day": "2026-01-01", "action": "load", "reason": "never loaded"}
    result = told["results"][0]
    assert result.keys() == {"instrument", "day", "status", "records", "written", "deleted", "seconds", "error"}
    assert (result["status"], result["error"]) == (MirrorStatus.LOADED.value, None)
