"""A demonstration cannot touch the real thing, nor the real thing a demonstration, whatever is typed or set."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import BackfillOptions, PollOptions, VerifyOptions
from ialirt_backfill.options.datastore import MARK, MARK_TEXT
from ialirt_backfill.run.backfill import backfill
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.store.demonstration import SYNTHETIC
from ledger import Ledger, migrations
from tests.support.clock import NOW
from tests.support.commands import Command, Ended, Here
from tests.support.ledgers import database, execute

DAY = date(2026, 2, 2)
DAYS = ("--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-03", "--as-of", NOW)
TODAY = ("poll", "--once", "--instrument", "hit", "--as-of", NOW)
DEMO = ("--demo", "--datastore", "demo")
SAID = f"{SYNTHETIC}\n"

RUNS = {
    "backfill": DAYS,
    "backfill, dry": (*DAYS, "--dry-run"),
    "poll": TODAY,
    "poll, dry": (*TODAY, "--dry-run"),
    "verify": ("verify", "--fix"),
}

Lose = Callable[[Path], None]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def well(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err
    return ended


def refused(ended: Ended, words: str) -> None:
    """With a sentence, and nothing but the announcement of a demonstration before it."""
    assert (ended.code, ended.out) == (2, ""), ended
    *before, sentence = ended.err.splitlines()
    assert words in sentence
    assert all(line.startswith("Demonstration: ") for line in before)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same two days as a real datastore, ``real``, and as a demonstration's, ``demo``."""
    folder = tmp_path_factory.mktemp("made")
    now = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    options = BackfillOptions(instrument="hit", start=DAY, end=DAY + timedelta(days=1), as_of=now)
    with Simulator(seed=1, now=lambda: now) as simulator:
        real = replace(options, url=simulator.url, datastore=str(folder / "real"))
        demo = replace(options, demo=True, datastore=str(folder / "demo"))
        assert [backfill(it).summary["downloaded"] for it in (real, demo)] == [2, 2]
    return folder


@pytest.fixture
def demo(command: Command, _made: Path) -> Path:
    """A demonstration's datastore, with two days in it."""
    return Path(shutil.copytree(_made / "demo", command.cwd / "demo"))


@pytest.fixture
def real(command: Command, _made: Path) -> Path:
    """A real datastore, with the same days in it."""
    return Path(shutil.copytree(_made / "real", command.cwd / "real"))


# --- the ledger of a demonstration ------------------------------------------------------------------------------------


@pytest.fixture
def team(ledger_url: str) -> str:
    """The ledger of a team, in either database: real runs were made with it, and other programs read its progress."""
    with Ledger.open(ledger_url) as ledger:
        ledger.note_days("HIT_IALIRT", [date(2026, 2, 1)])
        ledger.start_run("backfill", {"demo": False}, "1")
    execute(
        ledger_url,
        "UPDATE workflow_progress SET progress_timestamp = '2026-02-01 12:00:00.000000',"
        " last_checked_date = '2026-02-01 12:00:00.000000'",
    )
    return ledger_url


def everything(url: str) -> list[object]:
    names = ("workflow_progress", "instrument_day", "attempt", "run", "mirrored_day", "ledger_property")
    return [execute(url, f"SELECT * FROM {name}") for name in names]


def test_it_keeps_its_ledger_to_itself_whatever_the_settings_say(command: Command, here: Here, team: str) -> None:
    if team.startswith("sqlite"):
        (command.cwd / "ialirt-backfill.toml").write_text(f"ledger = '{team}'\n")
    else:
        command.env["IALIRT_LEDGER_URL"] = team
    before = everything(team)
    well(command(*DAYS, *DEMO))
    well(command(*TODAY, *DEMO))
    (command.cwd / "demo" / "ialirt" / "2026" / "02" / "imap_ialirt_hit_20260202.csv").unlink()
    well(command("verify", "--fix", *DEMO))
    assert well(here("status", *DEMO[1:], "--json")).json["instruments"][0]["records"] > 2880
    assert everything(team) == before
    with Ledger.open(f"sqlite:///{command.cwd}/demo/ledger.sqlite") as own:
        assert [run.command for run in own.runs()] == ["verify", "poll", "backfill"]
    # and so the real thing goes on as ever, with the team's ledger
    well(command(*DAYS, "--datastore", "real"))
    with Ledger.open(team) as ledger:
        moved = ledger.progress(["HIT_IALIRT"])["HIT_IALIRT"].progress_timestamp
        assert moved is not None
        assert moved.date() == date(2026, 2, 3)
        assert ledger.read_property("synthetic") is None


def test_a_ledger_that_is_named_beside_it_is_refused(command: Command, here: Here) -> None:
    for words in RUNS.values():
        done = here(*words, *DEMO, "--ledger", f"sqlite:///{command.cwd}/team.sqlite")
        refused(done, "--ledger does not go with --demo: a demonstration keeps its ledger in its own datastore")
    assert list(command.cwd.iterdir()) == []


