"""What a run may have: what the server refuses to it and shows to it, as far as that is known. Pure: no I/O, no clock.

What the table of instruments says of keys and scopes serves for words only. What a run does, it learns from the server:
a refusal is believed for all that it covers, and what was refused once is not asked for again.

Source: IMAP-Science-Operations-Center/sds-data-manager, ``lambda_code/IAlirtCode``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from ialirt_backfill.exceptions import AccessDenied
from ialirt_backfill.instruments import Instrument
from ledger.records import DayAccess

WHERE_A_KEY_IS_PUT = "IALIRT_API_KEY or --api-key-file"


class Want(Enum):
    """What is wanting where the server refuses."""

    KEY = "key"
    """A key: any that it knows."""
    SCOPE = "scope"
    """A key with a scope."""
    OTHER_KEY = "other key"
    """Another key: this one it does not accept, or it lets nobody in."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server refuses to this run.

    ``instrument`` is None where it is every instrument, ``before`` None where it is the data of all times; else it is
    those before that time. ``words`` are the server's own, ``scopes`` those of which one is needed, as far as is known.
    """

    want: Want
    words: str
    instrument: str | None = None
    before: datetime | None = None
    scopes: tuple[str, ...] = ()

    def covers(self, instrument: Instrument, start: datetime) -> bool:
        """Whether a request for this instrument that begins at ``start`` would be refused likewise."""
        return self.instrument in {None, instrument.name} and (self.before is None or start < self.before)

    def includes(self, other: Refusal) -> bool:
        """Whether this one tells all that another does."""
        is_as_long = self.before is None or (other.before is not None and other.before <= self.before)
        return self.want is other.want and self.instrument in {None, other.instrument} and is_as_long

    @property
    def reason(self) -> str:
        """Why, and what to do about it, in words."""
        match self.want:
            case Want.KEY if self.before is not None:
                return f"data before {_written(self.before)} need an API key: {WHERE_A_KEY_IS_PUT}"
            case Want.SCOPE if self.instrument is not None:
                return f"{self.instrument} needs a key with {_scopes(self.scopes)}"
        what = "every request" if self.instrument is None else self.instrument
        return f"I-ALiRT refuses {what} ({self.words}): check the API key ({WHERE_A_KEY_IS_PUT}) and --url"


class NoAccess(AccessDenied):
    """I-ALiRT refuses what was asked for, for want of a key or a scope. ``refusal`` says what else it covers."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """What is known of what a run may have. ``shown`` names the instruments whose restricted part it was shown,
    ``answered`` those of which anything was answered."""

    has_key: bool = False
    refusals: tuple[Refusal, ...] = ()
    shown: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()

    def refusal(self, instrument: Instrument, start: datetime) -> Refusal | None:
        """The refusal already met that covers a request, None where none does."""
        return next((it for it in self.refusals if it.covers(instrument, start)), None)

    def needs(self, instrument: Instrument, start: datetime) -> str:
        """What a request is expected to need and this run may not have, in words; empty where it is nothing."""
        if instrument.scopes and instrument.name not in self.shown:
            return f"needs an API key with {_scopes(instrument.scopes)}"
        return "needs an API key" if start < instrument.public_since and not self.has_key else ""

    def access(self, instrument: Instrument) -> DayAccess:
        """With what access this run fetches an instrument, as far as is known."""
        if not self.has_key:
            return DayAccess.NONE
        return DayAccess.FULL if instrument.name in self.shown else DayAccess.KEY

    def lacking(self, instrument: Instrument) -> tuple[DayAccess, ...]:
        """What a day must have been fetched with at most for this run to be able to fetch more of it."""
        if not (self.has_key and instrument.has_restricted_fields):
            return ()
        return (DayAccess.NONE, DayAccess.KEY) if instrument.name in self.shown else (DayAccess.NONE,)

    def with_refusal(self, refusal: Refusal) -> Admission:
        """What is known after one more refusal."""
        if any(it.includes(refusal) for it in self.refusals):
            return self
        return replace(self, refusals=(*(it for it in self.refusals if not refusal.includes(it)), refusal))

    def with_answered(self, instrument: Instrument) -> Admission:
        """What is known after the server has answered for an instrument."""
        return self if instrument.name in self.answered else replace(self, answered=self.answered | {instrument.name})

    def with_shown(self, instrument: Instrument) -> Admission:
        """What is known after the server has shown what is restricted of an instrument."""
        return replace(self, shown=self.shown | {instrument.name})


def least(one: DayAccess, other: DayAccess) -> DayAccess:
    """What is true of a day of which a part was fetched with the one, and a part with the other."""
    order = list(DayAccess)
    return min(one, other, key=order.index)


def _written(moment: datetime) -> str:
    """A day, or the second where it is not a day's first."""
    return f"{moment:%Y-%m-%d}" if f"{moment:%H%M%S}" == "000000" else f"{moment:%Y-%m-%dT%H:%M:%S}"


def _scopes(scopes: tuple[str, ...]) -> str:
    return f"scope {' or '.join(scopes)}" if scopes else "a scope that this one has not"
