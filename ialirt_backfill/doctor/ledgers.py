"""What the ledger is. Reads only, and makes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import ledger as ledgers
from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import LAUNCH
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.store.demonstration import is_synthetic_throughout, refuse_mixing
from ledger import DayState, Ledger, LedgerError
from ledger.faults import GRANTS
from ledger.privileges import denied
from ledger.records import Experience

LEDGER_PATIENCE_SECONDS = 5.0
_RUNS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """What is found of a ledger, and what it knows of what a record takes on the disk."""

    findings: tuple[Finding, ...]
    experience: Mapping[str, Experience] = field(default_factory=dict)


def examine(options: DoctorOptions, now: datetime) -> LedgerSeen:
    """What is found of the ledger, and whether its days are what the options say: real, or synthetic."""
    try:
        return _examined(options, now)
    except LedgerError as error:
        finding = _finding("reached", Verdict.WRONG, str(error), "a ledger that can be read", "see what it says")
        return LedgerSeen((finding,))


def _examined(options: DoctorOptions, now: datetime) -> LedgerSeen:
    version, head = ledgers.current(options.ledger_url, timeout_seconds=LEDGER_PATIENCE_SECONDS)
    opened = (
        None if version is None else Ledger.open_existing(options.ledger_url, timeout_seconds=LEDGER_PATIENCE_SECONDS)
    )
    if version is None or opened is None:
        seen = f"{options.ledger_shown}: none yet, the first run makes it"
        return LedgerSeen((_finding("reached", Verdict.OK, seen), _synthetic(options, None)))
    with opened as ledger:
        found = [
            _finding("reached", Verdict.OK, f"{options.ledger_shown} is read"),
            _version(version, head),
            *([_privileges(options)] if version == head else ()),
            *_work(options, ledger, now),
            _synthetic(options, ledger),
        ]
        return LedgerSeen(tuple(found), ledger.experience([it.progress_key for it in options.instruments]))


def _finding(check: str, verdict: Verdict, seen: str, expected: str = "", advice: str = "") -> Finding:
    return Finding(Part.HERE, "ledger", check, verdict, seen, expected, advice)


def _version(version: str, head: str) -> Finding:
    if version == head:
        return _finding("version", Verdict.OK, f"{version}, this program's")
    advice = "any run that writes upgrades it; by hand: ialirt-backfill ledger upgrade"
    return _finding("version", Verdict.NOTICE, version, f"{head}, this program's", advice)


def _privileges(options: DoctorOptions) -> Finding:
    missing = denied(options.ledger_url, timeout_seconds=LEDGER_PATIENCE_SECONDS)
    if not missing:
        return _finding("privileges", Verdict.OK, "this user may read and write it")
    advice = "give it the right to write there" if options.ledger_file else GRANTS
    return _finding("privileges", Verdict.WRONG, f"not allowed: {', '.join(missing)}", "all that a run needs", advice)


def _work(options: DoctorOptions, ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """Who works on which days now, and which runs never ended."""
    keys = [it.progress_key for it in options.instruments]
    rows = ledger.days(keys, LAUNCH, now.date())
    claimed = [row for row in rows.values() if row.claim is not None]
    yield _claims(claimed)
    at_work = {row.claim.run_id for row in claimed if row.claim is not None}
    unended = [
        run
        for run in ledger.runs(limit=_RUNS_LOOKED_AT)
        if run.finished is None and run.exit_code is None and run.run_id not in at_work
    ]
    if not unended:
        yield _finding("runs", Verdict.OK, "every run has ended, or holds a day")
        return
    last = unended[0]
    seen = (
        f"{len(unended)} of the last {_RUNS_LOOKED_AT} have no end and hold no day, the last of them"
        f" {last.command} on {last.host}, begun {last.started:%Y-%m-%d %H:%M:%S}Z"
    )
    advice = "they wait, or were killed; nothing is lost, the next run goes on where they were"
    yield _finding("runs", Verdict.NOTICE, seen, "an end for each", advice)


def _claims(claimed: list[DayState]) -> Finding:
    if not claimed:
        return _finding("claims", Verdict.OK, "nobody is at work on a day")
    by_whom = Counter(row.claim.host for row in claimed if row.claim is not None)
    hosts = ", ".join(f"{count} on {host}" for host, count in by_whom.items())
    return _finding("claims", Verdict.OK, f"days in work: {hosts}")


def _synthetic(options: DoctorOptions, ledger: Ledger | None) -> Finding:
    """Whether all of it is synthetic, or none of it."""
    try:
        refuse_mixing(options, ledger)
        is_all = is_synthetic_throughout(options, ledger)
    except UsageError as error:
        expected = "real days only, or synthetic ones only"
        return _finding("synthetic", Verdict.WRONG, str(error), expected, "keep them apart: no run mixes them")
    if is_all or options.demo:
        return _finding("synthetic", Verdict.OK, "all of it is synthetic: a demonstration")
    return _finding("synthetic", Verdict.OK, "nothing of it is synthetic")
