"""The reports, the settings and the completion, as a person calls them: the real command in a real process."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import cli
from ialirt_backfill.command import COMMANDS
from ialirt_backfill.options import SHELLS
from ialirt_backfill.simulator import Answer, Simulator, Times
from tests.support.access import ENVIRONMENT, KEYS
from tests.support.clock import NOW, Clock
from tests.support.commands import Command, Ended

RANGE = ("--start", "2026-01-01", "--end", "2026-01-10")
BAD_DAY = date(2026, 1, 5)
REPORTS = ("status", "gaps", "runs", "history")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Ten days of `hit`, of which the fifth failed; the tests only read."""
    folder = tmp_path_factory.mktemp("filled")
    fault = Times(9, Answer(400, '{"message": "Invalid time format"}'), day=BAD_DAY)
    with Simulator(now=Clock(), faults=fault, keys=KEYS) as simulator:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "IALIRT_DATA_ACCESS_URL": simulator.url}
        command = Command(folder, env | ENVIRONMENT, simulator.url)
        assert command("--instrument", "hit", *RANGE, "--as-of", NOW, "-q").code == 1
    return command


def report(command: Command, name: str, *words: str) -> Ended:
    needed = ("--instrument", "hit", "--day", "2026-01-05") if name == "history" else ()
    return command(name, *needed, *words)


def test_status(filled: Command) -> None:
    done = filled("status", "--end", "2026-01-12")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("12 days, both ends included, 2026-01-01 … 2026-01-12, as of ")
    assert "2026-01 ■ ■ ■ 9 x 9 ■ ■ 8 ■ - -\n" in done.out
    assert "with failures" in done.out
    assert not any(line.endswith(" ") for line in done.out.splitlines())
    assert "\x1b" not in done.out


def test_json_on_standard_output(filled: Command) -> None:
    status = filled("status", "--json").json
    (hit,) = status["instruments"]
    assert (hit["instrument"], hit["days_complete"], hit["days_failed"]) == ("hit", 9, 1)
    cell = {"day": "2026-01-05", "standing": "failed", "availability_pct": None, "is_final": False, "is_full": False}
    assert hit["calendar"][4] == cell
    assert hit["days_full"] + hit["days_partial"] == hit["days_final"] == 9
    assert status["last_run"]["exit_code"] == 1
    gaps = filled("gaps", "--json").json["gaps"]
    assert [gap["duration_seconds"] for gap in gaps] == sorted((gap["duration_seconds"] for gap in gaps), reverse=True)
    history = report(filled, "history", "--json").json
    assert history["state"]["status"] == "failed"
    assert "Invalid time format" in history["attempts"][0]["error"]
    assert filled("runs", "--json").json["runs"][0]["command"] == "backfill"


def test_a_run_and_its_plan_say_what_they_cost_and_where_things_are(filled: Command) -> None:
    words = ("--instrument", "hit", *RANGE, "--as-of", NOW, "--retry-failed")
    plan = filled(*words, "--dry-run")
    assert re.search(r"\nTakes a few seconds and \d+ kB on disk, going by earlier runs\n$", plan.out)
    where = f"Datastore {filled.cwd}/ialirt-data, its ledger is ledger.sqlite\n"
    assert plan.err == where
    found = filled(*words, "--dry-run", "--json").json
    assert found["datastore"] == f"{filled.cwd}/ialirt-data"
    assert found["ledger"] == f"sqlite:///{filled.cwd}/ialirt-data/ledger.sqlite"
    assert found["estimate"]["requests"] == 1
    assert found["estimate"]["learnt_from"] == "history"
    a_full_day = filled.datastore / "ialirt/2026/01/imap_ialirt_hit_20260101.csv"
    assert found["estimate"]["bytes"] == pytest.approx(a_full_day.stat().st_size, rel=0.02)


def test_the_availability_at_the_end_is_that_of_the_range_whatever_was_asked_now(command: Command) -> None:
    days = ("--start", "2026-02-01", "--end", "2026-02-06")
    words = ("--instrument", "hit,swe", "--as-of", NOW)
    assert command(*words, *days[:3], "2026-02-03", "-q").code == 0
    known = {it["instrument"]: it for it in command("status", *words, *days, "--json").json["instruments"]}
    runs = [command(*words, *days, "--json").json for _ in range(2)]
    found = {it["instrument"]: it for it in command("status", *words, *days, "--json").json["instruments"]}
    assert runs[1]["results"] == []
    for run in runs:
        for it in run["instruments"]:
            name = it["instrument"]
            assert (it["days"], it["records"]) == (6, found[name]["records"])
            assert it["availability_pct"] == pytest.approx(found[name]["availability_pct"])
            assert it["records"] > known[name]["records"]


def test_gaps_of_what_was_never_asked_for_are_not_none(filled: Command) -> None:
    done = filled("gaps", "--instrument", "mag", *RANGE)
    assert done.out == (
        "10 days, both ends included, 2026-01-01 … 2026-01-10: nothing was answered, so no gap is known\n"
        "mag: of 10 days, 10 never asked for\n"
    )
    of_hit = filled("gaps", *RANGE).out
    assert re.search(r"2026-01-10: \d+ gaps in what was answered\nhit: of 10 days, 1 failed\n", of_hit)


def test_gaps_as_csv(filled: Command) -> None:
    rows = list(csv.DictReader(io.StringIO(filled("gaps", "--csv").out)))
    assert {row["instrument"] for row in rows} == {"hit"}
    assert int(rows[0]["duration_seconds"]) == max(int(row["duration_seconds"]) for row in rows)
    assert filled("gaps", "--csv", "--json").code == 2


