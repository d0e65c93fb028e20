"""What this place is: datastore, ledger, settings, versions."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Collection, Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ialirt_backfill import __version__
from ialirt_backfill.doctor import ledgers, place
from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.options.settings import KEY_VARIABLE, Source, configuration, shadowed
from ialirt_backfill.options.typed import misspelt

_TRIED_WITH = ("ialirt-data-access", "0.10.")
"""The mission's client is reached into: no other version was tried."""
_THAT_MATTER = ("ialirt-data-access", "urllib3", "sqlalchemy", "psycopg", "pyarrow", "pandas", "prefect")


def examine(options: DoctorOptions, commands: Collection[type[Any]], now: datetime) -> tuple[Finding, ...]:
    """What is found here. ``commands`` are the options of all commands, whose settings are known."""
    ledger = ledgers.examine(options, now)
    return (
        *place.examine(options, ledger.experience, now.date()),
        *ledger.findings,
        *_settings(commands or [DoctorOptions]),
        *_versions(),
    )


def _settings(commands: Collection[type[Any]]) -> Iterator[Finding]:
    """Settings that shadow one another, and those that mean nothing."""
    try:
        found = configuration(commands)
        pairs = shadowed(commands)
    except UsageError as error:
        yield _finding("settings", "settings", Verdict.WRONG, str(error), "settings that are understood", "correct it")
        return
    for holds, hidden in pairs:
        seen = f"{holds} holds, and {hidden} says otherwise"
        yield _finding("settings", "shadowed", Verdict.NOTICE, seen, "one place for a setting", "take one of them out")
    variables = {KEY_VARIABLE, *_variables(commands)}
    near = misspelt(found.meaningless, {name: name for name in variables})
    named = {name: next((it for it in near if name in it.split()), "") for name in found.meaningless}
    for name, words in named.items():
        seen = words or f"the environment variable {name} means nothing here"
        yield _finding(
            "settings", "misspelt", Verdict.NOTICE, seen, "variables that are known", "rename it, or unset it"
        )
    if not pairs and not named:
        given = sum(it.source is not Source.DEFAULT for it in found.settings)
        yield _finding("settings", "settings", Verdict.OK, f"{given} given, none of them twice, all understood")


def _variables(commands: Collection[type[Any]]) -> set[str]:
    every = [field for kind in commands for field in kind.__dataclass_fields__.values()]
    return {field.metadata["env"] for field in every if "env" in field.metadata}


def _versions() -> Iterator[Finding]:
    found = {"ialirt-backfill": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _THAT_MATTER:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    seen = ", ".join(f"{name} {it}" for name, it in found.items())
    name, tried = _TRIED_WITH
    if found.get(name, "").startswith(tried):
        yield _finding("versions", "versions", Verdict.OK, seen)
        return
    advice = f"pip install '{name}=={tried}*'"
    yield _finding("versions", "versions", Verdict.WRONG, seen, f"{name} {tried}x, which was tried", advice)


def _finding(about: str, check: str, verdict: Verdict, seen: str, expected: str = "", advice: str = "") -> Finding:
    return Finding(Part.HERE, about, check, verdict, seen, expected, advice)
