"""What people type, before it is parsed: what is plain is taken, and what is not gets the nearest right command.

No word that may be a key is ever repeated.
"""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile, zip_longest
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.forms import ALL
from ledger.addresses import HIDDEN, without_secrets

PROGRAM = "ialirt-backfill"


def advised(lead: str, command: str) -> str:
    """A sentence that ends with a command to be typed: as it stands, but for a password, which is never shown."""
    return f"{lead}{to_fill_in(command)}: {command}"


def to_fill_in(command: str) -> str:
    """What a person has to do before a command can be typed; mostly nothing."""
    return f" (with the password in place of {HIDDEN})" if HIDDEN in command else ""


def command_line(*words: str) -> str:
    """A command to be typed as it stands, the program called as it was called now: ``.venv/bin/ialirt-backfill …``."""
    return shlex.join([*_called(), *words])


def _called() -> list[str]:
    called, at_hand = sys.argv[0], shutil.which(PROGRAM)
    match Path(called).name:
        case name if name == PROGRAM:
            is_it = at_hand is not None and Path(at_hand).resolve() == Path(called).resolve()
            return [PROGRAM if is_it else called]
        case "cli.py" if at_hand is None:
            return [sys.executable, called]
    return [PROGRAM]


_SAME_OPTION = {"--instruments": "--instrument", "--instr": "--instrument"}
"""Options that are taken for another: there is no doubt what is meant."""

_MEANT_OPTION = {
    "--from": "--start",
    "--start": "--since",
    "--begin": "--start",
    "--since": "--start",
    "--to": "--end",
    "--until": "--end",
    "--stop": "--end",
    "--output": "--datastore",
    "--out": "--datastore",
    "--threads": "--jobs",
    "--workers": "--jobs",
    "--rate": "--max-rate",
    "--force": "--redownload",
    "--retry": "--retry-failed",
    "--plan": "--dry-run",
    "--min": "--longer-than",
}
"""Options that other programs call so. They are hinted at, not taken: the two may not mean the same to everybody."""

_OF_A_COPY = {"--out", "--output", "--folder"}
"""What is meant by these where a command writes into a folder beside the datastore."""

_OF_A_DATABASE = {"--to", "--out", "--output"}
"""The same where a command copies into a database."""

_ONE_DAY = {"--date", "--day", "--days"}

_MEANT_COMMAND = {
    **dict.fromkeys(("download", "fetch", "get", "run", "sync", "pull"), ""),
    **dict.fromkeys(("watch", "live", "follow", "realtime"), "poll"),
    **dict.fromkeys(("check", "validate"), "verify"),
    **dict.fromkeys(("diagnose", "ping", "selftest"), "doctor"),
    **dict.fromkeys(("ls", "list", "show", "info"), "status"),
    **dict.fromkeys(("settings", "configuration", "env"), "config"),
    **dict.fromkeys(("import", "load"), "adopt"),
    **dict.fromkeys(("log", "logs"), "history"),
    **dict.fromkeys(("prune", "upgrade"), "ledger"),
}
"""What other programs call our commands; the empty text is the backfill, which needs no name."""

_EXAMPLE = "--start 2026-02-01 --end 2026-02-07"
_LONG_DASH = re.compile(r"^(?:[\u2013\u2014]-?|-[\u2013\u2014])(?=[a-z][a-z-]+(?:=|$))")
_RELATIVE = re.compile(r"-\d+[dw]", re.ASCII)
_A_DAY = re.compile(r"\d{4}[-/]?\d{2}[-/]?\d{2}|today|yesterday", re.ASCII | re.IGNORECASE)
_A_DAY_OR_TIME = re.compile(rf"(?:{_A_DAY.pattern})(?:[T ].*)?", _A_DAY.flags)
_MAY_BE_A_KEY = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_+/=-]{16,}")
_NUMBER = re.compile(r"\d+", re.ASCII)
_UNITS = {"s", "sec", "seconds", "m", "min", "minutes", "h", "hour", "hours", "d", "day", "days", "w", "week", "weeks"}
_DAYS = {"--start", "--start-date", "--end", "--end-date", "--since", "--day"}


