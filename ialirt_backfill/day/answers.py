"""The way into this room: an answer of I-ALiRT becomes columns of numbers, and these become rows of text.

Takes the bytes of an answer, or its records where they are decoded already; gives `AnswerColumns`, `AnswerRows` and
tables of text (see `table`). Workers call these from threads that run side by side, and here is the one place where
they take turns: the modules behind it know of no threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import groupby

import pyarrow as pa

from ialirt_backfill.day import columns, rows
from ialirt_backfill.day.columns import AnswerColumns
from ialirt_backfill.day.rows import AnswerRows
from ialirt_backfill.day.table import concatenate
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import Span

AnswerRecords = Sequence[object] | AnswerColumns
"""The records of an answer: as columns, or one by one as they came where anything about them is unusual."""

_turn = threading.Lock()
"""Whoever makes columns or text has it. Side by side they would fight for the interpreter at each of arrow's hundred
calls a window: that gains no time, and costs CPU. Decoding JSON is one call outside the interpreter, and needs none."""


def parse_answer(instrument: Instrument, window: Span, body: bytes) -> AnswerColumns | None:
    """The records of an answer, given its text; None where it is not an ordinary one.

    Ordinary are records of this instrument, rising in time inside ``window``, all of whose values are what the table of
    instruments says. The others are for `tabulate`, once they are decoded.
    """
    answer = columns.decode(instrument, body)
    if answer is None:
        return None
    with _turn:
        return columns.columns_of(instrument, window, answer, body)


def tabulate(instrument: Instrument, span: Span, records: AnswerRecords) -> AnswerRows:
    """Make rows of the records of one answer, in whatever order they came.

    Of a time that came twice, the later copy's cells win where they are not empty. Raises UnwritableValue, naming the
    column, where half of the records or more have a value that their column cannot hold truthfully.
    """
    with _turn:
        if isinstance(records, AnswerColumns):
            return AnswerRows(columns.as_text([records]))
        return rows.rows_of_records(instrument, span, records)


def rows_of(parts: Sequence[AnswerColumns | pa.Table]) -> pa.Table:
    """One table of all that came of a day, in any order: columns, and rows where they were unusual.

    Columns of several answers in a row become text at once, which costs less than one after another. Per cell, the last
    of the parts that is not empty wins.
    """
    tables: list[pa.Table] = []
    with _turn:
        for are_columns, group in groupby(parts, lambda part: isinstance(part, AnswerColumns)):
            alike = list(group)
            tables += [columns.as_text(alike)] if are_columns else alike
        return concatenate(tables)
