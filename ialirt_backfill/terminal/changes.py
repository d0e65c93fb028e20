"""What a person sees of the days that have changed."""

from __future__ import annotations

from ialirt_backfill.options import ChangesOptions
from ialirt_backfill.plan.coverage import percent
from ialirt_backfill.reports.changes import ChangesReport
from ialirt_backfill.terminal.consoles import make_console, number, show_synthetic, show_table, word
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import write_json
from ialirt_backfill.terminal.words import counted, moment


def show_changes(report: ChangesReport, options: ChangesOptions) -> None:
    """The days, oldest change first, and the cursor."""
    if options.json:
        write_json(report)
        return
    console = make_console()
    show_synthetic(console, report.synthetic)
    console.print(f"{counted(len(report.changes), 'day')} changed")
    rows = [
        (
            moment(it.changed_at),
            it.instrument,
            f"{it.day}",
            f"{it.records:,}",
            percent(it.availability_pct),
            "yes" if it.is_final else "no",
        )
        for it in report.changes
    ]
    if rows:
        columns = [
            word("changed"),
            word("instrument"),
            word("day"),
            number("records"),
            number("available"),
            word("final"),
        ]
        show_table(console, columns, rows)
    say(console, f"To go on from here: --since {report.cursor}", to_copy=True)
