"""What a user may not do with a ledger, found out without doing it."""

from __future__ import annotations

from pathlib import Path

from ledger import Ledger
from ledger.privileges import denied
from tests.support.ledgers import execute


def test_whoever_made_it_may_do_all(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    assert denied(ledger_url, timeout_seconds=5) == []


def test_what_a_role_lacks_is_named(postgresql_url: str) -> None:
    Ledger.open(postgresql_url).close()
    execute(postgresql_url, "CREATE ROLE looker LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    try:
        missing = denied(postgresql_url.replace("postgres@", "looker@"), timeout_seconds=5)
        assert any("INSERT" in words and "run" in words for words in missing)
        assert not any("SELECT" in words for words in missing)
    finally:
        execute(postgresql_url, "DROP OWNED BY looker CASCADE", "DROP ROLE looker")


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    assert denied(f"sqlite:///{tmp_path}/ledger.sqlite") == []
    assert list(tmp_path.iterdir()) == []
