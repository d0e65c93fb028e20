"""The days whose content has changed, and a cursor to go on from: what `changes` tells, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote, unquote

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import ChangesOptions
from ialirt_backfill.options.forms import CURSOR, parse_time
from ialirt_backfill.reports.status import open_ledger
from ialirt_backfill.store.demonstration import is_synthetic


@dataclass(frozen=True, slots=True)
class Change:
    """A day as it is since its content last changed. ``path``, relative to the datastore, and ``sha256`` are None where
    it has no file any more."""

    instrument: str
    day: date
    path: str | None
    sha256: str | None
    records: int
    availability_pct: float | None
    is_final: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ChangesReport:
    """The days that have changed, oldest first, and the cursor that the next list begins with.

    ``synthetic`` says that they are those of a demonstration.
    """

    synthetic: bool
    changes: tuple[Change, ...]
    cursor: str


def changes(options: ChangesOptions) -> ChangesReport:
    """The days whose content has changed since a time or a cursor. Raises UsageError and ledger.LedgerError."""
    since = options.since or ""
    is_cursor = since.partition(",")[0] == CURSOR
    after = _numbers(since) if is_cursor else {}
    names = {instrument.progress_key: instrument.name for instrument in options.instruments}
    with open_ledger(options) as ledger:
        found, last = ledger.changes(names, after=after, since=parse_time(since) if since and not is_cursor else None)
        shown, synthetic = ledger.url_shown, is_synthetic(options, ledger)
    for item_name in names.keys() & after.keys():
        if after[item_name] > last.get(item_name, 0):
            raise UsageError(
                f"--since is ahead of the ledger {shown}, for {names[item_name]}: the cursor is of another ledger, or"
                " this one was restored since. Begin again with a time, or without --since"
            )
    told = tuple(Change(names[it.item_name], *it[1:-1]) for it in found)
    return ChangesReport(synthetic, told, _cursor(after | last))


def _cursor(numbers: Mapping[str, int]) -> str:
    """The numbers of the last changes, by item: ``c1,HIT_IALIRT:118,MAG_IALIRT:421``, which no shell misreads."""
    return ",".join([CURSOR, *(f"{quote(name, safe='')}:{number}" for name, number in sorted(numbers.items()))])


def _numbers(cursor: str) -> dict[str, int]:
    numbers = {}
    for part in cursor.split(",")[1:]:
        match = re.fullmatch(r"([^:]+):([0-9]+)", part)
        if match is None:
            raise UsageError(f"--since {cursor!r} is no whole cursor, as it stands at {part!r}: give all of it")
        numbers[unquote(match[1])] = int(match[2])
    return numbers
