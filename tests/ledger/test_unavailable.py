"""Ledgers that are down, locked, damaged or wrongly named: one sentence that says what to do, and no password."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger import ClaimLost, Ledger, LedgerCorrupt, LedgerError, LedgerUnavailable, current
from tests.support.databases import Door, end_all_sessions
from tests.support.ledgers import DAY, DOWNLOADED, ITEM, NOON, claimed, database, execute, record

SECRET = "hunter2&/ü"
SHOWN_NOWHERE = (SECRET, quote(SECRET, safe=""), "hunter2")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "cannot be understood"),
        ("ledger.sqlite", "cannot be understood"),
        ("sqlite://", "names no SQLite file"),
        ("sqlite:ledger.sqlite", "names no SQLite file"),
        ("sqlite:///", "not a database in memory"),
        ("sqlite:///:memory:", "not a database in memory"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "not a database in memory"),
        ("sqlite+aiosqlite:///ledger.sqlite", "names no SQLite file"),
        ("mysql://user:hunter2@host/name", "cannot be kept in 'mysql'"),
        ("postgresql+psycopg2://user:hunter2@host/name", "cannot be kept in 'postgresql[+]psycopg2'"),
        ("postgresql://user:hunter2@host:port/name", "cannot be understood"),
        ("postgresql://user:ab@hunter2@host/name", "as %40"),
        ("postgresql://user:ab@hunter2/x@host/name", "as %40"),
        ("postgresql://user:hunter2@127.0.0.1:1/name", "cannot be reached .*refused.*check that the server is up"),
        ("postgresql://127.0.0.1:1/name?user=u&password=hunter2", "cannot be reached .*refused"),
        ("postgresql://user:hunter2@127.0.0.1:1/name?colour=red", "colour"),
    ],
)
def test_a_url_that_leads_nowhere_is_explained(url: str, said: str) -> None:
    for opening in (Ledger.open, Ledger.open_existing, current):
        with pytest.raises(LedgerError, match=said) as error:
            opening(url)
        _check_wording(error.value)


def test_the_url_is_shown_without_its_password(postgresql_url: str, sqlite_url: str) -> None:
    with Ledger.open(postgresql_url.replace("postgres@", f"postgres:{quote(SECRET, safe='')}@")) as ledger:
        assert ledger.url_shown.startswith("postgresql+psycopg://postgres:***@/ledger_")
        assert not any(secret in repr(vars(ledger)) for secret in SHOWN_NOWHERE)
    with Ledger.open(sqlite_url) as ledger:
        assert ledger.url_shown == sqlite_url


def test_a_wrong_password(postgresql_url: str, role_with_password: str) -> None:
    url = postgresql_url.replace("postgres@", f"{role_with_password}:{quote(SECRET, safe='')}@")
    for opening in (Ledger.open, Ledger.open_existing, current):
        with pytest.raises(LedgerUnavailable, match=r"password authentication failed .*user and password") as error:
            opening(url)
        _check_wording(error.value)


def test_a_database_that_does_not_exist(postgresql_url: str) -> None:
    with pytest.raises(LedgerUnavailable, match='database "nowhere" does not exist') as error:
        Ledger.open(postgresql_url.replace("/ledger_", "/nowhere?x=").partition("?")[0] + _query(postgresql_url))
    _check_wording(error.value)


def test_a_lost_connection_is_sought_again(postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with Ledger.open(postgresql_url, timeout_seconds=5) as ledger:
        claim = claimed(ledger)
        end_all_sessions(postgresql_url)
        assert ledger.renew("run") == 1
        end_all_sessions(postgresql_url)
        record(ledger, claim)
        end_all_sessions(postgresql_url)
        assert len(ledger.attempts(ITEM, DAY)) == 1


def test_a_server_that_comes_back_is_waited_for(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with Ledger.open(door.url, timeout_seconds=10) as ledger:
        claim = claimed(ledger)
        door.shut()
        threading.Timer(0.5, door.open).start()
        with caplog.at_level(logging.WARNING):
            record(ledger, claim)
        assert caplog.text.count("Trying again for 10 s") == 1
        assert caplog.text.count("answers again") == 1
        assert len(ledger.attempts(ITEM, DAY)) == 1


def test_a_server_that_stays_away_ends_the_wait(door: Door) -> None:
    with Ledger.open(door.url, timeout_seconds=1) as ledger:
        claim = claimed(ledger)
        door.shut()
        actions: list[Callable[[], object]] = [
            lambda: record(ledger, claim),
            lambda: ledger.release(claim),
            lambda: ledger.finish_run("run", {}, 2),
        ]
        waits = []
        for action in actions:
            started = time.monotonic()
            with pytest.raises(LedgerUnavailable, match="cannot be reached") as error:
                action()
            waits.append(time.monotonic() - started)
            _check_wording(error.value)
        assert 0.5 < waits[0] < 5
        assert max(waits[1:]) < 0.5  # the run must end now, without waiting once more at every step
        door.open()
        record(ledger, claim)


def test_a_session_lost_while_recording_records_nothing_and_is_not_tried_again(postgresql_url: str) -> None:
    with Ledger.open(postgresql_url, timeout_seconds=2) as ledger:
        claim = claimed(ledger)
        entered = 0

        def lose_the_session() -> None:
            nonlocal entered
            with ledger.recording(claim) as recording:
                entered += 1
                recording.save(DOWNLOADED, None, checked=NOON, progress=None)
                end_all_sessions(postgresql_url)

        with pytest.raises(LedgerUnavailable):
            lose_the_session()
        assert entered == 1
        row = ledger.day(ITEM, DAY)
        assert row is not None
        assert row.claim == claim.claimant
        assert row.records == 0
        record(ledger, claim)
        with pytest.raises(ClaimLost):
            record(ledger, claim)


def test_a_ledger_locked_by_another_process_is_waited_for_and_given_up(sqlite_url: str) -> None:
    Ledger.open(sqlite_url).close()
    path = sqlite_url.removeprefix("sqlite:///")
    hold = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        " c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(LedgerUnavailable, match=r"locked by another process for more than 0.3 s: wait") as error:
            Ledger.open(sqlite_url, timeout_seconds=0.3)
        _check_wording(error.value)
        existing = Ledger.open_existing(sqlite_url, timeout_seconds=0.3)
        assert existing is not None
        with existing:
            assert existing.runs() == []
        threading.Timer(0.3, process.stdin.write, ["\n"]).start()
        threading.Timer(0.4, process.stdin.flush).start()
        with Ledger.open(sqlite_url, timeout_seconds=20) as ledger:
            assert ledger.runs() == []


def test_a_row_locked_by_another_session_is_waited_for_and_given_up(postgresql_url: str) -> None:
    with Ledger.open(postgresql_url, timeout_seconds=0.3) as ledger:
        claim = claimed(ledger)
        with database(postgresql_url) as other:
            other.exec_driver_sql("SELECT * FROM workflow_progress FOR UPDATE")
            with pytest.raises(LedgerUnavailable, match=r"locked by another session for more than 0.3 s: wait"):
                record(ledger, claim)
        record(ledger, claim)


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 100, b"half a"])
def test_a_file_that_is_no_ledger(sqlite_url: str, content: bytes) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    path.write_bytes(content)
    for opening in (Ledger.open, Ledger.open_existing, current):
        with pytest.raises(LedgerCorrupt, match="restore it from a backup, or move it away") as error:
            opening(sqlite_url)
        _check_wording(error.value)
    assert path.read_bytes() == content


def test_a_damaged_ledger(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with Ledger.open(sqlite_url) as ledger:
        for number in range(200):
            ledger.start_run("backfill", {"number": number}, "1")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LedgerCorrupt, match="is damaged"):
        Ledger.open(sqlite_url)


def test_a_database_of_another_kind_is_not_written_over(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE run (colour TEXT)")
    other.close()
    with pytest.raises(LedgerError, match="another program has run there"):
        Ledger.open(sqlite_url)
    assert execute(sqlite_url, "SELECT name FROM sqlite_master") == [("run",)]


def test_a_folder_in_place_of_the_file_and_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (f"sqlite:///{tmp_path}", f"sqlite:///{tmp_path}/file/ledger.sqlite"):
        with pytest.raises(LedgerUnavailable, match="check") as error:
            Ledger.open(url)
        _check_wording(error.value)


def _check_wording(error: LedgerError) -> None:
    """One line, an advice, and no password there or in what caused it."""
    assert "\n" not in str(error)
    assert str(error).endswith(".")
    told = "".join(traceback.format_exception(error))
    assert not any(secret in told.replace("opening(", "") for secret in SHOWN_NOWHERE)


def _query(url: str) -> str:
    return f"?{url.partition('?')[2]}"
