"""Runs, kills, faults, late records and edits in random order, against a model of what each file must hold.

The model is simple: when all is over, every file holds every record that the server has of its day, with every value,
and besides them the rows and cells that someone else put there; and at no time is a file anything but a complete state
of its day, or does it lose a row that was in it.
"""

from __future__ import annotations

import csv
import math
import signal
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.simulator import Answer, CutBody, CutJson, Fault, Request, Reset, Simulator, Times, Transform
from ialirt_backfill.store import dayfile
from tests.support import tripwire
from tests.support.access import KEYS
from tests.support.clock import Clock
from tests.support.places import Place
from tests.support.reference import assert_cell, expected_rows

DAYS = (date(2026, 2, 1), date(2026, 2, 2))
INSTRUMENTS = ("hit", "swe")
"""Of these, a stretch that comes late is always long enough to be a gap."""
FILES = [(instrument, day) for instrument in INSTRUMENTS for day in DAYS]
FAULTS: dict[str, Fault] = {
    "500": Answer(500),
    "429": Answer(429, retry_after=0),
    "bug": Answer(400, b'{"message": "Invalid time format"}'),
    "denied": Answer(403),
    "reset": Reset(500),
    "cut body": CutBody(),
    "cut JSON": CutJson(0.7),
    "null": Answer(200, b"null"),
    "html": Answer(200, "<html>"),
}
FOREIGN_SECONDS = st.integers(1, 8)
"""Within the first seconds of a day, before its first record: they hide no gap."""

files = st.sampled_from(FILES)


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["time_utc"]: row for row in csv.DictReader(file, strict=True)}


