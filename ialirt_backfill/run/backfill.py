"""A run, from its options to its report: options -> plan -> instrument-days -> summary."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from ialirt_backfill import __version__
from ialirt_backfill.ask.client import Api, Endpoint, Patience
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options import AskOptions, BackfillOptions, PollOptions, VerifyOptions
from ialirt_backfill.plan.access import Admission, Refusal, Want
from ialirt_backfill.plan.coverage import SECOND
from ialirt_backfill.plan.decisions import Action, Decision, Policy, plan
from ialirt_backfill.run.context import Site, access_shown, note_access_shown, size_on_disk, sweep_skipped
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.run.instrument_day import carry_out
from ialirt_backfill.run.workers import Ask, Runner, Stop, heartbeat
from ialirt_backfill.store.demonstration import mark, refuse_at_sight, refuse_mixing
from ledger import DayState, DayStatus, Ledger, LedgerError
from ledger.collector import collector_paused

log = logging.getLogger(__name__)

EXIT_WELL, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

CLOCK_TOLERANCE = timedelta(minutes=1)

Clock = Callable[[], datetime]
Work = BackfillOptions | PollOptions | VerifyOptions
"""The options of what asks I-ALiRT and keeps the answers."""


@dataclass(frozen=True)
class Report:
    """What a run planned and did.

    ``run_id`` is None for a dry run. ``skipped`` holds days that were planned but found taken or done by another runner
    meanwhile; those that the server refused stand in the plan as such. ``ended`` says why the run ended before its plan
    did. ``takes_what_it_may`` says that all instruments were asked for, which is all that one may have.
    ``is_synthetic`` says that the days are those of a demonstration.
    """

    run_id: str | None
    plan: tuple[Decision, ...]
    outcomes: tuple[DayOutcome, ...] = ()
    skipped: tuple[Decision, ...] = ()
    ended: str | None = None
    failed_beyond_days: bool = False
    ledger_failed: bool = False
    takes_what_it_may: bool = False
    is_synthetic: bool = False

    @cached_property
    def results(self) -> tuple[DayOutcome, ...]:
        """The days that were asked for to the end."""
        return tuple(outcome for outcome in self.outcomes if not outcome.interrupted)

    @cached_property
    def summary(self) -> dict[str, int]:
        """Counts of instrument-days, under the names of the JSON contract."""
        skips = Counter(decision.action for decision in (*self.plan, *self.skipped) if not decision.action.asks)
        statuses = Counter(outcome.status for outcome in self.results)
        return {
            "planned": len(self.plan),
            "run": len(self.results),
            "downloaded": statuses[DayStatus.DOWNLOADED],
            "no_data": statuses[DayStatus.NO_DATA],
            "failed": statuses[DayStatus.FAILED],
            "skipped_existing": skips[Action.SKIP_EXISTING],
            "skipped_no_data": skips[Action.SKIP_NO_DATA],
            "skipped_failed": skips[Action.SKIP_FAILED],
            "skipped_claimed": skips[Action.SKIP_CLAIMED],
            "skipped_no_access": skips[Action.SKIP_NO_ACCESS],
            "skipped_future": skips[Action.SKIP_FUTURE],
        }

    @cached_property
    def without_access(self) -> tuple[Decision, ...]:
        """The days of the plan that the server refused for want of a key or a scope."""
        return tuple(decision for decision in self.plan if decision.refusal is not None)

    @property
    def missed(self) -> tuple[Decision, ...]:
        """Those of them that were named: an instrument or a range, of which a part cannot be had."""
        may_lack = {Want.SCOPE} if self.takes_what_it_may else set()
        return tuple(it for it in self.without_access if it.refusal is not None and it.refusal.want not in may_lack)

    @property
    def has_nothing(self) -> bool:
        """Whether the server refuses all of it."""
        begun = sum(decision.action is not Action.SKIP_FUTURE for decision in self.plan)
        return bool(self.without_access) and len(self.without_access) == begun

    @property
    def locked_out(self) -> Refusal | None:
        """Why the server lets this key in nowhere; None where it does."""
        refusals = [it.refusal for it in self.without_access if it.refusal is not None]
        is_out = not self.results and all(refusal.want is Want.OTHER_KEY for refusal in refusals)
        return next(iter(refusals), None) if is_out else None

    @property
    def has_failures(self) -> bool:
        """Whether a day failed, or was skipped because it had failed before."""
        summary = self.summary
        return bool(summary["failed"] or summary["skipped_failed"] or self.failed_beyond_days)

    @property
    def exit_code(self) -> int:
        """0 when all is well; 1 when a day failed, was skipped as failed, or was named and cannot be had; 2 when none
        can be had, the key is not let in, or the ledger failed meanwhile."""
        if self.run_id is None:
            return EXIT_WELL
        if self.ledger_failed or self.has_nothing or self.locked_out:
            return EXIT_USAGE
        return EXIT_FAILED if self.has_failures or self.missed else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The stable contract of ``--json``."""
        return {
            "run_id": self.run_id,
            "synthetic": self.is_synthetic,
            "plan": [
                {
                    "instrument": decision.instrument.name,
                    "day": decision.day.isoformat(),
                    "action": decision.action.value,
                    "reason": decision.reason,
                }
                for decision in self.plan
            ],
            "results": [
                {
                    "instrument": outcome.instrument.name,
                    "day": outcome.day.isoformat(),
                    "status": outcome.status.value,
                    "records": outcome.records,
                    "expected_records": outcome.expected_records,
                    "availability_pct": outcome.availability_pct,
                    "path": None if outcome.path is None else str(outcome.path),
                    "error": outcome.error,
                }
                for outcome in sorted(self.results, key=lambda outcome: (outcome.day, outcome.instrument.name))
            ],
            "summary": self.summary,
        }


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
    listener = listener or Listener()
    stop = stop or Stop()
    if options.dry_run:
        planned = dry_plan(options, key=key)
        listener.planned(planned)
        return Report(None, tuple(planned), is_synthetic=options.demo)
    with session(options, policy_of(options), "backfill", key=key, listener=listener, stop=stop) as run:
        planned = run.plan(options)
        listener.planned(planned)
        return run.carry_out(planned, fail_fast=options.fail_fast)


