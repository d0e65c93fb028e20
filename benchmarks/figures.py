"""What was measured, as a table for a person and as a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Figure:
    """One line of the table, in words."""

    measure: str
    ours: str
    beside: str
    result: str
    goal: str


def tell(figures: Sequence[Figure], repeats: int, file: Path | None) -> None:
    """Print the figures, and write them with the machine they are of, where a file is named."""
    table = Table("measure", "ours", "beside it", "ratio or difference", "goal", box=None, pad_edge=False)
    for figure in figures:
        table.add_row(figure.measure, figure.ours, figure.beside, figure.result, figure.goal)
    Console(width=200).print(table)
    if file is None:
        return
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "repeats": repeats,
        "figures": [vars(figure) for figure in figures],
    }
    file.write_text(json.dumps(about, indent=2) + "\n")
