"""What was loaded into tables elsewhere: `mirrored_day`. Functions of an open connection."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, select, update

from ledger.database import database_time
from ledger.records import MirroredDay
from ledger.schema import mirrored_day
from ledger.statements import insert_if_absent, make_item

_mirrored = mirrored_day.c


def between(
    connection: Connection, target: str, item_names: Collection[str], start: date, end: date
) -> dict[tuple[str, date], MirroredDay]:
    """What of the days from `start` to `end`, both included, was last loaded into a table, by item and day."""
    wanted = select(mirrored_day).where(
        _mirrored.target == target, _mirrored.item_name.in_(list(item_names)), _mirrored.day.between(start, end)
    )
    return {(row.item_name, row.day): MirroredDay(*row) for row in connection.execute(wanted)}


def record(connection: Connection, target: str, item_name: str, day: date, sha256: str, records: int) -> None:
    """Note what was loaded of a day, in place of what was noted before."""
    values = {"sha256": sha256, "records": records, "loaded_at": database_time(connection)}
    make_item(connection, item_name)
    insert_if_absent(connection, mirrored_day, {"target": target, "item_name": item_name, "day": day, **values})
    is_it = (_mirrored.target == target, _mirrored.item_name == item_name, _mirrored.day == day)
    connection.execute(update(mirrored_day).where(*is_it).values(values))
