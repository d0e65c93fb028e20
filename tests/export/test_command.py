"""The command in a real process: killed at every step, interrupted, twice at once, and what it says."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cli
from ialirt_backfill.export.folder import Folder, FolderKind
from ialirt_backfill.instruments import INSTRUMENTS
from tests.export.samples import FILES, FIRST, LAST, Export, file, files, stamps
from tests.support import tripwire
from tests.support.processes import Running, run, running
from tests.support.stores import Store

Words = Callable[..., list[str]]


@pytest.fixture
def words(store: Store, folder: Path) -> Words:
    """The command for the days of two instruments, in two months."""

    def made(*others: str) -> list[str]:
        place = ["--datastore", str(store.folder), "--to", str(folder)]
        return ["export", "parquet", *place, "--start", str(FIRST), "--end", str(LAST), *others]

    return made


def rows(folder: Path) -> dict[str, pa.Table]:
    """What each file holds."""
    return {it.name: pq.read_table(it, partitioning=None) for it in files(folder)}


# --- killed -----------------------------------------------------------------------------------------------------------


def test_killed_at_any_step_it_leaves_whole_files_and_goes_on(
    words: Words, store: Store, folder: Path, tmp_path: Path
) -> None:
    """Every file is one version of its month, and the next run brings all to where an undisturbed one would."""
    export = words("--instrument", "hit,codice_lo", "--quiet")
    assert run(*export)[0] == 0
    old = rows(folder)
    for name in ("hit", "codice_lo"):
        for day in (FIRST, LAST):
            store.change(name, day, lambda rows: rows[:-1])
    other = [str(tmp_path / "other") if word == str(folder) else word for word in export]
    steps = tripwire.steps(other)
    new = rows(tmp_path / "other")
    assert old.keys() == new.keys()
    assert all(old[name] != new[name] for name in old)
    assert len(steps) > 12, steps
    seen = set()
    for at in range(len(steps)):
        assert tripwire.run(export, at) == -signal.SIGKILL, steps[at]
        held = rows(folder)
        assert all(held[name] in (old[name], new[name]) for name in held), steps[at]
        seen.add(sum(held[name] == new[name] for name in held))
        if held == new:
            break
    assert seen >= {0, 1, 2, 3}
    before = stamps(folder)
    code, out, _ = run(*export, "--json")
    report = json.loads(out)
    assert (code, report["summary"]["failed"]) == (0, 0)
    assert rows(folder) == new
    written = {it["path"].rpartition("/")[2] for it in report["files"]}
    assert {path.name for path, stamp in stamps(folder).items() if stamp != before[path]} == written
    assert list((folder / "_ialirt_export").rglob("*.tmp")) == []
    [(count,)] = store.ledger("SELECT count(*) FROM mirrored_day WHERE target = ?", f"parquet:{folder}")
    assert count == 6, "what the killed ones wrote is remembered"
    assert json.loads(run(*export, "--json")[1])["summary"]["files"] == 0


def test_killed_at_random_moments(words: Words, store: Store, folder: Path, export: Export) -> None:
    chance = random.Random(21)
    command = words("--instrument", "all", "--quiet")
    killed = 0
    for _ in range(40):
        with running(*command) as process:
            _wait_for(folder.exists, process)
            time.sleep(chance.uniform(0, 0.25))
            process.kill()
            process.communicate()
            ended = process.returncode
        killed += ended == -signal.SIGKILL
        for path in files(folder):
            pq.read_table(path, partitioning=None)
        if ended == 0:
            break
    assert killed > 3
    assert run(*command)[0] == 0
    done = rows(folder)
    assert export("all").outcomes == ()
    assert export("all", rewrite=True).summary["exported"] == 3 * len(INSTRUMENTS)
    assert rows(folder) == done


def _wait_for(condition: Callable[[], bool], process: Running) -> None:
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- interrupted, and two at once -------------------------------------------------------------------------------------


def test_an_interrupted_run_ends_its_file_and_says_how_to_go_on(words: Words, store: Store, folder: Path) -> None:
    with running(*words("--instrument", "all")) as process:
        _wait_for(lambda: bool(files(folder)) if folder.exists() else False, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
    assert "Interrupted; the files that are written stay. To go on: ialirt-backfill export parquet" in err
    assert 0 < len(files(folder)) < FILES
    [(exit_code,)] = store.ledger("SELECT exit_code FROM run ORDER BY started DESC LIMIT 1")
    assert exit_code == 130
    assert run(*words("--instrument", "all"))[0] == 0
    assert len(files(folder)) == FILES


def test_two_at_once_write_each_file_once(words: Words, store: Store, folder: Path) -> None:
    command = words("--instrument", "hit,swe", "--json")
    with running(*command) as one, running(*command) as other:
        with Folder(folder, FolderKind(public=False, synthetic=False)).alone(lambda: False, lambda: None):
            for process in (one, other):
                _wait_for(lambda process=process: "\n" in process.complained, process)  # type: ignore[misc]
                assert process.complained == f"waiting: another export writes into {folder}\n"
            assert files(folder) == []
        summaries = [json.loads(process.communicate(timeout=60)[0])["summary"] for process in (one, other)]
    assert sorted(it["files"] for it in summaries) == [0, 4]
    assert sorted(it["skipped_exported"] for it in summaries) == [0, 6]


def test_who_waits_for_the_folder_can_be_stopped(words: Words, folder: Path) -> None:
    alone = Folder(folder, FolderKind(public=False, synthetic=False)).alone(lambda: False, lambda: None)
    with alone, running(*words("--instrument", "hit")) as process:
        _wait_for(lambda: process.complained.startswith("waiting"), process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143
    assert files(folder) == []


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_summary_and_the_lines(words: Words, store: Store, folder: Path) -> None:
    store.path("hit", LAST).write_text("no header\n")
    code, out, err = run(*words("--instrument", "hit"))
    assert code == 1
    said = err.splitlines()
    assert said[0] == "3 days to write into 2 files, 0 to skip"
    assert said[1].startswith("hit 2026-01  2 days, 2,8")
    assert said[2].startswith(f"hit {LAST} was not exported: {store.path('hit', LAST)} cannot be understood")
    assert said[3:] == [f"Datastore {store.folder}, its ledger is ledger.sqlite"]
    lines = out.splitlines()
    assert lines[0] == f"Into {folder}"
    assert lines[1].split() == ["instrument", "days", "exported", "failed", "skipped", "records", "files", "time"]
    assert lines[2].split()[:5] == ["hit", "3", "2", "1", "0"]
    store.path("hit", LAST).unlink()
    assert "Nothing is left to do." in run(*words("--instrument", "hit"))[1]
    quiet = run(*words("--instrument", "hit", "--quiet", "--rewrite"))
    assert quiet == (0, "", "")


def test_json(words: Words, store: Store, folder: Path) -> None:
    command = [sys.executable, "-W", "error", cli.__file__, *words("--instrument", "hit", "--json")]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    places = ["datastore", "ledger", "public", "to"]
    assert list(report) == ["run_id", "synthetic", *places, "plan", "results", "files", "summary"]
    ledger = f"sqlite:///{store.folder}/ledger.sqlite"
    assert [report[name] for name in places] == [str(store.folder), ledger, False, str(folder)]
    assert report["synthetic"] is False
    day = {"instrument": "hit", "day": "2026-01-30"}
    assert report["plan"][0] == day | {"action": "export", "reason": "never exported"}
    path = "instrument=hit/year=2026/imap_ialirt_hit_202601.parquet"
    result = {"status": "exported", "records": report["results"][0]["records"], "path": path, "error": None}
    assert report["results"][0] == day | result
    assert report["files"][0] | {"seconds": 0} == {"path": path, "bytes": file(folder).stat().st_size, "seconds": 0}
    assert report["summary"]["files"] == 2


def test_a_dry_run_makes_nothing(words: Words, store: Store, folder: Path) -> None:
    code, out, err = run(*words("--instrument", "hit", "--dry-run"))
    assert (code, err) == (0, f"Datastore {store.folder}, its ledger is ledger.sqlite\n")
    assert out.splitlines()[0] == f"Into {folder}; nothing is written (--dry-run)"
    assert out.splitlines()[2].split() == ["hit", "2026-01-30", "…", "2026-02-01", "export", "never", "exported"]
    assert not folder.exists()
    assert store.ledger("SELECT count(*) FROM mirrored_day") == [(0,)]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["--public", "--instrument", "mag_hk"], "mag_hk: not everybody is shown it"),
        (["--instrument", "mog"], "unknown instrument 'mog'"),
        (["--out", "x"], "there is no option --out"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(words: Words, others: list[str], said: str) -> None:
    code, out, err = run(*words(*others))
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_folder_that_cannot_be_written_into(store: Store, words: Words, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("")
    code, _, err = run(*words("--instrument", "hit"))
    assert (code, err) == (2, f"ialirt-backfill: --to {folder} is a file: name a folder\n")


def test_an_export_has_no_other_actions() -> None:
    code, _, err = run("export", "csv", "--to", "x")
    assert code == 2
    assert "ialirt-backfill: 'csv' is unknown; export has parquet" in err
