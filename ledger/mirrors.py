"""What was taken elsewhere, into tables or files: `mirrored_day`. Functions of an open connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
    """What of the days from `start` to `end`, both included, was last taken to a target, by item and day."""
    wanted = select(mirrored_day).where(
        _mirrored.target == target, _mirrored.item_name.in_(list(item_names)), _mirrored.day.between(start, end)
    )
    return {(row.item_name, row.day): MirroredDay(*row) for row in connection.execute(wanted)}


def record(connection: Connection, target: str, item_name: str, days: Mapping[date, tuple[str, int]]) -> None:
    """Note what was loaded of these days, checksum and records, in place of what was noted before."""
    now = database_time(connection)
    make_item(connection, item_name)
    for day, (sha256, records) in days.items():
        values = {"sha256": sha256, "records": records, "loaded_at": now}
        insert_if_absent(connection, mirrored_day, {"target": target, "item_name": item_name, "day": day, **values})
        is_it = (_mirrored.target == target, _mirrored.item_name == item_name, _mirrored.day == day)
        connection.execute(update(mirrored_day).where(*is_it).values(values))
