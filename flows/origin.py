"""Where the days of a run are, and whether they are real: said wherever a run is seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ialirt_backfill.options import StoreOptions
from ialirt_backfill.store.demonstration import SYNTHETIC
from ledger.addresses import sqlite_url, without_secrets


@dataclass(frozen=True, slots=True)
class Origin:
    """The datastore, absolute, and the ledger without its password. ``synthetic``: the days are of a demonstration."""

    datastore: str
    ledger: str
    synthetic: bool

    @classmethod
    def of(cls, options: StoreOptions, *, synthetic: bool) -> Origin:
        """That of a run with these options."""
        file = options.ledger_file
        ledger = sqlite_url(file.absolute()) if file is not None else without_secrets(options.ledger_url)
        return cls(str(Path(options.datastore).absolute()), ledger, synthetic)

    @property
    def place(self) -> str:
        """Where the files and the ledger are, in words."""
        return f"datastore {self.datastore}, ledger {self.ledger}"

    def flagged(self, words: str) -> str:
        """Words, after saying that what they are about is synthetic, where it is."""
        return f"{SYNTHETIC} {words}" if self.synthetic else words

    def described(self, words: str) -> str:
        """What stands above an artifact."""
        return f"{self.flagged(words)}; {self.place}"
