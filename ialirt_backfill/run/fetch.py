"""Ask for the missing spans of an instrument-day, window by window, and make rows of what arrives."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TypeVar

import pyarrow as pa

from ialirt_backfill.ask.client import WindowAnswer
from ialirt_backfill.day import table
from ialirt_backfill.day.columns import AnswerColumns, one_at_a_time, rows_of
from ialirt_backfill.day.rows import joined, tabulate
from ialirt_backfill.exceptions import ApiError, UnwritableValue
from ialirt_backfill.plan.coverage import Span, single_gaps
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.context import Context

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Exception)


@dataclass(slots=True)
class Received:
    """What has arrived of a day so far. ``parts`` are the records of its answers, and rows where they were unusual."""

    parts: list[AnswerColumns | pa.Table] = field(default_factory=list)
    windows: list[Span] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    doubtful: list[Span] = field(default_factory=list)
    """Where a record may be missing because what came in its place could not be kept, or was another instrument's."""
    records: int = 0
    requests: int = 0

    def rows(self) -> pa.Table:
        """All of it, as one table: what is usual becomes text at once, which costs less than window by window."""
        tables: list[pa.Table] = []
        with one_at_a_time:
            for usual, group in groupby(self.parts, lambda part: isinstance(part, AnswerColumns)):
                parts = list(group)
                tables += [rows_of(parts)] if usual else parts
            self.parts = [table.concatenate(tables)]  # the columns of numbers need not be kept beside their text
        return self.parts[0]


class Fetch:
    """The questions to I-ALiRT about one day. ``received`` holds what has arrived, also when asking ended early."""

    def __init__(self, context: Context, decision: Decision) -> None:
        self._context, self._decision = context, decision
        self.received = Received()

    def ask(self, spans: Sequence[Span]) -> None:
        """Ask for these spans. Raises what the API raises, and, after all has been asked for, UnwritableValue."""
        unwritable: UnwritableValue | None = None
        for answer in chain.from_iterable(self._answers(span) for span in spans):
            try:
                self._take(answer)
            except UnwritableValue as error:
                # The day has failed, but the windows behind this one need not be missing from its file.
                unwritable = unwritable or without_frames(error)
            self._context.listener.answered(self._decision, answer.window, len(answer.records))
            del answer  # before the next one comes: of its records there are tens of thousands
        if unwritable is not None:
            raise unwritable

    def _answers(self, span: Span) -> Iterator[WindowAnswer]:
        return self._context.api.ask(self._decision.instrument, span, self._tried)

    def _tried(self, window: Span, retry_of: str | None) -> None:
        self.received.requests += 1
        self._context.listener.asking(self._decision, window, retry_of)

    def _take(self, answer: WindowAnswer) -> None:
        part = answer.records if isinstance(answer.records, AnswerColumns) else self._rows(answer)
        self.received.parts.append(part)
        self.received.records += len(part)
        self.received.windows.append(answer.window)

    def _rows(self, answer: WindowAnswer) -> pa.Table:
        """The rows of an unusual answer. One with records that should not be there is asked for once more before it is
        believed. Raises ApiError where there are none then but those of other instruments."""
        instrument, day, window = self._decision.instrument, self._decision.day, answer.window
        first = tabulate(instrument, window, answer.records)
        if not first.doubts:
            return first.rows
        log.warning("%s %s %s: %s; asking again", instrument.name, day, window, first.doubts)
        second = joined([tabulate(instrument, part.window, part.records) for part in self._answers(window)])
        rows = table.merge(first.rows, second.rows)
        if second.foreign and not rows.num_rows:
            raise ApiError(
                f"asked twice for {window}, I-ALiRT sent {second.doubts} and none of {instrument.name}:"
                " check --url, then run again with --retry-failed"
            )
        if second.doubts:  # what they came in place of is missing, and stays a gap until it is asked for once more
            log.warning("%s %s %s: %s again, left out", instrument.name, day, window, second.doubts)
            self.received.doubtful.extend(single_gaps(instrument, window, table.times(rows)))
        for text in second.rejected:
            log.warning("%s %s: rejected: %s", instrument.name, day, text)
        self.received.rejected.extend(second.rejected)
        return rows


def without_frames(error: E) -> E:
    """The same error without the frames it came through, and without what caused it.

    They hold all records of its window, and the frame that keeps the error would hold itself, until the collector of
    garbage happens to find them.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
