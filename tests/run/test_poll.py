"""The live poll against the simulator over HTTP, with a clock of the test's own."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import cli
import ialirt_backfill.run.poll as poll_module
from ialirt_backfill.day import content
from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.passes import PollListener, Tail
from ialirt_backfill.run.poll import has_failed, poll, polling
from ialirt_backfill.run.report import Report
from ialirt_backfill.simulator import Answer, Silence, Simulator, Times, Transform
from ledger import DayState, DayStatus, Ledger
from tests.support.access import ENVIRONMENT, FULL, KEYS
from tests.support.processes import Running
from tests.support.reference import assert_file_holds

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BROKEN = Answer(500, b'{"message": "broken"}')


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class World:
    """I-ALiRT, a clock, a datastore and a ledger."""

    def __init__(self, simulator: Simulator, datastore: Path) -> None:
        self.simulator, self.datastore = simulator, datastore
        self.now = at("2026-02-02T12:00:00")
        simulator.now = self.clock

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def options(self, instrument: str = "hit", **others: object) -> PollOptions:
        return PollOptions(
            instrument=instrument,
            datastore=str(self.datastore),
            url=self.simulator.url,
            **others,  # type: ignore[arg-type]
        )

    def once(self, now: datetime | str | None = None, instrument: str = "hit", **others: object) -> Report:
        """One pass."""
        if now is not None:
            self.now = at(now) if isinstance(now, str) else now
        return poll(self.options(instrument, once=True, **others), clock=self.clock)

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.datastore}/ledger.sqlite")

    def row(self, instrument: str, day: str) -> DayState | None:
        with self.ledger as ledger:
            return ledger.day(INSTRUMENTS[instrument].progress_key, date.fromisoformat(day))

    def attempts(self, instrument: str, day: str) -> int:
        with self.ledger as ledger:
            return len(ledger.attempts(INSTRUMENTS[instrument].progress_key, date.fromisoformat(day)))

    def file(self, instrument: str, day: str) -> Path:
        return self.datastore / INSTRUMENTS[instrument].path(date.fromisoformat(day))

    def asked(self, instrument: str) -> list[tuple[datetime, datetime]]:
        """What was asked for, first and last second, since the last look."""
        found = [
            (request.start, request.end)
            for request in self.simulator.requests
            if request.instrument == instrument and request.start and request.end
        ]
        self.simulator.forget_requests()
        return sorted(found)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """With the environment of somebody whose API key opens everything."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Simulator(seed=1, keys=KEYS) as simulator:
        yield World(simulator, tmp_path / "data")


def plan_of(report: Report) -> dict[date, Action]:
    return {decision.day: decision.action for decision in report.plan}


# --- today ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_first_poll_begins_with_the_current_day_and_the_next_ones_ask_for_its_tail(world: World) -> None:
    report = world.once("2026-02-02T12:00:00", "all")
    assert not has_failed(report)
    assert {outcome.day for outcome in report.outcomes} == {date(2026, 2, 2)}
    assert len(report.outcomes) == 9
    assert world.asked("hit") == [(at("2026-02-02"), at("2026-02-02T11:59:59"))]
    world.once("2026-02-02T12:05:00", "all")
    assert world.asked("hit") == [(at("2026-02-02T11:50:00"), at("2026-02-02T12:04:59"))]
    for name in INSTRUMENTS:
        records = world.simulator.records(name, at("2026-02-02"), at("2026-02-02T12:05:00"), scopes=FULL)
        assert_file_holds(world.file(name, "2026-02-02"), records)


def test_a_pass_that_finds_nothing_new_touches_no_file_and_adds_no_attempt(world: World) -> None:
    world.once("2026-02-02T12:00:00", "all")
    names = [name for name in INSTRUMENTS if world.file(name, "2026-02-02").exists()]
    before = {name: (world.file(name, "2026-02-02").stat(), world.row(name, "2026-02-02")) for name in names}
    tree = sorted(world.datastore.rglob("*.csv"))
    standing = at("2026-02-02T12:00:00")
    world.simulator.now = lambda: standing  # I-ALiRT has nothing new
    report = world.once("2026-02-02T12:04:00", "all")
    assert len(report.outcomes) == 9
    assert sorted(world.datastore.rglob("*.csv")) == tree
    for name, (status, row) in before.items():
        now = world.file(name, "2026-02-02").stat()
        assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        after = world.row(name, "2026-02-02")
        assert row is not None
        assert after is not None
        assert after.asked_through == at("2026-02-02T11:54:00")
        assert after.expected_records >= row.expected_records
        assert (after.records, after.sha256, after.status) == (row.records, row.sha256, row.status)
        assert world.attempts(name, "2026-02-02") == 1


