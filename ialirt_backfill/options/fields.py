"""One field of an options dataclass: at once a flag of the command line, a setting, and a field of a flow's form."""

import dataclasses
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.forms import write_duration

_T = TypeVar("_T")


def option(
    default: Any,
    help: str,
    *,
    flags: Sequence[str] = (),
    parse: Callable[[str], object] | None = None,
    metavar: str | None = None,
    env: str | None = None,
    choices: Sequence[str] | None = None,
    nargs: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of an options dataclass.

    ``help`` serves the command line and, as ``description``, the form of the flow. ``env`` names the environment
    variable that gives the default and makes the field a setting that files may hold too (see `settings`). What is
    ``secret`` stays out of a repr.
    """
    metadata: dict[str, Any] = {"help": help.replace("%", "%%"), "description": help}
    if flags:
        metadata["args"] = list(flags)
    if parse is not None:
        metadata["type"] = _as_argument(parse)
    if metavar is not None:
        metadata["metavar"] = metavar
    if choices is not None:
        metadata["choices"] = list(choices)
    if nargs is not None:
        metadata["nargs"] = nargs
    marks = []
    if default not in (None, "") and not isinstance(default, bool):
        marks.append(f"default {write_duration(default) if isinstance(default, timedelta) else default}")
    if env is not None:
        metadata["env"] = env
        marks.append(f"env {env}")
    if marks:
        metadata["help"] += f" [{', '.join(marks)}]"
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def _as_argument(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """A parser whose complaints argparse shows as they are."""

    def parsed(text: str) -> _T:
        try:
            return parse(text)
        except UsageError as error:
            raise ArgumentTypeError(str(error)) from None

    return parsed


def checked(value: object, good: bool, message: str) -> None:
    """Raise UsageError where a value that was given is not good."""
    if value is not None and not good:
        raise UsageError(message)
