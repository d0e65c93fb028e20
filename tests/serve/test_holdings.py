"""What there is: from the ledger, from the files while there is none, and again from the ledger."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import ServeOptions
from ialirt_backfill.serve import holdings as module
from ialirt_backfill.serve.holdings import Holding, Holdings

NEVER = datetime(2026, 2, 3, tzinfo=UTC)
Make = Callable[[Path], Holdings]


@pytest.fixture
def holdings_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Holdings that are looked at anew each time."""
    made = []
    monkeypatch.setattr(module, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)

    def make(datastore: Path) -> Holdings:
        made.append(Holdings(ServeOptions(datastore=str(datastore))))
        return made[-1]

    yield make
    for it in made:
        it.close()


def edges(found: Holding) -> tuple[str, str]:
    return f"{found.first:%dT%H:%M:%S}", f"{found.last:%dT%H:%M:%S}"


def test_ledger_and_files_say_the_same(own: Path, holdings_of: Make) -> None:
    of_ledger = holdings_of(own).known()
    assert of_ledger.keys() == INSTRUMENTS.keys()
    for file in own.glob("ledger*"):
        file.unlink()
    of_files = holdings_of(own).known()
    assert {name: edges(it) for name, it in of_files.items()} == {name: edges(it) for name, it in of_ledger.items()}
    newest = max(path.stat().st_mtime for path in own.rglob("imap_ialirt_hit_*"))
    assert of_files["hit"].modified == datetime.fromtimestamp(newest, UTC)


def test_a_ledger_that_goes_away_and_comes_back_is_told_of_once_each(
    own: Path, tmp_path: Path, holdings_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    holdings = holdings_of(own)
    before = holdings.known()
    assert caplog.text == ""
    away = tmp_path / "away"
    away.mkdir()
    for file in own.glob("ledger*"):
        shutil.move(file, away / file.name)
    during = [holdings.known() for _ in range(3)]
    assert all(
        {name: edges(it) for name, it in found.items()} == {n: edges(i) for n, i in before.items()} for found in during
    )
    assert caplog.text.count("from the files alone") == 1
    for file in away.iterdir():
        shutil.move(file, own / file.name)
    assert holdings.known() == before
    assert caplog.text.count("from it again") == 1


def test_an_empty_place_has_nothing(tmp_path: Path, holdings_of: Make) -> None:
    assert holdings_of(tmp_path).known() == {}
    assert holdings_of(tmp_path / "nowhere").known() == {}


def test_files_that_hold_nothing_are_passed_over(
    own: Path, holdings_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for file in own.glob("ledger*"):
        file.unlink()
    first, last = sorted(own.rglob("imap_ialirt_hit_*"))
    first.write_bytes(b"time_utc,hit_epoch\n")
    assert edges(holdings_of(own).known()["hit"])[0].startswith("03T")
    first.write_bytes(b"time_utc,time_utc\n1,2\n")
    assert edges(holdings_of(own).known()["hit"])[0].startswith("03T")
    assert str(first) in caplog.text
    last.unlink()
    assert "hit" not in holdings_of(own).known()


def test_who_asks_does_not_wait_for_a_look_that_is_a_second_late(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.05)
    holdings = Holdings(ServeOptions(datastore=str(own)))
    before = holdings.known()
    look = holdings._from_ledger

    def slowly() -> object:
        time.sleep(0.3)
        return look()

    monkeypatch.setattr(holdings, "_from_ledger", slowly)
    time.sleep(0.1)
    begun = time.monotonic()
    assert all(holdings.known() is before for _ in range(20))
    assert time.monotonic() - begun < 0.25
    deadline = time.monotonic() + 20
    while holdings.known() is before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    holdings.close()


@pytest.mark.parametrize(
    ("days_since", "asked_days_since", "grows"), [(1, None, True), (8, None, False), (60, 1, True), (60, 8, False)]
)
def test_what_was_asked_for_lately_may_grow(days_since: int, asked_days_since: int | None, grows: bool) -> None:
    asked = None if asked_days_since is None else NEVER - timedelta(days=asked_days_since)
    assert Holding(NEVER - timedelta(days=90), NEVER - timedelta(days=days_since), NEVER, asked).grows(NEVER) is grows
