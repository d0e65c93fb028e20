"""Status, gaps, history and runs, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ialirt_backfill.ending import EXIT_FAILED, EXIT_INTERRUPTED
from ialirt_backfill.options import GapsOptions, HistoryOptions, RunsOptions, StatusOptions
from ialirt_backfill.plan.coverage import is_full, percent
from ialirt_backfill.reports.history import DayHistory, RunsReport
from ialirt_backfill.reports.status import (
    AskedDays,
    Gap,
    GapsReport,
    InstrumentStatus,
    Standing,
    StatusReport,
    standing,
)
from ialirt_backfill.terminal.calendar import show_calendar
from ialirt_backfill.terminal.consoles import make_console, number, prose, show, show_synthetic, show_table, word
from ialirt_backfill.terminal.lines import say
from ialirt_backfill.terminal.plain import write_csv, write_json
from ialirt_backfill.terminal.words import both_ends, counted, length, moment, one_line
from ledger import Attempt, AttemptStatus, DayAccess, DayState, Run

# --- status -----------------------------------------------------------------------------------------------------------


def show_status(report: StatusReport, options: StatusOptions, console: Console | None = None) -> None:
    """How complete a range is."""
    if options.json:
        write_json(report)
        return
    console = console or make_console()
    show_synthetic(console, report.synthetic)
    console.print(f"{both_ends([report.start, report.end])}, as of {report.as_of:%Y-%m-%d %H:%M}Z")
    console.print()
    show_calendar(console, report.instruments)
    asked = [it for it in report.instruments if it.was_asked]
    if asked:
        console.print()
        headers = ("days", "full", "partial", "no data", "failed", "refused", "never asked", "final", "available")
        rows = [(it.instrument, *_day_counts(it)) for it in asked]
        show_table(console, [word("instrument"), *(number(header) for header in headers)], rows)
        console.print()
        _show_newest(console, asked)
    if report.longest_gaps:
        console.print()
        _show_gaps(console, report.longest_gaps)
    console.print()
    _show_last_run(console, report)


def _day_counts(it: InstrumentStatus) -> tuple[str | Text, ...]:
    return (
        f"{it.days:,}",
        f"{it.days_full:,}",
        f"{it.days_partial:,}",
        f"{it.days_no_data:,}",
        Text(f"{it.days_failed:,}", style="bold red" if it.days_failed else ""),
        f"{it.days_no_access:,}",
        f"{it.days_never_asked:,}",
        f"{it.days_final:,}",
        percent(it.availability_pct),
    )


def _show_newest(console: Console, instruments: Sequence[InstrumentStatus]) -> None:
    rows = [
        (
            it.instrument,
            moment(it.newest_record),
            "-" if it.newest_record_age_seconds is None else length(it.newest_record_age_seconds),
            Text(it.warning or "", style="yellow"),
        )
        for it in instruments
    ]
    columns = [word("instrument"), word("newest record"), number("age")]
    if any(it.warning for it in instruments):
        show_table(console, [*columns, prose("warning")], rows)
    else:
        show_table(console, columns, [row[:3] for row in rows])


def _show_last_run(console: Console, report: StatusReport) -> None:
    if report.last_run is None:
        console.print("No run so far.")
        return
    console.print("last run", style="bold")
    _show_run(console, report.last_run, living=report.last_run_is_living)


# --- gaps -------------------------------------------------------------------------------------------------------------


def show_gaps(report: GapsReport, options: GapsOptions, console: Console | None = None) -> None:
    """The gaps of a range."""
    if options.json:
        write_json(report)
        return
    if options.csv:
        show_synthetic(make_console(stderr=True), report.synthetic)
        write_csv(Gap, report.gaps)
        return
    console = console or make_console()
    show_synthetic(console, report.synthetic)
    is_known = any(it.days_answered for it in report.instruments)
    unknown = _unknown(report.instruments)
    how_many = counted(len(report.gaps), "gap") + (" in what was answered" if unknown else "")
    if not is_known:
        how_many = "nothing was answered, so no gap is known"
    say(console, f"{both_ends([report.start, report.end])}: {how_many}")
    for line in unknown:
        say(console, line, style="yellow")
    if report.gaps:
        _show_gaps(console, report.gaps)


def _unknown(instruments: Sequence[AskedDays]) -> list[str]:
    """Which days no gap can be known of, in a line for all instruments with the same numbers."""
    alike: dict[str, list[str]] = {}
    for it in instruments:
        kinds = ((it.days_never_asked, "never asked for"), (it.days_failed, "failed"), (it.days_no_access, "refused"))
        counts = [f"{number:,} {kind}" for number, kind in kinds if number]
        if counts:
            alike.setdefault(f"of {counted(it.days, 'day')}, {', '.join(counts)}", []).append(it.instrument)
    return [f"{', '.join(names)}: {counts}" for counts, names in alike.items()]


def _show_gaps(console: Console, gaps: Sequence[Gap]) -> None:
    rows = [
        (gap.instrument, moment(gap.start), moment(gap.end), length(gap.duration_seconds), f"{gap.missing_records:,}")
        for gap in gaps
    ]
    columns = [word("instrument"), word("gap from"), word("up to"), number("length"), number("missing records")]
    show_table(console, columns, rows)


# --- history ----------------------------------------------------------------------------------------------------------


def show_history(day: DayHistory, options: HistoryOptions, console: Console | None = None) -> None:
    """Why a day is as it is."""
    if options.json:
        write_json(day)
    else:
        _show_day(console or make_console(), day)


_ATTEMPT = "{:<16} {:<8} {:<11} {:>8} {:>7} {:>7} {:>9} {:>7}"
"""79 columns, so that it fits a narrow terminal."""


def _show_day(console: Console, day: DayHistory) -> None:
    show_synthetic(console, day.synthetic)
    title = f"{day.instrument} {day.day}"
    if day.state is None:
        console.print(f"{title}: never asked for")
        return
    console.print(f"{title}: {describe_state(day.state)}", style="bold")
    for label, text in _details(day.state):
        show(console, Text.assemble((f"  {label:<14}", "dim"), text))
    console.print()
    if not day.attempts:
        console.print("No attempt that changed something or failed.")
        return
    header = ("attempt (UTC)", "decision", "result", "requests", "fetched", "added", "available", "seconds")
    show(console, Text(_ATTEMPT.format(*header), style="bold"))
    for attempt in day.attempts:
        _show_attempt(console, attempt)


def describe_state(state: DayState) -> str:
    """Where a day stands, in words."""
    words = {
        Standing.COMPLETE: "full, final" if is_full(state) else "partial, final",
        Standing.INCOMPLETE: "full, more to come" if is_full(state) else "partial, more to come",
        Standing.FAILED: "failed",
        Standing.NO_DATA: "no data, final" if state.is_final else "no data, more to come",
        Standing.NO_ACCESS: "refused",
        Standing.NEVER_ASKED: "no result yet",
    }
    return words[standing(state)]


def _details(state: DayState) -> list[tuple[str, str]]:
    details = [
        (
            "records",
            f"{state.records:,} of {state.expected_records:,} expected, {percent(state.availability_pct)}"
            if state.records or state.expected_records
            else "none",
        ),
        ("asked through", moment(state.asked_through)),
        ("final", "yes" if state.is_final else "no"),
    ]
    if state.records:
        details.append(("data", f"{moment(state.first_record)} … {moment(state.last_record)}"))
    if state.gaps:
        total = sum((end - start).total_seconds() for start, end in state.gaps)
        details.append(("gaps", f"{len(state.gaps):,}, together {length(total)}"))
    if state.path:
        details.append(("file", f"{state.path}, {state.size_bytes or 0:,} bytes"))
    if state.rejected:
        details.append(("rejected", counted(state.rejected, "record")))
    if state.last_error:
        details.append(("last error", one_line(state.last_error)))
    if state.refused:
        details.append(("refused", one_line(state.refused)))
    if state.records and state.access is not None:
        details.append(("fetched", _ACCESS[state.access]))
    if state.claim is not None:
        details.append(("in work by", state.claim.describe()))
    return details


_ACCESS = {
    DayAccess.NONE: "without a key",
    DayAccess.KEY: "with a key",
    DayAccess.FULL: "with a key that is shown what is restricted",
}
RESULT_STYLES = {AttemptStatus.FAILED: "red", AttemptStatus.INTERRUPTED: "yellow"}


def _show_attempt(console: Console, attempt: Attempt) -> None:
    line = _ATTEMPT.format(
        f"{attempt.started:%Y-%m-%d %H:%M}",
        attempt.decision,
        attempt.status.value,
        f"{attempt.requests:,}",
        f"{attempt.records_fetched:,}",
        f"+{attempt.records_added:,}",
        percent(attempt.availability_pct),
        f"{attempt.seconds:,.1f}",
    )
    show(console, Text(line, style=RESULT_STYLES.get(attempt.status, "")))
    _show_below(console, f"reason: {attempt.reason}")
    if attempt.error:
        _show_below(console, f"error: {attempt.error_type or ''}: {attempt.error}", style="red")
    if attempt.rejected:
        sample = f", as {attempt.rejected_sample}" if attempt.rejected_sample else ""
        _show_below(console, f"rejected: {counted(attempt.rejected, 'record')}{sample}", style="yellow")


def _show_below(console: Console, text: str, style: str = "dim") -> None:
    show(console, Padding(Text(one_line(text), style=style, overflow="fold"), (0, 0, 0, 4), expand=False))


# --- runs -------------------------------------------------------------------------------------------------------------


def show_runs(report: RunsReport, options: RunsOptions, console: Console | None = None) -> None:
    """The last runs, newest first."""
    if options.json:
        write_json(report)
        return
    console = console or make_console()
    show_synthetic(console, report.synthetic)
    if not report.runs:
        console.print("No run so far.")
    for run in report.runs:
        _show_run(console, run)


def _show_run(console: Console, run: Run, *, living: bool = False) -> None:
    result, style = describe_result(run, living=living)
    took = "" if run.finished is None else f", took {length((run.finished - run.started).total_seconds())}"
    show(console, Text.assemble(f"{run.run_id}  {run.command}  ", (result, style), took))
    asked = [str(run.options[name]) for name in ("instrument", "start", "end") if run.options.get(name) is not None]
    counts = [
        f"{run.counts[name]:,} {text}"
        for name, text in _COUNTS.items()
        if run.counts.get(name) or (name == "run" and name in run.counts)
    ]
    what = " … ".join(asked[1:])
    _show_below(console, f"{asked[0] if asked else ''} {what}")
    if counts:
        _show_below(console, f"instrument-days: {', '.join(counts)}", style="")


_COUNTS = {
    "planned": "planned",
    "run": "asked for",
    "downloaded": "downloaded",
    "no_data": "without data",
    "failed": "failed",
    "skipped_failed": "skipped as failed",
    "skipped_claimed": "skipped as in work elsewhere",
    "skipped_no_access": "refused for want of access",
}


def describe_result(run: Run, *, living: bool = False) -> tuple[str, str]:
    """How a run ended, in words, and the style of the words."""
    if run.exit_code is None:
        return ("running", "cyan") if living else ("no end recorded (running, or killed)", "yellow")
    if run.exit_code == 0:
        return "all well", "green"
    if run.exit_code > EXIT_INTERRUPTED:
        return ("stopped", "green") if run.command == "poll" else ("interrupted", "yellow")
    if run.command == "backfill" and _was_only_refused(run):
        return "without access to all of it", "magenta"
    return "with failures" if run.exit_code == 1 else f"ended with exit code {run.exit_code}", "red"


def _was_only_refused(run: Run) -> bool:
    """Whether nothing but want of access kept a run from ending well."""
    counts = run.counts
    refused = counts.get("skipped_no_access", 0)
    is_all = refused + counts.get("skipped_future", 0) == counts.get("planned")
    has_failed = counts.get("failed") or counts.get("skipped_failed")
    return bool(refused) and not has_failed and (run.exit_code == EXIT_FAILED or is_all)
