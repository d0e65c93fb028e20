"""The options of a run as the ledger remembers them."""

from __future__ import annotations

from dataclasses import asdict

from ialirt_backfill.options.commands.groups import StoreOptions
from ledger.addresses import without_secrets


def recorded(options: StoreOptions, **shown: str) -> dict[str, object]:
    """Every option by name: as text where JSON has no form, and without secrets. ``shown`` goes before its own."""
    values: dict[str, object] = {
        name: value if isinstance(value, bool | int | float | None) else without_secrets(str(value))
        for name, value in asdict(options).items()
    }
    return values | shown
