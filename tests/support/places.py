"""A datastore, a server that can be told to misbehave, and runs in this process between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cli
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ending import Stop
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.planning import policy_of
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import session
from ialirt_backfill.simulator import Simulator
from ledger import DayState, Ledger
from tests.support.access import ENVIRONMENT, FULL, KEY, KEYS
from tests.support.clock import Clock
from tests.support.commands import Ended
from tests.support.reference import assert_file_holds

QUICK = Patience(answer=0.6, silence=0.5, tries=5, first_pause=0.01, longest_pause=0.02, longest_told_pause=0.02)
"""Five tries, of half a second each."""

DAY = date(2026, 2, 2)
"""A day of which, with the seed below, nothing is missing and nothing comes late."""


class Place:
    """A datastore with its ledger, beside a simulator whose present a clock gives."""

    def __init__(self, datastore: Path, simulator: Simulator, clock: Clock) -> None:
        self.datastore, self.simulator, self.clock = datastore, simulator, clock

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.datastore}/ledger.sqlite"

    def options(self, instrument: str = "hit", start: date = DAY, end: date | None = None, **more: Any) -> Any:
        values: dict[str, Any] = {"as_of": self.clock.now, "jobs": 2, "url": self.simulator.url} | more
        return BackfillOptions(
            instrument=instrument,
            start=start,
            end=end or start,
            datastore=str(self.datastore),
            **values,
        )

    def run(
        self,
        instrument: str = "hit",
        start: date = DAY,
        end: date | None = None,
        *,
        patience: Patience = QUICK,
        listener: Listener | None = None,
        stop: Stop | None = None,
        **more: Any,
    ) -> Report:
        """A backfill with little patience; the log of requests begins anew."""
        self.simulator.forget_requests()
        options = self.options(instrument, start, end, **more)
        listener, stop = listener or Listener(), stop or Stop()
        with session(
            options, policy_of(options), "backfill", key=KEY, listener=listener, stop=stop, patience=patience
        ) as run:
            return run.carry_out(run.plan(options))

    def file(self, instrument: str = "hit", day: date = DAY) -> Path:
        return self.datastore / INSTRUMENTS[instrument].path(day)

    def row(self, instrument: str = "hit", day: date = DAY) -> DayState:
        with self.ledger() as ledger:
            row = ledger.day(INSTRUMENTS[instrument].progress_key, day)
        assert row is not None
        return row

    def ledger(self) -> Ledger:
        found = Ledger.open_existing(self.ledger_url)
        assert found is not None
        return found

    def perfect(self, instrument: str = "hit", day: date = DAY) -> list[dict[str, Any]]:
        """What a perfect query gives."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self.simulator.records(instrument, start, start + timedelta(days=1), scopes=FULL)

    def assert_right(self, instrument: str = "hit", day: date = DAY) -> None:
        """The file holds what a perfect query gives, and the ledger says so."""
        records = self.perfect(instrument, day)
        assert_file_holds(self.file(instrument, day), records)
        assert self.row(instrument, day).records == len(records)

    @property
    def asked(self) -> list[str]:
        """Instrument and bounds of every request of the last run: ``hit 02T00:00:00 02T23:59:59``."""
        return [f"{it.instrument} {it.start:%dT%H:%M:%S} {it.end:%dT%H:%M:%S}" for it in self.simulator.requests]

    @property
    def temporary_files(self) -> list[Path]:
        return list(self.datastore.rglob("*.tmp"))


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(seed=264, now=clock, keys=KEYS) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, simulator: Simulator, clock: Clock) -> Place:
    return Place(tmp_path / "data", simulator, clock)


@pytest.fixture
def main(
    tmp_path: Path, simulator: Simulator, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """The command line within this process: faster where a process of its own is not the point."""
    folder = tmp_path / "main"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for name, value in {"IALIRT_DATA_ACCESS_URL": simulator.url, **ENVIRONMENT}.items():
        monkeypatch.setenv(name, value)

    def run(*args: str) -> Ended:
        capfd.readouterr()
        code = cli.main(args)
        said = capfd.readouterr()
        assert "Traceback" not in said.err, said.err
        return Ended(code, said.out, said.err)

    return run
