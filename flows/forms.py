"""The form of a flow, made from the options of a command: what Prefect's page draws, and what comes back from it.

A form leaves out what is for a terminal, and what of the options a flow decides itself. What is left empty is decided
where the flow runs.
"""

from __future__ import annotations

import difflib
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from datetime import date, timedelta
from typing import Any, Generic, TypeVar, get_args

from flows.blocks import DATABASE_BLOCK, KEY_BLOCK, LEDGER_BLOCK
from ialirt_backfill.exceptions import IalirtBackfillError, UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import (
    ALL,
    BackfillOptions,
    ExportOptions,
    MirrorOptions,
    PollOptions,
    QuicklookOptions,
    StoreOptions,
    write_duration,
)
from ialirt_backfill.options.catalogues import CATALOGUE_VARIABLE, catalogue_of
from ialirt_backfill.options.settings import parsed
from ledger.addresses import SECRET_KEYS

FOR_A_TERMINAL = {"json", "verbose", "quiet", "as_of"}
ADDRESSES = {"ledger", "database"}
"""What may not hold a password in a form."""

BLOCKS = {"ledger": LEDGER_BLOCK, "database": DATABASE_BLOCK, "api_key_file": KEY_BLOCK}
"""The Secret blocks that go before what the environment says."""

LEFT_EMPTY: dict[str, object] = {}
"""A form in which nothing was filled in."""

_ABBREVIATIONS = {"url": "URL", "api_key_file": "API key file"}
_NO_SECRET = rf"^(?!.*://[^:/@]*:.*@)(?!.*({'|'.join(SECRET_KEYS)})=).*$"
_A_DURATION = r"^(\d+(\.\d+)? ?[A-Za-z]+|[Pp][0-9A-Za-z.]+)$"
_OPTION = re.compile(r"--(?:no-)?([a-z][a-z-]*[a-z])")

Options = TypeVar("Options", bound=StoreOptions)


