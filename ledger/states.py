"""The state of the days: `instrument_day`, one row for each item and UTC day.

Functions of an open connection; the transactions are those of `Ledger`. What they read comes as `DayState`, by item and
day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, func, or_, select

from ledger.claimant import Claimant
from ledger.database import Unreadable, database_time
from ledger.gc_pause import gc_paused
from ledger.records import DayAccess, DayState, DayStatus, Extent, Progress, Totals
from ledger.schema import instrument_day, workflow_progress
from ledger.statements import DAY_COLUMNS, NOTE_ACCESS, NOTE_PATH, NOTE_REFUSED, insert_if_absent, make_item

DayRow = Row[*tuple[Any, ...]]
"""A row of `DAY_COLUMNS`."""

States = dict[tuple[str, date], DayState]
"""By item and day."""

_day = instrument_day.c


def between(connection: Connection, item_names: Collection[str], start: date, end: date) -> States:
    """The rows from `start` to `end`, both included."""
    wanted = select(*DAY_COLUMNS).where(_day.item_name.in_(list(item_names)), _day.day.between(start, end))
    return _read(connection, wanted)


def unfinished(
    connection: Connection, item_names: Collection[str], before: date, lacking: Mapping[str, Collection[DayAccess]]
) -> States:
    """The rows of days before `before` that are not final, or hold records fetched with too little access.

    `lacking` says by item which is too little.
    """
    too_little = [
        and_(_day.item_name == item_name, _day.access.in_(list(accesses)), _day.records > 0)
        for item_name, accesses in lacking.items()
        if accesses
    ]
    wanted = select(*DAY_COLUMNS).where(
        _day.item_name.in_(list(item_names)), _day.day < before, or_(_day.is_final.is_(False), *too_little)
    )
    return _read(connection, wanted)


def totals(connection: Connection, item_names: Collection[str], start: date, end: date) -> dict[str, Totals]:
    """What the days from `start` to `end`, both included, hold together, by item."""
    found = func.sum(_day.expected_records * func.coalesce(_day.availability_pct, 0.0))
    wanted = select(_day.item_name, func.sum(_day.records), func.sum(_day.expected_records), found).where(
        _day.item_name.in_(list(item_names)), _day.day.between(start, end)
    )
    return {
        name: Totals(int(records), int(expected), float(found) / int(expected) if expected else None)
        for name, records, expected, found in connection.execute(wanted.group_by(_day.item_name))
    }


def sizes(connection: Connection, item_names: Collection[str]) -> dict[str, tuple[int, int]]:
    """How many records there are, and how many bytes they take in files, by item."""
    wanted = select(_day.item_name, func.sum(_day.records), func.sum(_day.size_bytes)).where(
        _day.item_name.in_(list(item_names)), _day.records > 0, _day.size_bytes.is_not(None)
    )
    return {
        name: (int(records), int(size)) for name, records, size in connection.execute(wanted.group_by(_day.item_name))
    }


def without_access(connection: Connection, item_name: str) -> dict[date, DayState]:
    """The rows of an item that hold records of which it is not known with what access they were fetched."""
    wanted = select(*DAY_COLUMNS).where(_day.item_name == item_name, _day.access.is_(None), _day.records > 0)
    return {day: state for (_, day), state in _read(connection, wanted).items()}


def newest_day(connection: Connection, item_name: str) -> date | None:
    """The last day of an item that has a row."""
    newest: date | None = connection.execute(select(func.max(_day.day)).where(_day.item_name == item_name)).scalar_one()
    return newest


def extents(connection: Connection, item_names: Collection[str]) -> dict[str, Extent]:
    """From when to when the records of each item go; items without one are left out. One pass over the table."""
    has_records = _day.records > 0
    wanted = (
        select(
            _day.item_name,
            func.min(_day.first_record),
            func.max(_day.last_record),
            func.max(case((has_records, _day.updated_at))),
            func.max(_day.asked_through),
        )
        .where(_day.item_name.in_(list(item_names)))
        .group_by(_day.item_name)
        .having(func.max(_day.last_record).is_not(None))
    )
    return {row[0]: Extent(*row[1:]) for row in connection.execute(wanted)}


def progress(connection: Connection, item_names: Collection[str]) -> dict[str, Progress]:
    """The rows of `workflow_progress`, by item."""
    wanted = select(workflow_progress).where(workflow_progress.c.item_name.in_(list(item_names)))
    return {row[0]: Progress(*row) for row in connection.execute(wanted)}


def note_days(connection: Connection, item_name: str, days: Collection[date]) -> None:
    """Give those of these days that have no row a pending one."""
    now = database_time(connection)
    for day in days:
        insert_pending(connection, item_name, day, now)


def note_refused(connection: Connection, item_name: str, days: Collection[date], reason: str) -> None:
    """Note why these days were refused, where nobody is at work on them; those without a row get a pending one."""
    now = database_time(connection)
    for day in days:
        insert_pending(connection, item_name, day, now)
        noted = {"of_reason": reason, "refused": reason, "updated_at": now}
        connection.execute(NOTE_REFUSED, {"of_item": item_name, "of_day": day, **noted})


def note_access(connection: Connection, item_name: str, accesses: Mapping[date, DayAccess]) -> None:
    """Note with what access days were fetched, where that is not known and nobody is at work on them."""
    for day, access in accesses.items():
        connection.execute(NOTE_ACCESS, {"of_item": item_name, "of_day": day, "access": access})


def note_paths(connection: Connection, item_name: str, paths: Mapping[date, str]) -> None:
    """Note where the files of days lie now, unless somebody is at work on them."""
    for day, path in paths.items():
        connection.execute(NOTE_PATH, {"of_item": item_name, "of_day": day, "path": path})


# One row


def insert_pending(connection: Connection, item_name: str, day: date, now: datetime) -> None:
    """A pending row of the day, and the item's of `workflow_progress`, unless they are there."""
    make_item(connection, item_name)
    counts = dict.fromkeys(("records", "expected_records", "attempts", "failures", "rejected", "version"), 0)
    pending = {"status": DayStatus.PENDING, "gaps": (), "is_final": False, "updated_at": now, **counts}
    insert_if_absent(connection, instrument_day, {"item_name": item_name, "day": day, **pending})


def state_of(row: DayRow, now: datetime) -> DayState:
    """What a row says as of `now`: a claim that has lapsed, or whose process is known to be dead, reads as none."""
    claimant = None if row[-2] is None else claimant_of(row)  # asked here too: planning reads tens of thousands
    if claimant is not None and not claimant.is_living(row.claimed_until, now):
        claimant = None
    return DayState._make((*row[:-2], claimant))


def claimant_of(row: DayRow) -> Claimant | None:
    """Who claimed the day last and has neither recorded nor released it, living or not."""
    if row[-2] is None:
        return None
    try:
        return Claimant.from_text(row.claimed_by)
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(
            f"a claim on {row.item_name} {row.day} that cannot be read:"
            " set claimed_by and claimed_until of that row in instrument_day to NULL."
        ) from error


def _read(connection: Connection, wanted: Select[*tuple[Any, ...]]) -> States:
    now = database_time(connection)
    with gc_paused:
        portions = connection.execute(wanted).partitions(1000)
        return {(row[0], row[1]): state_of(row, now) for rows in portions for row in rows}
