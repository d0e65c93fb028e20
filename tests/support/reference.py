"""What a day's file must hold, written a second time: plainly, cell by cell, from domain rules and nothing of ours.

The tests compare the files that runs have made with this.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Cell = Any
Row = dict[str, Cell]

FIB = (-442.261486, 0.360584507, -1.21404793e-4, 1.910344879e-8)
FOB = (-391.2388, 0.2892792, -8.7790356e-5, 1.373157e-8)
CONVERSIONS: Mapping[str, tuple[float, ...]] = {
    "icu_temp": (-273.15, 0.1235727),
    "fib_temp": FIB,
    "fob_temp": FOB,
    "hk3v3": (0.0, 0.001164028),
    "hk3v3_current": (-13.655, 0.07964502),
    "hkn8v5": (0.0, -0.0025910408),
    "hkn8v5_current": (-8.3906, 0.1178),
}
MODES = {1: "Standby", 2: "Safe", 3: "Config", 4: "Debug", 5: "Normal", 6: "Burst"}
AXES = {"RTN": "rtn", "GSE": "xyz", "GSM": "xyz"}
NANOSECONDS = ("_epoch", "ttj2000ns")
FLAGS = ("saturated", "danger", "warn", "errs", "isvalid")


@cache
def is_integer_column(name: str) -> bool:
    return name.startswith("swe_") or name.endswith((*NANOSECONDS, "_range"))


def expected_rows(records: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """The rows by their time; each cell as the number, boolean or text that its text must read back to; None: empty."""
    rows: dict[str, Row] = {}
    for record in records:
        row: Row = {}
        for name, value in record.items():
            if name not in {"instrument", "time_utc"}:
                row.update(_cells(name, value))
        rows[record["time_utc"]] = row
    return rows


def _cells(name: str, value: Any) -> Row:
    if name == "mag_hk_status":
        return {f"mag_hk_{member}": _housekeeping(member, raw) for member, raw in value.items()}
    if name == "swe_normalized_counts":
        return {f"{name}_{i + 1}": _number(None if value is None else value[i]) for i in range(8)}
    if name in {"codice_hi_epoch", "codice_hi_h"}:
        return {name: None if value is None else _nested(value)}
    if name.startswith(("mag_B_", "sc_")) and name[-3:] in AXES:
        return {
            f"{name}_{axis}": _number(None if value is None else value[i]) for i, axis in enumerate(AXES[name[-3:]])
        }
    return {name: _number(value)}


def _housekeeping(member: str, raw: Any) -> Cell:
    if _number(raw) is None:
        return None
    if member == "mode":
        return MODES.get(raw, raw)
    if member in CONVERSIONS:
        return sum(coefficient * raw**power for power, coefficient in enumerate(CONVERSIONS[member]))
    return raw


def _number(value: Any) -> Cell:
    return None if isinstance(value, int | float) and value < -9e30 else value


def _nested(value: Any) -> Any:
    return [_nested(element) for element in value] if isinstance(value, list) else _number(value)


def assert_file_holds(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Every cell of the file is right, in value and in form, and there are no others."""
    expected = expected_rows(records)
    raw = path.read_bytes()
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    with path.open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file, strict=True)
    assert header[0] == "time_utc"
    assert header[1:] == sorted(header[1:])
    assert set(header[1:]) == {name for row in expected.values() for name in row}
    for cells in found:
        assert len(cells) == len(header), f"{path}: a ragged row at {cells[0]}"
    assert [cells[0] for cells in found] == sorted(expected)
    rows = [expected[cells[0]] for cells in found]
    for name, texts in zip(header[1:], list(zip(*found, strict=True))[1:], strict=True):
        for text, value in _different(texts, [row.get(name) for row in rows]):
            assert_cell(name, text, value)


def _different(texts: Sequence[str], values: Sequence[Cell]) -> Iterable[tuple[str, Cell]]:
    """Of the cells of a column, text and value, each pair once: most say what another one says."""
    if list in map(type, values):
        return zip(texts, values, strict=True)
    kinds = map(type, values)  # True is 1 to Python, and is not in a file
    return ((text, value) for text, _, value in set(zip(texts, kinds, values, strict=True)))


def assert_cell(name: str, text: str, value: Cell) -> None:
    """The text of one cell says exactly this value, in the form of its column."""
    if not _says(name, text, value):
        raise AssertionError(f"{name}: {text!r} for {value!r}")


def _says(name: str, text: str, value: Cell) -> bool:
    if value is None:
        return text == ""
    if isinstance(value, bool | str):
        return text == str(value) and text != ""
    if text == "":
        return False
    if isinstance(value, list):
        return text == text.strip() and " " not in text and bool(json.loads(text) == value)
    if isinstance(value, int) or is_integer_column(name):
        return text == str(value)
    if name.startswith("mag_hk_"):
        return bool(abs(float(text) - value) <= 1e-9 * max(1.0, abs(value)))
    return bool(float(text) == value)
