"""Two days of every instrument, and the core and a server over them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import StoreOptions
from ialirt_backfill.serve.hapi import Hapi
from ialirt_backfill.serve.holdings import Holdings
from ialirt_backfill.serve.protocol import Answer, Asked
from ialirt_backfill.simulator import Simulator
from tests.support.access import KEYS
from tests.support.clock import Clock
from tests.support.places import Place
from tests.support.session import Session

DAYS = (date(2026, 2, 2), date(2026, 2, 3))
LONG_AFTER = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Nothing grows any more."""


@pytest.fixture(scope="session")
def whole(session: Session) -> Path:
    """A datastore of two whole days, with its ledger, made once for all workers. Not to be changed: see `own`."""
    datastore = session.folder / "served"
    with session.alone("served"):
        if not datastore.exists():
            clock = Clock()
            with Simulator(seed=264, now=clock, keys=KEYS) as simulator:
                place = Place(session.folder / "serving", simulator, clock)
                assert place.run("all", *DAYS).exit_code == 0
            place.datastore.rename(datastore)
    return datastore


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


@dataclass
class Core:
    """The core over a datastore, asked without a network."""

    hapi: Hapi
    datastore: Path

    def ask(self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", **headers: str) -> Answer:
        """The answer to a request; in the names of headers a line stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.hapi.answer(Asked(method, path, urlencode(query or {}), named))

    def json(self, path: str, **query: str) -> Any:
        return json.loads(body_of(self.ask(path, query)))

    def info(self, dataset: str) -> Any:
        return self.json("/hapi/info", dataset=dataset)

    def data(self, dataset: str, start: str, stop: str, format: str = "json", **query: str) -> bytes:
        asked = self.ask("/hapi/data", {"dataset": dataset, "start": start, "stop": stop, "format": format, **query})
        assert asked.status.value == 200, body_of(asked)
        return body_of(asked)

    def rows(self, dataset: str, start: str, stop: str, **query: str) -> list[Any]:
        found: list[Any] = json.loads(self.data(dataset, start, stop, **query))["data"]
        return found

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.json("/hapi/catalog")["catalog"]]

    def files(self, instrument: str) -> list[Path]:
        return [self.datastore / INSTRUMENTS[instrument].path(day) for day in DAYS]


def body_of(answer: Answer) -> bytes:
    """The body, whole."""
    return answer.body if isinstance(answer.body, bytes) else b"".join(bytes(piece) for piece in answer.body)


Make = Callable[..., Core]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a core over a datastore, as of a time."""
    made: list[Holdings] = []

    def core(datastore: Path, now: datetime = LONG_AFTER, **how: Any) -> Core:
        holdings = Holdings(StoreOptions(datastore=str(datastore)), INSTRUMENTS.values())
        made.append(holdings)
        return Core(Hapi(datastore, holdings, contact="the tests", clock=lambda: now, **how), datastore)

    yield core
    for holdings in made:
        holdings.close()


@pytest.fixture
def core(whole: Path, make: Make) -> Core:
    return make(whole)


@pytest.fixture
def few_core(few: Path, make: Make) -> Core:
    return make(few)


def as_server(core: Core, **how: Any) -> Any:
    """A server over a core, at a port of its own."""
    from ialirt_backfill.serve.server import Server  # noqa: PLC0415 - it loads what else is not needed

    return Server(core.hapi, "127.0.0.1", 0, **how)
