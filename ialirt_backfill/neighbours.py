"""Whose the packages `ledger` and `flows` are: these names are not ours alone.

A package of the same name may lie before ours on the path, or be installed over it; then it has our name and none of
our functions. That is to be told in a sentence, not by the first function that is missed.
"""

from __future__ import annotations

from importlib import import_module

OURS = "ialirt-backfill"


def stranger(name: str) -> str | None:
    """What stands in the place of a package of ours, in a sentence; None where it is ours."""
    try:
        found = import_module(name)
    except Exception as error:  # whatever a stranger's package does when it is loaded
        return f"the package {name!r} cannot be loaded ({type(error).__name__}: {error}): {_ADVICE}"
    if getattr(found, "OWNER", None) == OURS:
        return None
    place = getattr(found, "__file__", None) or ", ".join(getattr(found, "__path__", []))
    return f"the package {name!r} in {place} is another program's, not that of {OURS}{_named(name)}: {_ADVICE}"


def refuse_stranger(name: str) -> None:
    """ImportError where a package of ours is another's."""
    if sentence := stranger(name):
        raise ImportError(sentence)


_ADVICE = f"install {OURS} into an environment of its own, and look at PYTHONPATH"


def _named(name: str) -> str:
    """Which other programs have brought a package of this name, as far as they are installed."""
    from importlib.metadata import packages_distributions  # noqa: PLC0415 - slow, and only for the trouble

    others = sorted(set(packages_distributions().get(name, [])) - {OURS})
    return f" (installed by {', '.join(others)})" if others else ""
