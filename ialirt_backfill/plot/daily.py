"""Boards day by day in a folder of their own, ``quicklook/<board>/YYYY/MM/…png``: each drawn when its data changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ialirt_backfill.exceptions import IalirtBackfillError
from ialirt_backfill.instruments import LAUNCH, Board, Instrument
from ialirt_backfill.options import PlotOptions, QuicklookOptions
from ialirt_backfill.plot.drawing import Drawn, draw
from ialirt_backfill.read.days import file_of
from ledger import LedgerError

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Daily:
    """A picture in the folder. ``day`` is None for the newest of all; ``drawn`` where it was drawn just now."""

    board: str
    day: date | None
    file: Path
    drawn: Drawn | None = None
    error: str | None = None


def draw_daily(options: QuicklookOptions) -> Iterator[Daily]:
    """Draw what is not there yet, or older than the data that it shows; one that fails takes no other with it."""
    now = options.as_of or datetime.now(UTC)
    for picture in options.pictures:
        board = picture.board_drawn
        if board is None:
            continue
        folder = Path(options.folder) / "quicklook" / board.name
        any_drawn = False
        for day in options.days(now):
            file = folder / f"{day:%Y}" / f"{day:%m}" / f"imap_ialirt_{board.name}_{day:%Y%m%d}.png"
            found = _drawn(picture, board, day, file)
            any_drawn = any_drawn or found.drawn is not None
            yield found
        newest = folder / "latest.png"
        if any_drawn or not newest.exists():
            yield _attempt(picture, Daily(board.name, None, newest))
        else:
            yield Daily(board.name, None, newest)


def _drawn(picture: PlotOptions, board: Board, day: date, file: Path) -> Daily:
    known = Daily(board.name, day, file)
    if file.exists() and _changed(picture, board, day) <= file.stat().st_mtime:
        return known
    first = day if board.panels else max(LAUNCH, day - board.last + _DAY)
    return _attempt(replace(picture, start=first, end=day), known)


def _attempt(picture: PlotOptions, known: Daily) -> Daily:
    try:
        return replace(known, drawn=draw(picture, known.file))
    except (IalirtBackfillError, LedgerError) as error:
        return replace(known, error=str(error))


def _changed(picture: PlotOptions, board: Board, day: date) -> float:
    """When the data of a day were changed, in Unix seconds; 0 where there are none."""
    files = [file_of(Path(picture.datastore), it, day) for it in _shown(picture, board)]
    return max((file.stat().st_mtime for file in files if file is not None), default=0.0)


def _shown(picture: PlotOptions, board: Board) -> tuple[Instrument, ...]:
    if board.panels:
        return tuple(dict.fromkeys(panel.instrument for panel in board.panels))
    return picture.instruments if board.instrument is None else (board.instrument,)
