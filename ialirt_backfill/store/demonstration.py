"""Synthetic days never lie among real ones: which datastore is a demonstration's, and what is refused for it.

Being synthetic is a property of the datastore. The file ``ledger.synthetic`` in it says so, and so does a row of its
ledger, which pruning leaves alone; either is enough. Demonstrations of earlier versions left the row only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Catalogue, default_catalogue
from ialirt_backfill.options.datastore import LEDGER, MARK, MARK_TEXT, has_ledger, is_marked
from ialirt_backfill.store.files import DayFiles
from ledger.addresses import sqlite_url

if TYPE_CHECKING:
    from ialirt_backfill.options import StoreOptions, WorkOptions
    from ledger import Ledger

SYNTHETIC = "Synthetic data: they come from the built-in simulator, not from I-ALiRT."
"""The first line of whatever is told of them."""

_PROPERTY, _YES = "synthetic", "yes"
_GO_ON = "give real ones another --datastore, or go on with the demonstration: --demo"
_ELSEWHERE = "name another with --ledger or IALIRT_LEDGER_URL, or take them out of it (docs/ledger.md)"


def is_synthetic(options: StoreOptions, ledger: Ledger) -> bool:
    """Whether what a ledger tells is synthetic."""
    return _says_so(ledger) or (options.is_own_ledger and is_marked(options.datastore))


def is_synthetic_throughout(options: StoreOptions, ledger: Ledger | None) -> bool:
    """Whether both the files and what the ledger tells of them are synthetic.

    ``ledger`` is None where there is none, or it is not open yet. UsageError where only one of the two is.
    """
    if options.is_own_ledger:
        return is_marked(options.datastore) or _says_so(ledger)
    if _holds_synthetic_days(options):
        raise UsageError(
            f"{options.datastore} holds the synthetic days of a demonstration, which has its ledger in there:"
            " leave --ledger out"
        )
    _refuse_ledger(ledger)
    return False


def refuse_synthetic(options: StoreOptions, ledger: Ledger | None, advice: str = _GO_ON) -> None:
    """UsageError where real days would come among synthetic ones; ``ledger`` as above."""
    if _holds_synthetic_days(options) or (options.is_own_ledger and _says_so(ledger)):
        raise UsageError(f"{options.datastore} holds the synthetic days of a demonstration: {advice}")
    _refuse_ledger(ledger)


def refuse_mixing(options: WorkOptions, ledger: Ledger | None) -> None:
    """UsageError where a run would bring real and synthetic days together; ``ledger`` as above.

    Days are real where nothing says that they are synthetic.
    """
    if not options.demo:
        refuse_synthetic(options, ledger)
    # The days first: another demonstration that begins now says what they are before there is one of them.
    elif _holds_days(options, ledger) and not is_marked(options.datastore) and not _says_so(ledger):
        raise UsageError(f"{options.datastore} holds real data: give --demo a --datastore of its own")


def refuse_at_sight(options: WorkOptions) -> None:
    """`refuse_mixing` as far as it needs no ledger, so that none is made where the run is refused."""
    if not options.demo or not has_ledger(options.datastore):
        refuse_mixing(options, None)


def mark(datastore: str, ledger: Ledger) -> None:
    """Let a datastore and its ledger say that they are a demonstration's."""
    path = Path(datastore) / MARK
    try:
        if not path.exists():
            path.write_text(MARK_TEXT, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    if not _says_so(ledger):
        ledger.set_property(_PROPERTY, _YES)


def _says_so(ledger: Ledger | None) -> bool:
    return ledger is not None and ledger.read_property(_PROPERTY) == _YES


def _refuse_ledger(ledger: Ledger | None) -> None:
    if ledger is not None and _says_so(ledger):
        raise UsageError(f"the ledger {ledger.url_shown} holds the synthetic days of a demonstration: {_ELSEWHERE}")


def _holds_synthetic_days(options: StoreOptions) -> bool:
    """Whether the datastore is a demonstration's, even where another ledger is in use."""
    if is_marked(options.datastore):
        return True
    if options.is_own_ledger or not has_ledger(options.datastore):
        return False
    from ledger import Ledger, LedgerError  # noqa: PLC0415 - hardly ever needed

    try:
        found = Ledger.open_existing(sqlite_url(Path(options.datastore) / LEDGER))
    except LedgerError:  # not in use, so what ails it is no matter here
        return False
    if found is None:
        return False
    with found:
        return _says_so(found)


def _holds_days(options: WorkOptions, ledger: Ledger | None) -> bool:
    if ledger is not None and not ledger.is_empty():
        return True
    catalogue: Catalogue = getattr(options, "known", default_catalogue())
    return next(iter(DayFiles(Path(options.datastore), catalogue=catalogue)), None) is not None
