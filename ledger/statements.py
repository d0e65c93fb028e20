"""The statements that every instrument-day needs, made once: to build one anew costs more than to carry it out.

Their parameters are named ``of_item``, ``of_day`` and ``of_claimant`` where they choose a row; those that bear the name
of a column set it.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, Text, and_, bindparam, case, exists, func, insert, or_, select, update

from ledger.records import Claim, DayState
from ledger.schema import UtcDateTime, attempt, instrument_day, workflow_progress

_day, _progress = instrument_day.c, workflow_progress.c

DAY_COLUMNS = [
    *(_day[name] for name in DayState._fields if name != "claim"),
    _day.claimed_by,
    _day.claimed_until,
]
"""In the order of `DayState`, whose claim, the last, is made of the last two."""

_IS_DAY = and_(_day.item_name == bindparam("of_item"), _day.day == bindparam("of_day"))
_IS_CLAIMED = and_(_IS_DAY, _day.claimed_by == bindparam("of_claimant"))

LOCK_DAY = select(*DAY_COLUMNS).where(_IS_DAY).with_for_update(skip_locked=True)
"""The row, locked until the transaction ends; nothing where it is absent or locked by another."""

_DAY_IS_THERE = select(exists().where(_IS_DAY))

TAKE = update(instrument_day).where(_IS_DAY, _day.version == bindparam("of_version"))
"""Sets what it is given."""

NOTE_REFUSED = (
    update(instrument_day)
    .where(_IS_DAY, _day.claimed_by.is_(None), _day.is_final.is_(False))
    .where(_day.refused.is_distinct_from(bindparam("of_reason", type_=Text())))
    .values(version=_day.version + 1)
)
"""Sets what it is given, unless a runner is at work on the day or has ended it, or the same is noted already."""

NOTE_ACCESS = (
    update(instrument_day)
    .where(_IS_DAY, _day.claimed_by.is_(None), _day.access.is_(None))
    .values(version=_day.version + 1)
)
"""Sets what it is given, unless a runner is at work on the day, or it is known already."""

NOTE_PATH = update(instrument_day).where(_IS_DAY, _day.claimed_by.is_(None)).values(version=_day.version + 1)
"""Sets what it is given, unless a runner is at work on the day."""

LOCK_CLAIMED = select(_day.sha256).where(_IS_CLAIMED).with_for_update()
"""The checksum in a row whose claim still holds; waits for whoever has it locked."""

LOCK_CLAIMED_IF_FREE = LOCK_CLAIMED.with_for_update(skip_locked=True)
"""`LOCK_CLAIMED` without waiting: nothing where another has the row locked."""

CHANGE_CLAIMED = update(instrument_day).where(_IS_CLAIMED).values(version=_day.version + 1)
"""Sets what it is given, on a row whose claim still holds."""

SAVE = CHANGE_CLAIMED.values(
    attempts=_day.attempts + bindparam("of_attempts"), failures=(_day.failures + 1) * bindparam("of_failed")
)
"""`CHANGE_CLAIMED`, and ``of_attempts`` (1 or 0) is added; ``of_failed`` 1 adds a failure, 0 forgets them all."""

_checked = bindparam("of_checked", type_=UtcDateTime)
_newest = bindparam("of_newest", type_=UtcDateTime)
_last = _progress.last_checked_date
_stored = _progress.progress_timestamp
SAVE_PROGRESS = (
    update(workflow_progress)
    .where(_progress.item_name == bindparam("of_item"))
    .values(
        {
            _last: case(
                (
                    or_(_last.is_(None), _last < _checked, _last > bindparam("of_now", type_=UtcDateTime)),
                    func.coalesce(_checked, _last),
                ),
                else_=_last,
            ),
            _stored: case((or_(_stored.is_(None), _stored < _newest), _newest), else_=_stored),
        }
    )
)
"""Moves both times forward, where they are given. A time of checking that lies in the future, left by a clock that was
ahead, is set right again."""

_others = instrument_day.alias().c
_of_this_item = _others.item_name == bindparam("of_item")
NUMBER_CHANGE = (
    update(instrument_day)
    .where(_IS_DAY)
    .values(
        change_number=select(func.coalesce(func.max(_others.change_number), 0) + 1)
        .where(_of_this_item)
        .scalar_subquery()
    )
)
"""Gives the day the next number of its item, and sets what it is given. Right only under the lock of the item's
progress, held until the commit: so numbers become visible in their own order, and none below one that was seen."""

INSERT_ATTEMPT = insert(attempt)

_ITEM_IS_THERE = select(exists().where(_progress.item_name == bindparam("of_item")))


def chosen(claim: Claim) -> dict[str, object]:
    """The parameters that choose the row of a claim."""
    return {"of_item": claim.item_name, "of_day": claim.day, "of_claimant": claim.claimant.text}


def is_there(connection: Connection, item_name: str, day: date) -> bool:
    """Whether the day has a row."""
    return bool(connection.execute(_DAY_IS_THERE, {"of_item": item_name, "of_day": day}).scalar_one())


def make_item(connection: Connection, item_name: str) -> None:
    """The item's row of `workflow_progress`. To insert one that is there would wait for whoever moves its progress."""
    if not connection.execute(_ITEM_IS_THERE, {"of_item": item_name}).scalar_one():
        insert_if_absent(connection, workflow_progress, {"item_name": item_name})


def insert_if_absent(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert a row unless its key is there."""
    connection.execute(_insert_if_absent(table, connection.dialect.name), values)


@cache
def _insert_if_absent(table: Table, dialect: str) -> Any:
    """The statement, which each of the two databases has in its own words."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - each program loads the one dialect it uses

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table).on_conflict_do_nothing()
