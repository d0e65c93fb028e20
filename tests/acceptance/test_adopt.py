"""A datastore that another program has filled, taken into the ledger; and looking after the ledger by hand."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Simulator
from ledger.schema import VERSIONS
from tests.support.access import FULL
from tests.support.clock import NOW, Clock
from tests.support.commands import Command, Ended, Here
from tests.support.reference import assert_file_holds

Backfill = Callable[..., Ended]
Adopt = Callable[..., Ended]
DAY = date(2026, 2, 2)
RANGE = ("--start", "2026-02-02", "--end", "2026-02-03")
NEWEST = VERSIONS[-1]
NEWER = {"mag": "imap_ialirt_mag_", "mag_hk": "imap_ialirt_mag_hk_"}


class Store:
    """A datastore filled by another program: the right files, without a ledger."""

    def __init__(self, command: Command, simulator: Simulator) -> None:
        self.folder, self._simulator = command.datastore, simulator

    def file(self, instrument: str, day: date = DAY) -> Path:
        """Under its newer name, where there is one."""
        path = self.folder / INSTRUMENTS[instrument].path(day)
        newer = path.with_name(f"{NEWER.get(instrument, '')}{day:%Y%m%d}.csv")
        return newer if newer.exists() else path

    def change(self, instrument: str, how: Callable[[str], str], day: date = DAY) -> None:
        path = self.file(instrument, day)
        path.write_text(how(path.read_text()))

    def rename(self, instrument: str, day: date = DAY) -> Path:
        path = self.file(instrument, day)
        return path.rename(path.with_name(f"{NEWER[instrument]}{day:%Y%m%d}.csv"))

    def assert_right(self, instrument: str, day: date = DAY) -> None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        records = self._simulator.records(instrument, start, start + timedelta(days=1), scopes=FULL)
        assert_file_holds(self.file(instrument, day), records)

    def execute(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as ledger, ledger:
            return ledger.execute(statement).fetchall()


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of four instruments, made once."""
    from ialirt_backfill.options import BackfillOptions  # noqa: PLC0415
    from ialirt_backfill.run.backfill import backfill  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("filled") / "store"
    as_of = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    options = BackfillOptions(
        instrument="mag,mag_hk,hit,codice_hi",
        start=DAY,
        end=DAY + timedelta(days=1),
        datastore=str(folder),
        demo=True,
        as_of=as_of,
    )
    assert backfill(options).exit_code == 0
    for path in folder.glob("ledger*"):
        path.unlink()
    return folder


@pytest.fixture
def store(_filled: Path, command: Command, simulator: Simulator) -> Store:
    shutil.copytree(_filled, command.datastore)
    return Store(command, simulator)


@pytest.fixture
def adopt(here: Here) -> Adopt:
    def run(*args: str, as_of: str = NOW) -> Ended:
        return here("adopt", *args, "--as-of", as_of, "--json")

    return run


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what is adopted --------------------------------------------------------------------------------------------------


def test_a_whole_datastore_is_adopted_without_the_network_and_then_only_its_gaps_are_asked_for(
    store: Store, adopt: Adopt, here: Here, backfill: Backfill, simulator: Simulator
) -> None:
    lines = store.file("hit").read_text().splitlines(keepends=True)
    store.file("hit").write_text("".join(lines[:601] + lines[721:]))  # two hours are missing
    before = tree(store.folder)
    done = adopt()
    assert done.code == 0, done.err
    assert simulator.requests == []
    assert {name: content for name, content in tree(store.folder).items() if "ledger" not in name} == before
    assert done.json["summary"] == {"adopted": 8, "lost digits": 0, "known": 0, "failed": 0}
    hit = next(it for it in done.json["days"] if (it["instrument"], it["day"]) == ("hit", str(DAY)))
    assert hit["records"] == len(lines) - 1 - 120
    assert hit["availability_pct"] == pytest.approx(100 * hit["records"] / 1440)
    rows = store.execute("SELECT item_name, is_final, records, first_record, last_record FROM instrument_day")
    assert len(rows) == 8
    assert not any(is_final for _, is_final, *_ in rows)
    [(progress, checked)] = store.execute(
        "SELECT progress_timestamp, last_checked_date FROM workflow_progress WHERE item_name = 'HIT_IALIRT'"
    )
    assert progress.startswith("2026-02-03 23:5")
    assert checked is None
    assert here("verify").code == 0

    first = backfill("--instrument", "mag,mag_hk,hit,codice_hi", *RANGE)
    assert first.code == 0
    assert first.json["summary"]["run"] == 8
    [hit_asked] = [it for it in simulator.requests if it.instrument == "hit" and it.start and it.start.date() == DAY]
    assert f"{hit_asked.start:%H:%M:%S}" > "00:00:00"
    assert f"{hit_asked.end:%H:%M:%S}" < "23:59:59"
    asked = sum((it.end - it.start).total_seconds() + 1 for it in simulator.requests if it.start and it.end)
    assert asked < 8 * 86_400 / 4
    for name in ("mag", "mag_hk", "hit", "codice_hi"):
        store.assert_right(name)
    assert all(is_final for (is_final,) in store.execute("SELECT is_final FROM instrument_day"))
    simulator.forget_requests()
    assert backfill("--instrument", "mag,mag_hk,hit,codice_hi", *RANGE).json["summary"]["skipped_existing"] == 8
    assert simulator.requests == []


