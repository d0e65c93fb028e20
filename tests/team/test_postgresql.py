"""Every command with its ledger in PostgreSQL, beside another program's tables."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

from ialirt_backfill.simulator import Simulator
from ledger.schema import VERSIONS
from tests.support.clock import NOW
from tests.support.commands import Command, Here
from tests.support.ledgers import execute

OTHERS = (
    "CREATE TABLE workflow_progress (item_name varchar(32) PRIMARY KEY, progress_timestamp timestamp NULL,"
    " last_checked_date timestamp NULL)",
    "INSERT INTO workflow_progress VALUES ('SWE_L2', '2026-01-05 01:02:03', NULL),"
    " ('HIT_IALIRT', '2026-02-02 12:00:00', '2026-02-02 12:00:01')",
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('f00dfeed')",
)


def test_every_command_works_on_postgresql(
    command: Command, here: Here, simulator: Simulator, postgresql_url: str
) -> None:
    execute(postgresql_url, *OTHERS)
    days = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-03", "--as-of", NOW)

    def run(*words: str, scheme: str = "postgresql") -> str:
        how = command if "--instrument" in words else here
        done = how(*words, "--ledger", postgresql_url.replace("postgresql:", f"{scheme}:"))
        assert done.code == 0, done.err
        return done.out + done.err

    def tables() -> list[str]:
        names = execute(postgresql_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in names]

    assert "There is no ledger yet" in run("ledger", "current")
    assert "never asked for" in run(*days, "--dry-run", "--verbose")
    assert tables() == ["alembic_version", "workflow_progress"]

    first = run(*days, scheme="postgresql+psycopg")
    assert all(f"hit 2026-02-0{number}  1," in first for number in (1, 2, 3))
    simulator.forget_requests()
    assert "Nothing is left to do" in run(*days, scheme="postgres")
    assert simulator.requests == []
    assert len(tables()) > 5
    assert "3 planned, 0 asked for" in run("status", "--start", "2026-02-01", "--end", "2026-02-03", "--as-of", NOW)
    run("gaps", "--start", "2026-02-01", "--end", "2026-02-03", "--as-of", NOW)
    assert "never asked for" in run("history", "--instrument", "hit", "--day", "2026-02-01")
    assert run("runs").count("backfill") == 2
    run("verify", "--start", "2026-02-01", "--end", "2026-02-03")
    assert f"version {VERSIONS[-1]} already" in run("ledger", "upgrade")
    assert "Pruned 0 attempts" in run("ledger", "prune", "--keep", "90d")
    run("poll", "--once", "--instrument", "hit", "--as-of", NOW)

    copy = shutil.copytree(command.datastore, command.cwd / "copy")
    run("adopt", "--datastore", str(copy), "--instrument", "hit", "--as-of", NOW)
    assert execute(postgresql_url, "SELECT version_num FROM alembic_version") == [("f00dfeed",)]
    assert execute(postgresql_url, "SELECT * FROM workflow_progress WHERE item_name = 'SWE_L2'") == [
        ("SWE_L2", datetime(2026, 1, 5, 1, 2, 3), None)  # noqa: DTZ001 - as the table has it
    ]


def test_progress_only_moves_forward(command: Command, simulator: Simulator, ledger_url: str) -> None:
    """An older day that comes later does not take it back; the time of checking moves with each."""
    seen = []
    for day in ("2026-02-03", "2026-02-01"):
        words = ("--instrument", "swapi", "--start", day, "--end", day, "--as-of", NOW)
        assert command(*words, "--ledger", ledger_url).code == 0
        [row] = execute(
            ledger_url,
            "SELECT CAST(progress_timestamp AS VARCHAR(26)), CAST(last_checked_date AS VARCHAR(26))"
            " FROM workflow_progress WHERE item_name = 'SWAPI_IALIRT'",
        )
        seen.append(row)
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] < seen[1][1]
    start = datetime(2026, 2, 3, tzinfo=UTC)
    newest = simulator.records("swapi", start, start + timedelta(days=1))[-1]
    assert seen[1][0][:19].replace(" ", "T") == newest["time_utc"]
