"""What a pass of a poll asks for: the tail of today, and whatever else is missing."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from ialirt_backfill.instruments import LAUNCH, Instrument
from ialirt_backfill.options import PollOptions
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.decisions import Decision, Policy, decide
from ialirt_backfill.plan.decisions import plan as plan_days
from ialirt_backfill.run.planning import expected_admission
from ialirt_backfill.store.demonstration import refuse_at_sight, refuse_mixing
from ialirt_backfill.store.places import follow_renamed, size_on_disk
from ledger import DayState, Ledger

log = logging.getLogger(__name__)

Key = tuple[str, date]


def dry_plan(options: PollOptions, now: datetime, *, key: str | None = None) -> list[Decision]:
    """What one pass would do; nothing is asked, written or made."""
    policy, admission = poll_policy(options, first=True), expected_admission(options, key)

    def new(instrument: Instrument, day: date) -> Decision:
        size = size_on_disk(Path(options.datastore), instrument, day, None)
        return decide(instrument, day, None, size, now, policy, admission)

    refuse_at_sight(options)
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        return [new(instrument, now.date()) for instrument in options.instruments]
    with ledger:
        refuse_mixing(options, ledger)
        missed = [
            new(instrument, day) for instrument, days in missed_days(ledger, options, now).items() for day in days
        ]
        tails, _, _ = plan_tails(ledger, options, policy, now, admission)
        planned = [*missed, *plan_missing(ledger, options, policy, now, admission), *tails]
        return sorted(planned, key=lambda decision: decision.day)


def note_missed_days(ledger: Ledger, options: PollOptions, now: datetime) -> None:
    """Write down, before anything newer is stored, the days since the newest record on which nothing ran.

    Afterwards the newest record no longer tells about them.
    """
    for instrument, days in missed_days(ledger, options, now).items():
        if days:
            log.info("%s: nothing ran on %d days since %s", instrument.name, len(days), days[0])
            ledger.note_days(instrument.progress_key, days)


def missed_days(ledger: Ledger, options: PollOptions, now: datetime) -> dict[Instrument, list[date]]:
    """The days from the first that a poll cares for up to yesterday that the ledger knows nothing of."""
    today = now.date()
    progress = ledger.progress([instrument.progress_key for instrument in options.instruments])
    missed: dict[Instrument, list[date]] = {}
    for instrument in options.instruments:
        key = instrument.progress_key
        stored = progress[key].progress_timestamp if key in progress else None
        first = options.since or (stored.date() if stored else ledger.newest_day(key)) or today
        days = [first + timedelta(days=n) for n in range((today - first).days)] if first < today else []
        known = ledger.days([key], first, today) if days else {}
        missed[instrument] = [day for day in days if day >= LAUNCH and (key, day) not in known]
    return missed


def plan_tails(
    ledger: Ledger, options: PollOptions, policy: Policy, now: datetime, admission: Admission
) -> tuple[tuple[Decision, ...], dict[Key, DayState], dict[str, datetime]]:
    """What to do about today; today's rows; and the time of each instrument's newest record."""
    today, datastore = now.date(), Path(options.datastore)
    keys = {instrument.progress_key: instrument for instrument in options.instruments}
    rows = ledger.days(list(keys), today, today)
    rows |= follow_renamed(datastore, options.instruments, rows)
    planned = []
    for key, instrument in keys.items():
        row = rows.get((key, today))
        size = size_on_disk(datastore, instrument, today, row)
        planned.append(decide(instrument, today, row, size, now, policy, admission))
    newest = {
        keys[key].name: known.progress_timestamp
        for key, known in ledger.progress(list(keys)).items()
        if known.progress_timestamp is not None
    }
    return tuple(planned), rows, newest


def plan_missing(
    ledger: Ledger, options: PollOptions, policy: Policy, now: datetime, admission: Admission
) -> list[Decision]:
    """What to do about earlier days that are not final, or of which more may be had now; with ``--redownload`` or a
    repair, about all final ones too."""
    today, datastore = now.date(), Path(options.datastore)
    keys = {instrument.progress_key: instrument for instrument in options.instruments}
    lacking = {key: admission.lacking(instrument) for key, instrument in keys.items()}
    rows = ledger.unfinished(list(keys), today, lacking)
    if options.since and (policy.redownload or policy.min_availability_pct is not None):
        rows |= ledger.days(list(keys), options.since, today - timedelta(days=1))
    rows |= follow_renamed(datastore, options.instruments, rows)
    order = list(keys)
    pairs = sorted(rows, key=lambda pair: order.index(pair[0]))
    pairs.sort(key=lambda pair: pair[1], reverse=options.newest_first)

    size_of = partial(size_on_disk, datastore)
    days = ((keys[key], day) for key, day in pairs)
    return list(plan_days(days, rows, size_of, now, policy, admission, options.limit_days))


def poll_policy(options: PollOptions, *, first: bool) -> Policy:
    """The options that bear on decisions; in the ``first`` pass also those that would never come to an end."""
    return Policy(
        retry_failed=options.retry_failed,
        redownload=options.redownload and first,
        min_availability_pct=options.min_availability if first else None,
        settle=options.settle,
        overlap=options.overlap,
        lag=options.lag,
        polling=True,
    )
