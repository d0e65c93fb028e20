"""What HTTP asks of an answer: who has it already, who takes it compressed, and who may read it in a browser."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from ialirt_backfill.serve.protocol import JSON_TYPE, Code, HapiRequest, Piece, Refused, Response, header_text

EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Expose-Headers": "ETag, Last-Modified",
}
"""Pages of any origin may read an answer."""

METHODS = ("GET", "HEAD")
_GZIP = 31
"""zlib's number for the format of gzip."""
_LEVEL = 1
"""Of compression: the next one takes half as long again and saves a tenth."""
_WORTH_IT = 1024
"""What is smaller is sent as it is, where it is known to be."""
_NEVER = re.compile(r"q=0(\.0*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entity:
    """By what a client knows whether it has an answer already."""

    tag: str
    modified: datetime

    @classmethod
    def of(cls, modified: datetime, *parts: object) -> Entity:
        """Whatever the answer depends on, and when the newest of it was written."""
        return cls(hashlib.sha256(repr(parts).encode()).hexdigest()[:32], modified.replace(microsecond=0))

    def headers(self, *, is_packed: bool) -> dict[str, str]:
        return {
            "ETag": f'"{self.tag}{"-gzip" * is_packed}"',
            "Last-Modified": format_datetime(self.modified.astimezone(UTC), usegmt=True),
            "Cache-Control": "no-cache",  # keep it, and ask each time whether it has changed
            "Vary": "Accept-Encoding",
        }

    def is_named(self, asked: HapiRequest) -> bool:
        """Whether the client names it as one that it has."""
        tags = asked.headers.get("if-none-match", "").split(",")
        named = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in tags}
        return self.tag in named or "*" in named

    def is_had(self, asked: HapiRequest, *, with_time: bool) -> bool:
        """Whether the client says that it has it. A time alone says so only where nothing but files is in it."""
        if "if-none-match" in asked.headers or not with_time:
            return self.is_named(asked)
        try:
            since = parsedate_to_datetime(asked.headers.get("if-modified-since", ""))
        except (ValueError, OverflowError):  # no date, or one of a year that is none
            return False
        return self.modified <= (since.replace(tzinfo=UTC) if since.tzinfo is None else since)


def answered(
    asked: HapiRequest, code: Code, media_type: str, entity: Entity, body: bytes | Iterable[Piece]
) -> Response:
    """An answer to be kept, compressed where the client takes it so. HEAD gets all of it but the body."""
    packs = _takes_gzip(asked) and not (isinstance(body, bytes) and len(body) < _WORTH_IT)
    headers = {"Content-Type": media_type, **EVERYWHERE, **entity.headers(is_packed=packs)}
    if packs:
        headers["Content-Encoding"] = "gzip"
        body = b"".join(packed([body])) if isinstance(body, bytes) else packed(body)
    if isinstance(body, bytes):
        headers["Content-Length"] = str(len(body))
    return Response(code.http, code.reason, headers, b"" if asked.method == "HEAD" else body)


def unchanged(asked: HapiRequest, entity: Entity) -> Response:
    """The client has it already."""
    packs = _takes_gzip(asked)
    headers = {**EVERYWHERE, **entity.headers(is_packed=packs)}
    return Response(HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_MODIFIED.phrase, headers)


def refused(asked: HapiRequest, refusal: Refused) -> Response:
    """Why a request gets nothing else, in JSON whatever it asked for."""
    body = header_text(refusal.code.status(refusal.detail))
    headers = {"Content-Type": JSON_TYPE, **EVERYWHERE, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    if refusal.code is Code.NO_SUCH_METHOD:
        headers["Allow"] = ", ".join(METHODS)
    return Response(refusal.code.http, refusal.code.reason, headers, b"" if asked.method == "HEAD" else body)


def redirected(place: str, query: str, status: HTTPStatus = HTTPStatus.MOVED_PERMANENTLY) -> Response:
    """An answer that sends on to another place on this server, for good unless the status says otherwise."""
    to = f"{place}?{query}" if query else place
    return Response(status, status.phrase, {"Location": to, "Content-Length": "0", **EVERYWHERE})


def packed(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The pieces compressed as they come, and each sent on at once."""
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        if found := packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH):
            yield found
    yield packer.flush()


def _takes_gzip(asked: HapiRequest) -> bool:
    wishes: dict[str, str] = {}
    for wish in asked.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = wish.partition(";")
        wishes[name.strip()] = quality.replace(" ", "")
    wanted = wishes.get("gzip", wishes.get("*"))
    return wanted is not None and _NEVER.fullmatch(wanted) is None
