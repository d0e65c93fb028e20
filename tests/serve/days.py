"""What is served of a day, written a second time: plainly, cell by cell, from the text of its file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

Row = Mapping[str, str]
J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
TT_AHEAD_NS = 69_184_000_000
"""Of UTC, since 2017."""
ANGLES = ("mag_phi", "mag_theta")
COMPONENTS = {"GSE": "xyz", "GSM": "xyz", "RTN": "rtn"}
FLAGS = {"True": 1, "False": 0}


def rows_of(*paths: Path) -> list[Row]:
    """The rows of day files, in the order of the files."""
    found: list[Row] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            found += csv.DictReader(file)
    return found


def within(rows: Iterable[Row], start: str, stop: str) -> list[Row]:
    """From a time to before another, both as ``2026-02-01T00:00:00Z``."""
    return [row for row in rows if start <= f"{row['time_utc']}Z" < stop]


def columns_of(parameter: Mapping[str, Any]) -> list[str]:
    """The columns of the file that a parameter is made of."""
    name, size = parameter["name"], parameter.get("size")
    if name == "Time":
        return ["time_utc"]
    if name.startswith("codice_hi_"):
        return ["codice_hi_h" if name[:-1] == "codice_hi_h_" else name]
    if not size:
        return [name]
    letters = COMPONENTS.get(name[-3:])
    return [f"{name}_{letter}" for letter in letters] if letters else [f"{name}_{i + 1}" for i in range(size[0])]


def value_of(parameter: Mapping[str, Any], row: Row) -> Any:
    """What a row has for a parameter, as JSON has it."""
    cells = [row.get(name, "") for name in columns_of(parameter)]
    one = _one(parameter)
    name, size = parameter["name"], parameter.get("size")
    if not size:
        return one(cells[0])
    if not name.startswith("codice_hi_"):
        return [one(cell) for cell in cells]
    whole = json.loads(cells[0]) if cells[0] else None
    if name[:-1] == "codice_hi_h_" and whole is not None:
        place = int(name[-1]) - 1
        whole = whole[place] if place < len(whole) else None
    return _filled(whole, size, lambda value: one("" if value is None else json.dumps(value)))


def _filled(value: Any, size: Sequence[int], one: Callable[[Any], Any]) -> Any:
    if not size:
        return one(value)
    value = value or []
    return [_filled(value[i] if i < len(value) else None, size[1:], one) for i in range(size[0])]


def _one(parameter: Mapping[str, Any]) -> Callable[[str], Any]:
    fill = parameter["fill"]
    match parameter["type"]:
        case "double":
            return lambda cell: float(cell or fill)
        case "integer":
            return lambda cell: FLAGS[cell] if cell in FLAGS else int(cell or fill)
        case "string":
            return lambda cell: cell or fill
    if parameter["name"] == "Time":
        return lambda cell: f"{cell}Z"
    return lambda cell: instant(int(cell)) if cell else fill


def instant(nanoseconds: int) -> str:
    """TT since J2000 in UTC."""
    seconds, rest = divmod(nanoseconds - TT_AHEAD_NS, 10**9)
    return f"{J2000 + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


# --- means ------------------------------------------------------------------------------------------------------------


def stretches(rows: Iterable[Row], letters: int) -> dict[str, list[Row]]:
    """The rows by the beginning of their stretch: so many letters of their time say which, 16 a minute and 13 an
    hour."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        begun = row["time_utc"][:letters] + "0000-00-00T00:00:00"[letters:] + "Z"
        found.setdefault(begun, []).append(row)
    return found


def mean_of(parameter: Mapping[str, Any], rows: Sequence[Row]) -> Any:
    """What a stretch has for a parameter of a dataset of means."""
    name = parameter["name"]
    if name.endswith("_records"):
        return len(rows)
    counts = name.endswith("_count")
    if name.startswith("codice_hi_h"):
        return _mean_of_arrays([row["codice_hi_h"] for row in rows if row["codice_hi_h"]], parameter["size"], counts)
    base = {**parameter, "name": name.removesuffix("_count")}
    found = [_mean(base["name"], [row[it] for row in rows if row.get(it)], counts) for it in columns_of(base)]
    return found if parameter.get("size") else found[0]


def _mean_of_arrays(cells: Sequence[str], size: Sequence[int], counts: bool) -> Any:
    """Of each element, over the records and the four measurements of each; a record of another shape has none."""
    measurements = []
    for cell in cells:
        try:
            record = np.array(json.loads(cell), np.float64)
        except ValueError:
            continue
        if record.shape == (4, *size):
            measurements += [*record]
    found = np.array(measurements or [np.full(size, np.nan)])
    is_there = ~np.isnan(found)
    how_many = is_there.sum(axis=0)
    if counts:
        return how_many
    return np.where(how_many > 0, np.where(is_there, found, 0).sum(axis=0) / np.maximum(how_many, 1), -1e31)


def _mean(name: str, cells: Sequence[str], counts: bool) -> float:
    if counts:
        return len(cells)
    numbers = [float(FLAGS.get(cell, cell)) for cell in cells]
    if not numbers:
        return -1e31
    if name.startswith(ANGLES):
        sines, cosines = (sum(map(of, map(math.radians, numbers))) for of in (math.sin, math.cos))
        return math.degrees(math.atan2(sines, cosines))
    return math.fsum(numbers) / len(numbers)
