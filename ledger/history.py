"""What every run did, and every attempt at a day: `run` and `attempt`. Functions of an open connection."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime

from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from ledger.database import database_time
from ledger.records import Attempt, AttemptResult, AttemptStatus, Run
from ledger.schema import attempt as attempt_table
from ledger.schema import run as run_table
from ledger.statements import INSERT_ATTEMPT

PRUNED_AT_ONCE = 10_000
"""Rows deleted in one transaction, so that pruning a long history keeps no runner waiting."""

MOST_ATTEMPTS = 500
"""How many attempts tell what the next will cost: the server of last year may be another."""

_attempt, _run = attempt_table.c, run_table.c


# Runs


def start_run(connection: Connection, command: str, options: Mapping[str, object], version: str) -> str:
    """The row of a run that begins, and its id, which sorts by time: ``20260201T101500Z-3fa9c1``.

    What of the options JSON has no form for is kept as text.
    """
    now = database_time(connection)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    connection.execute(
        insert(run_table).values(
            run_id=run_id,
            command=command,
            options=json.loads(json.dumps(dict(options), default=str)),
            host=socket.gethostname(),
            version=version,
            started=now,
            counts={},
        )
    )
    return run_id


def finish_run(connection: Connection, run_id: str, counts: Mapping[str, int], exit_code: int) -> None:
    """Note that a run has ended, and how."""
    connection.execute(
        update(run_table)
        .where(_run.run_id == run_id)
        .values(finished=database_time(connection), counts=dict(counts), exit_code=exit_code)
    )


def last_runs(connection: Connection, limit: int) -> list[Run]:
    """The last runs, newest first."""
    columns = [_run[field.name] for field in fields(Run)]
    wanted = select(*columns).order_by(_run.started.desc(), _run.run_id.desc()).limit(limit)
    return [Run(*row) for row in connection.execute(wanted)]


def delete_runs(connection: Connection, before: datetime) -> int:
    """Delete some of the runs that ended, or began and were killed, before a time, and have no attempt; how many."""
    old = select(_run.run_id).where(
        _run.started < before,
        or_(_run.finished.is_(None), _run.finished < before),
        ~exists().where(_attempt.run_id == _run.run_id),
    )
    gone = connection.execute(delete(run_table).where(_run.run_id.in_(old.limit(PRUNED_AT_ONCE))))
    return int(gone.rowcount)


# Attempts


def insert_attempt(connection: Connection, item_name: str, day: date, run_id: str, result: AttemptResult) -> None:
    """One more line in the history of a day."""
    values = {field.name: getattr(result, field.name) for field in fields(AttemptResult)}
    connection.execute(INSERT_ATTEMPT, {"item_name": item_name, "day": day, "run_id": run_id, **values})


def attempts_at(connection: Connection, item_name: str, day: date) -> list[Attempt]:
    """The history of one day, oldest first."""
    columns = [_attempt[field.name] for field in fields(Attempt)]
    wanted = select(*columns).where(_attempt.item_name == item_name, _attempt.day == day).order_by(_attempt.id)
    return [Attempt(*row) for row in connection.execute(wanted)]


def cost_of_newest(connection: Connection) -> dict[str, tuple[int, float]]:
    """How many requests the newest answered attempts made, and how many seconds they took, by item."""
    answered = _attempt.status.in_([AttemptStatus.DOWNLOADED, AttemptStatus.NO_DATA])
    wanted = select(_attempt.item_name, _attempt.requests, _attempt.seconds).where(answered, _attempt.requests > 0)
    found: dict[str, tuple[int, float]] = {}
    for item_name, requests, seconds in connection.execute(wanted.order_by(_attempt.id.desc()).limit(MOST_ATTEMPTS)):
        number, took = found.get(item_name, (0, 0.0))
        found[item_name] = number + requests, took + seconds
    return found


def delete_attempts(connection: Connection, before: datetime) -> int:
    """Delete some of the attempts that ended before a time; how many."""
    old = select(_attempt.id).where(_attempt.finished < before).limit(PRUNED_AT_ONCE)
    return int(connection.execute(delete(attempt_table).where(_attempt.id.in_(old))).rowcount)
