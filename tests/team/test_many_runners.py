"""Many real processes at once: no day is downloaded twice, whoever dies or freezes meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from ialirt_backfill.simulator import Transform
from tests.support.databases import end_all_sessions
from tests.support.processes import Running
from tests.support.team import FIRST, Gate, Team, ended, wait_until

FOUR = ("ann", "bob", "cat", "dan")
INSTRUMENTS = "hit,swe,codice_lo,spacecraft"
DAYS = 6
OF_ALL = 4 * DAYS
"""So many days of all instruments together."""
ALL = ("--instrument", INSTRUMENTS, "--start", "2026-02-01", "--end", "2026-02-06", "--jobs", "2")
ONE = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-01")


def test_four_processes_ask_for_no_window_twice(team: Team, gate: Gate) -> None:
    for name in FOUR:
        gate.hold(name)
    processes = [team.start(name, *ALL) for name in FOUR]
    for name in FOUR:
        gate.wait_for(name)
    gate.open()
    reports = [ended(process).json for process in processes]
    team.assert_asked_once(INSTRUMENTS, DAYS)
    team.assert_files_are_right(INSTRUMENTS, DAYS)
    assert {request.key for request in team.simulator.requests} == set(FOUR)
    assert sum(report["summary"]["run"] for report in reports) == OF_ALL
    assert team.statuses() == {"downloaded": OF_ALL}


def test_what_a_killed_process_had_in_flight_is_all_that_is_asked_for_twice(team: Team, gate: Gate) -> None:
    """Two begin at the first day, one at the last; when one of the two is killed, the last takes its days over."""
    for name in ("ann", "bob", "dan"):
        gate.hold(name)
    survivors = [team.start("dan", *ALL, "--newest-first")]
    gate.wait_for("dan")  # its plan was made when nothing was claimed yet
    doomed = team.start("bob", *ALL)
    survivors.append(team.start("ann", *ALL))
    gate.wait_for("bob")
    gate.open("bob")
    wait_until(lambda: team.execute("SELECT count(*) FROM attempt") > [(3,)])
    gate.hold("bob")
    gate.wait_for("bob")
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.communicate()
    gate.open()
    for process in survivors:
        ended(process)

    team.assert_files_are_right(INSTRUMENTS, DAYS)
    held = team.execute("SELECT item_name, CAST(day AS VARCHAR(10)) FROM attempt WHERE status = 'interrupted'")
    assert 1 <= len(held) <= 2
    windows = [(str(it.instrument), it.start, it.end) for it in team.simulator.requests]
    twice = {window for window in windows if windows.count(window) > 1}
    in_flight = {
        (str(it.instrument), it.start, it.end)
        for it in team.simulator.requests
        if it.key == "bob" and (f"{it.instrument}_ialirt".upper(), f"{it.start:%Y-%m-%d}") in held
    }
    assert twice == in_flight
    assert len(windows) == len(set(windows)) + len(twice)
    assert team.statuses() == {"downloaded": OF_ALL, "interrupted": len(held)}
    team.simulator.forget_requests()
    assert team.run("ann", *ALL).json["summary"]["skipped_existing"] == OF_ALL
    assert team.simulator.requests == []


def test_ten_processes_starting_at_once_make_one_new_ledger(postgresql_team: Team) -> None:
    team = postgresql_team
    team.simulator.latency = 0.2
    days = ("--instrument", "hit,swe", "--start", "2026-02-01", "--end", "2026-02-05", "--jobs", "1")
    processes = [team.start(f"runner{number}", *days) for number in range(10)]
    for process in processes:
        ended(process)
    team.assert_asked_once("hit,swe", 5)
    team.assert_files_are_right("hit,swe", 5)
    assert team.execute("SELECT count(*) FROM run WHERE exit_code = 0") == [(10,)]


# --- frozen past its claim, and woken again ---------------------------------------------------------------------------


def few(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return records[:10]


def test_a_process_that_was_frozen_past_its_claim_publishes_nothing_over_a_newer_file(team: Team, gate: Gate) -> None:
    gate.hold("ann", Transform(few))  # what it was given is worse than what the other gets
    frozen = team.start("ann", *ONE)
    gate.wait_for("ann")
    freeze(frozen)
    gate.open()
    held = team.run("bob", *ONE).json
    assert held["summary"]["skipped_claimed"] == 1
    assert f"process {frozen.pid} on host" in held["plan"][0]["reason"]
    team.let_claims_lapse()
    assert team.run("bob", *ONE).json["results"][0]["status"] == "downloaded"
    newer = identity(team)

    os.kill(frozen.pid, signal.SIGCONT)
    woken = ended(frozen)
    assert "another runner has taken the day over" in woken.err
    assert woken.json["results"] == []
    assert woken.json["summary"]["skipped_existing"] == 1
    assert identity(team) == newer
    team.assert_files_are_right("hit", 1)
    assert team.statuses() == {"interrupted": 1, "downloaded": 1}


def test_a_day_whose_runner_is_frozen_while_it_publishes_is_left_to_it(postgresql_team: Team, gate: Gate) -> None:
    team = postgresql_team
    with frozen_between_replace_and_commit(team, gate) as frozen:
        other = team.run("bob", *ONE)
        assert other.code == 0
        assert other.json["results"] == []
        assert other.json["summary"]["skipped_claimed"] == 1
    published = identity(team)
    assert ended(frozen).json["results"][0]["status"] == "downloaded"
    assert identity(team) == published
    team.assert_asked_once("hit", 1)
    team.assert_files_are_right("hit", 1)
    assert team.run("bob", *ONE).json["summary"]["skipped_existing"] == 1


def test_a_session_that_dies_between_replace_and_commit_costs_the_record_and_not_the_file(
    postgresql_team: Team, gate: Gate
) -> None:
    team = postgresql_team
    with frozen_between_replace_and_commit(team, gate) as frozen:
        end_all_sessions(team.ledger_url)
        assert team.execute("SELECT status, sha256 FROM instrument_day") == [("pending", None)]
        assert team.run("bob", *ONE).json["results"][0]["status"] == "downloaded"
        newer = identity(team)
    woken = ended(frozen, code=2)
    assert "cannot be reached" in woken.err
    assert identity(team) == newer
    team.assert_files_are_right("hit", 1)
    assert team.run("bob", *ONE).json["summary"]["skipped_existing"] == 1


def freeze(process: Running) -> None:
    """Stop a process, and wait until it has: its other threads run on until one of them has taken the signal."""
    os.kill(process.pid, signal.SIGSTOP)
    threads = Path(f"/proc/{process.pid}/task")
    wait_until(lambda: all(f.read_text().rpartition(")")[2].split()[0] == "T" for f in threads.glob("*/stat")))


def identity(team: Team) -> tuple[int, bytes]:
    """Another file under the same name has another inode."""
    path = team.file("hit", FIRST)
    return path.stat().st_ino, path.read_bytes()


@contextmanager
def frozen_between_replace_and_commit(team: Team, gate: Gate) -> Iterator[Any]:
    """A runner whose file is published, whose transaction is open, and whose claim has lapsed; it wakes at the end."""
    gate.hold("ann")
    frozen = team.start("ann", *ONE)
    gate.wait_for("ann")
    team.let_claims_lapse()
    with psycopg.connect(team.ledger_url) as other_program:
        other_program.execute("SELECT * FROM workflow_progress FOR NO KEY UPDATE")
        gate.open()
        wait_until(lambda: team.file("hit").exists())
        wait_until(lambda: team.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        freeze(frozen)
    wait_until(lambda: team.execute("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"))
    try:
        yield frozen
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
