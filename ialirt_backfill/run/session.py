"""What a run needs, opened and closed again: ledger, connection to I-ALiRT, and a row in the list of runs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from ialirt_backfill import __version__
from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.ending import EXIT_WELL, Stop
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import LAUNCH, Catalogue
from ialirt_backfill.options import BackfillOptions, PollOptions, VerifyOptions
from ialirt_backfill.options.key import read_key
from ialirt_backfill.options.recorded import recorded
from ialirt_backfill.plan.access import Admission, Want
from ialirt_backfill.plan.coverage import SECOND, day_span
from ialirt_backfill.plan.decisions import Action, Decision, Policy
from ialirt_backfill.run.clock import Clock, fixed_clock, utc_now
from ialirt_backfill.run.context import Context, note_access_shown, note_renamed, sweep_skipped
from ialirt_backfill.run.events import Listener
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.planning import make_plan, rows_of_range
from ialirt_backfill.run.report import Report
from ialirt_backfill.run.workers import CarryOut, Runner, heartbeat
from ialirt_backfill.store.demonstration import mark, refuse_at_sight, refuse_mixing
from ialirt_backfill.store.places import follow_renamed
from ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = timedelta(minutes=1)


Work = BackfillOptions | PollOptions | VerifyOptions
"""The options of what asks I-ALiRT and keeps the answers."""


@dataclass(slots=True)
class Session:
    """An open ledger, an open connection to I-ALiRT, and a row in the ledger's list of runs.

    ``counts`` and ``exit_code`` are what that row will say. ``is_synthetic`` as in `Report`.
    """

    context: Context
    jobs: int
    stop: Stop
    is_synthetic: bool
    counts: Counter[str] = field(default_factory=Counter)
    exit_code: int = EXIT_WELL
    takes_what_it_may: bool = False
    refused: set[tuple[str, date]] = field(default_factory=set)
    """The days of which the ledger has been told in this run that they are refused."""

    def plan(self, options: BackfillOptions) -> list[Decision]:
        """The plan of a range, from the ledger and the disk as they are."""
        rows = rows_of_range(self.context.ledger, options, self.context.now)
        renamed = follow_renamed(self.context.datastore, options.instruments, rows)
        note_renamed(self.context.ledger, renamed)
        now, admission = self.context.now, self.context.api.admission
        return make_plan(options, rows | renamed, self.context.datastore, now, admission)

    def carry_out(
        self,
        planned: Sequence[Decision],
        *,
        context: Context | None = None,
        fail_fast: bool = False,
        ask: CarryOut = carry_out,
    ) -> Report:
        """Work on the plan; ``context`` is where it was made, if not as of the time the run began."""
        context = context or self.context
        runner = Runner(context, jobs=self.jobs, stop=self.stop, fail_fast=fail_fast, ask=ask)
        sweep_skipped(context, planned)
        try:
            runner.run(planned)
        except BaseException:  # as when Prefect cancels a flow: the ledger's row says what was done until then
            self.counts.update(Report(context.run_id, tuple(planned), tuple(runner.outcomes)).summary)
            raise
        decided = {(it.instrument, it.day): it for it in planned}
        if more := _due_with_more_access(context, planned):
            decided |= {(it.instrument, it.day): it for it in more}
            context.listener.planned(more)
            runner.run(more)
        decided |= {(it.instrument, it.day): it for it in self._refused(runner)}
        plan = [it for it in decided.values() if not self._goes_without(it)]
        if runner.ledger_error is None:
            self._note_refused(plan)
        _tell_of_clock(context)
        return self.account(
            Report(
                run_id=context.run_id,
                plan=tuple(plan),
                outcomes=tuple(runner.outcomes),
                skipped=tuple(it for it in runner.skipped if it.refusal is None),
                ended=runner.ended,
                failed_beyond_days=runner.ledger_error is not None or runner.broken_days > 0,
                ledger_failed=runner.ledger_error is not None,
                never_reached=runner.circuit.never_reached is not None,
                takes_what_it_may=self.takes_what_it_may,
                is_synthetic=self.is_synthetic,
            )
        )

    def _goes_without(self, decision: Decision) -> bool:
        """Whether nobody misses this day: all instruments were asked for, and of this one the key may have nothing."""
        is_refused = decision.refusal is not None and decision.refusal.want in {Want.SCOPE, Want.KEY}
        return self.takes_what_it_may and decision.instrument.optional and is_refused

    def _refused(self, runner: Runner) -> Iterator[Decision]:
        """The days that the server refused, as a whole or the rest of them, with the reason that is known by now."""
        admission = self.context.api.admission
        in_part = (it.decision.refused(it.refusal) for it in runner.outcomes if it.refusal is not None)
        for decision in (*runner.skipped, *in_part):
            if decision.refusal is not None:
                known = admission.refusal(decision.instrument, day_span(decision.day).start)
                yield decision.refused(known or decision.refusal)

    def _note_refused(self, decisions: Iterable[Decision]) -> None:
        """Let the ledger know which days are refused, so that reports tell them from those never asked for."""
        news: dict[tuple[str, str], list[date]] = {}
        for decision in decisions:
            place = (decision.instrument.progress_key, decision.day)
            if decision.refusal is not None and place not in self.refused:
                self.refused.add(place)
                news.setdefault((place[0], decision.reason), []).append(decision.day)
        for (item_name, reason), days in news.items():
            self.context.ledger.note_refused(item_name, days, reason)

    def account(self, report: Report) -> Report:
        """Let the ledger's row of this run say what the report says."""
        self.counts.update(report.summary)
        self.exit_code = self.stop.exit_code if self.stop.is_set() else max(self.exit_code, report.exit_code)
        return report


