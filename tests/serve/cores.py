"""The core over a datastore, asked without a network, and the two days that there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.serve.hapi import Hapi
from ialirt_backfill.serve.protocol import HapiRequest, Response

DAYS = (date(2026, 2, 2), date(2026, 2, 3))
LONG_AFTER = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Nothing grows any more."""


@dataclass
class Core:
    """The core over a datastore, asked without a network."""

    hapi: Hapi
    datastore: Path

    def ask(
        self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", **headers: str
    ) -> Response:
        """The answer to a request; in the names of headers a line stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.hapi.answer(HapiRequest(method, path, urlencode(query or {}), named))

    def json(self, path: str, **query: str) -> Any:
        return json.loads(body_of(self.ask(path, query)))

    def info(self, dataset: str) -> Any:
        return self.json("/hapi/info", dataset=dataset)

    def data(self, dataset: str, start: str, stop: str, format: str = "json", **query: str) -> bytes:
        asked = self.ask("/hapi/data", {"dataset": dataset, "start": start, "stop": stop, "format": format, **query})
        assert asked.status.value == 200, body_of(asked)
        return body_of(asked)

    def rows(self, dataset: str, start: str, stop: str, **query: str) -> list[Any]:
        found: list[Any] = json.loads(self.data(dataset, start, stop, **query))["data"]
        return found

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.json("/hapi/catalog")["catalog"]]

    def files(self, instrument: str) -> list[Path]:
        return [self.datastore / INSTRUMENTS[instrument].path(day) for day in DAYS]


def body_of(answer: Response) -> bytes:
    """The body, whole."""
    return answer.body if isinstance(answer.body, bytes) else b"".join(bytes(piece) for piece in answer.body)


Make = Callable[..., Core]
"""Makes a core over a datastore, as of a time."""
