"""Days of different tables at once, and how far they have come."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.mirror.events import (
    MirrorAction,
    MirrorDecision,
    MirrorListener,
    MirrorOutcome,
    MirrorReport,
    MirrorStatus,
)
from ialirt_backfill.mirror.jobs import TablePlace
from ialirt_backfill.mirror.loading import mirror
from ialirt_backfill.options import MirrorOptions
from ialirt_backfill.terminal.mirror_progress import MirrorBars, MirrorLines
from tests.mirror.samples import FIRST, LAST, Mirror, execute
from tests.support.stores import Store


class InWork(MirrorListener):
    """Which tables were in work at once. A day waits, but not for long, until as many are as are meant to be."""

    def __init__(self, together: int) -> None:
        self._changed = threading.Condition()
        self._together = together
        self._now: list[str] = []
        self.most: set[str] = set()
        self.twice = False

    def day_started(self, decision: MirrorDecision) -> None:
        with self._changed:
            self.twice |= decision.place.table in self._now
            self._now.append(decision.place.table)
            if len(self._now) > len(self.most):
                self.most = set(self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self.most) >= self._together, timeout=3)

    def day_finished(self, outcome: MirrorOutcome) -> None:
        with self._changed:
            self._now.remove(outcome.decision.place.table)


def loaded(store: Store, database: str, listener: MirrorListener, jobs: int) -> MirrorReport:
    return mirror(
        MirrorOptions(
            datastore=str(store.folder), database=database, instrument="hit,swe,codice_lo", start=FIRST, end=LAST,
            jobs=jobs,
        ),
        listener=listener,
    )  # fmt: skip


@pytest.mark.parametrize(("jobs", "at_once"), [(1, 1), (2, 2), (64, 3)])
def test_as_many_tables_at_once_as_jobs(store: Store, postgresql_url: str, jobs: int, at_once: int) -> None:
    listener = InWork(at_once)
    report = loaded(store, postgresql_url, listener, jobs)
    assert (report.exit_code, report.summary["loaded"]) == (0, 6)
    assert len(listener.most) == at_once
    assert not listener.twice, "one table has one load at a time"
    for name in ("hit", "swe", "codice_lo"):
        rows = sum(len(store.rows(name, day)) for day in (FIRST, LAST))
        assert execute(postgresql_url, f"SELECT count(*) FROM ialirt_{name}") == [(rows,)]


def test_sqlite_has_one_writer(store: Store, sqlite_target: str) -> None:
    listener = InWork(1)
    assert loaded(store, sqlite_target, listener, 4).summary["loaded"] == 6
    assert len(listener.most) == 1


def test_a_server_that_grants_few_sessions(store: Store, postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    execute(postgresql_url, "DO $$ BEGIN CREATE ROLE few LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    execute(postgresql_url, "ALTER ROLE few CONNECTION LIMIT 3")
    execute(postgresql_url, "GRANT CREATE ON SCHEMA public TO few")
    listener = InWork(2)
    assert loaded(store, postgresql_url.replace("postgres@", "few@"), listener, 4).summary["loaded"] == 6
    assert len(listener.most) == 2
    assert "loading with --jobs 2: " in caplog.text
    assert "too many connections for role" in caplog.text


def test_the_history_of_loads_at_once(load: Mirror, postgresql_url: str) -> None:
    assert load(postgresql_url, "hit,swe,codice_lo,codice_hi", history=True, jobs=4).summary["loaded"] == 8
    assert execute(postgresql_url, "SELECT count(*) FROM _crump_history WHERE success") == [(8,)]


@pytest.mark.parametrize("jobs", [0, 65])
def test_a_number_of_jobs_that_cannot_be(jobs: int) -> None:
    with pytest.raises(UsageError, match=f"--jobs {jobs}: between 1 and 64 tables at once"):
        MirrorOptions(jobs=jobs)


# --- progress ---------------------------------------------------------------------------------------------------------


def decision(instrument: str, number: int, size: int, action: MirrorAction = MirrorAction.LOAD) -> MirrorDecision:
    place = TablePlace(f"ialirt_{instrument}", {}, None)
    day = FIRST + timedelta(days=number)
    return MirrorDecision(INSTRUMENTS[instrument], day, Path("x.csv"), size, place, action, "never loaded")


def outcome(it: MirrorDecision, error: str | None = None) -> MirrorOutcome:
    status = MirrorStatus.FAILED if error else MirrorStatus.LOADED
    return MirrorOutcome(it, status, 0 if error else 12_345, 1.5, error)


def drawn(console: Console, bars: MirrorBars) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    before = len(console.file.getvalue())
    console.print(bars.frame())
    lines = console.file.getvalue()[before:].splitlines()
    assert all(len(line) <= console.width for line in lines)
    return [" ".join(line.replace("━", "").replace("╸", "").split()) for line in lines]


@pytest.mark.parametrize("width", [80, 140])
def test_a_table_of_progress_with_the_time_left(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=24)
    now = [100.0]
    bars = MirrorBars(console, clock=lambda: now[0])
    mags = [decision("mag", number, 3_000_000) for number in range(3)]
    hits = [decision("hit", number, 500_000) for number in range(2)]
    bars.planned([*mags, *hits, decision("swe", 0, 1, MirrorAction.SKIP_LOADED)])
    assert drawn(console, bars) == [
        "mag 0/3 days · 0 records",
        "hit 0/2 days · 0 records",
        "all 0/5 days · 0 records · -:-- left",
    ]
    bars.day_started(mags[0])
    bars.day_started(hits[0])
    now[0] += 7
    bars.day_finished(outcome(mags[0]))
    bars.day_finished(outcome(hits[0], "hit 2026-01-01 was not loaded: the disk\nis full"))
    bars.day_started(mags[1])
    now[0] += 3
    # 3.5 of 10 MB in 10 s
    assert drawn(console, bars) == [
        "mag 1/3 days · 12.3k records",
        "hit 1/2 days · 1 failed · 0 records",
        "all 2/5 days · 1 failed · 12.3k records · 0:18 left",
        "mag 2026-01-02 0:03",
    ]
    bars.day_skipped(hits[1])
    for mag in mags[1:]:
        bars.day_finished(outcome(mag))
    assert drawn(console, bars)[-1] == "all 5/5 days · 1 failed · 37.0k records · took 0:10"
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "5 days to load, 1 to skip" in shown
    assert "hit 2026-01-01 was not loaded: the disk is full" in shown


def test_nothing_to_load_and_one_instrument(store: Store) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=80)
    bars = MirrorBars(console)
    bars.planned([])
    assert drawn(console, bars) == []
    bars.planned([decision("mag", 0, 0)])
    [line] = drawn(console, bars)
    assert line == "mag 0/1 day · 0 records · -:-- left"


@pytest.mark.parametrize("quiet", [False, True])
def test_elsewhere_a_line_for_every_day(quiet: bool) -> None:
    console = Console(file=io.StringIO(), width=200)
    lines = MirrorLines(console, quiet=quiet)
    days = [decision("mag", number, 1) for number in range(3)]
    with lines.shown() as listener:
        listener.planned(days)
        listener.waiting(days[0])
        listener.day_finished(outcome(days[0]))
        listener.day_finished(outcome(days[1], "mag 2026-01-02 was not loaded"))
        listener.day_skipped(days[2])
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue().splitlines()
    assert ("mag 2026-01-02 was not loaded" in shown) is True
    assert (len(shown) == 1) is quiet
    if not quiet:
        assert shown[0] == "3 days to load, 0 to skip"
        assert shown[2] == "mag 2026-01-01  12,345 records in 1.5 s  (1 of 3)"
