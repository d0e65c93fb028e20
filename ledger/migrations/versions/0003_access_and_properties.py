"""With what right a day was fetched and why it was refused; what is true of the whole ledger: whether it is synthetic.

Days that failed because a key or a scope was wanting have not failed: nothing of them was ever answered, and with a key
the next run fetches them. They become what they would be today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_REFUSALS = ("%API key required for data prior to %", "%Unauthorized for % access%")


def upgrade() -> None:
    op.add_column("instrument_day", sa.Column("access", sa.String(16)))
    op.add_column("instrument_day", sa.Column("refused", sa.Text))
    op.create_table(
        "ledger_property",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ledger_property"),
    )
    _forgive_refused_days()
    _note_demonstration()


def _forgive_refused_days() -> None:
    day = sa.table(
        "instrument_day",
        *(sa.column(name) for name in ("status", "records", "size_bytes", "last_error", "refused")),
        *(sa.column(name) for name in ("failures", "version")),
    )
    was_refused = sa.or_(*(day.c.last_error.like(words) for words in _REFUSALS))
    op.execute(
        day.update()
        .where(day.c.status == "failed", day.c.records == 0, day.c.size_bytes.is_(None), was_refused)
        .values(status="pending", refused=day.c.last_error, last_error=None, failures=0, version=day.c.version + 1)
    )


def _note_demonstration() -> None:
    """Until now the list of runs was what told."""
    run = sa.table("run", sa.column("options", sa.JSON))
    was_demo = sa.cast(run.c.options, sa.Text).like('%"demo": true%')
    noted = sa.select(sa.literal("synthetic"), sa.literal("yes")).where(sa.exists().where(was_demo))
    op.execute(
        sa.insert(sa.table("ledger_property", sa.column("name"), sa.column("value"))).from_select(
            ["name", "value"], noted
        )
    )


def downgrade() -> None:
    op.drop_table("ledger_property")
    op.drop_column("instrument_day", "refused")
    op.drop_column("instrument_day", "access")
