"""Counts that have become measurements: the columns of a table from before get the type that new tables have.

PostgreSQL writes the table anew, and refuses where a view stands on such a column. The mirror's own views are taken
away and made again as they were, all in one transaction; those of others are left alone, and the owner is told what to
do. In SQLite any column keeps a fraction, so there is nothing to change.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from sqlalchemy import Connection, text

from ialirt_backfill.exceptions import MirrorError, MirrorUnavailable
from ialirt_backfill.mirror.shape import Holds
from ialirt_backfill.mirror.target import Target, quoted
from ialirt_backfill.mirror.views import MARK, view_names

_LOCK_SECONDS = 10
"""How long readers of the table are waited for. Whoever comes after us waits as well, so it must not be long."""

_OURS = "relname = :name AND relnamespace = current_schema()::regnamespace AND relkind = 'v'"
_AS_IT_WAS = text(
    f"""
    SELECT format('CREATE VIEW %I%s AS %s', relname, ' WITH (' || array_to_string(reloptions, ', ') || ')',
                  pg_get_viewdef(oid)),
           format('COMMENT ON VIEW %I IS %L', relname, obj_description(oid, 'pg_class')),
           format('ALTER VIEW %I OWNER TO %I', relname, pg_get_userbyid(relowner))
    FROM pg_class WHERE {_OURS} AND obj_description(oid, 'pg_class') LIKE :mark
    """  # noqa: S608 - our own words
)
_AS_GRANTED = text(
    f"""
    SELECT format('GRANT %s ON %I TO %s%s', privilege_type, relname,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_class, aclexplode(relacl) WHERE {_OURS}
    """  # noqa: S608
)


def make_doubles(target: Target, table: str, columns: Sequence[str]) -> None:
    """Give columns of whole numbers the type of measurements; no count becomes another.

    Raises MirrorError where that cannot be, with what to do; nothing is changed then.
    """
    statement = f"ALTER TABLE {quoted(table)} " + ", ".join(
        f"ALTER {quoted(column)} TYPE {Holds.DOUBLE.value}" for column in columns
    )
    try:
        target.write(lambda connection: _change(connection, view_names(table), statement))
    except MirrorUnavailable:
        raise
    except MirrorError as error:
        raise MirrorError(
            f"{target.shown} has a table {table} of an earlier version, with whole numbers for counts that are"
            f" measurements now. It could not be changed ({error}), and nothing was. Run again; if it stays, take away"
            " the views that stand on it, let its owner do the following, and make the views again, ours with"
            f" `ialirt-backfill mirror views`: {statement};"
        ) from None


def _change(connection: Connection, views: Sequence[str], statement: str) -> None:
    execute = connection.connection.cursor().execute  # as it stands: a view's text is no pattern for parameters
    execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    restoring: list[str] = []
    try:
        for view in views:
            found = connection.execute(_AS_IT_WAS, {"name": view, "mark": f"{MARK}%"}).one_or_none()
            if found is not None:
                restoring += [*found, *connection.execute(_AS_GRANTED, {"name": view}).scalars()]
                execute(f"DROP VIEW {quoted(view)}")
        execute(statement)
    except psycopg.Error as error:
        if error.diag.message_detail:  # it names the view that stands in the way
            raise MirrorError(error.diag.message_detail.splitlines()[0]) from None
        raise
    for each in restoring:
        execute(each)