def _due_with_more_access(context: Context, planned: Sequence[Decision]) -> list[Decision]:
    """What has fallen due of the days that were skipped as complete, now that an answer has shown what they lack."""
    admission = context.api.admission
    skipped = [it for it in planned if it.action is Action.SKIP_EXISTING and it.instrument.name in admission.shown]
    skipped = [it for it in skipped if it.instrument.has_restricted_fields]
    if not skipped:
        return []
    keys, days = {it.instrument.progress_key for it in skipped}, [it.day for it in skipped]
    rows = context.ledger.days(keys, min(days), max(days))
    decided = [
        context.decide(it.instrument, it.day, row)
        for it in skipped
        if (row := rows.get((it.instrument.progress_key, it.day))) and row.access in admission.lacking(it.instrument)
    ]
    return [decision for decision in decided if decision.action.asks]


@contextmanager
def session(
    options: Work,
    policy: Policy,
    command: str,
    *,
    key: str | None,
    listener: Listener,
    stop: Stop,
    clock: Clock | None = None,
    patience: Patience | None = None,
    run_id: str | None = None,
    admission: Admission | None = None,
) -> Iterator[Session]:
    """Open what a run needs, write the run's row, and close it all again.

    ``clock`` stands for this machine's, whose time the server's corrects. With the ``run_id`` of a run that another
    process has begun, this session is a part of that run and writes no row; ``admission`` is what that run knows.
    """
    refuse_at_sight(options)
    now = clock() if clock else options.as_of or utc_now()
    _refuse_before_launch(now)
    patience = patience or Patience(answer=options.timeout.total_seconds())
    with ExitStack() as stack:
        at = clock or fixed_clock(options)
        demo = stack.enter_context(demonstration(options.known, at)) if options.demo else None
        endpoint = demo or Endpoint(options.url, key or read_key(options))
        ledger = stack.enter_context(Ledger.open(options.ledger_url))
        _refuse_mixing(ledger, options)
        api = stack.enter_context(Api(endpoint, rate=options.max_rate, jobs=options.jobs, patience=patience, stop=stop))
        if admission is not None:
            api.permissions.admission = admission
        is_own_run = run_id is None
        run_id = run_id or ledger.start_run(command, recorded(options, ledger=ledger.url_shown), __version__)
        stack.enter_context(heartbeat(ledger, run_id))
        if api.admission.has_key and is_own_run:
            note_access_shown(ledger, Path(options.datastore), options.instruments)
        real_time = options.as_of is None and clock is None
        context = Context(
            ledger, api, Path(options.datastore), policy, now, run_id, listener, follow_server_clock=real_time
        )
        run = Session(context, options.jobs, stop, options.demo, takes_what_it_may=options.takes_what_it_may)
        exit_code = stop.exit_code
        try:
            yield run
            exit_code = run.exit_code
        finally:
            if is_own_run:
                _finish_run(ledger, run_id, run.counts, exit_code)


def _refuse_before_launch(now: datetime) -> None:
    """A clock without a battery may begin at 1970. A poll would then take all days since the launch for missed ones."""
    if now.date() < LAUNCH:
        raise UsageError(
            f"it is {now:%Y-%m-%d %H:%M}Z by this machine's clock, or --as-of, and IMAP was launched on {LAUNCH}:"
            " set it right"
        )


def _finish_run(ledger: Ledger, run_id: str, counts: Counter[str], exit_code: int) -> None:
    try:
        ledger.finish_run(run_id, counts, exit_code)
    except LedgerError:
        if exit_code == EXIT_WELL:
            raise
        log.debug("the run's end could not be recorded")  # why, has been said: it ended because of it


def _tell_of_clock(context: Context) -> None:
    """A wrong clock loses nothing: one that is behind leaves the newest records out, one ahead asks too often."""
    error = context.api.clock_error
    if context.follow_server_clock and abs(error) > CLOCK_TOLERANCE:
        way = "ahead of" if error > timedelta(0) else "behind"
        log.warning(
            "this machine's clock is %s %s the server's: set it right", timedelta(seconds=abs(error) // SECOND), way
        )


@contextmanager
def demonstration(known: Catalogue, clock: Clock) -> Iterator[Endpoint]:
    """The built-in simulator on a loopback port, with a key to all of it, for as long as the run lasts."""
    # Only a demonstration needs it.
    from ialirt_backfill.simulator import DEMONSTRATION_KEY, Simulator, all_scopes  # noqa: PLC0415

    keys = {DEMONSTRATION_KEY: all_scopes(known)}
    with Simulator(now=clock, keys=keys, catalogue=known) as simulator:
        log.info("the simulator listens on %s; its data are synthetic", simulator.url)
        yield Endpoint(simulator.url, DEMONSTRATION_KEY)


def _refuse_mixing(ledger: Ledger, options: Work) -> None:
    """Synthetic data must never lie among real ones, nor where nothing says what they are."""
    refuse_mixing(options, ledger)
    if options.demo:
        mark(options.datastore, ledger)
