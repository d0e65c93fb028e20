"""The main command, end to end."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Answer, Simulator, Slow, Times
from tests.support.access import FULL
from tests.support.clock import NOW, Clock
from tests.support.commands import Command, Ended, wait_for_requests
from tests.support.reference import assert_file_holds

Backfill = Callable[..., Ended]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def assert_day_is_right(command: Command, simulator: Simulator, result: dict[str, object]) -> None:
    """The file of one result holds, cell for cell, what a perfect query gives."""
    day = at(str(result["day"]))
    records = simulator.records(str(result["instrument"]), day, day + timedelta(days=1), scopes=FULL)
    assert result["records"] == len(records)
    assert_file_holds(command.datastore / str(result["path"]), records)


def test_all_instruments_arrive_cell_for_cell_and_a_second_run_asks_for_nothing(
    backfill: Backfill, command: Command, simulator: Simulator
) -> None:
    first = backfill("--instrument", "all", "--start", "2026-02-02", "--end", "2026-02-03")
    assert first.code == 0, first.err
    report = first.json
    assert len(report["results"]) == 18
    assert report["summary"] == {
        "planned": 18,
        "run": 18,
        "downloaded": 18,
        "no_data": 0,
        "failed": 0,
        "skipped_existing": 0,
        "skipped_no_data": 0,
        "skipped_failed": 0,
        "skipped_claimed": 0,
        "skipped_no_access": 0,
        "skipped_future": 0,
    }
    for result in report["results"]:
        if result["day"] == "2026-02-02" or result["instrument"] not in {"mag", "mag_hk"}:
            assert_day_is_right(command, simulator, result)
    names = {name for name in tree(command.datastore) if not name.startswith("ledger") and "." in name}
    expected = {str(it.path(date(2026, 2, day))) for it in INSTRUMENTS.values() for day in (2, 3)}
    assert names == expected

    simulator.forget_requests()
    second = backfill("--instrument", "all", "--start", "2026-02-02", "--end", "2026-02-03")
    assert second.code == 0
    assert simulator.requests == []
    assert second.json["results"] == []
    assert second.json["summary"]["skipped_existing"] == 18


@pytest.mark.parametrize(("instrument", "most"), [("mag", 8), ("mag_hk", 16), ("hit", 1)])
def test_a_day_costs_few_requests_that_neither_overlap_nor_leave_a_second_out(
    backfill: Backfill, simulator: Simulator, instrument: str, most: int
) -> None:
    backfill("--instrument", instrument, "--start", "2026-02-02", "--end", "2026-02-02")
    asked = sorted((request.start, request.end) for request in simulator.requests)
    assert 1 <= len(asked) <= most
    assert asked[0][0] == at("2026-02-02")
    assert asked[-1][1] == at("2026-02-02T23:59:59")
    for (_, end), (start, _) in pairwise(asked):
        assert start == end + timedelta(seconds=1)  # type: ignore[operator]


def test_no_more_requests_in_flight_than_jobs(backfill: Backfill, simulator: Simulator) -> None:
    simulator.latency = 0.05
    backfill("--instrument", "hit,swe,swapi", "--start", "2026-02-01", "--end", "2026-02-05", "--jobs", "2")
    assert simulator.max_in_flight == 2


def test_a_day_fetched_in_the_afternoon_is_fetched_to_its_end_the_next_morning(
    backfill: Backfill, command: Command, simulator: Simulator, clock: Clock
) -> None:
    args = ("--instrument", "mag", "--start", "2026-02-02", "--end", "2026-02-02")
    afternoon = backfill(*args, as_of=clock.set("2026-02-02T14:00:00"))
    assert afternoon.code == 0
    [result] = afternoon.json["results"]
    assert result["expected_records"] == (13 * 60 + 50) * 15
    simulator.forget_requests()
    morning = backfill(*args, as_of=clock.set("2026-02-03T08:00:00"))
    assert min(request.start for request in simulator.requests if request.start) == at("2026-02-02T13:50:00")
    assert_day_is_right(command, simulator, morning.json["results"][0])


def test_no_data_at_one_in_the_morning_is_not_final(backfill: Backfill, simulator: Simulator, clock: Clock) -> None:
    args = ("--instrument", "codice_lo", "--start", "2026-01-25", "--end", "2026-01-25")
    night = backfill(*args, as_of=clock.set("2026-01-25T01:00:00"))
    assert night.json["results"][0]["status"] == "no_data"
    simulator.forget_requests()
    again = backfill(*args, as_of=clock.set("2026-01-25T14:00:00"))
    assert again.json["results"][0]["status"] == "no_data"
    assert len(simulator.requests) == 1
    # Once it has settled without data it is done with.
    backfill(*args, as_of=clock.set("2026-01-27T14:00:00"))
    simulator.forget_requests()
    done = backfill(*args, as_of=clock.set("2026-02-27T14:00:00"))
    assert done.json["summary"]["skipped_no_data"] == 1
    assert simulator.requests == []


def test_late_records_are_found_by_the_final_pass_which_asks_for_gaps_only(
    backfill: Backfill, command: Command, simulator: Simulator, clock: Clock
) -> None:
    """Over a month fetched each morning, and once more a day later, every file is complete in the end."""
    missing_before = 0
    for number in range(6):
        morning = at("2026-02-11T02:00:00") + timedelta(days=number)
        clock.set(f"{morning:%Y-%m-%dT%H:%M:%S}")
        done = backfill(
            "--instrument", "hit", "--start", "2026-02-10", "--end", str(morning.date()), as_of=f"{morning:%FT%T}"
        )
        assert done.code == 0
        missing_before += sum(result["records"] < result["expected_records"] for result in done.json["results"])
    end = "2026-03-01T00:00:00"
    clock.set(end)
    last = backfill("--instrument", "hit", "--start", "2026-02-10", "--end", "2026-02-16", as_of=end)
    assert last.code == 0
    assert missing_before > 0
    for day in range(10, 17):
        start = at(f"2026-02-{day}")
        path = command.datastore / INSTRUMENTS["hit"].path(start.date())
        assert_file_holds(path, simulator.records("hit", start, start + timedelta(days=1), scopes=FULL))


# --- choosing days ----------------------------------------------------------------------------------------------------


def test_a_dry_run_asks_nothing_and_creates_nothing(backfill: Backfill, command: Command, simulator: Simulator) -> None:
    done = backfill("--instrument", "hit", "--start", "2026-01-01", "--end", "2026-02-01", "--dry-run")
    assert done.code == 0
    assert done.json["run_id"] is None
    assert len(done.json["plan"]) == 32
    assert {entry["action"] for entry in done.json["plan"]} == {"run"}
    assert simulator.requests == []
    assert tree(command.cwd) == set()

    backfill("--instrument", "hit", "--start", "2026-01-01", "--end", "2026-01-03")
    before = tree(command.datastore)
    simulator.forget_requests()
    shown = command("--instrument", "hit", "--start", "2026-01-01", "--end", "2026-02-01", "--dry-run", "--as-of", NOW)
    assert "32 days, both ends included" in shown.out
    assert "skip-existing" in shown.out
    assert tree(command.datastore) == before
    assert simulator.requests == []


def test_limit_days_goes_on_where_the_last_run_stopped(backfill: Backfill) -> None:
    args = ("--instrument", "hit,swe", "--start", "2026-02-01", "--end", "2026-02-10", "--limit-days", "2")
    for days in ({"2026-02-01", "2026-02-02"}, {"2026-02-03", "2026-02-04"}):
        done = backfill(*args)
        assert {result["day"] for result in done.json["results"]} == days
        assert max(entry["day"] for entry in done.json["plan"]) == max(days)


def test_newest_first(backfill: Backfill, simulator: Simulator) -> None:
    done = backfill(
        "--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-05", "--newest-first", "--jobs", "1"
    )
    days = [request.start.date().day for request in simulator.requests if request.start]
    assert days == [5, 4, 3, 2, 1]
    assert [entry["day"][-1] for entry in done.json["plan"]] == ["5", "4", "3", "2", "1"]


def test_redownload_asks_for_whole_days_again(backfill: Backfill, simulator: Simulator) -> None:
    args = ("--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-02")
    backfill(*args)
    simulator.forget_requests()
    again = backfill(*args, "--redownload")
    assert again.json["results"][0]["status"] == "downloaded"
    assert len(simulator.requests) == 1


def test_a_day_in_the_future_is_skipped(backfill: Backfill) -> None:
    done = backfill("--instrument", "hit", "--start", "2026-03-01", "--end", "2026-03-03")
    assert [entry["action"] for entry in done.json["plan"]] == ["run", "skip-future", "skip-future"]
    assert done.code == 0


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_failing_day_stops_no_other_and_retry_failed_mends_it(
    backfill: Backfill, command: Command, simulator: Simulator
) -> None:
    day = date(2026, 2, 2)
    simulator.faults = Times(math.inf, Answer(400, b'{"message": "Invalid time format"}'), instrument="swe", day=day)
    args = ("--instrument", "hit,swe", "--start", "2026-02-01", "--end", "2026-02-03")
    first = backfill(*args)
    assert first.code == 1
    results = {(result["instrument"], result["day"]): result for result in first.json["results"]}
    assert len(results) == 6
    failed = results.pop(("swe", str(day)))
    assert failed["status"] == "failed"
    assert "400" in failed["error"]
    assert "Invalid time format" in failed["error"]
    assert {result["status"] for result in results.values()} == {"downloaded"}
    assert len([request for request in simulator.requests if request.status == 400]) == 1

    skipped = backfill(*args)
    assert skipped.code == 1
    assert skipped.json["summary"]["skipped_failed"] == 1
    simulator.faults = ()
    retried = backfill(*args, "--retry-failed")
    assert retried.code == 0
    assert [entry["action"] for entry in retried.json["plan"]].count("retry") == 1
    assert_day_is_right(command, simulator, retried.json["results"][0])


def test_what_arrived_before_a_failure_is_kept_and_only_the_rest_is_asked_for(
    backfill: Backfill, command: Command, simulator: Simulator
) -> None:
    bad = Answer(400, b'{"message": "Invalid time format"}')
    simulator.faults = lambda request: bad if request.start and request.start.hour >= 12 else None
    args = ("--instrument", "mag", "--start", "2026-02-02", "--end", "2026-02-02")
    first = backfill(*args)
    assert first.json["results"][0]["records"] == 12 * 900
    simulator.faults = ()
    simulator.forget_requests()
    second = backfill(*args, "--retry-failed")
    assert min(request.start for request in simulator.requests if request.start) == at("2026-02-02T12:00:00")
    assert_day_is_right(command, simulator, second.json["results"][0])


def test_fail_fast_stops_at_the_first_failure(backfill: Backfill, simulator: Simulator) -> None:
    simulator.faults = Times(1, Answer(400, b'{"message": "Invalid time format"}'))
    args = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-09", "--jobs", "1")
    done = backfill(*args, "--fail-fast")
    assert done.code == 1
    assert len(done.json["results"]) == 1


def test_a_key_that_the_server_does_not_know_costs_two_requests_at_most(
    backfill: Backfill, simulator: Simulator
) -> None:
    done = backfill("--instrument", "hit", "--start", "2025-10-01", "--end", "2026-02-01", IALIRT_API_KEY="wrong")
    assert done.code == 2
    assert done.json["results"] == []
    assert {entry["action"] for entry in done.json["plan"]} == {"skip-no-access"}
    assert "403" in done.json["plan"][0]["reason"]
    assert "IALIRT_API_KEY" in done.err.splitlines()[-1]
    assert len(simulator.requests) <= 2


# --- interruptions ----------------------------------------------------------------------------------------------------


MONTH = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-20", "--as-of", NOW)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_cleanly(
    backfill: Backfill, command: Command, simulator: Simulator, number: signal.Signals, code: int
) -> None:
    simulator.latency = 0.2
    running = command.start(*MONTH)
    wait_for_requests(simulator, 6)
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert "To go on" in err
    assert "Traceback" not in err
    asked = {request.start for request in simulator.requests}
    simulator.latency = 0
    simulator.forget_requests()
    rest = backfill("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-20")
    assert rest.code == 0
    assert rest.json["summary"]["skipped_existing"] + rest.json["summary"]["run"] == 20
    assert not asked & {request.start for request in simulator.requests}
    assert not [name for name in tree(command.datastore) if name.endswith(".tmp")]


def test_the_second_signal_ends_at_once(command: Command, simulator: Simulator) -> None:
    simulator.faults = Times(math.inf, Slow(30))
    running = command.start(*MONTH)
    wait_for_requests(simulator, 1)  # as long as it is not answered, nobody knows whether the next would be refused
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=5)
    assert running.returncode == 130


def test_a_run_right_after_a_kill_takes_over_without_waiting(
    backfill: Backfill, command: Command, simulator: Simulator
) -> None:
    simulator.latency = 0.2
    running = command.start(*MONTH)
    wait_for_requests(simulator, 6)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    simulator.latency = 0
    rest = backfill("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-20")
    assert rest.code == 0
    assert rest.json["summary"]["skipped_claimed"] == 0
    again = backfill("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-20")
    assert again.json["summary"]["skipped_existing"] == 20


def test_two_runs_at_once_download_no_day_twice(backfill: Backfill, command: Command, simulator: Simulator) -> None:
    simulator.latency = 0.05
    runs = [command.start(*MONTH) for _ in range(2)]
    for run in runs:
        run.communicate(timeout=60)
        assert run.returncode == 0
    asked = [request.start for request in simulator.requests]
    assert len(asked) == len(set(asked)) == 20


# --- secrets and wrong usage ------------------------------------------------------------------------------------------

KEY = "s3cr3t-k3y-0123456789"


def test_the_key_is_sent_and_nowhere_else_to_be_seen(command: Command, simulator: Simulator, tmp_path: Path) -> None:
    simulator.keys[KEY] = FULL
    done = command(*MONTH, "-v", IALIRT_API_KEY=KEY)
    assert done.code == 0, done.err
    assert {request.key for request in simulator.requests} == {KEY}
    assert KEY not in done.out + done.err
    for path in command.datastore.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    header = next(command.datastore.rglob("*.csv")).read_text().partition("\n")[0]
    assert "hit_h_a_side_high_en" in header

    file = tmp_path / "key.txt"
    file.write_text(f"{KEY}\n")
    simulator.forget_requests()
    assert command(*MONTH, "--redownload", "--api-key-file", str(file)).code == 0
    assert {request.key for request in simulator.requests} == {KEY}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--instrument", "hitt", "--start", "2026-01-01"), ["'hitt'", "Did you mean 'hit'", "spacecraft"]),
        (("--instrument", "../../x", "--start", "2026-01-01"), ["unknown instrument"]),
        (("--instrument", "hit", "--start", "2025-09-23"), ["launch", "2025-09-24"]),
        (("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-01-01"), ["before"]),
        (("--instrument", "hit", "--start", "noon"), ["not a day"]),
        (("--instrument", "hit", "--start", "2026-01-01", "--settle", "soon"), ["not a duration"]),
        (("--instrument", "hit", "--start", "2026-01-01", "--jobs", "0"), ["--jobs"]),
        (("--instrument", "hit"), ["--start is missing"]),
        (("--start", "2026-01-01"), ["--instrument is missing"]),
        (("--instrument", "hit", "--start", "2026-01-01", "--url", "ftp://x"), ["ftp://x"]),
        (("--instrument", "hit", "--start", "2026-01-01", "--ledger", "nonsense"), ["ledger"]),
        (("--instrument", "hit", "--start", "2026-01-01", "--key", "x"), ["--key"]),
        (("backfil", "--instrument", "hit"), ["no command", "backfill"]),
    ],
)
def test_wrong_usage_is_explained(command: Command, args: tuple[str, ...], words: list[str]) -> None:
    done = command(*args)
    assert done.code == 2
    for word in words:
        assert word in done.err
    assert tree(command.cwd) == set()


def test_a_key_is_refused_over_plain_http(command: Command) -> None:
    done = command("--instrument", "hit", "--start", "2026-01-01", "--url", "http://example.org", IALIRT_API_KEY=KEY)
    assert done.code == 2
    assert "https" in done.err
    assert KEY not in done.err


def test_a_server_that_is_not_there_ends_the_run_and_fails_no_day(backfill: Backfill) -> None:
    days = ("--instrument", "hit,swe", "--start", "2026-02-01", "--end", "2026-02-20")
    done = backfill(*days, "--url", "http://127.0.0.1:9")
    assert done.code == 2
    assert done.json["results"] == []
    assert "Ended early: I-ALiRT cannot be reached ([Errno 111] Connection refused): check --url" in done.err
    assert backfill(*days).json["summary"]["downloaded"] == 40


def test_a_demonstration_says_so_and_never_mixes_with_real_data(command: Command) -> None:
    args = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-03", "--as-of", NOW)
    demo = command(*args, "--demo")
    assert demo.code == 0
    assert "synthetic" in demo.err
    real = command(*args)
    assert real.code == 2
    assert "synthetic" in real.err
    other = command(*args, "--datastore", "real data ü")
    assert other.code == 0
    mixed = command(*args, "--demo", "--datastore", "real data ü")
    assert mixed.code == 2


def test_the_ledger_can_be_read_with_sqlite(backfill: Backfill, command: Command) -> None:
    backfill("--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-02")
    with sqlite3.connect(command.datastore / "ledger.sqlite") as ledger:
        rows = ledger.execute("SELECT item_name, day, status, is_final, path FROM instrument_day").fetchall()
        assert rows == [("HIT_IALIRT", "2026-02-02", "downloaded", 1, "ialirt/2026/02/imap_ialirt_hit_20260202.csv")]
        [(newest,)] = ledger.execute("SELECT progress_timestamp FROM workflow_progress").fetchall()
        assert newest.startswith("2026-02-02 23:59:17")
    ledger.close()
