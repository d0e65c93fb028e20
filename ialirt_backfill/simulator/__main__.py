"""``python -m ialirt_backfill.simulator``: serve until interrupted. The first line of output is the base URL."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime

from ialirt_backfill.simulator.server import Simulator


def _moment(text: str) -> datetime:
    """ISO 8601; UTC where no zone is given."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ialirt_backfill.simulator",
        description="A local I-ALiRT, serving until interrupted; its base URL is the first line of output.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another mission (default: 1)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer (default: 0)")
    parser.add_argument("--now", type=_moment, help="a fixed present, ISO 8601 UTC (default: the clock)")
    options = parser.parse_args(arguments)

    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    simulator = Simulator(seed=options.seed, latency=options.latency, port=options.port)
    if options.now is not None:
        simulator.now = lambda: options.now
    with simulator:
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()
        interrupted.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
