"""Who works on which day: taking it, keeping it, giving it back. Functions of an open connection.

A claim is a token in the day's row. Whoever comes first writes it; whoever records or releases names it, and so changes
nothing once another has taken the day over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from ledger.claimant import Claimant
from ledger.database import database_time
from ledger.exceptions import ClaimLost
from ledger.history import insert_attempt
from ledger.records import AttemptResult, AttemptStatus, Claim, DayState
from ledger.statements import CHANGE_CLAIMED, LOCK_CLAIMED, LOCK_CLAIMED_IF_FREE, LOCK_DAY, TAKE, chosen, is_there
from ledger.states import DayRow, claimant_of, insert_pending, state_of

CLAIM_LASTS = timedelta(minutes=2)
"""How long a claim holds without a heartbeat."""


def take(
    connection: Connection, item_name: str, day: date, *, seen_version: int | None, run_id: str, token: str
) -> Claim | None:
    """Take a day whose row is still of the version that was decided on, and that nobody living has claimed.

    May run again with the same `token` after a commit whose answer was lost: then the claim is there already.
    """
    now = database_time(connection)
    row = _locked(connection, item_name, day, now)
    if row is None:
        return None  # locked by the one who records it now
    state, before = state_of(row, now), claimant_of(row)
    if before is not None and before.token == token:
        return Claim(item_name, day, before, state._replace(claim=None))
    if state.claim is not None or state.version != (seen_version or 0):
        return None
    if before is not None:
        _note_interruption(connection, state, before, row.claimed_until, now)
        state = state._replace(attempts=state.attempts + 1)
    return _taken(connection, state, Claimant.this_process(run_id, now, token), now)


def extend(connection: Connection, claims: Iterable[Claim]) -> int:
    """Let claims hold on from now, as far as they are not lost; how many that are.

    A locked row is being recorded, or taken over: it is passed by.
    """
    now, extended = database_time(connection), 0
    for claim in claims:
        if connection.execute(LOCK_CLAIMED_IF_FREE, chosen(claim)).first() is not None:
            connection.execute(CHANGE_CLAIMED, {**chosen(claim), "claimed_until": now + CLAIM_LASTS})
            extended += 1
    return extended


def give_back(connection: Connection, claim: Claim) -> None:
    """End a claim without a result; nothing happens where it is lost."""
    given_back = {"claimed_by": None, "claimed_until": None, "updated_at": database_time(connection)}
    connection.execute(CHANGE_CLAIMED, {**chosen(claim), **given_back})


def lock(connection: Connection, claim: Claim) -> str | None:
    """Lock the day's row until the transaction ends, so that nobody can take the day over. ClaimLost where one has.

    The checksum that the row has.
    """
    row = connection.execute(LOCK_CLAIMED, chosen(claim)).first()
    if row is None:
        raise ClaimLost(
            f"{claim.item_name} {claim.day} was taken over by another runner, so nothing was recorded:"
            " the next plan decides the day again."
        )
    sha256: str | None = row[0]
    return sha256


def _locked(connection: Connection, item_name: str, day: date, now: datetime) -> DayRow | None:
    """The day's row, made where it is not there, and locked; None where another has it locked."""
    of_day = {"of_item": item_name, "of_day": day}
    row = connection.execute(LOCK_DAY, of_day).first()
    if row is None and not is_there(connection, item_name, day):
        insert_pending(connection, item_name, day, now)
        row = connection.execute(LOCK_DAY, of_day).first()
    return row


def _taken(connection: Connection, found: DayState, claimant: Claimant, now: datetime) -> Claim | None:
    """Write the claim into the row, as long as that is of the version it was found with."""
    state = found._replace(version=found.version + 1, updated_at=now)
    claim = {
        "claimed_by": claimant.text,
        "claimed_until": now + CLAIM_LASTS,
        "attempts": state.attempts,
        "version": state.version,
        "updated_at": now,
    }
    is_row = {"of_item": found.item_name, "of_day": found.day, "of_version": found.version}
    taken = connection.execute(TAKE, is_row | claim)
    return Claim(found.item_name, found.day, claimant, state) if taken.rowcount else None


def _note_interruption(
    connection: Connection, state: DayState, dead: Claimant, claimed_until: datetime, now: datetime
) -> None:
    """The history of a day whose runner ended without a word: it cannot have worked longer than its claim held."""
    ended = max(dead.since, min(now, claimed_until))
    result = AttemptResult(
        decision="run",
        reason=f"{dead.describe()} ended without recording a result",
        status=AttemptStatus.INTERRUPTED,
        records_fetched=0,
        records_added=0,
        availability_pct=state.availability_pct,
        requests=0,
        seconds=(ended - dead.since).total_seconds(),
        error_type=None,
        error=None,
        rejected=0,
        rejected_sample=None,
        started=dead.since,
        finished=ended,
    )
    insert_attempt(connection, state.item_name, state.day, dead.run_id, result)
