"""Who may have what: every right, before and after the cutoff, for every instrument, through the command line."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cli
from ialirt_backfill.ending import Stop
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.poll import has_failed, poll
from ialirt_backfill.simulator import Answer, Request, Simulator
from ialirt_backfill.terminal.poll import PollScreen
from tests.support.clock import NOW
from tests.support.commands import Command, Ended

KEYS = {"no key": "", "key without scope": "plain", "key with scope": "full"}
TIMES = {"before the cutoff": "2026-01-05", "after the cutoff": "2026-02-05"}
RESTRICTED = INSTRUMENTS["hit"].restricted_columns
NEEDS_KEY = "data before 2026-02-01 need an API key: IALIRT_API_KEY or --api-key-file"
NEEDS_SCOPE = "mag_hk needs a key with scope full or read"

Run = Callable[..., Ended]


def why_not(name: str, right: str, time: str) -> str:
    """Why a day cannot be had; empty where it can."""
    if INSTRUMENTS[name].scopes and right != "key with scope":
        return f"{name} needs a key with scope full or read"
    return NEEDS_KEY if right == "no key" and time == "before the cutoff" else ""


@pytest.fixture(autouse=True)
def _keys(simulator: Simulator) -> None:
    simulator.keys = {"plain": (), "full": ("full",)}


@pytest.fixture
def run(
    command: Command, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """The main command within this process, as of NOW."""
    monkeypatch.chdir(command.cwd)
    monkeypatch.setenv("HOME", command.env["HOME"])

    def run(*words: str, right: str = "no key", as_of: str = NOW) -> Ended:
        monkeypatch.setenv("IALIRT_API_KEY", KEYS[right])
        simulator.forget_requests()
        capfd.readouterr()
        code = cli.main([*words, "--url", simulator.url, "--as-of", as_of])
        said = capfd.readouterr()
        assert "Traceback" not in said.err, said.err
        return Ended(code, said.out, said.err)

    return run


def rows(command: Command, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(command.datastore / "ledger.sqlite") as ledger:
        found = list(ledger.execute(query))
    ledger.close()
    return found


def header(path: Path) -> set[str]:
    with path.open(encoding="utf-8") as file:
        return set(next(csv.reader(file)))


@pytest.mark.parametrize("name", INSTRUMENTS)
@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("right", KEYS)
def test_the_command_line(run: Run, command: Command, simulator: Simulator, name: str, time: str, right: str) -> None:
    day = TIMES[time]
    done = run("--instrument", name, "--start", day, "--end", day, "--json", right=right)
    [planned] = done.json["plan"]
    reason = why_not(name, right, time)
    if reason:
        assert done.code == 2
        assert (planned["action"], planned["reason"]) == ("skip-no-access", reason)
        assert done.json["summary"]["skipped_no_access"] == 1
        assert done.json["results"] == []
        assert reason in done.err.splitlines()[-1]
        assert len(simulator.requests) == 1
        assert rows(command, "SELECT status, refused FROM instrument_day") == [("pending", reason)]
        assert rows(command, "SELECT * FROM attempt") == []
        assert not list(command.datastore.rglob("*.csv"))
        return
    assert done.code == 0, done.err
    assert planned["action"] == "run"
    [result] = done.json["results"]
    assert result["status"] == "downloaded"
    access = {"no key": "none", "key without scope": "key", "key with scope": "full"}[right]
    if right == "key with scope" and not INSTRUMENTS[name].restricted_columns:
        access = "key"  # nothing of it is restricted, so that nothing tells the one from the other
    assert rows(command, "SELECT access, refused FROM instrument_day") == [(access, None)]
    if name == "hit":
        shown = RESTRICTED if right == "key with scope" else set()
        assert header(command.datastore / result["path"]) & RESTRICTED == shown


@pytest.mark.parametrize("jobs", ["1", "4", "8"])
def test_the_main_job_as_typed_without_a_key(run: Run, command: Command, simulator: Simulator, jobs: str) -> None:
    main = ("--instrument", "hit", "--start", "2026-01-01", "--end", "2026-02-01", "--retry-failed", "--jobs", jobs)
    done = run(*main, "--json")
    assert done.code == 1
    assert [it["day"] for it in done.json["results"]] == ["2026-02-01"]
    assert done.json["summary"]["skipped_no_access"] == 31
    assert done.json["summary"]["failed"] == 0
    assert sum(request.status == 400 for request in simulator.requests) <= 2
    assert len(simulator.requests) <= 3
    assert NEEDS_KEY in done.err.splitlines()[-1]
    assert done.err.count(NEEDS_KEY) == 1
    assert "--retry-failed" not in done.err.splitlines()[-1]
    # With a key, the plain command fetches it.
    done = run(*main[:6], "--json", right="key without scope")
    assert done.code == 0
    assert done.json["summary"]["downloaded"] == 32
    assert rows(command, "SELECT DISTINCT status, refused, access FROM instrument_day") == [("downloaded", None, "key")]


def test_a_time_from_which_on_nothing_is_public_yet_is_learned_likewise(run: Run, simulator: Simulator) -> None:
    """Whatever lies before the present: nothing of it may be public."""
    simulator.public_since = datetime(2100, 1, 1, tzinfo=UTC)
    simulator.latency = 0.2
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    words = ("--instrument", "mag,hit,swe,swapi,codice_lo,codice_hi", "--start", today, "--end", today)
    done = run(*words, "--jobs", "16", as_of=f"{today}T23:00:00")
    assert done.code == 2
    assert len(simulator.requests) <= 2
    assert "data before 2100-01-01 need an API key" in done.err.splitlines()[-1]


def test_a_key_that_is_let_in_nowhere_is_told_of_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    monkeypatch.setitem(KEYS, "unknown", "unknown")
    done = run("--instrument", "all", "--start", "2026-02-05", "--end", "2026-02-06", "--json", right="unknown")
    assert done.code == 2
    assert len(simulator.requests) == 2
    assert done.err.count("check the API key") == 1
    [reason] = {it["reason"] for it in done.json["plan"]}
    assert reason in done.err.splitlines()[-1]


def test_what_came_of_a_day_before_its_rest_was_refused_is_kept_and_told(
    run: Run, command: Command, simulator: Simulator
) -> None:
    """The key loses its scope while a day of several windows is asked for."""

    def rule(_: Request) -> Answer | None:
        if len(simulator.requests) <= 2:
            return None
        return Answer(403, json.dumps({"message": "Unauthorized for HK access."}))

    simulator.faults = rule
    words = ("--instrument", "mag_hk", "--start", "2026-02-05", "--end", "2026-02-06", "--jobs", "1")
    done = run(*words, right="key with scope")
    assert done.code == 1
    assert NEEDS_SCOPE in done.err.splitlines()[-1]
    assert "+2,700" in done.out
    assert rows(command, "SELECT status, records FROM instrument_day ORDER BY day") == [
        ("downloaded", 2700), ("pending", 0),
    ]  # fmt: skip
    simulator.faults = ()
    assert run(*words, right="key with scope").code == 0
    assert rows(command, "SELECT refused, is_final FROM instrument_day") == [(None, 1), (None, 1)]


def test_all_means_all_that_one_may_have(run: Run) -> None:
    days = ("--start", "2026-02-05", "--end", "2026-02-06")
    done = run("--instrument", "all", *days)
    assert done.code == 0
    assert done.err.count(NEEDS_SCOPE) == 1
    named = run("--instrument", "hit,mag_hk", *days)
    assert named.code == 1
    assert NEEDS_SCOPE in named.err.splitlines()[-1]
    assert run("--instrument", "all", "--start", "2026-01-05", "--end", "2026-01-06").code == 2
    assert run("--instrument", "all", "--start", "2026-01-31", "--end", "2026-02-01").code == 1


def test_a_quiet_run_says_only_what_was_named_and_cannot_be_had(run: Run) -> None:
    days = ("--start", "2026-02-05", "--end", "2026-02-05", "--quiet")
    assert run("--instrument", "all", *days).err == ""
    assert NEEDS_SCOPE in run("--instrument", "mag_hk", *days).err


def test_a_dry_run_says_what_will_be_needed_and_asks_nothing(run: Run, simulator: Simulator) -> None:
    words = ("--instrument", "hit,mag_hk", "--start", "2026-01-31", "--end", "2026-02-01", "--dry-run", "--json")
    done = run(*words)
    assert done.code == 0
    assert {(it["instrument"], it["day"][5:]): it["reason"] for it in done.json["plan"]} == {
        ("hit", "01-31"): "never asked for; needs an API key",
        ("hit", "02-01"): "never asked for",
        ("mag_hk", "01-31"): "never asked for; needs an API key with scope full or read",
        ("mag_hk", "02-01"): "never asked for; needs an API key with scope full or read",
    }
    assert {it["action"] for it in done.json["plan"]} == {"run"}
    assert "needs an API key" not in run(*words, right="key with scope").json["plan"][0]["reason"]
    assert not simulator.requests


def test_status_tells_refused_from_never_asked_and_from_failed(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run("--instrument", "hit", "--start", "2026-01-30", "--end", "2026-02-01")
    capfd.readouterr()
    assert cli.main(["status", "--start", "2026-01-28", "--end", "2026-02-02", "--as-of", NOW, "--json"]) == 0
    [hit] = json.loads(capfd.readouterr().out)["instruments"]
    assert [day["standing"] for day in hit["calendar"]] == [
        "never_asked", "never_asked", "no_access", "no_access", "complete", "never_asked",
    ]  # fmt: skip
    assert (hit["days_no_access"], hit["days_failed"], hit["days_never_asked"]) == (2, 0, 3)
    assert cli.main(["status", "--start", "2026-01-28", "--end", "2026-02-02", "--as-of", NOW]) == 0
    said = capfd.readouterr().out
    assert "2026-01" in said
    assert "- - k k" in said
    assert "k needs a key or scope" in said


# --- what nobody misses -----------------------------------------------------------------------------------------------

ALL = ("--instrument", "all", "--start", "2026-02-05", "--end", "2026-02-06")


@pytest.mark.parametrize("right", ["no key", "key without scope"])
def test_of_all_instruments_the_status_is_asked_for_once_and_dropped_without_a_word(
    run: Run, command: Command, simulator: Simulator, capfd: pytest.CaptureFixture[str], right: str
) -> None:
    for _ in range(2):
        done = run(*ALL, "--json", right=right)
        assert done.code == 0, done.err
        asked = [request for request in simulator.requests if request.instrument == "spacecraft_status"]
        assert [request.status for request in asked] == [403]
        assert {it["instrument"] for it in done.json["plan"]} == INSTRUMENTS.keys() - {"spacecraft_status"}
        assert done.json["summary"]["planned"] == 16
        assert done.json["summary"]["skipped_no_access"] == 2  # those of mag_hk
        assert done.json["summary"]["failed"] == 0
        told_of = [line for line in done.err.splitlines() if "spacecraft_status" in line]
        assert [" to ask for in about " in line for line in told_of] == [True]  # the plan, before the server is asked
    refused = "SELECT COUNT(*) FROM instrument_day WHERE item_name = 'SPACECRAFT_STATUS_IALIRT' AND refused IS NOT NULL"
    assert rows(command, refused) == [(0,)]
    for words in ((), ("--instrument", "all")):
        assert cli.main(["status", *words, "--start", "2026-02-05", "--end", "2026-02-06", "--as-of", NOW]) == 0
        said = capfd.readouterr().out
        assert "mag_hk" in said
        assert "spacecraft_status" not in said


def test_with_a_scope_the_status_is_one_of_all(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    done = run(*ALL, "--json", right="key with scope")
    assert done.code == 0, done.err
    assert done.json["summary"]["downloaded"] == 18
    assert cli.main(["status", "--start", "2026-02-05", "--end", "2026-02-06", "--as-of", NOW]) == 0
    assert "spacecraft_status" in capfd.readouterr().out


def test_a_status_that_is_named_is_missed(run: Run) -> None:
    done = run("--instrument", "hit,spacecraft_status", *ALL[2:], "--json")
    assert done.code == 1
    assert done.json["summary"]["skipped_no_access"] == 2
    assert "spacecraft_status needs a key with scope full or read" in done.err.splitlines()[-1]


def test_a_poll_of_all_instruments_says_nothing_of_the_status(
    command: Command, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    now = datetime(2026, 2, 20, 0, 30, tzinfo=UTC)
    simulator.now = lambda: now
    options = PollOptions(once=True, datastore=str(command.datastore), url=simulator.url)
    report = poll(options, listener=PollScreen(options).listener(), clock=lambda: now)
    assert not has_failed(report)
    assert [it.status for it in simulator.requests if it.instrument == "spacecraft_status"] == [403]
    said = "".join(capfd.readouterr())
    assert NEEDS_SCOPE in said
    assert "spacecraft_status" not in said


# --- access is remembered ---------------------------------------------------------------------------------------------

WEEK = ("--instrument", "hit", "--start", "2026-02-03", "--end", "2026-02-06", "--json")


def actions(done: Ended) -> list[str]:
    return [it["action"] for it in done.json["plan"]]


def test_days_fetched_with_less_are_fetched_again_with_more(run: Run, command: Command) -> None:
    assert actions(run(*WEEK)) == ["run"] * 4
    assert actions(run(*WEEK)) == ["skip-existing"] * 4
    again = run(*WEEK, right="key without scope")
    assert actions(again) == ["run"] * 4
    assert {it["reason"] for it in again.json["plan"]} == {"fetched without a key: its restricted fields are missing"}
    for right in ("key without scope", "no key", "key with scope"):
        assert actions(run(*WEEK, right=right)) == ["skip-existing"] * 4, right
    more = run(*WEEK[:3], "2026-02-02", *WEEK[4:], right="key with scope")
    assert actions(more) == ["run"] * 5
    assert more.json["plan"][1]["reason"] == "fetched with a key that was not shown its restricted fields"
    assert rows(command, "SELECT DISTINCT access FROM instrument_day") == [("full",)]
    for path in command.datastore.rglob("*.csv"):
        assert header(path) >= RESTRICTED
    for right in KEYS:
        assert actions(run(*WEEK, right=right)) == ["skip-existing"] * 4, right


def test_days_of_before_and_adopted_ones_are_judged_by_their_header(
    run: Run, command: Command, simulator: Simulator
) -> None:
    run(*WEEK[:3], "2026-02-03", "--end", "2026-02-04", right="key with scope")
    run(*WEEK[:3], "2026-02-05", "--end", "2026-02-06")
    with sqlite3.connect(command.datastore / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE instrument_day SET access = NULL")
    ledger.close()
    assert actions(run(*WEEK)) == ["skip-existing"] * 4
    assert actions(run(*WEEK, "--dry-run", right="key with scope")) == ["skip-existing"] * 2 + ["run"] * 2
    assert actions(run(*WEEK, right="key with scope")) == ["skip-existing"] * 2 + ["run"] * 2
    assert rows(command, "SELECT DISTINCT access FROM instrument_day") == [("full",)]


def test_a_day_fetched_in_part_with_less_has_less(run: Run, command: Command, simulator: Simulator) -> None:
    clock = simulator.now
    simulator.now = lambda: datetime(2026, 2, 20, 14, tzinfo=UTC)
    today = ("--instrument", "hit", "--start", "2026-02-20", "--end", "2026-02-20", "--json")

    def at(moment: str, right: str) -> Ended:
        simulator.now = lambda: datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return run(*today, right=right, as_of=moment)

    for moment, right, access in (
        ("2026-02-20T06:00:00", "key with scope", "full"),
        ("2026-02-20T12:00:00", "no key", "none"),
        ("2026-02-20T18:00:00", "key with scope", "full"),
    ):
        assert at(moment, right).code == 0
        assert rows(command, "SELECT access FROM instrument_day") == [(access,)], moment
    simulator.now = clock


# --- the poll ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", KEYS)
def test_the_poll_asks_once_an_hour_for_what_is_refused_and_never_fails(
    command: Command, simulator: Simulator, right: str, capfd: pytest.CaptureFixture[str]
) -> None:
    now, stop = [datetime(2026, 2, 20, 12, tzinfo=UTC)], Stop()
    simulator.now = lambda: now[0]
    every = timedelta(minutes=15)
    options = PollOptions(datastore=str(command.datastore), url=simulator.url, every=every)

    def sleep(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)
        if now[0] > datetime(2026, 2, 20, 14, 2, tzinfo=UTC):
            stop.set()

    screen = PollScreen(options)
    report = poll(
        options, key=KEYS[right] or None, listener=screen.listener(), stop=stop, clock=lambda: now[0], sleep=sleep
    )
    assert not has_failed(report)
    asked = [request for request in simulator.requests if request.instrument == "mag_hk"]
    assert all(request.status == (200 if right == "key with scope" else 403) for request in asked)
    said = "".join(capfd.readouterr())
    if right == "key with scope":
        assert len(asked) > 8
    else:
        assert len(asked) == 3  # at 12:00, 13:00 and 14:00
        assert said.count(NEEDS_SCOPE) == 1
    assert rows(command, "SELECT DISTINCT exit_code FROM run") in ([(0,)], [(130,)])


@pytest.mark.parametrize("name", INSTRUMENTS)
@pytest.mark.parametrize("right", KEYS)
def test_one_pass_of_each_instrument(command: Command, simulator: Simulator, name: str, right: str) -> None:
    now = datetime(2026, 2, 20, 0, 30, tzinfo=UTC)
    simulator.now = lambda: now
    options = PollOptions(instrument=name, once=True, datastore=str(command.datastore), url=simulator.url)
    report = poll(options, key=KEYS[right] or None, clock=lambda: now)
    assert not has_failed(report)
    [planned] = report.plan
    reason = why_not(name, right, "after the cutoff")
    assert planned.action.value == ("skip-no-access" if reason else "run")
    assert bool(report.results) is not bool(reason)


def test_a_pass_of_a_poll_tells_what_was_refused_in_it(
    command: Command, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    now = datetime(2026, 2, 20, 0, 30, tzinfo=UTC)
    simulator.now = lambda: now
    options = PollOptions(instrument="hit,mag_hk", once=True, datastore=str(command.datastore), url=simulator.url)
    poll(options, listener=PollScreen(options).listener(), clock=lambda: now)
    [hit, mag_hk] = capfd.readouterr().out.splitlines()
    assert "hit" in hit
    assert mag_hk.endswith(f"mag_hk  skip-no-access  {NEEDS_SCOPE}")


def test_the_poll_before_the_cutoff_without_a_key(command: Command, simulator: Simulator) -> None:
    now = datetime(2026, 1, 20, 0, 30, tzinfo=UTC)
    simulator.now = lambda: now
    options = PollOptions(once=True, datastore=str(command.datastore), url=simulator.url)
    report = poll(options, clock=lambda: now)
    assert {it.action.value for it in report.plan} == {"skip-no-access"}
    assert not has_failed(report)
    assert len(simulator.requests) <= 2


def test_a_poll_whose_key_is_let_in_nowhere_has_failed(command: Command, simulator: Simulator) -> None:
    now = datetime(2026, 2, 20, 0, 30, tzinfo=UTC)
    simulator.now = lambda: now
    options = PollOptions(once=True, datastore=str(command.datastore), url=simulator.url)
    report = poll(options, key="unknown", clock=lambda: now)
    assert has_failed(report)
    assert len(simulator.requests) <= 2
