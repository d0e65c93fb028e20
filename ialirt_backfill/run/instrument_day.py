"""One instrument-day, from its claim to its record: claim -> look -> ask -> publish and record.

Whatever goes wrong, what was received is kept: rows that arrived before a failure or an interruption are published and
recorded, so that the next run asks only for the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.plan.access import NoAccess
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.failures import tell_of_bug, without_frames
from ialirt_backfill.run.known import KnownDay
from ialirt_backfill.run.received import Received
from ialirt_backfill.run.recording import Begun, conclude
from ledger import Claim, ClaimLost

log = logging.getLogger(__name__)


def carry_out(context: Context, decision: Decision) -> DayOutcome | Decision:
    """Take the day, ask for what it lacks, and record the result.

    The decision that skips it, where the day turns out to be another runner's, done by now, or refused by the server.
    Raises LedgerError where the ledger cannot be reached.
    """
    day = _taken(context, decision)
    if isinstance(day, Decision):
        return day
    context.listener.day_started(day.decision)
    received, begun = Received(context, day.decision), Begun(context.ledger.now())
    error: Exception | None = None
    with _given_back(context, day.claim) as lost:
        try:
            day = day.looked_at()
            for span in day.spans:
                for answer in context.api.ask(day.instrument, span, received.asking):
                    received.take(answer)
                    del answer  # before the next one comes: of its records there are tens of thousands
            error = received.unwritable
        except Exception as failure:  # whatever a day meets, it must not take the other days with it
            tell_of_bug(failure, day.decision)
            error = without_frames(failure)
        return _concluded(context, day, received, error, begun)
    log.warning("%s %s: %s", day.instrument.name, day.decision.day, lost)
    row = context.ledger.day(day.claim.item_name, day.claim.day)
    return carry_out(context, context.decide(day.instrument, day.decision.day, row))


@contextmanager
def _given_back(context: Context, claim: Claim) -> Iterator[str]:
    """Whatever keeps the day from being recorded gives its claim back; a lost claim is no error."""
    try:
        yield "another runner has taken the day over"
    except ClaimLost:
        context.ledger.release(claim)
    except BaseException:
        context.ledger.release(claim)
        raise


def _taken(context: Context, decision: Decision) -> KnownDay | Decision:
    """The day, claimed, or the decision that skips it: where another runner was faster, its fresh row decides again."""
    key = decision.instrument.progress_key
    if refusal := context.api.admission.refusal(decision.instrument, day_span(decision.day).start):
        return decision.refused(refusal)
    while decision.action.asks:
        claim = context.ledger.claim(key, decision.day, seen_version=decision.seen_version, run_id=context.run_id)
        if claim is not None:
            return KnownDay.of(claim, decision, context.datastore)
        row = context.ledger.day(key, decision.day)
        if row is not None and row.version == decision.seen_version:
            # Nothing has changed, so the row is locked: its runner is publishing, though its claim may have lapsed.
            return replace(decision, action=Action.SKIP_CLAIMED, reason="its result is being recorded", spans=())
        decision = context.decide(decision.instrument, decision.day, row)
    return decision


def _concluded(
    context: Context, day: KnownDay, received: Received, error: Exception | None, begun: Begun
) -> DayOutcome | Decision:
    """The day's outcome, recorded; the decision that skips it, where the server refuses it."""
    if not isinstance(error, NoAccess):
        return conclude(context, day, received, error, begun)
    if received.windows:  # refused in the middle: what came before is kept, and told of like any other
        outcome = conclude(context, day, received, Interrupted(str(error)), begun)
        return replace(outcome, refusal=error.refusal)
    context.ledger.release(day.claim)
    return day.decision.refused(error.refusal)
