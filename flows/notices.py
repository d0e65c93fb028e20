"""What the outside is told while a run goes on: an event for every file that changed, and one for all of a burst."""

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
    """Emits ``ialirt.day.updated`` whenever the file of a day has changed, and now and then ``ialirt.days.updated`` for
    all that have changed since the last one: after a while, and whenever :meth:`tell` is called.

    An event is a notice, not a record: where it cannot be sent, the run goes on. Whoever waits for real days need not
    know of those of a demonstration, and so each says which it is of.
    """

    def __init__(self, origin: Origin, seconds: Callable[[], float] = time.monotonic) -> None:
        self.origin = origin
        self._seconds = seconds
        self._told_at = seconds()
        self._changed: dict[tuple[str, str], bool] = {}
        self._changes = threading.Lock()

    def day_finished(self, outcome: DayOutcome) -> None:
        if not outcome.changed:
            return
        name, day = outcome.instrument.name, outcome.day.isoformat()
        over = day_span(outcome.day).end <= utc_now()
        self._emit(
            DAY_UPDATED,
            {
                "prefect.resource.id": f"ialirt.{name}.{day}",
                "prefect.resource.name": f"{name} {day}",
                "ialirt.instrument": name,
                "ialirt.day": day,
                **self._labels(over=over),
            },
            {
                "instrument": name,
                "day": day,
                "path": str(outcome.path),
                "records": outcome.records,
                "availability_pct": outcome.availability_pct,
                "sha256": outcome.sha256,
            },
        )
        with self._changes:
            self._changed[name, day] = over
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
        count = f"{len(changed):,} {'day has' if len(changed) == 1 else 'days have'} changed"
        self._emit(
            DAYS_UPDATED,
            {
                "prefect.resource.id": "ialirt.days",
                "prefect.resource.name": count,
                **self._labels(over=any(changed.values())),
            },
            {"days": [{"instrument": name, "day": day} for name, day in sorted(changed)]},
        )

    def _labels(self, *, over: bool) -> dict[str, str]:
        return {"ialirt.over": "yes" if over else "no", "ialirt.synthetic": "yes" if self.origin.synthetic else "no"}

    def _emit(self, event: str, resource: dict[str, str], payload: dict[str, object]) -> None:
        placed = {"datastore": self.origin.datastore, "ledger": self.origin.ledger}
        try:
            emit_event(event=event, resource=resource, payload=payload | placed)
        except Exception as error:  # whatever the messenger meets, the days themselves are stored
            log.warning("%s: the event could not be sent: %s", resource["prefect.resource.name"], error)
