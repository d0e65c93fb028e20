"""The rules of the I-ALiRT API: a query in, an answer out. No HTTP here.

The checks stand in the server's order, which decides what a query is told that breaks several rules: the gateway looks
at the key; then the query's function at the names of the parameters, at the instrument and the scope it needs, at the
form of the times, at the time before which a key is needed; and last the store, at how much it would have to read. So
housekeeping from before the public data is refused for want of a scope, not of a key, and a time that cannot be read is
a mistake whoever asks.

Source: IMAP-Science-Operations-Center/sds-data-manager, ``lambda_code/IAlirtCode/ialirt_data_query_api.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import responses

from ialirt_backfill.instruments import SCOPES, Catalogue, Instrument
from ialirt_backfill.instruments.stored import LIMIT
from ialirt_backfill.simulator.telemetry import batch, unix

PARAMETERS = ("instrument", "time_utc_start", "time_utc_end", "met_in_utc_start", "met_in_utc_end")

STATUS = "spacecraft_status"
"""What the spacecraft says of its instruments: for keys with a scope, as housekeeping is."""

_ALL = ("hit", "mag", "codice_lo", "codice_hi", "swapi", "swe")  # what a query without an instrument asks for
_HOUR = timedelta(hours=1)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_WORDS = {
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Without a body it has the words AWS uses for its status, as JSON.

    ``retry_after`` is the value of the header of that name, in seconds or as an HTTP date.
    """

    status: int = 200
    body: bytes | str | None = None
    content_type: str = "application/json"
    retry_after: float | str | None = None
    location: str | None = None

    @property
    def content(self) -> bytes:
        if self.body is None:
            return json.dumps({"message": _WORDS.get(self.status, self.phrase)}).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body

    @property
    def phrase(self) -> str:
        return responses.get(self.status, "Unknown")


def refusal(message: str, status: int = 400) -> Answer:
    """The server's way to say no."""
    return Answer(status, json.dumps({"message": message}))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: nobody in particular, or somebody with a known key and its scopes, of which it may have none."""

    has_key: bool = False
    scopes: frozenset[str] = frozenset()

    @property
    def is_trusted(self) -> bool:
        """Whether one of the scopes opens what is restricted."""
        return not self.scopes.isdisjoint(SCOPES)


def all_scopes(catalogue: Catalogue) -> frozenset[str]:
    """The scopes of a key that opens all that a catalogue has."""
    known = catalogue.instruments.values()
    of_fields = (column.scopes for it in known for column in it.columns.values())
    return frozenset(SCOPES).union(*(it.scopes for it in known), *of_fields)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: both ends are included. No instrument means all of the science instruments."""

    instrument: str | None
    start: datetime
    end: datetime


def parse(parameters: Mapping[str, str], now: datetime) -> Query | Answer:
    """The query that the parameters make, whoever asks, or the refusal they deserve."""
    if (refused := _unexpected(parameters)) is not None:
        return refused
    bounds = {}
    for bound in ("start", "end"):
        text = parameters.get(f"time_utc_{bound}") or parameters.get(f"met_in_utc_{bound}")
        if text:
            try:
                bounds[bound] = _time(text)
            except ValueError:
                return refusal("Invalid time format")
    now = now.astimezone(UTC).replace(microsecond=0)
    try:
        end = bounds.get("end") or (bounds["start"] + _HOUR if "start" in bounds else now)
        start = bounds.get("start") or end - _HOUR
    except OverflowError:  # an hour beyond the first or the last year there is
        return Answer(500)
    return Query(parameters.get("instrument") or None, start, end)


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _unexpected(parameters: Mapping[str, str]) -> Answer | None:
    unexpected = sorted(parameters.keys() - set(PARAMETERS))
    return refusal(f"Unexpected parameters: {', '.join(unexpected)}") if unexpected else None


def answer(
    parameters: Mapping[str, str],
    seed: int,
    now: datetime,
    *,
    caller: Caller,
    public_since: datetime,
    catalogue: Catalogue,
    limit: int = LIMIT,
) -> Answer:
    """The right answer to a query: every record of the span, or a refusal; never a part of it. ``limit`` is how many
    stored bytes may be asked for."""
    known, name = catalogue.instruments, parameters.get("instrument") or ""
    refused = _unexpected(parameters) or _out_of_scope(name, known.get(name), caller)
    if refused is not None:
        return refused
    query = parse(parameters, now)
    if isinstance(query, Answer):
        return query
    if not caller.has_key and query.start < public_since:
        return refusal(f"API key required for data prior to {public_since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
    if query.start > query.end:
        return Answer(500)  # the store rejects such a condition, and nothing catches that
    return _found(query, seed, now, caller.scopes, known, limit)


def _out_of_scope(name: str, instrument: Instrument | None, caller: Caller) -> Answer | None:
    """The refusal of an instrument that is only for keys with a scope: by its name, known or not, or as the catalogue
    says."""
    if name.endswith("hk") or name == STATUS:
        is_shown = caller.is_trusted
    else:
        is_shown = instrument is None or not instrument.scopes or not caller.scopes.isdisjoint(instrument.scopes)
    if is_shown:
        return None
    return refusal(f"Unauthorized for {'HK' if name.endswith('hk') else name} access.", 403)


def _found(
    query: Query, seed: int, now: datetime, scopes: Collection[str], known: Mapping[str, Instrument], limit: int
) -> Answer:
    """The records of the span."""
    texts: list[str] = []
    for instrument in _ALL if query.instrument is None else (query.instrument,):
        first, last = unix(query.start), unix(query.end)
        found = batch(seed, known.get(instrument), first, last, unix(now), scopes=scopes, limit=limit)
        if found.stored_bytes > limit:
            return refusal(
                f"Your request for '{instrument}' returned more data than allowed in a single query. "
                "Please reduce the time window or filter further."
            )
        texts += found.texts
    meta = {"count": len(texts), "type": _type(query.instrument), "instrument": query.instrument or "all"}
    return Answer(200, f'{{"meta": {json.dumps(meta)}, "data": [{", ".join(texts)}]}}')


def _type(instrument: str | None) -> str:
    if instrument in {"spice", "spacecraft", STATUS}:
        return str(instrument)
    return "hk" if instrument is not None and instrument.endswith("hk") else "science"
