"""The command: what it says, its exit code, what it keeps, and what serves that again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.simulator import Answer, Redirect, Simulator, drifts, recorded
from ledger import Ledger
from tests.support.access import KEY
from tests.support.added import write_files
from tests.support.clock import NOW, Clock
from tests.support.commands import Command, Ended
from tests.support.mounts import mounted
from tests.support.places import Place

Main = Callable[..., Ended]
ANSWER = '{"meta": {"count": 0, "type": "science", "instrument": "hit"}, "data": []}'
HIT = ("doctor", "--instrument", "hit", "--as-of", NOW)


def tree(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_line_for_each_finding(main: Main) -> None:
    ended = main(*HIT)
    assert ended.code == 0, ended.out
    lines = ended.out.splitlines()
    assert [line.split()[:4] for line in lines if "cadence" in line] == [["ok", "hit", "cadence", "a"]]
    assert lines[-1].endswith("s).")
    assert "all ok (3 requests" in lines[-1]


def test_it_changes_nothing(main: Main) -> None:
    cwd = Path.cwd()
    assert main(*HIT).code == 0
    assert list(cwd.iterdir()) == []
    assert main("--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-02", "--as-of", NOW).code == 0
    before = tree(cwd)
    ended = main(*HIT)
    assert ended.code == 0, ended.out
    assert tree(cwd) == before


def test_quiet_says_only_what_is_not_as_it_should_be(main: Main, simulator: Simulator) -> None:
    simulator.faults = drifts.half_as_often("hit")
    ended = main(*HIT, "--quiet")
    assert ended.code == 1
    line = next(line for line in ended.out.splitlines() if " cadence " in line)
    assert line.startswith("wrong")
    for words in ("a record every 120 s", "expected: every 60 s", "what to do: availability would read 50 % for ever"):
        assert words in line
    assert not any(line.startswith("ok ") for line in ended.out.splitlines())


def test_json(main: Main, simulator: Simulator) -> None:
    simulator.faults = drifts.half_as_often("hit")
    ended = main(*HIT, "--json")
    told = ended.json
    assert (ended.code, told["exit_code"], told["synthetic"], told["requests"]) == (1, 1, False, 3)
    [wrong] = [it for it in told["findings"] if it["verdict"] == "wrong"]
    assert (wrong["part"], wrong["about"], wrong["check"]) == ("instrument", "hit", "cadence")
    assert set(wrong) == {"part", "about", "check", "verdict", "seen", "expected", "advice"}


def test_a_server_that_is_not_there(main: Main) -> None:
    ended = main(*HIT, "--url", "http://127.0.0.1:1", "--json")
    assert ended.code == 1
    wrong = {it["check"]: it["seen"] for it in ended.json["findings"] if it["verdict"] == "wrong"}
    assert set(wrong) == {"address", "reached"}
    assert "127.0.0.1 takes no connection" in wrong["address"]
    assert ended.json["requests"] == 0


@pytest.mark.parametrize(
    ("key", "words", "code"),
    [
        ("", "none: what is public", 0),
        ("nobody's", "it is unknown: ", 1),
        ("guest", "known, without a scope", 0),
        (KEY, "full: it is shown what needs scope full or read", 0),
    ],
)
def test_what_the_key_may(
    main: Main, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, key: str, words: str, code: int
) -> None:
    simulator.keys["guest"] = ()
    monkeypatch.setenv("IALIRT_API_KEY", key)
    ended = main("doctor", "--instrument", "hit,mag_hk", "--as-of", NOW, "--json")
    assert next(it["seen"] for it in ended.json["findings"] if it["check"] == "key").startswith(words)
    assert ended.code == code, ended.out


def test_what_a_catalogue_adds_is_examined_too(main: Main, tmp_path: Path) -> None:
    added = ("--catalogue", write_files(tmp_path), "--as-of", NOW, "--demo", "--json")
    ended = main("doctor", "--instrument", "glows,ultra,swapi_hk", *added)
    assert ended.code == 0, ended.out
    told = [it for it in ended.json["findings"] if it["part"] == "instrument"]
    assert [it for it in told if it["verdict"] != "ok"] == []
    assert {it["about"] for it in told} == {"glows", "ultra", "swapi_hk"}
    assert ended.json["requests"] <= 7


@pytest.mark.parametrize("name", ["mag_hk", "spacecraft_status", "spacecraft"])
def test_one_instrument_alone(main: Main, simulator: Simulator, name: str) -> None:
    ended = main("doctor", "--instrument", name, "--as-of", NOW, "--json")
    assert ended.code == 0, ended.out
    assert {it["about"] for it in ended.json["findings"] if it["part"] == "instrument"} == {name}
    asked = [request.instrument for request in simulator.requests]
    assert max(map(asked.count, asked)) <= 3


def test_a_demonstration(main: Main) -> None:
    ended = main(*HIT, "--demo")
    assert ended.code == 0, ended.out
    assert ended.out.startswith("Synthetic data: ")


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_the_answers_are_kept_and_served_again(main: Main, simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults = drifts.half_as_often("hit")
    kept = tmp_path / "kept"
    first = main(*HIT, "--json", "--record", str(kept))
    files = sorted(kept.iterdir())
    assert [path.name for path in files] == ["001_hit.json", "002_hit.json", "003_hit.json"]
    assert not any(KEY in path.read_text() for path in files)
    assert json.loads(files[1].read_text())["status"] == 200
    with Simulator(faults=recorded.replayed(recorded.read(kept))) as again:
        second = main(*HIT, "--json", "--url", again.url)
    assert second.code == first.code == 1

    def of_hit(ended: Ended) -> list[object]:
        return [it for it in ended.json["findings"] if it["about"] == "hit"]

    assert of_hit(second) == of_hit(first)


def test_the_key_is_not_kept_even_where_the_server_says_it_back(
    main: Main, simulator: Simulator, tmp_path: Path
) -> None:
    simulator.faults = lambda request: Answer(500, json.dumps({"message": f"no {request.key}"}))
    ended = main(*HIT, "--record", str(tmp_path / "kept"))
    assert ended.code == 1
    texts = [path.read_text() for path in (tmp_path / "kept").iterdir()]
    assert any("no ***" in text for text in texts)
    assert KEY not in "".join(texts) + ended.out + ended.err


def test_a_folder_with_something_in_it_is_left_alone(main: Main, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").touch()
    ended = main(*HIT, "--record", str(tmp_path / "kept"))
    assert ended.code == 2
    assert "there are files in it already" in ended.err
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]


@pytest.mark.parametrize("where", ["a file", "a file/kept", "/proc/kept"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked(
    main: Main, simulator: Simulator, tmp_path: Path, where: str
) -> None:
    (tmp_path / "a file").touch()
    ended = main(*HIT, "--record", str(tmp_path / where))
    assert ended.code == 2
    assert ended.err.startswith(f"ialirt-backfill: --record {tmp_path / where} cannot be written: ")
    assert simulator.requests == []


def test_a_disk_without_room_for_the_answers(main: Main, tmp_path: Path) -> None:
    with mounted(tmp_path / "kept", "size=8k"):
        ended = main(*HIT, "--json", "--record", str(tmp_path / "kept"))
        left = [path.name for path in (tmp_path / "kept").iterdir()]
    assert (ended.code, ended.json["exit_code"], ended.err) == (1, 1, "")
    said = f"--record {tmp_path}/kept cannot be written: No space left on device, after {len(left)} of 3 answers"
    assert here(ended) == {("record", "written"): ("wrong", said)}
    assert len([it for it in ended.json["findings"] if it["about"] == "hit"]) > 5
    assert left == ["001_hit.json"]


def test_a_redirect_is_served_again_within_the_server_that_does(
    main: Main, simulator: Simulator, clock: Clock, tmp_path: Path
) -> None:
    """Where it once led, nobody is asked."""
    kept = tmp_path / "kept"
    with Simulator(seed=264, now=clock, keys=simulator.keys) as elsewhere:
        simulator.faults = lambda it: Redirect(f"{elsewhere.url}/there{it.path}?{urlencode(it.parameters)}")
        elsewhere.faults = lambda it: Answer(200, ANSWER)
        first = main(*HIT, "--json", "--record", str(kept))
        asked = len(elsewhere.requests)
        with Simulator(faults=recorded.replayed(recorded.read(kept))) as again:
            second = main(*HIT, "--json", "--url", again.url)
        assert len(elsewhere.requests) == asked == 3
    assert first.json["requests"] == second.json["requests"] == 6
    findings = [[it for it in ended.json["findings"] if it["about"] == "hit"] for ended in (first, second)]
    assert findings[0] == findings[1]


def test_the_program_serves_what_was_kept(main: Main, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert main(*HIT, "--record", str(kept)).code == 0
    words = [sys.executable, "-m", "ialirt_backfill.simulator", "--replay", str(kept)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert serving.stderr is not None
        url = serving.stdout.readline().strip()
        try:
            assert f"--as-of {NOW}Z" in serving.stderr.readline()
            ended = main(*HIT, "--url", url)
            assert ended.code == 0, ended.out
            assert main("doctor", "--instrument", "swe", "--as-of", NOW, "--url", url).code == 1
        finally:
            serving.send_signal(signal.SIGTERM)
        assert serving.wait(10) == 0


KEPT = {"target": "/", "status": 200, "http": "1.1", "seconds": 1.0, "headers": {}, "body": "", "as_of": NOW}


@pytest.mark.parametrize(
    "text",
    [None, "[]", "not JSON", b"\xff", "[" * 100_000, "{}"]
    + [
        json.dumps(KEPT | wrong)
        for wrong in (
            {"status": "200"}, {"status": 99}, {"status": True}, {"headers": None}, {"headers": {"location": 1}},
            {"headers": {"location": "a\r\nb"}}, {"body": None}, {"target": 1}, {"target": "//[/"}, {"as_of": "then"},
            {"more": 1},
        )
    ],
)  # fmt: skip
def test_a_folder_without_answers_is_none_to_serve(tmp_path: Path, text: str | bytes | None) -> None:
    (tmp_path / "a.json").write_text(json.dumps(KEPT))
    assert len(recorded.read(tmp_path)) == 1
    if text is None:
        (tmp_path / "a.json").unlink()
    else:
        (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match="holds no answers" if text is None else "is not an answer"):
        recorded.read(tmp_path)


# --- here -------------------------------------------------------------------------------------------------------------


def here(ended: Ended) -> dict[tuple[str, str], tuple[str, str]]:
    """What is not ok of this place."""
    told = [it for it in ended.json["findings"] if it["part"] == "here" and it["verdict"] != "ok"]
    return {(it["about"], it["check"]): (it["verdict"], it["seen"]) for it in told}


def test_a_read_only_datastore_is_found_and_named(command: Command) -> None:
    command.datastore.mkdir()
    command.datastore.chmod(0o555)
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    done = subprocess.run(
        [*(humble if os.geteuid() == 0 else []), *command.words(*HIT, "--json")],
        cwd=command.cwd, env=command.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = here(Ended(done.returncode, done.stdout, done.stderr))
    assert found == {
        ("datastore", "writable"): ("wrong", f"{command.datastore} cannot be written: Permission denied"),
    }


def test_settings_that_shadow_one_another_and_misspelt_ones(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ialirt-backfill.toml").write_text("jobs = 2\nmax_rate = 50\n")
    monkeypatch.setenv("IALIRT_JOBS", "3")
    monkeypatch.setenv("IALIRT_DATASTOR", "elsewhere")
    found = here(main(*HIT, "--json"))
    assert found == {
        ("settings", "shadowed"): (
            "notice", "environment variable IALIRT_JOBS holds, and jobs in ./ialirt-backfill.toml says otherwise",
        ),
        ("settings", "misspelt"): (
            "notice", "the environment variable IALIRT_DATASTOR means nothing here; did you mean IALIRT_DATASTORE?",
        ),
    }  # fmt: skip


def test_a_misspelt_key_of_a_file_stops_every_command_with_its_name(main: Main, simulator: Simulator) -> None:
    Path("ialirt-backfill.toml").write_text("jbos = 2\n")
    ended = main(*HIT)
    assert ended.code == 2
    assert ended.err == "ialirt-backfill: ./ialirt-backfill.toml: unknown setting 'jbos'. Did you mean 'jobs'?\n"
    assert simulator.requests == []


def test_a_ledger_that_cannot_be_read(main: Main) -> None:
    Path("ialirt-data").mkdir()
    Path("ialirt-data/ledger.sqlite").write_bytes(b"this is no database, whatever its name says" * 100)
    found = here(main(*HIT, "--json"))
    assert [place for place, (verdict, _) in found.items() if verdict == "wrong"] == [("ledger", "reached")]


def test_runs_that_never_ended(place: Place, main: Main) -> None:
    place.run()
    with Ledger.open(place.ledger_url) as ledger:
        ledger.start_run("backfill", {}, "0")
    found = here(main(*HIT, "--json", "--datastore", str(place.datastore)))
    assert set(found) == {("ledger", "runs")}
    assert found["ledger", "runs"][1].startswith("1 of the last 50 have no end and hold no day")


def test_synthetic_days_where_real_ones_are_meant(main: Main) -> None:
    assert main(*HIT[1:], "--start", "2026-02-02", "--end", "2026-02-02", "--demo").code == 0
    assert main(*HIT, "--demo").code == 0
    found = here(main(*HIT, "--json"))
    assert set(found) == {("ledger", "synthetic")}
    assert "holds the synthetic days of a demonstration" in found["ledger", "synthetic"][1]
