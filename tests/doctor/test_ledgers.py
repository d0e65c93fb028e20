"""What is found of a ledger, whatever state it is in; none is made, and none is changed."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ialirt_backfill.doctor import ledgers
from ialirt_backfill.doctor.findings import Verdict
from ialirt_backfill.options import DoctorOptions
from ledger import Ledger
from tests.support.ledgers import execute

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def odd(tmp_path: Path, ledger: str | None = None) -> dict[str, tuple[Verdict, str]]:
    """What is not ok of the ledger, by check."""
    options = DoctorOptions(datastore=str(tmp_path), ledger=ledger, instrument="hit")
    found = ledgers.examine(options, NOW).findings
    return {it.check: (it.verdict, it.seen) for it in found if it.verdict is not Verdict.OK}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A ledger in the datastore, with a run that has ended."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.finish_run(ledger.start_run("backfill", {}, "0"), {}, 0)
    return path


def content(path: Path) -> tuple[list[str], list[tuple[str, int, int]]]:
    """What a ledger holds, and the files of its folder."""
    files = sorted((it.name, it.stat().st_mtime_ns, it.stat().st_size) for it in path.parent.iterdir())
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        return list(database.iterdump()), files


def test_one_that_is_there_and_none(tmp_path: Path, own: Path) -> None:
    before = content(own)
    assert odd(tmp_path) == {}
    assert content(own) == before
    (tmp_path / "none").mkdir()
    assert odd(tmp_path / "none") == {}
    assert list((tmp_path / "none").iterdir()) == []


def test_one_that_is_locked(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LEDGER_PATIENCE_SECONDS", 0.1)
    with closing(sqlite3.connect(own, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("DELETE FROM attempt")
        verdict, seen = odd(tmp_path)["reached"]
    assert verdict is Verdict.WRONG
    assert "was locked by another process for more than 0.1 s" in seen


def test_one_that_is_newer_or_older(tmp_path: Path, own: Path) -> None:
    for version, check, verdict in (("9999", "reached", Verdict.WRONG), ("0004", "reached", Verdict.WRONG)):
        with closing(sqlite3.connect(own)) as database, database:
            database.execute("UPDATE ialirt_backfill_version SET version_num = ?", (version,))
        before = content(own)
        found = odd(tmp_path)
        assert found[check][0] is verdict
        assert version in found[check][1]
        assert content(own) == before


@pytest.fixture
def looker(postgresql_url: str) -> Iterator[str]:
    """The address of a ledger in PostgreSQL for a role that may do nothing there; and the role's name."""
    Ledger.open(postgresql_url).close()
    name = f"looker_{os.getpid()}"
    execute(postgresql_url, f"CREATE ROLE {name} LOGIN")
    yield postgresql_url.replace("postgres@", f"{name}@")
    execute(postgresql_url, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def test_one_in_postgresql_without_privileges(tmp_path: Path, looker: str, postgresql_url: str) -> None:
    assert odd(tmp_path, postgresql_url) == {}
    [(check, (verdict, seen))] = odd(tmp_path, looker).items()
    assert (check, verdict) == ("reached", Verdict.WRONG)
    assert "does not allow this role enough" in seen
    execute(postgresql_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker_{os.getpid()}")
    [(check, (verdict, seen))] = odd(tmp_path, looker).items()
    assert (check, verdict) == ("privileges", Verdict.WRONG)
    assert "INSERT ON attempt" in seen


def test_a_database_server_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LEDGER_PATIENCE_SECONDS", 1.0)  # in whole seconds, and no fewer
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        began = time.monotonic()
        [(check, (verdict, seen))] = odd(tmp_path, f"postgresql://me:hidden@127.0.0.1:{port}/data").items()
    assert time.monotonic() - began < 10
    assert (check, verdict) == ("reached", Verdict.WRONG)
    assert "cannot be reached" in seen
    assert "hidden" not in seen
