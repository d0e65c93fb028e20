"""Counts that have become measurements: the columns of a table from before get the type that new tables have.

PostgreSQL writes the table anew, and refuses where a view stands on such a column. The mirror's own views are taken
away and made again as they were, all in one transaction; those of others are left alone, and the owner is told what to
do. In SQLite any column keeps a fraction, so there is nothing to change.
"""

from __future__ import annotations

from collections.abc import Sequence

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.mirror.session import DatabaseSession, StatementRefused, quoted
from ialirt_backfill.mirror.shape import Holds
from ialirt_backfill.mirror.views import MADE_BY_US, view_names

_LOCK_SECONDS = 10
"""How long readers of the table are waited for. Whoever comes after us waits as well, so it must not be long."""

_AS_IT_WAS = """
    SELECT format('CREATE VIEW %I%s AS %s', relname, ' WITH (' || array_to_string(reloptions, ', ') || ')',
                  pg_get_viewdef(oid)),
           format('COMMENT ON VIEW %I IS %L', relname, obj_description(oid, 'pg_class')),
           format('ALTER VIEW %I OWNER TO %I', relname, pg_get_userbyid(relowner))
    FROM pg_class WHERE {ours} AND obj_description(oid, 'pg_class') LIKE {mark}
"""
_AS_GRANTED = """
    SELECT format('GRANT %s ON %I TO %s%s', privilege_type, relname,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_class, aclexplode(relacl) WHERE {ours}
"""


def make_doubles(session: DatabaseSession, table: str, columns: Sequence[str]) -> None:
    """Give columns of whole numbers the type of measurements; no count becomes another.

    Raises MirrorError where that cannot be, with what to do; nothing is changed then.
    """
    statement = f"ALTER TABLE {quoted(table)} " + ", ".join(
        f"ALTER {quoted(column)} TYPE {Holds.DOUBLE.value}" for column in columns
    )
    try:
        with session.transaction():
            _change(session, view_names(table), statement)
    except StatementRefused as error:
        why = error.detail.splitlines()[0] if error.detail else str(error)  # it names the view that stands in the way
        raise MirrorError(
            f"{session.shown} has a table {table} of an earlier version, with whole numbers for counts that are"
            f" measurements now. It could not be changed ({why}), and nothing was. Run again; if it stays, take away"
            " the views that stand on it, let its owner do the following, and make the views again, ours with"
            f" this command and the word views after mirror: {statement};"
        ) from None


def _change(session: DatabaseSession, views: Sequence[str], statement: str) -> None:
    session.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    restoring: list[str] = []
    for view in views:
        ours = f"relname = {session.literal(view)} AND relnamespace = current_schema()::regnamespace AND relkind = 'v'"
        if found := session.rows(_AS_IT_WAS.format(ours=ours, mark=session.literal(f"{MADE_BY_US}%"))):
            restoring += [*found[0], *(grant for (grant,) in session.rows(_AS_GRANTED.format(ours=ours)))]
            session.execute(f"DROP VIEW {quoted(view)}")
    session.execute(statement)
    for each in restoring:
        session.execute(each)
