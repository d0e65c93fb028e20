"""Records as JSON and CSV: the contract of ``--json`` and ``--csv``.

The names are those of the records' fields; times are ISO 8601 in UTC, with a ``Z``.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

from ledger import Claimant


def write_json(record: object) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(plain(record), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_csv(kind: type[Any], records: Sequence[Any]) -> None:
    """A header and a line per record on standard output."""
    names = [field.name for field in fields(kind)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([plain(getattr(record, name)) for name in names] for record in records)
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """A record as JSON knows it."""
    if isinstance(value, Claimant):
        return {"host": value.host, "pid": value.pid, "run_id": value.run_id, "since": plain(value.since)}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, PurePath) else value
