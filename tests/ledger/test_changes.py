"""What has changed since: nothing is missed and nothing told twice, in whichever order transactions end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any

import pytest

from ledger import AttemptResult, DayChange, DayResult, Ledger
from tests.support.ledgers import ATTEMPT, DAY, DOWNLOADED, FAILED, FAILED_ATTEMPT, ITEM, NOON, claimed, execute, record
from tests.support.processes import FORKSERVER, Forked

OTHER = "MAG_IALIRT"
ITEMS = (ITEM, OTHER)
NO_DATA = replace(DOWNLOADED, records=0, path=None, size_bytes=None, sha256=None)
PATIENCE_SECONDS = 60


def content(mark: int | str) -> DayResult:
    return replace(DOWNLOADED, sha256=f"{mark}".rjust(64, "0"))


def marks(changes: list[DayChange]) -> list[str]:
    return [(it.sha256 or "").lstrip("0") for it in changes]


# --- what counts ------------------------------------------------------------------------------------------------------


def test_a_day_is_told_once_and_as_it_is_now(ledger: Ledger) -> None:
    assert ledger.changes(ITEMS) == ([], {})
    record(ledger, claimed(ledger), content("a"), progress=NOON)
    record(ledger, claimed(ledger, day=DAY + timedelta(1)), content("b"))
    changes, numbers = ledger.changes(ITEMS)
    assert marks(changes) == ["a", "b"]
    assert numbers == {ITEM: 2}
    row = ledger.day(ITEM, DAY)
    assert row is not None
    first = changes[0]
    assert first == DayChange(
        ITEM, DAY, row.path, row.sha256, row.records, row.availability_pct, row.is_final, first.changed_at, 1
    )
    assert abs(first.changed_at - ledger.now()) < timedelta(minutes=1)
    assert ledger.changes(ITEMS, after=numbers) == ([], numbers)
    record(ledger, claimed(ledger), content("c"))
    changes, later = ledger.changes(ITEMS, after=numbers)
    assert (marks(changes), later) == (["c"], {ITEM: 3})
    assert marks(ledger.changes(ITEMS)[0]) == ["b", "c"]


@pytest.mark.parametrize(
    ("result", "attempt"),
    [
        (DOWNLOADED, None),
        (replace(DOWNLOADED, is_final=True), ATTEMPT),
        (FAILED, FAILED_ATTEMPT),
        (replace(DOWNLOADED, path="elsewhere.csv"), ATTEMPT),
    ],
    ids=["nothing new", "final", "failed", "moved"],
)
def test_what_is_no_change_of_content(ledger: Ledger, result: DayResult, attempt: AttemptResult | None) -> None:
    record(ledger, claimed(ledger))
    _, numbers = ledger.changes([ITEM])
    record(ledger, claimed(ledger), result, attempt)
    ledger.release(claimed(ledger))
    ledger.note_refused(ITEM, [DAY], "no key")
    assert ledger.changes([ITEM], after=numbers) == ([], numbers)


def test_a_day_without_a_file_is_no_change_and_one_that_lost_its_file_is(ledger: Ledger) -> None:
    record(ledger, claimed(ledger), NO_DATA)
    assert ledger.changes([ITEM]) == ([], {})
    record(ledger, claimed(ledger), checked=None, progress=None)  # type: ignore[arg-type] # as `adopt` does
    record(ledger, claimed(ledger), NO_DATA)
    [change] = ledger.changes([ITEM])[0]
    assert (change.sha256, change.path, change.number) == (None, None, 2)


def test_a_poll_that_keeps_its_claim_is_heard_with_every_pass(ledger: Ledger) -> None:
    claim = claimed(ledger)
    numbers: dict[str, int] = {}
    for mark, heard in (("a", ["a"]), ("a", []), ("b", ["b"])):
        record(ledger, claim, content(mark), keep_claim=True)
        changes, numbers = ledger.changes([ITEM], after=numbers)
        assert marks(changes) == heard


def test_a_result_that_was_rolled_back_is_none(ledger: Ledger) -> None:
    claim = claimed(ledger)

    def publish_on_a_full_disk() -> None:
        with ledger.recording(claim) as recording:
            recording.save(content("a"), ATTEMPT, checked=NOON, progress=NOON)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish_on_a_full_disk()
    assert ledger.changes([ITEM]) == ([], {})


def test_since_a_time_and_of_some_items(ledger: Ledger, ledger_url: str) -> None:
    for number, item in enumerate((ITEM, OTHER)):
        record(ledger, claimed(ledger, item), content(number + 1))
    execute(
        ledger_url, f"UPDATE instrument_day SET changed_at = '2026-02-01 11:00:00.000000' WHERE item_name = '{ITEM}'"
    )
    changes, numbers = ledger.changes(ITEMS, since=NOON)
    assert (marks(changes), numbers) == (["2"], {ITEM: 1, OTHER: 1})
    assert marks(ledger.changes(ITEMS, since=NOON - timedelta(hours=1))[0]) == ["1", "2"]
    assert marks(ledger.changes([ITEM])[0]) == ["1"]
    assert marks(ledger.changes(ITEMS, after={ITEM: 1})[0]) == ["2"]


# --- commits that end out of order ------------------------------------------------------------------------------------


def _write_when_told(url: str, item: str, day: date, mark: str, told: Pipe) -> None:
    """Record a day step by step, each when it is told to."""
    with Ledger.open(url) as ledger:
        claim = claimed(ledger, item, day)
        told.send("claimed")
        told.recv()
        with ledger.recording(claim) as recording:
            recording.save(content(mark), ATTEMPT, checked=NOON, progress=NOON)
            told.send("saved")
            told.recv()
        told.send("committed")


class Writer:
    """A process that records one day."""

    def __init__(self, url: str, item: str, day: date, mark: str) -> None:
        self.pipe, other = FORKSERVER.Pipe()
        self.process = Forked(target=_write_when_told, args=(url, item, day, mark, other), daemon=True)
        self.process.start()
        assert self.hears() == "claimed"

    def hears(self) -> str | None:
        """Its next step, None where it does not come to one."""
        return self.pipe.recv() if self.pipe.poll(PATIENCE_SECONDS) else None

    def go_on(self) -> None:
        self.pipe.send("go on")


@pytest.mark.slow
def test_who_began_first_and_ends_last_is_not_missed(postgresql_url: str) -> None:
    """A cursor of times would pass over it: it is dated before what has been told."""
    with Ledger.open(postgresql_url) as ledger:
        early, late = Writer(postgresql_url, ITEM, DAY, "a"), Writer(postgresql_url, OTHER, DAY, "b")
        early.go_on()
        assert early.hears() == "saved"
        late.go_on()
        assert late.hears() == "saved"
        late.go_on()
        assert late.hears() == "committed"
        [first], numbers = ledger.changes(ITEMS)
        early.go_on()
        assert early.hears() == "committed"
        [second], _ = ledger.changes(ITEMS, after=numbers)
        assert marks([first, second]) == ["b", "a"]
        assert second.changed_at < first.changed_at
        assert ledger.changes(ITEMS)[0] == [second, first]


@pytest.mark.slow
def test_the_days_of_an_item_take_their_numbers_one_after_another(postgresql_url: str) -> None:
    with Ledger.open(postgresql_url) as ledger:
        waiting = [Writer(postgresql_url, ITEM, DAY + timedelta(n), mark) for n, mark in enumerate("abcd")]
        for writer in waiting:
            writer.go_on()
        told: list[DayChange] = []
        numbers: dict[str, int] = {}
        while waiting:
            [holder] = [it for it in waiting if it.pipe in wait([it.pipe for it in waiting], PATIENCE_SECONDS)]
            assert holder.hears() == "saved"
            waiting.remove(holder)
            assert wait([it.pipe for it in waiting], 0.2) == []
            assert ledger.changes([ITEM], after=numbers) == ([], numbers)
            holder.go_on()
            assert holder.hears() == "committed"
            found, numbers = ledger.changes([ITEM], after=numbers)
            told += found
        assert [it.number for it in told] == [1, 2, 3, 4]
        assert sorted(marks(told)) == ["a", "b", "c", "d"]


DAYS, CHANGES = 6, 15


def _write_at_random(url: str, number: int, started: Any) -> None:
    """Change days again and again, with pauses everywhere; the days are this writer's, the items everybody's."""
    chance = random.Random(number)
    with Ledger.open(url) as ledger:
        started.wait()
        for turn in range(CHANGES):
            item, day = chance.choice(ITEMS), DAY + timedelta(DAYS * number + chance.randrange(DAYS))
            claim = claimed(ledger, item, day)
            with ledger.recording(claim) as recording:
                time.sleep(chance.random() * 0.02)
                mark = f"{number}{turn:04}" if chance.random() < 0.8 else claim.state.sha256
                recording.save(replace(DOWNLOADED, sha256=mark), None, checked=NOON, progress=NOON)
                time.sleep(chance.random() * 0.02)


@pytest.mark.slow
def test_four_writers_and_a_reader_that_is_started_anew_every_time(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    started = FORKSERVER.Event()
    writers = [Forked(target=_write_at_random, args=(ledger_url, number, started), daemon=True) for number in range(4)]
    for writer in writers:
        writer.start()
    told: list[DayChange] = []
    lists, numbers = 0, dict[str, int]()

    def look() -> None:
        nonlocal numbers, lists
        with _opened(ledger_url) as ledger:
            changes, numbers = ledger.changes(ITEMS, after=numbers)
        lists += bool(changes)
        told.extend(changes)

    started.set()
    _until(lambda: not any(writer.is_alive() for writer in writers), look)
    look()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert lists > 5, "it was looked at while they wrote"
    each = [(it.item_name, it.number) for it in told]
    assert len(each) == len(set(each)), "one was told twice"
    with _opened(ledger_url) as ledger:
        assert {(it.item_name, it.day): it for it in told} == {
            (it.item_name, it.day): it for it in ledger.changes(ITEMS)[0]
        }
        rows = ledger.days(ITEMS, DAY, DAY + timedelta(4 * DAYS))
    assert {place: row.sha256 for place, row in rows.items() if row.sha256} == {
        (it.item_name, it.day): it.sha256 for it in last_of_each(told)
    }


def last_of_each(told: list[DayChange]) -> list[DayChange]:
    """What was told last of each day."""
    return list({(it.item_name, it.day): it for it in told}.values())


def _opened(url: str) -> Ledger:
    ledger = Ledger.open_existing(url)
    assert ledger is not None
    return ledger


def _until(condition: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        meanwhile()
        time.sleep(0.01)
