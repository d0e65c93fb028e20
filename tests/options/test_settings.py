"""Where a setting's value comes from, and what is said when it is wrong."""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.command import COMMANDS
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import BackfillOptions, arguments
from ialirt_backfill.options.datastore import MARK
from ialirt_backfill.options.settings import FILE_NAME, Shown, Source, configuration, is_setting

KINDS = {name: command.options for name, command in COMMANDS.items()}
NEEDED = ("--instrument", "hit", "--start", "2026-01-01")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty home; nothing in the environment."""
    for name in list(os.environ):
        if name.startswith("IALIRT_"):
            monkeypatch.delenv(name)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return work


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    folder = tmp_path / "config" / "ialirt-backfill"
    folder.mkdir(parents=True)
    return folder / FILE_NAME


def parse(*words: str, name: str = "backfill") -> Any:
    return arguments.parse(name, words, KINDS, "")


def complaint(*words: str) -> str:
    with pytest.raises(UsageError) as error:
        parse(*words)
    return str(error.value)


def shown(name: str) -> Shown:
    return next(it for it in configuration(list(KINDS.values())).settings if it.name == name)


def test_first_found_wins(place: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(*NEEDED).jobs == 4
    user_file.write_text("jobs = 5\noverlap = '20m'")
    assert parse(*NEEDED).jobs == 5
    (place / FILE_NAME).write_text("jobs = 6")
    assert parse(*NEEDED).jobs == 6
    monkeypatch.setenv("IALIRT_JOBS", "7")
    assert parse(*NEEDED).jobs == 7
    assert parse(*NEEDED, "--jobs", "8").jobs == 8
    assert parse(*NEEDED).overlap == timedelta(minutes=20)


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_JOBS", "")
    assert parse(*NEEDED).jobs == 4


def test_every_form_of_value(place: Path) -> None:
    (place / FILE_NAME).write_text(
        'instrument = ["hit", "mag"]\nstart = 2026-01-05\nmax-rate = 2\nsettle = "2d"\nretry_failed = true\n'
    )
    options = parse()
    assert [instrument.name for instrument in options.instruments] == ["hit", "mag"]
    assert (options.start, options.max_rate) == (date(2026, 1, 5), 2.0)
    assert (options.settle, options.retry_failed) == (timedelta(days=2), True)


@pytest.mark.parametrize(("text", "meant"), [("1", True), ("true", True), ("0", False), ("False", False)])
def test_a_switch_in_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, meant: bool) -> None:
    monkeypatch.setenv("IALIRT_RETRY_FAILED", text)
    assert parse(*NEEDED).retry_failed is meant
    assert parse(*NEEDED, "--no-retry-failed").retry_failed is False
    assert parse(*NEEDED, "--retry-failed").retry_failed is True


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("IALIRT_JOBS", "x", "environment variable IALIRT_JOBS: 'x' is not a whole number"),
        ("IALIRT_JOBS", "100", "environment variable IALIRT_JOBS: 100: between 1 and 64"),
        ("IALIRT_MAX_RATE", "fast", "environment variable IALIRT_MAX_RATE: 'fast' is not a rate"),
        ("IALIRT_QUIET", "maybe", "environment variable IALIRT_QUIET: 'maybe' is neither true nor false"),
        ("IALIRT_SETTLE", "soon", "environment variable IALIRT_SETTLE: 'soon' is not a duration"),
        ("IALIRT_MIN_AVAILABILITY", "101", "environment variable IALIRT_MIN_AVAILABILITY: 101.0: between 0 and 100"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, said: str) -> None:
    monkeypatch.setenv(variable, text)
    assert complaint(*NEEDED).startswith(said)
    with pytest.raises(UsageError, match=variable):
        configuration(list(KINDS.values()))


def test_a_wrong_instrument_or_start_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_INSTRUMENT", "hti")
    assert complaint("--start", "2026-01-01").startswith("environment variable IALIRT_INSTRUMENT: unknown instrument")
    monkeypatch.setenv("IALIRT_START", "2020-01-01")
    assert complaint("--instrument", "hit").startswith("environment variable IALIRT_START: 2020-01-01: IMAP was")


def test_a_wrong_variable_that_a_flag_overrides_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_JOBS", "x")
    assert parse(*NEEDED, "--jobs", "3").jobs == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs = 'x'", f"jobs in ./{FILE_NAME}: 'x' is not a whole number"),
        ("jobs = 0", f"jobs in ./{FILE_NAME}: 0: between 1 and 64"),
        ("jobs = true", f"jobs in ./{FILE_NAME}: 'true' is not a whole number"),
        ("job = 3", f"./{FILE_NAME}: unknown setting 'job'. Did you mean 'jobs'?"),
        ("max-rat = 3", f"./{FILE_NAME}: unknown setting 'max-rat'. Did you mean 'max_rate'?"),
        ("end = 2026-01-01", f"./{FILE_NAME}: end is for a single run: give it on the command line"),
        ("dry_run = true", f"./{FILE_NAME}: dry_run is for a single run"),
        ("api_key = 'geheim'", f"./{FILE_NAME}: an API key does not stand here"),
        ("[jobs]\nhit = 3", f"jobs in ./{FILE_NAME}: write one value, not a table or a list"),
        ("jobs =", f"./{FILE_NAME} is not TOML: Invalid value (at"),
    ],
)
def test_a_wrong_file_is_named(place: Path, text: str, said: str) -> None:
    (place / FILE_NAME).write_text(text)
    assert complaint(*NEEDED).startswith(said)
    assert "geheim" not in complaint(*NEEDED)


def test_a_file_that_is_no_text(user_file: Path) -> None:
    user_file.write_bytes(b"\xff\xfa")
    assert complaint(*NEEDED).startswith(f"{user_file} cannot be read")


def test_what_is_for_a_single_run_is_no_setting() -> None:
    names = {field.name for field in fields(BackfillOptions) if not is_setting(field)}
    assert names == {"end", "last", "as_of", "dry_run", "redownload", "demo", "json"}


def test_variables_are_named_alike() -> None:
    odd = {"url": "IALIRT_DATA_ACCESS_URL", "ledger": "IALIRT_LEDGER_URL"}
    for name, kind in KINDS.items():
        for field in fields(kind):
            alike = {f"IALIRT_{field.name.upper()}", f"IALIRT_{name.upper()}_{field.name.upper()}"}
            assert not is_setting(field) or field.metadata["env"] in alike | {odd.get(field.name)}


def test_the_configuration_tells_where_each_value_came_from(
    place: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / FILE_NAME).write_text("settle = '36h'")
    user_file.write_text("jobs = 5")
    monkeypatch.setenv("IALIRT_MAX_RATE", "2.5")
    monkeypatch.setenv("IALIRT_JOB", "3")
    assert shown("settle") == Shown("settle", "36h", Source.FILE, f"./{FILE_NAME}")
    assert shown("jobs") == Shown("jobs", 5, Source.FILE, str(user_file))
    assert shown("max_rate") == Shown("max_rate", 2.5, Source.ENVIRONMENT, "IALIRT_MAX_RATE")
    assert shown("overlap") == Shown("overlap", "10m", Source.DEFAULT, None)
    seen = configuration(list(KINDS.values()))
    assert seen.files == ((Path(FILE_NAME), True), (user_file, True))
    assert seen.meaningless == ("IALIRT_JOB",)


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown("api_key").value == "not set"
    monkeypatch.setenv("IALIRT_API_KEY", "geheim")
    monkeypatch.setenv("IALIRT_LEDGER_URL", "postgresql://team:ge:h/eim@host/db?sslpassword=geheim&x=1")
    monkeypatch.setenv("IALIRT_DATA_ACCESS_URL", "https://me:geheim@example.org/x")
    assert shown("api_key").value == "set"
    assert shown("ledger").value == "postgresql://team:***@host/db?sslpassword=***&x=1"
    assert shown("url").value == "https://me:***@example.org/x"


# --- the words of the command line ------------------------------------------------------------------------------------


def test_without_a_name_it_is_the_backfill() -> None:
    assert arguments.command_of(["--json"], KINDS) == ("backfill", ["--json"])
    assert arguments.command_of([], KINDS) == ("backfill", [])
    assert arguments.command_of(["status", "--json"], KINDS) == ("status", ["--json"])


def test_an_unknown_command_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"there is no command 'stats'. Did you mean 'status'"):
        arguments.command_of(["stats"], KINDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--instument", "hit"), "Did you mean --instrument?"),
        (("--datastore", "x", "status"), "a command comes first: ialirt-backfill status"),
    ],
)
def test_unrecognised_words(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(*words)
    assert said in str(refused.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str) -> None:
    script = arguments.completion(shell, KINDS, {name: command.help for name, command in COMMANDS.items()})
    for name, kind in KINDS.items():
        assert name in script
        for field in fields(kind):
            if "args" not in field.metadata:
                flag = field.name.replace("_", "-")
                assert flag in script, flag
    assert "codice_lo" in script


# --- the ledger of a demonstration ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", list(Source)[:2])
def test_the_ledger_that_is_set_is_not_that_of_a_demonstration(
    place: Path, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    if source is Source.ENVIRONMENT:
        monkeypatch.setenv("IALIRT_LEDGER_URL", "postgresql://team")
    else:
        (place / FILE_NAME).write_text("ledger = 'postgresql://team'")
    assert parse(*NEEDED).ledger == "postgresql://team"
    assert parse(*NEEDED, "--demo").ledger_url == "sqlite:///./ialirt-data/ledger.sqlite"
    assert parse("--datastore", "x", name="status").ledger == "postgresql://team"
    (place / "x").mkdir()
    (place / "x" / MARK).touch()
    for name in ("status", "mirror", "adopt"):
        assert parse("--datastore", "x", name=name).ledger_url == "sqlite:///x/ledger.sqlite"
    assert parse("--datastore", "x", "--ledger", "postgresql://mine", name="status").ledger == "postgresql://mine"
    monkeypatch.setenv("IALIRT_DATASTORE", "x")
    assert parse(name="status").ledger is None
    assert shown("ledger").value == "postgresql://team", "config shows what is set"


def test_a_ledger_that_is_named_with_a_demonstration_is_complained_of_by_its_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IALIRT_LEDGER_URL", "postgresql://team")
    assert complaint(*NEEDED, "--demo", "--ledger", "postgresql://mine").startswith("--ledger does not go with --demo")


def test_a_setting_of_one_name_is_one_setting_whichever_command_has_it() -> None:
    """The files know it by its name alone, and of two variables one would be overlooked."""
    places: dict[str, set[str]] = {}
    for kind in KINDS.values():
        for field in fields(kind):
            places.setdefault(field.name, set()).add(field.metadata.get("env", ""))
    twice = {name for name, variables in places.items() if len(variables) > 1}
    assert twice == set()
