"""Kinds of faults that users of neighbouring programs have reported."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.poll import poll
from ialirt_backfill.simulator import Answer, Redirect, Simulator, Times
from tests.support.access import FULL
from tests.support.clock import NOW
from tests.support.commands import Command, Ended, in_one_interpreter
from tests.support.places import DAY, Place
from tests.support.reference import assert_file_holds

ROOT = Path(__file__).parents[2]
RANGE = ("--start", str(DAY), "--end", str(DAY), "--as-of", NOW)
HIT = ("--instrument", "hit", *RANGE)

Main = Callable[..., Ended]


def outright(command: Command, *words: str, before: Sequence[str] = (), **env: str) -> Ended:
    """The command in a process that has nothing of this one, started through another program it may be."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "ialirt_backfill", *words],
        cwd=command.cwd,
        env=command.env | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def file_of(command: Command, instrument: str = "hit") -> Path:
    return command.cwd / "ialirt-data" / INSTRUMENTS[instrument].path(DAY)


# --- the machine ------------------------------------------------------------------------------------------------------


def test_a_clock_that_begins_at_1970_is_refused_and_nothing_is_noted(place: Place) -> None:
    """All days since the launch would have been missed ones, and a poll would have asked for them."""
    begin = datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)
    options = PollOptions(
        instrument="hit", datastore=str(place.datastore), url=place.simulator.url, every=timedelta(minutes=5)
    )
    with pytest.raises(UsageError, match=r"1970-01-01 00:00Z by this machine's clock.*launched on 2025-09-24: set it"):
        poll(options, stop=Stop(), clock=lambda: begin)
    place.clock.set(begin.isoformat()[:19])
    with pytest.raises(UsageError, match="set it right"):
        place.run()
    assert place.asked == []
    assert not place.datastore.exists()


LIMITED = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_override,+dac_read_search")
MAY_LIMIT = os.geteuid() == 0 and shutil.which("setpriv") is not None and shutil.which("prlimit") is not None


@pytest.mark.skipif(not MAY_LIMIT, reason="root's processes are not limited, and only root can be another user")
def test_where_no_more_threads_are_to_be_had_those_that_are_do_the_work(command: Command) -> None:
    """Those of the libraries are left out, for they end the program by themselves."""
    file_of(command).parents[3].mkdir(parents=True)
    few = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    found: dict[int, Ended] = {}
    for limit in (2, 5, 6, 9, 15):
        before = (*LIMITED, "--ambient-caps=+dac_override,+dac_read_search", "prlimit", f"--nproc={limit}")
        words = ("--instrument", "hit,swe,spacecraft,codice_lo", *RANGE, "--redownload")
        found[limit] = outright(command, *words, before=before, **few)
    refused = [limit for limit, done in found.items() if done.code == 2]
    assert refused
    assert all("can't start new thread: raise its limit of processes and threads" in found[it].err for it in refused)
    went_on = [done for done in found.values() if "working with --jobs" in done.err]
    assert went_on
    assert all("spacecraft" in done.out for done in went_on)
    for done in found.values():  # arrow needs one, too, to read what is there already
        assert done.code in {0, 2} or "cannot be read on this machine: " in done.err
    assert found[max(found)].code == 0


def test_no_folder_for_temporary_files_is_needed(command: Command) -> None:
    assert command(*HIT, TMPDIR=str(command.cwd / "none")).code == 0
    for number, folder in enumerate(("none", "full")):
        mirror = f"sqlite:///{number}.sqlite"
        done = outright(command, "mirror", "--database", mirror, "--json", TMPDIR=str(command.cwd / folder))
        assert (done.code, done.json["summary"]["records"]) == (0, 1440)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["y" * 200] * 30)])
def test_a_path_that_is_too_long_is_named(main: Main, name: str) -> None:
    done = main(*HIT, "--datastore", name)
    assert done.code == 2
    assert "File name too long" in done.err
    assert list(Path.cwd().iterdir()) == []


def test_where_the_day_files_alone_are_too_long_their_days_fail(place: Place) -> None:
    place.datastore.mkdir()
    longest = os.pathconf(place.datastore, "PC_PATH_MAX")
    folder = place.datastore
    while len(str(folder)) < longest - 300:
        folder /= "z" * 200
    folder /= "z" * (longest - len(str(folder)) - 40)
    folder.mkdir(parents=True)
    deep = Place(folder, place.simulator, place.clock)
    report = deep.run(ledger=f"sqlite:///{place.datastore}/elsewhere.sqlite")
    assert report.exit_code == 1
    assert "File name too long" in (report.results[0].error or "")


