"""What all workers of a test session share: a folder, locks in it, and servers of which there is one each.

The first process of the session holds a lock as long as it lives. A server is kept by a process of its own, see
`tests.support.keeper`, which waits for that lock and then ends it: nothing stays behind, not even where the session is
killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

START_SECONDS, END_SECONDS = 110.0, 30.0
"""How long the start and the end of a server may take on a busy machine."""


class Server(Enum):
    """The servers that there are."""

    POSTGRESQL = "postgresql"
    PREFECT = "prefect"


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock that this file stands for. The system gives it back when the process ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Session:
    """The folder of a session, and what lies in it."""

    folder: Path

    @property
    def life(self) -> Path:
        """Locked as long as the session's first process lives."""
        return self.folder / "life"

    def kept(self, server: Server) -> Path:
        """Locked by the keeper of a server until it has ended."""
        return self.folder / f"{server.value}-kept"

    def _address(self, server: Server) -> Path:
        return self.folder / f"{server.value}-address"

    def alone(self, purpose: str) -> AbstractContextManager[None]:
        """Within it no other worker is at the same thing."""
        return locked(self.folder / f"{purpose}-alone")

    def once(self, purpose: str, make: Callable[[Path], object]) -> Path:
        """A folder that whoever needs it first makes, for all workers. Not to be changed, but to be copied."""
        folder = self.folder / purpose
        with self.alone(purpose):
            if not folder.exists():
                making = folder.with_suffix(".making")
                shutil.rmtree(making, ignore_errors=True)  # of one who failed
                make(making)
                making.rename(folder)
        return folder

    def address_of(self, server: Server) -> str:
        """Where a server answers; it is started where nobody has done so yet."""
        address = self._address(server)
        with locked(self.folder / f"{server.value}-start"):
            if not address.exists():
                self._start(server)
        return address.read_text(encoding="utf-8")

    def _start(self, server: Server) -> None:
        log = self.folder / f"{server.value}-log"
        with log.open("wb") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.support.keeper", server.value, str(self.folder)],
                cwd=Path(__file__).parents[2],
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests, which still need it then
            )
        _keepers.append(keeper)
        deadline = time.monotonic() + START_SECONDS
        while not self._address(server).exists():
            said = log.read_text(errors="replace")
            assert keeper.poll() is None, f"{server.value} has not started: {said}"
            assert time.monotonic() < deadline, f"{server.value} takes too long to start: {said}"
            time.sleep(0.05)

    def publish(self, server: Server, address: str) -> None:
        """Tell all who ask for the server where it answers."""
        new = self._address(server).with_suffix(".new")
        new.write_text(address, encoding="utf-8")
        new.replace(self._address(server))


_keepers: list[subprocess.Popen[bytes]] = []
"""Held, for a process that nobody holds any more is warned of; the session's end is theirs, too."""


@contextmanager
def begun() -> Iterator[Session]:
    """A session; at its end all its servers have ended."""
    session = Session(Path(tempfile.mkdtemp(prefix="ialirt-tests-")))
    try:
        with locked(session.life):
            yield session
        for server in Server:
            _wait_for(session.kept(server))
    finally:
        shutil.rmtree(session.folder, ignore_errors=True)


def _wait_for(lock: Path) -> None:
    """Until nobody holds the lock, but not for ever."""
    deadline = time.monotonic() + END_SECONDS
    with suppress(FileNotFoundError), lock.open() as file:
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.05)