def straightened(words: Sequence[str], known: Collection[str] = INSTRUMENTS) -> list[str]:
    """The words as they are meant: the instruments that stand in several places or after one another as one list, and
    ``-7d`` as a value, though it looks like an option. ``known`` are the names of instruments."""
    straight: list[str] = []
    names: list[str] = []
    place: int | None = None
    rest = iter(_divided(words))
    pending = next(rest, None)
    while (word := pending) is not None:
        pending = next(rest, None)
        if word == "--instrument":
            place = len(straight) if place is None else place
            while pending is not None and (are_instruments(pending, known) or not names or names[-1].endswith(",")):
                if pending.startswith("-"):
                    break
                names.append(pending)
                pending = next(rest, None)
        elif pending is not None and _NUMBER.fullmatch(word) and pending.lower() in _UNITS:
            straight.append(word + pending)
            pending = next(rest, None)
        elif word in _DAYS and pending is not None and _RELATIVE.fullmatch(pending):
            straight.append(f"{word}={pending}")
            pending = next(rest, None)
        else:
            straight.append(word)
    if place is not None:
        given = ",".join(name.strip(",") for name in names)
        straight[place:place] = ["--instrument", given] if names else ["--instrument"]
    return straight


def _divided(words: Sequence[str]) -> Iterator[str]:
    """``--instrument=mag`` as two words, under the name that we know it by."""
    for word in words:
        flag, equals, value = word.partition("=")
        flag = _SAME_OPTION.get(flag, flag)
        if flag == "--instrument":
            yield flag
            if equals:
                yield value
        else:
            yield word


def with_hyphens(words: Sequence[str]) -> list[str]:
    """Options as they were meant: a text program makes one long dash of two hyphens."""
    return [_LONG_DASH.sub("--", word) for word in words]


def are_instruments(word: str, known: Collection[str] = INSTRUMENTS) -> bool:
    """Whether a word is the name of an instrument, or a list of such names."""
    names = word.lower().replace(",", " ").split()
    return bool(names) and all(name in known or name == ALL for name in names)


def unknown_command(name: str, others: Sequence[str], commands: Collection[str], flags: Collection[str]) -> UsageError:
    """What to say of a first word that names no command, with the command that was meant; ``flags`` are all we have."""
    if are_instruments(name):
        named = [name.lower(), *(word.lower() for word in others if are_instruments(word))]
        others = [word for word in others if not are_instruments(word)]
        alone = list(takewhile(lambda word: not word.startswith("-"), others))
        rest = " ".join(it for it in (_days(alone), *_shown(others[len(alone) :], flags)) if it)
        command = _backfill(f"--instrument {','.join(','.join(named).split())} {rest}".strip())
        return UsageError(advised(f"{name!r} is an instrument, no command", command))
    if name.lower() in _MEANT_COMMAND:
        meant = _MEANT_COMMAND[name.lower()]
        rest = " ".join(_shown(others, flags))
        said = f"that is {meant!r} here" if meant else "days are fetched without the name of a command"
        command = f"{command_line(meant)} {rest}".strip() if meant else _backfill(rest)
        return UsageError(advised(f"there is no command {name!r}; {said}", command))
    near = difflib.get_close_matches(name.lower(), commands, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"there is no command {_quoted(name)}.{hint} Commands: {', '.join(commands)}")


def _backfill(words: str) -> str:
    """A backfill that can be typed as it stands: with an instrument and days, where the words name none."""
    named = "" if "--instrument" in words else "--instrument hit"
    days = "" if any(it in words for it in ("--start", "--last")) else _EXAMPLE
    return " ".join(it for it in (command_line(), named, words, days) if it)


def command_first(command: str, words: Sequence[str], flags: Collection[str]) -> UsageError:
    """What to say where a command stands after its options."""
    rest = list(words)
    rest.remove(command)
    typed = " ".join((command_line(command), *_shown(rest, flags)))
    return UsageError(advised(f"{command!r} is a command, and a command comes first", typed))


