"""The options of the HAPI server."""

import re
from dataclasses import dataclass
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.commands.groups import StoreOptions
from ialirt_backfill.options.commands.known import Known
from ialirt_backfill.options.commands.shared import catalogue_field, instrument_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import parse_count

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ServeOptions(StoreOptions, Known):
    """Serve the daily files by HAPI, to hapiclient, Autoplot, pySPEDAS or a browser, at /hapi.

    It answers from the files and the ledger alone, asks I-ALiRT for nothing and writes nothing.
    """

    host: str = option(
        "127.0.0.1",
        "address to listen at; with any but this machine's own, whoever reaches it can read: there is no login",
        metavar="ADDRESS",
        env="IALIRT_SERVE_HOST",
    )
    port: int = option(
        8080, "port to listen at; 0: any that is free", parse=parse_count, metavar="N", env="IALIRT_SERVE_PORT"
    )
    prefix: str = option(
        "", "path before /hapi, as a proxy in front has it: /ialirt", metavar="PATH", env="IALIRT_SERVE_PREFIX"
    )
    restricted: bool = option(
        False,
        "beyond this machine, too, serve what I-ALiRT shows to keys with a scope only: for a network of those who"
        " may see it",
        env="IALIRT_SERVE_RESTRICTED",
    )
    contact: str = option(
        "whoever runs this server", "whom to ask about this server", metavar="TEXT", env="IALIRT_SERVE_CONTACT"
    )
    instrument: Optional[str] = instrument_field(says="serve these only: a comma-separated list, or all")
    catalogue: Optional[str] = catalogue_field()
    demo: bool = option(False, "fetch two days from a built-in simulator first, and serve these: synthetic data")

    def __post_init__(self) -> None:
        checked(self.host, bool(self.host.strip()), "--host is empty: name an address, as 127.0.0.1")
        checked(self.port, 0 <= self.port <= LAST_PORT, f"--port {self.port}: between 0 and {LAST_PORT}")
        object.__setattr__(self, "prefix", self.prefix.rstrip("/"))
        good = _PATH.fullmatch(self.prefix) is not None
        checked(self.prefix, good, f"--prefix {self.prefix!r}: a path that begins with /, as /ialirt")
        checked(self.contact, bool(self.contact.strip()), "--contact is empty: say whom to ask")
        if self.demo and self.ledger is not None:
            raise UsageError("--ledger does not go with --demo: a demonstration keeps its ledger in its own datastore")
        super().__post_init__()