class Form(Generic[Options]):
    """The form of one class of options, for the annotation of a flow's parameter.

    The schema holds what must be right before Prefect keeps a run, for the server checks by it. Whatever comes then is
    taken, so that the flow can complain of it in one sentence.
    """

    def __init__(self, kind: type[Options], *, required: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.required = required
        left_out = FOR_A_TERMINAL | set(without)
        self.fields = {field.name: field for field in fields(kind) if field.name not in left_out}

    # --- what the page draws ------------------------------------------------------------------------------------------

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema  # noqa: PLC0415 - Prefect has loaded it by then

        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return self.schema()

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the form."""
        drawn = [
            {"position": place, "title": title(name), "description": self._description(field), **_drawn(field)}
            for place, (name, field) in enumerate(self.fields.items())
        ]
        return {
            "type": "object",
            "properties": dict(zip(self.fields, drawn, strict=True)),
            "required": list(self.required),
            "additionalProperties": False,
        }

    def _description(self, field: Field[Any]) -> str:
        said = self.words(_PLAIN.get(field.name) or field.metadata["description"])
        said = re.sub(r"<(\w+)>", r"\1", said)  # the page takes it for a tag
        said = said[0].upper() + said[1:]
        if _kind(field) is timedelta and "PT" not in said:
            said += ", written as 90s, 5m, 1h or 1d"
        if field.name not in self.required and (empty := _left_empty(field)):
            said += f". Left empty: {empty}"
        return said

    # --- what comes back ----------------------------------------------------------------------------------------------

    def given(self, parameters: Options | Mapping[str, object]) -> dict[str, Any]:
        """What was filled in, by field. Raises UsageError.

        Of options that were made in Python it is what does not stand at its default.
        """
        if isinstance(parameters, self.kind):
            stands = [(field, getattr(parameters, field.name)) for field in fields(self.kind)]
            return {field.name: value for field, value in stands if value != field.default}
        if not isinstance(parameters, Mapping):
            raise UsageError('the parameter options is not a form: write it as {"instrument": ["hit"]}')
        for name in parameters.keys() - self.fields.keys():
            near = difflib.get_close_matches(str(name), self.fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.fields)}"
            raise UsageError(f"the form has no {str(name)!r}; {hint}")
        filled = {name: value for name, value in parameters.items() if value is not None and value not in ("", [])}
        return {name: _meant(self.fields[name], value) for name, value in filled.items()}

    def words(self, sentence: str) -> str:
        """A sentence about options, with the fields of this form by the names that they have in it."""

        def named(match: re.Match[str]) -> str:
            name = match[1].replace("-", "_")
            return title(name) if name in self.fields else match[0]

        return _OPTION.sub(named, sentence)


def title(name: str) -> str:
    """How a field is called in the form."""
    return _ABBREVIATIONS.get(name) or name.replace("_", " ").capitalize()


_PLAIN = {
    "instrument": f"one or more of the instruments; {ALL} is every one that the API key may have",
    "max_rate": "requests per second, at most: 2 or 0.5",
    "api_key_file": "file on the worker that holds the API key; the key itself belongs into the Secret block",
    "ledger": "the ledger's database, without a password: an address that has one belongs into the Secret block",
    "database": "where to, without a password: an address that has one belongs into the Secret block",
}
"""What is said otherwise in a form than on the command line."""


def _kind(field: Field[Any]) -> Any:
    """The type of a field: of ``Optional[X]`` and of ``Annotated[X, …]`` it is X."""
    kind = field.type
    while arguments := get_args(kind):
        kind = arguments[0]
    return kind


def _drawn(field: Field[Any]) -> dict[str, Any]:
    """How a field is drawn: a list to choose from, a date picker, a switch, a number or a line of text."""
    kind = _kind(field)
    if field.name == "instrument":
        return {"type": "array", "items": {"type": "string", "enum": [*_instruments(), ALL]}, "minItems": 1}
    if kind is bool:
        return {"type": "boolean"} if "env" in field.metadata else {"type": "boolean", "default": False}
    if kind is date:
        return {"type": "string", "format": "date"}
    if kind is timedelta:
        return {"type": "string", "pattern": _A_DURATION, "examples": ["90s", "5m", "1h", "1d", "PT5M"]}
    if kind in (int, float):
        return {"type": "integer" if kind is int else "number"}
    return {"type": "string", "pattern": _NO_SECRET} if field.name in ADDRESSES else {"type": "string"}


def _instruments() -> list[str]:
    """Those that are known where the form is made: by the program, and by the catalogue that the environment names.

    A catalogue that is wrong must not keep a worker from loading the flow, which then says what is wrong with it.
    """
    try:
        return list(catalogue_of(os.environ.get(CATALOGUE_VARIABLE)).instruments)
    except IalirtBackfillError:
        return list(INSTRUMENTS)


def _left_empty(field: Field[Any]) -> str:
    """What holds where a field is left empty, where its description does not say it."""
    default = field.default
    if isinstance(default, bool):
        shown = "no" if "env" in field.metadata else ""
    elif isinstance(default, timedelta):
        shown = write_duration(default)
    elif field.name == "ledger":
        shown = "ledger.sqlite in the datastore"
    else:
        shown = "" if default is None else str(default)
    places = [f"the Secret block {BLOCKS[field.name]}"] if field.name in BLOCKS else []
    places += [f"{field.metadata['env']} of the worker"] if "env" in field.metadata else []
    return ", else ".join([*places, *([shown] if shown else [])])


def _meant(field: Field[Any], value: object) -> Any:
    """What was filled into a field, as its type. Raises UsageError."""
    kind = _kind(field)
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if type(value) is kind and kind is not str:
        return value
    if kind is float and type(value) is int:
        return float(value)
    try:
        return parsed(field, str(value))
    except (UsageError, ArgumentTypeError) as error:
        raise UsageError(f"{title(field.name)}: {error}") from None


BACKFILL = Form(BackfillOptions, required=("instrument", "start"), without=("last",))
POLL = Form(PollOptions, without=("until_end_of_hour", "picture", "board"))
MIRROR = Form(MirrorOptions, without=("action",))
EXPORT = Form(ExportOptions, without=("action",))
QUICKLOOK = Form(QuicklookOptions)
