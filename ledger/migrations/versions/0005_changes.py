"""Which of an item's changes of content a day's last one was, and when.

Of the days that are there already it is not known: they count as changed, one after another, when their rows were last
touched. That is never too early, so that whoever asks for what has changed since then misses none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("instrument_day", sa.Column("change_number", sa.BigInteger))
    op.add_column("instrument_day", sa.Column("changed_at", sa.DateTime))
    _number_days()
    op.create_index("ix_instrument_day_item_name_change_number", "instrument_day", ["item_name", "change_number"])


def _number_days() -> None:
    day = sa.table(
        "instrument_day",
        *(sa.column(name) for name in ("item_name", "day", "sha256", "updated_at", "change_number", "changed_at")),
    )
    in_order = sa.func.row_number().over(partition_by=day.c.item_name, order_by=[day.c.updated_at, day.c.day])
    numbered = (
        sa.select(day.c.item_name, day.c.day, in_order.label("number")).where(day.c.sha256.is_not(None)).subquery()
    )
    number = (
        sa.select(numbered.c.number)
        .where(numbered.c.item_name == day.c.item_name, numbered.c.day == day.c.day)
        .scalar_subquery()
    )
    op.execute(day.update().where(day.c.sha256.is_not(None)).values(change_number=number, changed_at=day.c.updated_at))


def downgrade() -> None:
    op.drop_index("ix_instrument_day_item_name_change_number", "instrument_day")
    op.drop_column("instrument_day", "changed_at")
    op.drop_column("instrument_day", "change_number")
