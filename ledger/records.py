"""What a ledger holds, as frozen records. All times are aware UTC datetimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from ledger.claimant import Claimant

Gaps = tuple[tuple[datetime, datetime], ...]
"""Stretches without data, each from its start up to, not including, its end."""


class DayStatus(Enum):
    """What is known of a day. `PENDING` exists only before a day's first result."""

    PENDING = "pending"
    DOWNLOADED = "downloaded"
    NO_DATA = "no_data"
    FAILED = "failed"


class DayAccess(Enum):
    """With what right a day's records were fetched. Never the key itself, nor anything made from it."""

    NONE = "none"
    """Without a key."""
    KEY = "key"
    """With a key, to which what is restricted was not shown."""
    FULL = "full"
    """With a key that was shown what is restricted."""


class AttemptStatus(Enum):
    """How one attempt ended. `INTERRUPTED`: the process was gone before it could say."""

    DOWNLOADED = "downloaded"
    NO_DATA = "no_data"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class DayState(NamedTuple):
    """The row of one item and UTC day. (A named tuple: a plan makes tens of thousands, three times as fast.)

    `version` counts up with every change, claims included. `failures` counts the failures since the last success.
    `access` is the least that any of its records was fetched with; None where that is not known. `refused` says why it
    was last refused for want of a right, None since it was last answered. `definition` is under which definition the
    whole of its file was written; None where that is not known.
    `claim` is whose claim was living when the row was read; a lapsed claim reads as None.
    """

    item_name: str
    day: date
    status: DayStatus
    records: int
    expected_records: int
    availability_pct: float | None
    first_record: datetime | None
    last_record: datetime | None
    gaps: Gaps
    asked_through: datetime | None
    is_final: bool
    path: str | None
    size_bytes: int | None
    sha256: str | None
    attempts: int
    failures: int
    rejected: int
    last_error: str | None
    access: DayAccess | None
    refused: str | None
    definition: str | None
    version: int
    updated_at: datetime
    claim: Claimant | None


class DayChange(NamedTuple):
    """A day as it is since its content last changed; `path` and `sha256` are None where it has no file any more.

    `number` counts the changes of its item: a day that changes again is given a new one.
    """

    item_name: str
    day: date
    path: str | None
    sha256: str | None
    records: int
    availability_pct: float | None
    is_final: bool
    changed_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a day is after an attempt, whole: whoever writes it carries over what is to be kept."""

    status: DayStatus
    records: int
    expected_records: int
    availability_pct: float | None
    first_record: datetime | None
    last_record: datetime | None
    gaps: Gaps
    asked_through: datetime | None
    is_final: bool
    path: str | None
    size_bytes: int | None
    sha256: str | None
    rejected: int
    access: DayAccess | None
    error: str | None
    definition: str | None = None

    @classmethod
    def of(cls, state: DayState) -> DayResult:
        """The state as it stands, to be changed with `dataclasses.replace`."""
        return cls(
            status=state.status,
            records=state.records,
            expected_records=state.expected_records,
            availability_pct=state.availability_pct,
            first_record=state.first_record,
            last_record=state.last_record,
            gaps=state.gaps,
            asked_through=state.asked_through,
            is_final=state.is_final,
            path=state.path,
            size_bytes=state.size_bytes,
            sha256=state.sha256,
            rejected=state.rejected,
            access=state.access,
            error=state.last_error,
            definition=state.definition,
        )


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one attempt at a day did, for the history."""

    decision: str
    reason: str
    status: AttemptStatus
    records_fetched: int
    records_added: int
    availability_pct: float | None
    requests: int
    seconds: float
    error_type: str | None
    error: str | None
    rejected: int
    rejected_sample: str | None
    started: datetime
    finished: datetime


@dataclass(frozen=True, slots=True)
class Attempt(AttemptResult):
    """One line of a day's history."""

    item_name: str
    day: date
    run_id: str
    id: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the days of an item hold together, and the availability of what was asked for of them, in percent."""

    records: int
    expected_records: int
    availability_pct: float | None


@dataclass(frozen=True, slots=True)
class Experience:
    """What an item has cost so far: requests of the newest answered attempts and the seconds they took, and records of
    its days with the bytes they take in files."""

    requests: int
    seconds: float
    records: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of the program. `finished` and `exit_code` are None while it runs, or when it was killed."""

    run_id: str
    command: str
    options: Mapping[str, object]
    host: str
    version: str
    started: datetime
    finished: datetime | None
    counts: Mapping[str, int]
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One row of the table that other programs read: the newest record stored, and when it was last asked for."""

    item_name: str
    progress_timestamp: datetime | None
    last_checked_date: datetime | None


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when the records of an item go, when a day with any was last written, and asked for up to when."""

    first_record: datetime
    last_record: datetime
    updated_at: datetime
    asked_through: datetime | None


@dataclass(frozen=True, slots=True)
class MirroredDay:
    """What of a day was last taken elsewhere: the checksum of its file, its records, and when.

    `target` names server, database and table, or a folder, and never a user or a password.
    """

    target: str
    item_name: str
    day: date
    sha256: str
    records: int
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one day, this process's until it is recorded, released, or taken over.

    `state` is the row as it was found, with the version the claim gave it and no claim.
    """

    item_name: str
    day: date
    claimant: Claimant
    state: DayState

    @property
    def token(self) -> str:
        return self.claimant.token

    @property
    def run_id(self) -> str:
        return self.claimant.run_id
