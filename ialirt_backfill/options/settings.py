"""What holds where the command line says nothing.

First found wins: the environment (``IALIRT_…``), ``./ialirt-backfill.toml``, the file of the same name in the user's
configuration folder, the default. A field of an options class is a setting where its metadata names an ``env``; in a
file its key is the field's name, as in ``max_rate = 2``.
"""

from __future__ import annotations

import difflib
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Collection, Iterable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from ialirt_backfill.exceptions import CatalogueError, UnknownInstrument, UsageError
from ialirt_backfill.options import write_duration
from ialirt_backfill.options.datastore import is_there, means_own_ledger
from ialirt_backfill.options.texts import read_text, unquoted
from ledger.addresses import without_secrets

FILE_NAME = "ialirt-backfill.toml"
KEY_VARIABLE = "IALIRT_API_KEY"

_OF_A_SHELL = re.compile(r"\$|%\w+%")
"""How a variable begins in a Unix shell, and how it stands in one of Windows."""


class Source(Enum):
    """Where a setting's value comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that was found, as text. ``place`` is the variable or the file."""

    name: str
    text: str
    source: Source
    place: str

    def __str__(self) -> str:
        """Where it was found, for complaints."""
        variable = self.source is Source.ENVIRONMENT
        return f"environment variable {self.place}" if variable else f"{self.name} in {self.place}"


def find(options: Collection[type[Any]]) -> dict[str, Setting]:
    """The settings that the environment and the files give, by field name.

    ``options`` are the option classes of all commands: a key that belongs to none of them is an error, whichever
    command is run. Raises UsageError.
    """
    known = {field.name: field for kind in options for field in fields(kind)}
    found: dict[str, Setting] = {}
    for path in reversed(files()):
        found.update(_from_file(path, known))
    return found | of_environment(known.values())


def of_environment(known: Iterable[Field[Any]]) -> dict[str, Setting]:
    """The settings that the environment gives, by field name. Raises UsageError."""
    found = {}
    for field in known:
        variable = field.metadata.get("env")
        if variable and (written := os.environ.get(variable)):
            setting = Setting(field.name, written, Source.ENVIRONMENT, variable)
            if text := _as_meant(setting):
                found[field.name] = replace(setting, text=text)
    return found


def _as_meant(setting: Setting) -> str:
    """The text without what only its file needed. What a shell would have replaced in it is missed."""
    try:
        text = unquoted(setting.text) if setting.source is Source.ENVIRONMENT else setting.text
    except UsageError as error:
        raise UsageError(f"{setting} {error}") from None
    if variable := _OF_A_SHELL.match(text.removeprefix("sqlite:///")):
        raise UsageError(
            f"{setting}: no shell reads {text!r}, so nothing takes the place of the {variable[0]}: write it in full"
        )
    return text


def files() -> list[Path]:
    """The files that are looked into, whether they exist or not; the first goes before the second."""
    from platformdirs import user_config_path  # noqa: PLC0415 - --help needs no files

    own = Path(FILE_NAME)
    try:
        folder = user_config_path("ialirt-backfill", appauthor=False)
    except RuntimeError:  # a user without a home
        return [own]
    return [own, folder / FILE_NAME] if folder.is_absolute() else [own]