def test_a_day_keeps_the_name_it_was_adopted_under(
    store: Store, adopt: Adopt, here: Here, backfill: Backfill, command: Command, clock: Clock
) -> None:
    """Later runs write there, and so does the poll; verify looks there, and read_days finds it."""
    from ialirt_backfill.read.frame import read_days  # noqa: PLC0415

    newer = {name: store.rename(name) for name in NEWER}
    lines = newer["mag"].read_text().splitlines(keepends=True)
    newer["mag"].write_text("".join(lines[:6001]))
    done = adopt("--instrument", "mag,mag_hk", "--end", str(DAY))
    assert {it["path"] for it in done.json["days"]} == {str(path.relative_to(store.folder)) for path in newer.values()}

    clock.set("2026-02-02T20:00:00")
    polled = command("poll", "--once", "--instrument", "mag", "--as-of", "2026-02-02T20:00:00", "--since", str(DAY))
    assert polled.code == 0, polled.err
    assert len(newer["mag"].read_text().splitlines()) > 12_000
    clock.set(NOW)
    later = backfill("--instrument", "mag,mag_hk", "--start", str(DAY), "--end", str(DAY))
    assert later.code == 0
    assert {it["path"] for it in later.json["results"]} == {str(it.relative_to(store.folder)) for it in newer.values()}
    for name, path in newer.items():
        store.assert_right(name)
        assert not (store.folder / INSTRUMENTS[name].path(DAY)).exists()
        assert len(read_days(store.folder, name, DAY)) == len(path.read_text().splitlines()) - 1
    assert here("verify").code == 0
    again = backfill("--instrument", "mag", "--start", str(DAY), "--end", str(DAY), "--redownload")
    assert again.code == 0
    assert not (store.folder / INSTRUMENTS["mag"].path(DAY)).exists()
    newer["mag"].unlink()
    assert backfill("--instrument", "mag", "--start", str(DAY), "--end", str(DAY)).json["results"][0]["path"] == str(
        newer["mag"].relative_to(store.folder)
    )


@pytest.mark.parametrize(
    ("instrument", "column"), [("hit", "ttj2000ns"), ("hit", "hit_epoch"), ("codice_hi", "codice_hi_epoch")]
)
def test_nanoseconds_that_went_through_a_float_are_asked_for_again_and_then_right(
    store: Store, adopt: Adopt, backfill: Backfill, simulator: Simulator, instrument: str, column: str
) -> None:
    import pandas as pd  # noqa: PLC0415

    path = store.file(instrument)
    frame = pd.read_csv(path, dtype="string")
    if instrument == "hit":
        frame[column] = frame[column].astype("float64")
    else:
        frame[column] = [str([float(cell) for cell in text.strip("[]").split(",")]) for text in frame[column]]
    frame.to_csv(path, index=False)
    assert "e+17" in path.read_text()
    done = adopt("--instrument", instrument, "--end", str(DAY))
    assert done.json["days"][0]["adoption"] == "lost digits"
    assert "have lost digits" in done.err
    assert backfill("--instrument", instrument, "--start", str(DAY), "--end", str(DAY)).code == 0
    assert sum((it.end - it.start).total_seconds() + 1 for it in simulator.requests if it.start and it.end) == 86_400
    store.assert_right(instrument)


