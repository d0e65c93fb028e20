"""When it is not worth going on, because nothing is reached, or no longer. Pure: it judges what it is told of.

A day is *unreached* where what it failed with lies between here and the server: the connection is refused, its name is
not resolved, its certificate not trusted, no answer comes in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ialirt_backfill.run.events import DayOutcome

DAYS_IN_A_ROW = 3
"""So many unreached days of an instrument in a row, and its other days are left for the next run."""


class Circuit:
    """What the days of one run tell of the way to I-ALiRT.

    ``never_reached`` is the cause, in words, where no connection was opened in this run at all; None where one was, or
    nobody has tried yet.
    """

    def __init__(self) -> None:
        self._in_a_row: Counter[str] = Counter()
        self._cause = ""
        self._was_reached = False
        self.never_reached: str | None = None

    def note(self, outcome: DayOutcome) -> None:
        """A day has come to its end."""
        if outcome.unreached is None:
            if outcome.requests and not outcome.interrupted:
                self._in_a_row[outcome.instrument.name] = 0
                self._was_reached = True
            return
        self._cause = outcome.unreached
        self._in_a_row[outcome.instrument.name] += 1
        if outcome.interrupted and not self._was_reached:
            self.never_reached = outcome.unreached

    def is_open(self, instrument: str) -> bool:
        """Whether the days of an instrument are no longer to be begun."""
        return self._in_a_row[instrument] >= DAYS_IN_A_ROW

    def sentence(self, left: Mapping[str, int]) -> str:
        """Why the days that are left, so many of each instrument, were not begun."""
        days, names = sum(left.values()), ", ".join(left)
        whose = "of" if len(left) == 1 else "each of"
        return (
            f"{DAYS_IN_A_ROW} days in a row {whose} {names} did not reach I-ALiRT ({self._cause}): "
            f"{days:,} {'day is' if days == 1 else 'days are'} left for the next run"
        )


def in_vain(outcomes: Sequence[DayOutcome]) -> str | None:
    """The cause, in words, where none of these days reached I-ALiRT; None where one did, or there are none."""
    causes = [outcome.unreached for outcome in outcomes if outcome.unreached is not None]
    return causes[-1] if causes and len(causes) == len(outcomes) else None
