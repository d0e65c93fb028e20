"""Two days of every instrument, and the core and a server over them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import ServeOptions
from ialirt_backfill.serve.hapi import Hapi
from ialirt_backfill.serve.holdings import Holdings
from ialirt_backfill.simulator import Simulator
from tests.serve.cores import DAYS, LONG_AFTER, Core, Make
from tests.serve.serving import Serving, Start
from tests.support.access import KEYS
from tests.support.clock import Clock
from tests.support.places import Place
from tests.support.session import Session


@pytest.fixture(scope="session")
def whole(session: Session) -> Path:
    """A datastore of two whole days, with its ledger, made once for all workers. Not to be changed: see `own`."""

    def make(datastore: Path) -> None:
        clock = Clock()
        with Simulator(seed=264, now=clock, keys=KEYS) as simulator:
            assert Place(datastore, simulator, clock).run("all", *DAYS, patience=Patience()).exit_code == 0

    return session.once("served", make)


@pytest.fixture(scope="session")
def few(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A datastore without a ledger: some rows of each day, at its beginning, its end and in between; some are odd."""
    datastore: Path = tmp_path_factory.mktemp("few") / "data"
    for name, instrument in INSTRUMENTS.items():
        for day in DAYS:
            source, target = whole / instrument.path(day), datastore / instrument.path(day)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open(encoding="utf-8", newline="") as file:
                header, *rows = csv.reader(file)
            places = {*range(20), *range(0, len(rows), 331), *range(len(rows) - 6, len(rows))}
            kept = [rows[place] for place in sorted(places) if place < len(rows)]
            for number, row in enumerate(kept):
                _make_odd(name, header, row, number)
            with target.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([header, *kept])
    return datastore


def _make_odd(name: str, header: list[str], row: list[str], number: int) -> None:
    """Missing values of every kind, large counts, arrays of other shapes."""
    if number % 5 == 0:
        row[1 + number % (len(header) - 1)] = ""
    if name == "swe" and number % 7 == 0:
        row[header.index("swe_normalized_counts_1")] = "5000000000001"
    if name == "codice_hi" and number % 4 == 1 and row[header.index("codice_hi_h")]:
        place = header.index("codice_hi_h")
        array = json.loads(row[place])
        array[1][3] = array[1][3][:2]
        array[2] = None
        row[place] = json.dumps(array[: 3 + number % 2], separators=(",", ":"))


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    """A copy of the whole days, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a core over a datastore, as of a time."""
    made: list[Holdings] = []

    def core(datastore: Path, now: datetime = LONG_AFTER, *, catalogue: str | None = None, **how: Any) -> Core:
        options = ServeOptions(datastore=str(datastore), catalogue=catalogue)
        holdings = Holdings(options)
        made.append(holdings)
        hapi = Hapi(datastore, holdings, options.instruments, contact="the tests", clock=lambda: now, **how)
        return Core(hapi, datastore)

    yield core
    for holdings in made:
        holdings.close()


@pytest.fixture
def core(whole: Path, make: Make) -> Core:
    return make(whole)


@pytest.fixture
def few_core(few: Path, make: Make) -> Core:
    return make(few)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as all_:
        yield lambda *words: all_.enter_context(closing(Serving(tmp_path, *words)))
