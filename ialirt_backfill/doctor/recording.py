"""The answers as files, to attach to a report."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ialirt_backfill.ask.overheard import Exchange
from ialirt_backfill.doctor.asking import Answers
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.simulator.recorded import KEPT_HEADERS, Recorded


def keep(folder: str, answers: Answers) -> None:
    """Write a file for each answer. Raises UsageError where the folder cannot be written, or holds something already.

    Should the server say the key back, it is not kept.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError(f"--record {folder}: there are files in it already; name a new folder")
        for number, exchange in enumerate(answers.server.exchanges, 1):
            recorded = _recorded(exchange, answers)
            name = "".join(letter for letter in _instrument(exchange) if letter.isalnum() or letter == "_")
            recorded.write(path / f"{number:03d}_{name}.json")
    except OSError as error:
        raise UsageError(f"--record {folder} cannot be written: {error.strerror or error}") from error


def _instrument(exchange: Exchange) -> str:
    return parse_qs(urlsplit(exchange.url).query).get("instrument", ["other"])[0]


def _recorded(exchange: Exchange, answers: Answers) -> Recorded:
    reply, parts = exchange.reply, urlsplit(exchange.url)

    def without_key(text: str) -> str:
        return text.replace(answers.key, "***") if answers.key else text

    return Recorded(
        target=without_key(f"{parts.path}?{parts.query}"),
        status=reply.status,
        http=f"{reply.version // 10}.{reply.version % 10}",
        seconds=round(exchange.seconds, 3),
        headers={name: without_key(value) for name, value in reply.headers.items() if name.lower() in KEPT_HEADERS},
        body=without_key((reply.body or b"").decode(errors="replace")),
        as_of=f"{answers.now:%Y-%m-%dT%H:%M:%SZ}",
    )