@pytest.mark.parametrize("flags", [("-OO",), ("-X", "dev", "-W", "error"), ("-bb",)])
def test_it_works_with_every_switch_of_python(command: Command, flags: tuple[str, ...]) -> None:
    """``-OO`` takes the docstrings away: in their place the help showed how its class is made."""
    wrong_words = ("--instrument", "nothing", *RANGE)
    done, told, wrong = in_one_interpreter(command, HIT, ("--help",), wrong_words, python=flags)
    assert done.code == 0
    assert "hit 2026-02-02  1,440 records" in done.err
    assert "Warning" not in done.err
    assert told.code == 0
    assert "BackfillOptions" not in told.out
    assert "--redownload" in told.out
    assert (wrong.code, "nothing" in wrong.err) == (2, True)


def test_two_containers_of_one_name_do_not_take_each_other_for_dead(command: Command, simulator: Simulator) -> None:
    """They see none of each other's processes, and both have number 1."""
    apart = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine makes no namespaces")
    assert command("--instrument", "swe", *RANGE).code == 0
    arrived, go_on = threading.Event(), threading.Event()

    def hold(request: object) -> None:
        arrived.set()
        go_on.wait(60)

    simulator.faults = hold
    first: list[Ended] = []
    running = threading.Thread(target=lambda: first.append(outright(command, *HIT, "--json", before=apart)))
    running.start()
    try:
        assert arrived.wait(60)
        other = outright(command, *HIT, "--json", before=apart)
        assert [it["action"] for it in other.json["plan"]] == ["skip-claimed"]
    finally:
        go_on.set()
        running.join()
    assert first[0].json["summary"]["downloaded"] == 1


# --- what lies there, and what comes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["all", "tail", "before", "behind"])
def test_zeros_in_a_file_after_a_power_cut_are_found_and_never_kept(main: Main, kind: str) -> None:
    """A file system may have written how long a file is, and not yet what is in it."""
    assert main(*HIT).code == 0
    path = Path("ialirt-data") / INSTRUMENTS["hit"].path(DAY)
    whole = path.read_bytes()
    half = len(whole) // 2
    zeros = {
        "all": bytes(len(whole)),
        "tail": whole[:half] + bytes(len(whole) - half),
        "before": b"\0" + whole,
        "behind": whole + bytes(4096),
    }
    path.write_bytes(zeros[kind])
    assert main("verify", "--as-of", NOW).code == 1
    main("verify", "--as-of", NOW, "--fix")
    if kind in {"all", "before"}:  # it names no columns: a person is to look at it
        assert "move it aside" in main("verify", "--as-of", NOW).out
        path.rename("aside")
        assert main(*HIT, "--retry-failed").code == 0
    assert path.read_bytes() == whole


def test_a_portal_that_wants_a_login_is_not_taken_for_data(place: Place) -> None:
    """Every request is led to its page, which says 200."""
    with Simulator(seed=1, faults=Times(math.inf, Answer(200, b"<html>Please log in</html>"))) as portal:
        place.simulator.faults = Times(math.inf, Redirect(f"{portal.url}/login"))
        report = place.run()
    assert report.exit_code == 1
    assert "not JSON but begins '<html>Please log in" in (report.results[0].error or "")
    assert not place.file().exists()
    place.simulator.faults = ()
    assert place.run(retry_failed=True).exit_code == 0
    place.assert_right()


# --- the ledger's server ----------------------------------------------------------------------------------------------


def test_of_several_servers_the_one_that_writes_is_found(
    command: Command, postgresql_url: str, postgresql_socket: Path, simulator: Simulator
) -> None:
    """As the driver has it: ``?host=a,b&target_session_attrs=read-write``, for a failover."""
    database = postgresql_url.partition("?")[0]
    ledger = f"{database}?host={command.cwd},{postgresql_socket}&target_session_attrs=read-write"
    done = command(*HIT, "--ledger", ledger)
    assert done.code == 0, done.err
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    assert_file_holds(file_of(command), simulator.records("hit", start, start + timedelta(days=1), scopes=FULL))
    assert command("status", "--instrument", "hit", "--as-of", NOW, "--ledger", ledger).code == 0
