"""One request to I-ALiRT, and what its failures mean."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import ialirt_data_access
import urllib3
from ialirt_data_access.io import IALIRTDataAccessError

from ialirt_backfill.ask.mission import Unsuccessful, going_over
from ialirt_backfill.ask.secrets import without_key
from ialirt_backfill.ask.wire import MOST_BYTES, Reply, TooLarge, Unreached, UnusableProxy, Wire
from ialirt_backfill.day.answers import AnswerRecords, parse_answer
from ialirt_backfill.day.columns import INSTRUMENT
from ialirt_backfill.exceptions import AccessDenied, ApiError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import SECOND, Span
from ledger.gc_pause import gc_paused

TOO_MUCH = "more data than allowed"
"""What the server says, with status 400, of a window that holds more than it sends at once."""
KEY_REQUIRED = "API key required"
"""What it says, with status 400, of a time for which it requires a key."""
_RETRIED_STATUSES = frozenset({408, 413, 425, 429, *range(500, 600)}) - {501, 505}
"""Every fault of a server may pass, those that only a gateway has a number for too; but it will not learn a method or a
version of HTTP meanwhile. One that calls a window too large (413) is asked again, as about half of it."""
_UNKNOWN_ISSUER = {18, 19, 20, 21}
"""What OpenSSL numbers a certificate whose issuer this machine does not know: a company's own, most often."""


class Trouble(Enum):
    """What kind of fault it is, as far as that decides what is done next."""

    UNREACHED = "no connection"
    LATE = "no whole answer in time"
    OVERTAXED = "the window may be too large for the server: 502, 504, 413"
    THROTTLED = "too many requests: 429, 503, at times 403"
    OTHER = "any other"

    @property
    def may_be_the_window(self) -> bool:
        """Whether a smaller window may be answered where this one was not."""
        return self in {Trouble.LATE, Trouble.OVERTAXED}

    @property
    def is_of_the_pace(self) -> bool:
        """Whether fewer requests are wanted."""
        return self is Trouble.THROTTLED

    @property
    def is_of_the_connection(self) -> bool:
        """Whether it lies between here and the server, as far as can be told from here."""
        return self in {Trouble.UNREACHED, Trouble.LATE}


