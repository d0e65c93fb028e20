"""What a mirror plans, does and tells while it goes on. Whoever wants to show it overrides what it cares for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path

from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.mirror.jobs import TablePlace
from ialirt_backfill.plan.decided import plan_as_json
from ledger import MirroredDay


class MirrorAction(Enum):
    """What is decided for a day that has a file."""

    LOAD = "load"
    SKIP_LOADED = "skip-loaded"
    SKIP_GROWING = "skip-growing"


class MirrorStatus(Enum):
    """How the load of a day ended."""

    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MirrorDecision:
    """One day that has a file: what to do with it, and why. ``size`` is the file's, in bytes."""

    instrument: Instrument
    day: date
    path: Path
    size: int
    place: TablePlace
    action: MirrorAction
    reason: str
    last: MirroredDay | None = None
    """What the ledger remembered of its last load when this was decided."""


@dataclass(frozen=True, slots=True)
class MirrorOutcome:
    """What became of one load.

    ``records`` are the rows of the file, all of which are in the table now; ``written`` of them were new or changed,
    and ``deleted`` rows of the table were gone from the file.
    """

    decision: MirrorDecision
    status: MirrorStatus
    records: int
    seconds: float
    error: str | None = None
    written: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a mirror planned and did.

    ``run_id`` is None for a dry run. ``skipped`` were planned, but another mirror had loaded them meanwhile. ``ended``
    says why it ended before its plan did. ``is_synthetic`` says that the data are those of a demonstration.
    ``datastore`` and ``ledger`` say where the files come from: a path in full, an address without its password.
    """

    database: str
    run_id: str | None
    plan: tuple[MirrorDecision, ...]
    outcomes: tuple[MirrorOutcome, ...] = ()
    skipped: tuple[MirrorDecision, ...] = ()
    ended: str | None = None
    is_synthetic: bool = False
    datastore: str = ""
    ledger: str = ""

    @property
    def summary(self) -> dict[str, int]:
        """Counts of instrument-days, under the names of the JSON contract."""
        actions = Counter(decision.action for decision in (*self.plan, *self.skipped))
        statuses = Counter(outcome.status for outcome in self.outcomes)
        return {
            "planned": len(self.plan),
            "loaded": statuses[MirrorStatus.LOADED],
            "failed": statuses[MirrorStatus.FAILED],
            "skipped_loaded": actions[MirrorAction.SKIP_LOADED],
            "skipped_growing": actions[MirrorAction.SKIP_GROWING],
            "records": sum(outcome.records for outcome in self.outcomes),
        }

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when a day failed."""
        return EXIT_FAILED if self.ended or self.summary["failed"] else EXIT_WELL

    def to_json(self) -> dict[str, object]:
        """The stable contract of ``--json``."""
        return {
            "run_id": self.run_id,
            "synthetic": self.is_synthetic,
            "datastore": self.datastore,
            "ledger": self.ledger,
            "database": self.database,
            "plan": plan_as_json(self.plan),
            "results": [
                {
                    "instrument": outcome.decision.instrument.name,
                    "day": outcome.decision.day.isoformat(),
                    "status": outcome.status.value,
                    "records": outcome.records,
                    "written": outcome.written,
                    "deleted": outcome.deleted,
                    "seconds": round(outcome.seconds, 3),
                    "error": outcome.error,
                }
                for outcome in self.outcomes
            ],
            "summary": self.summary,
        }


class MirrorListener:
    """Hears what a mirror does, from the threads that do it. Every method may be overridden; none must raise."""

    def planned(self, plan: Sequence[MirrorDecision]) -> None:
        """The plan stands; nothing has been loaded yet."""

    def waiting(self, decision: MirrorDecision) -> None:
        """Another mirror works on the table of this day; as soon as it lets go, the day is decided again."""

    def day_started(self, decision: MirrorDecision) -> None:
        """The load of a day begins."""

    def day_finished(self, outcome: MirrorOutcome) -> None:
        """A day is loaded and remembered, or has failed."""

    def day_skipped(self, decision: MirrorDecision) -> None:
        """Another mirror has loaded the day meanwhile."""
