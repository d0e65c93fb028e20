"""Three instruments that no line of Python knows, each a file of TOML, and what their days' files must hold."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HOUSEKEEPING = """
[swapi_hk]
title = "SWAPI housekeeping"
cadence = "20s"
window = "8h"
folder = "ialirt_hk"
scopes = ["full", "read"]

[swapi_hk.fields]
ttj2000ns = false

[swapi_hk.fields.swapi_hk_status]
prefix = "swapi_hk_"

[swapi_hk.fields.swapi_hk_status.members]
epoch = { like = "count", unit = "ns", kind = "time" }
temp = { unit = "'degC'", valid = [-40.0, 60.0], polynomial = [-273.15, 0.1235727], label = "Temperature" }
mode = { codes = { 1 = "Standby", 2 = "Science" } }
count = { type = "integer" }
door = { type = "boolean" }
"""

ARRAY = """
[glows]
title = "GLOWS"
sentence = "The helioglow along a circle."
cadence = "2m"
window = "12h"

[glows.axes.bin]
unit = "deg"
values = [0.0, 90.0, 180.0, 270.0]
label = "Angle"

[glows.fields]
glows_epoch = { like = "ttj2000ns" }
glows_counts = { type = "integer", list = "bin", unit = "count", valid = [0.0, 1e6], label = "Counts" }
glows_temperature = { unit = "K", valid = [250.0, 300.0], label = "Temperature", scopes = ["full", "read"] }
"""

SPECTROGRAM = """
[ultra]
title = "Ultra"
cadence = "5m"
window = "1d"

[ultra.axes.energy]
unit = "keV"
values = [1.0, 2.0, 5.0]
label = "Energy"

[ultra.axes.sector]
size = 4
label = "Sector"

[ultra.fields]
ultra_epoch = { cell = ["sector"], unit = "ns", label = "Times" }
ultra_rate = { cell = ["energy", "sector"], unit = "count.s**-1", valid = [0.0, 1e6], label = "Rate" }
"""

FILES: Mapping[str, str] = {"swapi_hk": HOUSEKEEPING, "glows": ARRAY, "ultra": SPECTROGRAM}
"""By the name of the instrument."""

FOLDERS: Mapping[str, str] = {name: "ialirt_hk" if name == "swapi_hk" else "ialirt" for name in FILES}

FILL = -9999999999999999635896294965248


def write_files(folder: Path) -> str:
    """The files, each in one of its own; their names as ``--catalogue`` takes them."""
    for name, text in FILES.items():
        (folder / f"{name}.toml").write_text(text)
    return ",".join(str(folder / f"{name}.toml") for name in FILES)


def expected(record: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a record's row that are not empty, as a person would write them who has read the TOML."""
    row: dict[str, Any] = {}
    for name, value in record.items():
        if name in {"swapi_hk_status", "glows_counts"} and isinstance(value, dict | list):
            numbered = enumerate(value, start=1) if isinstance(value, list) else value.items()
            prefix = "glows_counts_" if isinstance(value, list) else "swapi_hk_"
            row |= {f"{prefix}{key}": it for key, it in numbered}
        elif name != "instrument":
            row[name] = value
    if row.get("swapi_hk_temp") not in {None, FILL}:
        row["swapi_hk_temp"] = -273.15 + 0.1235727 * row["swapi_hk_temp"]
    if "swapi_hk_mode" in row:
        row["swapi_hk_mode"] = {1: "Standby", 2: "Science"}[row["swapi_hk_mode"]]
    return {name: _text(value) for name, value in row.items() if value not in (None, FILL)}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps([[None if it == FILL else it for it in one] if isinstance(one, list) else
                           None if one == FILL else one for one in value], separators=(",", ":"))  # fmt: skip
    return str(value)


def assert_holds(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Every cell of the file is right, and there are no others."""
    with path.open(encoding="utf-8", newline="") as file:
        found = [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(file, strict=True)]
    wanted = [expected(record) for record in records]
    assert len(found) == len(wanted) > 0
    for row, cells in zip(found, wanted, strict=True):
        assert row.keys() == cells.keys()
        for name, cell in row.items():
            assert cell == cells[name] or float(cell) == float(cells[name]), (path, name, cell, cells[name])
