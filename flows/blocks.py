"""Prefect's Secret blocks: what does not belong into a form, because every reader of the page would see it."""

from __future__ import annotations

from typing import Any, cast

from prefect.blocks.system import Secret

KEY_BLOCK = "ialirt-api-key"
LEDGER_BLOCK = "ialirt-ledger-url"
DATABASE_BLOCK = "ialirt-mirror-database"


def secret(name: str) -> str | None:
    """What a Secret block holds, None where there is no such block."""
    try:
        block = cast("Secret[Any]", Secret.load(name))  # a flow without async is never given the coroutine
    except ValueError:  # Prefect's word for a block that does not exist
        return None
    return str(block.get()).strip() or None
