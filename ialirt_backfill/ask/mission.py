"""The mission's client, ``ialirt_data_access``, and the two things by which its requests go our way.

It asks with ``urllib.request.urlopen``: without a time-out, on a new connection for each request, uncompressed, and
with the key carried along wherever a redirect leads. There is nothing to set for any of this. So the name ``urllib`` in
its module stands, while we use it, for one whose ``urlopen`` goes over our `Wire`. (An opener installed in
``urllib.request`` would do that for everybody in this process, and there is no public way to find out which one was
installed before, to put it back.)

It then makes Python's objects of the whole answer, which costs three times what parsing it into columns does. So the
body is set aside, for this thread, and the client is given an answer without records to decode.

Tried with versions 0.10.x: pyproject.toml admits no others.
"""

from __future__ import annotations

import contextlib
import io
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import ialirt_data_access
import ialirt_data_access.io

from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.ask.wire import Reply, Wire
from ialirt_backfill.exceptions import UsageError

_NO_RECORDS = b'{"meta": {}, "data": []}'


class Unsuccessful(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status} {reply.reason}")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the mission's client that goes on in some thread."""

    wire: Wire
    bodies: list[bytes] = field(default_factory=list)


_this_thread = threading.local()


@contextlib.contextmanager
def going_over(wire: Wire) -> Iterator[list[bytes]]:
    """While inside, what this thread has the mission's client ask goes over ``wire``, and the bodies of the answers are
    put into the list."""
    call = _Call(wire)
    try:
        _this_thread.call = call
        yield call.bodies
    finally:
        del _this_thread.call


def _urlopen(request: urllib.request.Request) -> Any:
    """What the mission's client has for ``urllib.request.urlopen``. Raises Unsuccessful, and what `Wire.get` raises."""
    call: _Call | None = getattr(_this_thread, "call", None)
    if call is None:  # somebody else in this process asks with it
        return urllib.request.urlopen(request)  # noqa: S310 - the address is theirs
    reply = call.wire.get(request.full_url, dict(request.header_items()))
    if not reply.is_success or reply.body is None:
        raise Unsuccessful(reply)
    call.bodies.append(reply.body)
    return io.BytesIO(_NO_RECORDS)


_OUR_URLLIB = SimpleNamespace(request=SimpleNamespace(Request=urllib.request.Request, urlopen=_urlopen))

# --- one process, one endpoint ----------------------------------------------------------------------------------------

_lock = threading.Lock()
_users: list[Endpoint] = []
_before: dict[str, Any] = {}
"""What the client had before the first user came, and has again after the last."""


def open_endpoint(endpoint: Endpoint) -> None:
    """Have the mission's client ask at ``endpoint``. Its address and key are module-wide: a second, different one is
    refused with UsageError."""
    with _lock:
        if any(user != endpoint for user in _users):
            raise UsageError("this process already speaks to another I-ALiRT address or with another key")
        if not _users:
            _before.update(urllib=ialirt_data_access.io.urllib, url=ialirt_data_access.config["DATA_ACCESS_URL"])
            ialirt_data_access.io.urllib = _OUR_URLLIB
        _users.append(endpoint)
        ialirt_data_access.config["DATA_ACCESS_URL"] = endpoint.base
        ialirt_data_access.config["API_KEY"] = endpoint.key


def close_endpoint() -> None:
    """Leave the mission's client as it was, if nobody else uses it."""
    with _lock:
        _users.pop()
        if not _users:
            ialirt_data_access.io.urllib = _before["urllib"]
            ialirt_data_access.config["API_KEY"] = None
            ialirt_data_access.config["DATA_ACCESS_URL"] = _before["url"]
