"""A run, from its options to its report: options -> plan -> instrument-days -> summary."""

from __future__ import annotations

from ialirt_backfill.ending import Stop
from ialirt_backfill.listening import guarded
from ialirt_backfill.options import BackfillOptions
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.planning import dry_plan, policy_of
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.session import session


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
    if options.dry_run:
        planned = dry_plan(options, key=key)
        listener.planned(planned)
        return Report(None, tuple(planned), is_synthetic=options.demo)
    with session(options, policy_of(options), "backfill", key=key, listener=listener, stop=stop) as run:
        planned = run.plan(options)
        listener.planned(planned)
        return run.carry_out(planned, fail_fast=options.fail_fast)


# --- a run's surroundings ---------------------------------------------------------------------------------------------
