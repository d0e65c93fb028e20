"""One runner per day: claims, heartbeat, take-over, fencing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger import AttemptStatus, Claim, Claimant, ClaimLost, DayStatus, Ledger, claims
from ledger.opening import Access, open_database
from tests.support.ledgers import ATTEMPT, DAY, DOWNLOADED, ITEM, claimed, execute, record

ROOT = Path(__file__).parents[2]

HOLDS_A_CLAIM = f"""
import sys, datetime
from ledger import Ledger
ledger = Ledger.open(sys.argv[1])
claim = ledger.claim({ITEM!r}, datetime.date({DAY.year}, {DAY.month}, {DAY.day}), seen_version=None, run_id="doomed")
print(claim.claimant.pid, flush=True)
sys.stdin.read()
"""


def test_a_claim_makes_the_row_and_changes_no_status(ledger: Ledger) -> None:
    claim = ledger.claim(ITEM, DAY, seen_version=None, run_id="run")
    assert claim is not None
    assert (claim.item_name, claim.day, claim.run_id) == (ITEM, DAY, "run")
    assert claim.state.status is DayStatus.PENDING
    assert claim.state.claim is None
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row == claim.state._replace(claim=claim.claimant)
    assert row.attempts == 0
    assert ledger.progress([ITEM])[ITEM].progress_timestamp is None


def test_a_held_day_cannot_be_claimed(ledger: Ledger) -> None:
    held = claimed(ledger, run_id="first")
    assert ledger.claim(ITEM, DAY, seen_version=None, run_id="second") is None
    assert ledger.claim(ITEM, DAY, seen_version=held.state.version, run_id="second") is None
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.claim == held.claimant


def test_a_day_that_changed_since_it_was_seen_cannot_be_claimed(ledger: Ledger) -> None:
    record(ledger, claimed(ledger))
    assert ledger.claim(ITEM, DAY, seen_version=None, run_id="run") is None
    assert ledger.claim(ITEM, DAY, seen_version=1, run_id="run") is None
    assert claimed(ledger).state.status is DayStatus.DOWNLOADED


def test_a_released_day_is_free_and_unchanged(ledger: Ledger) -> None:
    record(ledger, claimed(ledger))
    before = ledger.day(ITEM, DAY)
    claim = claimed(ledger)
    ledger.release(claim)
    ledger.release(claim)
    after = ledger.day(ITEM, DAY)
    assert before is not None
    assert after is not None
    assert after == before._replace(version=before.version + 2, updated_at=after.updated_at)
    assert len(ledger.attempts(ITEM, DAY)) == 1


def test_of_many_threads_one_gets_the_day(ledger: Ledger) -> None:
    start, claims = threading.Barrier(8), []

    def run(number: int) -> None:
        start.wait()
        claims.append(ledger.claim(ITEM, DAY, seen_version=None, run_id=f"run{number}"))

    threads = [threading.Thread(target=run, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 8
    assert sum(claim is not None for claim in claims) == 1


def test_a_killed_process_is_taken_over_at_once(ledger: Ledger, ledger_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_CLAIM, ledger_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        seen = ledger.day(ITEM, DAY)
        assert seen is not None
        assert seen.claim is not None
        assert seen.claim.pid == pid
        assert ledger.claim(ITEM, DAY, seen_version=seen.version, run_id="next") is None
        process.send_signal(signal.SIGKILL)
        while not seen.claim.is_known_dead():
            pass  # it is dead as soon as it is a zombie: nobody has waited for it yet
        row = ledger.day(ITEM, DAY)
        assert row is not None
        assert row.claim is None
        claim = ledger.claim(ITEM, DAY, seen_version=row.version, run_id="next")
    assert claim is not None
    assert claim.state.attempts == 1
    assert claim.state.status is DayStatus.PENDING
    [interrupted] = ledger.attempts(ITEM, DAY)
    assert (interrupted.status, interrupted.run_id) == (AttemptStatus.INTERRUPTED, "doomed")
    assert interrupted.started <= interrupted.finished
    assert f"process {pid} on host" in interrupted.reason


def test_a_claim_of_another_host_lapses_by_time_unless_it_is_renewed(ledger: Ledger, ledger_url: str) -> None:
    claim = claimed(ledger)
    _move_to_another_host(ledger_url, claim.claimant)
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.claim is not None
    assert row.claim.host == "elsewhere"
    _let_lapse(ledger_url)
    lapsed = ledger.day(ITEM, DAY)
    assert lapsed is not None
    assert lapsed.claim is None
    assert ledger.claim(ITEM, DAY, seen_version=lapsed.version, run_id="next") is not None


def test_the_heartbeat_renews_and_defeats_a_take_over_that_looked_before(ledger: Ledger, ledger_url: str) -> None:
    claim = claimed(ledger)
    _let_lapse(ledger_url)
    with Ledger.open(ledger_url) as other:
        lapsed = other.day(ITEM, DAY)
        assert lapsed is not None
        assert lapsed.claim is None
        assert ledger.renew("another run") == 0
        assert ledger.renew(claim.run_id) == 1
        assert other.claim(ITEM, DAY, seen_version=lapsed.version, run_id="next") is None
        assert other.renew(claim.run_id) == 0
    row = ledger.day(ITEM, DAY)
    assert row is not None
    assert row.claim == claim.claimant


def test_what_is_released_or_recorded_is_not_renewed(ledger: Ledger) -> None:
    ledger.release(claimed(ledger))
    assert ledger.renew("run") == 0
    record(ledger, claimed(ledger))
    assert ledger.renew("run") == 0


def test_whoever_lost_the_claim_records_nothing(ledger: Ledger, ledger_url: str) -> None:
    lost = claimed(ledger, run_id="slow")
    _let_lapse(ledger_url)
    mine = claimed(ledger, run_id="next")
    before = ledger.day(ITEM, DAY)
    entered = False
    with pytest.raises(ClaimLost, match="taken over"), ledger.recording(lost):
        entered = True
    assert not entered
    ledger.release(lost)
    assert ledger.renew("slow") == 0
    assert ledger.day(ITEM, DAY) == before
    record(ledger, mine)
    with pytest.raises(ClaimLost):
        record(ledger, mine)
    assert [attempt.run_id for attempt in ledger.attempts(ITEM, DAY)] == ["slow", "next"]


def test_a_day_being_recorded_cannot_be_taken_even_when_its_claim_lapses(ledger: Ledger, ledger_url: str) -> None:
    claim = claimed(ledger)
    _let_lapse(ledger_url)
    lapsed = ledger.day(ITEM, DAY)
    assert lapsed is not None
    taken: list[object] = []

    def take() -> None:
        with Ledger.open(ledger_url, timeout_seconds=5) as other:
            taken.append(other.claim(ITEM, DAY, seen_version=lapsed.version, run_id="next"))

    other = threading.Thread(target=take)
    with ledger.recording(claim) as recording:
        other.start()
        other.join(timeout=0.5)  # on PostgreSQL it is told no at once, on SQLite it waits for the lock
        recording.save(DOWNLOADED, ATTEMPT, checked=datetime.now(UTC), progress=None)
    other.join()
    assert taken == [None]


def test_a_claim_does_not_wait_for_another_day_of_the_item_that_is_being_recorded(postgresql_url: str) -> None:
    """Nor does one on that day itself: whoever records may be frozen."""
    with Ledger.open(postgresql_url) as ledger, Ledger.open(postgresql_url, timeout_seconds=0.2) as other:
        held = claimed(ledger)
        _let_lapse(postgresql_url)
        lapsed = ledger.day(ITEM, DAY)
        assert lapsed is not None
        with ledger.recording(held) as recording:
            recording.save(DOWNLOADED, ATTEMPT, checked=datetime.now(UTC), progress=None)
            assert claimed(other, day=DAY + timedelta(days=1)).state.attempts == 0
            assert other.claim(ITEM, DAY, seen_version=lapsed.version, run_id="next") is None


def test_a_transaction_that_is_tried_again_finds_its_own_claim(ledger_url: str) -> None:
    """As after a commit that took effect and whose answer was lost."""
    Ledger.open(ledger_url).close()
    database = open_database(ledger_url, Access.CREATE, 5)
    assert database is not None

    def take(token: str) -> Claim | None:
        return database.write(
            lambda connection: claims.take(connection, ITEM, DAY, seen_version=None, run_id="run", token=token)
        )

    first = take("mine")
    assert first is not None
    assert take("mine") == first
    assert take("another's") is None
    database.close()


def test_a_claimant_is_read_back_from_its_text() -> None:
    claimant = Claimant.this_process("run", datetime.now(UTC), "token")
    assert Claimant.from_text(claimant.text) == claimant
    assert not claimant.is_known_dead()


def test_every_claim_has_a_token_of_its_own(ledger: Ledger) -> None:
    assert claimed(ledger).token != claimed(ledger, day=DAY + timedelta(days=1)).token


def test_only_a_process_that_must_have_ended_is_known_dead() -> None:
    mine = Claimant.this_process("run", datetime(2026, 1, 1, 10, tzinfo=UTC), "token")
    gone = replace(mine, pid=2**22 + 1)
    assert gone.is_known_dead()
    assert replace(mine, process_start=1).is_known_dead()  # the process id was given to another process since
    assert not replace(mine, process_start=None).is_known_dead()
    for elsewhere in (replace(gone, host="x"), replace(gone, boot_id="x"), replace(gone, pid_namespace="x")):
        assert not elsewhere.is_known_dead()
    assert replace(gone, host="x").is_living(mine.since + timedelta(seconds=1), mine.since)
    assert not replace(gone, host="x").is_living(mine.since, mine.since)
    assert replace(mine, host="x", pid=123).describe() == "process 123 on host x since 2026-01-01 10:00:00Z"


def _move_to_another_host(url: str, claimant: Claimant) -> None:
    text = replace(claimant, host="elsewhere").text
    execute(url, f"UPDATE instrument_day SET claimed_by = '{text}'")


def _let_lapse(url: str) -> None:
    execute(url, "UPDATE instrument_day SET claimed_until = '2026-01-01 00:00:00.000000'")
