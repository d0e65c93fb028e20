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
_BETWEEN = 2
WIDE, CLOSE = 2, 1
"""How many characters a day takes."""
ROUND_ABOUT = 6
"""How many lines stand around the calendars: the range above, the legend and what was never asked for below."""

FULL, UNDER_WAY, NO_DATA, FAILED, NO_ACCESS, NEVER_ASKED = "■", ">", "·", "x", "k", "-"
LEGEND = (
    (FULL, "full: 100 %", "green"),
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
    """The calendars of the instruments, and what the characters mean; what was never asked for is said once."""
    screen = min(console.width, 1000) if console.is_terminal else 80
    height = console.height if console.is_terminal else 1000
    for line in _calendars(instruments, screen, height):
        show(console, line)
    if any(it.was_asked for it in instruments):
        for line in legend(screen):
            show(console, line)


def _calendars(instruments: Sequence[InstrumentStatus], screen: int, height: int) -> list[Text]:
    """The days wide apart where they fit on the screen so, else close together."""
    unasked = [it.instrument for it in instruments if not it.was_asked]
    asked = [it for it in instruments if it.was_asked]
    common = _months_unknown_to_all(asked) if len(asked) > 1 else set()
    wide, close = (_side_by_side(asked, common, cell, screen) for cell in (WIDE, CLOSE))
    fits = _width(WIDE) <= screen and (len(wide) + ROUND_ABOUT <= height or len(wide) == len(close))
    lines = wide if fits else close
    lines += [Text(f"all: {stretch} never asked for", style="dim") for stretch in _stretches(sorted(common))]
    if unasked:
        lines.append(Text(f"{', '.join(unasked)}: never asked for", style="dim"))
    return lines


def _side_by_side(instruments: Sequence[InstrumentStatus], common: set[date], cell: int, screen: int) -> list[Text]:
    """As many calendars beside one another as fit; ``common`` are the first days of months that need no line here."""
    across = max(1, (screen + _BETWEEN) // (_width(cell) + _BETWEEN))
    lines = []
    for place in range(0, len(instruments), across):
        blocks = [list(_block(it, common, cell)) for it in instruments[place : place + across]]
        for number in range(max(map(len, blocks))):
            line = Text(no_wrap=True)
            for column, block in enumerate(blocks):
                line.append(" " * (column * (_width(cell) + _BETWEEN) - line.cell_len))
                line.append_text(block[number] if number < len(block) else Text())
            lines.append(line)
    return lines


def _months_unknown_to_all(instruments: Sequence[InstrumentStatus]) -> set[date]:
    """The first days of the months in which nothing was asked for of any instrument."""
    unknown = [{_month_of(month[0].day) for month in _months(it) if _is_unknown(month)} for it in instruments]
    return set.intersection(*unknown)


def _month_of(day: date) -> date:
    return day.replace(day=1)


def _months(instrument: InstrumentStatus) -> list[list[DayStanding]]:
    return [list(days) for _, days in groupby(instrument.calendar, key=lambda cell: _month_of(cell.day))]


def _stretches(months: Sequence[date]) -> Iterator[str]:
    """Months that follow one another, as their first and last: ``2026-03 … 2026-11``."""
    for _, group in groupby(enumerate(months), key=lambda it: it[1].year * 12 + it[1].month - it[0]):
        stretch = [month for _, month in group]
        yield f"{stretch[0]:%Y-%m}" + (f" … {stretch[-1]:%Y-%m}" if len(stretch) > 1 else "")


def legend(width: int) -> list[Text]:
    """What the characters mean, in lines of at most ``width``."""
    lines: list[Text] = []
    for character, meaning, style in LEGEND:
        item = Text.assemble((character, style), f" {meaning}")
        if not lines or lines[-1].cell_len + _BETWEEN + item.cell_len > width:
            lines.append(item)
        else:
            lines[-1].append(" " * _BETWEEN).append_text(item)
    return lines


def _width(cell: int) -> int:
    return LABEL + 31 * cell - (cell - 1)


def _block(instrument: InstrumentStatus, common: set[date], cell: int) -> Iterator[Text]:
    """One instrument: its name with the ruler, then a line per month, months never asked for folded into one."""
    ruler = Text(instrument.instrument, style="bold")
    for day in RULER:
        place = LABEL + (day - 1) * cell
        if place > ruler.cell_len:  # else the name is that long
            ruler.append(" " * (place - ruler.cell_len)).append(f"{day}", style="not bold dim")
    yield ruler
    for unknown, group in groupby(_months(instrument), key=_is_unknown):
        stretch = list(group)
        names = [_month_of(month[0].day) for month in stretch]
        if unknown and common.issuperset(names):
            continue
        if unknown and len(stretch) > 1:
            yield Text(f"{next(_stretches(names))} never asked for", style="dim")
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
