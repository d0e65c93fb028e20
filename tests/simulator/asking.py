"""Requests to the simulator over real HTTP, and a look at what it answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from functools import cache
from typing import Any
from urllib.parse import urlencode

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.coverage import Span, day_span, measure
from ialirt_backfill.simulator import Simulator

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FILL = -9999999999999999635896294965248


class Reply:
    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(url: str, headers: Mapping[str, str] | None = None, /, **parameters: str) -> Reply:
    """The answer to one request over real HTTP, whatever its status."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    request = urllib.request.Request(url + query, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read())


def ask(
    simulator: Simulator, instrument: str, start: datetime, end: datetime, *, key: str | None = None, **headers: str
) -> Reply:
    """Ask for a span, both ends included; with a key where it is not public."""
    return get(
        f"{simulator.url}/space-weather" if key is None else f"{simulator.url}/api-key/space-weather",
        headers if key is None else headers | {"x-api-key": key},
        instrument=instrument,
        time_utc_start=text(start),
        time_utc_end=text(end),
    )


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def times(records: list[dict[str, Any]]) -> list[str]:
    return [record["time_utc"] for record in records]


def at(second: str) -> datetime:
    return datetime.fromisoformat(second).replace(tzinfo=UTC)


def seconds(records: list[dict[str, Any]]) -> list[int]:
    return [int(at(record["time_utc"]).timestamp()) for record in records]


def span(day: date) -> tuple[datetime, datetime]:
    whole = day_span(day)
    return whole.start, whole.end


def gaps(simulator: Simulator, name: str, day: date) -> tuple[Span, ...]:
    found = seconds(simulator.records(name, *span(day)))
    return measure(INSTRUMENTS[name], day_span(day), found).gaps


@cache
def quiet_day(simulator: Simulator, name: str) -> date:
    days = (START.date() + timedelta(days=i) for i in range(20))
    return next(day for day in days if not gaps(simulator, name, day))
