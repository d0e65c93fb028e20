"""Settings as people and their tools write them: understood, or refused before anything is stored in a wrong place."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.simulator import Simulator
from tests.support.clock import NOW
from tests.support.commands import Command, Ended, in_one_interpreter
from tests.support.places import DAY

Main = Callable[..., Ended]

RANGE: tuple[str, ...] = ("--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--as-of", NOW)
KEY = "key-of-the-tests"
Settings = dict[str, Any]
CSV = "ialirt/2026/02/imap_ialirt_hit_20260202.csv"


def stored(*places: Path) -> list[Path]:
    """Every datastore in these folders."""
    return sorted({path.parent for place in places for path in place.rglob("ledger.sqlite")})


@pytest.mark.parametrize("way", ["flag", "flag=", "environment", "file", "file of the user"])
def test_a_tilde_means_home_wherever_it_stands(command: Command, way: str) -> None:
    home = Path(command.env["HOME"])
    own = home / ".config" / "ialirt-backfill"
    own.mkdir(parents=True)
    words, env = RANGE, Settings()
    match way:
        case "flag":
            words = (*RANGE, "--datastore", "~/data")
        case "flag=":
            words = (*RANGE, "--datastore=~/data", "--api-key-file=~/key")
        case "environment":
            env["IALIRT_DATASTORE"] = "~/data"
        case "file":
            (command.cwd / "ialirt-backfill.toml").write_text('datastore = "~/data"\napi_key_file = "~/key"\n')
        case "file of the user":
            (own / "ialirt-backfill.toml").write_text('datastore = "~/data"\n')
    (home / "key").write_text(KEY)
    assert command(*words, **env).code == 0
    assert stored(home, command.cwd) == [home / "data"]
    assert (home / "data" / CSV).exists()


@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_so_it_does_in_the_address_of_a_database(command: Command, way: str) -> None:
    home = Path(command.env["HOME"])
    ledger, mirror = "sqlite:///~/kept/ledger.sqlite", "sqlite:///~/mirror.sqlite"
    words, env = ["--ledger", ledger, "--database", mirror], Settings()
    if way == "environment":
        words, env = [], Settings(IALIRT_LEDGER_URL=ledger, IALIRT_MIRROR_DATABASE=mirror)
    elif way == "file":
        words = []
        (command.cwd / "ialirt-backfill.toml").write_text(f'ledger = "{ledger}"\ndatabase = "{mirror}"\n')
    assert command(*RANGE, *words[:2], **env).code == 0
    assert command("mirror", "--instrument", "hit", *words, **env).code == 0
    assert stored(home, command.cwd) == [home / "kept"]
    assert (home / "mirror.sqlite").exists()


@pytest.mark.parametrize(
    "written", ['"{}"', "'{}'", "{}\r", '"{}"\r', " {} "], ids=["double", "single", "return", "both", "spaces"]
)
def test_what_belongs_to_the_file_of_an_environment_is_no_part_of_a_value(
    command: Command, simulator: Simulator, written: str
) -> None:
    """``docker run --env-file`` takes all that stands behind the ``=``."""
    values: Settings = {
        "IALIRT_DATASTORE": str(command.cwd / "volume"),
        "IALIRT_DATA_ACCESS_URL": simulator.url,
        "IALIRT_API_KEY": KEY,
        "IALIRT_JOBS": "2",
        "IALIRT_QUIET": "true",
    }
    env: Settings = {name: written.format(value) for name, value in values.items()}
    done = command(*RANGE, **env)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert stored(command.cwd) == [command.cwd / "volume"]
    assert {request.key for request in simulator.requests} == {KEY}


@pytest.mark.parametrize(
    ("env", "words", "said"),
    [
        (
            {"IALIRT_DATASTORE": '"data'},
            (),
            'environment variable IALIRT_DATASTORE begins with " and does not end with',
        ),
        ({"IALIRT_API_KEY": "'key"}, (), "environment variable IALIRT_API_KEY begins with ' and does not end with it"),
        ({"IALIRT_DATASTORE": "$HOME/data"}, (), "no shell reads '$HOME/data'"),
        ({"IALIRT_DATASTORE": "%USERPROFILE%\\data"}, (), "nothing takes the place of the %USERPROFILE%: write it in"),
        (
            {"IALIRT_DATASTORE": "\u201cdata\u201d"},
            (),
            "IALIRT_DATASTORE: \u201cdata\u201d: \u201c is a quotation mark",
        ),
        (
            {},
            ("--datastore", "\u2018my"),
            "--datastore \u2018my: \u2018 is a quotation mark that no shell reads; write ",
        ),
        ({}, ("--ledger", "sqlite:ledger.sqlite"), "write it as sqlite:///path/to/ledger.sqlite"),
        ({}, ("--ledger", "sqlite:/data/ledger.sqlite"), "write it as sqlite:///path/to/ledger.sqlite"),
        ({"IALIRT_LEDGER_URL": "sqlite:///${HOME}/l.sqlite"}, (), "no shell reads 'sqlite:///${HOME}/l.sqlite'"),
        ({"IALIRT_DATASTORE": "da\nta"}, (), r"environment variable IALIRT_DATASTORE: 'da\nta': take the '\n' out"),
        ({}, ("--datastore", "data\r"), r"--datastore 'data\r': take the '\r' out"),
        ({}, ("--ledger", "sqlite:///data\r"), r"--ledger 'data\r': take the '\r' out"),
        ({}, ("--datastore", "~nobody-of-that-name/data"), "there is no user 'nobody-of-that-name'"),
        ({"HOME": ""}, ("--datastore", "~/data"), "the environment has no HOME"),
        ({"HOME": "/dev/null"}, ("--datastore", "~/data"), "Not a directory: /dev/null/data"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_made(
    command: Command, env: Settings, words: tuple[str, ...], said: str
) -> None:
    done = command(*RANGE, *words, **env)
    assert done.code == 2
    assert said in done.err
    assert list(command.cwd.iterdir()) == []


def test_a_file_of_settings_may_hold_the_same(command: Command) -> None:
    (command.cwd / "ialirt-backfill.toml").write_text('datastore = "$HOME/data"\n')
    done = command(*RANGE)
    assert done.code == 2
    assert "datastore in ./ialirt-backfill.toml: no shell reads '$HOME/data'" in done.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_file(command: Command, simulator: Simulator, encoding: str) -> None:
    """Editors and shells of Windows write one."""
    (command.cwd / "ialirt-backfill.toml").write_text('datastore = "dätä"\r\napi_key_file = "key"\r\n', encoding)
    (command.cwd / "key").write_text(f"{KEY}\r\n", encoding)
    assert command(*RANGE, IALIRT_API_KEY="").code == 0
    assert stored(command.cwd) == [command.cwd / "dätä"]
    assert {request.key for request in simulator.requests} == {KEY}


def test_a_home_that_is_no_folder_is_no_fault(command: Command) -> None:
    assert command(*RANGE, HOME="/dev/null").code == 0
    assert "not there" in command("config", HOME="/dev/null").out


def test_neither_is_a_user_without_a_home(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: a number of a user that no list of users has."""

    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert main(*RANGE).code == 0
    assert main("config").code == 0
    assert main("status", "--as-of", NOW).code == 0
    cwd = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IALIRT_DATASTORE", "~/data")
        refused = main(*RANGE)
    assert refused.code == 2
    assert "environment variable IALIRT_DATASTORE: ~: the environment has no HOME" in refused.err
    assert stored(cwd) == [cwd / "ialirt-data"]


