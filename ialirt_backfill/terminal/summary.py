"""What a run did, per instrument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ialirt_backfill.plan.coverage import percent
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.terminal.consoles import number, show_synthetic, show_table, word
from ialirt_backfill.terminal.lines import tell_of_rejected
from ialirt_backfill.terminal.words import nothing_left
from ledger import DayStatus

if TYPE_CHECKING:
    from ialirt_backfill.run.report import (
        InRange,
        Report,
    )  # it loads pyarrow, which whoever has a report has loaded already

HEADERS = ("days", "downloaded", "no data", "failed", "skipped", "records", "availability")


def show_summary(console: Console, report: Report) -> None:
    """Per instrument, what became of its days.

    ``records`` are those that came new, also of days not ended; the availability is that of all days of the range.
    """
    show_synthetic(console, report.is_synthetic)
    names = list(dict.fromkeys(decision.instrument.name for decision in report.plan))
    plans = {name: [decision for decision in report.plan if decision.instrument.name == name] for name in names}
    skipped = {name: [decision for decision in report.skipped if decision.instrument.name == name] for name in names}
    outcomes = {name: [outcome for outcome in report.outcomes if outcome.instrument.name == name] for name in names}
    held = {name: [it for it in report.in_range if it.instrument == name] for name in names}
    rows = [(name, *_row(plans[name], skipped[name], outcomes[name], held[name])) for name in names]
    everything = _row(report.plan, report.skipped, report.outcomes, report.in_range)
    totals = ("all", *map(str, everything)) if len(names) > 1 else ()
    show_table(console, [word("instrument"), *(number(header) for header in HEADERS)], rows, totals)
    for outcome in report.outcomes:
        tell_of_rejected(console, outcome)
    if report.run_id is not None and not report.outcomes and not report.exit_code:
        summary = report.summary
        left = {"in the hands of another run": summary["skipped_claimed"], "not begun yet": summary["skipped_future"]}
        console.print(nothing_left("ask for", left))


def _row(
    plan: Sequence[Decision], skipped: Sequence[Decision], outcomes: Sequence[DayOutcome], held: Sequence[InRange]
) -> tuple[str | Text, ...]:
    results = [outcome for outcome in outcomes if not outcome.interrupted]
    statuses = [outcome.status for outcome in results]
    failed = statuses.count(DayStatus.FAILED) + sum(decision.action is Action.SKIP_FAILED for decision in plan)
    expected = sum(it.expected_records for it in held)
    found = sum(it.expected_records * (it.availability_pct or 0.0) for it in held)
    return (
        f"{len(plan):,}",
        f"{statuses.count(DayStatus.DOWNLOADED):,}",
        f"{statuses.count(DayStatus.NO_DATA):,}",
        Text(f"{failed:,}", style="bold red" if failed else ""),
        f"{sum(not decision.action.asks for decision in (*plan, *skipped)):,}",
        f"+{sum(outcome.records_added for outcome in outcomes):,}",
        percent(found / expected if expected else None),
    )
