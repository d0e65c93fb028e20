"""Input that means harm, or looks as if it did."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ialirt_backfill.simulator import Answer, Redirect, Simulator, Times, Transform
from ledger import Ledger
from tests.support.clock import NOW
from tests.support.commands import Command, Ended
from tests.support.places import DAY, Place

Main = Callable[..., Ended]

RANGE = ("--instrument", "hit", "--start", str(DAY), "--end", str(DAY), "--as-of", NOW)
KEY = "s3cr3t-k3y-0123456789"


@pytest.mark.parametrize("name", ["../../x", "hit/../../x", "/etc/passwd", "hit\x00", "", "%2e%2e"])
def test_an_instrument_that_is_none_is_refused_and_nothing_is_made(main: Main, name: str) -> None:
    try:
        code = main("--instrument", name, *RANGE[2:]).code
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "folder", ["a datastore with spaces", "dätä/Ω/日本", 'it\'s "quoted" $HOME', "100 %/a?b#c&d=e", "-rf", "x;touch y"]
)
def test_a_datastore_of_any_name_works(main: Main, folder: str) -> None:
    done = main(*RANGE, f"--datastore={folder}")
    assert done.code == 0, done.err
    assert len(list(Path(folder).rglob("*.csv"))) == 1
    assert Path(folder, "ledger.sqlite").exists()
    assert [path.name for path in Path.cwd().iterdir()] == [Path(folder).parts[0]]
    assert main("verify", "--as-of", NOW, f"--datastore={folder}").code == 0


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{KEY}@127.0.0.1:9/db",
        f"postgresql+psycopg://me:{KEY}@127.0.0.1:9/db?connect_timeout=2",
        f"postgresql://127.0.0.1:9/db?user=me&password={KEY}",
        f"mysql://me:{KEY}@127.0.0.1/db",
        f"postgresql://me:{KEY}@@127.0.0.1:9/db",
        f"postgresql://me:{KEY}@127.0.0.1:port/db",
    ],
)
def test_the_password_of_a_ledger_is_never_shown(main: Main, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setitem(Ledger.open.__func__.__kwdefaults__, "timeout_seconds", 0.2)  # type: ignore[attr-defined]
    done = main(*RANGE, "--ledger", url, "-v")
    assert done.code == 2
    assert KEY not in done.out + done.err
    assert "ledger" in done.err.lower()


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY} x", "ключ", f"{KEY}\x7f"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(
    main: Main, simulator: Simulator, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    done = main(*RANGE, "--api-key-file", str(file))
    assert done.code == 2
    assert "API key" in done.err
    assert KEY not in done.err
    assert simulator.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_does_not_follow_a_redirect_to_another_place(
    main: Main, simulator: Simulator, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.keys[KEY] = set()
    monkeypatch.setenv("IALIRT_API_KEY", KEY)
    with Simulator(seed=1, faults=Times(math.inf, Answer(200, b'{"data": []}'))) as other:
        simulator.faults = Times(math.inf, Redirect(f"{other.url}/space-weather", status))
        done = main(*RANGE)
        assert done.code in {0, 1}
        assert simulator.requests[0].key == KEY
        assert other.requests
        assert all(KEY not in str(request.headers) + request.path for request in other.requests)
    assert KEY not in done.out + done.err


def test_a_redirect_without_end_fails_the_day(place: Place) -> None:
    place.simulator.faults = Times(math.inf, Redirect(f"{place.simulator.url}/space-weather"))
    report = place.run()
    assert report.exit_code == 1
    assert "302" in (report.results[0].error or "")


def test_the_words_of_a_server_cannot_steer_a_terminal(command: Command, simulator: Simulator) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202eevil"
    simulator.faults = [
        Times(1, Answer(400, json.dumps({"message": evil})), instrument="hit"),
        Times(math.inf, Answer(400, evil), instrument="swe"),
        Times(math.inf, Transform(lambda records: [*records, {"time_utc": evil, "x": evil}]), instrument="spacecraft"),
    ]
    args = ("--instrument", "hit,swe,spacecraft", *RANGE[2:])
    done = command(*args, "-v")
    assert done.code == 1
    history = command("history", "--instrument", "spacecraft", "--day", str(DAY))
    for text in (done.out, done.err, history.out, history.err):
        assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(text)


def test_a_server_that_echoes_the_key_does_not_get_it_shown(command: Command, simulator: Simulator) -> None:
    simulator.faults = Times(math.inf, Answer(400, json.dumps({"message": f"bad key {KEY}"})))
    done = command(*RANGE, "-v", IALIRT_API_KEY=KEY)
    assert done.code == 1
    assert KEY not in done.out + done.err
    for path in command.datastore.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_field_names_that_no_header_line_should_have(place: Place) -> None:
    names = ["=cmd()", "a,b", 'a"b', "a\nb", "../x", "time_utc ", "", "\ud800", "0", "x" * 3000]
    place.simulator.faults = Times(
        math.inf, Transform(lambda records: [record | dict.fromkeys(names, 1) for record in records])
    )
    assert place.run().exit_code == 0
    assert place.run(redownload=True).exit_code == 0
    assert place.row().records == len(place.perfect())
