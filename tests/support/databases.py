"""Both databases, for real: a SQLite file, and a PostgreSQL server that all workers of a session share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


_EMPTY = """
DO $$ DECLARE its name; BEGIN
  FOR its IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', its);
  END LOOP;
  CREATE SCHEMA public AUTHORIZATION pg_database_owner;
  GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$"""

_ALL_THERE_IS = """
WITH this AS (SELECT * FROM pg_database WHERE datname = current_database()),
  schemas AS (SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_')
SELECT (SELECT (datdba, dattablespace, datconnlimit, datacl)::text FROM this),
  (SELECT array_agg(schemas::text ORDER BY nspname) FROM schemas),
  (SELECT count(*) FROM pg_db_role_setting JOIN this ON this.oid = setdatabase),
  (SELECT count(*) FROM pg_shdepend JOIN this ON this.oid = dbid),
  (SELECT count(*) FROM pg_depend), (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc),
  (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_event_trigger),
  (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_largeobject_metadata)"""
"""By which an emptied database is told from a new one: what it was given, what its schemas are, what lies in them."""


class Databases:
    """Empty databases of a server: one that a test has used is emptied for the next, which takes a tenth of the time of
    making a new one. Where it is not as it was when new then, it is dropped."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._empty: list[str] = []
        self._when_new: dict[str, object] = {}

    def url(self, name: str) -> str:
        """As its superuser."""
        return f"postgresql://postgres@/{name}?host={quote(str(self._socket))}"

    @contextmanager
    def one(self) -> Iterator[str]:
        """The address of one that is empty."""
        name = self._empty.pop() if self._empty else self._made()
        yield self.url(name)
        if self._is_emptied(name):
            self._empty.append(name)
        else:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _made(self) -> str:
        name = f"ledger_{os.getpid()}_{next(_numbers)}"
        self._administer(f"CREATE DATABASE {name}")
        with psycopg.connect(self.url(name)) as new:
            self._when_new[name] = new.execute(_ALL_THERE_IS).fetchone()
        return name

    def _is_emptied(self, name: str) -> bool:
        """Emptied, and as it was; a test may have set what keeps it from that, such as that nothing can be written."""
        try:
            end_all_sessions(self.url(name))
            with psycopg.connect(self.url(name)) as used:
                used.execute("SET lock_timeout = '10s'")  # whoever has come back meanwhile goes with the database
                used.execute(_EMPTY)
                return bool(used.execute(_ALL_THERE_IS).fetchone() == self._when_new[name])
        except psycopg.Error:
            return False

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(statement.encode())


@pytest.fixture(scope="session")
def databases(postgresql_socket: Path) -> Databases:
    """Those of this worker."""
    return Databases(postgresql_socket)


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """An empty database, as its superuser."""
    with databases.one() as url:
        yield url


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
