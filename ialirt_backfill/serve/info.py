"""What `about`, `catalog` and `info` say: the datasets in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ialirt_backfill import __version__
from ialirt_backfill.options import DEFAULT_URL
from ialirt_backfill.serve.datasets import Dataset, Means, Parameter
from ialirt_backfill.serve.holdings import Holding
from ialirt_backfill.serve.times import write, write_duration

LONGEST = timedelta(days=366)
"""So long a stretch is answered at once, and no longer."""

AS_RECEIVED = "Near-real-time, uncalibrated data: for space weather, not for publication without the instrument's team."
ACKNOWLEDGEMENT = (
    "Data from IMAP's I-ALiRT, the Active Link for Real-Time of NASA's Interstellar Mapping and Acceleration Probe."
    " Acknowledge the IMAP mission and the team of the instrument."
)
SIMULATED = "Synthetic data of a demonstration, made by the simulator of ialirt-backfill: nothing was measured."

_ONE_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_ENOUGH_ROWS = 10


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to before when a dataset goes, when it last changed, and whether more may come at its end."""

    start: datetime
    stop: datetime
    modified: datetime
    grows: bool

    @property
    def first_midnight(self) -> datetime:
        """From when on it may be asked for: the day that it begins in."""
        return self.start.replace(hour=0, minute=0, second=0)

    @property
    def last_midnight(self) -> datetime:
        """Up to when it may be asked for: the end of the day that it ends in."""
        midnight = self.stop.replace(hour=0, minute=0, second=0)
        return midnight if midnight == self.stop else midnight + _DAY


def stretch_of(dataset: Dataset, holding: Holding, now: datetime) -> Stretch:
    """What a dataset goes from and to: a record is a second, a mean as long as it is made over."""
    width = dataset.means.stretch or _ONE_SECOND
    start, last = (_begun(moment, width) for moment in (holding.first, holding.last))
    return Stretch(start, last + width, holding.modified.replace(microsecond=0), holding.grows(now))


def _begun(moment: datetime, width: timedelta) -> datetime:
    """When the stretch begins that a time lies in."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // width * width


def info(dataset: Dataset, stretch: Stretch, parameters: Sequence[Parameter], *, synthetic: bool) -> dict[str, Any]:
    """The answer of `info` but for its status."""
    found: dict[str, Any] = {
        "startDate": write(stretch.start),
        "stopDate": write(stretch.stop),
        "timeStampLocation": "other" if dataset.means is Means.NONE else "begin",
        "cadence": write_duration(dataset.cadence),
        "maxRequestDuration": write_duration(LONGEST),
        "modificationDate": write(stretch.modified),
        "description": _described(dataset),
        "unitsSchema": "vounits1.1",
        "resourceURL": DEFAULT_URL,
        "provenance": f"{SIMULATED if synthetic else 'I-ALiRT'}; kept by ialirt-backfill {__version__}",
        "warning": SIMULATED if synthetic else AS_RECEIVED,
        "x_acknowledgement": ACKNOWLEDGEMENT,
    }
    sample = max(_DAY if dataset.means is Means.HOUR else timedelta(hours=1), _ENOUGH_ROWS * dataset.cadence)
    if stretch.stop - stretch.start > sample:
        found["sampleStartDate"], found["sampleStopDate"] = write(stretch.stop - sample), write(stretch.stop)
    if any(parameter.frame for parameter in parameters):
        found["coordinateSystemSchema"] = "spase2.4.1"
    return {**found, "parameters": [parameter.described() for parameter in parameters]}


def _described(dataset: Dataset) -> str:
    about = dataset.instrument.sentence or f"{dataset.instrument.title}."
    if dataset.means is Means.NONE:
        return f"{about} {AS_RECEIVED}"
    made = (
        f"Means over {write_duration(dataset.cadence)} from midnight UTC, of the values that are there, with their"
        " numbers; of angles the direction between them, of flags the part of the records where they are set. Stretches"
        " without a record are left out, and the newest may still change."
    )
    return f"{about} {made} {AS_RECEIVED}"


def about(contact: str, *, synthetic: bool, test: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer of `about` but for its status."""
    found: dict[str, Any] = {
        "id": "ialirt-backfill",
        "title": "IMAP I-ALiRT (synthetic)" if synthetic else "IMAP I-ALiRT",
        "contact": contact,
        "description": f"IMAP's space-weather telemetry, one dataset per instrument and its means. {AS_RECEIVED}",
        "note": ACKNOWLEDGEMENT,
    }
    if synthetic:
        found["warning"] = SIMULATED
    return found | ({"dataTest": {"name": "newest data", "query": dict(test)}} if test else {})
