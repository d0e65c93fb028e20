"""Records that should not be, among those that should: each costs itself at most."""

from __future__ import annotations

import csv
import json
import logging
import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Answer, Fault, Request, Times, Transform
from ledger import DayStatus
from tests.support.access import FULL
from tests.support.commands import Ended
from tests.support.places import DAY, Place
from tests.support.reference import assert_file_holds

Records = list[dict[str, Any]]

WHOLE_FILL = -9999999999999999635896294965248
"""The fill value, -1.0e31, as the server writes it."""

EVENING = "2026-02-03T02:00:00"
"""The day is over, and has not settled."""
SETTLED = "2026-02-05T00:00:00"


def shuffled(records: Records) -> Records:
    return random.Random(1).sample(records, len(records))


def twice(records: Records) -> Records:
    return records + records[::2]


def of_other_days(records: Records) -> Records:
    other = [dict(record, time_utc=record["time_utc"].replace("2026-02-0", "2026-02-1")) for record in records[:50]]
    return [*other[:25], *records, *other[25:], dict(records[0], time_utc="2019-01-01T00:00:00")]


def from_the_future(records: Records) -> Records:
    return [*records, dict(records[5], time_utc="2199-12-31T23:59:59")]


def midnight_after(records: Records) -> Records:
    return [*records, dict(records[-1], time_utc="2026-02-03T00:00:00")]


def with_fractions(records: Records) -> Records:
    return [dict(record, time_utc=record["time_utc"] + ".250") for record in records]


def with_zones(records: Records) -> Records:
    return [dict(record, time_utc=record["time_utc"] + "Z") for record in records]


def with_nan(records: Records) -> Records:
    """What is missing, said in other ways."""
    return [
        {name: (math.nan, math.inf, "", -1.0e31, WHOLE_FILL)[i % 5] if value is None else value for name, value in it}
        for i, it in enumerate(record.items() for record in records)
    ]


HARMLESS = [
    shuffled,
    twice,
    of_other_days,
    from_the_future,
    midnight_after,
    with_fractions,
    with_zones,
    with_nan,
]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("instrument", ["hit", "swapi"])
def test_harmless_records_change_nothing(place: Place, instrument: str, change: Callable[[Records], Records]) -> None:
    if instrument == "swapi":
        place.clock.set("2026-02-02T02:00:00")
    place.simulator.faults = Times(math.inf, Transform(change))
    assert place.run(instrument).exit_code == 0
    place.assert_right(instrument)
    assert place.row(instrument).rejected == 0
    assert [path.name for path in place.datastore.rglob("*.csv")] == [place.file(instrument).name]
    key = INSTRUMENTS[instrument].progress_key
    with place.ledger() as ledger:
        assert ledger.progress([key])[key].progress_timestamp == place.row(instrument).last_record
    assert place.run(instrument).outcomes == ()


def test_a_bare_list_is_an_answer(place: Place) -> None:
    def bare(request: Request) -> Fault | None:
        assert request.start is not None
        assert request.end is not None
        found = place.simulator.records("hit", request.start, request.end + timedelta(seconds=1), scopes=FULL)
        return Answer(200, json.dumps(found))

    place.simulator.faults = bare
    assert place.run().exit_code == 0
    place.assert_right()


# --- records that cannot be kept --------------------------------------------------------------------------------------


HIT, MAG = "2026-02-02T10:00:17", "2026-02-02T00:20:03"
"""The records to be spoilt."""


def instead(moment: str, other: object) -> Transform:
    """Something else in the place of the record of this time."""
    return Transform(lambda records: [other if record["time_utc"] == moment else record for record in records])


def broken(moment: str, **values: object) -> Transform:
    """The record of this time with other values; ``...`` takes a field away."""

    def change(records: Records) -> object:
        return [without_gone(record | values) if record["time_utc"] == moment else record for record in records]

    return Transform(change)


def without_gone(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not ...}


