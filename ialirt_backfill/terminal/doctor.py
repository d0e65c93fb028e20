"""What the doctor found: a line for each finding."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ialirt_backfill.doctor.findings import Diagnosis, Finding, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.terminal.consoles import make_console, prose, show_synthetic, show_table, word
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import plain, write_json
from ialirt_backfill.terminal.words import counted, one_line

_STYLES = {Verdict.OK: "green", Verdict.NOTICE: "yellow", Verdict.WRONG: "bold red"}


def show_diagnosis(diagnosis: Diagnosis, options: DoctorOptions, console: Console | None = None) -> None:
    """Every finding; with ``quiet`` only what is not as it should be."""
    if options.json:
        write_json({**plain(diagnosis), "exit_code": diagnosis.exit_code})
        return
    console = console or make_console()
    show_synthetic(console, diagnosis.synthetic)
    shown = [it for it in diagnosis.findings if not options.quiet or it.verdict is not Verdict.OK]
    rows = [(Text(it.verdict.value, _STYLES[it.verdict]), it.about, it.check, Text(_sentence(it))) for it in shown]
    if rows:
        show_table(console, [word(""), word("of"), word("what"), prose("finding")], rows)
        console.print()
    say(console, _conclusion(diagnosis))


def _sentence(finding: Finding) -> str:
    """What is seen; where that is not as it should be, also what was expected, and what to do."""
    parts = [finding.seen]
    if finding.verdict is not Verdict.OK:
        parts += [f"expected: {finding.expected}"] if finding.expected else []
        parts += [f"what to do: {finding.advice}"] if finding.advice else []
    return one_line("; ".join(parts))


def _conclusion(diagnosis: Diagnosis) -> str:
    wrong, notices = len(diagnosis.of(Verdict.WRONG)), len(diagnosis.of(Verdict.NOTICE))
    asked = f"{counted(diagnosis.requests, 'request')}, {diagnosis.seconds:.0f} s"
    if not wrong and not notices:
        return f"{counted(len(diagnosis.findings), 'finding')}, all ok ({asked})."
    return f"{wrong:,} wrong, {counted(notices, 'notice')}, {len(diagnosis.of(Verdict.OK)):,} ok ({asked})."
