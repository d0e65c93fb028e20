"""Tables from when the counts of HIT were whole numbers take fractions, and lose nothing on the way."""

from __future__ import annotations

import logging
import re
from typing import Any

import psycopg
import pytest

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.mirror.events import MirrorAction, MirrorReport
from ialirt_backfill.mirror.views import make_views
from ialirt_backfill.options import MirrorOptions
from tests.mirror.samples import FIRST, LAST, Mirror, execute, table
from tests.support.stores import Store

COUNTS = [column.name for column in INSTRUMENTS["hit"].columns.values() if column.unit == "count"]
VIEWS = ["ialirt_hit_records", "ialirt_hit_1min", "ialirt_hit_1h"]


def types(database: str, name: str = "ialirt_hit") -> dict[str, str]:
    if database.startswith("sqlite"):
        return {column: kind.lower() for _, column, kind, *_ in execute(database, f"PRAGMA table_info({name})")}
    query = f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{name}'"
    return dict(execute(database, query))


def changed(database: str, name: str, kind: str) -> dict[str, str]:
    """Make all counts of a table another type; its columns then."""
    execute(database, f"ALTER TABLE {name} " + ", ".join(f"ALTER {column} TYPE {kind}" for column in COUNTS))
    return types(database, name)


def make(database: str) -> dict[str, bool]:
    report = make_views(MirrorOptions(database=database, instrument="hit"))
    return {view.name: view.is_new for view in report.views}


def with_fractions(store: Store) -> None:
    """The last day of two has fractions now."""
    store.change("hit", LAST, lambda rows: [row | {"hit_h_omni_low_en": "0.5"} for row in rows])


@pytest.fixture
def before(load: Mirror, postgresql_url: str) -> dict[str, dict[str, Any]]:
    """A table of an earlier version, with both days in it."""
    load(postgresql_url)
    found = changed(postgresql_url, "ialirt_hit", "bigint")
    assert {found[name] for name in COUNTS} == {"bigint"}
    return table(postgresql_url, "ialirt_hit")


def assert_right(store: Store, report: MirrorReport, database: str, before: dict[str, dict[str, Any]]) -> None:
    """The columns are doubles, the new day is there, and the old one has the values it had."""
    assert [decision.action for decision in report.plan] == [MirrorAction.SKIP_LOADED, MirrorAction.LOAD]
    assert report.exit_code == 0
    found = types(database)
    assert {found[name] for name in COUNTS} == {"double precision"}
    assert {found[name] for name in ("hit_epoch", "ttj2000ns")} == {"bigint"}
    first = table(database, "ialirt_hit", FIRST)
    assert first == {time: row for time, row in before.items() if time.startswith(f"{FIRST}")}
    last = table(database, "ialirt_hit", LAST)
    assert len(last) == len(store.rows("hit", LAST))
    assert {row["hit_h_omni_low_en"] for row in last.values()} == {0.5}


def test_the_next_load_changes_the_table_and_says_so(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert load(postgresql_url).summary["loaded"] == 0
    assert types(postgresql_url)["hit_h_omni_low_en"] == "bigint"  # there was nothing to load
    with_fractions(store)
    with caplog.at_level(logging.WARNING):
        load(postgresql_url, dry_run=True)
    assert types(postgresql_url)["hit_h_omni_low_en"] == "bigint"
    assert "ialirt_hit: the next load makes columns double precision first: hit_e_a_side_low_en, " in caplog.text
    with caplog.at_level(logging.WARNING):
        report = load(postgresql_url)
    assert_right(store, report, postgresql_url, before)
    assert "ialirt_hit: columns of whole numbers are double precision now: hit_e_a_side_low_en, " in caplog.text
    caplog.clear()
    assert load(postgresql_url, reload=True).exit_code == 0
    assert caplog.text == ""


def test_our_own_views_are_made_again_as_they_were(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any]
) -> None:
    make(postgresql_url)
    for role in ("looker", '"odd looker"', "keeper"):
        execute(postgresql_url, f"DROP ROLE IF EXISTS {role}")
        execute(postgresql_url, f"CREATE ROLE {role}")
    try:
        execute(postgresql_url, 'GRANT SELECT ON ialirt_hit_1h TO looker, "odd looker" WITH GRANT OPTION')
        execute(postgresql_url, "GRANT SELECT, INSERT ON ialirt_hit_records TO PUBLIC")
        execute(postgresql_url, "ALTER VIEW ialirt_hit_1min SET (security_invoker = true)")
        execute(postgresql_url, "ALTER VIEW ialirt_hit_1min OWNER TO keeper")
        about = (
            "SELECT relname, reloptions, pg_get_userbyid(relowner), relacl::text, obj_description(oid)"
            " FROM pg_class WHERE relkind = 'v' AND relname LIKE 'ialirt_hit_%' ORDER BY relname"
        )
        views = execute(postgresql_url, about)
        hours = "SELECT * FROM ialirt_hit_1h WHERE file_date = '20260101' ORDER BY time_utc"
        means = execute(postgresql_url, hours)
        with_fractions(store)
        assert_right(store, load(postgresql_url), postgresql_url, before)
        assert execute(postgresql_url, about) == views
        assert execute(postgresql_url, hours) == means
        assert types(postgresql_url, "ialirt_hit_1h")["hit_h_omni_low_en_max"] == "double precision"
        assert make(postgresql_url) == dict.fromkeys(VIEWS, False)
    finally:
        for role in ("looker", '"odd looker"', "keeper"):
            execute(postgresql_url, f"DROP OWNED BY {role}")
            execute(postgresql_url, f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("statement", "stands"),
    [
        ("CREATE VIEW report AS SELECT hit_h_omni_low_en AS n FROM ialirt_hit", "on view report depends on column"),
        ("CREATE VIEW report AS SELECT records FROM ialirt_hit_1h", "view report depends on view ialirt_hit_1h"),
        ("CREATE VIEW ialirt_hit_5min AS SELECT * FROM ialirt_hit", "on view ialirt_hit_5min depends on column"),
    ],
)
def test_where_another_view_stands_on_it_the_load_says_what_to_do_before_a_row_is_touched(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any], statement: str, stands: str
) -> None:
    make(postgresql_url)
    execute(postgresql_url, statement)
    with_fractions(store)
    with pytest.raises(MirrorError, match=re.escape(stands)) as refusal:
        load(postgresql_url, "swe,hit")
    assert "and nothing was" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert table(postgresql_url, "ialirt_hit") == before
    assert execute(postgresql_url, "SELECT to_regclass('ialirt_swe')") == [(None,)]
    assert make(postgresql_url) == dict.fromkeys(VIEWS, False)

    # what it says is what helps
    words = str(refusal.value)
    for view in (statement.split()[2], *VIEWS):
        execute(postgresql_url, f"DROP VIEW {view}")
    execute(postgresql_url, words[words.index("ALTER TABLE") :])
    assert "this command and the word views after mirror" in words
    assert make(postgresql_url) == dict.fromkeys(VIEWS, True)
    assert_right(store, load(postgresql_url), postgresql_url, before)


