"""Clocks that are set, lines that say when, and times that other programs write."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from rich.console import Console

from ialirt_backfill.ending import Stop
from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.alarm import Alarm
from ialirt_backfill.run.passes import PollListener
from ialirt_backfill.run.poll import poll
from ialirt_backfill.simulator import Answer, Simulator, Times
from ialirt_backfill.terminal.consoles import set_up_logging
from ledger import Ledger, LedgerCorrupt, LedgerError
from tests.support.clock import NOW
from tests.support.commands import Command
from tests.support.ledgers import DAY, DOWNLOADED, ITEM, NOON, claimed, execute, record
from tests.support.places import Place

HOUR = timedelta(hours=1)
EVERY = timedelta(minutes=5)


# --- a clock that is set while a poll goes on -------------------------------------------------------------------------


class SetClock:
    """A clock that is set while the poll sleeps for the first time, and the time that has really passed meanwhile."""

    def __init__(self, by: timedelta) -> None:
        self.now = datetime(2026, 2, 2, 12, 0, 1, tzinfo=UTC)
        self.passed = timedelta(0)
        self._by = by

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += timedelta(seconds=seconds)
        self.now, self._by = self.now + self._by, timedelta(0)


@pytest.mark.parametrize("by", [-2 * HOUR, -26 * HOUR, 2 * HOUR])
def test_a_clock_that_is_set_while_a_poll_sleeps_puts_no_pass_off(place: Place, by: timedelta) -> None:
    clock, stop = SetClock(by), Stop()
    begun: list[timedelta] = []

    class FourPasses(PollListener):
        def pass_begun(self, now: datetime) -> None:
            begun.append(clock.passed)
            if len(begun) == 4:
                stop.set()

    options = PollOptions(instrument="hit", datastore=str(place.datastore), url=place.simulator.url, every=EVERY)
    poll(options, listener=FourPasses(), stop=stop, clock=clock, sleep=clock.sleep)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert len(pauses) == 3
    assert max(pauses) <= EVERY


def test_a_clock_that_is_set_back_does_not_put_off_the_end_of_catching_up() -> None:
    now = datetime(2026, 2, 2, 12, tzinfo=UTC)
    clock = [now]
    alarm = Alarm(Stop(), lambda: clock[0])
    alarm.due = now + timedelta(seconds=0.3)
    clock[0] -= 2 * HOUR
    began = time.monotonic()
    assert not alarm.is_set()
    assert alarm.wait(60)
    assert 0.2 < time.monotonic() - began < 10
    alarm.due = None
    assert not alarm.is_set()


def test_a_pause_until_a_date_is_measured_by_the_clock_that_named_it(command: Command, simulator: Simulator) -> None:
    """This machine's is two hours behind: it waited for as long as it waits at most."""
    simulator.date_ahead = 2 * HOUR
    until = format_datetime(datetime.now(UTC) + 2 * HOUR + timedelta(seconds=2), usegmt=True)
    simulator.faults = Times(1, Answer(503, retry_after=until))
    began = time.monotonic()
    assert command("--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-02", "--as-of", NOW).code == 0
    assert time.monotonic() - began < 20
    assert len(simulator.requests) == 2


# --- lines that say when ----------------------------------------------------------------------------------------------


def test_the_log_tells_utc_whatever_the_zone_of_the_machine(command: Command, simulator: Simulator) -> None:
    simulator.faults = Times(1, Answer(500, "out of order"))
    before = datetime.now(UTC).replace(microsecond=0)
    done = command(
        "--instrument", "hit", "--start", "2026-02-02", "--end", "2026-02-02", "--as-of", NOW, TZ="Asia/Tokyo"
    )
    [line] = [line for line in done.err.splitlines() if "out of order" in line]
    moment = datetime.fromisoformat(line[:20])
    assert before <= moment <= datetime.now(UTC)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_so_it_does_on_a_terminal() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    handlers, level = logging.root.handlers[:], logging.root.level
    screen = Screen()
    try:
        set_up_logging(Console(file=screen, force_terminal=True, color_system=None, width=100))
        logging.getLogger("ialirt_backfill.run").warning("out of order")
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    found = re.match(r"(\d\d:\d\d:\d\d)Z +out of order", screen.getvalue())
    assert found
    said = datetime.fromisoformat(f"{datetime.now(UTC):%Y-%m-%d}T{found[1]}Z")
    assert abs((datetime.now(UTC) - said) % (24 * HOUR)) < timedelta(minutes=1)


