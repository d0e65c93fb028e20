"""What is served is what the day files hold, cell for cell, in all formats, for every dataset and every stretch."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import INSTRUMENTS
from tests.serve.cores import DAYS, Core, Make, body_of
from tests.serve.days import mean_of, rows_of, stretches, value_of, within

START, STOP = "2026-02-02T00:00:00Z", "2026-02-04T00:00:00Z"
LETTERS = {"_1min": 16, "_1h": 13}


def in_rows(format_: str, parameters: Sequence[dict[str, Any]], body: bytes) -> list[list[Any]]:
    """The rows of an answer as JSON has them, whichever format it came in."""
    if format_ == "json":
        found: list[list[Any]] = json.loads(body)["data"]
        return found
    if format_ == "csv":
        return [_of_cells(parameters, cells) for cells in csv.reader(io.StringIO(body.decode(), newline=""))]
    forms = {"double": "<f8", "integer": "<i4"}
    fields = [
        (it["name"], forms.get(it["type"], f"S{it.get('length')}"), tuple(it.get("size", ()))) for it in parameters
    ]
    return [[_plain(row[it["name"]].tolist()) for it in parameters] for row in np.frombuffer(body, fields)]


def _of_cells(parameters: Sequence[dict[str, Any]], cells: list[str]) -> list[Any]:
    found, rest = [], iter(cells)
    for parameter in parameters:
        of = {"double": float, "integer": int}.get(parameter["type"], str)
        size = parameter.get("size", ())
        values = np.array([of(next(rest)) for _ in range(int(np.prod(size, dtype=int)))], object)
        found.append(values.reshape(size).tolist() if size else values[0])
    assert next(rest, None) is None
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(it) for it in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("format_", ["csv", "binary", "json"])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_parameter_of_every_record_is_what_the_file_holds(few_core: Core, name: str, format_: str) -> None:
    parameters = few_core.info(name)["parameters"]
    rows = rows_of(*few_core.files(name))
    expected = [[value_of(it, row) for it in parameters] for row in rows]
    assert in_rows(format_, parameters, few_core.data(name, START, STOP, format_)) == expected


@pytest.mark.parametrize("means", ["_1min", "_1h"])
@pytest.mark.parametrize("name", INSTRUMENTS)
@pytest.mark.filterwarnings("ignore:codice_hi_h is no array of 4 x 15 x 4 x 4")
def test_means_are_those_of_the_values_that_are_there(few_core: Core, name: str, means: str) -> None:
    parameters = few_core.info(name + means)["parameters"]
    groups = stretches(rows_of(*few_core.files(name)), LETTERS[means])
    found = in_rows("binary", parameters, few_core.data(name + means, START, STOP, "binary"))
    assert [row[0] for row in found] == list(groups)
    for row, records in zip(found, groups.values(), strict=True):
        for parameter, value in zip(parameters[1:], row[1:], strict=True):
            found_one, expected = np.array(value), np.array(mean_of(parameter, records))
            assert found_one == pytest.approx(expected, rel=1e-9, abs=1e-9), parameter["name"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:codice_hi_h is no array:ialirt_backfill.exceptions.OddCells")  # some are odd
def test_the_three_formats_agree_on_a_thousand_requests(few_core: Core) -> None:
    chance = random.Random(23)
    ids = few_core.ids
    parameters_of = {id_: few_core.info(id_)["parameters"] for id_ in ids}
    rows = {name: rows_of(*few_core.files(name)) for name in INSTRUMENTS}
    with_rows = 0
    for _ in range(1000):
        id_ = chance.choice(ids)
        known = parameters_of[id_]
        wanted = [it for it in known if chance.random() < chance.choice((0.2, 0.6, 1.0))]
        name = next(it for it in sorted(INSTRUMENTS, key=len, reverse=True) if id_ == it or id_.startswith(f"{it}_1"))
        start, stop = sorted(_moment(chance, [row["time_utc"] for row in rows[name]]) for _ in range(2))
        stop = min(stop, start + timedelta(hours=chance.choice((0, 1, 6, 48)))) + timedelta(
            seconds=chance.randint(1, 90)
        )
        span = (_written(chance, start), _written(chance, stop))
        names = ",".join(it["name"] for it in wanted)
        shown = wanted if names.startswith("Time") else [known[0], *wanted] if wanted else known
        found = [
            in_rows(it, shown, few_core.data(id_, *span, it, parameters=names)) for it in ("csv", "binary", "json")
        ]
        assert found[0] == found[1] == found[2], (id_, span, names)
        with_rows += bool(found[0])
        if id_ == name:
            bounds = [f"{it:%Y-%m-%dT%H:%M:%SZ}" for it in (start, stop)]
            assert found[0] == [[value_of(it, row) for it in shown] for row in within(rows[name], *bounds)]
    assert with_rows > 500


def _moment(chance: random.Random, times: list[str]) -> datetime:
    """Near a record, or anywhere in the two days."""
    if chance.random() < 0.7:
        moment = datetime.fromisoformat(chance.choice(times)).replace(tzinfo=UTC)
        return max(moment + timedelta(seconds=chance.choice((-1, 0, 0, 1))), datetime(2026, 2, 2, tzinfo=UTC))
    return datetime(2026, 2, 2, tzinfo=UTC) + timedelta(seconds=chance.randrange(2 * 86400 - 100))


def _written(chance: random.Random, moment: datetime) -> str:
    """In one of the forms that mean the same."""
    moment = min(moment, datetime(2026, 2, 4, tzinfo=UTC))
    form = chance.choice(("%Y-%m-%dT%H:%M:%S", "%Y-%jT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.000"))
    return f"{moment:{form}}{chance.choice(('Z', ''))}"


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop", "seconds"),
    [
        ("2026-02-02T00:00:03Z", "2026-02-02T00:00:11Z", [3, 7]),
        ("2026-02-02T00:00:03.000000001Z", "2026-02-02T00:00:11.000000001Z", [7, 11]),
        ("2026-02-02T00:00:02.9Z", "2026-02-02T00:00:03Z", []),
        ("2026-02-02T00:00:03Z", "2026-02-02T00:00:03.1Z", [3]),
        ("2026-02-02T00:00:03Z", "2026-02-02T00:00:04Z", [3]),
        ("2026-033T00:00:07", "2026-033T00:00:08", [7]),
    ],
)
def test_the_start_is_included_and_the_stop_is_not(core: Core, start: str, stop: str, seconds: list[int]) -> None:
    found = core.rows("mag", start, stop, parameters="Time")
    assert found == [[f"2026-02-02T00:00:{second:02}Z"] for second in seconds]


def test_neighbouring_stretches_share_no_record_and_lose_none(core: Core) -> None:
    edges = [f"2026-02-0{2 + hour // 24}T{hour % 24:02}:00:00Z" for hour in range(20, 30)]
    parts = [core.data("mag", *span, "csv") for span in pairwise(edges)]
    assert b"".join(parts) == core.data("mag", edges[0], edges[-1], "csv")
    assert b"2026-02-02T23:59:59Z" in b"".join(parts)


def test_a_mean_is_of_its_whole_stretch_and_belongs_to_where_that_begins(core: Core) -> None:
    whole = core.rows("mag_1min", "2026-02-02T01:00:00Z", "2026-02-02T01:04:00Z")
    assert [row[0][14:16] for row in whole] == ["00", "01", "02", "03"]
    assert core.rows("mag_1min", "2026-02-02T01:00:01Z", "2026-02-02T01:03:01Z") == whole[1:]
    assert core.rows("mag_1min", "2026-02-02T01:02:00Z", "2026-02-02T01:02:01Z") == [whole[2]]
    assert core.rows("mag_1min", "2026-02-02T01:02:01Z", "2026-02-02T01:02:59Z") == []


@pytest.mark.parametrize("name", ["mag", "mag_1h"])
def test_time_alone_is_served_whether_or_not_it_is_named(core: Core, name: str) -> None:
    span = ("2026-02-02T01:00:00Z", "2026-02-02T02:00:00Z")
    times = core.rows(name, *span, parameters="Time")
    assert times == [row[:1] for row in core.rows(name, *span)]
    some = core.info(name)["parameters"][1]["name"]
    assert core.rows(name, *span, parameters=some) == core.rows(name, *span, parameters=f"Time,{some}")
    assert core.rows(name, *span, parameters="") == core.rows(name, *span)


def test_a_number_of_values_can_be_had_without_the_mean(core: Core) -> None:
    found = core.rows("mag_1h", START, STOP, parameters="mag_B_GSE_count,mag_records")
    assert all(0 < count <= records for _, counts, records in found for count in counts)
    assert found == [[row[0], row[1], row[-1]] for row in _counts(core)]
    assert sum(records for *_, records in found) == len(rows_of(*core.files("mag")))


def _counts(core: Core) -> list[list[Any]]:
    names = core.info("mag_1h")["parameters"]
    place = next(number for number, it in enumerate(names) if it["name"] == "mag_B_GSE_count")
    return [[row[0], row[place], row[-1]] for row in core.rows("mag_1h", START, STOP)]


def test_old_and_new_request_names_mean_the_same(core: Core) -> None:
    new = {"dataset": "hit", "start": START, "stop": STOP}
    old = {"id": "hit", "time.min": START, "time.max": STOP}
    mixed = {"id": "hit", "start": START, "time.max": STOP}
    bodies = [body_of(core.ask("/hapi/data", query)) for query in (new, old, mixed)]
    assert bodies[0]
    assert bodies[0] == bodies[1] == bodies[2]
    assert core.json("/hapi/info", id="hit") == core.json("/hapi/info", dataset="hit")


@pytest.mark.parametrize("format_", ["csv", "binary", "json"])
def test_a_day_that_goes_away_while_it_is_served_is_a_fault(own: Path, make: Make, format_: str) -> None:
    core = make(own)
    pieces = iter(core.ask("/hapi/data", {"dataset": "mag", "start": START, "stop": STOP, "format": format_}).body)
    next(pieces)
    core.files("mag")[1].unlink()
    with pytest.raises(DayFileError, match=r"20260203\.csv went away while it was served"):
        list(pieces)


def test_a_datastore_that_has_gone_is_no_lack_of_data(own: Path, make: Make) -> None:
    core = make(own)
    assert core.rows("hit", START, STOP)
    own.rename(own.with_name("elsewhere"))
    assert core.ask("/hapi/data", {"dataset": "hit", "start": START, "stop": STOP}).status.value == 500


def test_a_day_that_is_missing_is_no_fault(own: Any, make: Any) -> None:
    core = make(own)
    core.files("hit")[0].unlink()
    found = core.rows("hit", START, STOP, parameters="Time")
    assert {row[0][:10] for row in found} == {f"{DAYS[1]}"}
