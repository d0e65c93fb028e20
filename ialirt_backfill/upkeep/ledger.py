"""Looking after the ledger by hand: which version it has, upgrading it, pruning its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import ledger
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import LedgerOptions


@dataclass(frozen=True, slots=True)
class Versions:
    """The version that was ``found`` (None: there was no ledger), and the one this program works with."""

    found: str | None
    head: str


def current(options: LedgerOptions) -> Versions:
    """Which version the ledger has. Raises ledger.LedgerError."""
    return Versions(*ledger.current(options.ledger_url))


def upgrade(options: LedgerOptions) -> Versions:
    """Make the ledger, or bring it up to date. Raises ledger.LedgerError."""
    return Versions(*ledger.upgrade(options.ledger_url))


def prune(options: LedgerOptions, keep: timedelta) -> dict[str, int]:
    """Trim the history to what is younger than ``keep``; how many rows went, by table.

    The state of the days stays. Raises UsageError where there is no ledger, and ledger.LedgerError.
    """
    if current(options).found is None:
        raise UsageError("there is no ledger yet: nothing to prune; one kept elsewhere is named with --ledger")
    with ledger.Ledger.open(options.ledger_url) as opened:
        return opened.prune(keep)
