"""The days whose content has changed, and a cursor to go on from: what `changes` tells, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from urllib.parse import quote, unquote

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import ChangesOptions
from ialirt_backfill.options.forms import CURSOR, is_cursor, parse_time
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


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where changes were told: the number of the last one by item, and of which ledger they are the numbers.

    As text it is ``c1@9f3a61c2,HIT_IALIRT:118,MAG_IALIRT:421``, which no shell misreads. ``ledger`` is empty in those
    of earlier versions, and of a ledger that has no identity yet.
    """

    ledger: str
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, text: str) -> Self:
        """The cursor that a text is. Raises UsageError."""
        lead, *parts = text.split(",")
        match = _whole(_LEAD, lead, text)
        numbers = [_whole(_NUMBER, part, text) for part in parts]
        return cls(match[1] or "", {unquote(it[1]): int(it[2]) for it in numbers})

    def __str__(self) -> str:
        lead = f"{CURSOR}@{self.ledger}" if self.ledger else CURSOR
        return ",".join([lead, *(f"{quote(name, safe='')}:{it}" for name, it in sorted(self.numbers.items()))])


_LEAD = re.compile(rf"{CURSOR}(?:@([0-9a-f]{{8}}))?")
_NUMBER = re.compile(r"([^:]+):([0-9]{1,19})")  # no ledger counts to more digits


def _whole(form: re.Pattern[str], part: str, cursor: str) -> re.Match[str]:
    if (match := form.fullmatch(part)) is None:
        raise UsageError(f"--since {cursor!r} is no whole cursor, as it stands at {part!r}: give all of it")
    return match


def changes(options: ChangesOptions) -> ChangesReport:
    """The days whose content has changed since a time or a cursor. Raises UsageError and ledger.LedgerError."""
    since = options.since or ""
    cursor = Cursor.of(since if is_cursor(since) else CURSOR)
    begin = parse_time(since) if since and not is_cursor(since) else None
    names = {instrument.progress_key: instrument.name for instrument in options.instruments}
    with open_ledger(options) as ledger:
        synthetic, identity = is_synthetic(options, ledger), ledger.identity()
        _refuse_foreign(cursor, identity, ledger.url_shown)
        found, last = ledger.changes(names, after=cursor.numbers, since=begin)
    _refuse_ahead(cursor, last, names, ledger.url_shown)
    told = tuple(Change(names[it.item_name], *it[1:-1]) for it in found)
    return ChangesReport(synthetic, told, str(Cursor(identity, {**cursor.numbers, **last})))


def _refuse_foreign(cursor: Cursor, identity: str, shown: str) -> None:
    if cursor.ledger not in {"", identity}:
        raise UsageError(
            f"--since is a cursor of another ledger than {shown}: name that one with --datastore or --ledger, or begin"
            " again with a time, or without --since"
        )


def _refuse_ahead(cursor: Cursor, last: Mapping[str, int], names: Mapping[str, str], shown: str) -> None:
    for item_name in names.keys() & cursor.numbers.keys():
        if cursor.numbers[item_name] > last.get(item_name, 0):
            raise UsageError(
                f"--since is ahead of the ledger {shown}, for {names[item_name]}: the cursor is of another ledger, or"
                " this one was restored since. Begin again with a time, or without --since"
            )
