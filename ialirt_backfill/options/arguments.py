"""The words of a command line -> the options of a command; what they do not say, the settings do."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, NoReturn

from argparse_dataclass import ArgumentParser

from ialirt_backfill import __version__
from ialirt_backfill.exceptions import UnknownInstrument, UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.catalogues import CATALOGUE_VARIABLE, catalogue_of
from ialirt_backfill.options.commands.upkeep import LEDGER_ACTIONS
from ialirt_backfill.options.settings import KEY_VARIABLE, find, is_setting, named_by_source, settings_of, values
from ialirt_backfill.options.typed import (
    PROGRAM,
    are_instruments,
    command_first,
    misspelt,
    straightened,
    unknown_command,
    unknown_options,
    with_hyphens,
)

DEFAULT_COMMAND = "backfill"
_CATALOGUE = "--catalogue"
_AS_OPTIONS = {"help": "--help", "version": "--version"}
_HELP = ("-h", "--help")

Kinds = Mapping[str, type[Any]]
"""The class of options of every command, by the command's name."""

SETTINGS = """settings:
  What is marked [env …] may also stand in ./ialirt-backfill.toml or in the user's configuration, under the option's
  name: max_rate = 2. A switch that is set there is undone by --no-…, as in --no-quiet."""


def command_of(words: Sequence[str], kinds: Kinds) -> tuple[str, list[str]]:
    """The command that the first word names, and the other words; the backfill where it names none."""
    words = with_hyphens(words)
    if len(words) > 1 and words[0] in {*_HELP, *_AS_OPTIONS} and words[1] in kinds:
        return words[1], [_AS_OPTIONS.get(words[0], words[0]), *words[2:]]
    if not words or words[0].startswith("-"):
        return DEFAULT_COMMAND, list(words)
    name, *others = words
    if name in _AS_OPTIONS:
        return DEFAULT_COMMAND, [_AS_OPTIONS[name], *others]
    if name not in kinds:
        raise unknown_command(name, others, kinds, _flags(kinds))
    return name, others


def parse(name: str, words: Sequence[str], kinds: Kinds, epilog: str) -> Any:
    """The options of one command. Raises UsageError, and SystemExit after --help and --version."""
    parser = _parser(name, kinds[name], epilog)
    words = _gathered(words, _CATALOGUE)
    words = straightened(words, _known(words))
    flags = [flag for action in parser._actions for flag in action.option_strings]
    try:
        namespace, unknown = argparse.ArgumentParser.parse_known_args(parser, words)
    except _NoAction as error:
        if unknown := _stray(words, error.word, flags):
            raise unknown_options(unknown, words, flags, name) from None
        raise
    if command := next((word for word in unknown if word in kinds), None):
        raise command_first(command, words, _flags(kinds))
    if unknown:
        raise unknown_options(unknown, words, flags, name)
    given = {field: value for field, value in vars(namespace).items() if value is not MISSING}
    found = find(tuple(kinds.values()))
    options = kinds[name]
    try:
        return options(**values(options, found, given), **given)
    except UsageError as error:
        named = named_by_source(error, [found[key] for key in found.keys() - given.keys()])
        is_typed = isinstance(named, UnknownInstrument)
        raise UsageError(f"--instrument: {named}") if is_typed else named from None


def _known(words: Sequence[str]) -> Collection[str]:
    """The names of the instruments that are known here. What is wrong with a catalogue is told of later."""
    given = next((word.partition("=")[2] for word in words if word.startswith(f"{_CATALOGUE}=")), None)
    try:
        return catalogue_of(given or os.environ.get(CATALOGUE_VARIABLE)).instruments
    except UsageError:
        return INSTRUMENTS


def _gathered(words: Sequence[str], flag: str) -> list[str]:
    """The words with the values of an option that stands in several places as one list, in the first of them."""
    values, others = [], []
    place: int | None = None
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name != flag or (found := value if equals else next(rest, None)) is None:
            others.append(word)
            continue
        place = len(others) if place is None else place
        values.append(found)
    if place is not None:
        others[place:place] = [f"{flag}={','.join(values)}"]
    return others


