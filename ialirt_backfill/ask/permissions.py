"""What a run learns of what it may have, from the answers and refusals it gets, and at what cost.

As long as it is not known whether a kind of request is refused, such requests go one at a time: so a refusal is met
once, however many workers there are, and believed for all the others.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ialirt_backfill.ask.request import Forbidden, KeyRequired, PassingFault, TooMuch, Trouble
from ialirt_backfill.day.answers import AnswerRecords
from ialirt_backfill.day.columns import AnswerColumns
from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.access import Admission, NoAccess, Refusal, Want
from ialirt_backfill.plan.coverage import SECOND

THROTTLED_SECONDS = 5.0
"""How long a refusal that can only be throttling holds all requests back, where the server does not say."""
MOST_THROTTLED = 15
"""So many of them for one instrument, without an answer in between, are a refusal after all."""
_LOOK_SECONDS = 0.2
_NOTHING = datetime.max.replace(tzinfo=UTC)
"""Where what is public begins as long as nothing was answered: not even the present is public for certain."""
_UNAUTHORIZED = "Unauthorized for"
_PRIOR_TO = re.compile(r"prior to (\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)", re.ASCII)


class Permissions:
    """Safe to use from several threads. ``admission`` is what is known so far; it may be set from what another process
    has learned."""

    def __init__(self, *, has_key: bool, stop: threading.Event) -> None:
        self.admission = Admission(has_key)
        self._stop = stop
        self._changed = threading.Condition()
        self._open_from = _NOTHING
        self._in_doubt: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()

    def refuse(self, instrument: Instrument, start: datetime) -> None:
        """Raise NoAccess where a refusal already met covers a request."""
        if refusal := self.admission.refusal(instrument, start):
            raise NoAccess(refusal)

    @contextlib.contextmanager
    def turn(self, instrument: Instrument, start: datetime) -> Iterator[None]:
        """Wait until a request may be made, and make it inside: what its failure says of access is learned at once.

        A refusal leaves as NoAccess, throttling as PassingFault. Raises Interrupted where the run stops.
        """
        with self._changed:
            while True:
                self.refuse(instrument, start)
                doubts = self._doubts(instrument, start)
                if all(self._in_doubt[doubt] < most for doubt, most in doubts.items()):
                    break
                self._changed.wait(_LOOK_SECONDS)
                if self._stop.is_set():
                    raise Interrupted
            self._in_doubt.update(doubts.keys())
        try:
            yield
        except (KeyRequired, Forbidden) as error:
            raise self.refused(instrument, start, error) from None
        except TooMuch:
            self.answered(instrument, start, ())
            raise
        except PassingFault:
            self.faulted(instrument)
            raise
        finally:
            with self._changed:
                self._in_doubt.subtract(doubts.keys())
                self._changed.notify_all()

    def _doubts(self, instrument: Instrument, start: datetime) -> dict[str, int]:
        """What is not known yet of a request, and how many such requests there may be at once.

        What concerns all instruments may be asked of two, so that one that hangs holds nobody up; and newest first,
        without a key, every request is older than all before it. A fault is no refusal: after each, one more may go.
        """
        doubts = {}
        if instrument.name not in self.admission.answered:
            doubts[f"instrument {instrument.name}"] = 1 + self._faults[instrument.name]
        if not self.admission.answered if self.admission.has_key else start < self._open_from:
            doubts["every instrument"] = 1 if self.admission.refusals else 2
        return doubts

    # --- what is learned ----------------------------------------------------------------------------------------------

    def answered(self, instrument: Instrument, start: datetime, records: AnswerRecords) -> None:
        """A request that began at ``start`` was answered."""
        with self._changed:
            self.admission = self.admission.with_answered(instrument)
            self._throttled[instrument.name] = 0
            self._open_from = min(self._open_from, start)
            admission = self.admission
            if admission.has_key and instrument.name not in admission.shown and _shows(instrument, records):
                self.admission = admission.with_shown(instrument)
            self._changed.notify_all()

    def faulted(self, instrument: Instrument) -> None:
        """A request met a fault that says nothing about access."""
        with self._changed:
            self._faults[instrument.name] += 1
            self._changed.notify_all()

    def refused(self, instrument: Instrument, start: datetime, error: KeyRequired | Forbidden) -> Exception:
        """What to raise for a request that was refused; a refusal is remembered, throttling is not one."""
        with self._changed:
            if isinstance(error, Forbidden) and self._is_throttling(instrument, error):
                return PassingFault(str(error), error.told_pause, Trouble.THROTTLED, least_pause=THROTTLED_SECONDS)
            refusal = self._meaning(instrument, start, error)
            self.admission = self.admission.with_refusal(refusal)
            self._changed.notify_all()
            return NoAccess(refusal)

    def learn(self, refusal: Refusal) -> None:
        """Believe a refusal that was met elsewhere on behalf of this run."""
        with self._changed:
            self.admission = self.admission.with_refusal(refusal)
            self._changed.notify_all()

    def learn_shown(self, instrument: Instrument) -> None:
        """Believe that what is restricted was shown elsewhere on behalf of this run."""
        with self._changed:
            self.admission = self.admission.with_answered(instrument)
            self.admission = self.admission.with_shown(instrument)

    def forget_refusals(self) -> None:
        """Ask again for what was refused: another key, another rule may be in force by now."""
        with self._changed:
            self._open_from = _NOTHING
            self.admission = replace(self.admission, refusals=())
            self._throttled.clear()

    def _is_throttling(self, instrument: Instrument, error: Forbidden) -> bool:
        """Whether the server only means: not so fast. The same key was answered before, or is to be, it says.

        Said again and again without an answer in between, it means what it says: the key has been revoked.
        """
        if error.status != 403 or error.said.startswith(_UNAUTHORIZED):
            return False
        if error.told_pause is not None:
            return True
        self._throttled[instrument.name] += 1
        return instrument.name in self.admission.answered and self._throttled[instrument.name] < MOST_THROTTLED

    def _meaning(self, instrument: Instrument, start: datetime, error: KeyRequired | Forbidden) -> Refusal:
        if isinstance(error, KeyRequired):
            return Refusal(Want.KEY, str(error), before=_cutoff(str(error), start))
        if error.said.startswith(_UNAUTHORIZED):
            return Refusal(Want.SCOPE, str(error), instrument.name, scopes=instrument.scopes)
        others = {it.instrument for it in self.admission.refusals if it.want is Want.OTHER_KEY} - {instrument.name}
        is_all = error.status == 401 or (others and not self.admission.answered)
        return Refusal(Want.OTHER_KEY, str(error), None if is_all else instrument.name)


def _cutoff(words: str, start: datetime) -> datetime:
    """The time before which a key is required, as the server says it; in any case what was asked for is before it."""
    least = start + SECOND
    if found := _PRIOR_TO.search(words):
        with contextlib.suppress(ValueError):
            return max(least, datetime.fromisoformat(found[1]).replace(tzinfo=UTC))
    return least


def _shows(instrument: Instrument, records: AnswerRecords) -> bool:
    """Whether an answer holds what not every key is shown."""
    if instrument.scopes:
        return True
    if not instrument.has_restricted_fields:
        return False
    names = {entry.name for entry in instrument.fields if any(column.scopes for column in entry.columns)}
    if isinstance(records, AnswerColumns):
        return any(column.scopes for column in records.columns)
    return isinstance(records, Sequence) and any(isinstance(it, dict) and names & it.keys() for it in records)
