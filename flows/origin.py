"""Where the days of a run are, and whether they are real: said wherever a run is seen."""

from __future__ import annotations

from dataclasses import dataclass

from ialirt_backfill.options import StoreOptions
from ialirt_backfill.store.demonstration import SYNTHETIC


@dataclass(frozen=True, slots=True)
class Origin:
    """The datastore, absolute, and the ledger without its password. ``synthetic``: the days are of a demonstration."""

    datastore: str
    ledger: str
    synthetic: bool

    @classmethod
    def of(cls, options: StoreOptions, *, synthetic: bool) -> Origin:
        """That of a run with these options."""
        return cls(options.datastore_shown, options.ledger_shown, synthetic)

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
