"""One request to I-ALiRT, and what its failures mean."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import ssl
import urllib.error
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import ialirt_data_access
from ialirt_data_access.io import IALIRTDataAccessError

from ialirt_backfill.ask.transport import body_set_aside
from ialirt_backfill.day.columns import INSTRUMENT, Records, parsed
from ialirt_backfill.exceptions import AccessDenied, ApiError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import SECOND, Span
from ledger.gc_pause import gc_paused

TOO_MUCH = "more data than allowed"
"""What the server says, with status 400, of a window that holds more than it sends at once."""
KEY_REQUIRED = "API key required"
"""What it says, with status 400, of a time for which it requires a key."""
_RETRIED_STATUSES = frozenset({408, 425, 429, *range(500, 600)}) - {501, 505}
"""Every fault of a server may pass, those that only a gateway has a number for too; but it will not learn a method or a
version of HTTP meanwhile."""


class PassingFault(Exception):
    """A fault that may pass: worth another try."""

    def __init__(self, message: str, told_pause: float | None = None) -> None:
        super().__init__(message)
        self.told_pause = told_pause


class TooMuch(Exception):
    """The window holds more than the server sends at once."""


class KeyRequired(Exception):
    """The data asked for are of a time for which the server requires a key; its words say of which."""


class Forbidden(Exception):
    """The server says 401 or 403. Whether that is a refusal or throttling, what else was answered tells."""

    def __init__(self, message: str, status: int, said: str, told_pause: float | None) -> None:
        super().__init__(message)
        self.status, self.said, self.told_pause = status, said, told_pause


def call(instrument: Instrument, window: Span) -> Records:
    """Make one request through the mission client and return its records.

    Raises PassingFault, TooMuch, KeyRequired, Forbidden, ApiError or AccessDenied.
    """
    try:
        return _answer(instrument, window)
    except (IALIRTDataAccessError, http.client.HTTPException, OSError, ValueError, RecursionError) as error:
        failure = _meaning(error)
    raise failure  # out here it does not keep the answer alive: the frames of the error above hold all of its text


def _answer(instrument: Instrument, window: Span) -> Records:
    """The client fetches the answer, and its text is decoded here: most often into columns, which costs a third of
    making Python's objects, as the client would, and columns of them."""
    with body_set_aside() as bodies:
        answer = ialirt_data_access.data_product_query(
            instrument=instrument.name,
            time_utc_start=f"{window.start:%Y-%m-%dT%H:%M:%S}",
            time_utc_end=f"{window.end - SECOND:%Y-%m-%dT%H:%M:%S}",
        )
    if not bodies:  # a client that reads in another way has decoded it
        return _records(instrument, answer)
    arrays = parsed(instrument, window, bodies[-1])
    if arrays is not None:
        return arrays
    with gc_paused:
        return _records(instrument, json.loads(bodies[-1].decode()))


def _records(instrument: Instrument, answer: object) -> list[object]:
    """The records of a decoded answer: of an object with ``data``, or of a bare list.

    The answer names what was asked for, and so does each of its records; where they differ, the records are believed.
    """
    records, meta = (answer.get("data"), answer.get("meta")) if isinstance(answer, dict) else (answer, None)
    if not isinstance(records, list):
        raise PassingFault(f"the answer holds no list of records but {_excerpt(json.dumps(answer))}")
    count = meta.get("count") if isinstance(meta, dict) else None
    if type(count) is int and count > len(records):
        raise PassingFault(f"the answer holds {len(records):,} records and says it has {count:,}")
    named = meta.get(INSTRUMENT) if isinstance(meta, dict) else None
    if named not in (None, instrument.name) and not _are_all_of(instrument, records):
        raise PassingFault(f"the answer says it is of {_excerpt(json.dumps(named), 40)}, not of {instrument.name}")
    return records


def _are_all_of(instrument: Instrument, records: list[object]) -> bool:
    """Whether there are any records, and every one names this instrument."""
    names = [record.get(INSTRUMENT) for record in records if isinstance(record, dict)]
    return 0 < len(records) == names.count(instrument.name)


def _meaning(error: Exception) -> Exception:
    """What a failure of the mission client means for the caller."""
    refusal = error.__cause__ if isinstance(error, IALIRTDataAccessError) else error.__context__
    if isinstance(refusal, urllib.error.HTTPError):
        # Where the body of a refusal cannot be read, that failure arrives here instead of the client's own error.
        said = _said(str(error)) if isinstance(error, IALIRTDataAccessError) else None
        return _refused(refusal, said)
    match error:
        case IALIRTDataAccessError():
            return _unreached(refusal, str(error))
        case json.JSONDecodeError():
            return PassingFault(f"the answer is not JSON but begins {_excerpt(error.doc)!r}")
        case TimeoutError():
            return PassingFault(f"no whole answer in time ({error})")
        case http.client.IncompleteRead():
            return PassingFault(f"the answer was cut short after {len(error.partial):,} bytes")
        case http.client.HTTPException() | OSError():
            return PassingFault(f"the connection broke ({type(error).__name__}: {error})")
    return PassingFault(f"the answer cannot be read ({type(error).__name__}: {_excerpt(str(error))})")


def _refused(refusal: urllib.error.HTTPError, said: str | None) -> Exception:
    """What a status other than success means; ``said`` are the server's words, None where they cannot be read."""
    words = f"HTTP {refusal.code} {refusal.reason}" + (f": {said}" if said else "")
    if refusal.code == 400 and said is not None and TOO_MUCH in said:
        return TooMuch(words)
    if refusal.code == 400 and said is not None and KEY_REQUIRED in said:
        return KeyRequired(words)
    if refusal.code in {401, 403}:
        return Forbidden(words, refusal.code, said or "", _retry_after(refusal))
    if refusal.code == 404:
        return AccessDenied(f"{words}. Check --url: there is no I-ALiRT API at this address")
    if refusal.code in _RETRIED_STATUSES or (refusal.code == 400 and said is None):
        return PassingFault(words, _retry_after(refusal))
    return ApiError(f"{words}. The server does not accept what was asked; check --url and for a newer version")


def _unreached(cause: BaseException | None, words: str) -> Exception:
    """What it means that no answer came at all."""
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ApiError(f"the server's certificate cannot be trusted ({reason.verify_message}). Check --url")
    if isinstance(reason, TimeoutError):
        return PassingFault(f"no answer in time ({reason})")
    if isinstance(reason, OSError) and reason.errno in _OWN_FAULTS:
        return PassingFault(f"this machine opens no connection ({reason})")
    if cause is None:
        return PassingFault(f"the request failed in a way that this program does not know ({_excerpt(words)})")
    return PassingFault(f"I-ALiRT cannot be reached ({reason})")


_OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Of the place where the program runs: too many open files, no memory, a rule that forbids it the network."""


def _said(message: str) -> str:
    """The server's own words in the mission client's message, on one line."""
    body = message.partition("Server Message: ")[2]
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        body = json.loads(body).get("message") or body
    return _excerpt(str(body), 300)


def _excerpt(text: str, length: int = 120) -> str:
    """The beginning of what the server sent, on one line that cannot steer a terminal; without the API key, should it
    send that back."""
    key = ialirt_data_access.config.get("API_KEY")
    begin = (text.replace(key, "***") if key else text)[: 4 * length]
    return " ".join("".join(letter if letter.isprintable() else " " for letter in begin).split())[:length]


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """The pause that the server asks for, in seconds: ``Retry-After`` holds seconds or a date."""
    told = (error.headers.get("Retry-After") or "").strip()
    if told.isdecimal():
        return float(told)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        until = parsedate_to_datetime(told)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    return None
