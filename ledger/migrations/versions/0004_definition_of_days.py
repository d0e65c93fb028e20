"""Under which definition of its instrument a day was written; null: not known, as of all days so far."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("instrument_day", sa.Column("definition", sa.String(16)))


def downgrade() -> None:
    op.drop_column("instrument_day", "definition")
