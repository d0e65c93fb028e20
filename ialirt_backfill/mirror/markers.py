"""Which tables hold the synthetic days of a demonstration: a table beside them names them."""

from __future__ import annotations

from ialirt_backfill.mirror.session import DatabaseSession, quoted


def is_named(session: DatabaseSession, table: str, marker: str) -> bool:
    """Whether the table ``marker`` names another."""
    schema = _schema_of(session)
    if not _is_there(session, marker, schema):
        return False
    names = session.rows(f"SELECT table_name FROM {_place_of(marker, schema)}")  # noqa: S608
    return (table,) in names


def name(session: DatabaseSession, table: str, marker: str, *, named: bool) -> None:
    """Let the table ``marker`` name another, or name it no more; with the lock on that one held."""
    with session.transaction():
        if not session.is_sqlite:  # whose lock is one for all tables, and held
            session.rows(f"SELECT pg_advisory_xact_lock({session.lock_key(marker)})")
        schema = _schema_of(session)
        place, written = _place_of(marker, schema), session.literal(table)
        if not _is_there(session, marker, schema):
            # Another may have made it a moment ago: what PostgreSQL remembers of names can be older than the lock.
            session.execute(f"CREATE TABLE IF NOT EXISTS {place} (table_name text PRIMARY KEY)")
        if named:
            session.execute(f"INSERT INTO {place} VALUES ({written}) ON CONFLICT DO NOTHING")  # noqa: S608
        else:
            session.execute(f"DELETE FROM {place} WHERE table_name = {written}")  # noqa: S608


def _schema_of(session: DatabaseSession) -> str | None:
    """The schema that days are loaded into; None in SQLite, which has none."""
    if session.is_sqlite:
        return None
    schema: str = session.value("SELECT current_schema()")
    return schema


def _place_of(table: str, schema: str | None) -> str:
    return quoted(table) if schema is None else f"{quoted(schema)}.{quoted(table)}"


def _is_there(session: DatabaseSession, table: str, schema: str | None) -> bool:
    if schema is None:
        name = session.literal(table)
        return session.value(f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {name}") is not None  # noqa: S608
    place = session.literal(_place_of(table, schema))
    return session.value(f"SELECT to_regclass({place})") is not None