def values(
    options: type[Any], found: Mapping[str, Setting], given: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """What was found for one options class, as its fields hold it; what is ``given`` on the command line is left out.

    So is the ledger where the one inside the datastore is meant, as for a demonstration.
    """
    chosen = {
        field.name: value(field, found[field.name])
        for field in fields(options)
        if is_setting(field) and field.name in found and field.name not in given
    }
    if "ledger" in chosen:
        stands: dict[str, Any] = {field.name: field.default for field in fields(options)}
        stands |= chosen | dict(given)
        if means_own_ledger(stands["datastore"], demo=stands.get("demo", False)):
            del chosen["ledger"]
    return chosen


def is_setting(field: Field[Any]) -> bool:
    """Whether the environment and the files may give this field."""
    return "env" in field.metadata


def settings_of(options: type[Any]) -> list[Field[Any]]:
    """The fields of an options class that the environment and the files may give."""
    return [field for field in fields(options) if is_setting(field)]


def value(field: Field[Any], setting: Setting) -> Any:
    """The text as the field's type; UsageError names the place where it stands."""
    try:
        return parsed(field, setting.text)
    except (UsageError, ArgumentTypeError) as error:
        raise UsageError(f"{setting}: {error}") from None


def named_by_source(complaint: UsageError, used: Iterable[Setting]) -> UsageError:
    """A complaint about ``--jobs`` that names the place its value came from instead."""
    text = str(complaint)
    if isinstance(complaint, UnknownInstrument):
        text = f"--instrument: {text}"
    for setting in used:
        flag = f"--{setting.name.replace('_', '-')}"
        if text == flag or text.startswith((f"{flag} ", f"{flag}:")):
            return UsageError(f"{setting}: {text.removeprefix(flag).lstrip(': ')}")
    return complaint


# --- for a person to look at ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it stands, without secrets; ``place`` is the variable or the file, None for a default."""

    name: str
    value: str | int | float | bool | None
    source: Source
    place: str | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every setting, and the files that were looked into (with whether they exist).

    ``meaningless`` are variables that are set and look like ours but are not.
    """

    settings: tuple[Shown, ...]
    files: tuple[tuple[Path, bool], ...]
    meaningless: tuple[str, ...]


def configuration(options: Collection[type[Any]]) -> Configuration:
    """Every setting of the commands whose option classes are given, and where it came from. Raises UsageError."""
    found = find(options)
    known = {field.name: field for kind in options for field in fields(kind) if is_setting(field)}
    _check(options, found)
    shown = [_shown(field, found.get(name)) for name, field in known.items()]
    key_is_set = bool(os.environ.get(KEY_VARIABLE, "").strip())
    shown.append(
        Shown("api_key", "set", Source.ENVIRONMENT, KEY_VARIABLE)
        if key_is_set
        else Shown("api_key", "not set", Source.DEFAULT, None)
    )
    variables = {KEY_VARIABLE, *(field.metadata["env"] for field in known.values())}
    strangers = sorted(name for name in os.environ if name.startswith("IALIRT_") and name not in variables)
    return Configuration(tuple(shown), tuple((path, is_there(path)) for path in files()), tuple(strangers))


def shadowed(options: Collection[type[Any]]) -> list[tuple[Setting, Setting]]:
    """The settings that stand in several places with different values: the one that holds, and one that it shadows.

    Raises UsageError.
    """
    known = {field.name: field for kind in options for field in fields(kind)}
    layers = [of_environment(known.values()), *(_from_file(path, known) for path in files())]
    found = []
    for name in sorted({name for layer in layers for name in layer}):
        first, *others = [layer[name] for layer in layers if name in layer]
        found += [(first, other) for other in others if other.text != first.text]
    return found


def _check(options: Collection[type[Any]], found: Mapping[str, Setting]) -> None:
    """Raise UsageError where a value is out of bounds; what a single command lacks is no matter here."""
    groups = dict.fromkeys(group for kind in options for group in kind.__mro__ if is_dataclass(group))
    for group in groups:
        try:
            group(**values(group, found))
        except UsageError as error:
            named = named_by_source(error, found.values())
            if named is not error or isinstance(error, CatalogueError):
                raise named from None


def _shown(field: Field[Any], setting: Setting | None) -> Shown:
    if setting is None:
        return Shown(field.name, _plain(field.default), Source.DEFAULT, None)
    return Shown(field.name, _plain(value(field, setting)), setting.source, setting.place)


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return write_duration(value) if isinstance(value, timedelta) else without_secrets(str(value))


# --- within -----------------------------------------------------------------------------------------------------------


def _from_file(path: Path, known: Mapping[str, Field[Any]]) -> dict[str, Setting]:
    shown = f"./{path}" if path == Path(FILE_NAME) else str(path)
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        if not is_there(path):  # nor in a folder that this user may not enter, as another's home
            return {}
        raise UsageError(f"{shown} cannot be read: {error}") from error
    import tomllib  # noqa: PLC0415 - most runs have no file

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{shown} is not TOML: {error}") from error
    names = {key: key.replace("-", "_") for key in table}
    for key, name in names.items():
        if name not in known or not is_setting(known[name]):
            raise UsageError(_unknown(shown, key, name, known))
    found = (Setting(names[key], _as_text(shown, key, entry), Source.FILE, shown) for key, entry in table.items())
    return {setting.name: replace(setting, text=_as_meant(setting)) for setting in found}


def _unknown(shown: str, key: str, name: str, known: Mapping[str, Field[Any]]) -> str:
    if name in known:
        return f"{shown}: {key} is for a single run: give it on the command line"
    if name == "api_key":
        return f"{shown}: an API key does not stand here: name its file with api_key_file, or set {KEY_VARIABLE}"
    settings = [field.name for field in known.values() if is_setting(field)]
    near = difflib.get_close_matches(name, settings, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(settings)}"
    return f"{shown}: unknown setting {key!r}.{hint}"


def _as_text(shown: str, key: str, entry: Any) -> str:
    """A value of TOML as it would be written on the command line."""
    if isinstance(entry, bool):
        return str(entry).lower()
    if isinstance(entry, list) and all(isinstance(item, str) for item in entry):
        return ",".join(entry)
    if isinstance(entry, list | dict):
        raise UsageError(f"{key} in {shown}: write one value, not a table or a list")
    return str(entry)


_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def parsed(field: Field[Any], text: str) -> Any:
    """A text as the field's type. Raises UsageError or argparse's ArgumentTypeError."""
    if parse := field.metadata.get("type"):
        return parse(text)
    kind: Any = next(iter(get_args(field.type)), field.type)  # of Optional[X]: X
    if kind is bool:
        if text.lower() not in _FLAGS:
            raise UsageError(f"{text!r} is neither true nor false")
        return _FLAGS[text.lower()]
    try:
        return kind(text)
    except ValueError:
        number = "a whole number" if kind is int else "a number"
        raise UsageError(f"{text!r} is not {number}") from None
