"""Which files are not what the ledger recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from ialirt_backfill.options import VerifyOptions
from ialirt_backfill.options.typed import advised
from ialirt_backfill.terminal.consoles import make_console, prose, show_synthetic, show_table, word
from ialirt_backfill.terminal.lines import say, tell_of_places
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import counted, one_line

if TYPE_CHECKING:
    from ialirt_backfill.upkeep.verify import Verification  # it loads pyarrow, which whoever has one has loaded already


def show_verification(
    found: Verification, options: VerifyOptions, console: Console | None = None, *, again: str = ""
) -> None:
    """The files that differ, and what became of them; ``again`` is the command that asks for their days again."""
    if options.json:
        write_json(found.to_json())
        return
    console = console or make_console()
    show_synthetic(console, found.is_synthetic)
    if found.findings:
        rows = [
            (finding.instrument.name, str(finding.day), str(finding.path), one_line(finding.detail))
            for finding in found.findings
        ]
        show_table(console, [word("instrument"), word("day"), prose("file"), prose("what is wrong")], rows)
        console.print()
    if not options.quiet:
        tell_of_places(make_console(stderr=True), options)
    say(console, _conclusion(found))
    if found.findings and found.repair is None:
        say(console, advised(f"To ask for {_them(len(found.findings))} again", again), style="bold", to_copy=True)


def _conclusion(found: Verification) -> str:
    files, wrong = counted(found.files, "file"), len(found.findings)
    if not wrong:
        return f"{files}: all are what the ledger recorded."
    if found.repair is None and all(finding.is_as_recorded for finding in found.findings):
        return f"{files}: all are what the ledger recorded, {wrong:,} under another definition of the instrument."
    if found.repair is None:
        return f"{files}, {wrong:,} not as recorded."
    if found.left:
        return f"{files}, {wrong:,} not as recorded, asked for again; {len(found.left):,} still not as recorded."
    return f"{files}, {wrong:,} not as recorded, asked for again; now all are as recorded."


def _them(number: int) -> str:
    return "that day" if number == 1 else "those days"
