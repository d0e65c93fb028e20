"""What an export plans, does and tells while it goes on. Whoever wants to show it overrides what it cares for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL
from ialirt_backfill.export.folder import HeldDay
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.decided import plan_as_json


class ExportAction(Enum):
    """What is decided for a day that has a file."""

    EXPORT = "export"
    SKIP_EXPORTED = "skip-exported"
    SKIP_GROWING = "skip-growing"


@dataclass(frozen=True, slots=True)
class ExportDecision:
    """One day that has a file: what to do with it, and why. ``size`` is the file's, in bytes.

    ``there`` is the day as the folder has it, None where it has not; the ledger may not remember that.
    """

    instrument: Instrument
    day: date
    path: Path
    size: int
    action: ExportAction
    reason: str
    there: HeldDay | None
    is_remembered: bool

    @property
    def month(self) -> date:
        """The first day of its month."""
        return self.day.replace(day=1)


@dataclass(frozen=True, slots=True)
class MonthOutcome:
    """What became of one file: the days of the plan that are in it now as they are, with their records, and those that
    are not, each with the reason. ``size`` is that of the file; 0 where none was written."""

    instrument: Instrument
    month: date
    path: Path
    records: Mapping[date, int]
    failed: Mapping[date, str] = field(default_factory=dict)
    size: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export planned and did.

    ``run_id`` is None for a dry run. ``is_synthetic`` says that the data are those of a demonstration. ``datastore``
    and ``ledger`` say where the files come from: a path in full, an address without its password.
    """

    to: Path
    public: bool
    run_id: str | None
    plan: tuple[ExportDecision, ...]
    outcomes: tuple[MonthOutcome, ...] = ()
    is_synthetic: bool = False
    datastore: str = ""
    ledger: str = ""

    @property
    def summary(self) -> dict[str, int]:
        """Counts of instrument-days, and of files, under the names of the JSON contract."""
        actions = Counter(decision.action for decision in self.plan)
        return {
            "planned": len(self.plan),
            "exported": sum(len(outcome.records) for outcome in self.outcomes),
            "failed": sum(len(outcome.failed) for outcome in self.outcomes),
            "skipped_exported": actions[ExportAction.SKIP_EXPORTED],
            "skipped_growing": actions[ExportAction.SKIP_GROWING],
            "records": sum(sum(outcome.records.values()) for outcome in self.outcomes),
            "files": sum(outcome.size > 0 for outcome in self.outcomes),
        }

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when a day failed."""
        return EXIT_FAILED if self.summary["failed"] else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The stable contract of ``--json``."""
        return {
            "run_id": self.run_id,
            "synthetic": self.is_synthetic,
            "datastore": self.datastore,
            "ledger": self.ledger,
            "public": self.public,
            "to": str(self.to),
            "plan": plan_as_json(self.plan),
            "results": [
                {
                    "instrument": outcome.instrument.name,
                    "day": day.isoformat(),
                    "status": "failed" if day in outcome.failed else "exported",
                    "records": outcome.records.get(day, 0),
                    "path": outcome.path.relative_to(self.to).as_posix(),
                    "error": outcome.failed.get(day),
                }
                for outcome in self.outcomes
                for day in sorted({**outcome.records, **outcome.failed})
            ],
            "files": [
                {
                    "path": outcome.path.relative_to(self.to).as_posix(),
                    "bytes": outcome.size,
                    "seconds": round(outcome.seconds, 3),
                }
                for outcome in self.outcomes
                if outcome.size
            ],
            "summary": self.summary,
        }


class ExportListener:
    """Hears what an export does. Every method may be overridden; none must raise."""

    def planned(self, plan: Sequence[ExportDecision]) -> None:
        """The plan stands; nothing has been written yet."""

    def waiting(self, folder: Path) -> None:
        """Another export writes into the folder; as soon as it lets go, the plan is made."""

    def month_started(self, instrument: Instrument, month: date, days: int) -> None:
        """The file of a month is written, for so many days of the plan."""

    def month_finished(self, outcome: MonthOutcome) -> None:
        """The file of a month is there, or as it was."""
