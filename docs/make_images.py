"""Make the pictures of the README: ``python docs/make_images.py``.

A month is filled from the built-in simulator, which fails here and there on purpose; what a person then sees is drawn
into ``docs/images``.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path

from PIL import Image
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from ialirt_backfill import plot
from ialirt_backfill.ending import Stop
from ialirt_backfill.options import BackfillOptions, HistoryOptions, PlotOptions, StatusOptions
from ialirt_backfill.options.datastore import MARK, MARK_TEXT
from ialirt_backfill.reports.history import history
from ialirt_backfill.reports.status import status
from ialirt_backfill.run.backfill import backfill
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.simulator import DEMONSTRATION_KEY, Answer, Simulator, Slow, Times
from ialirt_backfill.terminal.bars import Bars
from ialirt_backfill.terminal.plan import show_plan
from ialirt_backfill.terminal.reports import show_history, show_status

IMAGES = Path(__file__).parent / "images"
COLUMNS = 100
NOW = datetime(2026, 2, 3, 9, 30, tzinfo=UTC)
FRAME_AFTER_DAYS = 78
COLOURS = 128


def main() -> None:
    logging.getLogger("ialirt_backfill").setLevel(logging.ERROR)
    IMAGES.mkdir(exist_ok=True)
    faults = [
        Times(inf, Answer(500), instrument="hit", day=date(2026, 1, 5)),
        Times(3, Answer(503), instrument="mag", day=date(2026, 1, 15)),
        Times(4, Slow(2), instrument="mag", day=date(2026, 1, 17)),
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(now=lambda: NOW, faults=faults, keys={DEMONSTRATION_KEY: ("full",)}, latency=0.05) as simulator,
    ):
        options = BackfillOptions(
            instrument="hit,mag,codice_lo",
            start=date(2026, 1, 1),
            end=date(2026, 1, 31),
            url=simulator.url,
            datastore=folder,
            as_of=NOW,
        )
        draw("progress", "--instrument hit,mag,codice_lo --start 2026-01-01 --end 2026-01-31", progress(options))
        simulator.faults = ()
        longer = replace(options, end=date(2026, 2, 3))
        plan = backfill(replace(longer, dry_run=True), key=DEMONSTRATION_KEY).plan
        draw("plan", "… --end 2026-02-03 --dry-run", lambda console: show_plan(console, plan))
        backfill(replace(longer, instrument="hit,mag"), key=DEMONSTRATION_KEY)
        seen = StatusOptions(datastore=folder, as_of=NOW)
        draw("status", "status", lambda console: show_status(status(seen), seen, console))
        backfill(replace(longer, instrument="hit", retry_failed=True), key=DEMONSTRATION_KEY)
        day = HistoryOptions(datastore=folder, instrument="hit", day=date(2026, 1, 5))
        draw_board(f"{folder}/pictures", simulator.url)
        draw("history", "history --instrument hit --day 2026-01-05", lambda it: show_history(history(day), day, it))


class Snapshot(Bars):
    """Draws its frame once, when enough days are done, and lets the run go on."""

    finished = 0

    def day_finished(self, outcome: DayOutcome) -> None:
        super().day_finished(outcome)
        self.finished += 1
        if self.finished == FRAME_AFTER_DAYS:
            self._console.print(self.frame())
            self._console.quiet = True


def progress(options: BackfillOptions) -> Callable[[Console], None]:
    def run(console: Console) -> None:
        backfill(options, key=DEMONSTRATION_KEY, listener=Snapshot(console), stop=Stop())

    return run


def draw_board(folder: str, url: str) -> None:
    """Write ``docs/images/solar-wind.png``: five days with storms, gaps, and an instrument that is switched off."""
    first, last = date(2026, 1, 6), date(2026, 1, 10)
    names = "mag,swapi,swe,codice_hi,codice_lo,hit"
    fetched = BackfillOptions(instrument=names, start=first, end=last, url=url, datastore=folder, as_of=NOW)
    backfill(fetched, key=DEMONSTRATION_KEY)
    (Path(folder) / MARK).write_text(MARK_TEXT, encoding="utf-8")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(NOW.timestamp()))
    file = IMAGES / "solar-wind.png"
    plot.draw(PlotOptions(board="solar-wind", datastore=folder, start=first, end=last, as_of=NOW), file)
    with Image.open(file) as drawn:  # few colours, so that the page loads fast
        small = drawn.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def draw(name: str, words: str, show: Callable[[Console], None]) -> None:
    """Write ``docs/images/<name>.svg``: the command, and what ``show`` prints."""
    console = Console(record=True, width=COLUMNS, height=40, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(f"[bold]$ ialirt-backfill {words}[/]")
    show(console)
    svg = console.export_svg(title="ialirt-backfill", unique_id=name)
    # The picture asks no other host for a font: whoever looks at it has one of their own.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
