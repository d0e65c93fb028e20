"""What a run planned and did, as data: its counts, its exit code, its JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property

from ialirt_backfill.ending import EXIT_FAILED, EXIT_USAGE, EXIT_WELL
from ialirt_backfill.plan.access import Refusal, Want
from ialirt_backfill.plan.decided import plan_as_json
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.plan.estimate import Estimate
from ialirt_backfill.run.events import DayOutcome
from ledger import DayStatus


@dataclass(frozen=True, slots=True)
class InRange:
    """What the days of one instrument in a plan hold, those that were skipped included.

    ``availability_pct`` is that of what was ever asked for of them, in percent.
    """

    instrument: str
    days: int
    records: int
    expected_records: int
    availability_pct: float | None


@dataclass(frozen=True)
class Report:
    """What a run planned and did.

    ``run_id`` is None for a dry run. ``skipped`` holds days that were planned but found taken or done by another runner
    meanwhile; those that the server refused stand in the plan as such. ``ended`` says why the run ended before its plan
    did, ``never_reached`` that no connection to I-ALiRT was opened at all. ``takes_what_it_may`` says that all
    instruments were asked for, which is all that one may have.
    ``is_synthetic`` says that the days are those of a demonstration. ``datastore`` and ``ledger`` say where things are:
    a path in full, an address without its password. ``in_range`` is what the days of the plan hold after the run;
    ``estimate`` is what the plan was expected to cost, where it asks for anything.
    """

    run_id: str | None
    plan: tuple[Decision, ...]
    outcomes: tuple[DayOutcome, ...] = ()
    skipped: tuple[Decision, ...] = ()
    ended: str | None = None
    failed_beyond_days: bool = False
    ledger_failed: bool = False
    never_reached: bool = False
    takes_what_it_may: bool = False
    is_synthetic: bool = False
    datastore: str = ""
    ledger: str = ""
    in_range: tuple[InRange, ...] = ()
    estimate: Estimate | None = None

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
        """Whether the server refuses all of it, and no part of a day came before it did."""
        begun = sum(decision.action is not Action.SKIP_FUTURE for decision in self.plan)
        is_all = bool(self.without_access) and len(self.without_access) == begun
        return is_all and not any(outcome.records_fetched for outcome in self.outcomes)

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
        can be had, I-ALiRT is not reached, the key is not let in, or the ledger failed meanwhile."""
        if self.run_id is None:
            return EXIT_WELL
        if self.ledger_failed or self.never_reached or self.has_nothing or self.locked_out:
            return EXIT_USAGE
        return EXIT_FAILED if self.has_failures or self.missed else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The stable contract of ``--json``."""
        return {
            "run_id": self.run_id,
            "synthetic": self.is_synthetic,
            "datastore": self.datastore,
            "ledger": self.ledger,
            "estimate": None if self.estimate is None else _cost(self.estimate),
            "plan": plan_as_json(self.plan),
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
            "instruments": [asdict(it) for it in self.in_range],
            "summary": self.summary,
        }


def _cost(it: Estimate) -> dict[str, object]:
    return {
        "requests": it.requests,
        "seconds": round(it.seconds, 1),
        "bytes": it.size_bytes,
        "learnt_from": it.basis.value,
    }
