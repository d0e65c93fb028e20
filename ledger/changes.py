"""The days whose content has changed. Functions of an open connection.

A day's content is the checksum of its file. Whoever records another one gives the day the next number of its item, as
the last thing before the commit and under the lock of the item's progress, for which the other days of the item wait.
So an item's numbers become visible in their own order, however long each transaction took and whatever the clocks say:
who has seen one has seen, or been told of, all below it. Numbers of different items are not compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from ledger.records import DayChange
from ledger.schema import instrument_day

_day = instrument_day.c
_COLUMNS = [*(_day[name] for name in DayChange._fields if name != "number"), _day.change_number]


def behind(
    connection: Connection, item_names: Collection[str], after: Mapping[str, int], since: datetime | None
) -> tuple[list[DayChange], dict[str, int]]:
    """See `Ledger.changes`."""
    # The numbers first: the days are read in a later snapshot, and what was numbered in between is told the next time.
    last = _last_numbers(connection, item_names)
    news = [
        and_(_day.item_name == item_name, _day.change_number > after.get(item_name, 0), _day.change_number <= number)
        for item_name, number in last.items()
        if number > after.get(item_name, 0)
    ]
    if not news:
        return [], last
    wanted = select(*_COLUMNS).where(or_(*news)).order_by(_day.changed_at, _day.item_name, _day.change_number)
    if since is not None:
        wanted = wanted.where(_day.changed_at >= since)
    return [DayChange._make(row) for row in connection.execute(wanted)], last


def _last_numbers(connection: Connection, item_names: Collection[str]) -> dict[str, int]:
    """By item the number of its last change; items without one are left out."""
    last = func.max(_day.change_number)
    wanted = select(_day.item_name, last).where(_day.item_name.in_(list(item_names))).group_by(_day.item_name)
    return {item_name: number for item_name, number in connection.execute(wanted) if number is not None}