class Backfilling(RuleBasedStateMachine):
    """One datastore over the days of its range, until they have settled."""

    @initialize(seed=st.integers(1, 10_000))
    def begin(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(f"{DAYS[0]}T01:00:00")
        self.simulator = Simulator(seed=seed, now=self.clock, keys=KEYS).start()
        self.place = Place(Path(self.folder.name) / "data", self.simulator, self.clock)
        self.foreign: dict[tuple[str, date], dict[str, str]] = {}
        self.touched: set[tuple[str, date]] = set()
        self.had: dict[tuple[str, date], set[str]] = {}
        self.held_back: list[tuple[datetime, datetime]] = []

    def teardown(self) -> None:
        if not hasattr(self, "place"):
            return
        try:
            self.come_to_rest()
        finally:
            self.simulator.stop()
            self.folder.cleanup()

    # --- what may happen ----------------------------------------------------------------------------------------------

    @rule(hours=st.floats(0.2, 20))
    def time_passes(self, hours: float) -> None:
        self.clock.now = (self.clock.now + timedelta(hours=hours)).replace(microsecond=0)

    @rule(hours=st.integers(0, 20), minutes=st.integers(12, 90), day=st.sampled_from(DAYS))
    def records_are_held_back(self, hours: int, minutes: int, day: date) -> None:
        """They come when the day is over, before it has settled."""
        start = day_span(day).start + timedelta(hours=hours)
        self.held_back.append((start, start + timedelta(minutes=minutes)))

    @rule(redownload=st.booleans(), retry_failed=st.booleans(), jobs=st.integers(1, 3))
    def run(self, redownload: bool, retry_failed: bool, jobs: int) -> None:
        self._run([], redownload=redownload, retry_failed=retry_failed, jobs=jobs)

    @rule(
        name=st.sampled_from(sorted(FAULTS)),
        times=st.sampled_from([1, 2, math.inf]),
        instrument=st.sampled_from([*INSTRUMENTS, None]),
        retry_failed=st.booleans(),
    )
    def run_with_faults(self, name: str, times: float, instrument: str | None, retry_failed: bool) -> None:
        self._run([Times(times, FAULTS[name], instrument=instrument)], retry_failed=retry_failed)

    @rule(number=st.integers(3, 60), how=st.sampled_from([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
    def run_is_killed(self, number: int, how: signal.Signals) -> None:
        self.simulator.faults = [self._hold_back]
        words = [
            "--instrument", ",".join(INSTRUMENTS), "--start", str(DAYS[0]), "--end", str(DAYS[-1]), "--quiet",
            "--datastore", str(self.place.datastore), "--url", self.simulator.url, "--jobs", "2",
            "--as-of", self.clock.now.isoformat(), "--retry-failed",
        ]  # fmt: skip
        assert tripwire.run(words, at=number, number=how) in {0, 1, -how, 128 + how}
        self.touched.update(FILES)  # what the ledger says of a killed day is what it said before

    @precondition(lambda self: self._existing())
    @rule(file=files, second=FOREIGN_SECONDS, note=st.sampled_from(["mine", 'a "b", c', "ü"]))
    def someone_adds_a_row(self, file: tuple[str, date], second: int, note: str) -> None:
        path = self.place.file(*file)
        if not path.exists():
            return
        rows = rows_of(path)
        time_utc = f"{file[1]}T00:00:0{second}"
        rows[time_utc] = rows.get(time_utc, {}) | {"time_utc": time_utc, "a_note": note}
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        with path.open("w", newline="", encoding="utf-8") as written:
            writer = csv.DictWriter(written, names, restval="")
            writer.writeheader()
            writer.writerows(rows.values())
        self.foreign.setdefault(file, {})[time_utc] = note
        self.touched.add(file)

    @precondition(lambda self: self._existing())
    @rule(file=files)
    def someone_deletes_a_file(self, file: tuple[str, date]) -> None:
        self.place.file(*file).unlink(missing_ok=True)
        self._forget(file)

    @precondition(lambda self: self._existing())
    @rule(file=files, share=st.floats(0.1, 0.95))
    def someone_cuts_a_file(self, file: tuple[str, date], share: float) -> None:
        path = self.place.file(*file)
        if path.exists() and b"a_note" not in path.read_bytes():  # what is cut off of a foreign row is gone
            data = path.read_bytes()
            path.write_bytes(data[: max(data.index(b"\n") + 1, int(len(data) * share))])
            self._forget(file)

    @precondition(lambda self: self._existing())
    @rule(file=files, first=st.integers(0, 300), number=st.integers(10, 200))
    def someone_takes_rows_out(self, file: tuple[str, date], first: int, number: int) -> None:
        path = self.place.file(*file)
        if not path.exists():
            return
        header, *lines = path.read_bytes().splitlines(keepends=True)
        first += len(self.foreign.get(file, ()))
        if first + number < len(lines):
            path.write_bytes(b"".join([header, *lines[:first], *lines[first + number :]]))
            self.had.pop(file, None)
            self.touched.add(file)

    # --- what must hold at any time -----------------------------------------------------------------------------------

    @invariant()
    def every_file_is_a_complete_state_of_its_day(self) -> None:
        if not hasattr(self, "place"):
            return
        for file in FILES:
            path = self.place.file(*file)
            if not path.exists():
                assert file not in self.had, f"{file} is gone"
                continue
            if file in self.touched:
                continue  # as someone left it
            found = dayfile.inspect(path)
            assert found.is_ordered
            assert not found.is_cut
            rows = set(rows_of(path))
            assert rows >= self.had.get(file, set()), f"{file} has lost rows"
            self.had[file] = rows
            with self.place.ledger() as ledger:
                row = ledger.day(f"{file[0].upper()}_IALIRT", file[1])
            assert row is not None
            assert row.records <= len(rows)
            assert row.sha256 in (None, found.sha256)

    def come_to_rest(self) -> None:
        """All days have settled, the server is well, and two more runs are made."""
        self.clock.now = max(self.clock.now, datetime(2026, 2, 6, tzinfo=UTC))
        for _ in range(2):
            self._run([], retry_failed=True)
        assert self.place.temporary_files == []
        for file in FILES:
            self._check(file)
        self.simulator.forget_requests()
        self._run([], retry_failed=True)
        assert self.simulator.requests == []

    # --- within -------------------------------------------------------------------------------------------------------

    def _run(self, faults: list[Any], **options: Any) -> None:
        self.simulator.faults = [*faults, self._hold_back]
        report = self.place.run(",".join(INSTRUMENTS), DAYS[0], DAYS[-1], **options)
        if not faults:
            assert report.exit_code == 0 or report.summary["skipped_failed"], report.outcomes
        for outcome in report.outcomes:
            self.touched.discard((outcome.instrument.name, outcome.day))

    def _hold_back(self, _: Request) -> Fault | None:
        hidden = [
            (f"{start:%Y-%m-%dT%H:%M:%S}", f"{end:%Y-%m-%dT%H:%M:%S}")
            for start, end in self.held_back
            if self.clock.now < day_span(start.date()).end + timedelta(hours=20)
        ]
        if not hidden:
            return None
        return Transform(
            lambda records: [
                record for record in records if not any(start <= record["time_utc"] < end for start, end in hidden)
            ]
        )

    def _existing(self) -> bool:
        return hasattr(self, "place") and any(self.place.file(*file).exists() for file in FILES)

    def _forget(self, file: tuple[str, date]) -> None:
        self.foreign.pop(file, None)
        self.had.pop(file, None)
        self.touched.add(file)

    def _check(self, file: tuple[str, date]) -> None:
        expected = expected_rows(self.place.perfect(*file))
        foreign = self.foreign.get(file, {})
        path = self.place.file(*file)
        found = rows_of(path) if path.exists() else {}
        assert set(found) == set(expected) | set(foreign), file
        for time_utc, row in expected.items():
            for name, value in row.items():
                if value is not None:  # what the server has taken back may be there still
                    assert_cell(name, found[time_utc][name], value)
        for time_utc, note in foreign.items():
            assert found[time_utc]["a_note"] == note
        row_in_ledger = self.place.row(*file)
        assert row_in_ledger.records == len(found)
        assert row_in_ledger.is_final
        if found:
            assert row_in_ledger.sha256 == dayfile.checksum(path)


Backfilling.TestCase.settings = settings(
    max_examples=5,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestBackfilling = Backfilling.TestCase
