"""Files that someone has edited, cut, replaced or written before us: noticed, and merged, never overwritten."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ialirt_backfill.simulator import Answer, Times
from ialirt_backfill.store import dayfile
from ledger import DayStatus
from tests.support.places import DAY, Place
from tests.support.reference import assert_cell, expected_rows

EVENING = "2026-02-03T02:00:00"
FOREIGN = "2026-02-02T23:59:58"


def cells(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row["time_utc"]: row for row in csv.DictReader(file, strict=True)}


def assert_holds(place: Place, foreign: dict[str, dict[str, str]], instrument: str = "hit") -> None:
    """All records, and the rows and cells that only the file had."""
    found = cells(place.file(instrument))
    expected = expected_rows(place.perfect(instrument))
    assert set(found) == set(expected) | set(foreign)
    for time_utc, row in expected.items():
        for name, value in row.items():
            if name not in foreign.get(time_utc, {}):
                assert_cell(name, found[time_utc][name], value)
    for time_utc, row in foreign.items():
        assert row.items() <= found[time_utc].items()
    assert place.row(instrument).records == len(found)
    assert place.row(instrument).sha256 == dayfile.checksum(place.file(instrument))


def test_a_file_cut_anywhere_is_completed(place: Place) -> None:
    place.clock.set("2026-02-02T06:00:00")
    place.run()
    whole = place.file().read_bytes()
    header = whole.index(b"\n") + 1
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    second_last = whole.rindex(b"\n", 0, last - 1) + 1
    for length in (
        0,
        1,
        header - 1,
        header,
        header + 5,
        header + 700,
        second_last,
        last - 1,
        last,
        last + 30,
        len(whole) - 2,
    ):
        place.file().write_bytes(whole[:length])
        assert place.run().exit_code == (1 if 0 < length < header - 1 else 0), length
        if 0 < length < header - 1:  # no header line that says what the columns are: not ours to throw away
            place.file().unlink()
            place.run(retry_failed=True)
        assert place.file().read_bytes() == whole, length
        assert_holds(place, {})


@pytest.mark.parametrize("settled", [False, True])
def test_rows_taken_out_are_asked_for_again_though_it_be_a_single_one(place: Place, settled: bool) -> None:
    place.clock.set("2026-03-01T00:00:00" if settled else EVENING)
    place.run()
    lines = place.file().read_text().splitlines(keepends=True)
    for first, last in ((1, 2), (700, 701), (1440, 1441), (10, 500), (1, 1441)):
        place.file().write_text("".join([*lines[:first], *lines[last:]]))
        assert place.run().exit_code == 0
        assert len(place.simulator.requests) == 1
        assert place.file().read_text() == "".join(lines)
        assert_holds(place, {})
        assert place.run().outcomes == ()


def test_a_lost_row_stays_wanted_though_the_server_fails(place: Place) -> None:
    place.clock.set(EVENING)
    place.run()
    lines = place.file().read_text().splitlines(keepends=True)
    place.file().write_text("".join([*lines[:700], *lines[701:]]))
    place.simulator.faults = Times(1, Answer(400, b'{"message": "Invalid time format"}'))
    assert place.run().exit_code == 1
    place.simulator.faults = ()
    assert place.run(retry_failed=True).exit_code == 0
    assert place.asked != ["hit 02T00:00:00 02T23:59:59"]
    assert place.file().read_text() == "".join(lines)


def test_rows_and_columns_that_only_the_file_has_are_kept(place: Place) -> None:
    place.clock.set("2026-02-02T12:00:00")
    place.run()
    rows = list(cells(place.file()).values())
    rows[20] |= {"my_note": 'look, at "this"'}
    rows.insert(3, {"time_utc": FOREIGN, "my_note": "a row of mine"})
    with place.file().open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "my_note"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    foreign: dict[str, dict[str, str]] = {
        FOREIGN: {"my_note": "a row of mine"},
        rows[21]["time_utc"]: {"my_note": 'look, at "this"'},
    }
    for now in ("2026-02-02T14:00:00", EVENING, "2026-03-01T00:00:00"):
        place.clock.set(now)
        assert place.run().exit_code == 0
        assert_holds(place, foreign)
    place.run(redownload=True)
    assert_holds(place, foreign)


def by_another_program(rows: list[dict[str, str]]) -> str:
    """Other columns, another order, other line ends, other times, a byte order mark."""
    lines = ["\ufeffmy_column,time_utc,hit_h_omni_low_en"]
    lines += [f"x,{row['time_utc'].replace('T', ' ')}.000,{row['hit_h_omni_low_en']}" for row in reversed(rows[:300])]
    return "\r\n".join(lines) + "\r\n"


def test_a_file_of_another_program_is_merged(place: Place) -> None:
    place.clock.set(EVENING)
    place.run()
    rows = list(cells(place.file()).values())
    place.file().write_text(by_another_program(rows), newline="")
    assert place.run().exit_code == 0
    found = cells(place.file())
    assert len(found) == 1440
    for row in rows[:300]:  # rows count as they are
        assert found[row["time_utc"]]["my_column"] == "x"
        assert found[row["time_utc"]]["hit_h_omni_low_en"] == row["hit_h_omni_low_en"]
    place.run(redownload=True)
    assert_holds(place, {row["time_utc"]: {"my_column": "x"} for row in rows[:300]})


def test_a_file_that_was_there_before_the_first_run_is_merged(place: Place) -> None:
    place.file().parent.mkdir(parents=True)
    place.file().write_text(f"time_utc,mine\n{FOREIGN},1\n")
    assert place.run().exit_code == 0
    assert_holds(place, {FOREIGN: {"mine": "1"}})


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(300),
        b"time_utc,a\n2026-02-02T00:00:00,1,2,3\n",
        b"a,b\n1,2\n",
        b"time_utc,a\nnoon,1\n",
    ],
    ids=["no text", "ragged", "no times", "unreadable time"],
)
def test_a_file_that_cannot_be_understood_fails_the_day_and_is_left_as_it_is(place: Place, content: bytes) -> None:
    place.run()
    row = place.row()
    place.file().write_bytes(content)
    report = place.run("hit,swe")
    failed = next(outcome for outcome in report.results if outcome.instrument.name == "hit")
    assert failed.status is DayStatus.FAILED
    assert str(place.file()) in (failed.error or "")
    assert "move it aside" in (failed.error or "")
    assert place.file().read_bytes() == content
    assert place.row().records == row.records
    assert place.row("swe").status is DayStatus.DOWNLOADED
    place.file().unlink()
    assert place.run(retry_failed=True).exit_code == 0
    place.assert_right()


@pytest.mark.parametrize("emptied", [False, True])
def test_a_file_that_is_gone_is_asked_for_whole(place: Place, emptied: bool) -> None:
    place.run()
    place.file().unlink()
    if emptied:
        place.file().touch()
    assert place.run().exit_code == 0
    assert place.asked == ["hit 02T00:00:00 02T23:59:59"]
    assert place.run().outcomes == ()
    place.assert_right()
    assert place.row().day == DAY
