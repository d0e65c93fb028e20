"""Answers of a server as files, one each: what ``doctor --record`` keeps, and ``--replay`` serves again.

A file is a JSON object with ``target`` (path and query, without the host), ``status``, ``http``, ``seconds``,
``headers`` and ``body``. There is no key in it: that is sent in a header of the request, and only answers are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.simulator.faults import Request
from ialirt_backfill.simulator.rules import Answer

KEPT_HEADERS = frozenset({"age", "connection", "content-encoding", "content-type", "date", "location", "retry-after"})
"""Those that say something of the answer; others may be about who asked."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer, as it came. ``as_of`` is the present as the doctor took it."""

    target: str
    status: int
    http: str
    seconds: float
    headers: Mapping[str, str]
    body: str
    as_of: str

    def write(self, path: Path) -> None:
        """Keep it in a file. Raises OSError."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(parse_qsl(urlsplit(self.target).query)))

    @property
    def answer(self) -> Answer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Answer(
            self.status,
            self.body,
            headers.get("content-type", "application/json"),
            headers.get("retry-after"),
            _within(headers.get("location")),
        )


def _within(location: str | None) -> str | None:
    """Where a redirect leads, on the server that says it again: the one it once led to is not asked."""
    if location is None:
        return None
    parts = urlsplit(location)
    return parts._replace(scheme="", netloc="").geturl() if parts.netloc else location


def read(folder: Path) -> list[Recorded]:
    """The answers kept in a folder. Raises UsageError where there are none, or a file is something else."""
    try:
        found = []
        for path in sorted(folder.glob("*.json")):
            try:
                found.append(_checked(Recorded(**json.loads(path.read_text(encoding="utf-8")))))
            except (ValueError, TypeError, RecursionError):
                raise UsageError(f"{path} is not an answer that doctor --record has kept") from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UsageError(f"{folder} holds no answers: doctor --record DIR keeps them")
    return found


def _checked(read: Recorded) -> Recorded:
    """What a file says, if it can be served. Raises ValueError or TypeError."""
    if not isinstance(read.headers, dict):
        raise TypeError("the headers are something else")
    headers = [text for pair in read.headers.items() for text in pair]
    if not all(isinstance(it, str) for it in (read.target, read.http, read.body, read.as_of, *headers)):
        raise TypeError("a text is something else")
    if any(not text.isprintable() for text in headers):
        raise ValueError("a header ends in the middle")
    if type(read.status) is not int or not 200 <= read.status < 600:
        raise ValueError("no status has this number")
    datetime.fromisoformat(read.as_of)
    urlsplit(read.target)
    return read


def replayed(answers: list[Recorded]) -> Callable[[Request], Answer]:
    """A rule that gives these answers to the questions they were given to, whatever the key, and 404 to all others."""
    by_target = {(urlsplit(it.target).path, it.query): it.answer for it in answers}
    by_query = {it.query: it.answer for it in answers}

    def rule(request: Request) -> Answer:
        query = tuple(sorted(request.parameters.items()))
        found = by_target.get((request.path, query)) or by_query.get(query)
        return found or Answer(404, json.dumps({"message": "This was not asked when the answers were recorded."}))

    return rule
