"""Measure everything and print a table: ``python -m benchmarks [--only NAME,…] [--repeats N] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measures import MEASURES, Figure


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
    table = Table("measure", "ours", "beside it", "ratio or difference", "goal", box=None, pad_edge=False)
    for figure in figures:
        table.add_row(figure.measure, figure.ours, figure.beside, figure.result, figure.goal)
    Console(width=160).print(table)
    if options.json:
        about = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "repeats": options.repeats,
            "figures": [vars(figure) for figure in figures],
        }
        options.json.write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
