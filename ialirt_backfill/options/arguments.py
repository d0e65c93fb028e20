"""The words of a command line -> the options of a command; what they do not say, the settings do."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from argparse_dataclass import ArgumentParser

from ialirt_backfill import __version__
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.settings import find, is_setting, named_by_source, values
from ledger.addresses import without_secrets

PROGRAM = "ialirt-backfill"
DEFAULT_COMMAND = "backfill"

Kinds = Mapping[str, type[Any]]
"""The class of options of every command, by the command's name."""

SETTINGS = """settings:
  What is marked [env …] may also stand in ./ialirt-backfill.toml or in the user's configuration, under the option's
  name: max_rate = 2. A switch that is set there is undone by --no-…, as in --no-quiet."""


def command_of(words: Sequence[str], kinds: Kinds) -> tuple[str, list[str]]:
    """The command that the first word names, and the other words; the backfill where it names none."""
    if not words or words[0].startswith("-"):
        return DEFAULT_COMMAND, list(words)
    name, *others = words
    if name not in kinds:
        raise UsageError(f"unknown command {name!r}.{_hint(name, kinds)} Commands: {', '.join(kinds)}")
    return name, others


def parse(name: str, words: Sequence[str], kinds: Kinds, epilog: str) -> Any:
    """The options of one command. Raises UsageError, and SystemExit as argparse does."""
    parser = _parser(name, kinds[name], epilog)
    namespace, unknown = argparse.ArgumentParser.parse_known_args(parser, words)
    if unknown:
        parser.error(_unrecognised(unknown, parser, kinds))
    given = {field: value for field, value in vars(namespace).items() if value is not MISSING}
    found = find(tuple(kinds.values()))
    options = kinds[name]
    try:
        return options(**values(options, found, given), **given)
    except UsageError as error:
        raise named_by_source(error, [found[key] for key in found.keys() - given.keys()]) from None


def completion(shell: str, kinds: Kinds, helps: Mapping[str, str]) -> str:
    """The script that completes commands and options in a shell."""
    import shtab  # noqa: PLC0415 - nothing else needs it

    places = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE}
    top = _parser(DEFAULT_COMMAND, kinds[DEFAULT_COMMAND], "")
    parsers = [top]
    commands = top.add_subparsers()
    for name, options in kinds.items():
        parser = commands.add_parser(name, options_class=options, help=helps[name], allow_abbrev=False)
        parsers.append(parser)
    for parser in parsers:
        for action in parser._actions:
            if action.metavar in places:
                action.complete = places[action.metavar]
            elif action.dest == "instrument":
                action.choices = [*INSTRUMENTS, "all"]
    return str(shtab.complete(top, shell))


def _parser(name: str, options: type[Any], epilog: str) -> ArgumentParser[Any]:
    parser: ArgumentParser[Any] = ArgumentParser(
        options,
        prog=PROGRAM if name == DEFAULT_COMMAND else f"{PROGRAM} {name}",
        description=(options.__doc__ or "").replace("\n    ", "\n"),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    for field in fields(options):
        if field.type is bool and is_setting(field):
            off = f"--no-{field.name.replace('_', '-')}"
            parser.add_argument(off, dest=field.name, action="store_false", default=MISSING, help=argparse.SUPPRESS)
    return parser


def _unrecognised(unknown: Sequence[str], parser: ArgumentParser[Any], kinds: Kinds) -> str:
    if command := next((word for word in unknown if word in kinds), None):
        return f"{command!r} is a command, and a command comes first: {PROGRAM} {command} …"
    flags = [flag for action in parser._actions for flag in action.option_strings]
    return f"unrecognized arguments: {without_secrets(' '.join(unknown))}.{_hint(unknown[0].partition('=')[0], flags)}"


def _hint(word: str, known: Sequence[str] | Kinds) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
