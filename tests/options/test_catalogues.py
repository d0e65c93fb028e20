"""The files of the catalogue, as they are named: on the command line, in the environment, in a file, in Python."""

from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pytest

import cli
from ialirt_backfill.exceptions import CatalogueError, UsageError
from ialirt_backfill.instruments import INSTRUMENTS, default_catalogue
from ialirt_backfill.options import BackfillOptions, HistoryOptions, PollOptions, RangeOptions, StatusOptions, arguments
from ialirt_backfill.options.recorded import recorded

KINDS = {"backfill": BackfillOptions, "status": StatusOptions, "poll": PollOptions}
RANGE = ("--start", "2026-02-01")
DAY = date(2026, 2, 1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    Path("one.toml").write_text('[one]\ntitle = "One"\ncadence = "2s"\n[one.fields]\none_value = {}\n')
    Path("two.toml").write_text('[mag]\nprogress_key = "OTHER"\n')


def parsed(*words: str, name: str = "backfill") -> BackfillOptions:
    options: BackfillOptions = arguments.parse(name, words, KINDS, "")
    return options


def names(options: RangeOptions | PollOptions) -> list[str]:
    return [it.name for it in options.instruments]


@pytest.mark.parametrize(
    "words",
    [
        ("--catalogue", "one.toml,two.toml"),
        ("--catalogue", "one.toml", "--catalogue", "two.toml"),
        ("--catalogue=one.toml", "--jobs", "2", "--catalogue=two.toml"),
        ("--catalogue", " one.toml , two.toml "),
    ],
)
def test_on_the_command_line(words: tuple[str, ...]) -> None:
    options = parsed("--instrument", "one,mag", *RANGE, *words)
    assert options.catalogue == "one.toml,two.toml"
    assert names(options) == ["one", "mag"]
    assert options.instruments[1].progress_key == "OTHER"


@pytest.mark.parametrize(
    "words",
    [
        ("--instrument", "mag", "one", "--catalogue", "one.toml"),
        ("--catalogue", "one.toml", "--instrument", "mag", "--instrument", "one"),
        ("--instrument", "mag", "ONE", "--jobs", "2", "--catalogue=two.toml", "--catalogue", "one.toml"),
    ],
)
def test_its_instruments_are_named_as_others_are(words: tuple[str, ...]) -> None:
    assert names(parsed(*words, *RANGE)) == ["mag", "one"]


def test_so_they_are_where_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_CATALOGUE", "one.toml")
    assert names(parsed("--instrument", "one", "mag", *RANGE)) == ["one", "mag"]


def test_all_are_all_that_are_known() -> None:
    assert names(parsed("--instrument", "all", *RANGE, "--catalogue", "one.toml")) == [*INSTRUMENTS, "one"]
    assert names(RangeOptions(catalogue="one.toml")) == [*INSTRUMENTS, "one"]
    assert names(PollOptions(catalogue="one.toml")) == [*INSTRUMENTS, "one"]
    assert names(parsed("--instrument", "all", *RANGE)) == list(INSTRUMENTS)


def test_in_the_environment_and_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ialirt-backfill.toml").write_text('catalogue = ["one.toml", "two.toml"]\ninstrument = "one"\n')
    options = parsed(*RANGE)
    assert (options.catalogue, names(options)) == ("one.toml,two.toml", ["one"])
    monkeypatch.setenv("IALIRT_CATALOGUE", "two.toml")
    assert parsed("--instrument", "mag", *RANGE).catalogue == "two.toml"
    with pytest.raises(UsageError, match=r"instrument in ./ialirt-backfill.toml: unknown instrument 'one'"):
        parsed(*RANGE)


def test_an_unknown_instrument_is_measured_by_all_that_is_known() -> None:
    with pytest.raises(UsageError, match=r"--instrument: unknown instrument 'onne'\. Did you mean 'one'"):
        parsed("--instrument", "onne", *RANGE, "--catalogue", "one.toml")
    with pytest.raises(UsageError, match="unknown instrument 'one'"):
        RangeOptions(instrument="one")
    assert HistoryOptions(instrument="one", day=DAY, catalogue="one.toml").instruments[0].name == "one"


def test_no_catalogue_is_the_one_of_the_program() -> None:
    for text in (None, "", " , "):
        options = RangeOptions(catalogue=text)
        assert options.catalogue is None
        assert options.known is default_catalogue()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.toml", "--catalogue none.toml cannot be read: No such file or directory"),
        (".", "--catalogue . cannot be read: Is a directory"),
        ("binary", "--catalogue binary is no text in UTF-8"),
        ("\x01", "--catalogue '\\x01': take the '\\x01' out"),
        ("~nobody-here/x", "--catalogue ~nobody-here: there is no user 'nobody-here'"),
    ],
)
def test_a_file_that_cannot_be_read(path: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("binary").write_bytes(b"\xff\xc3\x28")
    with pytest.raises(UsageError) as caught:
        RangeOptions(catalogue=path)
    assert str(caught.value).startswith(message)
    assert cli.main(["status", "--catalogue", path]) == 2
    assert message in capsys.readouterr().err


def test_a_file_may_lie_at_home() -> None:
    assert names(RangeOptions(instrument="one", catalogue="~/one.toml")) == ["one"]


def test_what_is_wrong_with_a_file_ends_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("wrong.toml").write_text('[mag]\nwindow = "7h"\ncadence = 4\n')
    with pytest.raises(CatalogueError):
        RangeOptions(catalogue="wrong.toml")
    words = ("--instrument", "mag", "--start", "2026-02-01")
    commands = (
        words, ("poll", "--once"), ("verify",), ("status",), ("gaps",), ("adopt",), ("mirror",), ("config",),
        ("history", "--instrument", "mag", "--day", "2026-02-01"),
    )  # fmt: skip
    monkeypatch.setenv("IALIRT_CATALOGUE", "wrong.toml")
    for command in commands:
        assert cli.main(list(command)) == 2, command
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("ialirt-backfill: wrong.toml, line 2: mag.window: a day is not a whole number")
        assert second.startswith("wrong.toml, line 3: mag.cadence: write a time")
    assert not Path("ialirt-data").exists()


# --- what goes along --------------------------------------------------------------------------------------------------


def test_options_take_along_what_their_files_said() -> None:
    options = BackfillOptions(instrument="one", start=DAY, catalogue="one.toml,two.toml")
    Path("one.toml").unlink()
    for again in (pickle.loads(pickle.dumps(options)), replace(options, max_rate=1.0)):
        assert again.catalogue == "one.toml,two.toml"
        assert again.instruments == options.instruments
        assert again.known.instruments["mag"].progress_key == "OTHER"


def test_the_ledger_remembers_the_names_of_the_files() -> None:
    options = BackfillOptions(instrument="one", start=DAY, catalogue="one.toml")
    assert recorded(options)["catalogue"] == "one.toml"
    assert asdict(options)["catalogue"] == "one.toml"


def test_options_made_again_know_the_very_same_instruments() -> None:
    one = RangeOptions(instrument="one", catalogue="one.toml")
    assert RangeOptions(instrument="one", catalogue="one.toml").instruments == one.instruments
    Path("one.toml").write_text(Path("one.toml").read_text().replace("2s", "4s"))
    assert RangeOptions(instrument="one", catalogue="one.toml").instruments != one.instruments


def test_a_flow_is_given_the_catalogue_of_its_worker_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_CATALOGUE", "one.toml")
    made = BackfillOptions(instrument="one", start=DAY)
    assert names(replace(made, catalogue="one.toml")) == ["one"]
    with pytest.raises(UsageError, match="unknown instrument"):
        replace(made, instrument="none", catalogue="one.toml")
