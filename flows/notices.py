"""What the outside is told while a run goes on: an event for every file that changed."""

from __future__ import annotations

import logging

from prefect.events import emit_event

from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.run.clock import utc_now
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import PollListener

log = logging.getLogger(__name__)

DAY_UPDATED = "ialirt.day.updated"


class Notices(PollListener):
    """Emits ``ialirt.day.updated`` whenever the file of a day has changed.

    An event is a notice, not a record: where it cannot be sent, the run goes on. ``synthetic`` says that the days are
    those of a demonstration, of which whoever waits for real ones need not know.
    """

    def __init__(self, *, synthetic: bool) -> None:
        self._synthetic = synthetic

    def day_finished(self, outcome: DayOutcome) -> None:
        if not outcome.changed:
            return
        name, day = outcome.instrument.name, outcome.day.isoformat()
        try:
            emit_event(
                event=DAY_UPDATED,
                resource={
                    "prefect.resource.id": f"ialirt.{name}.{day}",
                    "prefect.resource.name": f"{name} {day}",
                    "ialirt.instrument": name,
                    "ialirt.day": day,
                    "ialirt.over": "yes" if day_span(outcome.day).end <= utc_now() else "no",
                    "ialirt.synthetic": "yes" if self._synthetic else "no",
                },
                payload={
                    "instrument": name,
                    "day": day,
                    "path": str(outcome.path),
                    "records": outcome.records,
                    "availability_pct": outcome.availability_pct,
                    "sha256": outcome.sha256,
                },
            )
        except Exception as error:  # whatever the messenger meets, the day itself is stored
            log.warning("%s %s: the event could not be sent: %s", name, day, error)
