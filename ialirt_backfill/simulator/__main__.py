"""``python -m ialirt_backfill.simulator``: serve until interrupted. The first line of output is the base URL."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from ialirt_backfill.exceptions import IalirtBackfillError
from ialirt_backfill.instruments import PUBLIC_SINCE, SCOPES, Catalogue
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import recorded
from ialirt_backfill.simulator.server import Simulator


def _moment(text: str) -> datetime:
    """ISO 8601; UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _key(text: str) -> tuple[str, tuple[str, ...]]:
    """``NAME[:SCOPE[,SCOPE]]``: a key and its scopes."""
    name, colon, listed = text.partition(":")
    scopes = tuple(listed.split(",")) if colon else ()
    if not name or not all(scopes):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME or NAME:SCOPE[,SCOPE]")
    return name, scopes


def _catalogue(text: str) -> Catalogue:
    """What files say of the instruments."""
    try:
        return catalogue_of(text)
    except IalirtBackfillError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _answers(text: str) -> list[recorded.Recorded]:
    """The answers that a folder holds."""
    try:
        return recorded.read(Path(text))
    except IalirtBackfillError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ialirt_backfill.simulator",
        description="A local I-ALiRT, serving until interrupted; its base URL is the first line of output.",
        epilog="As with the real one: whoever asks without a key is given what is public; any key lifts the bound in "
        "time; housekeeping, spacecraft_status and the restricted fields need a scope. A client puts the key into the "
        "header x-api-key and asks <base URL>/api-key/space-weather.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another mission (default: 1)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer (default: 0)")
    parser.add_argument(
        "--no-compression", dest="compresses", action="store_false", help="send as it is what might be sent as gzip"
    )
    parser.add_argument("--now", type=_moment, help="a fixed present, ISO 8601 UTC (default: the clock)")
    parser.add_argument(
        "--key",
        dest="keys",
        action="append",
        default=[],
        type=_key,
        metavar="NAME[:SCOPE[,SCOPE]]",
        help=f"accept this API key; {' or '.join(SCOPES)} opens what is restricted (repeatable; default: no key)",
    )
    parser.add_argument(
        "--public-since",
        type=_moment,
        default=PUBLIC_SINCE,
        metavar="TIME",
        help=f"data from before this time need a key, ISO 8601 UTC (default: {PUBLIC_SINCE:%Y-%m-%dT%H:%M:%S})",
    )
    parser.add_argument(
        "--catalogue",
        type=_catalogue,
        metavar="FILE",
        help="serve also what these files add to the known instruments, and change; several are separated by commas",
    )
    parser.add_argument(
        "--replay",
        type=_answers,
        metavar="DIR",
        help="serve the answers that the doctor has kept in this folder, and no others",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)

    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    simulator = Simulator(
        seed=options.seed,
        latency=options.latency,
        compresses=options.compresses,
        port=options.port,
        keys=dict(options.keys),
        public_since=options.public_since,
        catalogue=options.catalogue,
    )
    if options.replay is not None:
        simulator.faults = recorded.replayed(options.replay)
        as_of = options.replay[0].as_of
        sys.stderr.write(
            f"Answers of {as_of}: ask with --as-of {as_of}, and with any key where they were given to one\n"
        )
        sys.stderr.flush()
    if options.now is not None:
        simulator.now = lambda: options.now
    with simulator:
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()
        interrupted.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
