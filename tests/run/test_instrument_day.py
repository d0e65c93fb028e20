"""What arrives of a day is not kept longer than it takes to make rows of it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ialirt_backfill.ask.client import Api, WindowAnswer
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.exceptions import ApiError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.plan.decisions import Policy
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.instrument_day import carry_out
from ledger import DayStatus, Ledger

HIT = INSTRUMENTS["hit"]
DAY = date(2026, 2, 1)


class Records(list[object]):
    """Can be referred to weakly."""


class Scripted(Api):
    """Answers with these records, and then fails if it is told to."""

    def __init__(self, records: list[object], failure: Exception | None) -> None:
        super().__init__(Endpoint("http://127.0.0.1:9"))
        self._records, self._failure = records, failure
        self.given: list[weakref.ref[Records]] = []

    def ask(
        self, instrument: Instrument, span: Span, on_try: Callable[[Span, str | None], None] | None = None
    ) -> Iterator[WindowAnswer]:
        for _ in range(2):
            records = Records(self._records)
            self.given.append(weakref.ref(records))
            answer = WindowAnswer(span, records)
            del records
            yield answer
            del answer
        if self._failure:
            raise self._failure


USUAL: dict[str, object] = {"instrument": "hit", "time_utc": "2026-02-01T00:00:10", "hit_h_omni_med_en": 1}


@pytest.mark.parametrize(
    ("record", "failure", "status"),
    [
        (USUAL, None, DayStatus.DOWNLOADED),
        (USUAL, ApiError("gone"), DayStatus.FAILED),
        ({"instrument": "mag", "time_utc": "2026-02-01T00:00:10", "mag_B_GSE": [1, 2, 3], "mag_B_GSE_x": 7}, None,
         DayStatus.FAILED),
    ],
    ids=["well", "failed", "unwritable"],
)  # fmt: skip
def test_no_record_outlives_its_day(
    tmp_path: Path, record: dict[str, object], failure: Exception | None, status: DayStatus
) -> None:
    """Not even in a cycle, until the collector of garbage happens to find it."""
    api = Scripted([record], failure)
    instrument = INSTRUMENTS[str(record["instrument"])]
    gc.disable()
    try:
        with Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
            context = Context(ledger, api, tmp_path, Policy(), datetime(2026, 3, 1, tzinfo=UTC), "run")
            outcome = carry_out(context, context.decide(instrument, DAY, None))
        assert isinstance(outcome, DayOutcome)
        assert outcome.status is status
        assert api.given
        assert [records() for records in api.given] == [None] * len(api.given)
    finally:
        gc.enable()