def test_the_time_of_asking_moves_even_when_nothing_is_new(world: World) -> None:
    world.once("2026-02-02T12:00:00")
    with world.ledger as ledger:
        first = ledger.progress(["HIT_IALIRT"])["HIT_IALIRT"]
    standing = at("2026-02-02T12:00:00")
    world.simulator.now = lambda: standing
    world.once("2026-02-02T12:04:00")
    with world.ledger as ledger:
        second = ledger.progress(["HIT_IALIRT"])["HIT_IALIRT"]
    assert second.progress_timestamp == first.progress_timestamp
    assert first.last_checked_date is not None
    assert second.last_checked_date is not None
    assert second.last_checked_date > first.last_checked_date


def test_the_first_minutes_of_a_day_are_polled_too(world: World) -> None:
    world.once("2026-02-02T00:02:00", "mag")
    first = world.row("mag", "2026-02-02")
    world.once("2026-02-02T00:07:00", "mag")
    second = world.row("mag", "2026-02-02")
    assert first is not None
    assert second is not None
    assert second.records > first.records > 0


def test_the_lag_leaves_the_newest_seconds_alone(world: World) -> None:
    world.once("2026-02-02T12:00:00", lag=timedelta(seconds=90))
    assert world.asked("hit") == [(at("2026-02-02"), at("2026-02-02T11:58:29"))]
    row = world.row("hit", "2026-02-02")
    assert row is not None
    assert row.asked_through == at("2026-02-02T11:50:00")


def test_the_overlap_is_asked_for_again(world: World) -> None:
    world.once("2026-02-02T12:00:00", overlap=3 * MINUTE)
    world.asked("hit")
    world.once("2026-02-02T12:05:00", overlap=3 * MINUTE)
    assert world.asked("hit") == [(at("2026-02-02T11:57:00"), at("2026-02-02T12:04:59"))]


# --- what else is missing ---------------------------------------------------------------------------------------------


def test_where_another_program_has_stored_data_the_first_poll_begins_with_the_day_of_the_newest(world: World) -> None:
    with world.ledger:
        pass
    with sqlite3.connect(world.datastore / "ledger.sqlite") as other:
        other.execute("INSERT INTO workflow_progress VALUES ('HIT_IALIRT', '2026-01-30 23:10:00.000000', NULL)")
    other.close()
    report = world.once("2026-02-02T12:00:00")
    assert {outcome.day for outcome in report.outcomes} == {date(2026, 1, day) for day in (30, 31)} | {
        date(2026, 2, day) for day in (1, 2)
    }
    assert world.asked("hit")[0][0] == at("2026-01-30")


def test_since_tells_where_to_begin(world: World) -> None:
    report = world.once("2026-02-02T12:00:00", since=date(2026, 1, 31))
    days = [outcome.day for outcome in report.outcomes]
    assert days[0] == date(2026, 2, 2), "today comes first"
    assert sorted(days[1:]) == [date(2026, 1, 31), date(2026, 2, 1)]


def test_a_day_in_the_future_is_no_beginning(world: World) -> None:
    world.now = at("2026-02-02T12:00:00")
    with pytest.raises(UsageError, match="after today"):
        world.once(since=date(2026, 2, 3))


def test_days_on_which_nothing_ran_are_remembered_although_the_tail_comes_first(world: World) -> None:
    world.once("2026-01-28T12:00:00")
    world.now = at("2026-02-02T12:00:00")
    with polling(world.options(), clock=world.clock) as it:
        it.ask(it.begin())  # and then the process is gone, with the newest record of today stored
    world.asked("hit")
    report = world.once("2026-02-02T12:05:00")
    assert sorted(outcome.day for outcome in report.outcomes) == [
        date(2026, 1, 28),
        date(2026, 1, 29),
        date(2026, 1, 30),
        date(2026, 1, 31),
        date(2026, 2, 1),
        date(2026, 2, 2),
    ]
    assert world.asked("hit")[0][0] == at("2026-01-28T11:50:00")


