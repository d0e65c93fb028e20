"""One pass of a poll: what it planned, and what became of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome, Listener
from ialirt_backfill.run.poll_planning import Key
from ialirt_backfill.run.report import Report
from ledger import DayState, DayStatus


@dataclass(frozen=True, slots=True)
class Tail:
    """What a pass found of one instrument today.

    ``outcome`` is None where nothing was asked, and ``decision`` says why. ``newest`` is the time of the newest record
    stored so far, of whichever day; ``availability_pct`` that of today so far.
    """

    instrument: Instrument
    decision: Decision
    outcome: DayOutcome | None
    availability_pct: float | None
    newest: datetime | None

    @property
    def failed(self) -> bool:
        return self.outcome is not None and self.outcome.status is DayStatus.FAILED and not self.outcome.interrupted


class PollListener(Listener):
    """Hears what a poll does, beside what every run tells."""

    def pass_begun(self, now: datetime) -> None:
        """A pass begins."""

    def tails_asked(self, now: datetime, tails: Sequence[Tail]) -> None:
        """Every instrument has been asked for the newest records of today."""

    def pass_ended(self, now: datetime) -> None:
        """All that the pass of ``now`` asked for is done."""


@dataclass(slots=True)
class Pass:
    """One pass: when it began, what it planned, and what became of that."""

    context: Context
    planned: tuple[Decision, ...]
    rows: dict[Key, DayState]
    newest: dict[str, datetime]
    report: Report

    @property
    def now(self) -> datetime:
        return self.context.now

    def take_in(self, report: Report) -> None:
        """Add what became of a part of the pass."""
        self.report = joined([self.report, report])

    @property
    def tails(self) -> tuple[Tail, ...]:
        """What was found of every instrument today."""
        outcomes = {outcome.instrument: outcome for outcome in self.report.outcomes if outcome.day == self.now.date()}
        decided = {it.instrument: it for it in (*self.report.plan, *self.report.skipped) if it.day == self.now.date()}
        return tuple(
            self._tail(decided.get(planned.instrument, planned), outcomes.get(planned.instrument))
            for planned in self.planned
            if planned.instrument in decided or not planned.instrument.optional
        )

    def _tail(self, decision: Decision, outcome: DayOutcome | None) -> Tail:
        row = self.rows.get((decision.instrument.progress_key, decision.day))
        known = outcome or row
        newest = [self.newest.get(decision.instrument.name), outcome.last_record if outcome else None]
        return Tail(
            instrument=decision.instrument,
            decision=decision,
            outcome=outcome,
            availability_pct=known.availability_pct if known else None,
            newest=max((moment for moment in newest if moment), default=None),
        )


def joined(reports: Sequence[Report]) -> Report:
    """The parts of one pass as one report."""
    return Report(
        run_id=reports[0].run_id,
        plan=tuple(decision for report in reports for decision in report.plan),
        outcomes=tuple(outcome for report in reports for outcome in report.outcomes),
        skipped=tuple(decision for report in reports for decision in report.skipped),
        ended=next((report.ended for report in reports if report.ended), None),
        failed_beyond_days=any(report.failed_beyond_days for report in reports),
        never_reached=any(report.never_reached for report in reports),
        takes_what_it_may=all(report.takes_what_it_may for report in reports),
        is_synthetic=reports[0].is_synthetic,
    )
