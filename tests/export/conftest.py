"""A datastore with three days of every instrument, made once, and exports of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ialirt_backfill.export.events import ExportReport
from ialirt_backfill.export.parquet import export_parquet
from ialirt_backfill.options import ExportOptions
from tests.export.samples import FIRST, LAST, NOON, Export
from tests.support.session import Session
from tests.support.stores import Store, made

_STEPS = {"mag": 60, "mag_hk": 180, "swapi": 60, "swe": 12, "spacecraft": 10, "spacecraft_status": 12}
"""Every so many records are enough."""


@pytest.fixture(scope="session")
def _made_once(session: Session) -> Store:
    """Three whole days, and the first half of a fourth of `hit`; of the busiest instruments not every record."""

    def make(folder: Path) -> None:
        store = made(folder, FIRST, LAST, NOON)
        for name, step in _STEPS.items():
            for day in (FIRST, FIRST.replace(day=31), LAST):
                store.thin_out(name, day, step)

    return Store(session.once("exported", make), FIRST)


@pytest.fixture
def store(_made_once: Store, tmp_path: Path) -> Store:
    """A datastore of the test's own, whose days pass for real ones."""
    return _made_once.copied(tmp_path / "store").passing_for_real()


@pytest.fixture
def synthetic_store(_made_once: Store, tmp_path: Path) -> Store:
    """The same as a demonstration leaves it."""
    return _made_once.copied(tmp_path / "demonstration")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where to export to; it does not exist yet."""
    return tmp_path / "out ü 100%?#" / "parquet"


@pytest.fixture
def export(store: Store, folder: Path) -> Export:
    """Export the days of an instrument."""

    def run(instrument: str = "hit", **others: object) -> ExportReport:
        options: dict[str, object] = {
            "datastore": str(store.folder),
            "to": str(folder),
            "instrument": instrument,
            "start": FIRST,
            "end": LAST,
            **others,
        }
        return export_parquet(ExportOptions(**options))  # type: ignore[arg-type]

    return run
