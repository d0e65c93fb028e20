"""Faults of the place: a file system that lacks something, a database of another kind. They are not the day's."""

from __future__ import annotations

import errno
import logging
import math
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from ialirt_backfill.ask import sockets
from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.mirror.address import DatabaseAddress
from ialirt_backfill.mirror.session import DatabaseSession
from ialirt_backfill.simulator import Answer, Simulator, Times
from ialirt_backfill.store import dayfile, disk
from ledger import Ledger, LedgerError
from ledger.opening import Access, open_database
from tests.support.clock import NOW
from tests.support.commands import Ended
from tests.support.ledgers import ITEM
from tests.support.places import DAY, Place
from tests.support.refused import is_possible, without_locks

Main = Callable[..., Ended]
RANGE = ("--start", str(DAY), "--end", str(DAY))
BACKFILL = ("--instrument", "hit", *RANGE, "--as-of", NOW)


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("fsync of folders", errno.EINVAL),
        ("fsync of folders", errno.EOPNOTSUPP),
        ("fsync", errno.ENOSYS),
        ("open of folders", errno.EACCES),  # one that may be written into, but not be read
    ],
)
def test_a_file_system_that_promises_nothing_for_a_power_cut(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, number: int
) -> None:
    """As some network shares: it is said once, the days are stored, and the ledger says so."""
    fsync, opening = os.fsync, os.open

    def refuse_fsync(descriptor: int) -> None:
        if call == "fsync" or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    def refuse_open(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags == os.O_RDONLY and Path(path).is_dir():
            raise OSError(number, os.strerror(number))
        return opening(path, flags, mode)

    monkeypatch.setattr(disk, "_noted", threading.Lock())
    monkeypatch.setattr(os, "open", refuse_open) if "open" in call else monkeypatch.setattr(os, "fsync", refuse_fsync)
    with caplog.at_level(logging.WARNING):
        assert place.run("hit,swe").exit_code == 0
    assert caplog.text.count("does not promise that a file outlasts a power cut") == 1
    for instrument in ("hit", "swe"):
        place.assert_right(instrument)
        assert place.row(instrument).sha256 == dayfile.checksum(place.file(instrument))


@pytest.mark.skipif(not is_possible, reason="system calls can be refused on Linux only")
@pytest.mark.parametrize("error", ["ENOLCK", "EINVAL", "EOPNOTSUPP"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_file_system_that_does_not_lock_is_named(tmp_path: Path, error: str, exists: bool) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    if exists:
        Ledger.open(url).close()
    opening = "import sys; from ledger import Ledger; Ledger.open(sys.argv[1], timeout_seconds=0.3)"
    done = without_locks(error, opening, [url])
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ledger.exceptions.LedgerUnavailable: The file system of the ledger sqlite:///")
    assert "does not lock as SQLite needs" in said
    assert said.endswith("name one on a local disk with --ledger, or one in PostgreSQL.")
    assert exists or not (tmp_path / "ledger.sqlite").exists()


@pytest.mark.skipif(not is_possible, reason="system calls can be refused on Linux only")
@pytest.mark.parametrize("error", ["ENOLCK", "EINVAL"])
def test_a_mirror_does_not_wait_for_a_lock_that_cannot_be_had(tmp_path: Path, error: str) -> None:
    code = (
        "import sys; from ialirt_backfill.mirror.address import DatabaseAddress\n"
        "from ialirt_backfill.mirror.lock import exclusive\n"
        "from ialirt_backfill.mirror.session import DatabaseSession\n"
        "with DatabaseSession(DatabaseAddress(sys.argv[1])) as session:\n"
        "    with exclusive(session, 't', lambda: False, lambda: print('waits')): pass"
    )
    done = without_locks(error, code, [f"sqlite:///{tmp_path}/mirror.sqlite"])
    assert done.stdout == ""
    assert "its file system does not lock as SQLite needs; take a local disk, or PostgreSQL" in done.stderr


def test_the_locking_protocol_of_sqlite_is_no_matter_of_which_file_it_is(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/ledger.sqlite", Access.CREATE, 1)
    assert database is not None
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
    with pytest.raises(LedgerError, match=r"does not lock as SQLite needs \(locking protocol\)"), database.translated():
        raise error
    database.close()


# --- databases in another encoding ------------------------------------------------------------------------------------


@pytest.fixture
def in_encoding(postgresql_socket: Path) -> Iterator[Callable[[str], str]]:
    """The URL of a new database in some encoding."""
    with psycopg.connect(f"host={postgresql_socket} user=postgres dbname=postgres", autocommit=True) as admin:
        made = []

        def make(encoding: str) -> str:
            name = f"in_{encoding.lower()}"
            admin.execute(
                f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".encode()
            )
            made.append(name)
            return f"postgresql://postgres@/{name}?host={quote(str(postgresql_socket))}"

        yield make
        for name in made:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_in_another_encoding_is_as_good(
    main: Main, in_encoding: Callable[[str], str], encoding: str, simulator: Simulator
) -> None:
    url = in_encoding(encoding)
    simulator.faults = Times(math.inf, Answer(400, "le modèle"), instrument="swe")
    assert main("--instrument", "hit,swe", *RANGE, "--as-of", NOW, "--ledger", url).code == 1
    assert main("status", "--as-of", NOW, "--ledger", url).code == 0
    assert "le modèle" in main("history", "--instrument", "swe", "--day", str(DAY), "--ledger", url).out
    mirrored = main("mirror", "--instrument", "hit", *RANGE, "--ledger", url, "--database", url)
    assert mirrored.code == 0, mirrored.err
    again = main("mirror", "--instrument", "hit", *RANGE, "--ledger", url, "--database", url, "--dry-run")
    assert "skip-loaded" in again.out


def test_a_character_that_a_database_does_not_know_is_one_sentence(
    main: Main, in_encoding: Callable[[str], str], simulator: Simulator
) -> None:
    simulator.faults = Times(math.inf, Answer(400, "日本"), instrument="swe")
    done = main("--instrument", "swe", *RANGE, "--as-of", NOW, "--ledger", in_encoding("LATIN1"))
    assert done.code == 2
    assert "a database that does not know every character" in done.err
    assert "ENCODING 'UTF8' TEMPLATE template0" in done.err


# --- the last line of each translator ---------------------------------------------------------------------------------


def test_what_the_ledger_does_not_know_of_its_database_is_said_to_be_that(postgresql_url: str, sqlite_url: str) -> None:
    unknown = "failed in a way that this program does not know"
    with Ledger.open(postgresql_url) as ledger, pytest.raises(LedgerError, match=rf"{unknown} \(DataError: .*NUL"):
        ledger.note_refused(ITEM, [DAY], "a\0b")
    database = open_database(sqlite_url, Access.CREATE, 1)
    assert database is not None
    with pytest.raises(LedgerError, match=rf"{unknown} \(ProgrammingError: .*closed"):
        database.read_once(lambda connection: _closed().execute("SELECT 1"))
    with pytest.raises(LedgerError, match=rf"{unknown} \(KeyError: 'colour'\)"):
        database.read_once(lambda connection: dict[str, int]()["colour"])
    database.close()


def _closed() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.close()
    return connection


def test_what_the_mirror_does_not_know_of_its_database_is_said_to_be_that(postgresql_url: str) -> None:
    with (
        DatabaseSession(DatabaseAddress(postgresql_url)) as session,
        pytest.raises(MirrorError, match=r"does not know \(ProgrammingError: .*adapt"),
        session.translated(),
    ):
        session.postgresql.execute("SELECT %s", (object(),))


def test_a_machine_that_opens_no_connection_is_not_the_servers_fault(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(sockets, "TimedSocket", refuse)
        report = place.run()
    assert (report.exit_code, report.results) == (2, ())
    assert "this machine opens no connection ([Errno 24] Too many open files)" in (report.ended or "")
    assert place.run().exit_code == 0
    place.assert_right()
