"""The mirror: daily files into PostgreSQL or SQLite with crump, each day as often as its content has changed.

A day is loaded where its file's checksum is not the one last loaded into that table, as the ledger remembers it. It is
remembered when all of the day is there, so that a load that was killed is made again. docs/mirror.md tells the rest.
"""

from __future__ import annotations

from importlib.util import find_spec

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.options.extras import installing

if find_spec("crump") is None:
    raise MirrorError(f"the mirror needs crump: {installing('mirror')}")
