"""What a flow's parameters leave open: the environment of the worker, and Prefect's Secret blocks."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC
from typing import Any, TypeVar, cast

from prefect.blocks.system import Secret

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import StoreOptions, WorkOptions
from ialirt_backfill.options.datastore import means_own_ledger
from ialirt_backfill.options.key import read_key
from ialirt_backfill.options.settings import of_environment, values
from ledger.addresses import without_secrets

KEY_BLOCK = "ialirt-api-key"
LEDGER_BLOCK = "ialirt-ledger-url"

Options = TypeVar("Options", bound=StoreOptions)


def completed(options: Options) -> Options:
    """The options of a flow, checked again; what stands at its default comes from the Secret block or the environment.

    But not the ledger of a demonstration. Raises UsageError, also where an address given as a parameter holds a
    password: Prefect keeps it, and shows it to every reader of the page.
    """
    if options.ledger is not None and without_secrets(options.ledger) != options.ledger:
        raise UsageError(
            f"the ledger's address holds a password, which Prefect keeps and shows: put it in the Secret {LEDGER_BLOCK}"
            " or in the worker's environment, and change the password"
        )
    kind = type(options)
    found = of_environment(fields(kind))
    stands = {field.name: getattr(options, field.name) for field in fields(kind)}
    given = {field.name: stands[field.name] for field in fields(kind) if stands[field.name] != field.default}
    changes = values(kind, found, given)
    stands |= changes
    own = means_own_ledger(stands["datastore"], demo=stands.get("demo", False))
    if options.ledger is None and not own and (ledger := secret(LEDGER_BLOCK)):
        changes["ledger"] = ledger
    as_of = getattr(options, "as_of", None)
    if as_of is not None and as_of.tzinfo is None:
        changes["as_of"] = as_of.replace(tzinfo=UTC)
    return replace(options, **changes)


def api_key(options: WorkOptions) -> str | None:
    """The key to I-ALiRT: from the Secret block, else from the file or the environment; None where there is none."""
    return None if options.demo else secret(KEY_BLOCK) or read_key(options)


def secret(name: str) -> str | None:
    """What a Secret block holds, None where there is no such block."""
    try:
        block = cast("Secret[Any]", Secret.load(name))  # a flow without async is never given the coroutine
    except ValueError:  # Prefect's word for a block that does not exist
        return None
    return str(block.get()).strip() or None