def test_a_part_of_today_is_adopted_to_its_last_record_but_not_into_the_newest_minutes(
    store: Store, adopt: Adopt, backfill: Backfill, simulator: Simulator, clock: Clock
) -> None:
    lines = store.file("hit").read_text().splitlines(keepends=True)
    noon = next(number for number, line in enumerate(lines) if "2026-02-02T12:00" <= line < "2026-02-03")
    store.file("hit").write_text("".join(lines[:noon]))
    args = ("--instrument", "hit", "--start", str(DAY), "--end", str(DAY))
    for adopted, run, begins in (
        ("2026-02-02T12:04:30", "2026-02-02T12:30:00", "11:54"),
        ("2026-02-02T15:00:00", "2026-02-02T15:00:00", "11:59"),
    ):
        for path in store.folder.glob("ledger*"):
            path.unlink()
        simulator.forget_requests()
        assert adopt(*args, as_of=clock.set(adopted)).json["summary"]["adopted"] == 1
        assert backfill(*args, as_of=clock.set(run)).code == 0
        assert [f"{it.start:%H:%M}" for it in simulator.requests] == [begins]
        store.file("hit").write_text("".join(lines[:noon]))


def test_a_file_that_ends_in_the_middle_of_a_number_gets_its_last_row_anew(
    store: Store, adopt: Adopt, backfill: Backfill
) -> None:
    store.change("mag", lambda text: text[: text.index("2026-02-02T23:59:4")].rstrip()[:-2])
    args = ("--instrument", "mag", "--start", str(DAY), "--end", str(DAY))
    assert adopt(*args).json["summary"]["adopted"] == 1
    assert backfill(*args).code == 0
    store.assert_right("mag")


def test_an_empty_file_is_a_day_to_be_asked_for(store: Store, adopt: Adopt, backfill: Backfill) -> None:
    store.file("hit").write_bytes(b"")
    args = ("--instrument", "hit", "--start", str(DAY), "--end", str(DAY))
    assert adopt(*args).json["days"][0]["records"] == 0
    assert backfill(*args).code == 0
    store.assert_right("hit")


# --- what is not ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_adopted_is_named_and_the_rest_is_adopted(store: Store, adopt: Adopt, command: Command) -> None:
    other_name = store.file("mag").with_name("imap_ialirt_mag_20260202.csv")
    shutil.copy(store.file("mag"), other_name)
    store.change("mag_hk", lambda text: text.replace("time_utc", "time"))
    store.change("hit", lambda text: text + text.splitlines()[-1].replace("2026-02-02", "2026-02-03") + "\n")
    store.file("codice_hi").write_bytes(b"\xff\xfe\x00")
    (store.folder / "ialirt/2026/02/imap_ialirt_hit_20261399.csv").write_text("no day")
    (store.folder / "ialirt/2026/02/imap_l2_mag_20260202.csv").write_text("no product of I-ALiRT")
    before = tree(store.folder)
    done = adopt()
    assert done.code == 1
    assert done.json["summary"] == {"adopted": 4, "lost digits": 0, "known": 0, "failed": 4}
    errors = {it["instrument"]: it["error"] for it in done.json["days"] if it["adoption"] == "failed"}
    assert str(store.file("mag").relative_to(command.cwd)) in errors["mag"]
    assert str(other_name.relative_to(command.cwd)) in errors["mag"]
    assert "keep one" in errors["mag"]
    assert "no column time_utc" in errors["mag_hk"]
    assert "rows of another day" in errors["hit"]
    assert "cannot be understood" in errors["codice_hi"]
    for error in errors.values():
        assert error in done.err
    assert {name: content for name, content in tree(store.folder).items() if "ledger" not in name} == before
    assert store.execute("SELECT count(*) FROM instrument_day WHERE day = '2026-02-02'") == [(0,)]

    other_name.unlink()
    again = adopt()
    assert again.json["summary"] == {"adopted": 1, "lost digits": 0, "known": 4, "failed": 3}


def test_days_the_ledger_knows_stay_as_they_are(store: Store, adopt: Adopt, backfill: Backfill) -> None:
    assert backfill("--instrument", "hit", *RANGE).code == 0
    known = store.execute("SELECT * FROM instrument_day")
    assert adopt("--instrument", "hit").json["summary"]["known"] == 2
    assert store.execute("SELECT * FROM instrument_day") == known
    assert store.execute("SELECT count(*) FROM attempt WHERE decision = 'adopt'") == [(0,)]


