"""What is written again, and what is not."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ialirt_backfill.export import columns
from ialirt_backfill.export.events import ExportAction, ExportReport
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.store import dayfile
from tests.export.samples import FILES, FIRST, LAST, NOON, Export, file, stamps
from tests.support.stores import Rows, Store

SECOND = date(2026, 1, 31)


def one_less(rows: Rows) -> Rows:
    return rows[:-1]


def reasons(report: ExportReport) -> list[str]:
    return [it.reason for it in report.plan if it.action is ExportAction.EXPORT]


def days_in(path: Path) -> list[str]:
    times = pq.read_table(path, columns=["time_utc"], partitioning=None)["time_utc"].to_pylist()
    return sorted({f"{it:%m-%d}" for it in times})


def remembered(store: Store, folder: Path) -> list[tuple[Any, ...]]:
    wanted = "SELECT CAST(day AS TEXT), sha256, records FROM mirrored_day WHERE target = ? ORDER BY day"
    return store.ledger(wanted, f"parquet:{folder}")


def test_a_second_run_writes_nothing(store: Store, export: Export, folder: Path) -> None:
    first = export("all")
    assert first.summary["exported"] == first.summary["planned"] == 3 * len(INSTRUMENTS)
    assert first.summary["files"] == FILES
    before = stamps(folder)
    again = export("all")
    assert (again.summary["skipped_exported"], again.summary["files"], again.outcomes) == (3 * len(INSTRUMENTS), 0, ())
    assert stamps(folder) == before


def test_the_ledger_remembers_which_content_of_which_day_went_where(store: Store, export: Export, folder: Path) -> None:
    export()
    expected = [
        (day.isoformat(), dayfile.checksum(store.path("hit", day)), len(store.rows("hit", day)))
        for day in (FIRST, SECOND, LAST)
    ]
    assert remembered(store, folder) == expected
    [(command, counts)] = store.ledger("SELECT command, counts FROM run ORDER BY started DESC LIMIT 1")
    assert (command, '"exported": 3' in counts) == ("export", True)


def test_a_day_that_changed_has_its_month_written_and_no_other(store: Store, export: Export, folder: Path) -> None:
    export("hit,swe")
    before = stamps(folder)
    store.change("hit", SECOND, one_less)
    report = export("hit,swe")
    assert [(it.instrument.name, it.day) for it in report.plan if it.action is ExportAction.EXPORT] == [("hit", SECOND)]
    [reason] = reasons(report)
    assert reason.startswith("changed since 2")
    changed = [path for path, stamp in stamps(folder).items() if stamp != before[path]]
    assert changed == [file(folder)]
    [outcome] = report.outcomes
    assert outcome.records == {SECOND: len(store.rows("hit", SECOND))}
    assert pq.read_metadata(file(folder)).num_rows == len(store.rows("hit")) + len(store.rows("hit", SECOND))


def test_a_range_adds_to_what_is_there(store: Store, export: Export, folder: Path) -> None:
    export(start=SECOND, end=SECOND)
    assert days_in(file(folder)) == ["01-31"]
    store.change("hit", SECOND, one_less)
    assert export(start=FIRST, end=FIRST).summary["exported"] == 1
    assert days_in(file(folder)) == ["01-30", "01-31"]
    report = export()
    assert [it.day for it in report.plan if it.action is ExportAction.EXPORT] == [SECOND, LAST]


def test_a_day_whose_file_is_gone_stays(store: Store, export: Export, folder: Path) -> None:
    """As with all types of columns: `codice_hi` has arrays in arrays."""
    for name in ("hit", "codice_hi"):
        export(name)
        before = pq.read_table(file(folder, name), partitioning=None)
        gone = len(store.rows(name))
        store.path(name).unlink()
        store.change(name, SECOND, one_less)
        assert export(name).exit_code == 0
        after = pq.read_table(file(folder, name), partitioning=None)
        assert after.slice(0, gone).equals(before.slice(0, gone))
        assert after.num_rows == before.num_rows - 1


def test_a_file_that_cannot_be_read_leaves_its_day_as_it_was_and_the_others_go_on(
    store: Store, export: Export, folder: Path
) -> None:
    export()
    store.path("hit").write_text("no header\n")
    store.change("hit", SECOND, one_less)
    store.change("hit", LAST, one_less)
    report = export()
    assert report.exit_code == 1
    assert (report.summary["exported"], report.summary["failed"]) == (2, 1)
    [failed] = [it.failed for it in report.outcomes if it.failed]
    assert failed[FIRST].startswith(f"hit {FIRST} was not exported: {store.path('hit')} cannot be understood")
    assert days_in(file(folder)) == ["01-30", "01-31"]
    before = stamps(folder)
    assert export().exit_code == 1
    assert stamps(folder) == before, "nothing else has changed"
    [(exit_code,)] = store.ledger("SELECT exit_code FROM run ORDER BY started DESC LIMIT 1")
    assert exit_code == 1


def test_a_month_of_which_no_day_can_be_read_has_no_file(store: Store, export: Export, folder: Path) -> None:
    store.path("hit", LAST).write_text("no header\n")
    report = export()
    assert (report.summary["exported"], report.summary["failed"], report.summary["files"]) == (2, 1, 1)
    assert not file(folder, day=LAST).exists()


def test_a_day_without_rows_is_a_day(store: Store, export: Export, folder: Path) -> None:
    store.path("hit", LAST).write_text("time_utc,hit_epoch\n")
    assert export().summary["exported"] == 3
    assert pq.read_table(file(folder, day=LAST), partitioning=None).num_rows == 0
    assert export().summary["skipped_exported"] == 3


def test_a_growing_day_is_written_once_an_hour(store: Store, export: Export, folder: Path) -> None:
    noon = {"start": NOON.date(), "end": NOON.date()}
    export(**noon)
    store.change("hit", NOON.date(), one_less)
    report = export(**noon)
    assert report.summary["skipped_growing"] == 1
    assert report.plan[0].reason.startswith("still growing, exported 2")
    assert export(**noon, open_every=timedelta(0)).summary["exported"] == 1
    store.change("hit", NOON.date(), one_less)
    store.ledger("UPDATE mirrored_day SET loaded_at = datetime(loaded_at, '-55 minutes')")
    assert export(**noon).summary["exported"] == 1
    store.change("hit", NOON.date(), one_less)
    export(start=NOON.date() - timedelta(1), end=NOON.date())
    assert days_in(file(folder, day=NOON.date())) == ["02-01", "02-02"]


def test_what_another_schema_was_written_with_is_written_again(
    store: Store, export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "NOTE", "Of another version.")
    export()
    monkeypatch.undo()
    report = export()
    assert reasons(report) == ["its file has other columns than those of today"] * 3
    assert pq.read_schema(file(folder)).metadata[b"note"] == columns.NOTE.encode()


def test_days_of_another_schema_that_were_not_asked_for_come_into_that_of_today(
    store: Store, export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one schema in every file: a month has no days in other columns."""

    def fewer(instrument: Instrument, *, public: bool, synthetic: bool) -> pa.Schema:
        schema = columns.parquet_schema(instrument, public=public, synthetic=synthetic)
        return schema.remove(schema.get_field_index("hit_h_omni_low_en"))

    monkeypatch.setattr("ialirt_backfill.export.folder.parquet_schema", fewer)
    export()
    monkeypatch.undo()
    assert export(start=SECOND, end=SECOND).exit_code == 0
    found = pq.read_table(file(folder), partitioning=None)
    assert found["hit_h_omni_low_en"].null_count < 100
    assert len(days_in(file(folder))) == 2
    store.path("hit", FIRST).unlink()
    monkeypatch.setattr("ialirt_backfill.export.folder.parquet_schema", fewer)
    [outcome] = export(start=SECOND, end=SECOND).outcomes
    assert "has 2026-01-30 in other columns than those of today" in outcome.failed[SECOND]
    assert pq.read_table(file(folder), partitioning=None).equals(found)


