"""A database that is down, refuses, or goes away: exit code 2, one sentence without a password, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ialirt_backfill.simulator import Simulator
from ialirt_backfill.simulator.faults import Request
from tests.support.clock import NOW
from tests.support.commands import Command, Ended, Here
from tests.support.databases import Door
from tests.support.ledgers import execute
from tests.support.processes import Running
from tests.support.team import PATIENCE_SECONDS, ended, wait_until

SECRET = "hunter2"
DAYS = ("--instrument", "hit,swe", "--start", "2026-02-01", "--end", "2026-02-04")
COMMANDS: dict[str, tuple[str, ...]] = {
    "backfill": (*DAYS, "--as-of", NOW),
    "dry run": (*DAYS, "--as-of", NOW, "--dry-run"),
    "poll": ("poll", "--once", "--as-of", NOW),
    "status": ("status",),
    "history": ("history", "--instrument", "hit", "--day", "2026-02-01"),
    "adopt": ("adopt",),
    "current": ("ledger", "current"),
    "upgrade": ("ledger", "upgrade"),
    "prune": ("ledger", "prune", "--keep", "90d"),
}


def assert_refused(done: Ended, *words: str) -> None:
    """Exit code 2, one sentence with these words, and no password anywhere."""
    assert done.code == 2, done
    assert done.out == ""
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith("ialirt-backfill: The ledger ")
    for word in words:
        assert word in done.err
    assert SECRET not in done.err


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_database_that_is_down_at_the_start(
    command: Command, here: Here, simulator: Simulator, words: tuple[str, ...]
) -> None:
    command.datastore.mkdir()
    done = here(*words, "--ledger", f"postgresql://role:{SECRET}@127.0.0.1:1/imap")
    assert_refused(done, "cannot be reached", "role:***@127.0.0.1:1/imap", "check that the server is up")
    assert simulator.requests == []
    assert list(command.datastore.iterdir()) == []


def test_a_wrong_password_and_a_missing_privilege(
    command: Command, simulator: Simulator, postgresql_url: str, role_with_password: str
) -> None:
    """Every sentence says what to do; done one after the other, it leads to a run without the password in any trace."""
    execute(postgresql_url, "CREATE TABLE workflow_progress (item_name varchar(32) PRIMARY KEY,"
            " progress_timestamp timestamp, last_checked_date timestamp)")  # fmt: skip

    def run(password: str) -> Ended:
        url = postgresql_url.replace("postgres@", f"{role_with_password}:{password}@")
        return command(*COMMANDS["backfill"], "-v", IALIRT_LEDGER_URL=url)

    assert_refused(run(SECRET), "password authentication failed", "user and password in the URL")
    for grant in (
        "GRANT CREATE, USAGE ON SCHEMA public TO secretive",
        "GRANT SELECT, INSERT, UPDATE, REFERENCES ON workflow_progress TO secretive",
    ):
        assert_refused(run("right"), grant)
        execute(postgresql_url, grant)
    assert simulator.requests == []
    done = run("right")
    assert done.code == 0
    assert ":right@" not in done.out + done.err
    [(options,)] = execute(postgresql_url, "SELECT CAST(options AS TEXT) FROM run")
    assert "secretive:***@" in options
    execute(postgresql_url, "REVOKE INSERT ON attempt FROM secretive", "ALTER TABLE attempt OWNER TO postgres")
    later = command(
        "--instrument", "hit", "--start", "2026-02-05", "--end", "2026-02-05", "--as-of", NOW,
        IALIRT_LEDGER_URL=postgresql_url.replace("postgres@", "secretive:right@"),
    )  # fmt: skip
    assert_refused(later, "INSERT ON attempt missing", "its owner can GRANT")
    assert not list(command.datastore.rglob("*20260205*"))


# --- gone in the middle of a run --------------------------------------------------------------------------------------


class FourthRequest:
    """A rule of the simulator that holds this request until it is told to let it go."""

    def __init__(self) -> None:
        self.number = 0
        self.has_come, self.may_go = threading.Event(), threading.Event()

    def __call__(self, _: Request) -> None:
        self.number += 1
        if self.number == 4:
            self.has_come.set()
            assert self.may_go.wait(PATIENCE_SECONDS)


@pytest.fixture
def fourth(simulator: Simulator) -> FourthRequest:
    simulator.faults = fourth = FourthRequest()
    return fourth


@contextmanager
def running_with_the_door_shut(
    command: Command,
    fourth: FourthRequest,
    door: Door,
    recorded: Callable[[], int],
    patience_seconds: float | None = None,
) -> Iterator[Running]:
    """A run of eight days, one request at a time. When three days are recorded, and the next one is being asked for,
    the door is shut."""
    words = [*DAYS, "--as-of", NOW, "--jobs", "1", "--ledger", door.url]
    with Running(words, command.cwd, command.env, ledger_patience_seconds=patience_seconds) as running:
        assert fourth.has_come.wait(PATIENCE_SECONDS)
        wait_until(lambda: recorded() == 3)
        door.shut()
        yield running


@pytest.fixture
def recorded(postgresql_url: str) -> Callable[[], int]:
    """How many days have a result, as another session sees it."""

    def count() -> int:
        if execute(postgresql_url, "SELECT to_regclass('instrument_day')") == [(None,)]:
            return 0
        [(number,)] = execute(postgresql_url, "SELECT count(*) FROM instrument_day WHERE status = 'downloaded'")
        return int(number)

    return count


def test_a_database_that_comes_back_is_waited_for(
    command: Command, simulator: Simulator, fourth: FourthRequest, door: Door, recorded: Callable[[], int]
) -> None:
    with running_with_the_door_shut(command, fourth, door, recorded) as running:
        fourth.may_go.set()
        wait_until(lambda: "Trying again for" in running.complained)
        assert "Trying again for 30 s" in running.complained
        time.sleep(0.5)  # it has tried again, and not once
        assert running.poll() is None
        door.open()
        done = ended(running)
    assert "answers again" in done.err
    assert recorded() == 8
    windows = [(it.instrument, it.start) for it in simulator.requests]
    assert len(windows) == len(set(windows)) == 8


def test_a_database_that_stays_away_ends_the_run_and_the_next_goes_on(
    command: Command, simulator: Simulator, fourth: FourthRequest, door: Door, recorded: Callable[[], int]
) -> None:
    with running_with_the_door_shut(command, fourth, door, recorded, patience_seconds=1.5) as running:
        files = {path: path.read_bytes() for path in command.datastore.rglob("*.csv")}
        assert len(files) == 3
        fourth.may_go.set()
        began = time.monotonic()
        done = ended(running, code=2)
    assert time.monotonic() - began < 15
    assert done.err.count("cannot be reached") == 2  # when it was lost, and when it was given up
    assert "Ended early: the ledger cannot be used" in done.err
    assert {path: path.read_bytes() for path in command.datastore.rglob("*") if path.is_file()} == files

    door.open()
    asked = [(it.instrument, it.start) for it in simulator.requests]
    simulator.forget_requests()
    again = command(*COMMANDS["backfill"], "--json", "--ledger", door.url)
    assert again.code == 0
    assert again.json["summary"]["skipped_existing"] == 3
    assert again.json["summary"]["downloaded"] == 5
    asked_again = {(it.instrument, it.start) for it in simulator.requests}
    assert len(asked_again & {*asked}) == 1
