"""A datastore seen from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from ialirt_backfill.options import StoreOptions
from ialirt_backfill.options.datastore import MARK, is_datastore, is_marked
from ialirt_backfill.store.files import DayFiles

NAMES = ("imap_ialirt_hit_20260201.csv", "imap_ialirt_mag_20260202.csv")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two day files, one of them deep below, and files that are none."""
    for path in (f"b/2026/{NAMES[0]}", f"a/{NAMES[1]}", "a/notes.csv", f"a/.{NAMES[0]}.x.tmp", "imap_ialirt_x.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_the_day_files_below_a_folder(store: Path) -> None:
    files = DayFiles(store)
    assert [str(path.relative_to(store)) for path in files] == [f"a/{NAMES[1]}", f"b/2026/{NAMES[0]}"]
    assert files.passed_over == []
    assert list(DayFiles(store / "none")) == []


@pytest.mark.parametrize("name", ["ledger.sqlite", MARK])
def test_a_datastore_below_is_passed_over(store: Path, name: str) -> None:
    (store / name).touch()  # that of the folder itself is no matter
    (store / "b" / name).touch()
    files = DayFiles(store)
    assert [path.name for path in files] == [NAMES[1]]
    assert files.passed_over == [store / "b"]
    assert is_datastore(store / "b")
    assert not is_datastore(store / "a")


def test_the_folder_of_the_ledger_in_use_is_entered_unless_its_days_are_synthetic(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "b" / "ledger.sqlite").touch()
    monkeypatch.chdir(store)
    assert len(list(DayFiles(store, Path("b/ledger.sqlite")))) == 2
    (store / "b" / MARK).touch()
    assert len(list(DayFiles(store, Path("b/ledger.sqlite")))) == 1


def test_a_link_to_a_folder_is_not_followed(store: Path) -> None:
    (store / "a" / "link").symlink_to(store / "b")
    assert len(list(DayFiles(store))) == 2


def test_what_cannot_be_entered_is_not_marked(store: Path) -> None:
    assert not is_marked(store / "a" / NAMES[1])
    assert not is_marked("x" * 5000)


@pytest.mark.parametrize(
    ("ledger", "own"),
    [
        (None, True),
        ("sqlite:///data/ledger.sqlite", True),
        ("sqlite:///data/../data/ledger.sqlite", True),
        ("sqlite+pysqlite:///data/ledger.sqlite", True),
        ("sqlite:///data/other.sqlite", False),
        ("sqlite:////data/ledger.sqlite", False),
        ("postgresql://host/data/ledger.sqlite", False),
    ],
)
def test_the_ledger_inside_a_datastore_is_its_own(ledger: str | None, own: bool) -> None:
    assert StoreOptions(datastore="data", ledger=ledger).is_own_ledger is own
    assert StoreOptions(datastore="./data/", ledger=ledger).is_own_ledger is own
