"""A clock that is hours wrong for a while, and then right again: nothing is lost for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from ialirt_backfill.simulator import Simulator
from ledger import DayStatus
from tests.support.access import KEYS
from tests.support.clock import Clock
from tests.support.places import Place

AHEAD = timedelta(hours=30)
"""Today and yesterday are wrong too."""


class World:
    """The real time, which the server tells, and this machine's clock, which may say something else."""

    def __init__(self) -> None:
        self.machine_is_ahead = timedelta(0)

    def __call__(self) -> datetime:
        """The server's present: this machine's clock is the one that is wrong."""
        return datetime.now(UTC) - self.machine_is_ahead


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(seed=264, now=world, keys=KEYS) as running:
        yield running


def set_clock(world: World, simulator: Simulator, ahead: timedelta) -> None:
    """Let this machine's clock be so far ahead of the server's."""
    world.machine_is_ahead = ahead
    simulator.date_ahead = -ahead


def days() -> tuple[date, date]:
    """From three days ago to today, by this machine's clock."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=3), today


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD, timedelta(hours=5), timedelta(hours=-5)])
def test_a_clock_that_was_wrong_for_a_while_loses_nothing(
    place: Place, world: World, simulator: Simulator, ahead: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    first, last = days()
    set_clock(world, simulator, ahead)
    assert place.run("hit", first, last, as_of=None).exit_code == 0
    assert "clock" in caplog.text
    with place.ledger() as ledger:
        rows = ledger.days(["HIT_IALIRT"], first, last)
    for (_, day), row in rows.items():
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert row.asked_through is not None
        # Never asked through what the server had not reached, never final before it was over there.
        assert row.asked_through <= max(midnight, world() - timedelta(minutes=9))
        assert not row.is_final or world() >= midnight + timedelta(days=1)

    set_clock(world, simulator, timedelta(0))
    caplog.clear()
    assert place.run("hit", first, last, as_of=None).exit_code == 0
    assert "clock" not in caplog.text
    later = Clock()
    later.now = datetime.now(UTC) + timedelta(days=3)
    simulator.now = later
    for _ in range(2):  # once to the end of each day, once into its gaps
        Place(place.datastore, simulator, later).run("hit", first, last)
    for n in range(4):
        day = first + timedelta(days=n)
        place.assert_right("hit", day)
        assert place.row("hit", day).is_final


def test_a_day_that_only_a_wrong_clock_sees_is_asked_for_when_it_comes(
    place: Place, world: World, simulator: Simulator
) -> None:
    _, today = days()
    set_clock(world, simulator, timedelta(hours=49))  # to the server, today is two days ahead
    place.run("hit", today, today, as_of=None)
    row = place.row("hit", today)
    assert (row.status, row.is_final, row.records) == (DayStatus.NO_DATA, False, 0)
    later = Clock()
    later.now = datetime.now(UTC) + timedelta(days=3)
    simulator.now = later
    Place(place.datastore, simulator, later).run("hit", today, today)
    place.assert_right("hit", today)
