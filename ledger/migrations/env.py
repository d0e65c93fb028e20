"""What Alembic runs for every upgrade: our migrations, in the transaction that was handed over."""

from __future__ import annotations

from alembic import context

from ledger.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