def test_a_file_that_is_damaged_is_left_as_it_is_and_named(store: Store, export: Export, folder: Path) -> None:
    export()
    content = bytearray(file(folder).read_bytes())
    content[100:2000] = bytes(1900)
    file(folder).write_bytes(content)
    store.change("hit", SECOND, one_less)
    report = export()
    [outcome] = report.outcomes
    assert f"{file(folder)} cannot be read" in outcome.failed[SECOND]
    assert "remove it and export again" in outcome.failed[SECOND]
    assert export(rewrite=True).exit_code == 0
    assert days_in(file(folder)) == ["01-30", "01-31"]


def test_the_file_is_right_where_the_ledger_remembers_otherwise(store: Store, export: Export, folder: Path) -> None:
    export()
    file(folder).unlink()
    file(folder, day=LAST).write_bytes(b"PAR1 of something else")
    report = export()
    assert reasons(report) == ["the folder has it no more"] * 3
    before = stamps(folder)
    store.ledger("DELETE FROM mirrored_day")
    assert export().summary["skipped_exported"] == 3
    assert len(remembered(store, folder)) == 3
    assert stamps(folder) == before


def test_rewrite_writes_whatever_is_there(store: Store, export: Export, folder: Path) -> None:
    export()
    before = stamps(folder)
    assert export(rewrite=True).summary["exported"] == 3
    assert not set(before.values()) & set(stamps(folder).values())


def test_a_cell_that_its_column_cannot_hold_is_told_of(
    store: Store, export: Export, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(rows: Rows) -> Rows:
        return [row | {"hit_h_omni_low_en": "many"} for row in rows]

    store.change("hit", FIRST, odd)
    with caplog.at_level(logging.WARNING):
        assert export().exit_code == 0
    [said] = [it for it in caplog.messages if "hit_h_omni_low_en" in it]
    assert f"{len(store.rows('hit')):,} such cells" in said


def test_a_day_that_another_program_named_and_that_was_adopted_is_found(
    store: Store, export: Export, folder: Path
) -> None:
    elsewhere = store.folder / "old" / "hit.csv"
    elsewhere.parent.mkdir()
    store.path("hit").rename(elsewhere)
    store.ledger(
        "UPDATE instrument_day SET path = 'old/hit.csv' WHERE item_name = 'HIT_IALIRT' AND day = ?", str(FIRST)
    )
    assert export().summary["exported"] == 3
    assert days_in(file(folder)) == ["01-30", "01-31"]
