"""What was read becomes the text of its cells again, to be compared with the file."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa


def cells_of(rows: pa.Table) -> dict[str, dict[str, str]]:
    """The cells that are not empty, by time and column; those in ``extra`` under the names of their columns."""
    found = {}
    for row in rows.to_pylist():
        time = row.pop("time_utc").replace(tzinfo=None).isoformat()
        extra = dict(row.pop("extra", None) or [])
        found[time] = {name: _text(value) for name, value in row.items() if value is not None} | extra
    return found


def _text(value: Any) -> str:
    """As `day.cells` writes it."""
    if isinstance(value, list):
        return json.dumps(_plain(value), separators=(",", ":"))
    return str(value) if isinstance(value, bool | str | int) else str(pa.scalar(value).cast(pa.string()).as_py())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
