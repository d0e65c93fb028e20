"""Runs, their options, and the trimming of history."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger import Ledger, history, upgrade
from ledger.records import Experience, Totals
from ledger.schema import VERSIONS
from tests.support.ledgers import ATTEMPT, DAY, DOWNLOADED, FAILED_ATTEMPT, ITEM, claimed, execute, record


def test_a_run_is_noted_at_its_start_and_at_its_end(ledger: Ledger) -> None:
    options = {"instrument": ["hit"], "start": date(2026, 1, 1), "datastore": Path("a b"), "demo": True, "limit": None}
    run_id = ledger.start_run("backfill", options, "1.2")
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", run_id)
    [run] = ledger.runs()
    assert (run.run_id, run.command, run.host, run.version) == (run_id, "backfill", socket.gethostname(), "1.2")
    assert run.options == {**options, "start": "2026-01-01", "datastore": "a b"}
    assert (run.finished, run.exit_code, run.counts) == (None, None, {})
    ledger.finish_run(run_id, {"downloaded": 3, "failed": 1}, 1)
    [finished] = ledger.runs()
    assert finished.finished is not None
    assert finished == replace(run, finished=finished.finished, exit_code=1, counts={"downloaded": 3, "failed": 1})
    assert run.started <= finished.finished <= ledger.now()


def test_runs_come_newest_first(ledger: Ledger) -> None:
    run_ids = [ledger.start_run("backfill", {"number": number}, "1") for number in range(5)]
    assert {run.run_id for run in ledger.runs()} == set(run_ids)
    assert [run.options["number"] for run in ledger.runs(limit=2)] == [4, 3]


def test_what_the_newest_answered_attempts_cost_is_known(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger.experience([ITEM]) == {}
    for attempt in (ATTEMPT, replace(ATTEMPT, requests=3, seconds=6.0), replace(ATTEMPT, requests=0), FAILED_ATTEMPT):
        record(ledger, claimed(ledger), DOWNLOADED, attempt)
    assert ledger.experience([ITEM, "MAG_IALIRT"]) == {
        ITEM: Experience(
            requests=ATTEMPT.requests + 3,
            seconds=ATTEMPT.seconds + 6.0,
            records=DOWNLOADED.records,
            size_bytes=DOWNLOADED.size_bytes or 0,
        )
    }
    monkeypatch.setattr(history, "MOST_ATTEMPTS", 1)
    assert ledger.experience([ITEM])[ITEM].seconds == 6.0


def test_what_days_hold_together(ledger: Ledger) -> None:
    half = replace(DOWNLOADED, records=700, expected_records=1400, availability_pct=50.0)
    nothing = replace(DOWNLOADED, records=0, expected_records=0, availability_pct=None)
    for shift, result in enumerate((half, replace(half, records=1400, availability_pct=100.0), nothing, half)):
        record(ledger, claimed(ledger, day=DAY + timedelta(days=shift)), result)
    last = DAY + timedelta(days=2)
    assert ledger.totals([ITEM, "MAG_IALIRT"], DAY, last) == {ITEM: Totals(2100, 2800, 75.0)}
    assert ledger.totals([ITEM], last, last) == {ITEM: Totals(0, 0, None)}
    assert ledger.totals([], DAY, last) == {}


def test_pruning_trims_the_history_and_never_the_state(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PRUNED_AT_ONCE", 4)
    now = ledger.now()
    old, new = (ledger.start_run("backfill", {}, "1") for _ in range(2))
    long_ago = replace(ATTEMPT, started=now - timedelta(days=91), finished=now - timedelta(days=91))
    lately = replace(ATTEMPT, started=now - timedelta(days=89), finished=now - timedelta(days=89))
    for run_id, attempt in [(old, long_ago)] * 10 + [(new, long_ago), (new, lately)]:
        record(ledger, claimed(ledger, run_id=run_id), DOWNLOADED, attempt)
    execute(ledger_url, "UPDATE run SET started = '2020-01-01 00:00:00.000000'")
    state = ledger.day(ITEM, DAY)
    assert ledger.prune(timedelta(days=90)) == {"attempt": 11, "run": 1}
    assert [attempt.run_id for attempt in ledger.attempts(ITEM, DAY)] == [new]
    assert [run.run_id for run in ledger.runs()] == [new]
    assert ledger.day(ITEM, DAY) == state
    assert ledger.prune(timedelta(days=90)) == {"attempt": 0, "run": 0}


def test_days_can_be_noted_before_they_are_asked_for(ledger: Ledger) -> None:
    assert ledger.newest_day(ITEM) is None
    days = [DAY + timedelta(shift) for shift in range(3)]
    record(ledger, claimed(ledger, day=days[0]), replace(DOWNLOADED, is_final=True))
    before = ledger.day(ITEM, days[0])
    ledger.note_days(ITEM, days)
    ledger.note_days(ITEM, [])
    assert ledger.day(ITEM, days[0]) == before
    assert ledger.newest_day(ITEM) == days[2]
    assert list(ledger.unfinished([ITEM], days[2])) == [(ITEM, days[1])]
    assert claimed(ledger, day=days[2]).state.attempts == 0


def test_the_content_last_loaded_elsewhere_is_remembered_for_each_target(ledger: Ledger) -> None:
    for target, sha256, records in (("a", "1" * 64, 10), ("b", "2" * 64, 20), ("a", "3" * 64, 30)):
        ledger.record_mirrored(target, ITEM, DAY, sha256=sha256, records=records)
    [(key, mirrored)] = ledger.mirrored("a", [ITEM], DAY, DAY).items()
    assert (key, mirrored.sha256, mirrored.records) == ((ITEM, DAY), "3" * 64, 30)
    assert ledger.mirrored("b", [ITEM], DAY, DAY)[key].records == 20
    assert ledger.mirrored("a", [ITEM], DAY + timedelta(1), DAY + timedelta(2)) == {}
    assert ledger.day(ITEM, DAY) is None


def test_a_property_of_the_whole_ledger_is_replaced_and_never_pruned(ledger: Ledger) -> None:
    assert ledger.read_property("synthetic") is None
    for value in ("yes", "no", "no"):
        ledger.set_property("synthetic", value)
        assert ledger.read_property("synthetic") == value
    ledger.set_property("other", "x")
    ledger.prune(timedelta(0))
    assert (ledger.read_property("synthetic"), ledger.read_property("other")) == ("no", "x")


def test_a_ledger_keeps_its_identity_and_has_it_alone(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    identity = ledger.identity()
    assert re.fullmatch("[0-9a-f]{8}", identity)
    ledger.prune(timedelta(0))
    assert upgrade(ledger_url) == (VERSIONS[-1], VERSIONS[-1])
    with Ledger.open(ledger_url) as again:
        assert again.identity() == identity
    with Ledger.open(f"sqlite:///{tmp_path}/other.sqlite") as other:
        assert other.identity() != identity


def test_a_ledger_is_empty_until_a_run_or_a_day_is_in_it(ledger: Ledger) -> None:
    ledger.set_property("synthetic", "yes")
    assert ledger.is_empty()
    ledger.start_run("backfill", {}, "1")
    assert not ledger.is_empty()
    ledger.prune(timedelta(-1))
    assert ledger.is_empty()
    ledger.note_days(ITEM, [DAY])
    assert not ledger.is_empty()
