"""A datastore with two days of every instrument, made once; both kinds of databases, for real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ialirt_backfill.mirror.events import MirrorReport
from ialirt_backfill.mirror.loading import mirror
from ialirt_backfill.options import MirrorOptions
from tests.mirror.samples import FIRST, LAST, NOON, Mirror
from tests.support.memory import short_folder
from tests.support.session import Session
from tests.support.stores import Store, made

_STEPS = {
    "mag": 180, "mag_hk": 180, "hit": 12, "swe": 24, "swapi": 60, "codice_lo": 3, "codice_hi": 3, "spacecraft": 10,
    "spacecraft_status": 12,
}  # fmt: skip
"""crump, which loads the same days for comparison, writes row by row: whole days of them all would take minutes."""


@pytest.fixture(scope="session")
def _made_once(session: Session) -> Store:
    """Two whole days, and the first half of a third of `hit`; of each day some 120 records."""

    def make(folder: Path) -> None:
        store = made(folder, FIRST, LAST, NOON)
        for name, step in _STEPS.items():
            for day in (FIRST, LAST):
                store.thin_out(name, day, step)
        store.thin_out("hit", NOON.date(), 12)

    return Store(session.once("mirrored", make), FIRST)


@pytest.fixture
def store(_made_once: Store, tmp_path: Path) -> Store:
    """A datastore of the test's own, whose days pass for real ones."""
    return _made_once.copied(tmp_path / "store").passing_for_real()


@pytest.fixture
def synthetic_store(_made_once: Store, tmp_path: Path) -> Store:
    """The same as a demonstration leaves it."""
    return _made_once.copied(tmp_path / "demonstration")


@pytest.fixture
def sqlite_target() -> Iterator[str]:
    """A file that does not exist yet."""
    with TemporaryDirectory(prefix="mirror-", dir=short_folder()) as folder:
        yield f"sqlite:///{folder}/mirror.sqlite"


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> str:
    """Either database, empty."""
    name = "postgresql_url" if request.param == "postgresql" else "sqlite_target"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def load(store: Store) -> Mirror:
    """Mirror the two days of an instrument into a database."""

    def run(
        database: str, instrument: str = "hit", *, start: date = FIRST, end: date = LAST, **others: object
    ) -> MirrorReport:
        options: dict[str, object] = {
            "datastore": str(store.folder),
            "database": database,
            "instrument": instrument,
            "start": start,
            "end": end,
            **others,
        }
        return mirror(MirrorOptions(**options))  # type: ignore[arg-type]

    return run