def test_history_tells_why(filled: Command) -> None:
    done = report(filled, "history")
    assert done.out.startswith("hit 2026-01-05: failed\n")
    assert "error: ApiError: HTTP 400 Bad Request: Invalid time format" in done.out


@pytest.mark.parametrize("name", REPORTS)
def test_without_a_ledger(command: Command, name: str) -> None:
    done = report(command, name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("ialirt-backfill: there is no ledger yet")
    assert "The first run makes it" in done.err
    assert list(command.cwd.iterdir()) == []


def test_reports_change_nothing(filled: Command) -> None:
    before = {path: path.stat().st_mtime_ns for path in filled.cwd.rglob("*") if path.is_file()}
    for name in REPORTS:
        assert report(filled, name).code == 0
    assert {path: path.stat().st_mtime_ns for path in filled.cwd.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [("status",), ("--help",), ("config",), ("completion", "bash")])
def test_what_is_not_needed_is_not_loaded(filled: Command, words: tuple[str, ...]) -> None:
    never = {"pandas", "pyarrow", "numpy", "prefect", "alembic", "tenacity"}
    if words[0] != "status":
        never |= {"sqlalchemy"} | ({"rich"} if words[0] != "config" else set())
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(cli.__file__), *words],
        cwd=filled.cwd, env=filled.env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "ialirt_backfill" in loaded
    assert not never & loaded


def test_pyarrow_is_loaded_without_pandas(command: Command) -> None:
    day = ("--instrument", "hit", "--start", "2026-02-01", "--end", "2026-02-01")
    for words in (day, ("verify",), ("plot", *day, "--out", "hit.png")):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", str(cli.__file__), *words, "--as-of", NOW],
            cwd=command.cwd, env=command.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "pyarrow.lib" in loaded
        assert "pandas.core" not in loaded  # pandas itself was looked for


def test_help_lists_the_other_commands(command: Command) -> None:
    done = command("--help")
    for name, entry in COMMANDS.items():
        assert f"  {name} " in done.out or name == "backfill"
        assert command(name, "--help").code == 0
        assert entry.help


def test_an_unknown_command(command: Command) -> None:
    done = command("statsu")
    assert (done.code, done.out) == (2, "")
    assert "there is no command 'statsu'. Did you mean 'status'?" in done.err


def test_a_wrong_setting_names_its_place(command: Command) -> None:
    done = command("--instrument", "hit", *RANGE, IALIRT_JOBS="many")
    assert done.code == 2
    assert done.err == "ialirt-backfill: environment variable IALIRT_JOBS: 'many' is not a whole number\n"
    (command.cwd / "ialirt-backfill.toml").write_text("job = 3")
    assert "./ialirt-backfill.toml: unknown setting 'job'. Did you mean 'jobs'?" in command("status").err


def test_config_hides_secrets(command: Command) -> None:
    command.env.update(IALIRT_API_KEY="geheim", IALIRT_LEDGER_URL="postgresql://team:geheim@host/db")
    (command.cwd / "ialirt-backfill.toml").write_text("jobs = 3")
    plain, as_json = command("config"), command("config", "--json")
    assert "geheim" not in plain.out + plain.err + as_json.out + as_json.err
    settings = {setting["name"]: setting for setting in as_json.json["settings"]}
    assert settings["api_key"]["value"] == "set"
    assert settings["jobs"] == {"name": "jobs", "value": 3, "source": "file", "place": "./ialirt-backfill.toml"}
    assert "postgresql://team:***@host/db" in plain.out


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(command: Command, shell: str) -> None:
    done = command("completion", shell)
    assert done.code == 0
    assert "history" in done.out
    assert command("completion", "csh").code == 2


def test_completion_is_good_bash(command: Command, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(command("completion", "bash").out)
    typed = "COMP_WORDS=(ialirt-backfill st); COMP_CWORD=1; _shtab_ialirt_backfill; echo ${COMPREPLY[@]}"
    ask = ["bash", "--norc", "-c", f"source {script}; {typed}"]
    done = subprocess.run(ask, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["status"]


def on_a_terminal(command: Command, *words: str, **env: str) -> str:
    """What a terminal of 100 columns receives."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command.words(*words),
        cwd=command.cwd,
        env=command.env | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"} | env,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    received = b""
    try:
        while part := os.read(ours, 65536):
            received += part
    except OSError:
        pass  # Linux says so when the other end has gone
    finally:
        os.close(ours)
    assert process.wait(timeout=30) in {0, 1}
    return received.decode()


def test_bars_on_a_terminal(command: Command, simulator: Simulator) -> None:
    simulator.faults = Times(9, Answer(400, '{"message": "Invalid time format"}'), day=BAD_DAY)
    simulator.latency = 0.3
    seen = on_a_terminal(command, "--instrument", "hit", *RANGE, "--as-of", NOW)
    assert "━" in seen
    assert "/10 days" in seen
    assert "00:00:00-23:59:59" in seen
    assert "Invalid time format" in seen
    assert "\x1b[31m" in seen
    assert "--retry-failed" in seen


def test_no_color_on_a_terminal(filled: Command) -> None:
    assert "\x1b[3" in on_a_terminal(filled, "status")
    plain = on_a_terminal(filled, "status", NO_COLOR="1")
    assert "■" in plain
    assert "\x1b[3" not in plain
