"""The state of every day, the history of attempts, the runs; `workflow_progress` only where it is not there yet.

Column types are written out: a migration must go on doing what it did when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "workflow_progress",
        sa.Column("item_name", sa.String(32), nullable=False),
        sa.Column("progress_timestamp", sa.DateTime),
        sa.Column("last_checked_date", sa.DateTime),
        sa.PrimaryKeyConstraint("item_name", name="pk_workflow_progress"),
        if_not_exists=True,
    )
    _create_instrument_day()
    _create_attempt()
    _create_run()


def _create_instrument_day() -> None:
    op.create_table(
        "instrument_day",
        sa.Column("item_name", sa.String(32), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("expected_records", sa.Integer, nullable=False),
        sa.Column("availability_pct", sa.Double),
        sa.Column("first_record", sa.DateTime),
        sa.Column("last_record", sa.DateTime),
        sa.Column("gaps", sa.JSON, nullable=False),
        sa.Column("asked_through", sa.DateTime),
        sa.Column("is_final", sa.Boolean, nullable=False),
        sa.Column("path", sa.Text),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_until", sa.DateTime),
        sa.Column("updated_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("item_name", "day", name="pk_instrument_day"),
        sa.ForeignKeyConstraint(
            ["item_name"], ["workflow_progress.item_name"], name="fk_instrument_day_workflow_progress"
        ),
    )


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), nullable=False),
        sa.Column("item_name", sa.String(32), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("records_fetched", sa.Integer, nullable=False),
        sa.Column("records_added", sa.Integer, nullable=False),
        sa.Column("availability_pct", sa.Double),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("error_type", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("rejected_sample", sa.Text),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("finished", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(
            ["item_name", "day"],
            ["instrument_day.item_name", "instrument_day.day"],
            name="fk_attempt_instrument_day",
        ),
    )
    op.create_index("ix_attempt_item_name_day", "attempt", ["item_name", "day"])
    op.create_index("ix_attempt_run_id", "attempt", ["run_id"])
    op.create_index("ix_attempt_finished", "attempt", ["finished"])


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("finished", sa.DateTime),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.PrimaryKeyConstraint("run_id", name="pk_run"),
    )
    op.create_index("ix_run_started", "run", ["started"])


def downgrade() -> None:
    """`workflow_progress` stays: other programs may read it."""
    for table in ("run", "attempt", "instrument_day"):
        op.drop_table(table)