def _flags(kinds: Kinds) -> set[str]:
    """Every option that any command has."""
    every = [field for kind in kinds.values() for field in fields(kind)]
    return {flag for field in every for flag in field.metadata.get("args", [f"--{field.name.replace('_', '-')}"])}


def notices(kinds: Kinds) -> list[str]:
    """What a person should know before anything else: variables of the environment that are one letter off."""
    settings = [field for kind in kinds.values() for field in settings_of(kind)]
    ours = {variable: variable for variable in (KEY_VARIABLE, *(field.metadata["env"] for field in settings))}
    by_option = {f"IALIRT_{field.name.upper()}": field.metadata["env"] for field in settings}
    return misspelt(os.environ, by_option | ours)


def completion(shell: str, kinds: Kinds, helps: Mapping[str, str]) -> str:
    """The script that completes commands, options and the instruments that are known here in a shell."""
    import shtab  # noqa: PLC0415 - nothing else needs it

    instruments = _known_here(kinds)
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
                action.choices = [*instruments, "all"]
            elif action.dest == "target":
                action.choices = [*instruments]
    return str(shtab.complete(top, shell))


def _known_here(kinds: Kinds) -> Collection[str]:
    """The names of the instruments that the settings' catalogues make known; where those are wrong, our own."""
    try:
        setting = find(tuple(kinds.values())).get("catalogue")
        return catalogue_of(setting.text if setting else None).instruments
    except UsageError:
        return INSTRUMENTS


class _NoAction(UsageError):
    """A word stands where a command has one for what it is to do, and is none of these."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


def _stray(words: Sequence[str], word: str, flags: Collection[str]) -> list[str]:
    """What was meant by a word that is no action: the value of an option that is not here, or an instrument."""
    options = [it for it in words if it.startswith("--") and it.partition("=")[0] not in flags]
    return options or ([word] if "--instrument" in flags and are_instruments(word) else [])


def _complain(message: str) -> NoReturn:
    """One sentence, as everything else here complains: the usage is for who asks for --help."""
    option, _, what = message.removeprefix("argument ").partition(": ")
    if option == "action" and (found := _NO_ACTION.match(what)):
        raise _NoAction(_no_action(found[1], [choice.strip("'") for choice in found[2].split(", ")]), found[1])
    if option == "action":
        found = _UNKNOWN_ACTION.match(what)
        raise _NoAction(what, found[1] if found else "")  # an address is not repeated, and nothing else is needed of it
    raise UsageError(_plain(message, option, what))


def _plain(message: str, option: str, what: str) -> str:
    """argparse's complaint with the option first, as our own checks have it."""
    if message == "the following arguments are required: action":
        return f"say what to do with the ledger: {', '.join(LEDGER_ACTIONS)}"
    if message == "the following arguments are required: shell":
        return "say which shell: bash, zsh or fish"
    if not message.startswith("argument ") or not what:
        return message
    flag = next((it for it in option.split("/") if it.startswith("--")), option)
    return f"{flag} is without its value" if what == "expected one argument" else f"{flag}: {what}"


_NO_ACTION = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
"""What argparse says of a word that is none of those that go with a command."""

_UNKNOWN_ACTION = re.compile(r"'(.*)' is unknown; ", re.DOTALL)
"""What our own parsers say of it."""


def _no_action(word: str, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1)
    if near:
        return f"there is no {word!r} here. Did you mean {near[0]!r}?"
    known = f"{word!r} is none of {', '.join(choices)}"
    return f"{known}: for one instrument, instruments show {word}" if "show" in choices else known


def _parser(name: str, options: type[Any], epilog: str) -> ArgumentParser[Any]:
    parser: ArgumentParser[Any] = ArgumentParser(
        options,
        prog=PROGRAM if name == DEFAULT_COMMAND else f"{PROGRAM} {name}",
        description="" if sys.flags.optimize > 1 else (options.__doc__ or "").replace("\n    ", "\n"),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.error = _complain
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    for field in fields(options):
        if field.type is bool and is_setting(field):
            off = f"--no-{field.name.replace('_', '-')}"
            parser.add_argument(off, dest=field.name, action="store_false", default=MISSING, help=argparse.SUPPRESS)
    return parser
