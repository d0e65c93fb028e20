"""What arrives of an instrument-day, window by window."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pyarrow as pa

from ialirt_backfill.ask.client import WindowAnswer
from ialirt_backfill.day import table
from ialirt_backfill.day.answers import rows_of, tabulate
from ialirt_backfill.day.columns import AnswerColumns
from ialirt_backfill.day.rows import joined
from ialirt_backfill.exceptions import ApiError, UnwritableValue
from ialirt_backfill.plan.coverage import Span, single_gaps
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.failures import without_frames

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Received:
    """What has arrived of a day so far, also where asking ended early.

    ``parts`` are the records of its answers, and rows where they were unusual; ``windows`` the spans they cover;
    ``rejected`` the records that cannot be kept, as text; ``doubtful`` the stretches in which a record may be missing
    because what came in its place could not be kept, or was another instrument's. ``unwritable`` is the first value
    that its column could not hold truthfully: the day has failed then, but the windows behind it need not be missing.
    """

    context: Context
    decision: Decision
    parts: list[AnswerColumns | pa.Table] = field(default_factory=list)
    windows: list[Span] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    doubtful: list[Span] = field(default_factory=list)
    unwritable: UnwritableValue | None = None
    records: int = 0
    requests: int = 0

    def asking(self, window: Span, retry_of: str | None) -> None:
        """A request is about to be made."""
        self.requests += 1
        self.context.listener.asking(self.decision, window, retry_of)

    def take(self, answer: WindowAnswer) -> None:
        """Keep what a window brought. Raises ApiError where it is nothing but another instrument's, asked for twice."""
        try:
            part = answer.records if isinstance(answer.records, AnswerColumns) else self._rows(answer)
        except UnwritableValue as error:
            self.unwritable = self.unwritable or without_frames(error)
        else:
            self.parts.append(part)
            self.records += len(part)
            self.windows.append(answer.window)
        self.context.listener.answered(self.decision, answer.window, len(answer.records))

    def rows(self) -> pa.Table:
        """All of it, as one table: what is usual becomes text at once, which costs less than window by window."""
        self.parts = [rows_of(self.parts)]  # the columns of numbers need not be kept beside their text
        return self.parts[0]

    def _rows(self, answer: WindowAnswer) -> pa.Table:
        """The rows of an unusual answer. One with records that should not be there is asked for once more before it is
        believed."""
        instrument, day, window = self.decision.instrument, self.decision.day, answer.window
        first = tabulate(instrument, window, answer.records)
        if not first.doubts:
            return first.rows
        log.warning("%s %s %s: %s; asking again", instrument.name, day, window, first.doubts)
        again = self.context.api.ask(instrument, window, self.asking)
        second = joined([tabulate(instrument, part.window, part.records) for part in again])
        rows = table.merge(first.rows, second.rows)
        if second.foreign and not rows.num_rows:
            raise ApiError(
                f"asked twice for {window}, I-ALiRT sent {second.doubts} and none of {instrument.name}:"
                " check --url, then run again with --retry-failed"
            )
        if second.doubts:  # what they came in place of is missing, and stays a gap until it is asked for once more
            log.warning("%s %s %s: %s again, left out", instrument.name, day, window, second.doubts)
            self.doubtful.extend(single_gaps(instrument, window, table.times(rows)))
        for text in second.rejected:
            log.warning("%s %s: rejected: %s", instrument.name, day, text)
        self.rejected.extend(second.rejected)
        return rows
