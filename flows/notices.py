"""What the outside is told while a run goes on: an event for a day that changed, and one for all days of a burst."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from prefect.events import emit_event

from flows.origin import Origin
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import PollListener

log = logging.getLogger(__name__)

DAY_UPDATED = "ialirt.day.updated"
DAYS_UPDATED = "ialirt.days.updated"
BURST_SECONDS = 300.0
"""So long a run that goes on collects the days that changed before it tells of them together."""


class Notices(PollListener):
    """Emits ``ialirt.day.updated`` when the file of a day that is over has changed, and ``ialirt.days.updated`` for all
    days that have changed since the last one: every few minutes, and whenever :meth:`tell` is called.

    A day that still grows changes with every pass: an event for each would fill the server's database.

    An event is a notice, not a record: where it cannot be sent, the run goes on. Whoever waits for real days need not
    know of those of a demonstration, and so each says which it is of.
    """

    def __init__(self, origin: Origin, seconds: Callable[[], float] = time.monotonic) -> None:
        self.origin = origin
        self._seconds = seconds
        self._told_at = seconds()
        self._changed: dict[tuple[str, str], DayOutcome] = {}
        self._changes = threading.Lock()

    def day_finished(self, outcome: DayOutcome) -> None:
        if not outcome.changed:
            return
        name, day = outcome.instrument.name, outcome.day.isoformat()
        if _is_over(outcome):
            labels = {"ialirt.instrument": name, "ialirt.day": day, **self._labels(over=True)}
            self._emit(DAY_UPDATED, f"ialirt.{name}.{day}", f"{name} {day}", labels, _told_of(outcome))
        with self._changes:
            self._changed[name, day] = outcome
            is_due = self._seconds() - self._told_at >= BURST_SECONDS
        if is_due:
            self.tell()

    def tell(self) -> None:
        """Tell of the days that have changed and have not been told of yet, if any."""
        with self._changes:
            changed, self._changed = self._changed, {}
            self._told_at = self._seconds()
        if not changed:
            return
        days = [changed[key] for key in sorted(changed)]
        self._emit(
            DAYS_UPDATED,
            "ialirt.days",
            f"{len(days):,} {'day has' if len(days) == 1 else 'days have'} changed",
            # A related resource for each instrument would be a row of its own in the server's database.
            {f"ialirt.{outcome.instrument.name}": "yes" for outcome in days}
            | self._labels(over=any(map(_is_over, days))),
            {"days": [_told_of(outcome) for outcome in days]},
        )

    def _labels(self, *, over: bool) -> dict[str, str]:
        return {"ialirt.over": "yes" if over else "no", "ialirt.synthetic": "yes" if self.origin.synthetic else "no"}

    def _emit(self, event: str, about: str, called: str, labels: dict[str, str], payload: dict[str, object]) -> None:
        try:
            emit_event(
                event=event,
                resource={"prefect.resource.id": about, "prefect.resource.name": called, **labels},
                payload={**payload, "datastore": self.origin.datastore, "ledger": self.origin.ledger},
            )
        except Exception as error:  # whatever the messenger meets, the days themselves are stored
            log.warning("%s: the event could not be sent: %s", called, error)


def _is_over(outcome: DayOutcome) -> bool:
    return day_span(outcome.day).end <= utc_now()


def _told_of(outcome: DayOutcome) -> dict[str, object]:
    """What an event tells of a day."""
    return {
        "instrument": outcome.instrument.name,
        "day": outcome.day.isoformat(),
        "path": str(outcome.path),
        "records": outcome.records,
        "availability_pct": outcome.availability_pct,
        "sha256": outcome.sha256,
    }
