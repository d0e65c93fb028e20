"""A calendar of availability: one cell per day, months as rows, as many instruments side by side as fit.

Every cell is a character that tells the same without colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from rich.console import Console
from rich.text import Text

from ialirt_backfill.reports.status import DayStanding, InstrumentStatus, Standing
from ialirt_backfill.terminal.consoles import show

LABEL = len("2026-01 ")
RULER = (5, 10, 15, 20, 25, 30)
BETWEEN = 2
WIDE, CLOSE = 2, 1
"""How many characters a day takes."""

FULL, UNDER_WAY, NO_DATA, FAILED, NO_ACCESS, NEVER_ASKED = "■", ">", "·", "x", "k", "-"
LEGEND = (
    (FULL, "100 %", "green"),
    ("9", "90 to 99 %", "green"),
    ("5", "50 to 59 %", "yellow"),
    ("0", "under 10 %", "red"),
    (UNDER_WAY, "more to come", "cyan"),
    (NO_DATA, "no data", ""),
    (FAILED, "failed", "bold red reverse"),
    (NO_ACCESS, "needs a key or scope", "magenta"),
    (NEVER_ASKED, "never asked for", "dim"),
)


def show_calendar(console: Console, instruments: Sequence[InstrumentStatus]) -> None:
    """The calendars of the instruments, and what the characters mean."""
    screen = min(console.width, 1000) if console.is_terminal else 80
    cell = WIDE if _width(WIDE) <= screen else CLOSE
    across = max(1, (screen + BETWEEN) // (_width(cell) + BETWEEN))
    for place in range(0, len(instruments), across):
        blocks = [list(_block(it, cell)) for it in instruments[place : place + across]]
        for number in range(max(map(len, blocks))):
            line = Text(no_wrap=True)
            for column, block in enumerate(blocks):
                line.append(" " * (column * (_width(cell) + BETWEEN) - line.cell_len))
                line.append_text(block[number] if number < len(block) else Text())
            show(console, line)
    for line in legend(screen):
        show(console, line)


def legend(width: int) -> list[Text]:
    """What the characters mean, in lines of at most ``width``."""
    lines: list[Text] = []
    for character, meaning, style in LEGEND:
        item = Text.assemble((character, style), f" {meaning}")
        if not lines or lines[-1].cell_len + BETWEEN + item.cell_len > width:
            lines.append(item)
        else:
            lines[-1].append(" " * BETWEEN).append_text(item)
    return lines


def _width(cell: int) -> int:
    return LABEL + 31 * cell - (cell - 1)


def _block(instrument: InstrumentStatus, cell: int) -> Iterator[Text]:
    """One instrument: its name with the ruler, then a line per month, months never asked for folded into one."""
    ruler = Text(instrument.instrument, style="bold")
    for day in RULER:
        place = LABEL + (day - 1) * cell
        if place > ruler.cell_len:  # else the name is that long
            ruler.append(" " * (place - ruler.cell_len)).append(f"{day}", style="not bold dim")
    yield ruler
    months = [list(days) for _, days in groupby(instrument.calendar, key=lambda cell: (cell.day.year, cell.day.month))]
    for unknown, group in groupby(months, key=_is_unknown):
        stretch = list(group)
        if unknown and len(stretch) > 1:
            first, last = stretch[0][0].day, stretch[-1][0].day
            yield Text(f"{first:%Y-%m} … {last:%Y-%m} never asked for", style="dim")
            continue
        for month in stretch:
            yield _month(month, cell)


def _is_unknown(month: Sequence[DayStanding]) -> bool:
    return all(day.standing is Standing.NEVER_ASKED for day in month)


def _month(days: Sequence[DayStanding], cell: int) -> Text:
    line = Text(f"{days[0].day:%Y-%m} ")
    for day in days:
        line.append(" " * (_place(day.day, cell) - line.cell_len))
        line.append(*symbol(day))
    return line


def _place(day: date, cell: int) -> int:
    return LABEL + (day.day - 1) * cell


def symbol(day: DayStanding) -> tuple[str, str]:
    """The character of a day, and its style."""
    if day.standing is Standing.NEVER_ASKED:
        return NEVER_ASKED, "dim"
    if day.standing is Standing.NO_ACCESS:
        return NO_ACCESS, "magenta"
    if day.standing is Standing.FAILED:
        return FAILED, "bold red reverse"
    if day.standing is Standing.NO_DATA:
        return NO_DATA, ""
    if day.standing is Standing.INCOMPLETE:
        return UNDER_WAY, "cyan"
    pct = day.availability_pct or 0.0
    style = "green" if pct >= 90 else "yellow" if pct >= 50 else "red"
    return (FULL if pct >= 100 else str(int(pct // 10))), style
