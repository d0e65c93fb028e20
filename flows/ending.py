"""How a flow ends: completed, or failed with a message that names what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import Form

_MOST_NAMED = 20


def first_of(failed: Sequence[str], most: int = _MOST_NAMED) -> str:
    """What failed, the first of it by name, and how much more there is."""
    more = f"; and {len(failed) - most} more" if len(failed) > most else ""
    return f"{'; '.join(failed[:most])}{more}"


def ended(form: Form[Any], told: str, *, well: bool, failed: str) -> State[None]:
    """The state of a flow that has done what it can. ``told`` counts it; ``failed`` says why it is not ``well``."""
    return Completed(message=told) if well else Failed(message=form.words(f"{told}: {failed}"))
