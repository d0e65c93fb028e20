"""The answers as files, to attach to a report."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ialirt_backfill.ask.overheard import Exchange
from ialirt_backfill.ask.secrets import without_key
from ialirt_backfill.doctor.asking import Answers
from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.simulator.recorded import KEPT_HEADERS, Recorded

_LONGEST_NAME = 64
"""An instrument's name is shorter; but a redirect may lead to an address with any."""


def prepare(folder: str) -> None:
    """Make the folder, before anything is asked. Raises UsageError where it cannot be written, or holds something."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError(f"--record {folder}: there are files in it already; name a new folder")
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def keep(folder: str, answers: Answers) -> list[Finding]:
    """Write a file for each answer. Should the server say the key back, it is not kept. What is found is why not all of
    them could be written; of one that was begun nothing is left."""
    exchanges = answers.server.exchanges
    for number, exchange in enumerate(exchanges, 1):
        recorded = _recorded(exchange, answers)
        name = "".join(letter for letter in _instrument(recorded) if letter.isalnum() or letter == "_")
        path = Path(folder) / f"{number:03d}_{name[:_LONGEST_NAME]}.json"
        try:
            recorded.write(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            return [_not_kept(f"{_unwritable(folder, error)}, after {number - 1} of {len(exchanges)} answers")]
    return []


def _not_kept(seen: str) -> Finding:
    advice = "ask again, with a folder that takes them"
    return Finding(Part.HERE, "record", "written", Verdict.WRONG, seen, "a file for each answer", advice)


def _unwritable(folder: str, error: OSError) -> UsageError:
    return UsageError(f"--record {folder} cannot be written: {error.strerror or error}")


def _instrument(recorded: Recorded) -> str:
    return parse_qs(urlsplit(recorded.target).query).get("instrument", ["other"])[0]


def _recorded(exchange: Exchange, answers: Answers) -> Recorded:
    reply, parts = exchange.reply, urlsplit(exchange.url)
    headers = {name: value for name, value in reply.headers.items() if name.lower() in KEPT_HEADERS}
    return Recorded(
        target=without_key(answers.key, f"{parts.path}?{parts.query}"),
        status=reply.status,
        http=f"{reply.version // 10}.{reply.version % 10}",
        seconds=round(exchange.seconds, 3),
        headers={name: without_key(answers.key, value) for name, value in headers.items()},
        body=without_key(answers.key, (reply.body or b"").decode(errors="replace")),
        as_of=f"{answers.now:%Y-%m-%dT%H:%M:%SZ}",
    )
