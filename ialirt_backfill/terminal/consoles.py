"""The two consoles, and tables that fit them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO

from rich.console import Console, RenderableType
from rich.logging import RichHandler
from rich.table import Column, Table
from rich.text import Text

from ialirt_backfill.store.demonstration import SYNTHETIC

NO_TERMINAL_WIDTH = 1000
"""Where nobody's screen sets a limit, nothing is wrapped or cut."""

ROOMY_WIDTH = 100


def make_console(stream: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """A console on standard output, on standard error, or on the stream given; NO_COLOR is heeded."""
    target = stream or (sys.stderr if stderr else sys.stdout)
    width = None if target.isatty() else NO_TERMINAL_WIDTH
    return Console(file=stream, stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def is_screen(console: Console) -> bool:
    """Whether a person sits before it, on a terminal that can draw a line anew; colour is another matter."""
    return console.file.isatty() and not console.is_dumb_terminal


def number(header: str) -> Column:
    """A column of numbers: never wrapped, never cut."""
    return Column(header, justify="right", no_wrap=True)


def word(header: str) -> Column:
    """A column of short words: never wrapped, never cut."""
    return Column(header, no_wrap=True)


def prose(header: str) -> Column:
    """A column of sentences, which takes what is left and goes on below."""
    return Column(header, overflow="fold")


def show_table(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[RenderableType]], last: Sequence[str] = ()
) -> None:
    """A table without lines, its columns closer together where the console is narrow; ``last`` is a row of totals."""
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*row)
    if last:
        table.add_row(*last, style="bold")
    natural = console.measure(table, options=console.options.update(max_width=NO_TERMINAL_WIDTH)).maximum
    if console.width < min(natural, ROOMY_WIDTH):
        table.padding = (0, 1, 0, 0)
    if console.width < natural - len(columns) and all(column.no_wrap for column in columns):
        for column in columns:  # still too wide: headers of two words in two lines
            column.header = str(column.header).replace(" ", "\n")
    show(console, table)


def show(console: Console, renderable: RenderableType) -> None:
    """Print; what goes to a file has no spaces at the ends of its lines."""
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
    console.file.flush()


def show_synthetic(console: Console, synthetic: bool) -> None:
    """The first line of whatever is told of synthetic data; nothing where they are real."""
    if synthetic:
        console.print(SYNTHETIC, style="bold")


def _clock_time(local: datetime) -> Text:
    """The time of a log line in UTC, as all others are."""
    return Text(f"{local.astimezone(UTC):%H:%M:%S}Z")


def set_up_logging(
    console: Console, *, verbose: bool = False, quiet: bool = False, retries_are_shown: bool = False
) -> None:
    """Log to the console, so that lines scroll above a progress display and do not tear it.

    A display that shows each retry with its reason needs no line about it as well.
    """
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    handler: logging.Handler
    if is_screen(console):
        handler = RichHandler(console=console, show_path=False, show_level=False, log_time_format=_clock_time)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%SZ")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ialirt_backfill").setLevel(level)
    logging.getLogger("ialirt_backfill.ask.client").setLevel(max(level, logging.ERROR) if retries_are_shown else level)
    logging.getLogger("ledger").setLevel(level)
