"""The file of a day: what is added, what stays byte for byte, and what a fault leaves behind."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ialirt_backfill.day import table
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.store import dayfile

START = datetime(2026, 2, 1, tzinfo=UTC)
START_SECOND = int(START.timestamp())
EXACT = "823176136884633761"

Content = dict[int, dict[str, str | None]]
Cells = dict[str, dict[str, str]]


def at(second: int) -> str:
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def built(content: Content, *more: str) -> pa.Table:
    columns = sorted({name for row in content.values() for name in row}.union(more))
    data = [pa.array([content[second].get(name) for second in sorted(content)], pa.string()) for name in columns]
    return pa.table([pa.array([at(second) for second in sorted(content)], pa.string()), *data], ["time_utc", *columns])


def rows(*seconds: int, **cells: str | None) -> pa.Table:
    """Rows at these seconds of the day, all with these cells, or with two columns of their own."""
    return built({second: cells or {"epoch": f"{EXACT}{second}", "field": f"{second}.5"} for second in seconds})


def model(*contents: Content) -> Cells:
    merged: Cells = {}
    for content in contents:
        for second, row in content.items():
            merged.setdefault(at(second), {}).update({name: cell for name, cell in row.items() if cell is not None})
    return merged


def read_back(path: Path) -> Cells:
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True)
    return {row["time_utc"]: {k: v for k, v in row.items() if v and k != "time_utc"} for row in reader}


def staged(path: Path, new: pa.Table, token: str = "t", **how: bool) -> dayfile.Staged:
    version = dayfile.stage(path, new, token, **how)
    assert version is not None
    return version


def added(path: Path, new: pa.Table) -> dayfile.Staged:
    """Stage, publish, and hold what was told against what stands there."""
    before = dayfile.read_times(path) if path.exists() else []
    version = staged(path, new)
    version.publish()
    data = path.read_bytes() if path.exists() else b""
    assert version.size_bytes == dayfile.size(path) == len(data)
    assert version.sha256 == dayfile.checksum(path) == hashlib.sha256(data).hexdigest()
    assert list(path.parent.iterdir()) == [path]
    after = dayfile.read_times(path)
    assert after == sorted({*before, *table.times(new)})
    assert version.records_added == len(after) - len(before)
    kept = len(after) - len(version.tail)
    assert version.tail == after[kept:]
    assert version.replaced == len(before) - kept
    assert version.last_kept == (datetime.fromtimestamp(after[kept - 1], UTC) if kept else None)
    return version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ialirt" / "2026" / "02" / "imap_ialirt_20260201.csv"


# --- adding -----------------------------------------------------------------------------------------------------------


def test_the_first_version(path: Path) -> None:
    version = added(path, rows(0, 4))
    assert path.read_text() == f"time_utc,epoch,field\n{at(0)},{EXACT}0,0.5\n{at(4)},{EXACT}4,4.5\n"
    assert (version.replaced, version.records_added) == (0, 2)


def test_neither_a_file_nor_a_row_is_nothing(path: Path) -> None:
    assert dayfile.stage(path, table.empty(), "t") is None
    assert dayfile.size(path) is None
    assert not path.parent.exists()


def test_nothing_is_visible_before_it_is_published(path: Path) -> None:
    added(path, rows(0))
    old = path.read_bytes()
    version = staged(path, rows(4), "token")
    assert path.read_bytes() == old
    assert version.temporary == path.with_name(".imap_ialirt_20260201.csv.token.tmp")
    version.discard()
    version.discard()
    assert list(path.parent.iterdir()) == [path]


def test_rows_at_the_end_leave_the_others_unread(path: Path) -> None:
    added(path, rows(*range(0, 4000, 4)))
    old = path.read_bytes()
    version = added(path, rows(3996, 4000, 4004))
    assert path.read_bytes().startswith(old)
    assert (version.replaced, version.records_added) == (1, 2)
    assert version.last_kept == START + timedelta(seconds=3992)


def test_what_stands_before_the_new_rows_stays_byte_for_byte(path: Path) -> None:
    path.parent.mkdir(parents=True)
    strange = f"{at(0)},001.50,+7e0\n{at(4)}, padded ,NaN\n"
    path.write_text(f"time_utc,a,b\n{strange}{at(8)},1,2\n")
    added(path, built({8: {"a": "5"}, 12: {"b": "6"}}))
    assert path.read_text() == f"time_utc,a,b\n{strange}{at(8)},5,2\n{at(12)},,6\n"


def test_rows_that_come_late(path: Path) -> None:
    added(path, rows(0, 4, 20, 24))
    version = added(path, rows(8, 12))
    assert (version.replaced, version.records_added) == (2, 2)
    version = added(path, rows(-4))
    assert (version.replaced, version.last_kept) == (6, None)


def test_a_new_column_keeps_every_row_and_column(path: Path) -> None:
    added(path, built({0: {"b": "007"}, 4: {"b": "1.0"}}))
    version = added(path, built({8: {"a": "x"}}))
    assert path.read_text() == f"time_utc,a,b\n{at(0)},,007\n{at(4)},,1.0\n{at(8)},x,\n"
    assert (version.replaced, version.records_added) == (2, 1)


def test_what_is_there_already_is_not_written_again(path: Path) -> None:
    added(path, rows(0, 4, 8))
    before = path.stat()
    for new in (rows(4, 8), rows(0, 4, 8), built({8: {"field": None}}), table.empty(), rows(8).slice(1)):
        version = added(path, new)
        assert version.temporary is None
        assert version.records_added == 0
    assert path.stat() == before
    version = staged(path, rows(4, 8))
    assert (version.replaced, version.last_kept) == (2, START)


def test_an_empty_cell_never_replaces_one_that_is_not(path: Path) -> None:
    added(path, built({0: {"a": "1", "b": "2"}, 4: {"a": "3"}}))
    added(path, built({0: {"a": None, "b": "5"}, 4: {"b": "6"}}))
    assert read_back(path) == {at(0): {"a": "1", "b": "5"}, at(4): {"a": "3", "b": "6"}}


def test_long_rows_and_line_breaks_inside_cells(path: Path) -> None:
    long = {
        second: {"a": f"{second},".ljust(9000, "x"), "b": "two\nlines" if second % 3 else "\r"} for second in range(9)
    }
    for second, row in long.items():
        added(path, built({second: dict(row)}))
    assert read_back(path) == {at(second): row for second, row in long.items()}


@pytest.mark.parametrize("broken", [f"x\n{at(2)},forged,", f"\n{at(5)},,\n{at(6)},,\n", '"\n"'])
def test_a_line_break_inside_a_cell_is_never_taken_for_the_end_of_a_row(path: Path, broken: str) -> None:
    content: Content = {second: {"a": broken, "b": broken} for second in range(8)}
    added(path, built(content))
    for second in range(9):
        added(path, built({second: {"a": "new"}}))
        content.setdefault(second, {})["a"] = "new"
        assert read_back(path) == model(content)


names = st.sampled_from(["a", "B", "c", "x,y", "", ".z"])
texts = st.none() | st.sampled_from(["1", "1.0", EXACT, "[1,2]", 'say "so"', "two\nlines", "ü", " "])
contents = st.dictionaries(st.integers(0, 30), st.dictionaries(names, texts, max_size=3), max_size=8)


@pytest.mark.slow
@given(st.lists(contents, min_size=1, max_size=5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_whatever_is_added_the_file_is_as_the_model(parts: list[Content], whole: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "day.csv")
        for number, part in enumerate(parts):
            version = dayfile.stage(path, built(part), str(number), whole=whole)
            if version is not None:
                before = path.read_bytes() if path.exists() else None
                version.publish()
                data = path.read_bytes()
                assert (version.temporary is None) == (data == before)
                assert version.sha256 == hashlib.sha256(data).hexdigest()
                assert version.tail == dayfile.read_times(path)[-len(version.tail) :] or not version.tail
        expected = model(*parts)
        assert path.exists() == bool(expected)
        if expected:
            assert read_back(path) == expected
            assert list(read_back(path)) == sorted(expected)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_window_by_window_is_the_same_file_as_at_once(data: st.DataObject) -> None:
    content = data.draw(contents.filter(bool))
    columns = {name for row in content.values() for name in row}
    seconds = sorted(content)
    ends = [*sorted(data.draw(st.sets(st.sampled_from(range(len(seconds))), max_size=4))), len(seconds)]
    starts = [0, *ends[:-1]]
    windows = [
        built({second: content[second] for second in seconds[start:end]}, *columns)
        for start, end in zip(starts, ends, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        once, stepwise = Path(folder, "once.csv"), Path(folder, "stepwise.csv")
        staged(once, built(content)).publish()
        for window in data.draw(st.permutations(windows)):
            if (version := dayfile.stage(stepwise, window, "t")) is not None:
                version.publish()
        assert stepwise.read_bytes() == once.read_bytes()


# --- files of others, and damaged ones --------------------------------------------------------------------------------

GOOD = f"time_utc,a,b\n{at(0)},1,{EXACT}\n{at(4)},,1.50\n{at(8)},3,x\n"
GOOD_CELLS = {at(0): {"a": "1", "b": EXACT}, at(4): {"b": "1.50"}, at(8): {"a": "3", "b": "x"}}

FOREIGN = {
    "byte order mark": "\ufeff" + GOOD,
    "line ends of Windows": GOOD.replace("\n", "\r\n"),
    "line ends of Windows in one row": GOOD.replace("1.50\n", "1.50\r\n"),
    "no last line break": GOOD[:-1],
    "half a last line": GOOD + f"{at(12)},4",
    "half a time": GOOD + "2026-02-01T00:0",
    "half a quoted cell": GOOD + f'{at(12)},4,"[1,2',
    "half a quoted cell with a line break": GOOD + f'{at(12)},4,"[1,\n2',
    "zeros at the end": GOOD + "\0" * 100,
    "quotes nobody needs": GOOD.replace("1.50", '"1.50"'),
    "quotes around everything": "".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in GOOD.splitlines()
    ),
    "empty lines": GOOD.replace("\n", "\n\n"),
    "rows out of order": f"time_utc,a,b\n{at(8)},3,x\n{at(0)},1,{EXACT}\n{at(4)},,1.50\n",
    "a row twice": GOOD + f"{at(4)},,\n{at(0)},1,\n",
    "another order of columns": f"b,time_utc,a\n{EXACT},{at(0)},1\n1.50,{at(4)},\nx,{at(8)},3\n",
    "times in other forms": GOOD.replace("00T", "00 ")
    .replace(at(0), "2026-02-01 00:00:00+00:00")
    .replace(at(4), at(4) + ".250Z"),
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("second", [0, 4, 10, None])
def test_a_file_of_another_program_is_put_in_order(tmp_path: Path, text: str, second: int | None) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(text.encode())
    new: Content = {} if second is None else {second: {"b": "new"}}
    version = staged(path, built(new), whole=True)
    version.publish()
    assert read_back(path) == model(
        {0: dict(GOOD_CELLS[at(0)]), 4: dict(GOOD_CELLS[at(4)]), 8: dict(GOOD_CELLS[at(8)])}, new
    )
    again = path.read_bytes()
    assert again.startswith(b"time_utc,a,b\n2026-02-01T00:00:00,1,")
    assert staged(path, built(new), whole=True).temporary is None
    assert staged(path, built(new)).temporary is None


@pytest.mark.parametrize("text", [text for name, text in FOREIGN.items() if name != "rows out of order"])
def test_most_of_that_is_seen_without_being_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(text.encode())
    staged(path, built({4: {"b": "new"}})).publish()
    assert read_back(path) == model({second: dict(GOOD_CELLS[at(second)]) for second in (0, 4, 8)}, {4: {"b": "new"}})


def test_a_last_line_with_all_its_cells_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text(GOOD + f"{at(12)},4,5")
    assert dayfile.read_times(path) == [START_SECOND + second for second in (0, 4, 8, 12)]


def test_columns_and_rows_of_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text(f"time_utc,instrument,note\n{at(0)},mag,by hand\n2026-03-09T00:00:00,mag,another day\n")
    added(path, rows(4))
    assert path.read_text().splitlines()[0] == "time_utc,epoch,field,instrument,note"
    assert read_back(path)[at(0)] == {"instrument": "mag", "note": "by hand"}
    assert read_back(path)["2026-03-09T00:00:00"] == {"instrument": "mag", "note": "another day"}


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"time_utc\n", b"time_utc"])
def test_a_file_without_rows(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert dayfile.read(path).num_rows == 0
    assert staged(path, table.empty()).records_added == 0
    version = added(path, rows(0, 4))
    assert (version.replaced, version.records_added) == (0, 2)


UNREADABLE = {
    "no times": (b"a,b\n1,2\n", "time_utc"),
    "not a table": (b"<html>\n<body>Service Unavailable</body>\n", "time_utc"),
    "not UTF-8": (GOOD.encode() + f"{at(12)},\xff,1\n".encode("latin-1"), "utf-8"),
    "UTF-16": (GOOD.encode("utf-16"), "utf-8"),
    "ragged": (GOOD.encode() + f"{at(12)},1\n{at(16)},1,2\n".encode(), "Expected 3 columns, got 2"),
    "too many cells": (GOOD.encode() + f"{at(12)},1,2,3\n".encode(), "Expected 3 columns, got 4"),
    "an unreadable time": (GOOD.encode() + b"noon,1,2\n", "row 4, 'noon'"),
    "no time": (GOOD.encode() + b",1,2\n", "row 4, None"),
    "a column twice": (f"time_utc,a,a\n{at(0)},1,2\n".encode(), "twice"),
    "zeros": (b"\0" * 50, "time_utc"),
}


@pytest.mark.parametrize(("data", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_understood_is_left_as_it_is(path: Path, data: bytes, words: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    for act in (lambda: dayfile.stage(path, rows(12), "t", whole=True), lambda: dayfile.read(path)):
        with pytest.raises(DayFileError, match="move it aside and run again") as caught:
            act()
        assert str(path) in str(caught.value)
        assert words in str(caught.value)
    assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


@given(st.binary(max_size=40) | st.text('time_utc,\n\r"ab2026-02-01T00:00:00', max_size=60).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_no_bytes_are_lost_or_break_the_program(junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "day.csv")
        path.write_bytes(GOOD.encode() + junk)
        try:
            version = staged(path, rows(4, b="new"), whole=True)
        except DayFileError:
            assert path.read_bytes() == GOOD.encode() + junk
            return
        version.publish()
        found = read_back(path)
        assert found[at(0)]["a"]
        assert found[at(4)]["b"]
        assert found[at(8)]


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_everything_is_on_disk_before_it_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[Any, ...]] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(("fsync", target.name, target.stat().st_size if target.is_file() else None))
        fsync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        steps.append(("replace", Path(source).name, Path(target).name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    temporary = f".{path.name}.t.tmp"
    root = path.parents[3].name
    version = staged(path, rows(0))
    assert steps == [
        ("fsync", root, None),
        ("fsync", "ialirt", None),
        ("fsync", "2026", None),
        ("fsync", temporary, version.size_bytes),
    ]
    version.publish()
    assert steps[4:] == [("replace", temporary, path.name), ("fsync", "02", None)]
    steps.clear()
    version = staged(path, rows(0, 4))
    version.publish()
    assert steps == [
        ("fsync", temporary, version.size_bytes),
        ("replace", temporary, path.name),
        ("fsync", "02", None),
    ]


def test_files_have_the_permissions_of_any_other(path: Path) -> None:
    before = os.umask(0o027)
    try:
        added(path, rows(0))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_temporaries_of_the_day_are_swept(path: Path) -> None:
    added(path, rows(0))
    one, two, three = (path.with_name(f".{path.name}.{token}.tmp") for token in ("one", "two", "three"))
    for token in ("one", "two", "three"):
        staged(path, rows(4), token)
    other = path.with_name(".imap_ialirt_20260202.csv.one.tmp")
    other.touch()
    assert dayfile.sweep(path, untouched_seconds=60) == []
    os.utime(three, (0, 0))
    assert dayfile.sweep(path, untouched_seconds=60) == [three]
    staged(path, rows(4), "three")
    assert sorted(dayfile.sweep(path, "two")) == sorted([one, three])
    assert sorted(path.parent.iterdir()) == sorted([path, other, two])
    assert dayfile.sweep(path) == [two]
    assert dayfile.sweep(path.parent / "absent" / "day.csv") == []


def test_a_folder_where_the_file_should_be(path: Path) -> None:
    path.mkdir(parents=True)
    assert dayfile.size(path) is None
    for act in (lambda: dayfile.stage(path, rows(0), "t"), lambda: dayfile.read(path), lambda: dayfile.checksum(path)):
        with pytest.raises(DayFileError, match=r"(?i)is a directory") as caught:
            act()
        assert str(path) in str(caught.value)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_where_a_folder_should_be(path: Path) -> None:
    path.parents[1].mkdir(parents=True)
    path.parent.touch()
    assert dayfile.size(path) is None
    assert dayfile.sweep(path) == []
    with pytest.raises(DayFileError, match="Not a directory") as caught:
        dayfile.stage(path, rows(0), "t")
    assert str(path) in str(caught.value)


def test_the_folder_goes_away_before_publishing(path: Path) -> None:
    version = staged(path, rows(0))
    assert version.temporary is not None
    version.temporary.unlink()
    path.parent.rmdir()
    with pytest.raises(DayFileError, match="cannot be published: No such file"):
        version.publish()
    version.discard()


def test_a_missing_file_cannot_be_read(path: Path) -> None:
    with pytest.raises(DayFileError, match="No such file"):
        dayfile.read(path)


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """As on a disk without room: this process writes no file beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("seconds", [(0,), range(4000, 8000), ()])
def test_a_full_disk_leaves_the_old_file(path: Path, seconds: range) -> None:
    if seconds:
        added(path, rows(*seconds))
    old = path.read_bytes() if seconds else None
    with no_file_beyond(50_000), pytest.raises(DayFileError) as caught:
        staged(path, rows(*range(6000)))
    assert str(caught.value) == f"{path} cannot be written: File too large"
    assert list(path.parent.iterdir()) == ([path] if seconds else [])
    assert old is None or path.read_bytes() == old
