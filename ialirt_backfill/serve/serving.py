"""A server from its beginning to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ialirt_backfill.ending import Stop
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import ServeOptions
from ialirt_backfill.options.extras import installing
from ialirt_backfill.serve import memory
from ialirt_backfill.serve.access import is_local
from ialirt_backfill.serve.hapi import Hapi
from ialirt_backfill.serve.holdings import Holdings


def serve(options: ServeOptions, *, tell: Callable[[str], None], stop: Stop) -> None:
    """Serve until ``stop`` is set; answers in flight then end. ``tell`` is given the address when it is ready.

    Raises UsageError where the address cannot be had, or the extra that it needs is not there; ServerEnded.
    """
    if find_spec("cheroot") is None:
        raise UsageError(f"serve needs cheroot: {installing('serve')}")
    from ialirt_backfill.serve.server import Server  # noqa: PLC0415 - for who has the extra

    logging.captureWarnings(True)  # of cells that a column cannot hold: they belong into the log
    memory.share()
    holdings = Holdings(options)
    hapi = Hapi(
        Path(options.datastore),
        holdings,
        options.instruments,
        contact=options.contact,
        prefix=options.prefix,
        restricted=options.restricted,
        exposed=bool(options.prefix) or not is_local(options.host),
    )
    try:
        holdings.known()
        with Server(hapi, options.host, options.port, options.prefix) as server:
            tell(server.url)
            server.wait(stop)
    finally:
        holdings.close()
