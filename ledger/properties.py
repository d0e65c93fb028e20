"""What is true of the whole ledger. Functions of an open connection."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, exists, select, text, update

from ledger.schema import instrument_day, ledger_property, run
from ledger.statements import insert_if_absent

IDENTITY = "identity"


def read(connection: Connection, name: str) -> str | None:
    """A property, None where it was never set."""
    value: str | None = connection.execute(
        select(ledger_property.c.value).where(ledger_property.c.name == name)
    ).scalar_one_or_none()
    return value


def put(connection: Connection, name: str, value: str) -> None:
    """Note a property, in place of what was noted before."""
    insert_if_absent(connection, ledger_property, {"name": name, "value": value})
    connection.execute(update(ledger_property).where(ledger_property.c.name == name).values(value=value))


def give_identity(connection: Connection) -> None:
    """Note by what this ledger is told from any other, unless that is known. Where this role may not, another one will
    that opens it."""
    may_write = text("SELECT has_table_privilege('ledger_property', 'INSERT')")
    if connection.dialect.name == "sqlite" or connection.execute(may_write).scalar():
        insert_if_absent(connection, ledger_property, {"name": IDENTITY, "value": secrets.token_hex(4)})


def is_empty(connection: Connection) -> bool:
    """Whether the ledger has neither a run nor a day."""
    found = select(exists().select_from(instrument_day), exists().select_from(run))
    return not any(connection.execute(found).one())
