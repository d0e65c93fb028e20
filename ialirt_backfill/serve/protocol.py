"""What HAPI says of an answer: its codes with their texts, and an answer as pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

VERSION = "3.3"

JSON_TYPE = "application/json"

Piece = bytes | memoryview
"""Some bytes of an answer."""


class Code(Enum):
    """The codes of HAPI, each with its HTTP status and its text."""

    OK = 1200, 200, "OK"
    NO_DATA = 1201, 200, "OK - no data for time range"
    USER_ERROR = 1400, 400, "Bad request - user input error"
    NO_SUCH_PLACE = 1400, 404, "Bad request - user input error"
    NO_SUCH_METHOD = 1400, 405, "Bad request - user input error"
    UNKNOWN_REQUEST_PARAMETER = 1401, 400, "Bad request - unknown API parameter name"
    START_SYNTAX = 1402, 400, "Bad request - syntax error in start time"
    STOP_SYNTAX = 1403, 400, "Bad request - syntax error in stop time"
    START_AFTER_STOP = 1404, 400, "Bad request - start equal to or after stop"
    OUTSIDE = 1405, 400, "Bad request - start < startDate and/or stop > stopDate"
    UNKNOWN_DATASET = 1406, 404, "Bad request - unknown dataset id"
    UNKNOWN_PARAMETER = 1407, 404, "Bad request - unknown dataset parameter"
    TOO_MUCH = 1408, 400, "Bad request - too much time or data requested"
    FORMAT = 1409, 400, "Bad request - unsupported output format"
    INCLUDE = 1410, 400, "Bad request - unsupported include value"
    ORDER = 1411, 400, "Bad request - out-of-order or duplicate parameters"
    REFERENCES = 1412, 400, "Bad request - unsupported resolve_references value"
    DEPTH = 1413, 400, "Bad request - unsupported depth value"
    INTERNAL = 1500, 500, "Internal server error"

    def __init__(self, number: int, http: int, text: str) -> None:
        self.number = number
        self.http = HTTPStatus(http)
        self.text = text

    @property
    def reason(self) -> str:
        """What stands in the status line behind the number, for clients that see no more of an answer."""
        return f"{self.http.phrase}; HAPI {self.number} {self.text}"

    def status(self, detail: str = "") -> dict[str, object]:
        """The status object of an answer in JSON."""
        if self.http is HTTPStatus.OK:
            return {"code": self.number, "message": self.text}
        more = f"; {detail}" if detail else ""
        return {"code": self.number, "message": f"HAPI error {self.number}: {self.text}{more}"}


class Refused(Exception):
    """A request that gets a code instead of what it asks for.

    ``detail`` says more, in words of ours: nothing that came with the request is ever repeated.
    """

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail or code.text)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class HapiRequest:
    """A request as it came: ``path`` is decoded, ``query`` is not, and names of ``headers`` are in small letters."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """The pieces of an answer. ``body`` is either whole, so that its length is known, or comes bit by bit."""

    status: HTTPStatus
    reason: str
    headers: Mapping[str, str]
    body: bytes | Iterable[Piece] = b""


def header_text(status: Mapping[str, object], content: Mapping[str, object] | None = None) -> bytes:
    """An answer in JSON: version, status, and what else there is."""
    return json.dumps({"HAPI": VERSION, "status": status, **(content or {})}, ensure_ascii=False).encode()
