"""What a command says cannot be said: the work goes on as if it could."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.simulator import Simulator
from ledger import Ledger
from tests.support.clock import NOW
from tests.support.commands import Command
from tests.support.places import Place

FULL = "/dev/full"
DAYS = ("--start", "2026-02-02", "--end", "2026-02-05")
BACKFILL = ("--instrument", "hit", *DAYS, "--as-of", NOW)


def files(command: Command) -> list[str]:
    return sorted(path.name for path in command.datastore.rglob("*.csv"))


ALL_FILES = [f"imap_ialirt_hit_2026020{day}.csv" for day in (2, 3, 4, 5)]


def in_shell(command: Command, line: str, *args: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which ``"$@"`` is the command."""
    done = subprocess.run(
        ["bash", "-c", line, "bash", *command.words(*args)],
        cwd=command.cwd,
        env=command.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


EACH = """
import json, os, sys
import cli, ledger, ialirt_backfill.terminal.reports

codes = []
for words in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        code = cli.main(words)
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with open("codes", "w") as file:
    json.dump(codes, file)
"""
"""Each command in a process of its own, forked from one whose streams are what the shell made of them. To take down an
interpreter that has loaded everything would cost more than the command does."""


def each_in_shell(command: Command, line: str, commands: Sequence[Sequence[str]]) -> tuple[list[int], str]:
    """The exit codes of commands with which ``"$@"`` is called in turn, and what they said to standard error."""
    done = subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-c", EACH, json.dumps(commands)],
        cwd=command.cwd,
        env=command.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return json.loads((command.cwd / "codes").read_text()), done.stderr


@pytest.mark.parametrize("line", ['"$@" 2>&1 | head -1; exit ${PIPESTATUS[0]}', '"$@" 2>&1 >&- | head -1'])
def test_a_reader_that_has_gone_leaves_the_work_as_it_is(command: Command, line: str) -> None:
    done = in_shell(command, line, *BACKFILL)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert files(command) == ALL_FILES


@pytest.mark.parametrize("place", [f"2>{FULL}", f">{FULL}", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_cannot_be_written_is_dropped_and_the_days_are_stored(command: Command, place: str) -> None:
    """The descriptors of streams that are closed never become those of a file of ours."""
    assert in_shell(command, f'"$@" {place}', *BACKFILL, "-v").returncode == 0
    assert files(command) == ALL_FILES
    ledger = Ledger.open_existing(f"sqlite:///{command.datastore}/ledger.sqlite")
    assert ledger is not None
    with ledger:
        rows = ledger.days(["HIT_IALIRT"], date(2026, 2, 2), date(2026, 2, 5))
    assert len(rows) == 4
    for row in rows.values():
        assert row.sha256 == sha256((command.datastore / str(row.path)).read_bytes()).hexdigest()


@pytest.mark.parametrize("place", [f">{FULL} 2>&1", "<&- >&- 2>&-"])
def test_so_it_is_with_every_other_command_that_does_something(command: Command, place: str) -> None:
    assert command(*BACKFILL).code == 0
    database = f"sqlite:///{command.cwd}/mirror.sqlite"
    mirror = ("mirror", "--instrument", "hit", *DAYS, "--database", database)
    others = [("verify", "--as-of", NOW), ("adopt", "--as-of", NOW), ("ledger", "upgrade"), ("completion", "zsh")]
    assert each_in_shell(command, f'"$@" {place}', [mirror, *others])[0] == [0] * 5
    again = command(*mirror, "--dry-run", "--json")
    assert {decision["action"] for decision in again.json["plan"]} == {"skip-loaded"}


REPORTS = [("status",), ("gaps", "--csv"), ("runs", "--json"), ("config",), ("--help",), ("--version",)]


def test_a_report_that_could_not_be_written_ends_with_1_and_says_why(command: Command) -> None:
    Ledger.open(f"sqlite:///{command.datastore}/ledger.sqlite").close()
    codes, said = each_in_shell(command, f'"$@" >{FULL}', REPORTS)
    assert codes == [1] * len(REPORTS)
    assert said.splitlines() == [
        "ialirt-backfill: standard output could not be written: No space left on device"
    ] * len(REPORTS)
    assert each_in_shell(command, '"$@" | true; exit ${PIPESTATUS[0]}', REPORTS) == ([0] * len(REPORTS), "")

    # And so it is to the end of an interpreter.
    done = in_shell(command, f'"$@" >{FULL}', "--help")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    done = in_shell(command, '"$@" | true; exit ${PIPESTATUS[0]}', "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_standard_error_that_breaks_in_mid_run_changes_nothing(command: Command) -> None:
    with command.start(*BACKFILL) as running:
        assert running.stdout
        assert running.stderr
        assert "Datastore" in running.stderr.readline()
        running.stderr.close()
        said = running.stdout.read()
        assert running.wait(30) == 0
    assert "hit" in said
    assert files(command) == ALL_FILES
    ledger = Ledger.open_existing(f"sqlite:///{command.datastore}/ledger.sqlite")
    assert ledger is not None
    with ledger:
        assert [run.exit_code for run in ledger.runs()] == [0]


POLL = ("poll", "--instrument", "hit", "--every", "1s", "--as-of", NOW)


def passes(simulator: Simulator, more: int, seconds: float = 20) -> None:
    """Wait until so many more requests have come."""
    wanted = len(simulator.requests) + more
    deadline = time.monotonic() + seconds
    while len(simulator.requests) < wanted:
        assert time.monotonic() < deadline, f"{len(simulator.requests)} requests, none since"
        time.sleep(0.1)


def test_a_poll_whose_reader_has_gone_polls_on(command: Command, simulator: Simulator) -> None:
    with command.start(*POLL) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.readline()
        running.stdout.close()
        running.stderr.close()
        passes(simulator, 3)
        running.terminate()
        assert running.wait(20) == 128 + signal.SIGTERM


@pytest.mark.parametrize("line", ["{poll} & disown; echo pid $!", "nohup {poll} >log 2>&1 & echo pid $!"])
def test_a_poll_whose_terminal_has_gone_polls_on(command: Command, simulator: Simulator, line: str) -> None:
    """A job of a shell on a terminal that is closed, disowned or started with nohup."""
    own, terminal = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "-i"],
        cwd=command.cwd,
        env=command.env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(own, line.format(poll=shlex.join(command.words(*POLL))).encode() + b"\n")
    said = ""
    while not (found := re.search(r"\npid (\d+)", said)):
        said += os.read(own, 1000).decode()
    job = int(found[1])
    try:
        passes(simulator, 1)
        os.close(own)
        shell.wait(20)
        passes(simulator, 3)
    finally:
        os.kill(job, signal.SIGKILL)


def test_a_terminal_that_goes_ends_a_run_as_ctrl_c_does(command: Command, simulator: Simulator) -> None:
    simulator.latency = 0.3
    with command.start("--instrument", "hit", "--start", "2026-02-01", "--as-of", NOW, "--jobs", "1") as running:
        passes(simulator, 3)
        for _ in range(2):  # once by the shell, once by the system
            running.send_signal(signal.SIGHUP)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 129
    assert "Interrupted; what arrived is kept" in said
    assert command("verify", "--as-of", NOW).code == 0
    assert list(command.datastore.rglob("*.tmp")) == []


def test_a_job_in_the_background_of_a_script_does_not_hear_ctrl_c(command: Command, simulator: Simulator) -> None:
    """A shell without job control has it ignore SIGINT."""
    simulator.latency = 0.3
    line = '"$@" & job=$!; while ! [ -e go ]; do sleep 0.1; done; kill -INT $job; wait $job'
    threading.Timer(3, lambda: Path(command.cwd, "go").touch()).start()
    assert in_shell(command, line, *BACKFILL, "--jobs", "1").returncode == 0
    assert files(command) == ALL_FILES


class Deaf(Listener):
    """Fails at every day."""

    def __init__(self) -> None:
        self.heard = 0

    def day_started(self, decision: Decision) -> None:
        self.heard += 1
        raise OSError("no screen")

    def day_finished(self, outcome: DayOutcome) -> None:
        self.heard += 1
        raise OSError("no screen")


def test_a_listener_that_raises_is_logged_once_and_left_alone(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    listener = Deaf()
    with caplog.at_level(logging.ERROR):
        report = place.run("hit,swe", listener=listener, jobs=1)
    assert report.exit_code == 0
    assert listener.heard == 1
    assert [record.message for record in caplog.records] == [
        "what listens to this run has failed and is told no more; the run goes on"
    ]
    place.assert_right("hit")
    place.assert_right("swe")
