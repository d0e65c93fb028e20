"""What a person sees: every table at 80 and 140 columns, nothing cut; progress on a terminal and without one."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from rich.console import Console

from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.options import BackfillOptions, HistoryOptions, RunsOptions, StatusOptions
from ialirt_backfill.plan.access import Refusal, Want
from ialirt_backfill.plan.coverage import Span, day_span, percent
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.plan.estimate import Basis, Estimate
from ialirt_backfill.reports.history import DayHistory, RunsReport
from ialirt_backfill.reports.status import DayStanding, Standing, StatusReport, find_gaps, instrument_status
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.report import InRange, Report
from ialirt_backfill.terminal import words
from ialirt_backfill.terminal.bars import Bars
from ialirt_backfill.terminal.calendar import show_calendar, symbol
from ialirt_backfill.terminal.consoles import set_up_logging
from ialirt_backfill.terminal.lines import Lines, tell_of_places
from ialirt_backfill.terminal.plain import plain
from ialirt_backfill.terminal.plan import common_reason, folded, show_plan
from ialirt_backfill.terminal.reports import show_history, show_runs, show_status
from ialirt_backfill.terminal.screen import Screen
from ialirt_backfill.terminal.summary import show_summary
from ledger import Attempt, AttemptStatus, DayStatus, Run
from tests.support.rows import at, failed, no_data, row

WIDTHS = [80, 140]
HIT, MAG, SPACECRAFT = INSTRUMENTS["hit"], INSTRUMENTS["mag"], INSTRUMENTS["spacecraft"]
FIRST = date(2026, 1, 1)


def terminal(width: int = 80, height: int = 24) -> Console:
    """A terminal without colour whose text can be read."""
    return Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=height, highlight=False
    )


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def drawn(show: Callable[[Console], Any], width: int = 80) -> list[str]:
    """The lines that are shown, each within the width, none cut."""
    console = terminal(width)
    show(console)
    lines = text(console).splitlines()
    assert all(len(line) <= width for line in lines)
    return [line.rstrip() for line in lines]


def decision(
    day: date, action: Action = Action.RUN, reason: str = "never asked for", instrument: Instrument = HIT
) -> Decision:
    return Decision(instrument, day, action, reason, (day_span(day),) if action.asks else ())


def outcome(it: Decision, status: DayStatus = DayStatus.DOWNLOADED, **given: Any) -> DayOutcome:
    found = status is DayStatus.DOWNLOADED
    values: dict[str, Any] = {
        "records": 1440 * found,
        "expected_records": 1440,
        "availability_pct": 100.0 * found,
        "path": PurePosixPath("x.csv"),
        "records_added": 1440 * found,
    }
    return DayOutcome(it.instrument, it.day, it, status, **(values | given))


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(99.99), "99.9 %"),
        (percent(100.0), "100.0 %"),
        (percent(None), "-"),
        (words.counted(1, "day"), "1 day"),
        (words.counted(1200, "day"), "1,200 days"),
        (words.short_count(9_999), "9,999"),
        (words.short_count(44_640), "44.6k"),
        (words.short_count(669_600), "670k"),
        (words.short_count(999_949), "1000k"),
        (words.short_count(7_884_000), "7.9M"),
        (words.clock(12), "0:12"),
        (words.clock(3723), "1:02:03"),
        (words.length(45.9), "45 s"),
        (words.length(3 * 3600 + 25 * 60 + 7), "3 h 25 min"),
        (words.length(19 * 86400 + 7), "19 d"),
        (words.length(0), "0 s"),
        (words.rough_length(3.2), "a few seconds"),
        (words.rough_length(40.7), "about 40 s"),
        (words.rough_length(725), "about 12 min"),
        (words.rough_length(3 * 3600 + 25 * 60 + 31), "about 3 h 26 min"),
        (words.rough_size(430_100_000), "430 MB"),
        (words.rough_size(1_240_000_000), "1.2 GB"),
        (words.rough_size(5_300), "5 kB"),
        (words.both_ends([FIRST, date(2026, 2, 1)]), "32 days, both ends included, 2026-01-01 … 2026-02-01"),
        (words.both_ends([date(2026, 2, 1), FIRST]), "32 days, both ends included, 2026-01-01 … 2026-02-01"),
        (words.one_line("a\nb\x1b[31m  c"), "a b [31m c"),
    ],
)
def test_words(said: str, expected: str) -> None:
    assert said == expected


# --- the plan ---------------------------------------------------------------------------------------------------------


def month(action: Action, reasons: list[str]) -> list[Decision]:
    return [decision(FIRST + timedelta(days=n), action, reason) for n, reason in enumerate(reasons)]


def test_equal_decisions_are_folded() -> None:
    plan = [
        *month(Action.SKIP_EXISTING, ["1,440 records, 100.0 %", "1,396 records, 96.9 %", "980 records, 68.0 %"]),
        decision(date(2026, 1, 4), Action.SKIP_NO_DATA, "no data"),
        decision(date(2026, 1, 6), Action.SKIP_NO_DATA, "no data"),
        decision(date(2026, 1, 7)),
    ]
    shown = drawn(lambda console: show_plan(console, plan))
    assert shown[-6].split() == ["instrument", "day", "decision", "reason"]
    assert shown[0].startswith("7 days, both ends included, 2026-01-01 … 2026-01-07; nothing is asked or written")
    assert [" ".join(line.split()) for line in shown[-5:-1]] == [
        "hit 2026-01-01 … 2026-01-03 skip-existing 980…1,440 records, 68.0…100.0 %",
        "hit 2026-01-04 skip-no-data no data",
        "hit 2026-01-06 skip-no-data no data",
        "hit 2026-01-07 run never asked for",
    ]
    assert shown[-1] == "1 instrument-day to ask for in about 1 request, 5 to skip"
    assert len(folded(plan, unfolded=True)) == len(plan)


def test_a_plan_from_the_newest_day_is_folded_too() -> None:
    plan = list(reversed(month(Action.RUN, ["never asked for"] * 31)))
    (only,) = folded(plan)
    assert (only[0].day, only[-1].day) == (date(2026, 1, 31), FIRST)


def test_a_common_reason_ranges_over_numbers_and_times() -> None:
    reasons = [f"1,4{n}0 records, 9{n}.5 %; final pass due 2026-01-0{n + 1} 00:00Z" for n in range(3)]
    assert common_reason(month(Action.SKIP_EXISTING, reasons)) == (
        "1,400…1,420 records, 90.5…92.5 %; final pass due 2026-01-01…2026-01-03 00:00Z"
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_reason_goes_on_below(width: int) -> None:
    reason = "3 failed attempts, the last: " + "HTTP 500 Internal Server Error " * 6
    shown = drawn(lambda console: show_plan(console, month(Action.SKIP_FAILED, [reason])), width)
    assert "".join(shown).count("HTTP") == 6


# --- summary ----------------------------------------------------------------------------------------------------------


def a_report(**given: Any) -> Report:
    asked = [decision(FIRST), decision(FIRST, instrument=MAG), decision(FIRST, instrument=SPACECRAFT)]
    return Report(
        "run",
        (*asked, decision(date(2026, 1, 2), Action.SKIP_FAILED, "1 failed attempt")),
        (
            outcome(asked[0]),
            outcome(asked[1], records_added=7_884_000, expected_records=21_600),
            outcome(asked[2], DayStatus.FAILED, error="HTTP 503"),
        ),
        in_range=(InRange("hit", 2, 2880, 2880, 100.0), InRange("mag", 1, 10_800, 21_600, 50.0)),
        **given,
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_the_summary_fits(width: int) -> None:
    header, hit, _, spacecraft, total = drawn(lambda console: show_summary(console, a_report()), width)
    assert " ".join(header.split()) == "instrument days downloaded no data failed skipped records availability"
    assert hit.split() == ["hit", "2", "1", "0", "1", "1", "+1,440", "100.0", "%"]
    assert spacecraft.split() == ["spacecraft", "1", "0", "0", "1", "0", "+0", "-"]
    assert total.split() == ["all", "4", "2", "0", "2", "1", "+7,885,440", "55.8", "%"]


def test_a_run_says_once_where_things_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    console = Console(file=io.StringIO(), width=1000)
    tell_of_places(console, replace(OPTIONS, ledger="postgresql://team:secret@host/db"))
    assert text(console) == f"Datastore {tmp_path}/ialirt-data, ledger postgresql://team:***@host/db\n"
    tell_of_places(console, OPTIONS)
    assert text(console).splitlines()[1:] == [f"Datastore {tmp_path}/ialirt-data, its ledger is ledger.sqlite"]
    assert OPTIONS.ledger_shown == f"sqlite:///{tmp_path}/ialirt-data/ledger.sqlite"


def test_nothing_left_to_do() -> None:
    report = Report("run", (decision(FIRST, Action.SKIP_EXISTING, "1,440 records"),))
    assert drawn(lambda console: show_summary(console, report))[-1] == "Nothing is left to do."


def test_what_is_left_for_later_is_not_called_done() -> None:
    mine = decision(FIRST, Action.SKIP_EXISTING, "1,440 records")
    theirs = [decision(date(2026, 1, day), Action.SKIP_CLAIMED, "claimed by run") for day in (2, 3)]
    to_come = decision(date(2026, 12, 31), Action.SKIP_FUTURE, "the day has not begun")
    report = Report("run", (mine, *theirs, to_come))
    said = "Nothing to ask for now: 2 instrument-days in the hands of another run, 1 instrument-day not begun yet."
    assert drawn(lambda console: show_summary(console, report), 140)[-1] == said


OPTIONS = BackfillOptions(instrument="hit", start=FIRST)


def test_the_command_that_retries_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(OPTIONS).show(a_report(), interrupted=False, command="ialirt-backfill --instrument hit")
    printed = capsys.readouterr()
    assert printed.err == "To ask again for what failed: ialirt-backfill --instrument hit --retry-failed\n"
    assert not any(line.endswith(" ") for line in printed.out.splitlines())


def test_json_stands_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(replace(OPTIONS, json=True)).show(a_report(ended="why"), interrupted=True, command="ialirt-backfill")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["run_id"] == "run"
    assert "Interrupted; what arrived is kept. To go on: ialirt-backfill --retry-failed\n" in printed.err


# --- progress ---------------------------------------------------------------------------------------------------------


class Seconds:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def frame(bars: Bars, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(bars.frame())
    lines = capture.get().splitlines()
    assert all(len(line) <= console.width for line in lines)
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("width", WIDTHS)
def test_bars(width: int, seconds: Seconds) -> None:
    console = terminal(width)
    bars = Bars(console, clock=seconds)
    days = [decision(FIRST + timedelta(days=n)) for n in range(4)]
    skipped = decision(date(2026, 1, 5), Action.SKIP_EXISTING, "1,440 records")
    bars.planned([*days, skipped, decision(FIRST, instrument=SPACECRAFT)])
    for day in days:
        bars.day_started(day)
    seconds.now = 10.0
    bars.day_finished(outcome(days[0]))
    bars.day_finished(outcome(days[1], DayStatus.FAILED, error="HTTP 500: out of\norder"))
    window = Span(at("2026-01-03T00:00:00"), at("2026-01-03T12:00:00"))
    bars.asking(days[2], window, None)
    bars.asking(days[2], window, "HTTP 503")
    bars.asking(days[2], window, "HTTP 503 again")
    hit, spacecraft, third, fourth = frame(bars, console)
    assert hit.endswith("2/4 days · 1 failed · 1,440 records · 0:10 left")
    assert spacecraft.endswith("0/1 day · 0 records · -:-- left")
    assert third == "  hit 2026-01-03  00:00:00-11:59:59  0:10  retry 2: HTTP 503 again"
    assert fourth == "  hit 2026-01-04  0:10"
    said = " ".join(text(console).split())
    assert "5 days, both ends included" in said
    assert "hit 2026-01-02 failed HTTP 500: out of order" in said

    bars.answered(days[2], window, 720)
    assert "retry" not in frame(bars, console)[2]
    bars.day_finished(outcome(days[2], DayStatus.NO_DATA))
    bars.day_skipped(days[3])
    assert frame(bars, console)[0].endswith("3/3 days · 1 failed · 1 no data · 1,440 records · took 0:10")
    assert len(frame(bars, console)) == 2


def test_many_days_in_work_do_not_overflow_the_screen(seconds: Seconds) -> None:
    console = terminal(height=10)
    bars = Bars(console, clock=seconds)
    days = [decision(FIRST + timedelta(days=n)) for n in range(20)]
    bars.planned(days)
    for day in days:
        bars.day_started(day)
    shown = frame(bars, console)
    assert len(shown) == 8
    assert shown[-1] == "  and 14 days more in work"


def test_logging_does_not_tear_the_bars() -> None:
    console = terminal(140)
    set_up_logging(console, verbose=True)
    bars = Bars(console)
    with bars.shown():
        bars.planned([decision(FIRST)])
        logging.getLogger("ialirt_backfill.x").info("a line of the log")
        time.sleep(0.3)
    assert "a line of the log\n" in text(console)


def test_lines() -> None:
    console = Console(file=io.StringIO(), width=1000)
    lines = Lines(console)
    first, second = decision(FIRST), decision(date(2026, 1, 2))
    with lines.shown():
        lines.planned([first, second])
        lines.day_started(first)
        lines.day_finished(outcome(first, rejected=("{'x': 1}",)))
        lines.day_started(second)
        lines.day_finished(outcome(second, DayStatus.FAILED, error="HTTP 500"))
        lines.day_skipped(decision(date(2026, 1, 3), Action.SKIP_CLAIMED, "held by another"))
    assert text(console).splitlines() == [
        "2 days, both ends included, 2026-01-01 … 2026-01-02; hit: 2 instrument-days to ask for in about 2 requests, "
        "0 to skip",
        "hit 2026-01-01  1 record rejected: {'x': 1}",
        "hit 2026-01-01  1,440 records  100.0 %  (+1,440)",
        "hit 2026-01-02  failed  HTTP 500",
        "hit 2026-01-03  skip-claimed  held by another",
    ]


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (Basis.HISTORY, "Takes about 12 min and 430 MB on disk, going by earlier runs"),
        (Basis.CATALOGUE, "Takes about 12 min and 430 MB on disk: a guess, at a second a request and by"),
    ],
)
def test_what_a_plan_costs_is_said_with_what_says_so(basis: Basis, said: str) -> None:
    console, cost = Console(file=io.StringIO(), width=1000), Estimate(2880, 720.0, 430_000_000, basis)
    Lines(console).estimated(cost)
    Bars(console).estimated(cost)
    Lines(console, quiet=True).estimated(cost)
    assert text(console).count(said) == 2


def test_quiet_lines_still_tell_failures() -> None:
    console = Console(file=io.StringIO(), width=1000)
    lines = Lines(console, quiet=True)
    lines.planned([decision(FIRST)])
    lines.day_started(decision(FIRST))
    lines.day_finished(outcome(decision(FIRST)))
    lines.day_finished(outcome(decision(FIRST), DayStatus.FAILED, error="HTTP 500"))
    assert text(console) == "hit 2026-01-01  failed  HTTP 500\n"


def test_a_long_day_speaks_now_and_then() -> None:
    console = Console(file=io.StringIO(), width=1000)
    lines = Lines(console, every_seconds=0.05)
    with lines.shown():
        lines.day_started(decision(FIRST))
        lines.asking(decision(FIRST), day_span(FIRST), "HTTP 503")
        time.sleep(0.3)
    said = text(console).splitlines()
    assert len(said) >= 2
    assert said[0] == "hit 2026-01-01  in work for 0:00, asking for 00:00:00-23:59:59 again: HTTP 503"


def test_a_refused_day_is_not_in_work_any_more() -> None:
    console = Console(file=io.StringIO(), width=1000)
    lines = Lines(console, every_seconds=0.05)
    with lines.shown():
        lines.day_started(decision(FIRST))
        lines.day_skipped(decision(FIRST).refused(Refusal(Want.KEY, "…")))
        time.sleep(0.2)
    assert text(console) == ""


# --- reports ----------------------------------------------------------------------------------------------------------


def a_status(instruments: int = 3) -> StatusReport:
    days = [FIRST + timedelta(days=n) for n in range(150)]
    rows = [
        row(days[0]),
        row(days[1], availability_pct=95.0, gaps=((at("2026-01-02T03:00:00"), at("2026-01-02T04:30:00")),)),
        row(days[2], availability_pct=7.0),
        row(days[3], is_final=False),
        failed(days[4]),
        no_data(days[5]),
    ]
    chosen = list(INSTRUMENTS.values())[:instruments]
    keyed = {(it.progress_key, found.day): found for it in chosen for found in rows}
    now = at("2026-05-30T12:00:00")
    return StatusReport(
        as_of=now,
        start=days[0],
        end=days[-1],
        ledger="sqlite:///x",
        instruments=tuple(instrument_status(it, days, keyed, now) for it in chosen),
        longest_gaps=tuple(find_gaps([HIT], rows)),
        last_run=A_RUN,
        last_run_is_living=False,
    )


A_RUN = Run(
    run_id="20260201T100000Z-3fa9c1",
    command="backfill",
    options={"instrument": "hit,mag", "start": "2026-01-01", "end": "2026-01-31", "json": True},
    host="here",
    version="1.0",
    started=at("2026-02-01T10:00:00"),
    finished=at("2026-02-01T10:02:05"),
    counts={"planned": 62, "run": 31, "downloaded": 30, "failed": 1},
    exit_code=1,
)


@pytest.mark.parametrize("width", [60, *WIDTHS])
def test_the_calendar(width: int) -> None:
    report = a_status()
    lines = drawn(lambda console: show_calendar(console, report.instruments), width)
    january = next(line for line in lines if line.startswith("2026-01"))
    cells = january[len("2026-01 ") :].replace(" ", "")
    assert cells.startswith("■90>x·" + "-" * 25)
    assert cells.count("x") == (2 if width == 140 else 1)
    ruler = next(line for line in lines if line.startswith("mag"))
    assert january[ruler.index("5")] == "x"
    assert [line for line in lines if "2026-02" in line] == ["all: 2026-02 … 2026-05 never asked for"]
    assert "never asked for" in lines[-1]


def test_a_calendar_that_nothing_was_asked_of_is_one_line() -> None:
    days = [FIRST + timedelta(days=n) for n in range(40)]
    nothing = [instrument_status(it, days, {}, at("2026-05-30T12:00:00")) for it in INSTRUMENTS.values()]
    lines = drawn(lambda console: show_calendar(console, nothing))
    assert " ".join(lines) == f"{', '.join(INSTRUMENTS)}: never asked for"


def test_months_that_one_instrument_alone_was_asked_for_stand_in_the_calendar_of_the_others() -> None:
    days = [FIRST + timedelta(days=n) for n in range(120)]
    rows = {(HIT.progress_key, day): row(day) for day in days[:40]} | {(MAG.progress_key, FIRST): row(FIRST)}
    both = [instrument_status(it, days, rows, at("2026-05-30T12:00:00")) for it in (HIT, MAG)]
    lines = drawn(lambda console: show_calendar(console, both))
    assert [line for line in lines if line.endswith("never asked for")][:2] == [
        "2026-02 … 2026-04 never asked for",
        "all: 2026-03 … 2026-04 never asked for",
    ]


@pytest.mark.parametrize("instruments", [1, 4, 8])
def test_the_calendar_of_two_months_fits_a_screen_of_24_lines(instruments: int) -> None:
    days = [FIRST + timedelta(days=n) for n in range(330)]
    chosen = list(INSTRUMENTS.values())[:instruments]
    rows = {(it.progress_key, day): row(day) for it in chosen for day in days[:50]}
    found = [instrument_status(it, days, rows, at("2026-12-30T12:00:00")) for it in INSTRUMENTS.values()]
    assert len(drawn(lambda console: show_calendar(console, found))) <= 20


@pytest.mark.parametrize(
    ("standing", "pct", "expected"),
    [
        (Standing.COMPLETE, 100.0, "■"),
        (Standing.COMPLETE, 99.99, "9"),
        (Standing.COMPLETE, 50.0, "5"),
        (Standing.COMPLETE, 0.1, "0"),
        (Standing.INCOMPLETE, 100.0, ">"),
        (Standing.NO_DATA, 0.0, "·"),
        (Standing.FAILED, None, "x"),
        (Standing.NEVER_ASKED, None, "-"),
    ],
)
def test_a_cell_tells_the_same_without_colour(standing: Standing, pct: float | None, expected: str) -> None:
    assert symbol(DayStanding(FIRST, standing, pct))[0] == expected


@pytest.mark.parametrize("width", WIDTHS)
def test_status_is_cut_nowhere(width: int) -> None:
    shown = drawn(lambda console: show_status(a_status(9), StatusOptions(), console), width)
    said = "\n".join(shown)
    header = "instrument days full partial no data failed refused never asked final available"
    in_two_lines = "no never instrument days full partial data failed refused asked final available"
    assert (header if width > 80 else in_two_lines) in " ".join(said.split())
    assert all(name in said for name in INSTRUMENTS)
    assert "1 h 30 min" in said
    assert "asked only through 2026-01-07 00:00Z" in " ".join(said.split())
    assert "with failures, took 2 min 5 s" in said
    assert said.count("…") == said.count(" … ")


def attempt(status: AttemptStatus, **given: Any) -> Attempt:
    values: dict[str, Any] = {
        "decision": "run",
        "reason": "never asked for",
        "status": status,
        "records_fetched": 21_600,
        "records_added": 21_600,
        "availability_pct": 100.0,
        "requests": 12,
        "seconds": 1234.5,
        "error_type": None,
        "error": None,
        "rejected": 0,
        "rejected_sample": None,
        "started": at("2026-01-02T10:00:00"),
        "finished": at("2026-01-02T10:20:00"),
    }
    return Attempt(item_name="HIT_IALIRT", day=FIRST, run_id=A_RUN.run_id, id=1, **(values | given))


@pytest.mark.parametrize("width", WIDTHS)
def test_history(width: int) -> None:
    error = "HTTP 500 Internal Server Error: " + "words of the server " * 8
    attempts = (
        attempt(AttemptStatus.INTERRUPTED),
        attempt(AttemptStatus.FAILED, error_type="ApiError", error=error, rejected=2, rejected_sample="{}"),
    )
    day = DayHistory("hit", FIRST, row(FIRST, last_error="HTTP 500", rejected=2), attempts)
    said = " ".join(" ".join(drawn(lambda console: show_history(day, HISTORY, console), width)).split())
    assert said.startswith("hit 2026-01-01: full, final records 1,440 of 1,440 expected, 100.0 %")
    assert "2026-01-02 10:00 run interrupted 12 21,600 +21,600 100.0 % 1,234.5 reason: never asked for" in said
    assert said.count("words of the server") == 8
    assert "rejected: 2 records, as {}" in said


HISTORY = HistoryOptions(instrument="hit", day=FIRST)


def test_a_day_never_asked_for_has_no_history() -> None:
    shown = drawn(lambda console: show_history(DayHistory("hit", FIRST, None, ()), HISTORY, console))
    assert shown == ["hit 2026-01-01: never asked for"]


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (0, "all well"),
        (1, "with failures"),
        (130, "interrupted"),
        (None, "(running, or killed)"),
        (2, "code 2"),
    ],
)
def test_runs(exit_code: int | None, said: str) -> None:
    run = replace(A_RUN, exit_code=exit_code, finished=None if exit_code is None else A_RUN.finished)
    shown = drawn(lambda console: show_runs(RunsReport((run,)), RunsOptions(), console))
    assert shown[0].startswith("20260201T100000Z-3fa9c1  backfill  ")
    assert said in shown[0]
    assert shown[1] == "    hit,mag 2026-01-01 … 2026-01-31"
    assert shown[2] == "    instrument-days: 62 planned, 31 asked for, 30 downloaded, 1 failed"


@pytest.mark.parametrize(
    ("exit_code", "counts", "said"),
    [
        (1, {"planned": 32, "run": 1, "skipped_no_access": 31}, "without access to all of it"),
        (1, {"planned": 32, "run": 1, "failed": 1, "skipped_no_access": 31}, "with failures"),
        (2, {"planned": 31, "skipped_no_access": 31}, "without access to all of it"),
        (2, {"planned": 40, "skipped_no_access": 31}, "ended with exit code 2"),
        (0, {"planned": 8, "run": 7, "skipped_no_access": 1}, "all well"),
    ],
)
def test_runs_tell_want_of_access_from_failures(exit_code: int, counts: dict[str, int], said: str) -> None:
    run = replace(A_RUN, exit_code=exit_code, counts=counts)
    assert said in drawn(lambda console: show_runs(RunsReport((run,)), RunsOptions(), console))[0]


def test_json_is_plain() -> None:
    report = plain(a_status())
    assert json.loads(json.dumps(report)) == report
    assert report["as_of"] == "2026-05-30T12:00:00Z"
    hit = report["instruments"][2]
    assert (hit["instrument"], hit["days_complete"], hit["calendar"][4]["standing"]) == ("hit", 3, "failed")
    assert report["longest_gaps"][1]["duration_seconds"] == 5400
