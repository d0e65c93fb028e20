"""The events of a run: what of a burst is told when."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from prefect.events import Event

from flows.notices import BURST_SECONDS, Notices
from flows.origin import Origin
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.events import DayOutcome
from ledger import DayStatus

ORIGIN = Origin("/data", "postgresql+psycopg://user:***@host/ledger", synthetic=False)
OVER = date(2026, 1, 5)


def outcome(day: date, *, changed: bool = True) -> DayOutcome:
    decision = Decision(INSTRUMENTS["hit"], day, Action.RUN, "")
    return DayOutcome(decision.instrument, day, decision, DayStatus.DOWNLOADED, changed=changed)


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    events: list[Event] = []

    def emit(**given: Any) -> None:
        events.append(Event(**given))

    monkeypatch.setattr("flows.notices.emit_event", emit)
    return events


def bursts(emitted: list[Event]) -> list[int]:
    return [len(event.payload["days"]) for event in emitted if event.event == "ialirt.days.updated"]


def test_a_long_run_tells_every_few_minutes_and_of_the_rest_at_the_end(emitted: list[Event]) -> None:
    now = 0.0
    notices = Notices(ORIGIN, lambda: now)
    for number in range(5):
        now = number * BURST_SECONDS * 0.4
        notices.day_finished(outcome(OVER + timedelta(days=number)))
    assert bursts(emitted) == [4]
    notices.tell()
    notices.tell()
    assert bursts(emitted) == [4, 1]


def test_a_day_that_still_grows_is_told_of_with_the_others_only(emitted: list[Event]) -> None:
    notices = Notices(ORIGIN)
    notices.day_finished(outcome(datetime.now(UTC).date()))
    notices.day_finished(outcome(OVER, changed=False))
    assert emitted == []
    notices.tell()
    [event] = emitted
    assert event.resource["ialirt.over"] == "no"
    assert (event.payload["datastore"], event.payload["ledger"]) == (ORIGIN.datastore, ORIGIN.ledger)


def test_an_event_that_cannot_be_sent_is_logged_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def emit(**_: Any) -> None:
        raise RuntimeError("no messenger")

    monkeypatch.setattr("flows.notices.emit_event", emit)
    with caplog.at_level(logging.WARNING):
        Notices(ORIGIN).day_finished(outcome(OVER))
    assert "hit 2026-01-05: the event could not be sent: no messenger" in caplog.text


def test_a_place_is_absolute_and_without_a_password(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Origin.of(PollOptions(), synthetic=False)
    assert here.datastore == f"{tmp_path}/ialirt-data"
    assert here.ledger == f"sqlite:///{tmp_path}/ialirt-data/ledger.sqlite"
    shared = Origin.of(PollOptions(ledger="postgresql+psycopg://user:top-secret@host/ledger"), synthetic=False)
    assert shared.ledger == "postgresql+psycopg://user:***@host/ledger"
