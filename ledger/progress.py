"""What other programs are told of an item: the row of `workflow_progress`, whose times only move forward.

SQLite keeps a time as the text that some program wrote, and compares texts: one with a zone is before or after another
as its letters are. So there both are compared as times, and a row keeps the form that it has.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Text, bindparam, column, select, table, update

from ledger.database import Unreadable
from ledger.schema import utc_of
from ledger.statements import SAVE_PROGRESS

_texts = table(
    "workflow_progress",
    column("item_name", Text),
    column("last_checked_date", Text),
    column("progress_timestamp", Text),
)
_IS_ITEM = _texts.c.item_name == bindparam("of_item")
_READ = select(_texts.c.last_checked_date, _texts.c.progress_timestamp).where(_IS_ITEM)
_WRITE = update(_texts).where(_IS_ITEM)


def move_progress(
    connection: Connection, item_name: str, now: datetime, checked: datetime | None, newest: datetime | None
) -> None:
    """Move both times, in UTC, forward, where they are given. A time of checking that lies in the future, left by a
    clock that was ahead, is set right again. The row is locked until the commit, also where nothing moves."""
    if connection.dialect.name != "sqlite":
        moved = {"of_checked": checked, "of_newest": newest, "of_now": now}
        connection.execute(SAVE_PROGRESS, {"of_item": item_name, **moved})
        return
    last, stored = connection.execute(_READ, {"of_item": item_name}).one()
    was_checked, was_newest = _read(item_name, last), _read(item_name, stored)
    news = {}
    if checked is not None and (was_checked is None or was_checked < checked or was_checked > now):
        news["last_checked_date"] = _written(checked, like=last)
    if newest is not None and (was_newest is None or was_newest < newest):
        news["progress_timestamp"] = _written(newest, like=stored)
    if news:
        connection.execute(_WRITE, {"of_item": item_name, **news})


def _read(item_name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else utc_of(text)
    except (ValueError, TypeError):
        raise Unreadable(
            f"{text!r} in workflow_progress for {item_name}, where a time should be: set it right, or to NULL."
        ) from None


def _written(moment: datetime, like: str | None) -> str:
    """A time in UTC as SQLAlchemy writes it, without a zone; with one where the row's was."""
    text = f"{moment:%Y-%m-%d %H:%M:%S.%f}"
    if like is None or datetime.fromisoformat(like).tzinfo is None:
        return text
    return text.replace(" ", "T" if "T" in like else " ") + ("Z" if like.endswith("Z") else "+00:00")