def test_a_view_of_the_same_name_that_is_not_ours_is_left_alone(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any]
) -> None:
    execute(postgresql_url, "CREATE VIEW ialirt_hit_1h AS SELECT hit_h_omni_low_en AS n FROM ialirt_hit")
    with_fractions(store)
    with pytest.raises(MirrorError, match="view ialirt_hit_1h depends on column"):
        load(postgresql_url)
    assert execute(postgresql_url, "SELECT count(n) FROM ialirt_hit_1h")[0][0] > 0


def test_views_in_another_schema_are_left_alone(store: Store, load: Mirror, postgresql_url: str) -> None:
    """They stand on the table of their own schema, which this mirror does not load."""
    load(postgresql_url, end=FIRST)
    make(postgresql_url)
    execute(postgresql_url, "CREATE SCHEMA mine")
    mine = f"{postgresql_url}&options=-csearch_path%3Dmine,public"
    load(mine)
    changed(mine, "mine.ialirt_hit", "bigint")
    before = table(mine, "ialirt_hit")
    with_fractions(store)
    assert load(mine).exit_code == 0
    assert table(mine, "ialirt_hit", FIRST) == {t: row for t, row in before.items() if t.startswith(f"{FIRST}")}
    assert make(postgresql_url) == dict.fromkeys(VIEWS, False)


def test_who_may_not_change_it_is_told_what_its_owner_has_to_do(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any]
) -> None:
    execute(postgresql_url, "DO $$ BEGIN CREATE ROLE loader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    execute(postgresql_url, "GRANT SELECT, INSERT, UPDATE, DELETE ON ialirt_hit TO loader")
    with_fractions(store)
    with pytest.raises(MirrorError, match=r"must be owner of table ialirt_hit.*let its owner do.*ALTER TABLE"):
        load(postgresql_url.replace("postgres@", "loader@"), reload=True)
    assert table(postgresql_url, "ialirt_hit") == before


def test_a_reader_that_does_not_end_is_not_waited_for_for_ever(
    store: Store, load: Mirror, postgresql_url: str, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ialirt_backfill.mirror.retyping._LOCK_SECONDS", 1)
    with_fractions(store)
    with psycopg.connect(postgresql_url) as reader:
        reader.execute("SELECT 1 FROM ialirt_hit")
        with pytest.raises(MirrorError, match=r"lock timeout.*nothing was\. Run again"):
            load(postgresql_url)
    assert table(postgresql_url, "ialirt_hit") == before
    assert_right(store, load(postgresql_url), postgresql_url, before)


def test_counts_of_others_are_no_measurements(store: Store, load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url, "swe,mag", end=FIRST)
    assert types(postgresql_url, "ialirt_swe")["swe_normalized_counts_1"] == "bigint"
    execute(postgresql_url, 'ALTER TABLE ialirt_mag ALTER "mag_B_GSE_x" TYPE bigint')
    with pytest.raises(MirrorError, match="mag_B_GSE_x is bigint, not double precision"):
        load(postgresql_url, "mag")


def test_sqlite_keeps_fractions_in_a_table_from_before(store: Store, load: Mirror, sqlite_target: str) -> None:
    """With and without our views: there is nothing to change, and nothing is."""
    load(sqlite_target)
    [(made,)] = execute(sqlite_target, "SELECT sql FROM sqlite_master WHERE name = 'ialirt_hit'")
    execute(sqlite_target, "DROP TABLE ialirt_hit")
    execute(sqlite_target, made.replace("REAL", "INTEGER"))
    assert {kind for name, kind in types(sqlite_target).items() if name in COUNTS} == {"integer"}
    assert load(sqlite_target).summary["loaded"] == 2
    before = table(sqlite_target, "ialirt_hit", FIRST)
    make(sqlite_target)
    with_fractions(store)
    assert load(sqlite_target).exit_code == 0
    assert table(sqlite_target, "ialirt_hit", FIRST) == before
    last = table(sqlite_target, "ialirt_hit", LAST)
    assert {row["hit_h_omni_low_en"] for row in last.values()} == {0.5}
    assert {type(row["hit_h_omni_med_en"]) for row in last.values()} <= {int, type(None)}
    assert make(sqlite_target) == dict.fromkeys(VIEWS, False)
    mean = "SELECT DISTINCT hit_h_omni_low_en_mean FROM ialirt_hit_1h WHERE file_date = '20260102'"
    assert execute(sqlite_target, mean) == [(0.5,)]