class PassingFault(Exception):
    """A fault that may pass: worth another try. ``told_pause`` is what the server asks for, ``least_pause`` what is
    proper where it does not, both in seconds and for all requests."""

    def __init__(
        self,
        message: str,
        told_pause: float | None = None,
        trouble: Trouble = Trouble.OTHER,
        *,
        least_pause: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.told_pause, self.least_pause, self.trouble = told_pause, least_pause, trouble


class Unusable(Exception):
    """The way to the server is none that can be taken, and will not be another one meanwhile: a certificate that cannot
    be trusted, a proxy that is none."""

    trouble = Trouble.UNREACHED


class TooMuch(Exception):
    """The window holds more than the server sends at once."""


class KeyRequired(Exception):
    """The data asked for are of a time for which the server requires a key; its words say of which."""


class Forbidden(Exception):
    """The server says 401 or 403. Whether that is a refusal or throttling, what else was answered tells."""

    def __init__(self, message: str, status: int, said: str, told_pause: float | None) -> None:
        super().__init__(message)
        self.status, self.said, self.told_pause = status, said, told_pause


def call(wire: Wire, instrument: Instrument, window: Span) -> AnswerRecords:
    """Make one request through the mission's client and return its records.

    The text of the answer is decoded here: most often into columns, which costs a third of making Python's objects, as
    the client would, and columns of them. Raises PassingFault, Unusable, TooMuch, KeyRequired, Forbidden, ApiError or
    AccessDenied.
    """
    try:
        with going_over(wire) as bodies:
            answer = ialirt_data_access.data_product_query(
                instrument=instrument.name,
                time_utc_start=f"{window.start:%Y-%m-%dT%H:%M:%S}",
                time_utc_end=f"{window.end - SECOND:%Y-%m-%dT%H:%M:%S}",
            )
        return _decoded(instrument, window, bodies.pop()) if bodies else _records(instrument, answer)
    except _FAILURES as error:
        failure = _meaning(error)
    raise failure  # out here it does not keep the answer alive: the frames of the error above hold all of its text


_FAILURES = (
    PassingFault,
    Unsuccessful,
    Unreached,
    TooLarge,
    OSError,
    http.client.HTTPException,
    urllib3.exceptions.HTTPError,
    IALIRTDataAccessError,
    ValueError,
    RecursionError,
)


def _decoded(instrument: Instrument, window: Span, body: bytes) -> AnswerRecords:
    columns = parse_answer(instrument, window, body)
    if columns is not None:
        return columns
    with gc_paused:
        return _records(instrument, json.loads(body.decode()))


def _records(instrument: Instrument, answer: object) -> list[object]:
    """The records of a decoded answer: of an object with ``data``, or of a bare list.

    The answer names what was asked for, and so does each of its records; where they differ, the records are believed.
    """
    records, meta = (answer.get("data"), answer.get("meta")) if isinstance(answer, dict) else (answer, None)
    if not isinstance(records, list):
        raise PassingFault(f"the answer holds no list of records but {_excerpt(json.dumps(answer))}")
    count = meta.get("count") if isinstance(meta, dict) else None
    if type(count) is int and count > len(records):
        raise PassingFault(f"the answer holds {len(records):,} of the {count:,} records that it says it has")
    named = meta.get(INSTRUMENT) if isinstance(meta, dict) else None
    if named not in (None, instrument.name) and not _are_all_of(instrument, records):
        raise PassingFault(f"the answer says it is of {_excerpt(json.dumps(named), 40)}, not of {instrument.name}")
    return records


def _are_all_of(instrument: Instrument, records: list[object]) -> bool:
    """Whether there are any records, and every one names this instrument."""
    names = [record.get(INSTRUMENT) for record in records if isinstance(record, dict)]
    return 0 < len(records) == names.count(instrument.name)


# --- what a failure means ---------------------------------------------------------------------------------------------


def _meaning(error: Exception) -> Exception:
    """What a failure means for the caller."""
    if isinstance(error, urllib3.exceptions.HTTPError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # what it was before urllib3 gave it a name of its own
    match error:
        case PassingFault():
            return error.with_traceback(None)
        case Unsuccessful():
            return _refused(error.reply)
        case Unreached():
            return _unreached(error.__cause__, error.proxy)
        case TooLarge():
            return PassingFault(f"the answer holds more than {MOST_BYTES >> 20} MB, which none of I-ALiRT's does")
        case json.JSONDecodeError():
            return PassingFault(f"the answer is not JSON but begins {_excerpt(error.doc)!r}")
        case TimeoutError():
            return PassingFault(f"no whole answer in time ({error})", trouble=Trouble.LATE)
        case http.client.IncompleteRead():
            came = error.partial if isinstance(error.partial, int) else len(error.partial)
            return PassingFault(f"the answer was cut short after {came:,} bytes")
        case http.client.HTTPException() | OSError():
            return PassingFault(f"the connection broke ({type(error).__name__}: {error})")
    return PassingFault(f"the answer cannot be read ({type(error).__name__}: {_excerpt(str(error))})")


def _refused(reply: Reply) -> Exception:
    """What a status other than success means."""
    status, said = reply.status, _said(reply.body)
    words = f"HTTP {status} {_excerpt(reply.reason)}".rstrip() + (f": {said}" if said else "")
    if status == 400 and said is not None and TOO_MUCH in said:
        return TooMuch(words)
    if status == 400 and said is not None and KEY_REQUIRED in said:
        return KeyRequired(words)
    if status in {401, 403}:
        return Forbidden(words, status, said or "", _retry_after(reply))
    if status == 404:
        return AccessDenied(f"{words}. Check --url: there is no I-ALiRT API at this address")
    if 300 <= status < 400:
        return ApiError(f"{words}. The server sends us on, but to no answer; check --url")
    if status in _RETRIED_STATUSES or (status == 400 and said is None):
        return PassingFault(words, _retry_after(reply), _TROUBLES.get(status, Trouble.OTHER))
    return ApiError(f"{words}. The server does not accept what was asked; check --url and for a newer version")


_TROUBLES = {
    413: Trouble.OVERTAXED,
    429: Trouble.THROTTLED,
    502: Trouble.OVERTAXED,
    503: Trouble.THROTTLED,
    504: Trouble.OVERTAXED,
}


def _unreached(cause: BaseException | None, proxy: str) -> Exception:
    """What it means that no connection could be opened."""
    if isinstance(cause, UnusableProxy):
        return Unusable(f"the proxy that the environment names cannot be used ({cause}): set https_proxy right")
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "check --url and this machine's clock"
        if cause.verify_code in _UNKNOWN_ISSUER:
            advice = "name the file with the certificates of your network in SSL_CERT_FILE"
        return Unusable(f"the server's certificate cannot be trusted ({cause.verify_message}): {advice}")
    if isinstance(cause, OSError) and cause.errno in _OWN_FAULTS:
        return PassingFault(f"this machine opens no connection ({cause})", trouble=Trouble.UNREACHED)
    what = "no connection in time" if isinstance(cause, TimeoutError) else "I-ALiRT cannot be reached"
    if proxy:
        words = f"{what} through the proxy {proxy} ({cause}): check https_proxy, no_proxy and the network"
        return PassingFault(words, trouble=Trouble.UNREACHED)
    return PassingFault(f"{what} ({cause}): check --url and the network", trouble=Trouble.UNREACHED)


_OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Of the place where the program runs: too many open files, no memory, a rule that forbids it the network."""


def _said(body: bytes | None) -> str | None:
    """The server's own words, on one line; None where they cannot be read."""
    try:
        text = None if body is None else body.decode()
    except UnicodeDecodeError:
        return None
    if text is None:
        return None
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        text = json.loads(text).get("message") or text
    return _excerpt(str(text), 300)


def _excerpt(text: str, length: int = 120) -> str:
    """The beginning of what the server sent, on one line that cannot steer a terminal; without the API key, should it
    send that back."""
    key = ialirt_data_access.config.get("API_KEY")
    begin = without_key(key, text)[: 4 * length]
    return " ".join("".join(letter if letter.isprintable() else " " for letter in begin).split())[:length]


def _retry_after(reply: Reply) -> float | None:
    """The pause that the server asks for, in seconds: ``Retry-After`` holds seconds or a date."""
    told = (reply.headers.get("Retry-After") or "").strip()
    if told.isdecimal():
        return float(told)
    if (until := _date(told)) is None:
        return None
    now = _date(reply.headers.get("Date") or "") or datetime.now(UTC)  # the server's: this machine's may be wrong
    return max(0.0, (until - now).total_seconds())


def _date(header: str) -> datetime | None:
    """The time that a header says; None where it says none."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        said = parsedate_to_datetime(header)
        return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    return None
