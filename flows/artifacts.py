"""Plan, result, availability and progress as artifacts of a flow run. Keys hold only ``a-z``, ``0-9`` and ``-``."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.notices import Notices
from flows.origin import Origin
from ialirt_backfill.export.events import MonthOutcome
from ialirt_backfill.plan.coverage import percent
from ialirt_backfill.plan.decided import Decided
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import Tail
from ialirt_backfill.store.demonstration import SYNTHETIC

if TYPE_CHECKING:
    from ialirt_backfill.mirror.events import MirrorOutcome  # it needs an extra of its own

log = logging.getLogger(__name__)

LONG_PLAN = 10
"""So many days to ask for make a progress bar worth its while."""
MOST_ROWS = 1000
"""A longer table helps nobody; the ledger has it all."""


def show_plan(flow: str, plan: Sequence[Decided], origin: Origin) -> None:
    """The plan as a table."""
    rows = [
        {
            "instrument": decision.instrument.name,
            "day": decision.day.isoformat(),
            "decision": decision.action.value,
            "reason": decision.reason,
        }
        for decision in plan
    ]
    skipped = sum(decision.action.value.startswith("skip") for decision in plan)
    description = f"{len(plan) - skipped:,} instrument-days to work on, {skipped:,} to skip"
    _table(f"{flow}-plan", rows, origin.described(description))


def show_results(flow: str, outcomes: Iterable[DayOutcome], origin: Origin) -> None:
    """What became of the days that were asked for, as a table; those that failed come first."""
    rows = [
        {
            "instrument": outcome.instrument.name,
            "day": outcome.day.isoformat(),
            "status": outcome.status.value,
            "records": outcome.records,
            "added": outcome.records_added,
            "availability": percent(outcome.availability_pct),
            "path": str(outcome.path or ""),
            "error": outcome.error or "",
        }
        for outcome in sorted(outcomes, key=lambda it: (it.error is None, it.day, it.instrument.name))
    ]
    _table(f"{flow}-result", rows, origin.described(f"{len(rows):,} instrument-days asked for"))


def show_loads(flow: str, outcomes: Iterable[MirrorOutcome], database: str, origin: Origin) -> None:
    """What became of the days that were to be loaded, as a table; those that failed come first."""
    rows = [
        {
            "instrument": outcome.decision.instrument.name,
            "day": outcome.decision.day.isoformat(),
            "status": outcome.status.value,
            "records": outcome.records,
            "seconds": round(outcome.seconds, 1),
            "error": outcome.error or "",
        }
        for outcome in sorted(outcomes, key=lambda it: (it.error is None, it.decision.day))
    ]
    _table(f"{flow}-result", rows, origin.described(f"{len(rows):,} instrument-days to be loaded into {database}"))


def show_exports(flow: str, outcomes: Iterable[MonthOutcome], folder: Path, origin: Origin) -> None:
    """What became of the days that were to be exported, as a table; those that failed come first."""
    rows = [
        {
            "instrument": outcome.instrument.name,
            "day": day.isoformat(),
            "status": "failed" if day in outcome.failed else "exported",
            "records": outcome.records.get(day, 0),
            "path": str(outcome.path),
            "error": outcome.failed.get(day, ""),
        }
        for outcome in outcomes
        for day in sorted({**outcome.records, **outcome.failed})
    ]
    rows.sort(key=lambda row: (not row["error"], row["day"]))
    _table(f"{flow}-result", rows, origin.described(f"{len(rows):,} instrument-days to be written into {folder}"))


def show_availability(flow: str, outcomes: Iterable[DayOutcome], origin: Origin) -> None:
    """The availability of each instrument over the days that were asked for, as markdown."""
    days: defaultdict[str, list[DayOutcome]] = defaultdict(list)
    for outcome in outcomes:
        days[outcome.instrument.name].append(outcome)
    lines = ["| instrument | days | records | availability | worst day |", "|---|--:|--:|--:|---|"]
    for name, found in days.items():
        expected = sum(outcome.expected_records for outcome in found)
        covered = sum(outcome.expected_records * (outcome.availability_pct or 0.0) for outcome in found)
        worst = min(found, key=lambda outcome: (outcome.availability_pct or 0.0, outcome.day))
        lines.append(
            f"| {name} | {len(found):,} | {sum(outcome.records for outcome in found):,} "
            f"| {percent(covered / expected if expected else None)} "
            f"| {worst.day} ({percent(worst.availability_pct)}) |"
        )
    _availability(flow, lines, "availability of the days asked for in this run", origin)


def show_today(flow: str, tails: Sequence[Tail], added: dict[str, int], origin: Origin) -> None:
    """Where today stands after the last pass of a poll, as markdown."""
    lines = ["| instrument | new in this run | availability today | newest record (UTC) | |", "|---|--:|--:|---|---|"]
    for tail in tails:
        name = tail.instrument.name
        newest = f"{tail.newest:%Y-%m-%d %H:%M:%S}" if tail.newest else "none"
        told = tail.outcome.error or "" if tail.outcome else f"{tail.decision.action.value}: {tail.decision.reason}"
        trouble = cell(told)
        lines.append(f"| {name} | {added.get(name, 0):,} | {percent(tail.availability_pct)} | {newest} | {trouble} |")
    _availability(flow, lines, "today, after the last pass of this run", origin)


def show_pictures(
    flow: str, rows: Iterable[tuple[str, date | None, str, str | None]], folder: str, origin: Origin
) -> None:
    """The pictures in a folder, as markdown with a link to each: board, day, link and what went wrong."""
    lines = ["| board | day | picture | |", "|---|---|---|---|"]
    lines += [
        f"| {board} | {day or 'latest'} | [{link.rpartition('/')[2]}]({link}) | {cell(error or '')} |"
        for board, day, link, error in rows
    ]
    markdown = "\n".join([f"**{SYNTHETIC}**", "", *lines] if origin.synthetic else lines)
    said = origin.described(f"pictures in {folder}")
    _kept(lambda: create_markdown_artifact(markdown, key=f"{flow}-pictures", description=said))


class ProgressBar(Notices):
    """A progress bar of one flow run, updated at most once a percent. ``outcomes`` have come to their end so far."""

    def __init__(self, flow: str, plan: Sequence[Decision], origin: Origin) -> None:
        super().__init__(origin)
        self.outcomes: list[DayOutcome] = []
        self._total = sum(decision.action.asks for decision in plan)
        self._done = self._shown = 0
        self._lock = threading.Lock()
        self._id: UUID | None = None
        if self._total >= LONG_PLAN:
            _kept(lambda: self._begin(flow))

    def _begin(self, flow: str) -> None:
        description = self.origin.described(f"{self._total:,} instrument-days")
        self._id = cast(UUID, create_progress_artifact(0.0, key=f"{flow}-progress", description=description))

    def day_finished(self, outcome: DayOutcome) -> None:
        super().day_finished(outcome)
        self.outcomes.append(outcome)
        self._step()

    def day_skipped(self, decision: Decision) -> None:
        self._step()

    def _step(self) -> None:
        with self._lock:
            self._done += 1
            percent_done = 100 * self._done // self._total
            if self._id is None or percent_done == self._shown:
                return
            self._shown = percent_done
            artifact = self._id
            _kept(lambda: update_progress_artifact(artifact, float(percent_done)))


def cell(text: str) -> str:
    """Words of others, in one cell of a markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _table(key: str, rows: Sequence[Mapping[str, object]], description: str) -> None:
    if len(rows) > MOST_ROWS:
        description += f"; the first {MOST_ROWS:,} are shown"
    _kept(lambda: create_table_artifact([dict(row) for row in rows[:MOST_ROWS]], key=key, description=description))


def _availability(flow: str, table: Sequence[str], description: str, origin: Origin) -> None:
    markdown = "\n".join([f"**{SYNTHETIC}**", "", *table] if origin.synthetic else table)
    said = origin.described(description)
    _kept(lambda: create_markdown_artifact(markdown, key=f"{flow}-availability", description=said))


def _kept(create: Callable[[], object]) -> None:
    """An artifact that cannot be stored takes nothing with it."""
    try:
        create()
    except Exception as error:
        log.warning("an artifact could not be stored: %s", error)
