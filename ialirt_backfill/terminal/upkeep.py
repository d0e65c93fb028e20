"""What a person sees of adopting a datastore and of looking after the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ialirt_backfill.options import AdoptOptions, LedgerOptions
from ialirt_backfill.options.datastore import is_marked
from ialirt_backfill.plan.coverage import percent
from ialirt_backfill.terminal.consoles import make_console, number, show_table, word
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import counted
from ialirt_backfill.upkeep.adopt import AdoptedDay, Adoption, AdoptReport


def show_adoption(report: AdoptReport, options: AdoptOptions) -> None:
    """Per instrument, what became of the files; a line for each that could not be adopted or has lost digits."""
    days = report.days
    if options.json:
        write_json(
            {
                "synthetic": False,  # what is synthetic is refused
                "dry_run": options.dry_run,
                "days": [_plain(day) for day in days],
                "passed_over": report.passed_over,
                "unread": [error.filename for error in report.unread],
                "summary": _summary(days),
            }
        )
    err = make_console(stderr=True)
    for folder in () if options.quiet else report.passed_over:
        say(err, f"{folder} was passed over: it is a datastore by itself, with {_whose(folder)}", style="yellow")
    for error in report.unread:
        say(
            err, f"{error.filename} cannot be looked into ({error.strerror}): what is in there is left out", style="red"
        )
    for day in days:
        if day.adoption is Adoption.FAILED:
            say(err, f"{day.instrument.name} {day.day}  not adopted  {day.error}", style="red")
        elif day.adoption is Adoption.LOST_DIGITS and not options.quiet:
            say(err, f"{day.instrument.name} {day.day}  its nanoseconds have lost digits: it is asked for again whole")
    if options.json or options.quiet:
        return
    out = make_console()
    rows = []
    for name in dict.fromkeys(day.instrument.name for day in days):
        of_it = [day for day in days if day.instrument.name == name]
        results = [day.result for day in of_it if day.result is not None]
        expected = sum(result.expected_records for result in results)
        found = sum(result.expected_records * (result.availability_pct or 0.0) for result in results)
        counts = _summary(of_it)
        rows.append(
            (
                name,
                f"{len(of_it):,}",
                *(f"{counts[kind.value]:,}" for kind in Adoption),
                f"{sum(result.records for result in results):,}",
                percent(found / expected if expected else None),
            )
        )
    headers = ("days", "adopted", "lost digits", "known", "failed", "records", "availability")
    show_table(out, [word("instrument"), *(number(header) for header in headers)], rows)
    if not days:
        out.print("No day files found.")
    elif options.dry_run:
        out.print("Nothing was written (--dry-run).")
    else:
        out.print("The next run asks for the gaps of the adopted days, and for what lies behind their last record.")


def _whose(folder: Path) -> str:
    return "the synthetic days of a demonstration" if is_marked(folder) else "a ledger of its own"


def _summary(days: Sequence[AdoptedDay]) -> dict[str, int]:
    return {kind.value: sum(day.adoption is kind for day in days) for kind in Adoption}


def _plain(day: AdoptedDay) -> dict[str, object]:
    result = day.result
    return {
        "instrument": day.instrument.name,
        "day": day.day,
        "path": day.path,
        "adoption": day.adoption,
        "records": None if result is None else result.records,
        "availability_pct": None if result is None else result.availability_pct,
        "error": day.error,
    }


def show_ledger(facts: Mapping[str, object], sentence: str, options: LedgerOptions) -> None:
    """What was done with the ledger, or its version."""
    if options.json:
        write_json(facts)
    else:
        make_console().print(sentence)


def current_sentence(found: str | None, head: str) -> str:
    """Which version the ledger has."""
    if found is None:
        return f"There is no ledger yet. The first run makes it, at version {head}."
    if found == head:
        return f"The ledger is at version {found}, this program's own."
    return f"The ledger is at version {found}, this program's is {head}: any run that writes upgrades it."


def upgraded_sentence(found: str | None, head: str) -> str:
    """What was done to bring the ledger up to date."""
    if found is None:
        return f"A new ledger was made, at version {head}."
    if found == head:
        return f"The ledger is at version {head} already."
    return f"The ledger was at version {found}; it is now at version {head}."


def pruned_sentence(counts: Mapping[str, int]) -> str:
    """What was taken out of the history."""
    trimmed = " and ".join(counted(number, thing) for thing, number in counts.items())
    return f"Pruned {trimmed}; the state of the days is untouched."
