"""Brings a ledger's tables to the newest version. Imported only when there is something to bring."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

HERE = Path(__file__).parent


def upgrade(connection: Connection, version: str = "head") -> None:
    """Run what is missing, inside the transaction of `connection`, whose caller holds the lock."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def downgrade(connection: Connection, version: str) -> None:
    """Undo what came after `version` (``base``: all of it), inside the transaction of `connection`."""
    config = _config()
    config.attributes["connection"] = connection
    command.downgrade(config, version)


def script_directory() -> ScriptDirectory:
    """The migrations that ship with the package."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    return config
