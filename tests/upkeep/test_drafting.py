"""The entry of an instrument that is drafted from its records is one that a catalogue takes, whatever came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.instruments import INSTRUMENTS, ColumnType, Instrument, Shape, default_catalogue
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.upkeep.drafting import Draft, draft
from tests.support.access import FULL
from tests.support.added import FILES, write_files

START = datetime(2026, 2, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)


def entry(made: Draft) -> Instrument:
    return default_catalogue().with_file(made.text, "draft.toml").instruments[made.name]


def drafted(*values: dict[str, Any], seconds: int = 60, name: str = "new") -> Instrument:
    """From records so far apart that hold these fields."""
    times = [(START + timedelta(seconds=seconds * i)).strftime("%Y-%m-%dT%H:%M:%S") for i in range(len(values))]
    records = [{"time_utc": time, **fields} for time, fields in zip(times, values, strict=True)]
    return entry(draft(name, records, default_catalogue()))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    return Simulator(now=lambda: NOW, catalogue=catalogue_of(write_files(tmp_path_factory.mktemp("catalogue"))))


@pytest.mark.parametrize("name", FILES)
def test_what_is_drafted_is_what_the_server_has(simulator: Simulator, name: str) -> None:
    records = simulator.records(name, START, START + timedelta(hours=1), scopes=FULL)
    found, true = entry(draft(name, records, default_catalogue())), simulator.catalogue.instruments[name]
    assert (found.cadence, found.irregular) == (true.cadence, False)
    assert found.columns.keys() == true.columns.keys()
    assert [it.shape for it in found.fields] == [it.shape for it in true.fields]
    assert [len(axis) for it in found.fields for axis in it.axes] == [
        len(axis) for it in true.fields for axis in it.axes
    ]
    for column, known in ((found.columns[it], true.columns[it]) for it in true.columns):
        if not known.polynomial and not known.codes:  # raw values are whole numbers
            assert (column.type, column.is_time) == (known.type, known.is_time), column.name


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_one_that_is_known_keeps_its_cadence_and_a_window_that_fits(simulator: Simulator, name: str) -> None:
    records = simulator.records(name, START, START + timedelta(hours=1), scopes=FULL)
    found, known = entry(draft(name, records, default_catalogue())), INSTRUMENTS[name]
    assert found.irregular == known.irregular
    assert (found.cadence, found.title) == (known.cadence, known.title)
    assert known.window / 2 <= found.window <= 2 * known.window


def test_an_instrument_is_drafted_as_if_nobody_knew_it(simulator: Simulator) -> None:
    """One of ours under another name: every column is there, of its type."""
    records = simulator.records("mag", START, START + timedelta(hours=1))
    found = entry(draft("magnet", records, default_catalogue()))
    assert found.columns.keys() == INSTRUMENTS["mag"].columns.keys()
    assert {name: it.type for name, it in found.columns.items()} == {
        name: it.type for name, it in INSTRUMENTS["mag"].columns.items()
    }


def test_numbers_texts_and_flags() -> None:
    found = drafted(
        {"a": 1, "b": 1.5, "c": True, "d": "on", "e": 823219276184000000, "f": None, "g": -9.9e30},
        {"a": 2, "b": 2, "c": False, "d": "off", "e": 823219276184000000, "f": None, "g": 1},
    ).columns
    types = {name: column.type for name, column in found.items() if len(name) == 1}
    assert types == {
        "a": ColumnType.INTEGER, "b": ColumnType.MEASUREMENT, "c": ColumnType.BOOLEAN, "d": ColumnType.TEXT,
        "e": ColumnType.INTEGER, "f": ColumnType.MEASUREMENT, "g": ColumnType.INTEGER,
    }  # fmt: skip
    assert [name for name, column in found.items() if column.is_time] == ["e"]
    assert "ttj2000ns" not in found
    assert "kernel_set_key" not in found


def test_lists_and_objects() -> None:
    found = drafted({"v_RTN": [1.5, 2, 3], "n": [1, 2], "c": [[1, 2], [3, None]], "o": {"x": 1, "y": {"z": 1}}})
    shapes = {it.name: it.shape for it in found.fields}
    assert shapes == {
        "time_utc": Shape.SCALAR, "v_RTN": Shape.LIST, "n": Shape.LIST, "c": Shape.CELL, "o": Shape.OBJECT,
    }  # fmt: skip
    assert set(found.columns) == {"time_utc", "v_RTN_r", "v_RTN_t", "v_RTN_n", "n_1", "n_2", "c", "o_x"}


def test_what_cannot_be_a_field_is_a_remark() -> None:
    records = [{"time_utc": "2026-02-01T00:00:00", "ok": 1, "OK": 2, "my field": 3, "x" * 70: 4, "o": {"a": [1]}}]
    made = draft("new", records, default_catalogue())
    assert set(entry(made).columns) == {"time_utc", "ok"}
    remarks = [line for line in made.text.splitlines() if "is left out" in line]
    assert len(remarks) == 5
    assert any(line.startswith('# "my field" came, too') for line in remarks)


def test_names_that_those_who_read_the_days_have_already_are_remarks() -> None:
    fields = {"extra": 1, "time": 2, "component": 3, "new_records": 4, "a": 1.5, "a_count": 2}
    made = draft("new", [{"time_utc": "2026-02-01T00:00:00", **fields}], default_catalogue())
    assert set(entry(made).columns) == {"time_utc", "a"}


def test_a_draft_without_a_field_is_a_good_one_all_the_same() -> None:
    made = draft("new", [{"time_utc": "2026-02-01T00:00:00", "my field": 3}], default_catalogue())
    assert set(entry(made).columns) == {"time_utc", "ttj2000ns", "kernel_set_key"}
    assert '# "my field" came, too' in made.text


def test_numbers_of_hundreds_of_digits_are_measurements() -> None:
    found = drafted({"a": 10**400, "b": 2**63, "c": 2**63 - 1})
    types = [found.columns[name].type for name in "abc"]
    assert types == [ColumnType.MEASUREMENT, ColumnType.MEASUREMENT, ColumnType.INTEGER]


def test_many_fields_are_drafted_at_once() -> None:
    """One by one it took 17 seconds for 400."""
    found = drafted({f"f{number}": number for number in range(600)})
    assert len(found.columns) == 601


@pytest.mark.parametrize(
    ("seconds", "window"), [(60, timedelta(days=1)), (1, timedelta(hours=1))], ids=["a day", "an hour"]
)
def test_a_window_is_as_long_as_its_records_may_be(seconds: int, window: timedelta) -> None:
    """190 bytes each, and three quarters of 1 MB."""
    assert drafted(*[{"a": "x" * 170}] * 20, seconds=seconds).window == window


def test_a_single_record_says_nothing_of_the_cadence() -> None:
    made = draft("new", [{"time_utc": "2026-02-01T00:00:00", "a": 1}], default_catalogue())
    assert "a single record came: how often do they come?" in made.text
    assert entry(made).cadence == timedelta(hours=1)


def test_a_long_name_and_housekeeping() -> None:
    found = drafted({"a": 1}, name=f"{'x' * 29}_hk")
    assert len(found.progress_key) == 32
    assert found.scopes == ("full", "read")


SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(max_size=6) | st.sampled_from(["a", "A", "a_1", "new_x", "ttj2000ns", "kernel_set_key", "instrument"])


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=4), st.sampled_from(["new", "hit"]))
@settings(max_examples=60)
def test_whatever_comes_a_draft_is_a_good_catalogue(fields: list[dict[str, Any]], name: str) -> None:
    records = [{**values, "time_utc": f"2026-02-01T00:00:{i:02}"} for i, values in enumerate(fields)]
    made = draft(name, records, default_catalogue())
    made.text.encode()
    assert made.records == len(fields)
    if any(key in {"ttj2000ns", "kernel_set_key"} for values in fields for key in values):
        assert entry(made).name == name
