"""A run, from its options to its report: options -> plan -> instrument-days -> summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ialirt_backfill.ending import Stop
from ialirt_backfill.listening import guarded
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.planning import dry_estimate, dry_plan, estimate_of, policy_of
from ialirt_backfill.run.report import InRange, Report
from ialirt_backfill.run.session import session
from ledger import Ledger, LedgerError
from ledger.records import Totals


def backfill(
    options: BackfillOptions,
    *,
    key: str | None = None,
    listener: Listener | None = None,
    stop: Stop | None = None,
) -> Report:
    """Make the days of a range complete.

    ``key`` is the API key (default: from the environment, or the file that the options name). ``stop`` ends the run
    after the requests in flight, with the state kept. Raises UsageError and ledger.LedgerError; what happens to single
    days is in the report.
    """
    listener = guarded(listener or Listener())
    stop = stop or Stop()
    options.days(options.as_of or utc_now())  # a range that lies in the future is refused before anything is made
    datastore, ledger = options.datastore_shown, options.ledger_shown
    if options.dry_run:
        planned = dry_plan(options, key=key)
        listener.planned(planned)
        cost = dry_estimate(options, planned)
        return Report(
            None, tuple(planned), is_synthetic=options.demo, datastore=datastore, ledger=ledger, estimate=cost
        )
    with session(options, policy_of(options), "backfill", key=key, listener=listener, stop=stop) as run:
        planned = run.plan(options)
        listener.planned(planned)
        cost = estimate_of(run.context.ledger, options, planned)
        if cost is not None:
            listener.estimated(cost)
        report = run.carry_out(planned, fail_fast=options.fail_fast)
        return replace(
            report, in_range=_in_range(run.context.ledger, planned), datastore=datastore, ledger=ledger, estimate=cost
        )


def _in_range(ledger: Ledger, plan: Sequence[Decision]) -> tuple[InRange, ...]:
    """What the days of a plan hold now, by instrument; nothing where the ledger cannot tell any more."""
    instruments = Counter(decision.instrument for decision in plan)
    if not instruments:
        return ()
    first, last = min(decision.day for decision in plan), max(decision.day for decision in plan)
    try:
        totals = ledger.totals([instrument.progress_key for instrument in instruments], first, last)
    except LedgerError:  # why, the run has said
        return ()
    nothing = Totals(0, 0, None)
    return tuple(
        InRange(instrument.name, days, it.records, it.expected_records, it.availability_pct)
        for instrument, days in instruments.items()
        for it in [totals.get(instrument.progress_key, nothing)]
    )