def test_so_it_is_in_python() -> None:
    for make in (
        lambda: BackfillOptions(instrument="hit", start=DAY, demo=True, ledger="postgresql://team"),
        lambda: PollOptions(demo=True, ledger="postgresql://team"),
        lambda: VerifyOptions(demo=True, ledger="postgresql://team"),
    ):
        with pytest.raises(UsageError, match="--ledger does not go with --demo"):
            make()


def test_reports_of_a_demonstration_look_into_its_own_ledger(
    here: Here, demo: Path, team: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(team)
    monkeypatch.setenv("IALIRT_LEDGER_URL", team)
    for words in (("status",), ("gaps",), ("history", "--instrument", "hit", "--day", str(DAY)), ("verify",)):
        shown = well(here(*words, "--datastore", "demo", "--json")).json
        assert shown["synthetic"] is True
        assert shown.get("files", 2) == 2
        assert shown.get("ledger", "sqlite:///demo/ledger.sqlite").endswith("/demo/ledger.sqlite")
    assert [run["command"] for run in well(here("runs", "--datastore", "demo", "--json")).json["runs"]] == ["backfill"]
    pruned = well(here("ledger", "prune", "--keep", "0s", "--datastore", "demo"))
    assert pruned.out == "Pruned 2 attempts and 1 run; the state of the days is untouched.\n"
    assert everything(team) == before


def test_a_report_from_the_ledger_that_is_named_is_of_that_ledger(here: Here, demo: Path, team: str) -> None:
    shown = well(here("status", "--datastore", "demo", "--ledger", team, "--json")).json
    assert (shown["synthetic"], shown["instruments"][0]["days_complete"]) == (False, 0)
    own = well(here("status", "--datastore", "real", "--ledger", f"sqlite:///{demo}/ledger.sqlite", "--json")).json
    assert (own["synthetic"], own["instruments"][0]["days_complete"]) == (True, 2)
    for words in (("verify",), ("mirror", "--database", "sqlite:///m.sqlite")):
        refused(here(*words, "--datastore", "demo", "--ledger", team), "leave --ledger out")


# --- real runs, and what is synthetic ---------------------------------------------------------------------------------


def test_the_datastore_says_what_it_is(demo: Path) -> None:
    assert (demo / MARK).read_text() == MARK_TEXT
    assert MARK_TEXT.count("\n") == 1
    with Ledger.open(f"sqlite:///{demo}/ledger.sqlite") as ledger:
        assert ledger.read_property("synthetic") == "yes"


def _prune(demo: Path) -> None:
    with Ledger.open(f"sqlite:///{demo}/ledger.sqlite") as ledger:
        assert ledger.prune(timedelta(0))["run"]
        assert ledger.runs() == []


def _leave_the_row(demo: Path) -> None:
    (demo / MARK).unlink()
    _prune(demo)


def _leave_the_file(demo: Path) -> None:
    for path in demo.glob("ledger.sqlite*"):
        path.unlink()


LOSSES = (_prune, _leave_the_row, _leave_the_file)


@pytest.mark.parametrize("lose", LOSSES)
def test_a_real_run_refuses_synthetic_days(
    command: Command, here: Here, demo: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, lose: Lose
) -> None:
    monkeypatch.setenv("IALIRT_DATA_ACCESS_URL", simulator.url)
    lose(demo)
    before = tree(demo)
    for words in RUNS.values():
        done = here(*words, "--datastore", "demo")
        refused(done, "demo holds the synthetic days of a demonstration: give real ones another --datastore")
    assert tree(demo) == before
    assert simulator.requests == []
    go_on = command(*DAYS, *DEMO, "--json")  # the other remedy that is named
    assert (go_on.code, go_on.json["synthetic"]) == (0, True)
    assert (demo / MARK).exists()


def test_pruning_by_hand_leaves_it_known(command: Command, demo: Path) -> None:
    well(command("ledger", "prune", "--keep", "0s", "--datastore", "demo"))
    refused(command(*DAYS, "--datastore", "demo"), "demo holds the synthetic days of a demonstration")


def test_with_a_ledger_elsewhere_it_is_refused_as_well(
    command: Command, here: Here, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"sqlite:///{command.cwd}/team.sqlite"
    for words in RUNS.values():
        refused(here(*words, "--datastore", "demo", "--ledger", elsewhere), "demo holds the synthetic days")
    (demo / MARK).unlink()
    for words in RUNS.values():
        refused(here(*words, "--datastore", "demo", "--ledger", elsewhere), "demo holds the synthetic days")
    monkeypatch.setenv("IALIRT_LEDGER_URL", elsewhere)
    for words in RUNS.values():
        refused(here(*words, "--datastore", "demo"), "demo holds the synthetic days")
    assert not (command.cwd / "team.sqlite").exists()


def test_the_ledger_of_a_demonstration_is_refused_to_a_real_datastore(here: Here, demo: Path, real: Path) -> None:
    before = tree(demo), tree(real)
    for words in RUNS.values():
        done = here(*words, "--datastore", "real", "--ledger", f"sqlite:///{demo}/ledger.sqlite")
        refused(done, f"the ledger sqlite:///{demo}/ledger.sqlite holds the synthetic days of a demonstration")
    assert (tree(demo), tree(real)) == before


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_demonstration_of_an_earlier_version_is_known_by_its_runs(
    command: Command, here: Here, demo: Path, upgraded: bool
) -> None:
    (demo / MARK).unlink()
    with database(f"sqlite:///{demo}/ledger.sqlite") as connection:
        migrations.downgrade(connection, "0002")
    if upgraded:
        well(here("ledger", "upgrade", "--datastore", "demo"))
    refused(here(*DAYS, "--datastore", "demo"), "demo holds the synthetic days")
    assert not (demo / MARK).exists()
    assert well(here("status", "--datastore", "demo")).out.startswith(SAID)
    well(command(*DAYS, *DEMO))
    assert (demo / MARK).read_text() == MARK_TEXT


# --- demonstrations, and what is real ---------------------------------------------------------------------------------


def _lose_nothing(folder: Path) -> None:
    pass


def _lose_the_ledger(folder: Path) -> None:
    for path in folder.glob("ledger*"):
        path.unlink()


def _empty_the_ledger(folder: Path) -> None:
    _lose_the_ledger(folder)
    (folder / "ledger.sqlite").touch()


def _lose_the_days(folder: Path) -> None:
    for path in folder.rglob("*.csv"):
        path.unlink()


def _lose_the_history_and_the_days(folder: Path) -> None:
    _lose_the_days(folder)
    with Ledger.open(f"sqlite:///{folder}/ledger.sqlite") as ledger:
        ledger.prune(timedelta(0))


@pytest.mark.parametrize(
    "lose",
    [_lose_nothing, _lose_the_ledger, _empty_the_ledger, _lose_the_days, _lose_the_history_and_the_days],
)
def test_a_demonstration_refuses_real_days(here: Here, real: Path, monkeypatch: pytest.MonkeyPatch, lose: Lose) -> None:
    lose(real)
    before = tree(real)
    said = "real holds real data: give --demo a --datastore of its own"
    for words in RUNS.values():
        refused(here(*words, "--demo", "--datastore", "real"), said)
    monkeypatch.setenv("IALIRT_DATASTORE", "real")
    for words in RUNS.values():
        refused(here(*words, "--demo"), said)
    assert tree(real) == before


def test_a_ledger_without_a_day_may_become_a_demonstrations(command: Command) -> None:
    well(command("ledger", "upgrade", "--datastore", "demo"))
    well(command(*DAYS, *DEMO))
    assert (command.cwd / "demo" / MARK).exists()


def test_a_datastore_in_a_folder_below_is_no_matter(here: Here, real: Path) -> None:
    well(here(*DAYS, "--demo", "--datastore", ".", "--dry-run"))
    well(here(*DAYS, "--datastore", "real", "--dry-run"))


# --- adopt ------------------------------------------------------------------------------------------------------------


def adopted(url: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(url)) as ledger:
        return [
            (str(day), str(path)) for day, path in ledger.execute("SELECT day, path FROM instrument_day ORDER BY day")
        ]


@pytest.mark.parametrize("marks", [(MARK,), ("ledger.sqlite",), (MARK, "ledger.sqlite")])
def test_adopt_passes_over_a_datastore_below(command: Command, here: Here, demo: Path, marks: tuple[str, ...]) -> None:
    theirs = command.cwd / "all" / "ialirt" / "2026" / "02"
    theirs.mkdir(parents=True)
    (demo / "ialirt" / "2026" / "02" / "imap_ialirt_hit_20260203.csv").rename(theirs / "imap_ialirt_hit_20260203.csv")
    for path in demo.glob("ledger*"):
        if path.name not in marks:
            path.unlink()
    demo.rename(command.cwd / "all" / "trial")
    whose = "the synthetic days of a demonstration" if MARK in marks else "a ledger of its own"
    notice = f"all/trial was passed over: it is a datastore by itself, with {whose}\n"
    for words in (("--dry-run",), ()):
        done = well(here("adopt", "--datastore", "all", "--as-of", NOW, "--json", *words))
        assert [day["day"] for day in done.json["days"]] == ["2026-02-03"]
        assert (done.json["synthetic"], done.json["passed_over"], done.err) == (False, ["all/trial"], notice)
    assert adopted(f"{command.cwd}/all/ledger.sqlite") == [
        ("2026-02-03", "ialirt/2026/02/imap_ialirt_hit_20260203.csv")
    ]
    assert well(here("adopt", "--datastore", "all", "--as-of", NOW)).err == notice
    assert well(here("adopt", "--datastore", "all", "--as-of", NOW, "--quiet")).err == ""


def test_adopt_enters_the_folder_of_the_ledger_in_use(here: Here, real: Path) -> None:
    ledger = f"sqlite:///{real}/ialirt/ledger.sqlite"
    _lose_the_ledger(real)
    well(here("adopt", "--datastore", "real", "--as-of", NOW, "--ledger", ledger))
    assert len(adopted(f"{real}/ialirt/ledger.sqlite")) == 2
    again = well(here("adopt", "--datastore", "real", "--as-of", NOW, "--ledger", ledger, "--json"))
    assert (again.json["summary"]["known"], again.json["passed_over"]) == (2, [])


@pytest.mark.parametrize("lose", LOSSES)
def test_adopt_takes_nothing_from_a_demonstration(command: Command, here: Here, demo: Path, lose: Lose) -> None:
    lose(demo)
    before = tree(command.cwd)
    for words in ((), ("--dry-run",), ("--ledger", "sqlite:///elsewhere.sqlite")):
        refused(here("adopt", "--datastore", "demo", "--as-of", NOW, *words), "demo holds the synthetic days")
    assert tree(command.cwd) == before


# --- the mirror -------------------------------------------------------------------------------------------------------


def thin_out(folder: Path) -> None:
    """Leave some rows of each day: crump waits for the disk at every one."""
    for path in folder.rglob("*.csv"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))


def test_the_mirror_keeps_them_apart(command: Command, here: Here, demo: Path, real: Path) -> None:
    for folder in (demo, real):
        thin_out(folder)
    into = ("mirror", "--database", "sqlite:///mirror.sqlite")
    well(command(*into, "--datastore", "real"))
    query = "SELECT time_utc, hit_h_omni_low_en FROM ialirt_hit"
    with closing(sqlite3.connect(command.cwd / "mirror.sqlite")) as mirror:
        before = mirror.execute(query).fetchall()
        assert len(before) == 16
        refused(command(*into, "--datastore", "demo"), "whose days are real, as far as is known")
        refused(here(*into, "--datastore", "demo", "--dry-run"), "whose days are real, as far as is known")
        assert mirror.execute(query).fetchall() == before
    shown = well(here(*into, "--datastore", "demo", "--table-prefix", "demo_")).out
    assert shown.startswith(f"{SAID}Into sqlite:///mirror.sqlite\n")
    synthetic = here(*into, "--datastore", "real", "--table-prefix", "demo_")
    refused(synthetic, "demo_ialirt_hit that holds the synthetic days of a demonstration")


# --- what is said -----------------------------------------------------------------------------------------------------

TOLD = {
    "backfill": DAYS,
    "backfill, dry": (*DAYS, "--dry-run"),
    "poll": TODAY,
    "poll, dry": (*TODAY, "--dry-run"),
    "status": ("status",),
    "gaps": ("gaps",),
    "history": ("history", "--instrument", "hit", "--day", "2026-02-02"),
    "runs": ("runs",),
    "verify": ("verify",),
    "mirror": ("mirror", "--database", "sqlite:///m.sqlite"),
    "mirror, dry": ("mirror", "--database", "sqlite:///m.sqlite", "--dry-run"),
}
ASKS = ("backfill", "poll")


@pytest.mark.parametrize("told", TOLD)
def test_the_first_line_says_so(here: Here, demo: Path, told: str) -> None:
    if told == "mirror":
        thin_out(demo)
    words = (*TOLD[told], "--datastore", "demo", *(["--demo"] if told.startswith(ASKS) else []))
    done = well(here(*words))
    assert done.out.startswith(SAID)
    assert done.out.count(SYNTHETIC) == 1
    if told.startswith(ASKS):
        assert done.err.startswith("Demonstration: ")
    as_json = well(here(*words, "--json"))
    assert as_json.json["synthetic"] is True
    assert SYNTHETIC not in as_json.out + as_json.err


@pytest.mark.parametrize("told", TOLD)
def test_and_nothing_does_of_real_days(
    here: Here, real: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("IALIRT_DATA_ACCESS_URL", simulator.url)
    if told == "mirror":
        thin_out(real)
    words = (*TOLD[told], "--datastore", "real")
    done = well(here(*words))
    assert "ynthetic" not in done.out + done.err
    assert well(here(*words, "--json")).json["synthetic"] is False


def test_gaps_as_csv_say_so_beside_the_table(here: Here, demo: Path) -> None:
    done = well(here("gaps", "--datastore", "demo", "--csv"))
    assert done.err == SAID
    assert done.out.startswith("instrument,start,end,")