def dry_plan(options: BackfillOptions, *, key: str | None = None) -> list[Decision]:
    """The plan of a run that asks nothing, writes nothing and creates nothing."""
    now = options.as_of or utc_now()
    refuse_at_sight(options)
    admission = expected_admission(options, key)
    ledger = Ledger.open_existing(options.ledger_url)
    if ledger is None:
        refuse_mixing(options, None)
        return make_plan(options, {}, Path(options.datastore), now, admission)
    with ledger:
        refuse_mixing(options, ledger)
        rows = with_access_shown(_rows(ledger, options, now), options)
        return make_plan(options, rows, Path(options.datastore), now, admission)


def expected_admission(options: AskOptions, key: str | None) -> Admission:
    """What is known of what a run may have before it has asked anything."""
    return Admission(has_key=options.demo or bool(key or read_key(options)))


def with_access_shown(
    rows: Mapping[tuple[str, date], DayState], options: BackfillOptions | PollOptions
) -> dict[tuple[str, date], DayState]:
    """The same rows, as a run would have them: with what the headers of the files tell of how they were fetched."""
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

    def size_of(instrument: Instrument, day: date, row: DayState | None) -> int | None:
        return size_on_disk(datastore, instrument, day, row)

    pairs = ((instrument, day) for day in days for instrument in instruments)
    with collector_paused:
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


def _rows(ledger: Ledger, options: BackfillOptions, now: datetime) -> dict[tuple[str, date], DayState]:
    days = options.days(now)
    return ledger.days([instrument.progress_key for instrument in options.instruments], days[0], days[-1])


# --- a run's surroundings ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Session:
    """An open ledger, an open connection to I-ALiRT, and a row in the ledger's list of runs.

    ``counts`` and ``exit_code`` are what that row will say. ``is_synthetic`` as in `Report`.
    """

    site: Site
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
        rows = _rows(self.site.ledger, options, self.site.now)
        return make_plan(options, rows, self.site.datastore, self.site.now, self.site.api.admission)

    def carry_out(
        self,
        planned: Sequence[Decision],
        *,
        site: Site | None = None,
        fail_fast: bool = False,
        ask: Ask = carry_out,
    ) -> Report:
        """Work on the plan; ``site`` is where it was made, if not as of the time the run began."""
        site = site or self.site
        runner = Runner(site, jobs=self.jobs, stop=self.stop, fail_fast=fail_fast, ask=ask)
        sweep_skipped(site, planned)
        runner.run(planned)
        decided = {(it.instrument, it.day): it for it in planned}
        if more := _due_with_more_access(site, planned):
            decided |= {(it.instrument, it.day): it for it in more}
            site.listener.planned(more)
            runner.run(more)
        decided |= {(it.instrument, it.day): it for it in runner.skipped if it.refusal is not None}
        self._note_refused(decided.values())
        _tell_of_clock(site)
        return self.account(
            Report(
                run_id=site.run_id,
                plan=tuple(decided.values()),
                outcomes=tuple(runner.outcomes),
                skipped=tuple(it for it in runner.skipped if it.refusal is None),
                ended=runner.ended,
                failed_beyond_days=runner.ledger_error is not None or runner.broken_days > 0,
                ledger_failed=runner.ledger_error is not None,
                takes_what_it_may=self.takes_what_it_may,
                is_synthetic=self.is_synthetic,
            )
        )

    def _note_refused(self, decisions: Iterable[Decision]) -> None:
        """Let the ledger know which days are refused, so that reports tell them from those never asked for."""
        news: dict[tuple[str, str], list[date]] = {}
        for decision in decisions:
            place = (decision.instrument.progress_key, decision.day)
            if decision.refusal is not None and place not in self.refused:
                self.refused.add(place)
                news.setdefault((place[0], decision.reason), []).append(decision.day)
        for (item_name, reason), days in news.items():
            self.site.ledger.note_refused(item_name, days, reason)

    def account(self, report: Report) -> Report:
        """Let the ledger's row of this run say what the report says."""
        self.counts.update(report.summary)
        self.exit_code = self.stop.exit_code if self.stop.is_set() else max(self.exit_code, report.exit_code)
        return report


