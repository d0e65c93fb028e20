"""Draft the entry of an instrument from what the server has of it in an hour; nothing needs to be known of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

from ialirt_backfill.ask.client import Api
from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.patience import Patience
from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.exceptions import NothingThere
from ialirt_backfill.instruments import TIME_UTC, Column, ColumnType, Field, Instrument, Shape
from ialirt_backfill.options import InstrumentsOptions
from ialirt_backfill.options.key import read_key
from ialirt_backfill.plan.coverage import Span
from ialirt_backfill.run.clock import fixed_clock
from ialirt_backfill.run.session import demonstration
from ialirt_backfill.upkeep.drafting import Draft, draft

_HOUR = timedelta(hours=1)


def guess(options: InstrumentsOptions) -> Draft:
    """Ask for the last hour, or the one before ``as_of``, and draft from it.

    Raises NothingThere where no record is in it, and ApiError as every request does.
    """
    name = options.target or ""
    clock = fixed_clock(options)
    with ExitStack() as stack:
        demo = stack.enter_context(demonstration(options.known, clock)) if options.demo else None
        endpoint = demo or Endpoint(options.url, read_key(options))
        patience = Patience(answer=options.timeout.total_seconds())
        api = stack.enter_context(Api(endpoint, jobs=1, patience=patience))
        end = clock().replace(microsecond=0)
        records = _records(api, name, Span(end - _HOUR, end))
    if not records:
        raise NothingThere(
            f"I-ALiRT has no record of {name!r} from {end - _HOUR:%Y-%m-%d %H:%M} to {end:%H:%M} UTC: check the name"
            " (the server says the same of one that it does not know), or draft from another hour with --as-of"
        )
    return draft(name, records, options.known)


def _records(api: Api, name: str, span: Span) -> Sequence[dict[str, Any]]:
    """As they came: of an instrument of which no field is known but the time, none is made a column."""
    time = Field(TIME_UTC, Shape.SCALAR, (Column(TIME_UTC, ColumnType.TEXT),))
    unknown = Instrument(name=name, title=name, cadence=_HOUR, window=_HOUR, progress_key="", fields=(time,))
    return [
        record
        for answer in api.ask(unknown, span)
        if isinstance(answer.records, list)
        for record in answer.records
        if isinstance(record, dict) and _is_time(record.get(TIME_UTC)) and record.get(INSTRUMENT, name) == name
    ]


def _is_time(value: object) -> bool:
    """Whether it is a time as the server writes them, so that cadences can be measured."""
    with suppress(ValueError):
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    return False
