"""What has happened so far: the state and the history of every item and UTC day, in SQLite or PostgreSQL.

The records can be imported without loading SQLAlchemy; `Ledger` and what opens one load it when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ledger.claimant import Claimant
from ledger.exceptions import (
    ClaimLost,
    LedgerCorrupt,
    LedgerError,
    LedgerOutdated,
    LedgerPrivilege,
    LedgerTooNew,
    LedgerUnavailable,
)
from ledger.records import (
    Attempt,
    AttemptResult,
    AttemptStatus,
    Claim,
    DayAccess,
    DayChange,
    DayResult,
    DayState,
    DayStatus,
    Extent,
    Gaps,
    MirroredDay,
    Progress,
    Run,
)

OWNER = "ialirt-backfill"
"""Whose package this is: others may have one of the same name."""

if TYPE_CHECKING:
    from ledger.claims import CLAIM_LASTS
    from ledger.ledger import Ledger
    from ledger.recording import Recording
    from ledger.versions import current, upgrade

__all__ = [
    "CLAIM_LASTS",
    "Attempt",
    "AttemptResult",
    "AttemptStatus",
    "Claim",
    "ClaimLost",
    "Claimant",
    "DayAccess",
    "DayChange",
    "DayResult",
    "DayState",
    "DayStatus",
    "Extent",
    "Gaps",
    "Ledger",
    "LedgerCorrupt",
    "LedgerError",
    "LedgerOutdated",
    "LedgerPrivilege",
    "LedgerTooNew",
    "LedgerUnavailable",
    "MirroredDay",
    "Progress",
    "Recording",
    "Run",
    "current",
    "upgrade",
]


_LOADED_WHEN_ASKED_FOR = {
    "CLAIM_LASTS": "ledger.claims",
    "Ledger": "ledger.ledger",
    "Recording": "ledger.recording",
    "current": "ledger.versions",
    "upgrade": "ledger.versions",
}


def __getattr__(name: str) -> object:
    if name in _LOADED_WHEN_ASKED_FOR:
        return getattr(import_module(_LOADED_WHEN_ASKED_FOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