UNREADABLE = {
    "without a time": broken(HIT, time_utc=...),
    "without a time, long": broken(HIT, time_utc=..., hit_note="x" * 5000),
    "time null": broken(HIT, time_utc=None),
    "time of words": broken(HIT, time_utc="yesterday, about noon"),
    "time a number": broken(HIT, time_utc=20260202),
    "time impossible": broken(HIT, time_utc="2026-02-30T10:00:00"),
    "time in a leap second": broken(HIT, time_utc="2026-02-02T10:00:60"),
    "time by the day of the year": broken(HIT, time_utc="2026-033T10:00:00"),
    "no record": instead(HIT, "I am no record"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_record_is_rejected_shown_and_asked_for_again_in_the_final_pass(
    place: Place, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    place.clock.set(EVENING)
    place.simulator.faults = Times(math.inf, UNREADABLE[name])
    with caplog.at_level(logging.WARNING):
        report = place.run()
    assert report.exit_code == 0
    assert len(place.simulator.requests) == 2  # the window was asked for again
    [outcome] = report.results
    assert outcome.records == 1439
    [shown] = outcome.rejected
    assert len(shown) <= 200
    assert shown in caplog.text
    [lost] = [record for record in place.perfect() if record["time_utc"] == HIT]
    assert_file_holds(place.file(), [record for record in place.perfect() if record != lost])

    row = place.row()
    assert row.rejected == 1
    assert not row.is_final
    [(start, end)] = row.gaps
    assert start <= datetime.fromisoformat(lost["time_utc"]).replace(tzinfo=UTC) < end
    with place.ledger() as ledger:
        [attempt] = ledger.attempts("HIT_IALIRT", DAY)
    assert (attempt.rejected, attempt.rejected_sample) == (1, shown)

    place.clock.set(SETTLED)
    place.simulator.faults = ()
    assert place.run().exit_code == 0
    assert len(place.simulator.requests) == 1
    assert place.asked[0].startswith("hit 02T09:59") or place.asked[0].startswith("hit 02T10:")
    place.assert_right()
    assert place.row().is_final
    assert place.row().gaps == ()


def test_an_unreadable_record_that_comes_right_at_the_second_try_leaves_no_trace(place: Place) -> None:
    place.simulator.faults = Times(1, UNREADABLE["without a time"])
    assert place.run().exit_code == 0
    assert len(place.simulator.requests) == 2
    place.assert_right()
    assert place.row().rejected == 0


def test_the_gap_of_a_rejected_record_survives_what_comes_later(place: Place) -> None:
    """Polls, a failure and a changed file in between do not make it be forgotten."""
    place.clock.set("2026-02-02T12:00:00")
    place.simulator.faults = Times(math.inf, UNREADABLE["without a time"])
    place.run()
    [gap] = place.row().gaps
    place.simulator.faults = ()
    place.clock.set("2026-02-02T16:00:00")
    place.run()
    assert gap in place.row().gaps
    place.clock.set("2026-02-02T18:00:00")
    place.simulator.faults = Times(1, Answer(400, b'{"message": "Invalid time format"}'))
    place.run()
    assert gap in place.row().gaps
    place.simulator.faults = ()
    place.clock.set(SETTLED)
    place.run(retry_failed=True)
    place.assert_right()
    assert place.row().is_final


ONE_BROKEN_VALUE = {
    "text": broken(MAG, mag_B_magnitude="broken"),
    "list": broken(MAG, mag_B_magnitude=[1, 2]),
    "object": broken(MAG, mag_B_magnitude={"x": 1}),
    "huge": broken(MAG, mag_B_magnitude=10**400),
    "vector cut": broken(MAG, mag_B_GSE=[1.0]),
    "vector a number": broken(MAG, mag_B_GSE=3.5),
    "epoch a float": broken(MAG, mag_epoch=8.143056700633761e17),
    "epoch text": broken(MAG, mag_epoch="soon"),
    "boolean": broken(MAG, mag_B_magnitude=True),
    "surrogate": broken(MAG, kernel_set_key="\ud800"),
    "unknown field": broken(MAG, mag_new={"a": [1, None, {"b": "ü"}]}),
    "nothing but a time": instead(MAG, {"time_utc": MAG}),
}


@pytest.mark.parametrize("name", ONE_BROKEN_VALUE)
def test_one_broken_value_costs_its_own_cell(place: Place, name: str) -> None:
    place.clock.set("2026-02-02T00:40:00")
    place.run("mag")
    right = place.file("mag").read_text().splitlines()
    place.file("mag").unlink()
    place.simulator.faults = Times(math.inf, ONE_BROKEN_VALUE[name])
    assert place.run("mag").exit_code == 0
    with place.file("mag").open(newline="") as file:
        found = list(csv.DictReader(file))
    expected = list(csv.DictReader(right))
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        if row["time_utc"] != MAG:
            assert {column: cell for column, cell in row.items() if column in other} == other
            assert not any(cell for column, cell in row.items() if column not in other)
    assert place.row("mag").rejected == 0


def test_a_value_that_its_column_cannot_hold_costs_its_record(place: Place) -> None:
    place.clock.set("2026-02-02T01:30:00")
    status = {"mode": 5, "icu_temp": "warm"}
    place.simulator.faults = Times(math.inf, broken(MAG, mag_hk_status=status))
    report = place.run("mag_hk")
    assert report.exit_code == 0
    [outcome] = report.results
    assert len(outcome.rejected) == 1
    assert '"icu_temp":"warm"' in outcome.rejected[0]
    [lost] = [record for record in place.perfect("mag_hk") if record["time_utc"] == MAG]
    assert_file_holds(place.file("mag_hk"), [record for record in place.perfect("mag_hk") if record != lost])


def test_a_whole_answer_of_rejected_records_is_no_data_that_is_told_of(place: Place) -> None:
    place.clock.set(EVENING)
    place.simulator.faults = Times(
        math.inf, Transform(lambda records: [{"hit_h_omni_low_en": 1} for _ in records[:30]])
    )
    report = place.run()
    [outcome] = report.results
    assert len(outcome.rejected) == 30
    assert not place.row().is_final
    place.clock.set(SETTLED)
    place.simulator.faults = ()
    place.run()
    place.assert_right()


# --- records of another instrument ------------------------------------------------------------------------------------


def foreign(record: dict[str, Any]) -> dict[str, Any]:
    return {"instrument": "mag", "time_utc": record["time_utc"], "mag_B_magnitude": 4.5, "mag_epoch": 1}


def beside(records: Records) -> Records:
    """A record of another instrument beside all of ours."""
    return [*records, foreign(records[9])]


def in_place_of(*moments: str) -> Transform:
    """Records of another instrument in the place of those of these times, or of all of them."""
    return Transform(
        lambda records: [foreign(it) if it["time_utc"] in (moments or it["time_utc"]) else it for it in records]
    )


@pytest.mark.parametrize("change", [Transform(beside), in_place_of(HIT), in_place_of()])
def test_an_answer_with_records_of_another_instrument_that_comes_right_leaves_no_trace(
    place: Place, change: Transform
) -> None:
    place.simulator.faults = Times(1, change)
    assert place.run().exit_code == 0
    assert len(place.simulator.requests) == 2
    place.assert_right()
    assert place.row().is_final
    assert place.run().outcomes == ()


def test_records_of_another_instrument_beside_ours_are_left_out_and_named(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.simulator.faults = Times(math.inf, Transform(beside))
    with caplog.at_level(logging.WARNING):
        report = place.run()
    assert report.exit_code == 0
    assert len(place.simulator.requests) == 2
    assert f'hit {DAY} 00:00:00-23:59:59: 1 record of "mag"; asking again' in caplog.text
    assert f'hit {DAY} 00:00:00-23:59:59: 1 record of "mag" again, left out' in caplog.text
    place.assert_right()
    assert place.row().rejected == 0
    assert [path.name for path in place.datastore.rglob("*.csv")] == [place.file().name]
    assert place.run().outcomes == ()


def test_where_one_of_another_instrument_came_instead_of_ours_a_gap_stays_until_the_final_pass(place: Place) -> None:
    place.clock.set(EVENING)
    place.simulator.faults = Times(math.inf, in_place_of(HIT))
    report = place.run()
    assert report.exit_code == 0
    [outcome] = report.results
    assert (outcome.records, outcome.rejected) == (1439, ())
    [lost] = [record for record in place.perfect() if record["time_utc"] == HIT]
    assert_file_holds(place.file(), [record for record in place.perfect() if record != lost])
    row = place.row()
    assert not row.is_final
    [(start, end)] = row.gaps
    assert start <= datetime.fromisoformat(HIT).replace(tzinfo=UTC) < end

    place.clock.set(SETTLED)
    place.simulator.faults = ()
    assert place.run().exit_code == 0
    assert len(place.simulator.requests) == 1
    place.assert_right()
    assert place.row().is_final
    assert place.row().gaps == ()


@pytest.mark.parametrize("now", [EVENING, SETTLED, "2026-02-02T12:00:00"])
def test_nothing_but_records_of_another_instrument_is_never_no_data(place: Place, now: str) -> None:
    place.clock.set(now)
    place.simulator.faults = Times(math.inf, in_place_of(), instrument="hit")
    report = place.run("hit,swe")
    assert report.exit_code == 1
    failed, fine = sorted(report.results, key=lambda outcome: outcome.instrument.name)
    assert (failed.status, fine.status) == (DayStatus.FAILED, DayStatus.DOWNLOADED)
    end = "11:59:59" if now < "2026-02-03" else "23:59:59"
    sent = f'{len(place.perfect()):,} records of "mag" and none of hit'
    assert (failed.error or "").startswith(f"asked twice for 00:00:00-{end}, I-ALiRT sent {sent}: check --url")
    assert sum(request.instrument == "hit" for request in place.simulator.requests) == 2
    assert not place.file().exists()
    row = place.row()
    assert (row.status, row.records, row.is_final) == (DayStatus.FAILED, 0, False)
    assert row.asked_through == datetime(2026, 2, 2, tzinfo=UTC)

    place.simulator.faults = ()
    assert place.run(retry_failed=True).exit_code == 0
    place.assert_right()


def test_what_was_asked_for_before_an_answer_of_another_instrument_is_kept(place: Place) -> None:
    """The windows before it count as asked for, those from it on do not; the next retry asks for these alone."""
    noon = datetime(2026, 2, 2, 12, tzinfo=UTC)
    others = in_place_of()
    place.simulator.faults = lambda it: others if it.start is not None and it.start >= noon else None
    report = place.run("codice_hi")
    [outcome] = report.results
    assert (outcome.status, outcome.records) == (DayStatus.FAILED, 180)
    assert place.row("codice_hi").asked_through == noon
    place.simulator.faults = ()
    assert place.run("codice_hi", retry_failed=True).exit_code == 0
    assert place.asked == ["codice_hi 02T12:00:00 02T23:59:59"]
    place.assert_right("codice_hi")


# --- counts that became measurements ----------------------------------------------------------------------------------


def test_whole_counts_of_hit_stand_as_they_always_did(place: Place) -> None:
    """A file from when they were integers is left alone, byte for byte, though all of it is asked for again."""
    place.run()
    file, records = place.file(), place.perfect()
    before = file.read_bytes()
    rows = list(csv.DictReader(before.decode().splitlines()))
    counts = [name for name in rows[0] if name.startswith("hit_") and name != "hit_epoch"]
    assert len(counts) >= 6
    for row, record in zip(rows, records, strict=True):
        assert [row[name] for name in counts] == [
            "" if record[name] is None else str(int(record[name])) for name in counts
        ]
    place.simulator.faults = Times(math.inf, Transform(lambda records: [as_floats(record) for record in records]))
    report = place.run(redownload=True)
    assert [outcome.changed for outcome in report.results] == [False]
    assert file.read_bytes() == before
    place.simulator.faults = Times(math.inf, broken(HIT, hit_h_omni_low_en=12.75))
    place.run(redownload=True)
    [line] = {*file.read_text().splitlines()} - {*before.decode().splitlines()}
    assert line.startswith(f"{HIT},")
    assert ",12.75," in line


def as_floats(record: dict[str, Any]) -> dict[str, Any]:
    return {name: float(it) if type(it) is int and abs(it) < 2**53 else it for name, it in record.items()}


# --- columns that change ----------------------------------------------------------------------------------------------

NOON, AFTERNOON = "2026-02-02T12:00:00", "2026-02-02T16:00:00"


def everywhere(**values: object) -> Transform:
    return Transform(lambda records: [without_gone(record | values) for record in records])


CHANGES: dict[str, tuple[str, Transform, set[str]]] = {
    "new field": ("hit", everywhere(hit_new_en=7), {"hit_new_en"}),
    "field gone": ("hit", everywhere(hit_h_omni_low_en=...), set()),
    "field replaced": ("hit", everywhere(hit_h_omni_low_en=..., hit_h_omni_lowest_en=3), {"hit_h_omni_lowest_en"}),
    "scalar to list": ("swapi", everywhere(swapi_pseudo_proton_speed=[400.5, 401]), set()),
    "list to scalar": ("swe", everywhere(swe_normalized_counts=12), {"swe_normalized_counts"}),
    "longer list": ("swe", everywhere(swe_normalized_counts=[1] * 9), {"swe_normalized_counts"}),
    "unknown mode": ("mag_hk", Transform(lambda records: [with_mode(record, 42) for record in records]), set()),
    "needs quotes": ("hit", everywhere(hit_note='a "quoted",\nnote'), {"hit_note"}),
}


def with_mode(record: dict[str, Any], mode: int) -> dict[str, Any]:
    return record | {"mag_hk_status": record["mag_hk_status"] | {"mode": mode}}


@pytest.mark.parametrize("name", CHANGES)
def test_columns_that_change_within_a_day_leave_the_file_rectangular(place: Place, name: str) -> None:
    instrument, change, more = CHANGES[name]
    place.clock.set(NOON)
    place.run(instrument)
    with place.file(instrument).open(newline="") as file:
        before = list(csv.reader(file))
    place.clock.set(AFTERNOON)
    place.simulator.faults = Times(math.inf, change)
    assert place.run(instrument).exit_code == 0
    with place.file(instrument).open(newline="") as file:
        header, *rows = list(csv.reader(file, strict=True))
    assert set(header) == set(before[0]) | more
    assert {len(row) for row in rows} == {len(header)}
    settled = [row for row in before[1:] if row[0] < "2026-02-02T11:49"]
    for old, new in zip(settled, rows, strict=False):
        assert dict(zip(before[0], old, strict=True)).items() <= dict(zip(header, new, strict=True)).items()
    place.simulator.faults = ()
    place.clock.set("2026-02-02T16:30:00")
    assert place.run(instrument).exit_code == 0


def test_a_change_of_kind_that_cannot_be_written_truthfully_fails_the_day_with_the_columns_name(place: Place) -> None:
    """A raw value of another unit must not stand among the converted ones."""
    place.clock.set(NOON)
    place.run("mag_hk")
    old = place.file("mag_hk").read_bytes()
    place.clock.set(AFTERNOON)
    place.simulator.faults = Times(math.inf, everywhere(mag_hk_status={"icu_temp": "21.5 C"}))
    report = place.run("mag_hk")
    [outcome] = report.results
    assert outcome.status is DayStatus.FAILED
    assert "mag_hk_icu_temp" in (outcome.error or "")
    assert place.file("mag_hk").read_bytes() == old
    place.simulator.faults = ()
    place.run("mag_hk", retry_failed=True)
    place.assert_right("mag_hk")


def test_values_nested_beyond_measure_fail_the_day_alone(place: Place) -> None:
    nested = "[" * 100_000 + "]" * 100_000
    first = place.perfect()[0]
    body = json.dumps({"data": [first | {"hit_x": "HERE"}]}).replace('"HERE"', nested)
    place.simulator.faults = Times(math.inf, Answer(200, body), instrument="hit")
    report = place.run("hit,swe")
    assert {outcome.instrument.name: outcome.status for outcome in report.results} == {
        "hit": DayStatus.FAILED,
        "swe": DayStatus.DOWNLOADED,
    }


def test_leap_day_and_the_midnight_record(place: Place) -> None:
    place.clock.set("2028-03-05T00:00:00")
    days = [date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1)]
    assert place.run("spacecraft,hit", days[0], days[-1]).exit_code == 0
    midnight = 0
    for day in days:
        place.assert_right("spacecraft", day)
        place.assert_right("hit", day)
        midnight += f"{day}T00:00:00," in place.file("spacecraft", day).read_text()
    assert midnight > 0
    assert place.row("hit", days[1]).expected_records == 1440


@pytest.mark.parametrize("year", range(2025, 2036))
def test_every_year(place: Place, year: int) -> None:
    last = date(year, 12, 31)
    place.clock.set(f"{year + 1}-01-05T00:00:00")
    assert place.run("codice_lo", last - timedelta(days=1), last + timedelta(days=1)).exit_code == 0
    for n in range(-1, 2):
        day = last + timedelta(days=n)
        if place.perfect("codice_lo", day):
            place.assert_right("codice_lo", day)
        assert place.row("codice_lo", day).expected_records == 360


def test_rejected_records_stand_in_the_summary_and_in_the_history(place: Place, main: Callable[..., Ended]) -> None:
    place.simulator.faults = Times(math.inf, UNREADABLE["time of words"])
    range_ = ("--start", str(DAY), "--end", str(DAY), "--as-of", SETTLED)
    done = main("--instrument", "hit", *range_)
    assert done.code == 0
    history = main("history", "--instrument", "hit", "--day", str(DAY))
    for text in (done.out, done.err, history.out):
        assert "1 record" in text
        assert "yesterday, about noon" in text
