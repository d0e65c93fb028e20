"""Measure everything and print a table: ``python -m benchmarks [--only NAME,…] [--repeats N] [--json FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.figures import Figure, tell
from benchmarks.measures import MEASURES


def main() -> None:
    """Run the measures that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(MEASURES), help=f"some of: {', '.join(MEASURES)}")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.only.split(","):
        print(f"measuring {name} …", file=sys.stderr, flush=True)  # noqa: T201
        figures += MEASURES[name](options.repeats)
    tell(figures, options.repeats, options.json)


if __name__ == "__main__":
    main()