def test_days_without_a_poll_are_made_good_although_the_instrument_was_silent_before(world: World) -> None:
    world.once("2026-01-20T12:00:00", "codice_lo")  # switched off: no newest record
    assert world.row("codice_lo", "2026-01-20") is not None
    report = world.once("2026-01-23T12:00:00", "codice_lo")
    assert sorted(outcome.day.day for outcome in report.outcomes) == [20, 21, 22, 23]


@pytest.mark.slow
def test_the_last_minutes_of_yesterday_are_asked_for_after_midnight(world: World) -> None:
    for now in ("2026-02-01T23:50:00", "2026-02-01T23:55:00", "2026-02-02T00:00:00", "2026-02-02T00:05:00"):
        world.once(now, "mag")
    row = world.row("mag", "2026-02-01")
    assert row is not None
    assert row.asked_through == at("2026-02-01T23:55:00")
    world.once("2026-02-02T00:10:00", "mag")
    row = world.row("mag", "2026-02-01")
    assert row is not None
    assert row.asked_through == at("2026-02-02")
    records = world.simulator.records("mag", at("2026-02-01"), at("2026-02-02"))
    assert_file_holds(world.file("mag", "2026-02-01"), records)
    assert row.is_final
    world.asked("mag")
    world.once("2026-02-02T00:15:00", "mag")
    assert [start.date() for start, _ in world.asked("mag")] == [date(2026, 2, 2)]


def test_a_final_pass_is_made_when_it_falls_due_and_once(world: World) -> None:
    world.simulator.faults = [
        Times(math.inf, Transform(lambda found: [it for it in found if it["time_utc"][11:13] != "03"]))
    ]
    world.once("2026-02-04T12:00:00")
    world.once("2026-02-05T00:15:00")
    row = world.row("hit", "2026-02-04")
    assert row is not None
    assert [f"{start:%H:%M}" for start, _ in row.gaps] == ["02:59"]
    assert not row.is_final
    assert plan_of(world.once("2026-02-05T23:00:00"))[date(2026, 2, 4)] is Action.SKIP_EXISTING
    assert plan_of(world.once("2026-02-06T00:05:00"))[date(2026, 2, 4)] is Action.RUN
    assert date(2026, 2, 4) not in plan_of(world.once("2026-02-06T00:10:00"))


def test_a_past_day_that_failed_is_tried_again_with_growing_pauses_and_today_at_once(world: World) -> None:
    real = datetime.now(UTC)  # pauses go by the ledger's clock
    today, yesterday = real.date(), real.date() - DAY
    world.simulator.faults = [Times(math.inf, Answer(400, b'{"message": "no"}'))]
    report = world.once(real, since=yesterday)
    assert has_failed(report)
    assert {outcome.status for outcome in report.outcomes} == {DayStatus.FAILED}
    assert plan_of(world.once(real + timedelta(seconds=1))) == {today: Action.RETRY, yesterday: Action.SKIP_FAILED}

    def decided(minutes: int) -> Action:
        return plan_of(world.once(real + minutes * MINUTE))[yesterday]

    assert decided(14) is Action.SKIP_FAILED
    assert decided(16) is Action.RETRY
    assert decided(29) is Action.SKIP_FAILED
    world.simulator.faults = []
    assert decided(32) is Action.RETRY
    assert not has_failed(world.once(real + 33 * MINUTE))


