"""Which version a ledger's tables have, and how they come to be of this program's version."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, inspect, select, text, types
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.schema import CreateTable

from ledger import properties
from ledger.database import Database
from ledger.exceptions import LedgerError, LedgerOutdated, LedgerPrivilege, LedgerTooNew
from ledger.opening import Access, open_database
from ledger.schema import VERSION_TABLE, VERSIONS, metadata, version_table, workflow_progress

NEWEST = VERSIONS[-1]

_LOCK_KEY = 0x1A117  # of the advisory lock that all programs of this kind share


def upgrade(url: str, *, timeout_seconds: float = 30.0) -> tuple[str | None, str]:
    """Make or upgrade the ledger at `url`: the version it had (None where it is new) and the one it has now."""
    before, _ = current(url, timeout_seconds=timeout_seconds)
    database = open_database(url, Access.CREATE, timeout_seconds)
    assert database is not None  # noqa: S101 - only reading can find nothing
    try:
        bring_up_to_date(database)
    finally:
        database.close()
    return before, NEWEST


def current(url: str, *, timeout_seconds: float = 30.0) -> tuple[str | None, str]:
    """The version of the ledger at `url` (None where there is none) and the one this program works with."""
    database = open_database(url, Access.READ, timeout_seconds)
    if database is None:
        return None, NEWEST
    try:
        return database.read_once(current_version), NEWEST
    finally:
        database.close()


def current_version(connection: Connection) -> str | None:
    """The version the tables have, None where there are none yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(select(version_table.c.version_num)).scalar()
    return version


def bring_up_to_date(database: Database) -> None:
    """Make or upgrade the tables where needed, once, however many processes ask for it at the same time."""
    version, has_identity = database.read_once(_standing)
    check_known(version, database.url_shown)
    if version != NEWEST:
        database.write_once(lambda connection: _upgrade(connection, database))
    database.check_writable()
    if not has_identity:
        database.write_once(properties.give_identity)


def _standing(connection: Connection) -> tuple[str | None, bool]:
    """The version the tables have, and whether it is known which ledger they are."""
    version = current_version(connection)
    return version, version == NEWEST and properties.read(connection, properties.IDENTITY) is not None


def check_readable(version: str, url_shown: str) -> None:
    """Raise where this program cannot read tables of that version as they are."""
    check_known(version, url_shown)
    if version != NEWEST:
        raise LedgerOutdated(
            f"The ledger {url_shown} has the older version {version}, this program reads {NEWEST}:"
            " upgrade it (any run that writes does so by itself)."
        )


def check_known(version: str | None, url_shown: str) -> None:
    """Raise where the tables are of a version that this program has never heard of."""
    if version is not None and version not in VERSIONS:
        raise LedgerTooNew(
            f"The ledger {url_shown} has version {version}, newer than this program's {NEWEST}: upgrade the program."
        )


def _upgrade(connection: Connection, database: Database) -> None:
    """Bring the tables up to date in this transaction, unless another process has while the lock was waited for."""
    if not database.is_sqlite:  # there, the write lock is held already
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    version = current_version(connection)
    check_known(version, database.url_shown)
    if version == NEWEST:
        return
    if version is None:
        _check_names_free(connection, database.url_shown)
    _check_adoptable(connection, database)
    if version is None:
        _make_tables(connection)
        return
    from ledger import migrations  # noqa: PLC0415 - Alembic costs a quarter of a second and is seldom needed

    migrations.upgrade(connection)


def _make_tables(connection: Connection) -> None:
    """Make the tables of a new ledger at once, as all the migrations one after the other would make them."""
    connection.execute(CreateTable(workflow_progress, if_not_exists=True))
    ours = [it for it in metadata.sorted_tables if it is not workflow_progress]
    metadata.create_all(connection, ours, checkfirst=False)  # one of another schema may be seen, and is no hindrance
    connection.execute(CreateTable(version_table, if_not_exists=True))  # all the way back it stays, without a row
    connection.execute(version_table.insert().values(version_num=NEWEST))


