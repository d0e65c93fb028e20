"""Pictures of the last days, kept fresh in a folder. When it runs is said in prefect-quicklook.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

import ialirt_backfill.own_flows  # noqa: F401 - before what it guards
from flows.artifacts import show_pictures
from flows.ending import ended, first_of
from flows.forms import LEFT_EMPTY, QUICKLOOK
from flows.logs import library_logs
from flows.origin import Origin
from flows.settings import completed, in_one_sentence
from ialirt_backfill.options import QuicklookOptions
from ialirt_backfill.options.datastore import is_marked
from ialirt_backfill.plot import require
from ialirt_backfill.plot.daily import Daily, draw_daily

NAME = "ialirt-quicklook"


@flow(name=NAME)
def quicklook(options: Annotated[QuicklookOptions | Mapping[str, object], QUICKLOOK] = LEFT_EMPTY) -> State[None]:
    """Draw the boards of the last days whose data changed since they were last drawn.

    Args:
        options: which boards and days, and where to; what is left empty comes from the worker's environment
    """
    return in_one_sentence(QUICKLOOK, lambda: _quicklook(completed(QUICKLOOK, options)))


def _quicklook(options: QuicklookOptions) -> State[None]:
    require()
    log = get_run_logger()
    found = []
    with library_logs():
        for picture in draw_daily(options):
            found.append(picture)
            if picture.error is not None:
                log.error("%s: %s", picture.file, picture.error)
    origin = Origin.of(options, synthetic=is_marked(options.datastore))
    rows = [(it.board, it.day, link(options, it.file), it.error) for it in found]
    show_pictures(NAME, rows, options.folder, origin)
    return _state(found, origin)


def link(options: QuicklookOptions, file: Path) -> str:
    """Where a picture is to be looked at: on the web where its folder is served, else on the worker's disk."""
    if options.address is None:
        return file.absolute().as_uri()
    return f"{options.address.rstrip('/')}/{file.relative_to(options.folder).as_posix()}"


def _state(found: Sequence[Daily], origin: Origin) -> State[None]:
    """Failed where a picture failed, with a message that says why."""
    drawn = sum(it.drawn is not None for it in found)
    by_error = {it.error: f"{it.board} {it.day or 'latest'}: {it.error}" for it in found if it.error is not None}
    told = origin.flagged(f"{drawn} pictures drawn, {sum(it.error is not None for it in found)} failed")
    return ended(QUICKLOOK, told, well=not by_error, failed=first_of(list(by_error.values()), 5))