def test_a_dry_run_creates_nothing(store: Store, adopt: Adopt, here: Here) -> None:
    before = tree(store.folder)
    done = adopt("--dry-run")
    assert done.code == 0
    assert done.json["dry_run"] is True
    assert done.json["summary"]["adopted"] == 8
    assert tree(store.folder) == before
    shown = here("adopt", "--dry-run", "--instrument", "hit", "--start", "2026-02-03")
    assert "Nothing was written" in shown.out
    assert tree(store.folder) == before
    adopt("--instrument", "hit", "--start", "2026-02-03")
    assert adopt("--dry-run").json["summary"] == {"adopted": 7, "lost digits": 0, "known": 1, "failed": 0}


def test_what_was_adopted_is_real_data(store: Store, adopt: Adopt, command: Command, backfill: Backfill) -> None:
    adopt("--instrument", "hit")
    mixed = command("--instrument", "hit", "--start", "2026-02-05", "--end", "2026-02-05", "--as-of", NOW, "--demo")
    assert mixed.code == 2
    assert "holds real data" in mixed.err
    for path in store.folder.glob("ledger*"):
        path.unlink()
    unknown = command("--instrument", "hit", "--start", "2026-02-05", "--end", "2026-02-05", "--as-of", NOW, "--demo")
    assert unknown.code == 2, "files that nothing is known of are taken for real ones"
    assert "holds real data" in unknown.err
    shutil.rmtree(store.folder)
    demo = command("--instrument", "hit", "--start", "2026-02-05", "--end", "2026-02-05", "--as-of", NOW, "--demo")
    assert demo.code == 0
    refused = adopt("--instrument", "hit")
    assert refused.code == 2
    assert "synthetic" in refused.err


def test_wrong_usage_of_adopt(command: Command, here: Here) -> None:
    for args, words in (
        (("--datastore", "nowhere"), "nowhere is no folder"),
        (("--instrument", "hitt"), "Did you mean 'hit'"),
        (("--start", "2026-02-03", "--end", "2026-02-02"), "lies before"),
    ):
        done = here("adopt", *args)
        assert done.code == 2
        assert words in done.err
    assert list(command.cwd.iterdir()) == []
    command.datastore.mkdir()
    empty = here("adopt")
    assert empty.code == 0
    assert "No day files found" in empty.out


# --- the ledger by hand -----------------------------------------------------------------------------------------------


def test_the_ledger_is_shown_made_and_upgraded_by_hand(
    command: Command, here: Here, backfill: Backfill, simulator: Simulator
) -> None:
    from ledger import Ledger, migrations  # noqa: PLC0415
    from tests.support.ledgers import database  # noqa: PLC0415

    def said(action: str) -> str:
        done = here("ledger", action)
        assert done.code == 0, done.err
        return done.out.strip()

    assert said("current") == f"There is no ledger yet. The first run makes it, at version {NEWEST}."
    assert here("ledger", "current", "--json").json == {"found": None, "head": NEWEST}
    assert here("ledger", "prune", "--keep", "90d").code == 2
    assert list(command.cwd.iterdir()) == []
    assert said("upgrade") == f"A new ledger was made, at version {NEWEST}."
    assert said("upgrade") == f"The ledger is at version {NEWEST} already."
    assert said("current") == f"The ledger is at version {NEWEST}, this program's own."
    backfill("--instrument", "hit", *RANGE)
    url = f"sqlite:///{command.datastore}/ledger.sqlite"
    with database(url) as connection:
        migrations.downgrade(connection, "0001")
    upgrades_itself = f"this program's is {NEWEST}: any run that writes upgrades it."
    assert said("current") == f"The ledger is at version 0001, {upgrades_itself}"
    refused = here("status")
    assert refused.code == 2
    assert "older version 0001" in refused.err
    assert said("upgrade") == f"The ledger was at version 0001; it is now at version {NEWEST}."
    simulator.forget_requests()
    assert backfill("--instrument", "hit", *RANGE).json["summary"]["skipped_existing"] == 2
    assert simulator.requests == []

    with Ledger.open(url) as ledger:
        assert len(ledger.attempts("HIT_IALIRT", DAY)) == 1
    with database(url) as connection:
        connection.exec_driver_sql("UPDATE attempt SET finished = '2025-01-01 00:00:00.000000'")
    pruned = here("ledger", "prune", "--keep", "90d")
    assert pruned.out.strip() == "Pruned 2 attempts and 0 runs; the state of the days is untouched."
    assert here("ledger", "prune", "--keep", "90d", "--json").json == {"attempt": 0, "run": 0}
    assert backfill("--instrument", "hit", *RANGE).json["summary"]["skipped_existing"] == 2
    assert here("ledger", "prune").code == 2
    assert here("ledger").code == 2
    assert here("ledger", "downgrade").code == 2
