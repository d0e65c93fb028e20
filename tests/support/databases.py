"""Both databases, for real: a SQLite file, and a PostgreSQL server that all workers of a session share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.support.memory import short_folder
from tests.support.session import Server, Session

_numbers = count()


@pytest.fixture(scope="session")
def postgresql_socket(session: Session) -> Path:
    """The folder of the socket of a server of our own, whose every database may be made, used and dropped."""
    return Path(session.address_of(Server.POSTGRESQL))


@pytest.fixture
def postgresql_url(postgresql_socket: Path) -> Iterator[str]:
    """A new, empty database, as its superuser."""
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"host={postgresql_socket} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"postgresql://postgres@/{name}?host={quote(str(postgresql_socket))}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet, in a folder that does not exist yet."""
    return f"sqlite:///{tmp_path}/data store ü 100%?#/ledger.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


class Door:
    """A way to a PostgreSQL server that can be shut: then the server is away, as after a shutdown or a cut cable.

    It is a link to the server's socket; `url` leads through it.
    """

    def __init__(self, url: str, socket_folder: Path) -> None:
        self._server_url = url
        self._socket = socket_folder / ".s.PGSQL.5432"
        self._link = Path(tempfile.mkdtemp(prefix="door-", dir=short_folder())) / self._socket.name
        self.url = f"{url.partition('?')[0]}?host={self._link.parent}"
        self.open()

    def open(self) -> None:
        self._link.symlink_to(self._socket)

    def shut(self) -> None:
        """No session is left, and no new one can be had."""
        self._link.unlink()
        end_all_sessions(self._server_url)

    def remove(self) -> None:
        shutil.rmtree(self._link.parent)


@pytest.fixture
def door(postgresql_url: str, postgresql_socket: Path) -> Iterator[Door]:
    """An open door to the database of `postgresql_url`."""
    door = Door(postgresql_url, postgresql_socket)
    yield door
    door.remove()


def end_all_sessions(url: str) -> None:
    """End every session of a database but the one that does it."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


@pytest.fixture
def role_with_password(session: Session, postgresql_url: str, postgresql_socket: Path) -> Iterator[str]:
    """A role that must give its password, which is ``right``; roles and rules are the whole server's."""
    rules = postgresql_socket / "pg_hba.conf"
    with session.alone("role"), psycopg.connect(postgresql_url, autocommit=True) as admin:
        before = rules.read_text()
        rules.write_text("local all secretive scram-sha-256\n" + before)
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE ROLE secretive LOGIN PASSWORD 'right'")
        yield "secretive"
        rules.write_text(before)
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("DROP OWNED BY secretive CASCADE")
        admin.execute("DROP ROLE secretive")
