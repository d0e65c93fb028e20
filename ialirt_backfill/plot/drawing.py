"""From options to a picture, and from a picture to a file."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ialirt_backfill.exceptions import DayFileError, UsageError
from ialirt_backfill.instruments.boards import BoardKind, LeftOut
from ialirt_backfill.options import ALL, PlotOptions, parse_picture
from ialirt_backfill.options.datastore import is_marked
from ialirt_backfill.plot import coverage, look, orbit, sheet
from ialirt_backfill.plot.choosing import board_of
from ialirt_backfill.plot.gathering import gather
from ialirt_backfill.plot.window import GRID_BINS, Window, moment_of
from ialirt_backfill.read.asked import asked
from ialirt_backfill.store import disk

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""Says in Unix seconds when a picture is said to have been drawn, so that the same data make the same bytes."""

_LONGEST_WRITING = 60.0
"""Seconds: what is being written for longer is of a process that was killed, not of another one that draws the same."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that was drawn: its file, what it shows and what it does not, and its newest record."""

    file: Path
    title: str
    start: datetime
    stop: datetime
    newest: datetime | None
    left_out: tuple[LeftOut, ...] = ()


def figure(options: PlotOptions) -> Figure:
    """The picture that the options describe, as a matplotlib Figure."""
    with _style():
        return _figure(options)[0]


def draw(options: PlotOptions, file: Path) -> Drawn:
    """Draw into a file, whole or not at all, and remove what a drawing that was killed has left beside it."""
    kind = parse_picture("--out", str(file))
    with _style():
        picture, header = _figure(options)
        data = _written(picture, kind, header)
    with contextlib.suppress(DayFileError):  # a folder may be written into and yet not be read
        disk.sweep(file, untouched_seconds=_LONGEST_WRITING)
    staged = disk.stage(disk.followed(file), [data], secrets.token_hex(4))
    try:
        disk.publish(staged.temporary, disk.followed(file))
    except BaseException:
        disk.discard(staged.temporary)
        raise
    return Drawn(file, header.title, header.window.start, header.window.stop, header.newest, header.left_out)


def _figure(options: PlotOptions) -> tuple[Figure, sheet.Header]:
    now = options.as_of or datetime.now(UTC)
    window = Window.of(options.days(now), now)
    asked(options.datastore, ALL, window.start, window.stop)  # it refuses what is no datastore
    board = board_of(options)

    def header(newest: datetime | None, left_out: Iterable[LeftOut] = ()) -> sheet.Header:
        gone = (*board.left_out, *left_out)
        return sheet.Header(board.title, window, newest, _drawn_at(), is_marked(options.datastore), gone)

    if board.kind is BoardKind.COVERAGE:
        found = coverage.look_up(options, window)
        above = header(found.newest, found.left_out)
        return coverage.paint(found, above), above
    if board.instrument is not None:
        track = orbit.read(board, board.instrument, options.datastore, window)
        above = header(track.newest)
        return orbit.paint(track, above), above
    if board.kind is BoardKind.GRID:
        window = replace(window, columns=GRID_BINS // min(board.across, len(board.panels)))
    gathered = gather(options.datastore, board.panels, window)
    newest = max((it.newest for it in gathered if it.newest is not None), default=None)
    above = header(None if newest is None else moment_of(newest))
    if board.kind is BoardKind.GRID:
        return sheet.grid(gathered, board.across, above), above
    return sheet.stack(gathered, above), above


def _drawn_at() -> datetime:
    """When it is said to be drawn. Raises UsageError."""
    text = os.environ.get(EPOCH_VARIABLE, "").strip()
    if not text:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"the environment variable {EPOCH_VARIABLE} is not a number of Unix seconds: {text}") from None


@contextlib.contextmanager
def _style() -> Iterator[None]:
    """The look of our pictures, whatever matplotlib is set to."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(look.STYLE)
        yield


def _written(picture: Figure, kind: str, header: sheet.Header) -> bytes:
    """A picture as a file. What it says of itself does not change from one drawing to the next."""
    FigureCanvasAgg(picture)
    about: dict[str, object] = {"Title": f"IMAP I-ALiRT {header.title}"}
    how: dict[str, Any] = {}
    if kind == "png":
        about |= {"Software": "ialirt-backfill"}
        how["pil_kwargs"] = {"compress_level": _LEVEL}
    elif kind == "svg":
        about |= {"Date": header.drawn.isoformat(), "Creator": "ialirt-backfill"}
    else:
        about |= {"CreationDate": header.drawn, "Creator": "ialirt-backfill", "Producer": "matplotlib"}
    data = io.BytesIO()
    picture.savefig(data, format=kind, metadata=about, **how)
    return data.getvalue()


_LEVEL = 3
"""Of a PNG's compression: a board takes two thirds of the time that the usual 6 takes, and is no larger."""