def unknown_options(unknown: Sequence[str], words: Sequence[str], flags: Collection[str], name: str) -> UsageError:
    """What to say of options that a command does not have, with the command line that was meant."""
    flag = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
    if flag.replace("_", "-") in {"--api-key", "--key", "--token", "--apikey"}:
        return UsageError(
            f"{flag}: a key on the command line can be read by everybody on this machine, and is not taken: put it into"
            " the environment variable IALIRT_API_KEY, or into a file named by --api-key-file"
        )
    program = command_line() if name == "backfill" else command_line(name)
    if flag in _ONE_DAY and "--start" in flags:
        return UsageError(f"{flag}: a day is a range of one, both ends included: --start 2026-02-01 --end 2026-02-01")
    meant = {word.partition("=")[0]: option for word, option in _meant_options(words, flags)}.get(flag)
    if meant:
        line = " ".join(_shown(_renamed(words, flags), flags))
        return UsageError(advised(f"there is no option {flag} here; that is {meant}", f"{program} {line}"))
    if not flag:
        odd = unknown[0]
        if are_instruments(odd) and "--instrument" in flags:
            day = next((f" --day {word}" for word in unknown[1:] if "--day" in flags), "")
            others = " ".join(("", *_shown((word for word in words if word not in unknown), flags)))
            command = f"{program} --instrument {odd}{day}{others}"
            return UsageError(advised(f"{odd!r} stands alone; an instrument is named so", command))
        options = [word for word in words if word not in unknown]
        if "--start" in flags and (days := _days(unknown, options)):
            rest = _shown(options, flags)
            return UsageError(advised(f"{odd!r} stands alone; days are named so", " ".join((program, *rest, days))))
        return UsageError(f"{_quoted(odd)} belongs to no option: quote a value that holds spaces, or leave it out")
    near = next((it for it in flags if it.startswith(flag)), None) or _near(flag, flags)
    hint = f" Did you mean {near}?" if near else f" {program} --help names them all."
    return UsageError(f"there is no option {flag}.{hint}")


def _near(flag: str, flags: Collection[str]) -> str | None:
    """The option that a misspelt one was meant for. Hyphens, which all of them begin with, make none of them alike."""
    named = {it.lstrip("-"): it for it in flags}
    near = difflib.get_close_matches(flag.lstrip("-"), named, n=1)
    return named[near[0]] if near else None


def _quoted(word: str) -> str:
    """A word that belongs nowhere, to be repeated only where it is no key that was pasted."""
    return "'…'" if _MAY_BE_A_KEY.fullmatch(word) else repr(word)


def _days(words: Sequence[str], others: Sequence[str] = ()) -> str:
    """Days that stand alone, one or two of them, as a range; the empty text where they are something else, or where
    the ``others`` name a range already."""
    if len(words) not in {1, 2} or not all(_A_DAY.fullmatch(word) for word in words):
        return ""
    named = {flag for word in others if (flag := word.partition("=")[0]) in {*_DAYS, "--last"}}
    if named:
        return f"--end {words[0]}" if named == {"--start"} and len(words) == 1 else ""
    return f"--start {words[0]} --end {words[-1]}"


def _renamed(words: Sequence[str], flags: Collection[str]) -> Iterator[str]:
    for word, meant in _meant_options(words, flags):
        _, equals, value = word.partition("=")
        yield f"{meant}{equals}{value}" if meant else word


def _meant_options(words: Sequence[str], flags: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each word, and the option that is meant by it; empty where none is."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        flag, equals, value = word.partition("=")
        yield word, _meant_option(flag, value if equals else following, flags)


def _meant_option(flag: str, value: str, flags: Collection[str]) -> str:
    """The option of a command that is meant by one that it does not have; empty where none is."""
    if flag in _OF_A_COPY and "--to" in flags:
        return "--to"
    if flag in _OF_A_DATABASE and "--database" in flags and not _A_DAY_OR_TIME.fullmatch(value):
        return "--database"
    meant = _MEANT_OPTION.get(flag, "")
    return meant if meant in flags and flag not in flags else ""


def _shown(words: Iterable[str], flags: Collection[str]) -> Iterator[str]:
    """Words to be typed again, without the values of options that are none of ours: one may be a key."""
    hidden = False
    for word in words:
        flag, equals, _ = word.partition("=")
        is_option = word.startswith("-") and not _RELATIVE.fullmatch(word)
        if is_option and flag not in flags:
            yield f"{flag}=…" if equals else flag
        else:
            yield "…" if hidden and not is_option else shlex.quote(without_secrets(word))
        hidden = is_option and not equals and flag not in flags


def misspelt(names: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """A notice for each variable of the environment that looks like one of ours and is none.

    ``variables`` are ours, by the names that a person may think they have.
    """
    notices = []
    for name in sorted(names):
        if name.startswith("IALIRT_") and name not in variables.values():
            near = difflib.get_close_matches(name, variables, n=1, cutoff=0.85)
            if near:
                notices.append(
                    f"the environment variable {name} means nothing here; did you mean {variables[near[0]]}?"
                )
    return notices
