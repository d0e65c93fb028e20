"""The plan of a dry run as a table, neighbouring days with the same decision folded into one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.text import Text

from ialirt_backfill.plan.decisions import Action, Decision, requests
from ialirt_backfill.terminal.consoles import prose, show_synthetic, show_table, word
from ialirt_backfill.terminal.words import both_ends, counted, one_line, stretch

STYLES = {
    Action.RUN: "green",
    Action.RETRY: "yellow",
    Action.SKIP_FAILED: "red",
    Action.SKIP_CLAIMED: "cyan",
    Action.SKIP_NO_ACCESS: "magenta",
}


def show_plan(console: Console, plan: Sequence[Decision], *, unfolded: bool = False, synthetic: bool = False) -> None:
    """What a run would do, and why."""
    show_synthetic(console, synthetic)
    if plan:
        console.print(f"{both_ends([decision.day for decision in plan])}; nothing is asked or written (--dry-run)")
    rows = [
        (
            stretched[0].instrument.name,
            stretch(stretched[0].day, stretched[-1].day),
            Text(stretched[0].action.value, style=STYLES.get(stretched[0].action, "")),
            Text(one_line(common_reason(stretched))),
        )
        for stretched in folded(plan, unfolded=unfolded)
    ]
    show_table(console, [word("instrument"), word("day"), word("decision"), prose("reason")], rows)
    console.print(totals(plan))


def totals(plan: Sequence[Decision]) -> str:
    """How much the plan asks for and skips, and what it costs."""
    asking = [decision for decision in plan if decision.action.asks]
    cost = sum(requests(decision.instrument, span) for decision in asking for span in decision.spans)
    about = f" in about {counted(cost, 'request')}" if cost else ""
    return f"{counted(len(asking), 'instrument-day')} to ask for{about}, {len(plan) - len(asking):,} to skip"


def folded(plan: Sequence[Decision], *, unfolded: bool = False) -> list[list[Decision]]:
    """The plan by instrument, in runs of neighbouring days with the same action and a reason of the same form."""
    names = {name: place for place, name in enumerate(dict.fromkeys(decision.instrument.name for decision in plan))}
    runs: list[list[Decision]] = []
    for decision in sorted(plan, key=lambda decision: names[decision.instrument.name]):
        if runs and not unfolded and _continues(runs[-1][-1], decision):
            runs[-1].append(decision)
        else:
            runs.append([decision])
    return runs


_NUMBER = re.compile(r"\d[\d,.:-]*\d|\d")


def _continues(last: Decision, decision: Decision) -> bool:
    same = (last.instrument, last.action) == (decision.instrument, decision.action)
    alike = _NUMBER.sub("#", last.reason) == _NUMBER.sub("#", decision.reason)
    return same and alike and abs(decision.day - last.day) == timedelta(days=1)


def common_reason(decisions: Sequence[Decision]) -> str:
    """One reason for all: where their numbers differ, from the least to the greatest (``1,396…1,440 records``)."""
    numbers = zip(*(_NUMBER.findall(decision.reason) for decision in decisions), strict=True)
    ranges = iter([_range(column) for column in numbers])
    return _NUMBER.sub(lambda _: next(ranges), decisions[0].reason)


def _range(numbers: Sequence[str]) -> str:
    least, greatest = min(numbers, key=_size), max(numbers, key=_size)
    return least if least == greatest else f"{least}…{greatest}"


def _size(number: str) -> tuple[float, str]:
    """Counts by their value; dates and times, which are of equal length, as they are written."""
    try:
        return float(number.replace(",", "")), ""
    except ValueError:
        return 0.0, number