def test_what_is_missing_waits_when_the_next_pass_is_due_and_goes_on_afterwards(world: World) -> None:
    class SlowServer(PollListener):
        def answered(self, decision: Decision, window: Span, records: int) -> None:
            world.now += MINUTE

    stop = Stop()
    begun: list[datetime] = []

    class ThreePasses(SlowServer):
        def pass_begun(self, now: datetime) -> None:
            begun.append(now)
            if len(begun) == 4:
                stop.set()

    world.now = at("2026-02-02T12:00:00")
    options = world.options("mag", since=date(2026, 1, 29), jobs=1)
    poll(options, clock=world.clock, sleep=world.sleep, listener=ThreePasses(), stop=stop)
    # Today's first pass takes four windows, so four minutes; from then on every pass comes in time.
    assert begun == [at(f"2026-02-02T12:{minute}:00") for minute in ("00", "05", "10", "15")]
    asked = [span for span in world.asked("mag") if span[0] < at("2026-02-02")]
    assert len(asked) > 8
    assert len(set(asked)) == len(asked), "a window was asked for twice"
    with world.ledger as ledger:
        assert all(
            row.claim is None for row in ledger.days(["MAG_IALIRT"], date(2026, 1, 1), date(2026, 3, 1)).values()
        )


# --- from pass to pass ------------------------------------------------------------------------------------------------


class Hearing(PollListener):
    """Notes when passes began and what they told."""

    def __init__(self) -> None:
        self.begun: list[datetime] = []
        self.tails: list[tuple[Tail, ...]] = []

    def pass_begun(self, now: datetime) -> None:
        self.begun.append(now)

    def tails_asked(self, now: datetime, tails: Sequence[Tail]) -> None:
        self.tails.append(tuple(tails))


def test_a_poll_to_the_end_of_the_hour_ends_before_it(world: World) -> None:
    world.now = at("2026-02-02T11:43:20")
    heard = Hearing()
    report = poll(world.options(until_end_of_hour=True), clock=world.clock, sleep=world.sleep, listener=heard)
    assert [f"{now:%H:%M:%S}" for now in heard.begun] == ["11:43:20", "11:45:00", "11:50:00", "11:55:00"]
    assert world.now < at("2026-02-02T12:00:00")
    assert not has_failed(report)
    with world.ledger as ledger:
        [run] = ledger.runs()
    assert (run.command, run.exit_code, run.counts["run"]) == ("poll", 0, 4)


def test_a_pass_that_would_run_into_the_end_of_the_hour_is_not_begun(world: World) -> None:
    class SlowPasses(Hearing):
        def answered(self, decision: Decision, window: Span, records: int) -> None:
            world.now += 2 * MINUTE

    world.now = at("2026-02-02T11:43:20")
    heard = SlowPasses()
    poll(world.options(until_end_of_hour=True, every=MINUTE), clock=world.clock, sleep=world.sleep, listener=heard)
    assert heard.begun[-1] + 4 * MINUTE <= at("2026-02-02T12:00:00")
    assert world.now < at("2026-02-02T12:00:00")


def test_each_pass_tells_of_every_instrument(world: World) -> None:
    world.now = at("2026-02-02T11:50:00")
    heard = Hearing()
    poll(world.options("hit,mag", until_end_of_hour=True), clock=world.clock, sleep=world.sleep, listener=heard)
    assert [[tail.instrument.name for tail in tails] for tails in heard.tails] == [["hit", "mag"]] * 2
    mag = heard.tails[-1][1]
    assert mag.outcome is not None
    assert 60 < mag.outcome.records_added <= 75 + 10
    assert mag.newest is not None
    assert timedelta(0) < heard.begun[-1] - mag.newest < 5 * MINUTE
    assert mag.availability_pct is not None
    assert mag.availability_pct > 90


def hurry(monkeypatch: pytest.MonkeyPatch, **less: Any) -> None:
    """A poll is as patient as ever, but for the pauses between two tries, and for what is named."""
    patience = poll_module._patience
    less |= {"first_pause": 0.01, "longest_pause": 0.02}
    monkeypatch.setattr(poll_module, "_patience", lambda options: replace(patience(options), **less))


@pytest.mark.slow
def test_an_instrument_that_fails_or_hangs_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, tries=2)
    world.now = at("2026-02-02T11:50:00")
    world.simulator.faults = [
        Times(math.inf, BROKEN, instrument="mag"),
        Times(math.inf, Silence(), instrument="swe"),
    ]
    options = world.options("mag,swe,hit,swapi", once=True, timeout=timedelta(seconds=1))
    began = time.monotonic()
    report = poll(options, clock=world.clock)
    assert time.monotonic() - began < 30
    statuses = {outcome.instrument.name: outcome.status for outcome in report.outcomes}
    assert statuses == {
        "mag": DayStatus.FAILED,
        "swe": DayStatus.FAILED,
        "hit": DayStatus.DOWNLOADED,
        "swapi": DayStatus.DOWNLOADED,
    }
    assert has_failed(report)
    world.simulator.faults = []
    assert not has_failed(world.once("2026-02-02T11:55:00", "mag,swe,hit,swapi"))


