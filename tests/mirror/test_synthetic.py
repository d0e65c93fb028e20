"""Synthetic days and real ones never come into one table, and that is decided before a row is touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.exceptions import MirrorError, UsageError
from ialirt_backfill.mirror.events import MirrorDecision, MirrorListener, MirrorReport
from ialirt_backfill.mirror.loading import mirror
from ialirt_backfill.mirror.views import make_views
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.options.datastore import MARK
from tests.mirror.samples import FIRST, LAST, execute, table
from tests.support.stores import Rows, Store

MARKER = "ialirt_mirror_synthetic"


def load(
    store: Store, database: str, instrument: str = "hit", listener: MirrorListener | None = None, **others: Any
) -> MirrorReport:
    given = {"start": FIRST, "end": LAST} | others
    return mirror(
        MirrorOptions(datastore=str(store.folder), database=database, instrument=instrument, **given),
        listener=listener,
    )


def tables(database: str) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if not database.startswith("sqlite"):
        query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    return {name for (name,) in execute(database, query)}


def change(rows: Rows) -> Rows:
    return [row | {"hit_h_omni_low_en": "777"} for row in rows]


def test_a_table_that_a_demonstration_fills_says_so(synthetic_store: Store, database: str) -> None:
    report = load(synthetic_store, database, "hit,codice_lo")
    assert (report.exit_code, report.summary["loaded"], report.is_synthetic) == (0, 4, True)
    assert json.loads(json.dumps(report.to_json()))["synthetic"] is True
    assert set(execute(database, f"SELECT table_name FROM {MARKER}")) == {("ialirt_hit",), ("ialirt_codice_lo",)}
    synthetic_store.change("hit", LAST, change)
    assert load(synthetic_store, database).summary["loaded"] == 1
    assert {row["hit_h_omni_low_en"] for row in table(database, "ialirt_hit", LAST).values()} == {777}


def test_a_table_of_real_days_says_nothing(store: Store, database: str) -> None:
    report = load(store, database)
    assert (report.summary["loaded"], report.is_synthetic) == (2, False)
    assert tables(database) == {"ialirt_hit"}


@pytest.mark.parametrize("dry_run", [False, True])
def test_synthetic_days_never_come_among_real_ones(
    store: Store, synthetic_store: Store, database: str, dry_run: bool
) -> None:
    load(store, database)
    before = table(database, "ialirt_hit")
    synthetic_store.change("hit", FIRST, change)
    with pytest.raises(MirrorError, match="ialirt_hit whose days are real, as far as is known") as refusal:
        load(synthetic_store, database, "swe,hit", dry_run=dry_run)
    assert "nothing was changed: give --table-prefix" in str(refusal.value)
    assert "drop it" not in str(refusal.value)
    assert table(database, "ialirt_hit") == before
    assert tables(database) == {"ialirt_hit"}, "nor is anything made for the instruments before it"


@pytest.mark.parametrize("dry_run", [False, True])
def test_real_days_never_come_among_synthetic_ones(
    store: Store, synthetic_store: Store, database: str, dry_run: bool
) -> None:
    load(synthetic_store, database)
    before = table(database, "ialirt_hit")
    store.change("hit", FIRST, change)
    with pytest.raises(MirrorError, match="ialirt_hit that holds the synthetic days of a demonstration"):
        load(store, database, "swe,hit", dry_run=dry_run)
    assert table(database, "ialirt_hit") == before
    assert tables(database) == {"ialirt_hit", MARKER}


def test_tables_that_get_no_day_are_no_matter(store: Store, synthetic_store: Store, database: str) -> None:
    load(store, database)
    for day in (FIRST, LAST):
        synthetic_store.path("hit", day).unlink()
    assert load(synthetic_store, database, "swe,hit").summary["loaded"] == 2


@pytest.mark.parametrize("statement", ["DELETE FROM ialirt_hit", "DROP TABLE ialirt_hit"])
def test_an_empty_table_takes_either(store: Store, synthetic_store: Store, database: str, statement: str) -> None:
    load(synthetic_store, database)
    execute(database, statement)
    assert load(store, database).summary["loaded"] == 2
    assert execute(database, f"SELECT * FROM {MARKER}") == []
    with pytest.raises(MirrorError, match="are real"):
        load(synthetic_store, database)
    execute(database, statement)
    assert load(synthetic_store, database).summary["loaded"] == 2
    assert execute(database, f"SELECT * FROM {MARKER}") == [("ialirt_hit",)]


def test_each_prefix_is_marked_by_itself(store: Store, synthetic_store: Store, database: str) -> None:
    load(store, database)
    assert load(synthetic_store, database, table_prefix="demo_").summary["loaded"] == 2
    assert execute(database, f"SELECT * FROM demo_{MARKER}") == [("demo_ialirt_hit",)]
    store.change("hit", LAST, change)
    assert load(store, database).summary["loaded"] == 1


def test_a_table_that_an_earlier_version_filled_from_a_demonstration_is_named_as_such(
    synthetic_store: Store, database: str
) -> None:
    load(synthetic_store, database)
    execute(database, f"DROP TABLE {MARKER}")
    with pytest.raises(
        MirrorError, match="An earlier version has loaded 2 of them into it: if it holds no others, drop"
    ):
        load(synthetic_store, database)
    execute(database, "DROP TABLE ialirt_hit")
    assert load(synthetic_store, database).summary["loaded"] == 2


class Meanwhile(MirrorListener):
    """Has another datastore mirrored between the plan and the first load."""

    def __init__(self, store: Store, database: str) -> None:
        self._store, self._database = store, database

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        assert load(self._store, self._database).exit_code == 0


@pytest.mark.parametrize("real_first", [True, False])
def test_a_table_that_was_filled_since_the_plan_is_left_alone(
    store: Store, synthetic_store: Store, database: str, real_first: bool
) -> None:
    first, second = (store, synthetic_store) if real_first else (synthetic_store, store)
    second.change("hit", FIRST, change)
    report = load(second, database, listener=Meanwhile(first, database))
    assert (report.exit_code, report.summary["failed"], report.summary["loaded"]) == (1, 2, 0)
    assert all(str(outcome.error).startswith("hit 2026-01-0") for outcome in report.outcomes)
    values = {row["hit_h_omni_low_en"] for row in table(database, "ialirt_hit", FIRST).values()}
    assert values == {int(row["hit_h_omni_low_en"]) for row in first.rows("hit", FIRST)}


def test_demonstrations_that_fill_their_first_tables_at_once(synthetic_store: Store, postgresql_url: str) -> None:
    names = ("hit", "codice_lo", "codice_hi", "spacecraft")
    with ThreadPoolExecutor(len(names)) as threads:
        reports = list(threads.map(lambda name: load(synthetic_store, postgresql_url, name), names))
    assert [report.summary["loaded"] for report in reports] == [2] * 4
    assert len(execute(postgresql_url, f"SELECT * FROM {MARKER}")) == 4


def test_a_table_is_marked_in_its_own_schema(store: Store, synthetic_store: Store, postgresql_url: str) -> None:
    execute(postgresql_url, 'CREATE SCHEMA "My Team"')
    theirs = f"{postgresql_url}&options=-csearch_path%3D%22My%5C%20Team%22,public"
    load(synthetic_store, theirs)
    assert execute(postgresql_url, f'SELECT * FROM "My Team".{MARKER}') == [("ialirt_hit",)]
    assert load(store, postgresql_url).summary["loaded"] == 2
    assert tables(postgresql_url) == {"ialirt_hit"}
    assert load(store, postgresql_url, "swe").summary["loaded"] == 2
    real = execute(postgresql_url, "SELECT * FROM public.ialirt_swe")
    assert load(synthetic_store, theirs, "swe").summary["loaded"] == 2, "the other schema's is no matter"
    assert execute(postgresql_url, "SELECT * FROM public.ialirt_swe") == real
    store.change("swe", FIRST, lambda rows: rows[:-1])
    assert load(store, postgresql_url, "swe").summary["loaded"] == 1


def test_the_views_over_synthetic_days_are_told_as_such(store: Store, synthetic_store: Store, database: str) -> None:
    load(synthetic_store, database)
    load(store, database, table_prefix="real_")
    options = MirrorOptions(action="views", database=database, instrument="hit,swe")
    assert make_views(options).synthetic
    assert not make_views(MirrorOptions(action="views", database=database, table_prefix="real_")).synthetic


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_datastore_and_a_ledger_of_different_kinds_are_refused(
    store: Store, synthetic_store: Store, sqlite_target: str, tmp_path: Path, dry_run: bool
) -> None:
    new = tmp_path / "new.sqlite"
    with pytest.raises(UsageError, match="has its ledger in there: leave --ledger out"):
        load(synthetic_store, sqlite_target, ledger=f"sqlite:///{new}", dry_run=dry_run)
    assert not new.exists()
    with pytest.raises(UsageError, match="holds the synthetic days of a demonstration: name another with --ledger"):
        load(store, sqlite_target, ledger=f"sqlite:///{synthetic_store.folder}/ledger.sqlite", dry_run=dry_run)
    assert not Path(sqlite_target.removeprefix("sqlite:///")).exists()


def test_a_demonstration_is_known_by_its_file_and_by_its_ledger(
    synthetic_store: Store, database: str, sqlite_target: str
) -> None:
    (synthetic_store.folder / MARK).unlink()
    assert load(synthetic_store, database).is_synthetic
    (synthetic_store.folder / MARK).write_text("synthetic\n")
    for path in synthetic_store.folder.glob("ledger.sqlite*"):
        path.unlink()
    assert load(synthetic_store, sqlite_target, table_prefix="p_", dry_run=True).is_synthetic
    assert load(synthetic_store, sqlite_target, table_prefix="p_").is_synthetic
