"""New, old, foreign and newer ledgers: the tables are made once, adopted, brought up to date, or refused."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from ledger import (
    Ledger,
    LedgerError,
    LedgerOutdated,
    LedgerPrivilege,
    LedgerTooNew,
    Progress,
    current,
    upgrade,
)
from ledger import migrations as ledger_migrations
from ledger.schema import VERSION_TABLE, VERSIONS, metadata
from tests.ledger.opening import open_together
from tests.support.ledgers import ITEM, NOON, claimed, database, execute, record
from tests.support.processes import FORKSERVER, Forked

ROOT = Path(__file__).parents[2]
NEWEST = VERSIONS[-1]

FOREIGN = (
    "CREATE TABLE workflow_progress (item_name VARCHAR(32) NOT NULL PRIMARY KEY, progress_timestamp TIMESTAMP NULL,"
    " last_checked_date TIMESTAMP NULL)",
    "INSERT INTO workflow_progress VALUES ('SWE_L2', '2026-01-05 01:02:03', NULL)",
    f"INSERT INTO workflow_progress VALUES ('{ITEM}', '2026-02-01 13:00:00', '2026-02-01 13:00:01')",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('f00dfeed')",
)


def test_the_migrations_are_the_versions_the_program_knows() -> None:
    found = [script.revision for script in ledger_migrations.script_directory().walk_revisions()]
    assert tuple(reversed(found)) == VERSIONS


def test_a_new_ledger_is_what_the_migrations_make(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    with database(ledger_url) as connection:
        made = _described(connection)
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
        metadata.drop_all(connection)
        ledger_migrations.upgrade(connection)
        assert _described(connection) == made
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert made.keys() == metadata.tables.keys() | {VERSION_TABLE}
    assert current(ledger_url) == (NEWEST, NEWEST)


def test_a_ledger_is_made_once_and_then_only_opened(ledger_url: str) -> None:
    assert current(ledger_url) == (None, NEWEST)
    assert upgrade(ledger_url) == (None, NEWEST)
    assert upgrade(ledger_url) == (NEWEST, NEWEST)
    assert current(ledger_url) == (NEWEST, NEWEST)


@contextmanager
def nobody_makes_a_table_before(number: int, url: str) -> Iterator[None]:
    """So many sessions of a PostgreSQL have seen that there is no table, and wait to make one, or for who does."""
    if url.startswith("sqlite"):  # whose writers wait before they look
        yield
        return
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url) as holding:
        holding.execute("LOCK TABLE pg_class IN SHARE MODE")
        yield
        deadline = time.monotonic() + 60
        while execute(url, waiting) != [(number,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.slow
def test_ten_processes_make_a_new_ledger_once(ledger_url: str) -> None:
    together, complaints = FORKSERVER.Barrier(10), FORKSERVER.SimpleQueue()
    processes = [Forked(target=open_together, args=(ledger_url, together, complaints), daemon=True) for _ in range(10)]
    with nobody_makes_a_table_before(10, ledger_url):
        for process in processes:
            process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 10
    assert [complaints.get() for _ in processes] == [""] * 10
    assert execute(ledger_url, f"SELECT version_num FROM {VERSION_TABLE}") == [(NEWEST,)]


def test_a_progress_table_of_another_program_is_adopted_and_left_alone(ledger_url: str) -> None:
    _make_foreign(ledger_url)
    before = _foreign_part(ledger_url)
    with Ledger.open(ledger_url) as ledger:
        record(ledger, claimed(ledger), progress=NOON)
        later = NOON.replace(hour=13)
        assert ledger.progress([ITEM])[ITEM] == Progress(ITEM, later, later.replace(second=1))
    assert _foreign_part(ledger_url) == before
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        execute(
            ledger_url,
            *(["PRAGMA foreign_keys=ON"] if ledger_url.startswith("sqlite") else []),
            f"DELETE FROM workflow_progress WHERE item_name = '{ITEM}'",
        )


def test_a_progress_table_of_another_kind_is_refused(ledger_url: str) -> None:
    _make_foreign(ledger_url, "CREATE TABLE workflow_progress (item_name VARCHAR(32), progress_timestamp TIMESTAMP)")
    with pytest.raises(LedgerError, match=r"of another kind .*last_checked_date"):
        Ledger.open(ledger_url)
    assert current(ledger_url) == (None, NEWEST)


def test_a_newer_ledger_is_refused(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    execute(ledger_url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    for opening in (Ledger.open, Ledger.open_existing, upgrade):
        with pytest.raises(LedgerTooNew, match=f"has version 0999, newer than this program's {NEWEST}: upgrade"):
            opening(ledger_url)
    assert current(ledger_url) == ("0999", NEWEST)


def test_an_older_ledger_is_not_read_without_an_upgrade(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(ledger_url).close()
    monkeypatch.setattr("ledger.versions.VERSIONS", (*VERSIONS, "0998"))
    monkeypatch.setattr("ledger.versions.NEWEST", "0998")
    with pytest.raises(LedgerOutdated, match=f"older version {NEWEST}, this program reads 0998"):
        Ledger.open_existing(ledger_url)


def test_the_way_back_leaves_the_shared_table(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    with database(ledger_url) as connection:
        ledger_migrations.downgrade(connection, "base")
        assert set(inspect(connection).get_table_names()) == {"workflow_progress", VERSION_TABLE}
    assert upgrade(ledger_url) == (None, NEWEST)


def test_a_missing_privilege_is_named_with_its_grant(postgresql_url: str) -> None:
    _make_foreign(postgresql_url)
    execute(postgresql_url, "CREATE ROLE worker LOGIN")
    worker_url = postgresql_url.replace("postgres@", "worker@")
    try:
        with pytest.raises(LedgerPrivilege, match="GRANT CREATE, USAGE ON SCHEMA public TO worker") as refused:
            Ledger.open(worker_url)
        assert "\n" not in str(refused.value)
        execute(postgresql_url, "GRANT CREATE, USAGE ON SCHEMA public TO worker")
        grant = "GRANT SELECT, INSERT, UPDATE, REFERENCES ON workflow_progress TO worker"
        with pytest.raises(LedgerPrivilege, match=grant):
            Ledger.open(worker_url)
        assert execute(postgresql_url, f"SELECT to_regclass('{VERSION_TABLE}')") == [(None,)]
        execute(postgresql_url, grant)
        with Ledger.open(worker_url) as ledger:
            record(ledger, claimed(ledger), progress=NOON)
        with Ledger.open(worker_url) as ledger:
            execute(postgresql_url, "REVOKE ALL ON workflow_progress FROM worker")
            with pytest.raises(LedgerPrivilege, match="workflow_progress"):
                record(ledger, claimed(ledger), progress=NOON)
        with pytest.raises(LedgerPrivilege, match=r"\(SELECT ON workflow_progress; .* missing\)"):
            Ledger.open(worker_url)
    finally:
        execute(postgresql_url, "DROP OWNED BY worker CASCADE", "DROP ROLE worker")


@pytest.mark.parametrize("is_there", [False, True])
def test_opening_a_current_ledger_loads_no_migrations_and_the_records_no_sqlalchemy(
    sqlite_url: str, is_there: bool
) -> None:
    """Nor does making a new one."""
    if is_there:
        Ledger.open(sqlite_url).close()
    loaded = "print([name for name in ('sqlalchemy', 'alembic', 'psycopg') if name in sys.modules])"
    script = f"import sys, ledger.records; {loaded}; ledger.Ledger.open(sys.argv[1]).close(); {loaded}"
    answer = subprocess.run(
        [sys.executable, "-c", script, sqlite_url], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.splitlines() == ["[]", "['sqlalchemy']"]


def _make_foreign(url: str, *statements: str) -> None:
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    execute(url, *(statements or FOREIGN))


def _foreign_part(url: str) -> list[Any]:
    """What belongs to others: their rows, their version, and how the shared table was made."""
    with database(url) as connection:
        described = _described(connection)["workflow_progress"]
    return [
        execute(url, f"SELECT * FROM workflow_progress WHERE item_name <> '{ITEM}'"),
        execute(url, "SELECT * FROM alembic_version"),
        described,
    ]


def _described(connection: Connection) -> dict[str, Any]:
    """Everything the database knows of its tables, in one form for both databases."""
    inspector = inspect(connection)
    names = set(inspector.get_table_names()) - {"alembic_version"}
    return {
        name: {
            "columns": [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)],
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(inspector.get_foreign_keys(name), key=str),
            "indexes": sorted(inspector.get_indexes(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "checks": sorted(inspector.get_check_constraints(name), key=str),
        }
        for name in names
    }