def _due_with_more_access(site: Site, planned: Sequence[Decision]) -> list[Decision]:
    """What has fallen due of the days that were skipped as complete, now that an answer has shown what they lack."""
    admission = site.api.admission
    skipped = [it for it in planned if it.action is Action.SKIP_EXISTING and it.instrument.name in admission.shown]
    skipped = [it for it in skipped if it.instrument.has_restricted_fields]
    if not skipped:
        return []
    keys, days = {it.instrument.progress_key for it in skipped}, [it.day for it in skipped]
    rows = site.ledger.days(keys, min(days), max(days))
    decided = [
        site.decide(it.instrument, it.day, row)
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
    patience = patience or Patience(answer=options.timeout.total_seconds())
    with ExitStack() as stack:
        demo = stack.enter_context(_simulator(clock or fixed_clock(options))) if options.demo else None
        endpoint = demo or Endpoint(options.url, key or read_key(options))
        ledger = stack.enter_context(Ledger.open(options.ledger_url))
        _refuse_mixing(ledger, options)
        api = stack.enter_context(Api(endpoint, rate=options.max_rate, patience=patience, stop=stop))
        if admission is not None:
            api.permissions.admission = admission
        is_own_run = run_id is None
        run_id = run_id or ledger.start_run(command, _recorded(options, ledger.url_shown), __version__)
        stack.enter_context(heartbeat(ledger, run_id))
        if api.admission.has_key and is_own_run:
            note_access_shown(ledger, Path(options.datastore), options.instruments)
        real_time = options.as_of is None and clock is None
        site = Site(ledger, api, Path(options.datastore), policy, now, run_id, listener, follow_server_clock=real_time)
        run = Session(site, options.jobs, stop, options.demo, takes_what_it_may=options.takes_what_it_may)
        exit_code = stop.exit_code
        try:
            yield run
            exit_code = run.exit_code
        finally:
            if is_own_run:
                _finish_run(ledger, run_id, run.counts, exit_code)


def _finish_run(ledger: Ledger, run_id: str, counts: Counter[str], exit_code: int) -> None:
    try:
        ledger.finish_run(run_id, counts, exit_code)
    except LedgerError:
        if exit_code == EXIT_WELL:
            raise
        log.debug("the run's end could not be recorded")  # why, has been said: it ended because of it


def _tell_of_clock(site: Site) -> None:
    """A wrong clock loses nothing: one that is behind leaves the newest records out, one ahead asks too often."""
    error = site.api.clock_error
    if site.follow_server_clock and abs(error) > CLOCK_TOLERANCE:
        way = "ahead of" if error > timedelta(0) else "behind"
        log.warning(
            "this machine's clock is %s %s the server's: set it right", timedelta(seconds=abs(error) // SECOND), way
        )


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def fixed_clock(options: AskOptions) -> Clock:
    """A clock that stands still at ``as_of``; this machine's where there is none."""
    as_of = options.as_of
    return (lambda: as_of) if as_of else utc_now


def read_key(options: AskOptions) -> str | None:
    """The API key from the file that the options name, else from the environment; None where there is none."""
    if options.api_key_file is None:
        return (os.environ.get("IALIRT_API_KEY") or "").strip() or None
    try:
        key = Path(options.api_key_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {options.api_key_file} cannot be read: {error}") from error
    if not key:
        raise UsageError(f"--api-key-file {options.api_key_file} is empty")
    return key


@contextmanager
def _simulator(clock: Clock) -> Iterator[Endpoint]:
    """The built-in simulator on a loopback port, with a key to all of it, for as long as the run lasts."""
    from ialirt_backfill.simulator import DEMONSTRATION_KEY, Simulator  # noqa: PLC0415 - only a demonstration needs it

    with Simulator(now=clock, keys={DEMONSTRATION_KEY: ("full",)}) as simulator:
        log.info("the simulator listens on %s; its data are synthetic", simulator.url)
        yield Endpoint(simulator.url, DEMONSTRATION_KEY)


def _refuse_mixing(ledger: Ledger, options: Work) -> None:
    """Synthetic data must never lie among real ones, nor where nothing says what they are."""
    refuse_mixing(options, ledger)
    if options.demo:
        mark(options.datastore, ledger)


def _recorded(options: Work, ledger_shown: str) -> dict[str, object]:
    """The options as the ledger remembers them: as text where JSON has no form, and without secrets."""
    recorded: dict[str, object] = {
        name: value if isinstance(value, bool | int | float | None) else str(value)
        for name, value in asdict(options).items()
    }
    recorded["ledger"] = ledger_shown
    recorded["url"] = without_password(options.url)
    return recorded


def without_password(url: str) -> str:
    """The same address without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