# --- times that other programs write ----------------------------------------------------------------------------------


def table(type_: str, url: str, *values: str) -> None:
    """A table of another program, with a row of our item: when it was checked, and its newest record."""
    execute(
        url,
        f"CREATE TABLE workflow_progress (item_name VARCHAR(32) NOT NULL PRIMARY KEY, progress_timestamp {type_} NULL,"
        f" last_checked_date {type_} NULL)",
        f"INSERT INTO workflow_progress VALUES ('{ITEM}', '{values[0]}', '{values[1]}')",
        f"INSERT INTO workflow_progress VALUES ('SWE_L2', '{values[0]}', NULL)",
    )


def progress(url: str) -> list[tuple[str, str]]:
    return execute(
        url,
        "SELECT CAST(progress_timestamp AS VARCHAR(40)), CAST(last_checked_date AS VARCHAR(40)) FROM workflow_progress"
        f" WHERE item_name = '{ITEM}'",
    )


@pytest.mark.parametrize("type_", ["TIMESTAMP", "TEXT", "DATETIME"])
@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2026-02-01 11:59:00+00:00", "2026-02-01 12:00:00.000000+00:00"),
        ("2026-02-01T11:59:00Z", "2026-02-01T12:00:00.000000Z"),
        ("2026-02-01 12:59:00.123+01:00", "2026-02-01 12:00:00.000000+00:00"),
        ("20260201T115900Z", "2026-02-01T12:00:00.000000Z"),
        ("2026-02-01 11:59Z", "2026-02-01 12:00:00.000000Z"),
        ("2026-02-01T11:59:00.123456", "2026-02-01 12:00:00.000000"),
        ("2026-02-01 11:59:00", "2026-02-01 12:00:00.000000"),
        ("2026-02-01", "2026-02-01 12:00:00.000000"),
    ],
)
def test_texts_with_a_zone_are_read_and_moved_forward_as_the_times_they_are(
    sqlite_url: str, type_: str, written: str, form: str
) -> None:
    with Ledger.open(sqlite_url):
        pass
    execute(sqlite_url, "DROP TABLE workflow_progress")
    table(type_, sqlite_url, written, written)
    with Ledger.open(sqlite_url) as ledger:
        before = ledger.progress([ITEM])[ITEM]
        assert before.progress_timestamp is not None
        assert before.progress_timestamp.tzinfo is UTC
        assert before.progress_timestamp < NOON
        record(ledger, claimed(ledger), DOWNLOADED, checked=NOON, progress=NOON)
        after = ledger.progress([ITEM])[ITEM]
        assert (after.progress_timestamp, after.last_checked_date) == (NOON, NOON)
        assert progress(sqlite_url) == [(form, form)]
        # An older one does not take it back.
        record(ledger, claimed(ledger, day=DAY + timedelta(days=1)), checked=NOON - HOUR, progress=NOON - HOUR)
        assert ledger.progress([ITEM])[ITEM] == after
    assert execute(sqlite_url, "SELECT progress_timestamp FROM workflow_progress WHERE item_name = 'SWE_L2'") == [
        (written,)
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("type_", ["timestamp", "timestamptz"])
def test_a_server_in_another_zone_and_columns_with_one_make_no_difference(
    postgresql_url: str, type_: str, zone: str
) -> None:
    [(name,)] = execute(postgresql_url, "SELECT current_database()")
    execute(postgresql_url, f"ALTER DATABASE {name} SET TimeZone = '{zone}'")
    table(type_, postgresql_url, "2026-02-01 11:59:00+00", "2026-02-01 11:59:00+00")
    with Ledger.open(postgresql_url) as ledger:
        before = ledger.progress([ITEM])[ITEM]
        assert before.progress_timestamp == before.last_checked_date == NOON - timedelta(minutes=1)
        assert abs(ledger.now() - datetime.now(UTC)) < timedelta(minutes=1)
        record(ledger, claimed(ledger), DOWNLOADED, checked=NOON, progress=NOON)
        record(ledger, claimed(ledger, day=DAY + timedelta(days=1)), checked=NOON - HOUR, progress=NOON - HOUR)
        after = ledger.progress([ITEM])[ITEM]
        assert (after.progress_timestamp, after.last_checked_date) == (NOON, NOON)
    moment = "progress_timestamp AT TIME ZONE 'UTC'" if type_ == "timestamptz" else "progress_timestamp"
    [(stored,)] = execute(postgresql_url, f"SELECT ({moment})::text FROM workflow_progress WHERE item_name = '{ITEM}'")
    assert stored == "2026-02-01 12:00:00"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("progress_timestamp BIGINT, last_checked_date TIMESTAMP", "progress_timestamp is BIGINT, not a timestamp"),
        ("progress_timestamp TIMESTAMP, last_checked_date DATE", "last_checked_date is DATE, not a timestamp"),
        ("progress_timestamp TIMESTAMP NOT NULL, last_checked_date TIMESTAMP", "progress_timestamp must not be NULL"),
        (
            "progress_timestamp TIMESTAMP, last_checked_date TIMESTAMP, owner VARCHAR(9) NOT NULL",
            "owner must not be NULL, and has no default",
        ),
    ],
)
def test_a_table_of_other_types_is_refused_at_the_start(
    ledger_url: str, columns: str, said: str, tmp_path: object
) -> None:
    if ledger_url.startswith("sqlite"):
        Ledger.open(ledger_url).close()
        for name in ("attempt", "mirrored_day", "instrument_day", "run", "ledger_property", "ialirt_backfill_version"):
            execute(ledger_url, f"DROP TABLE {name}")
        execute(ledger_url, "DROP TABLE workflow_progress")
    execute(ledger_url, f"CREATE TABLE workflow_progress (item_name VARCHAR(32) PRIMARY KEY, {columns})")
    with pytest.raises(LedgerError, match=rf"a table workflow_progress of another kind \(.*{said}.*\): use another"):
        Ledger.open(ledger_url)


def test_a_text_column_is_none_of_times_in_postgresql(postgresql_url: str) -> None:
    execute(
        postgresql_url,
        "CREATE TABLE workflow_progress (item_name CHAR(32) PRIMARY KEY, progress_timestamp TEXT,"
        " last_checked_date TEXT)",
    )
    with pytest.raises(LedgerError, match=r"item_name is CHAR\(32\), not a varchar; progress_timestamp is TEXT, not a"):
        Ledger.open(postgresql_url)


@pytest.mark.parametrize("written", ["yesterday", "1769940000", ""])
def test_a_text_that_is_no_time_is_named(sqlite_url: str, written: str) -> None:
    Ledger.open(sqlite_url).close()
    execute(sqlite_url, f"INSERT INTO workflow_progress VALUES ('{ITEM}', '{written}', NULL)")
    with Ledger.open(sqlite_url) as ledger:
        with pytest.raises(LedgerCorrupt, match=r"where a time should be.*set it right, or to NULL"):
            ledger.progress([ITEM])
        with pytest.raises(LedgerCorrupt, match=f"in workflow_progress for {ITEM}, where a time should be"):
            record(ledger, claimed(ledger), DOWNLOADED, checked=NOON, progress=NOON)