def _check_names_free(connection: Connection, url_shown: str) -> None:
    """Where there is no ledger yet, no other program may have a table under one of its names: `run` is soon taken."""
    inspector = inspect(connection)
    schema = inspector.default_schema_name  # where ours would be made; what is further down the path is no hindrance
    theirs = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
    taken = sorted(theirs & metadata.tables.keys() - {workflow_progress.name})
    if taken:
        raise LedgerError(
            f"The ledger {url_shown} cannot be made: another program has {', '.join(taken)} there. Use another file or"
            " database, or another schema (?options=-csearch_path%3Dname)."
        )


def _check_adoptable(connection: Connection, database: Database) -> None:
    """An existing `workflow_progress` must be the one we know, and ours to refer to."""
    inspector = inspect(connection)
    if not database.is_sqlite:
        _check_may_create(connection, database)
    if not inspector.has_table(workflow_progress.name):
        return
    key = inspector.get_pk_constraint(workflow_progress.name)["constrained_columns"]
    if wrong := _differences(inspector.get_columns(workflow_progress.name), key, is_sqlite=database.is_sqlite):
        raise LedgerError(
            f"The ledger {database.url_shown} has a table workflow_progress of another kind ({wrong}):"
            " use another database, or another schema of it."
        )
    if not database.is_sqlite:
        _check_may_refer(connection, database)


def _differences(columns: Sequence[ReflectedColumn], key: Sequence[str], *, is_sqlite: bool) -> str:
    """What keeps an existing `workflow_progress` from being the one we know; empty where nothing does."""
    found = {described["name"]: described for described in columns}
    missing = sorted(set(workflow_progress.c.keys()) - found.keys())
    if missing:
        return f"it has no column {', '.join(missing)}"
    if list(key) != ["item_name"]:
        return "item_name is not its primary key"
    wrong = [
        f"{name} is {found[name]['type']}, not a {wanted}"
        for name, wanted, may_be in (
            ("item_name", "varchar", (types.String,) if is_sqlite else (types.VARCHAR, types.TEXT)),
            ("progress_timestamp", "timestamp", _TIMES_IN_SQLITE if is_sqlite else (types.DateTime,)),
            ("last_checked_date", "timestamp", _TIMES_IN_SQLITE if is_sqlite else (types.DateTime,)),
        )
        if not isinstance(found[name]["type"], may_be)
    ]
    wrong += [
        f"{name} must not be NULL, and has no default"
        for name, described in found.items()
        if name != "item_name" and not (described["nullable"] or described["default"] or "identity" in described)
    ]
    return "; ".join(wrong)


_TIMES_IN_SQLITE = (types.DateTime, types.String, types.NullType)
"""There a column holds texts whatever it is called, unless it is called a number."""


def _check_may_create(connection: Connection, database: Database) -> None:
    """Raise LedgerPrivilege, naming the grant, where this role may make no tables."""
    role, schema, allowed = connection.execute(
        text(
            "SELECT current_user, current_schema(),"
            " coalesce(has_schema_privilege(current_user, current_schema(), 'CREATE'), false)"
        )
    ).one()
    if not allowed:
        where = f"SCHEMA {schema}" if schema else "the schema of its search path"
        raise LedgerPrivilege(
            f"The ledger {database.url_shown} does not allow its tables to be made:"
            f" its owner can allow it with GRANT CREATE, USAGE ON {where} TO {role}."
        )


def _check_may_refer(connection: Connection, database: Database) -> None:
    """Raise LedgerPrivilege, naming the grant, where this role may not extend an existing `workflow_progress`."""
    role, table_name, *allowed = connection.execute(
        text(
            "SELECT quote_ident(current_user), to_regclass('workflow_progress')::text,"
            " has_table_privilege('workflow_progress', 'SELECT'), has_table_privilege('workflow_progress', 'INSERT'),"
            " has_table_privilege('workflow_progress', 'UPDATE'),"
            " has_table_privilege('workflow_progress', 'REFERENCES')"
        )
    ).one()
    if not all(allowed):
        raise LedgerPrivilege(
            f"The ledger {database.url_shown} does not allow the existing table workflow_progress to be extended:"
            f" its owner can allow it with GRANT SELECT, INSERT, UPDATE, REFERENCES ON {table_name} TO {role}."
        )
