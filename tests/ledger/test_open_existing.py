"""Reading a ledger makes and changes nothing, wherever it lies."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger import Ledger, LedgerError, LedgerUnavailable
from tests.support.ledgers import DAY, ITEM, claimed, execute, record

NOBODY = 65534


def test_where_there_is_no_ledger_nothing_is_made(ledger_url: str, tmp_path: Path) -> None:
    assert Ledger.open_existing(ledger_url) is None
    assert list(tmp_path.iterdir()) == []
    if ledger_url.startswith("postgresql"):
        assert execute(ledger_url, "SELECT count(*) FROM pg_class WHERE relname = 'run'") == [(0,)]


def test_an_empty_file_is_no_ledger_yet(sqlite_url: str) -> None:
    path = _path(sqlite_url)
    path.parent.mkdir()
    path.touch()
    assert Ledger.open_existing(sqlite_url) is None
    assert path.read_bytes() == b""
    Ledger.open(sqlite_url).close()


def test_what_is_there_is_read_and_cannot_be_changed(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, claimed(ledger))
    existing = Ledger.open_existing(ledger_url)
    assert existing is not None
    with existing:
        row = existing.day(ITEM, DAY)
        assert row == ledger.day(ITEM, DAY)
        assert row is not None
        with pytest.raises(LedgerUnavailable, match="written"):
            existing.claim(ITEM, DAY, seen_version=row.version, run_id="run")
        claimed(ledger)
        row = existing.day(ITEM, DAY)
        assert row is not None
        assert row.claim is not None


@pytest.mark.parametrize("in_use", [False, True])
def test_reading_leaves_no_file_behind(sqlite_url: str, in_use: bool) -> None:
    folder = _path(sqlite_url).parent
    with Ledger.open(sqlite_url) as ledger:
        record(ledger, claimed(ledger))
        if in_use:
            before = _contents(folder)
            _read(sqlite_url)
            assert _contents(folder) == before
            assert len(before) == 3
    before = _contents(folder)
    _read(sqlite_url)
    assert _contents(folder) == before
    assert before.keys() == {"ledger.sqlite"}


def test_a_ledger_left_by_a_killed_process_is_read_as_it_is(sqlite_url: str, tmp_path: Path) -> None:
    with Ledger.open(sqlite_url) as ledger:
        record(ledger, claimed(ledger))
        copy = Path(shutil.copytree(_path(sqlite_url).parent, tmp_path / "copy"))
    before = _contents(copy)
    _read(f"sqlite:///{copy}/ledger.sqlite")
    assert _contents(copy) == before


@pytest.mark.parametrize("in_use", [False, True])
def test_a_ledger_in_a_folder_that_cannot_be_written_is_read(open_folder: Path, in_use: bool) -> None:
    url = f"sqlite:///{open_folder}/ledger.sqlite"
    ledger = Ledger.open(url)
    record(ledger, claimed(ledger))
    if not in_use:
        ledger.close()
    with _read_only(open_folder):
        before = _contents(open_folder)
        _read(url)
        assert _contents(open_folder) == before
        with pytest.raises(LedgerUnavailable, match="check that the path is right and that this user may read and"):
            Ledger.open(url)
        with pytest.raises(LedgerError):
            Ledger.open(f"sqlite:///{open_folder}/sub/ledger.sqlite")
    ledger.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Inside, the folder and its files may only be read; root, who may do anything, is someone else meanwhile."""
    for path in folder.iterdir():
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    folder.chmod(0o555)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _read(url: str) -> None:
    existing = Ledger.open_existing(url)
    assert existing is not None
    with existing:
        row = existing.day(ITEM, DAY)
        assert row is not None
        assert row.attempts == 1


def _contents(folder: Path) -> dict[str, bytes]:
    """Of every file but the shared memory of processes that have the ledger open."""
    return {path.name: b"" if path.name.endswith("-shm") else path.read_bytes() for path in folder.iterdir()}