HUMBLE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all") if os.geteuid() == 0 else ()
"""What makes the command one of a user who may not enter every folder, also where root runs the tests."""


def test_a_home_that_may_not_be_entered_is_as_one_without_settings(command: Command) -> None:
    home = Path(command.env["HOME"])
    (home / ".config").mkdir(mode=0o000)
    assert [it.code for it in in_one_interpreter(command, RANGE, before=HUMBLE)] == [0]
    home.chmod(0o000)
    done, settings = in_one_interpreter(command, RANGE, ("config",), before=HUMBLE)
    assert done.code == 0
    assert "not there" in settings.out


def test_settings_that_are_there_and_may_not_be_read_are_named(command: Command) -> None:
    own = command.cwd / "ialirt-backfill.toml"
    own.write_text('datastore = "elsewhere"')
    own.chmod(0o000)
    [done] = in_one_interpreter(command, RANGE, before=HUMBLE)
    assert done.code == 2
    assert "./ialirt-backfill.toml cannot be read" in done.err
    assert list(command.cwd.iterdir()) == [own]


def test_a_working_folder_that_may_not_be_entered_is_named_where_it_matters(command: Command, tmp_path: Path) -> None:
    """By way of a shell that is in there already."""
    locked, elsewhere = tmp_path / "locked", tmp_path / "data"
    locked.mkdir()
    here, there, adopted = in_one_interpreter(
        command,
        RANGE,
        (*RANGE, "--datastore", str(elsewhere)),
        ("adopt", "--datastore", str(locked / "x")),
        before=("bash", "-c", 'chmod 000 . && exec "$@"', "bash", *HUMBLE),
        cwd=locked,
    )
    assert here.code == 2
    assert "the working folder is of no use (Permission denied); change to another one" in here.err
    assert there.code == 0
    locked.chmod(0o700)
    assert stored(tmp_path) == [elsewhere]
    assert adopted.code == 2
    assert adopted.err == f"ialirt-backfill: {locked}/x: Permission denied\n"


def test_a_working_folder_that_is_gone_is_named_where_it_matters(command: Command, tmp_path: Path) -> None:
    gone, elsewhere = tmp_path / "gone", tmp_path / "data"
    gone.mkdir()
    of_no_use = (RANGE, ("status",), ("poll", "--once"), ("verify",), ("adopt",), ("ledger", "current"))
    with_a_datastore = [(*words, "--datastore", str(elsewhere)) for words in (RANGE, ("status",))]
    found = in_one_interpreter(
        command,
        *(*of_no_use, *with_a_datastore, ("config",), ("--help",), ("completion", "bash")),
        before=("bash", "-c", 'rmdir "$PWD" && exec "$@"', "bash"),
        cwd=gone,
    )
    for done in found[: len(of_no_use)]:
        assert done.code == 2
        assert done.err == (
            "ialirt-backfill: --datastore ./ialirt-data: the working folder is gone; change to another one, or write"
            " the path in full\n"
        )
    assert [done.code for done in found[len(of_no_use) :]] == [0] * 5
    assert stored(tmp_path) == [elsewhere]
