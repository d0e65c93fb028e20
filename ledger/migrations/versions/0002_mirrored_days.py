"""Which content of a day was last loaded into which table of which database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "mirrored_day",
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("item_name", sa.String(32), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("loaded_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("target", "item_name", "day", name="pk_mirrored_day"),
        sa.ForeignKeyConstraint(
            ["item_name"], ["workflow_progress.item_name"], name="fk_mirrored_day_workflow_progress"
        ),
    )


def downgrade() -> None:
    op.drop_table("mirrored_day")
