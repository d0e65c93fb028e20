"""What a flow's form leaves empty: the environment of the worker, and Prefect's Secret blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows import blocks
from flows.blocks import secret
from flows.forms import Form, Options, title
from flows.logs import is_last_word
from ialirt_backfill.exceptions import IalirtBackfillError, UnknownInstrument, UsageError
from ialirt_backfill.options import WorkOptions
from ialirt_backfill.options.datastore import means_own_ledger
from ialirt_backfill.options.key import read_key
from ialirt_backfill.options.settings import named_by_source, of_environment, values
from ialirt_backfill.options.texts import full_path
from ledger import LedgerError
from ledger.addresses import without_secrets


def completed(form: Form[Options], parameters: Options | Mapping[str, object]) -> Options:
    """The options of a flow, checked; what is left empty comes from the Secret blocks or the environment.

    But not the ledger of a demonstration. Raises UsageError.
    """
    given = form.given(parameters)
    _refuse_passwords(given)
    if "datastore" in given:
        given["datastore"] = full_path("--datastore", given["datastore"])
    found = of_environment(fields(form.kind))
    chosen = values(form.kind, found, given) | given
    stands: dict[str, Any] = {field.name: field.default for field in fields(form.kind)}
    stands |= chosen
    own = means_own_ledger(stands["datastore"], demo=stands.get("demo", False))
    if "ledger" not in given and not own and (ledger := secret(blocks.LEDGER_BLOCK)):
        chosen["ledger"] = ledger
    if "database" in stands and "database" not in given and (database := secret(blocks.DATABASE_BLOCK)):
        chosen["database"] = database
    as_of = chosen.get("as_of")
    if as_of is not None and as_of.tzinfo is None:
        chosen["as_of"] = as_of.replace(tzinfo=UTC)
    try:
        return form.kind(**chosen)
    except UsageError as error:
        named = named_by_source(error, [found[name] for name in found.keys() - given.keys()])
        if named is error and isinstance(error, UnknownInstrument):
            raise UsageError(f"--instrument: {error}") from None
        raise named from None


def _refuse_passwords(given: Mapping[str, Any]) -> None:
    """Prefect keeps what stands in a form and shows it to every reader of the page."""
    for name, block in (("ledger", blocks.LEDGER_BLOCK), ("database", blocks.DATABASE_BLOCK)):
        address = given.get(name)
        if address is None:
            continue
        if without_secrets(address) != address or (name == "database" and _has_secret(address)):
            raise UsageError(
                f"{title(name)}: the address holds a password, which Prefect keeps and shows to everybody: put it into"
                f" the Secret block {block}, delete this run, and change the password"
            )


def _has_secret(database: str) -> bool:
    """Whether the address of a mirror's database holds a password."""
    from ialirt_backfill.mirror.address import DatabaseAddress  # noqa: PLC0415 - the other flows need no mirror's extra

    return DatabaseAddress(database).has_secret


def api_key(options: WorkOptions) -> str | None:
    """The key to I-ALiRT: from the Secret block, else from the file or the environment; None where there is none."""
    return None if options.demo else secret(blocks.KEY_BLOCK) or read_key(options)


def in_one_sentence(form: Form[Any], run: Callable[[], State[None]]) -> State[None]:
    """Run a flow; what a person or a database can be the cause of fails it with one sentence, in the form's words."""
    try:
        state = run()
    except (IalirtBackfillError, LedgerError) as error:
        sentence = form.words(str(error))
        get_run_logger().error("%s", sentence)
        state = Failed(message=sentence)
    if state.is_failed() and state.message:
        is_last_word(state.message)
    return state
