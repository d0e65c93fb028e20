"""What can go wrong with a ledger. The docstring of a class is its default message and says what to do about it.

No message ever holds a password: a ledger is named by its URL without one.
"""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger cannot be used: check the URL given for it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached, read or written now: check that it is there, then run again."""


class LedgerCorrupt(LedgerError):
    """The ledger is damaged: restore it from a backup, or move it away and adopt the files into a new one."""


class LedgerOutdated(LedgerError):
    """The ledger was made by an older version of this program: upgrade it (any run that writes does so by itself)."""


class LedgerTooNew(LedgerError):
    """The ledger was made by a newer version of this program: upgrade the program."""


class LedgerPrivilege(LedgerError):
    """The database does not allow this role to do what is needed: ask its owner to grant it."""


class ClaimLost(LedgerError):
    """Another runner has taken this day over, so nothing was recorded: the next plan decides the day again."""
