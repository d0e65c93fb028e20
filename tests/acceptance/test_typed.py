"""What people type, and what they are told: command lines as new users typed them. The words matter."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import cli
from tests.support.commands import Ended

DEMO = "--demo --datastore d"
RANGE = "--start 2026-01-01 --end 2026-01-01"
EXAMPLE = "--start 2026-02-01 --end 2026-02-07"
Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("IALIRT_")]:
        monkeypatch.delenv(name)

    def run(line: str) -> Ended:
        capsys.readouterr()
        try:
            code = cli.main(line.split())
        except SystemExit as end:  # after --help and --version
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


REFUSED = {
    "": "--instrument is missing: choose from mag, mag_hk, hit,",
    "hit": "'hit' is an instrument, no command: ialirt-backfill --instrument hit --start 2026-02-01 --end 2026-02-07",
    "mag hit": "ialirt-backfill --instrument mag,hit --start 2026-02-01 --end 2026-02-07",
    f"hit {RANGE}": f"ialirt-backfill --instrument hit {RANGE}",
    f"--instrument hti {RANGE}": "--instrument: unknown instrument 'hti'. Did you mean 'hit'?",
    "--instrument mag --start 2026-01-07 --end 2026-01-01": "--end 2026-01-01 lies before --start 2026-01-07",
    "--instrument mag --start 01.02.2026": "'01.02.2026' may be read as two days, day first or month first",
    "--instrument mag --start 01/02/2026": "'01/02/2026' may be read as two days, day first or month first",
    "--instrument mag --start 2026-02-30": "there is no day '2026-02-30' (day is out of range for month)",
    "--instrument mag --start 2026-13": "'2026-13' is not a month: write it as 2026-02",
    "--instrument mag --start 12:00": "'12:00' is not a day: write it as 2026-02-01, today, yesterday or -7d",
    "--instrument mag --start 2026-01-01T12:00": "is a time, and whole UTC days are kept: write 2026-01-01",
    "--instrument mag": "--start is missing: the first UTC day, as 2026-02-01, or --last 7d",
    "--instrument mag --start": "--start is without its value",
    "--start 2026-01-01": "--instrument is missing",
    "--instrument mag --last 7d --start 2026-01-01": "--last and --start: choose one of the two",
    "--instrument mag --from 2026-01-01 --to 2026-01-02": "that is --start: ialirt-backfill --instrument mag --start"
    " 2026-01-01 --end 2026-01-02",
    "--instrument mag --date 2026-01-01": "a day is a range of one, both ends included: --start 2026-02-01 --end",
    "download --instrument mag --start 2026-01-01": "days are fetched without the name of a command: ialirt-backfill"
    " --instrument mag --start 2026-01-01",
    "fetch": "ialirt-backfill --instrument hit --start 2026-02-01 --end 2026-02-07",
    "watch": "there is no command 'watch'; that is 'poll' here: ialirt-backfill poll",
    "stat": "there is no command 'stat'. Did you mean 'status'?",
    "--instrument mag status": "'status' is a command, and a command comes first: ialirt-backfill status"
    " --instrument mag",
    "hit --datastore d": f"ialirt-backfill --instrument hit --datastore d {EXAMPLE}",
    "download --instrument mag --datastore d": f"ialirt-backfill --instrument mag --datastore d {EXAMPLE}",
    "status --api-key sesame": "--api-key: a key on the command line can be read by everybody",
    "status --api_key sesame": "--api_key: a key on the command line can be read by everybody",
    "hit 2026-01-05": "ialirt-backfill --instrument hit --start 2026-01-05 --end 2026-01-05",
    "mag hit 20260105 20260107 --datastore d": "ialirt-backfill --instrument mag,hit --start 20260105 --end 20260107"
    " --datastore d",
    "--instrument hit 2026-01-05 2026-01-07 --datastore d": "'2026-01-05' stands alone; days are named so:"
    " ialirt-backfill --instrument hit --datastore d --start 2026-01-05 --end 2026-01-07",
    "hit today --datastore d": "ialirt-backfill --instrument hit --start today --end today --datastore d",
    "hit please": f"ialirt-backfill --instrument hit {EXAMPLE}",
    "--instrument hit --start 2026-01-05 2026-01-07": "'2026-01-07' stands alone; days are named so: ialirt-backfill"
    " --instrument hit --start 2026-01-05 --end 2026-01-07",
    "--instrument hit --last 7d 2026-01-07": "'2026-01-07' belongs to no option",
    "--instrument hit --start 2026-01-05..2026-01-07": "is a range: write it as --start 2026-01-05 --end 2026-01-07",
    "--instrument hit --start 2026-01-05/2026-01-07": "is a range: write it as --start 2026-01-05 --end 2026-01-07",
    "STATUS": "Did you mean 'status'?",
    "poll --start 2026-01-05": "that is --since: ialirt-backfill poll --since 2026-01-05",
    "sesame0123456789": "there is no command '…'.",
    "--instrument hit 20260105-20260107": "'20260105-20260107' belongs to no option",
    "--instrument hit sesame0123456789": "'…' belongs to no option",
    "status 2026-01-05": "ialirt-backfill status --start 2026-01-05 --end 2026-01-05",
    "--inst hit --start 2026-01-01": "there is no option --inst. Did you mean --instrument?",
    "hit --last 7d --ledger postgresql://me:sesame@h/db": "'hit' is an instrument, no command (with the password"
    " in place of ***): ialirt-backfill --instrument hit --last 7d --ledger 'postgresql://me:***@h/db'",
    "--instrument hit --from 2026-01-01 --url https://me:sesame@h": "that is --start (with the password in place of"
    " ***): ialirt-backfill --instrument hit --start 2026-01-01 --url 'https://me:***@h'",
    "history hit 2026-01-05": "ialirt-backfill history --instrument hit --day 2026-01-05",
    "--intrument mag --start 2026-01-01": "there is no option --intrument. Did you mean --instrument?",
    "--instrument hit --last 7d --plan": "that is --dry-run: ialirt-backfill --instrument hit --last 7d --dry-run",
    "--instrument hit --last 7d --min 3": "there is no option --min. Did you mean --min-availability?",
    "gaps --min 1h": "there is no option --min here; that is --longer-than",
    "--instrument hit --lst 7d": "there is no option --lst. Did you mean --last?",
    "--instrument hit --slow": "there is no option --slow. ialirt-backfill --help names them all.",
    f"--instrument mag {RANGE} --jobs 0": "--jobs 0: between 1 and 64 requests in flight",
    f"--instrument mag {RANGE} --jobs four": "--jobs: 'four' is not a whole number",
    f"--instrument mag {RANGE} --max-rate fast": "--max-rate: 'fast' is not a rate: write it as 2 (per second), 2/s",
    f"--instrument mag {RANGE} --min-availability 0.95": "'0.95' may be read as 0.95 % or as 95 %: write it with the",
    f"--instrument mag {RANGE} --min-availability all": "--min-availability: 'all' is not a percentage: write it as 95",
    f"--instrument mag {RANGE} --timeout 5": "--timeout: '5' is not a duration: 5s, 5m, 5h or 5d?",
    "--instrument mag --start 2024-01-01": "IMAP was launched on 2025-09-24, there is nothing before that day",
    "--instrument mag --last 7": "--last: '7' is not a duration: 7s, 7m, 7h or 7d?",
    "history --instrument hit --day 2026-01": "'2026-01' is a month, and one day is meant: write it as 2026-01-01",
    "poll --instrument mag --every 5 --once": "--every: '5' is not a duration: 5s, 5m, 5h or 5d?",
    "completion": "say which shell: bash, zsh or fish",
    "completion tcsh": "invalid choice: 'tcsh'",
    "ledger": "say what to do with the ledger: current, upgrade, prune",
    "ledger prune": "ledger prune needs --keep, as in --keep 90d",
    "status --datastore nope": "there is no ledger yet (the datastore is nope)",
    "export --out x": "there is no option --out here; that is --to: ialirt-backfill export --to x",
    "mirror --to sqlite:///x": "there is no option --to here; that is --database: ialirt-backfill mirror --database"
    " sqlite:///x",
    "mirror --out=postgresql://me:sesame@h/db": "that is --database (with the password in place of ***):"
    " ialirt-backfill mirror '--database=postgresql://me:***@h/db'",
    "mirror --from 2026-01-05 --to 2026-01-07": "ialirt-backfill mirror --start 2026-01-05 --end 2026-01-07",
    "mirror --to 2026-01-07T00:00Z": "there is no option --to here; that is --end: ialirt-backfill mirror --end",
    "mirror --daatbase x": "there is no option --daatbase. Did you mean --database?",
    "mirror hit": "'hit' stands alone; an instrument is named so: ialirt-backfill mirror --instrument hit",
    "mirror loads": "ialirt-backfill: 'loads' is unknown; mirror has load, config, views",
    "mirror postgresql://me:sesame@h/db": "ialirt-backfill: an address is given with --database; mirror has load,",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_plain_gets_one_sentence_with_what_to_type(run: Run, line: str) -> None:
    done = run(line)
    assert done.code == 2
    [said] = done.err.splitlines()
    assert said.startswith("ialirt-backfill: ")
    assert REFUSED[line] in said
    assert not done.out
    assert "sesame" not in said


TAKEN = {
    f"--instrument MAG {RANGE}": [("mag", "2026-01-01")],
    "\u2014instrument mag \u2013start 2026-01-01 \u2013-end=2026-01-01": [("mag", "2026-01-01")],
    f"--instrument Hit {RANGE}": [("hit", "2026-01-01")],
    "--instrument mag --start 2026/01/02 --end 20260102": [("mag", "2026-01-02")],
    "--instrument mag --start 2026-1-2 --end 2026/1/2": [("mag", "2026-01-02")],
    "--instrument mag --start 2026-002 --end 2026.01.02": [("mag", "2026-01-02")],
    f"--instrument mag, {RANGE}": [("mag", "2026-01-01")],
    f"--instrument mag, hit {RANGE}": [("mag", "2026-01-01"), ("hit", "2026-01-01")],
    f"--instrument mag hit {RANGE}": [("mag", "2026-01-01"), ("hit", "2026-01-01")],
    f"--instrument mag --instrument swapi {RANGE}": [("mag", "2026-01-01"), ("swapi", "2026-01-01")],
    f"{RANGE} --instrument=mag --instrument=hit": [("mag", "2026-01-01"), ("hit", "2026-01-01")],
    f"--instruments mag {RANGE}": [("mag", "2026-01-01")],
    f"--instrument mag {RANGE} --min-availability 0.5%": [("mag", "2026-01-01")],
    f"--instrument mag {RANGE} --max-rate 2/s": [("mag", "2026-01-01")],
    f"--instrument mag {RANGE} --max-rate 30/min": [("mag", "2026-01-01")],
    f"--instrument mag {RANGE} --min-availability 95%": [("mag", "2026-01-01")],
    f"--instrument mag {RANGE} --settle 2 days": [("mag", "2026-01-01")],
    "--instrument mag --last 2d --end 2026-01-02": [("mag", "2026-01-01"), ("mag", "2026-01-02")],
    "--instrument mag --last 36h --end 2026-01-02": [("mag", "2026-01-01"), ("mag", "2026-01-02")],
}


def test_a_demonstration_says_of_nothing_that_it_needs_a_key(run: Run) -> None:
    done = run(f"--instrument all {RANGE} {DEMO} --dry-run --json")
    assert {it["reason"] for it in json.loads(done.out)["plan"]} == {"never asked for"}


@pytest.mark.parametrize("line", TAKEN)
def test_what_is_plain_is_taken(run: Run, line: str) -> None:
    done = run(f"{line} {DEMO} --dry-run --json")
    assert done.code == 0, done.err
    assert [(it["instrument"], it["day"]) for it in json.loads(done.out)["plan"]] == TAKEN[line]


FOUR_DAYS = "--instrument hit --start 2026-01-03 --end 2026-01-06"
WITH_DAYS = {
    f"{FOUR_DAYS} {DEMO}": (0, "Nothing is left to do."),
    "status --datastore d --instrument hit": (0, "hit"),
    "status --datastore d --start 2026-05-01 --end 2026-05-03": (0, "never asked for"),
    "status --ledger d/ledger.sqlite": (0, "hit"),
    "status --ledger postgres://127.0.0.1:1/db": (2, "cannot be reached"),
    "status --ledger mysql://h/db": (2, "A ledger cannot be kept in 'mysql': write it as sqlite:///"),
    "status --datastore nope": (2, "There is one in d: --datastore d."),
    "status --datastore /etc/passwd": (2, "--datastore /etc/passwd is a file: name the folder"),
    "doctor --demo --datastore /etc/passwd": (2, "--datastore /etc/passwd is a file: name the folder"),
    "plot --board solar-wind --out a.png --datastore /etc/passwd": (2, "--datastore /etc/passwd is a file"),
    f"{FOUR_DAYS} --demo --datastore /etc/passwd": (2, "--datastore /etc/passwd is a file: name the folder"),
    "history --datastore d --instrument hit --day 2026-01-05": (0, "hit 2026-01-05: full, final"),
    "history --datastore d --instrument mag --day 2026-03-05": (0, "mag 2026-03-05: never asked for"),
    "gaps --datastore d --instrument swe": (0, "nothing was answered, so no gap is known"),
    "runs --datastore d -n 3": (0, "hit 2026-01-03 … 2026-01-06"),
    "verify --datastore d": (0, "4 files: all are what the ledger recorded."),
    f"{FOUR_DAYS} --datastore d": (2, "d holds the synthetic days of a demonstration"),
    f"--instrument mag --start 2026-01-01 --end 2026-12-31 --as-of 2026-11-28T12:00 --dry-run {DEMO}": (
        0,
        "mag         2026-11-29 … 2026-12-31  skip-future  the day has not begun",
    ),
    f"{FOUR_DAYS} --timeout 5min {DEMO}": (0, "Nothing is left to do."),
    f"{FOUR_DAYS} --demo --datastore=~/d": (0, "Nothing is left to do."),
    f"{FOUR_DAYS} --demo --datastore /dev/null/x": (2, "/dev/null"),
    f"{FOUR_DAYS} --url ialirt.imap-mission.com": (2, "is not a web address: give --url as https://host"),
    f"{FOUR_DAYS} --api-key-file nokey.txt": (2, "--api-key-file nokey.txt cannot be read: No such file or directory"),
    "poll --instrument hit --every 5 min --once --since 2026-01-06 --as-of 2026-01-06T12:00:00 --demo --datastore d": (
        0,
        "hit",
    ),
}


@pytest.fixture(scope="module")
def four_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    assert cli.main([*FOUR_DAYS.split(), "--demo", "--datastore", str(folder / "d"), "--quiet"]) == 0
    return folder / "d"


@pytest.mark.parametrize("line", WITH_DAYS)
def test_where_there_are_four_days_already(run: Run, line: str, four_days: Path, tmp_path: Path) -> None:
    shutil.copytree(four_days, tmp_path / "d")
    done = run(line)
    assert (done.code, WITH_DAYS[line][1] in done.out + done.err) == (WITH_DAYS[line][0], True), done


def test_a_key_is_not_sent_over_plain_http(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", "sesame")
    done = run(f"{FOUR_DAYS} --url http://ialirt.imap-mission.com --datastore e")
    assert (done.code, "an API key is not sent over plain http" in done.err) == (2, True)
    assert "sesame" not in done.err


@pytest.mark.parametrize(
    ("words", "days"),
    [("--start today", 1), ("--start yesterday", 2), ("--start -7d", 8), ("--start=-7d", 8), ("--start 7d", 8),
     ("--start -1w", 8), ("--last 7d", 7), ("--last 1w", 7), ("--last 1 day", 1)],
)  # fmt: skip
def test_days_that_are_counted_from_today(run: Run, words: str, days: int) -> None:
    done = run(f"--instrument mag {words} {DEMO} --dry-run --json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["plan"]) == days


def test_the_path_of_a_ledger_is_its_address(run: Run) -> None:
    assert run(f"--instrument hit {RANGE} {DEMO}").code == 0
    assert json.loads(run("status --ledger d/ledger.sqlite --json").out)["instruments"][0]["days"] >= 1


def test_a_month_is_all_of_it(run: Run) -> None:
    done = run(f"--instrument mag --start 2026-01 --end 2026-02 {DEMO} --dry-run --json")
    plan = json.loads(done.out)["plan"]
    assert (plan[0]["day"], plan[-1]["day"]) == ("2026-01-01", "2026-02-28")


@pytest.mark.parametrize("words", ["--api-key sesame", "--api-key=sesame", "--key sesame", "--api-kye sesame"])
def test_what_may_be_a_key_is_never_repeated(run: Run, words: str) -> None:
    for line in (f"--instrument hit {RANGE} {words}", f"download --instrument hit {words}", f"hit {words}"):
        done = run(line)
        assert done.code == 2
        assert "sesame" not in done.err + done.out


def test_a_variable_one_letter_off_is_noticed_by_every_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_DATASTOR", "d")
    monkeypatch.setenv("IALIRT_SOMETHING_OF_ANOTHER_PROGRAM", "1")
    for line in ("status", "config", f"--instrument mag {RANGE} {DEMO} --dry-run"):
        said = run(line).err
        assert said.count("IALIRT_DATASTOR means nothing here; did you mean IALIRT_DATASTORE?") == 1
        assert "ANOTHER_PROGRAM" not in said


def test_so_is_one_that_is_named_as_its_option(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_URL", "http://127.0.0.1:1")
    assert "IALIRT_URL means nothing here; did you mean IALIRT_DATA_ACCESS_URL?" in run("config").err


def test_a_setting_of_the_environment_is_complained_of_by_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_JOBS", "four")
    assert (
        "environment variable IALIRT_JOBS: 'four' is not a whole number"
        in run(f"--instrument mag {RANGE} {DEMO} --dry-run").err
    )


def test_a_range_that_lies_in_the_future_is_refused_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("--instrument mag --start 2098-01-01 --datastore e")
    assert done.code == 2
    assert "--start 2098-01-01 lies after today" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "begins"),
    [("help", "usage: ialirt-backfill [-h]"), ("version", "ialirt-backfill 0"), ("-h", "usage: ialirt-backfill [-h]"),
     ("-h status", "usage: ialirt-backfill status"), ("help gaps", "usage: ialirt-backfill gaps")],
)  # fmt: skip
def test_two_words_that_are_no_commands_of_ours(run: Run, line: str, begins: str) -> None:
    done = run(line)
    assert done.code == 0
    assert done.out.startswith(begins)
