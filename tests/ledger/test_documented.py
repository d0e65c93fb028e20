"""docs/ledger.md names every table and column, and the grants it names are enough."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from ledger import Ledger, LedgerPrivilege
from ledger.schema import VERSION_TABLE, metadata
from tests.support.ledgers import DAY, ITEM, NOON, claimed, execute, record

TEXT = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")


def test_every_table_and_column_is_documented_and_no_other() -> None:
    chapter = TEXT.partition("## What is in it")[2].partition("## PostgreSQL")[0]
    parts = re.split(r"^\*\*`(\w+)`\*\*", chapter, flags=re.MULTILINE)
    tables = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert tables.keys() == {*metadata.tables, VERSION_TABLE}
    for name, table in metadata.tables.items():
        documented = set(re.findall(r"`(\w+)`", tables[name].partition("`ialirt-backfill status`")[0]))
        assert documented >= set(table.columns.keys()), name


def test_a_demonstration_is_taken_out_of_a_ledger_as_documented(ledger_url: str) -> None:
    block = TEXT.partition("all days in it being synthetic:")[2].partition("The next run moves")[0]
    statements = [" ".join(statement.split()) for statement in block.split(";") if statement.strip()]
    assert len(statements) == 6
    with Ledger.open(ledger_url) as ledger:
        ledger.set_property("synthetic", "yes")
        ledger.start_run("backfill", {"demo": True}, "1")
        record(ledger, claimed(ledger), progress=NOON)
        ledger.record_mirrored("target", ITEM, DAY, sha256="0" * 64, records=1)
        execute(ledger_url, "INSERT INTO workflow_progress VALUES ('SWE_L2', '2026-01-05 01:02:03.000000', NULL)")
        execute(ledger_url, *statements)
        assert ledger.is_empty()
        assert ledger.read_property("synthetic") is None
        assert ledger.progress([ITEM])[ITEM].progress_timestamp is None
        assert ledger.progress(["SWE_L2"])["SWE_L2"].progress_timestamp is not None


def test_the_grants_for_a_ledger_that_another_role_made_are_enough(postgresql_url: str) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| someone else makes"))
    grants = [part for part in re.findall(r"`([^`]+)`", row) if part.startswith("GRANT")]
    assert len(grants) == 3
    Ledger.open(postgresql_url).close()
    execute(postgresql_url, "CREATE ROLE worker LOGIN")
    worker_url = postgresql_url.replace("postgres@", "worker@")
    try:
        with pytest.raises(LedgerPrivilege, match="its owner can GRANT"):
            Ledger.open(worker_url)
        execute(postgresql_url, *grants)
        execute(postgresql_url, "DELETE FROM ledger_property", "REVOKE INSERT ON ledger_property FROM worker")
        with Ledger.open(worker_url) as ledger:
            assert ledger.identity() == "", "it goes without"
        execute(postgresql_url, "GRANT INSERT ON ledger_property TO worker")
        with Ledger.open(worker_url) as ledger:
            assert ledger.identity()
            run_id = ledger.start_run("backfill", {}, "1")
            record(ledger, claimed(ledger), progress=NOON)
            ledger.record_mirrored("target", ITEM, DAY, sha256="0" * 64, records=1)
            ledger.finish_run(run_id, {}, 0)
            assert ledger.prune(timedelta(0)) == {"attempt": 1, "run": 1}
    finally:
        execute(postgresql_url, "DROP OWNED BY worker CASCADE", "DROP ROLE worker")
