"""What a person sees of pictures, and the picture that a poll keeps fresh."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ialirt_backfill.exceptions import OddCells
from ialirt_backfill.options import PlotOptions, PollOptions
from ialirt_backfill.plot.words import in_words
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.passes import PollListener
from ialirt_backfill.terminal.consoles import make_console
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import write_json

if TYPE_CHECKING:
    from ialirt_backfill.plot.drawing import Drawn  # it loads matplotlib

log = logging.getLogger(__name__)

USUAL_BOARD = "solar-wind"
"""What a poll draws where no board is named."""


def show_drawn(drawn: Drawn, options: PlotOptions) -> None:
    """Where the picture is, of what, and what it would show and does not."""
    span = f"{drawn.start:%Y-%m-%d %H:%M} … {drawn.stop:%Y-%m-%d %H:%M}Z"
    if options.json:
        write_json(asdict(drawn) | {"file": str(drawn.file)})
    elif not options.quiet:
        newest = "no record" if drawn.newest is None else f"newest record {drawn.newest:%Y-%m-%d %H:%M:%S}Z"
        say(make_console(), f"{drawn.file}  {drawn.title}, {span}, {newest}", to_copy=True)
        if drawn.left_out:
            say(make_console(), f"left out: {in_words(drawn.left_out)}", to_copy=True)
    if drawn.newest is None and not options.quiet:
        warn(f"no record lies in {span}: the picture shows no data")


def warn(sentence: str) -> None:
    """Say on standard error what is wrong and yet no failure."""
    say(make_console(stderr=True), sentence, style="yellow")


@contextmanager
def odd_cells_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of cells that could not be read in one sentence each, and not as Python would."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OddCells)
        yield
    for warning in caught:
        if not issubclass(warning.category, OddCells):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        else:
            tell(str(warning.message))


class FreshPicture(PollListener):
    """Draws a board anew after each pass in which a file changed, and where there is no picture yet.

    One that fails is told of in a line, and drawn again after the next pass.
    """

    def __init__(self, options: PollOptions, draw: Callable[[PlotOptions, str | Path], object]) -> None:
        self._file = Path(options.picture or f"{USUAL_BOARD}.png")
        self._options = PlotOptions(
            board=options.board or USUAL_BOARD,
            datastore=options.datastore,
            ledger=options.ledger,
            catalogue=options.catalogue,
        )
        self._draw = draw
        self._is_stale = not self._file.exists()

    def day_finished(self, outcome: DayOutcome) -> None:
        self._is_stale = self._is_stale or outcome.changed

    def pass_ended(self, now: datetime) -> None:
        if not self._is_stale:
            return
        try:
            with odd_cells_told(log.warning):
                self._draw(replace(self._options, as_of=now), self._file)
        except Exception as error:
            log.warning("the picture %s could not be drawn: %s", self._file, error)
        else:
            self._is_stale = False
