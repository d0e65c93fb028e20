"""The plan of a range of days, from the ledger and the disk as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path

from ialirt_backfill.options import BackfillOptions, PollOptions
from ialirt_backfill.options.key import read_key
from ialirt_backfill.plan.access import Admission
from ialirt_backfill.plan.decisions import Decision, Policy, plan
from ialirt_backfill.plan.estimate import Estimate, estimate
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.store.demonstration import refuse_at_sight, refuse_mixing
from ialirt_backfill.store.places import access_shown, follow_renamed, size_on_disk
from ledger import DayState, Ledger
from ledger.gc_pause import gc_paused


def dry_plan(options: BackfillOptions, *, key: str | None = None) -> list[Decision]:
    """The plan of a run that asks nothing, writes nothing and creates nothing."""
    now = options.as_of or utc_now()
    refuse_at_sight(options)
    admission = expected_admission(options, key)
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        return make_plan(options, {}, Path(options.datastore), now, admission)
    with ledger:
        refuse_mixing(options, ledger)
        rows = rows_of_range(ledger, options, now)
        rows |= follow_renamed(Path(options.datastore), options.instruments, rows)
        rows = with_access_shown(rows, options)
        return make_plan(options, rows, Path(options.datastore), now, admission)


def dry_estimate(options: BackfillOptions, planned: Sequence[Decision]) -> Estimate | None:
    """What such a plan is going to cost, as the ledger knows, where there is one."""
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        return estimate(planned, {}, options.jobs, options.max_rate)
    with ledger:
        return estimate_of(ledger, options, planned)


def estimate_of(ledger: Ledger, options: BackfillOptions, planned: Sequence[Decision]) -> Estimate | None:
    """What a plan is going to cost, as earlier runs tell."""
    experience = ledger.experience([instrument.progress_key for instrument in options.instruments])
    return estimate(planned, experience, options.jobs, options.max_rate)


def expected_admission(options: BackfillOptions | PollOptions, key: str | None) -> Admission:
    """What is known of what a run may have before it has asked anything: a demonstration's key opens everything."""
    if options.demo:
        return Admission(has_key=True, shown=frozenset(it.name for it in options.instruments if it.scopes))
    return Admission(has_key=bool(key or read_key(options)))


def with_access_shown(
    rows: Mapping[tuple[str, date], DayState], options: BackfillOptions | PollOptions
) -> dict[tuple[str, date], DayState]:
    """Rows as a run would have them: with what the headers of the files tell of how they were fetched."""
    datastore, instruments = Path(options.datastore), {it.progress_key: it for it in options.instruments}
    return {
        place: row._replace(access=access_shown(datastore, instruments[place[0]], row)) for place, row in rows.items()
    }


def make_plan(
    options: BackfillOptions,
    rows: Mapping[tuple[str, date], DayState],
    datastore: Path,
    now: datetime,
    admission: Admission,
) -> list[Decision]:
    """Decide for every instrument-day of the range."""
    days = options.days(now)
    if options.newest_first:
        days.reverse()
    instruments = options.instruments

    size_of = partial(size_on_disk, datastore)
    pairs = ((instrument, day) for day in days for instrument in instruments)
    with gc_paused:
        return list(plan(pairs, rows, size_of, now, policy_of(options), admission, options.limit_days))


def policy_of(options: BackfillOptions) -> Policy:
    """The options that bear on decisions."""
    return Policy(
        retry_failed=options.retry_failed,
        redownload=options.redownload,
        min_availability_pct=options.min_availability,
        settle=options.settle,
        overlap=options.overlap,
    )


def rows_of_range(ledger: Ledger, options: BackfillOptions, now: datetime) -> dict[tuple[str, date], DayState]:
    """What the ledger has of the days of a range."""
    days = options.days(now)
    return ledger.days([instrument.progress_key for instrument in options.instruments], days[0], days[-1])
