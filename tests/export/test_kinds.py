"""A folder holds days of one kind: real or synthetic, all that there is or what everybody is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ialirt_backfill.exceptions import ExportError, UsageError
from ialirt_backfill.export.events import ExportReport
from ialirt_backfill.export.parquet import export_parquet
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import ExportOptions
from tests.export.samples import FIRST, LAST, file, files, stamps
from tests.support.stores import Store

RESTRICTED = {"mag_hk"} | {name for name, it in INSTRUMENTS.items() if it.scopes}


def export_of(store: Store, folder: Path, **others: object) -> ExportReport:
    options: dict[str, object] = {
        "datastore": str(store.folder),
        "to": str(folder),
        "start": FIRST,
        "end": LAST,
        **others,
    }
    return export_parquet(ExportOptions(**options))  # type: ignore[arg-type]


# --- public -----------------------------------------------------------------------------------------------------------


def test_public_leaves_out_what_not_everybody_is_shown(store: Store, folder: Path) -> None:
    store.change("hit", FIRST, lambda rows: [row | {"hit_new": "7", "hit_h_omni_low_en": "many"} for row in rows])
    assert export_of(store, folder, public=True).exit_code == 0
    assert {it.parts[-3] for it in files(folder)} == {f"instrument={name}" for name in INSTRUMENTS.keys() - RESTRICTED}
    hit = INSTRUMENTS["hit"]
    names = pq.read_schema(file(folder)).names
    assert len(hit.restricted_columns) == 6
    assert set(names) == hit.columns.keys() - hit.restricted_columns
    for path in files(folder):
        content = path.read_bytes()
        assert not [name for name in (*hit.restricted_columns, "hit_new", "many") if name.encode() in content], path
    assert export_of(store, folder, public=True).outcomes == ()


def test_an_instrument_that_is_not_public_is_not_exported_as_such(store: Store, folder: Path) -> None:
    with pytest.raises(UsageError, match="--instrument mag_hk: not everybody is shown it"):
        export_of(store, folder, public=True, instrument="hit,mag_hk")
    assert not folder.exists()


@pytest.mark.parametrize("first", [False, True])
def test_a_folder_is_public_or_not(store: Store, folder: Path, first: bool) -> None:
    export_of(store, folder, public=first, instrument="hit")
    before = stamps(folder)
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="Nothing was changed: give another --to") as refusal:
            export_of(store, folder, public=not first, instrument="hit,swe", dry_run=dry_run)
        assert "only what everybody is shown" in str(refusal.value)
    assert stamps(folder) == before


# --- synthetic --------------------------------------------------------------------------------------------------------


def test_a_folder_of_synthetic_days_says_so(synthetic_store: Store, folder: Path) -> None:
    report = export_of(synthetic_store, folder, instrument="hit")
    assert (report.is_synthetic, report.exit_code) == (True, 0)
    about = json.loads((folder / "_ialirt_export" / "kind.json").read_text())
    assert (about["synthetic"], about["public"]) == (True, False)
    for path in files(folder):
        assert pq.read_schema(path).metadata[b"synthetic"] == b"yes"


def test_real_days_are_not_said_to_be_synthetic(store: Store, folder: Path) -> None:
    export_of(store, folder, instrument="hit")
    assert b"synthetic" not in pq.read_schema(file(folder)).metadata
    assert json.loads((folder / "_ialirt_export" / "kind.json").read_text())["synthetic"] is False


@pytest.mark.parametrize("real_first", [False, True])
def test_synthetic_days_never_come_among_real_ones(
    store: Store, synthetic_store: Store, folder: Path, real_first: bool
) -> None:
    first, second = (store, synthetic_store) if real_first else (synthetic_store, store)
    export_of(first, folder, instrument="hit")
    before = stamps(folder)
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="synthetic days of a demonstration"):
            export_of(second, folder, instrument="swe", dry_run=dry_run)
    assert stamps(folder) == before


def test_a_file_of_the_other_kind_that_was_put_there_is_written_again(
    store: Store, synthetic_store: Store, folder: Path, tmp_path: Path
) -> None:
    export_of(store, folder, instrument="hit")
    export_of(synthetic_store, tmp_path / "other", instrument="hit")
    shutil.copy(file(tmp_path / "other"), file(folder))
    assert export_of(store, folder, instrument="hit").summary["files"] == 1
    assert b"synthetic" not in pq.read_schema(file(folder)).metadata


# --- folders that are not ours ----------------------------------------------------------------------------------------


def test_folders_that_another_program_made_are_left_alone(store: Store, folder: Path) -> None:
    (folder / "instrument=hit").mkdir(parents=True)
    with pytest.raises(UsageError, match="did not make, and nothing was changed"):
        export_of(store, folder)
    assert files(folder) == []


def test_what_lies_beside_is_no_matter(store: Store, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "README.txt").write_text("mine")
    assert export_of(store, folder, instrument="hit").exit_code == 0


def test_a_mark_that_cannot_be_understood(store: Store, folder: Path) -> None:
    export_of(store, folder, instrument="hit")
    (folder / "_ialirt_export" / "kind.json").write_text("{")
    with pytest.raises(ExportError, match=r"kind\.json cannot be understood"):
        export_of(store, folder)


def test_where_to(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to is missing"):
        export_parquet(ExportOptions(datastore=str(store.folder)))
    for inside in (store.folder, store.folder / "parquet"):
        with pytest.raises(UsageError, match="lies in the datastore"):
            export_of(store, inside)
    (tmp_path / "file").write_text("")
    with pytest.raises((UsageError, ExportError), match="file"):
        export_of(store, tmp_path / "file")
    with pytest.raises(UsageError, match="there is no such folder"):
        export_parquet(ExportOptions(datastore=str(tmp_path / "none"), to=str(tmp_path / "out")))