def test_a_poll_that_is_told_to_stop_judges_its_last_pass_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    world.now = at("2026-02-02T11:50:00")
    world.simulator.faults = [Times(5, BROKEN)]
    heard = Hearing()
    report = poll(world.options(until_end_of_hour=True), clock=world.clock, sleep=world.sleep, listener=heard)
    assert [tails[0].failed for tails in heard.tails] == [True, False]
    assert not has_failed(report)
    with world.ledger as ledger:
        assert ledger.runs()[0].exit_code == 0


def test_a_dry_run_makes_nothing(world: World) -> None:
    report = world.once("2026-02-02T12:00:00", "hit,mag", dry_run=True)
    assert [decision.action for decision in report.plan] == [Action.RUN, Action.RUN]
    assert not world.datastore.exists()
    assert world.simulator.requests == []


# --- the command ------------------------------------------------------------------------------------------------------


def test_once_with_json_prints_the_object_of_the_main_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["poll", "--instrument", "hit,codice_lo", "--once", "--json", "--as-of", "2026-02-02T12:00:00"]
    code = cli.main([*words, "--url", world.simulator.url, "--datastore", str(world.datastore)])
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert code == 0
    assert set(report) == {
        "synthetic", "datastore", "ledger", "run_id", "plan", "results", "estimate", "instruments", "summary",
    }  # fmt: skip
    assert (report["datastore"], report["ledger"]) == (
        str(world.datastore), f"sqlite:///{world.datastore}/ledger.sqlite",
    )  # fmt: skip

    assert {(entry["instrument"], entry["action"]) for entry in report["plan"]} == {
        ("hit", "run"),
        ("codice_lo", "run"),
    }
    assert {entry["instrument"]: entry["status"] for entry in report["results"]}["hit"] == "downloaded"
    assert report["summary"]["run"] == 2
    assert "hit" in printed.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("faulty", [False, True])
def test_a_signal_ends_the_poll_with_the_state_kept(world: World, number: signal.Signals, faulty: bool) -> None:
    world.simulator.now = lambda: datetime.now(UTC)
    words = ["poll", "--instrument", "hit,mag", "--url", world.simulator.url, "--datastore", str(world.datastore)]
    if faulty:
        world.simulator.faults = [Times(math.inf, Answer(400, b'{"message": "no"}'), instrument="mag")]
    with Running(words, world.datastore.parent, os.environ) as running:
        deadline = time.monotonic() + 60
        while len(lines := running.said.splitlines()) < 2:
            assert time.monotonic() < deadline, running.complained
            time.sleep(0.02)
        time.sleep(0.2)
        began = time.monotonic()
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert "Traceback" not in err
    assert running.returncode == 128 + number, err
    assert "hit" in lines[0]
    with world.ledger as ledger:
        rows = ledger.days(["HIT_IALIRT", "MAG_IALIRT"], date(2026, 1, 1), date(2099, 1, 1))
        assert all(row.claim is None for row in rows.values())
        [run] = ledger.runs()
    assert run.finished is not None
    assert run.exit_code == 128 + number


# --- cost -------------------------------------------------------------------------------------------------------------


def test_a_poll_late_in_the_day_parses_no_more_than_its_tail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs in seconds is measured in benchmarks/."""
    parsed: list[int] = []
    parse = content.parse_lines

    def counting(lines: bytes, names: Sequence[str]) -> pa.Table:
        parsed.append(len(lines))
        return parse(lines, names)

    monkeypatch.setattr(content, "parse_lines", counting)
    world.once("2026-02-02T23:40:00", "mag")
    world.once("2026-02-02T23:45:00", "mag")
    parsed.clear()
    world.once("2026-02-02T23:50:00", "mag")
    size = (world.datastore / INSTRUMENTS["mag"].path(date(2026, 2, 2))).stat().st_size
    assert size > 3_000_000
    assert 0 < sum(parsed) < 100_000
