"""The decision table, line by line, and the arithmetic of requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.plan.access import Admission, Refusal, Want
from ialirt_backfill.plan.coverage import DAY, SECOND, Span, day_span
from ialirt_backfill.plan.decisions import (
    Action,
    Decision,
    Policy,
    decide,
    is_final,
    plan,
    plan_spans,
    relied_on,
    requests,
)
from ledger.claimant import Claimant
from ledger.records import DayAccess, DayState, DayStatus

D = date(2026, 2, 1)
WHOLE = day_span(D)
MAG, MAG_HK, HIT = INSTRUMENTS["mag"], INSTRUMENTS["mag_hk"], INSTRUMENTS["hit"]
USUAL = Policy()
RETRY, POLL, REDO = Policy(retry_failed=True), Policy(polling=True), Policy(redownload=True)
LAG_A_MINUTE = Policy(lag=timedelta(minutes=1))


def at(text: str) -> datetime:
    """``1 14:00``: a moment in February 2026, or in January where the day is 31."""
    day, _, clock = text.partition(" ")
    month = 1 if day == "31" else 2
    return datetime.fromisoformat(f"2026-{month:02}-{int(day):02}T{clock}").replace(tzinfo=UTC)


def spans(text: str) -> tuple[Span, ...]:
    """``1 00:00 - 1 12:00, …``: spans, each up to, not including, its end."""
    pairs = (pair.split(" - ") for pair in text.split(", ") if pair)
    return tuple(Span(at(start), at(end)) for start, end in pairs)


HOLDER = Claimant("moon", None, None, 7, None, "r", "t", at("1 09:00"))


def row(
    status: DayStatus = DayStatus.DOWNLOADED,
    through: str | None = None,
    *,
    gaps: str = "",
    final: bool = False,
    size: int | None = 100,
    records: int = 20000,
    pct: float | None = 92.59,
    **others: object,
) -> DayState:
    state = DayState(
        item_name=MAG.progress_key,
        day=D,
        status=status,
        records=records,
        expected_records=21600,
        availability_pct=pct,
        first_record=None,
        last_record=None,
        gaps=tuple((gap.start, gap.end) for gap in spans(gaps)),
        asked_through=None if through is None else at(through),
        is_final=final,
        path=None if size is None else "ialirt/2026/02/imap_ialirt_20260201.csv",
        size_bytes=size,
        sha256=None,
        attempts=1,
        failures=0,
        rejected=0,
        last_error=None,
        access=DayAccess.KEY,
        refused=None,
        definition=None,
        version=5,
        claim=None,
        updated_at=at("1 12:00"),
    )
    return state._replace(**others)  # type: ignore[arg-type]


def no_data(through: str, *, final: bool = False, gaps: str = "") -> DayState:
    return row(DayStatus.NO_DATA, through, gaps=gaps, final=final, size=None, records=0, pct=0.0)


def failed(through: str | None = None, failures: int = 1, **others: object) -> DayState:
    return row(DayStatus.FAILED, through, last_error="HTTP 500", failures=failures, **others)  # type: ignore[arg-type]


WITH_KEY = Admission(has_key=True)


@dataclass(frozen=True)
class Case:
    """One line of the table: the state, what is decided, and what is asked for."""

    name: str
    now: str
    row: DayState | None
    action: Action
    reason: str
    asks: str = ""
    size: int | None = 100
    policy: Policy = USUAL
    reread: bool = False
    instrument: Instrument = MAG
    admission: Admission = WITH_KEY


DENIED, NO_KEY = Action.SKIP_NO_ACCESS, DayAccess.NONE
NEEDS_KEY = Admission(refusals=(Refusal(Want.KEY, "", before=at("5 00:00")),))
SHOWN = Admission(has_key=True, shown=frozenset({"hit"}))
RUN, SKIP, NO_DATA, FUTURE = Action.RUN, Action.SKIP_EXISTING, Action.SKIP_NO_DATA, Action.SKIP_FUTURE
FULL = "1 00:00 - 2 00:00"
UNTIL_NINE = "1 00:00 - 1 09:00"
GAP, GAPS = "1 10:00 - 1 10:30", "1 01:00 - 1 01:10, 1 20:00 - 1 20:10"
TABLE = [
    # --- the day begins after now
    Case("tomorrow", "31 12:00", None, FUTURE, "not begun"),
    Case("the second before it begins", "31 23:59:59", None, FUTURE, "not begun"),
    Case("the very moment it begins: there is no second to ask for", "1 00:00", None, FUTURE, "not begun"),
    Case("within its first second", "1 00:00:00.900", None, FUTURE, "not begun"),
    Case("its first second is over", "1 00:00:01", None, RUN, "never asked", "1 00:00 - 1 00:00:01", None),
    Case("younger than the lag", "1 00:00:30", None, FUTURE, "", policy=Policy(lag=timedelta(seconds=30))),
    Case("future goes before claimed", "31 12:00", row(claim=HOLDER), FUTURE, "not begun"),
    Case("future goes before redownload", "31 12:00", None, FUTURE, "not begun", policy=REDO),
    # --- another living runner holds the claim
    Case("claimed", "1 09:10", row(claim=HOLDER), Action.SKIP_CLAIMED, "process 7 on host moon since 2026-02-01 09:00"),
    Case("claimed goes before redownload", "5 00:00", row(claim=HOLDER), Action.SKIP_CLAIMED, "moon", policy=REDO),
    Case("claimed goes before failed", "5 00:00", failed(claim=HOLDER), Action.SKIP_CLAIMED, "moon", policy=RETRY),
    # --- redownload
    Case("redownload of a final day", "9 00:00", row(through="2 00:00", final=True), RUN, "again", FULL, policy=REDO),
    Case("redownload of today", "1 09:00", row(through="1 08:00"), RUN, "redownload", UNTIL_NINE, policy=REDO),
    Case("redownload of a failed day", "9 00:00", failed("1 08:00"), RUN, "redownload", FULL, policy=REDO),
    Case("redownload, file gone", "9 00:00", row(through="2 00:00"), RUN, "redownload", FULL, None, REDO),
    # --- no row, or pending
    Case("no row, past day", "9 00:00", None, RUN, "never asked for", FULL, None),
    Case("no row, today", "1 09:00:00.7", None, RUN, "never asked for", UNTIL_NINE, None),
    Case("no row, with a lag", "1 09:01", None, RUN, "", UNTIL_NINE, None, LAG_A_MINUTE),
    Case("no row, past day, a lag plays no part", "2 00:01", None, RUN, "", FULL, None, LAG_A_MINUTE),
    Case("no row, but a file", "9 00:00", None, RUN, "never asked for", FULL),
    Case("pending", "9 00:00", row(DayStatus.PENDING, attempts=0, size=None), RUN, "never asked for", FULL, None),
    Case("pending, tried", "9 00:00", row(DayStatus.PENDING, size=None), RUN, "interrupted", FULL, None),
    # --- failed
    Case("failed", "9 00:00", failed(size=None), Action.SKIP_FAILED, "1 failed attempt, the last: HTTP 500", size=None),
    Case("failed thrice", "9 00:00", failed(failures=3), Action.SKIP_FAILED, "3 failed attempts, the last: HTTP 500"),
    Case("failed: what would help", "9 00:00", failed(), Action.SKIP_FAILED, "--retry-failed asks again"),
    Case("retry from nothing", "9 00:00", failed(size=None), Action.RETRY, "HTTP 500", FULL, None, RETRY),
    Case("retry of today", "1 09:00", failed(size=None), Action.RETRY, "", UNTIL_NINE, None, RETRY),
    Case("retry of the rest", "9 00:00", failed("1 18:00"), Action.RETRY, "", "1 18:00 - 2 00:00", policy=RETRY),
    Case("retry of rest and gaps", "9 00:00", failed("1 18:00", gaps=GAP), Action.RETRY, "",
         f"{GAP}, 1 18:00 - 2 00:00", policy=RETRY),
    Case("retry of a failed final pass", "9 00:00", failed("2 00:00", gaps=GAP), Action.RETRY, "", GAP, policy=RETRY),
    Case("retry of a failed redownload", "9 00:00", failed("2 00:00"), Action.RETRY, "", FULL, policy=RETRY),
    Case("retry, file gone", "9 00:00", failed("1 18:00"), Action.RETRY, "", FULL, None, RETRY),
    Case("retry, file changed", "9 00:00", failed("1 18:00"), Action.RETRY, "", "1 18:00 - 2 00:00", 99, RETRY, True),
    # polling: today at once, a past day with growing pauses since its last failure (1 February, 12:00)
    Case("poll of a failed today", "1 12:00:01", failed("1 11:00"), Action.RETRY, "", "1 11:00 - 1 12:00:01",
         policy=POLL),
    Case("poll, a past day rests for 15 min", "2 00:14:59", failed("1 18:00", updated_at=at("2 00:00")),
         Action.SKIP_FAILED, "next try 2026-02-02 00:15Z", policy=POLL),
    Case("poll, a past day rested for 15 min", "2 00:15", failed("1 18:00", updated_at=at("2 00:00")), Action.RETRY,
         "", "1 18:00 - 2 00:00", policy=POLL),
    Case("poll, the third failure", "2 12:59", failed(failures=3, updated_at=at("2 12:00")), Action.SKIP_FAILED,
         "next try 2026-02-02 13:00Z", policy=POLL),
    Case("poll, the third failure rested", "2 13:00", failed("2 00:00", 3, updated_at=at("2 12:00"), gaps=GAP),
         Action.RETRY, "", GAP, policy=POLL),
    Case("poll, pauses grow to a day", "3 11:59", failed(failures=40, updated_at=at("2 12:00")), Action.SKIP_FAILED,
         "next try 2026-02-03 12:00Z", policy=POLL),
    Case("poll, and no longer", "3 12:00", failed(failures=40, updated_at=at("2 12:00")), Action.RETRY, "", FULL,
         policy=POLL),
    Case("poll with retry", "2 00:01", failed("1 18:00", updated_at=at("2 00:00")), Action.RETRY, "",
         "1 18:00 - 2 00:00", policy=replace(POLL, retry_failed=True)),
    # --- what was refused, what is expected to need a key, and what was fetched with less
    Case("refused in this run", "9 00:00", None, DENIED, "need an API key", admission=NEEDS_KEY),
    Case("refused, redownload", "9 00:00", row(through="2 00:00"), DENIED, "need an API key", policy=REDO,
         admission=NEEDS_KEY),
    Case("refused, retry", "9 00:00", failed("1 18:00"), DENIED, "need an API key", policy=RETRY, admission=NEEDS_KEY),
    Case("refused, failed without retry", "9 00:00", failed("1 18:00"), Action.SKIP_FAILED, "HTTP 500",
         admission=NEEDS_KEY),
    Case("refused, but nothing is missing", "9 00:00", row(through="2 00:00", final=True), SKIP, "final",
         admission=NEEDS_KEY),
    Case("a later day than the refusal covers", "9 00:00", None, RUN, "never asked for", FULL, None,
         admission=Admission(refusals=(Refusal(Want.KEY, "", before=at("1 00:00")),))),
    Case("refused by an earlier run", "9 00:00", row(DayStatus.PENDING, attempts=0, size=None, refused="why"), RUN,
         "refused so far", FULL, None),
    Case("fetched without a key, and now there is one", "9 00:00", row(through="2 00:00", final=True, access=NO_KEY),
         RUN, "fetched without a key: its restricted fields are missing", FULL, instrument=HIT),
    Case("the same, with a file that changed", "9 00:00", row(through="2 00:00", access=NO_KEY), RUN, "without a key",
         FULL, 99, instrument=HIT),
    Case("the same, failed", "9 00:00", failed("1 18:00", access=NO_KEY), Action.SKIP_FAILED, "", instrument=HIT),
    Case("fetched without a key, and there is none", "9 00:00", row(through="2 00:00", final=True, access=NO_KEY), SKIP,
         "final", instrument=HIT, admission=Admission()),
    Case("nothing of it is restricted", "9 00:00", row(through="2 00:00", final=True, access=NO_KEY), SKIP, "final"),
    Case("no data lacks nothing", "9 00:00", no_data("2 00:00", final=True)._replace(access=NO_KEY), NO_DATA, "final",
         size=None, instrument=HIT),
    Case("fetched with a key without a scope: not again", "9 00:00", row(through="2 00:00", final=True), SKIP, "final",
         instrument=HIT),
    Case("but once the restricted fields were shown", "9 00:00", row(through="2 00:00", final=True), RUN,
         "with a key that was not shown its restricted fields", FULL, instrument=HIT, admission=SHOWN),
    Case("fetched with all", "9 00:00", row(through="2 00:00", final=True, access=DayAccess.FULL), SKIP, "final",
         instrument=HIT, admission=SHOWN),
    Case("not known with what", "9 00:00", row(through="2 00:00", final=True, access=None), SKIP, "final",
         instrument=HIT, admission=SHOWN),
    Case("an instrument that needs a scope", "9 00:00", None, RUN,
         "never asked for; needs an API key with scope full or read", FULL, None, instrument=MAG_HK),
    # --- file gone, file changed
    Case("file gone", "9 00:00", row(through="2 00:00", final=True), RUN, "file is missing", FULL, None),
    Case("file gone, today", "1 09:00", row(through="1 08:50"), RUN, "file is missing", UNTIL_NINE, None),
    Case("file changed, final", "9 00:00", row(through="2 00:00", final=True, gaps=GAP), RUN, "not the size recorded",
         "", 99, reread=True),
    Case("file changed, open day", "1 09:00", row(through="1 08:50"), RUN, "not the size recorded", "1 08:50 - 1 09:00",
         101, reread=True),
    Case("a file nobody knows", "9 00:00", no_data("2 00:00", final=True), RUN, "ledger does not know", "", 5,
         reread=True),
    # --- not asked through
    Case("the poll goes on from asked-through", "1 14:05", row(through="1 13:50"), RUN, "asked through 13:49:59",
         "1 13:50 - 1 14:05"),
    Case("a gap of an open day waits", "1 14:05", row(through="1 13:50", gaps=GAP), RUN, "", "1 13:50 - 1 14:05"),
    Case("the same moment again", "1 14:00", row(through="1 13:50"), SKIP,
         "20,000 records, 92.5 %; asked through 13:49:59"),
    Case("the same second again", "1 14:00:00.999", row(through="1 13:50"), SKIP, "asked through 13:49:59"),
    Case("one second later", "1 14:00:01", row(through="1 13:50"), RUN, "", "1 13:50 - 1 14:00:01"),
    Case("another overlap", "1 14:00", row(through="1 13:50"), RUN, "", "1 13:50 - 1 14:00",
         policy=Policy(overlap=timedelta(minutes=5))),
    Case("with a lag the tail ends before now", "1 14:05", row(through="1 13:50"), RUN, "", "1 13:50 - 1 14:03",
         policy=Policy(lag=timedelta(minutes=2))),
    Case("a lag longer than the overlap", "1 14:00", row(through="1 13:40"), SKIP, "",
         policy=Policy(lag=timedelta(minutes=20))),
    Case("a lag longer than the overlap, later", "1 14:01", row(through="1 13:40"), RUN, "", "1 13:40 - 1 13:41",
         policy=Policy(lag=timedelta(minutes=20))),
    Case("fetched at 14:00, run next morning", "2 08:00", row(through="1 13:50"), RUN, "asked through 13:49:59",
         "1 13:50 - 2 00:00"),
    Case("no data at 01:00, run at noon", "1 12:00", no_data("1 00:50"), RUN, "asked through 00:49:59",
         "1 00:50 - 1 12:00", None),
    Case("no data at 01:00, run a week later", "9 00:00", no_data("1 00:50", gaps="1 00:00 - 1 00:50"), RUN, "", FULL,
         None),
    Case("the last minutes, just after midnight", "2 00:05", row(through="1 23:45"), RUN, "", "1 23:45 - 2 00:00"),
    Case("the last minutes have yet to settle", "2 00:05", row(through="1 23:55"), SKIP, "asked through 23:54:59"),
    Case("the last minutes have settled", "2 00:10", row(through="1 23:55"), RUN, "", "1 23:55 - 2 00:00"),
    Case("settled and not fully asked: tail and gaps", "3 00:00", row(through="1 18:00", gaps=GAP), RUN, "17:59:59",
         f"{GAP}, 1 18:00 - 2 00:00"),
    Case("not settled and not fully asked: the tail", "2 23:59:59", row(through="1 18:00", gaps=GAP), RUN, "17:59:59",
         "1 18:00 - 2 00:00"),
    Case("hit: as many requests as the whole day", "3 00:00", row(through="1 22:00", gaps=GAP), RUN, "21:59:59", FULL,
         instrument=HIT),
    Case("too young to be relied on", "1 00:08", row(through="1 00:00"), SKIP, "92.5 %; nothing relied on yet"),
    Case("too young, no data", "1 00:08", no_data("1 00:00"), NO_DATA, "no data; nothing relied on yet", size=None),
    Case("too young, but polled", "1 00:08", row(through="1 00:00"), RUN, "nothing relied on", "1 00:00 - 1 00:08",
         policy=POLL),
    Case("old enough", "1 00:10:01", row(through="1 00:00"), RUN, "nothing relied on", "1 00:00 - 1 00:10:01"),
    Case("polled a moment ago", "1 14:00", row(through="1 13:50"), SKIP, "asked through", policy=POLL),
    Case("asked by a clock that was ahead", "1 12:00", row(through="1 20:00"), SKIP, "asked through 19:59:59"),
    # --- fully asked, not final
    Case("final pass", "3 00:00", row(through="2 00:00", gaps=GAPS), RUN, "final pass: 20,000 records, 92.5 %", GAPS),
    Case("final pass, no data", "3 00:00", no_data("2 00:00", gaps=FULL), RUN, "final pass: no data", FULL, None),
    Case("final pass at another settle", "2 06:00", row(through="2 00:00", gaps=GAP), RUN, "final pass", GAP,
         policy=Policy(settle=timedelta(hours=6))),
    Case("not settled", "2 23:59:59", row(through="2 00:00", gaps=GAP), SKIP,
         "92.5 %; final pass due 2026-02-03 00:00Z"),
    Case("not settled, no data", "2 12:00", no_data("2 00:00", gaps=FULL), NO_DATA, "no data; final pass", size=None),
    # --- final
    Case("final", "9 00:00", row(through="2 00:00", final=True), SKIP, "20,000 records, 92.5 %"),
    Case("final, complete", "9 00:00", row(through="2 00:00", final=True, pct=100.0), SKIP, "100.0 %"),
    Case("final, almost complete", "9 00:00", row(through="2 00:00", final=True, pct=99.996), SKIP, "99.9 %"),
    Case("final, no data", "9 00:00", no_data("2 00:00", final=True, gaps=FULL), NO_DATA, "no data", size=None),
    Case("final before it settled", "2 01:00", row(through="2 00:00", final=True, pct=100.0), SKIP, "100.0 %"),
    Case("repair", "9 00:00", row(through="2 00:00", final=True, gaps=GAPS), RUN,
         "repair: 20,000 records, 92.5 %, below 95 %", GAPS, policy=Policy(min_availability_pct=95)),
    Case("repair of a day without data", "9 00:00", no_data("2 00:00", final=True, gaps=FULL), RUN, "repair: no data",
         FULL, None, Policy(min_availability_pct=0.1)),
    Case("no repair at the very availability", "9 00:00", row(through="2 00:00", final=True, gaps=GAPS, pct=95.0), SKIP,
         "95.0 %", policy=Policy(min_availability_pct=95)),
    Case("nothing to repair", "9 00:00", row(through="2 00:00", final=True), SKIP, "without a gap to ask for",
         policy=Policy(min_availability_pct=95)),
    Case("no repair before it is final", "2 12:00", row(through="2 00:00", gaps=GAPS), SKIP, "final pass due",
         policy=Policy(min_availability_pct=95)),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_the_decision_table(case: Case) -> None:
    decision = decide(case.instrument, D, case.row, case.size, at(case.now), case.policy, case.admission)
    assert decision.action is case.action
    assert case.reason in decision.reason
    assert decision.spans == spans(case.asks)
    assert decision.reread is case.reread
    assert decision.seen_version == (None if case.row is None else 5)
    assert (decision.instrument, decision.day) == (case.instrument, D)


@given(
    status=st.sampled_from(DayStatus),
    hours=st.floats(-30, 80),
    through=st.none() | st.integers(0, 1440),
    gaps=st.lists(st.tuples(st.integers(0, 1400), st.integers(1, 40)), max_size=4),
    final=st.booleans(),
    size=st.sampled_from([None, 99, 100]),
    instrument=st.sampled_from(list(INSTRUMENTS.values())),
    policy=st.builds(
        Policy,
        retry_failed=st.booleans(),
        redownload=st.booleans(),
        polling=st.booleans(),
        min_availability_pct=st.none() | st.just(95.0),
        lag=st.sampled_from([timedelta(0), timedelta(minutes=3), timedelta(minutes=30)]),
    ),
)
def test_what_is_asked_for_lies_in_the_day_and_costs_no_more_than_all_of_it(
    status: DayStatus,
    hours: float,
    through: int | None,
    gaps: list[tuple[int, int]],
    final: bool,
    size: int | None,
    instrument: Instrument,
    policy: Policy,
) -> None:
    def minutes(n: int) -> datetime:
        return WHOLE.start + timedelta(minutes=n)

    now = WHOLE.start + timedelta(hours=hours)
    asked = minutes(through) if through is not None else None
    known = tuple(Span(minutes(begin), minutes(begin + length)) for begin, length in gaps)
    known = tuple(gap for gap in known if asked is not None and gap.end <= min(asked, now))
    state = row(status, final=final and through == 1440)._replace(
        asked_through=asked, gaps=tuple((g.start, g.end) for g in known)
    )
    decision = decide(instrument, D, state, size, now, policy, Admission())
    if not decision.action.asks:
        assert decision.spans == ()
        return
    end = min(now - policy.lag, WHOLE.end)
    assert sum(requests(instrument, span) for span in decision.spans) <= requests(instrument, WHOLE)
    for before, after in zip(decision.spans, decision.spans[1:], strict=False):
        assert before.end < after.start
    for span in decision.spans:
        assert WHOLE.start <= span.start < span.end <= end
        assert span.start.microsecond == span.end.microsecond == 0


# --- how far an answer can be relied on -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_end", "now", "policy", "expected"),
    [
        ("1 14:00", "1 14:00", Policy(), "1 13:50"),
        ("1 14:00", "1 14:00:00.9", Policy(), "1 13:50"),
        ("1 13:00", "1 14:00", Policy(), "1 13:00"),
        ("2 00:00", "2 00:04", Policy(), "1 23:54"),
        ("2 00:00", "2 00:10", Policy(), "2 00:00"),
        ("1 00:05", "1 00:05", Policy(), "1 00:00"),
        ("1 13:40", "1 14:00", Policy(lag=timedelta(minutes=20)), "1 13:40"),
        ("1 14:00", "1 14:00", Policy(overlap=timedelta(0)), "1 14:00"),
    ],
)
def test_relied_on(asked_end: str, now: str, policy: Policy, expected: str) -> None:
    assert relied_on(at(asked_end), D, at(now), policy) == at(expected)


@pytest.mark.parametrize(
    ("through", "gaps", "asked", "now", "expected"),
    [
        # fully asked after it was over, and without a gap
        ("2 00:00", "", FULL, "2 00:10", True),
        ("2 00:00", "", "", "2 00:10", True),
        ("1 23:59:59", "", FULL, "2 00:10", False),
        ("2 00:00", "", FULL, "1 23:59:59", False),
        # with a gap: only once it has settled, and only if the gap was asked for this time
        ("2 00:00", GAP, FULL, "2 23:59:59", False),
        ("2 00:00", GAP, FULL, "3 00:00", True),
        ("2 00:00", GAP, GAP, "3 00:00", True),
        ("2 00:00", GAPS, GAPS, "3 00:00", True),
        ("2 00:00", GAPS, "1 01:00 - 1 01:10", "3 00:00", False),
        ("2 00:00", GAP, "1 18:00 - 2 00:00", "3 00:00", False),
        ("2 00:00", GAP, "1 10:15 - 1 12:00, 1 09:00 - 1 10:15", "3 00:00", True),
        ("2 00:00", GAP, "1 10:16 - 1 12:00, 1 09:00 - 1 10:15", "3 00:00", False),
        ("2 00:00", FULL, FULL, "3 00:00", True),
        ("1 18:00", FULL, FULL, "3 00:00", False),
    ],
)
def test_is_final(through: str, gaps: str, asked: str, now: str, expected: bool) -> None:
    assert is_final(at(through), spans(gaps), spans(asked), D, at(now), DAY) is expected


@pytest.mark.parametrize("now", ["2 00:00", "2 06:00", "3 00:00"])
def test_without_time_to_settle_a_day_is_final_as_soon_as_it_is_fully_asked(now: str) -> None:
    assert is_final(at("2 00:00"), spans(GAP), spans(FULL), D, at(now), timedelta(0))


# --- spans and what they cost -----------------------------------------------------------------------------------------


def test_requests() -> None:
    assert [requests(instrument, WHOLE) for instrument in INSTRUMENTS.values()] == [8, 16, 1, 1, 2, 1, 2, 1, 1]
    assert requests(MAG, Span(WHOLE.start, WHOLE.start + MAG.window + SECOND)) == 2


def test_spans_that_lie_close_together_are_asked_for_as_one() -> None:
    near = MAG.window / 4
    first = Span(WHOLE.start, WHOLE.start + timedelta(minutes=1))
    second = Span(first.end + near, first.end + near + SECOND)
    third = Span(second.end + near + SECOND, second.end + near + 2 * SECOND)
    assert plan_spans(MAG, [third, first, second], WHOLE) == (Span(first.start, second.end), third)


minute_spans = st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 300)), max_size=20).map(
    lambda pairs: [
        Span(WHOLE.start + timedelta(minutes=a), min(WHOLE.start + timedelta(minutes=a + n), WHOLE.end))
        for a, n in pairs
    ]
)


@given(minute_spans, st.sampled_from(list(INSTRUMENTS.values())))
def test_planned_spans_cover_what_is_wanted_at_no_more_requests_than_the_day(
    wanted: list[Span], instrument: Instrument
) -> None:
    planned = plan_spans(instrument, wanted, WHOLE)
    assert all(any(span.holds(want) for span in planned) for want in wanted)
    assert bool(planned) == bool(wanted)
    assert sum(requests(instrument, span) for span in planned) <= requests(instrument, WHOLE)


# --- whole plans ------------------------------------------------------------------------------------------------------

FEBRUARY = [date(2026, 2, n) for n in range(1, 11)]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def planned(
    *, done: Iterable[tuple[Instrument, int]] = (), days: list[date] = FEBRUARY, limit: int | None = None
) -> list[Decision]:
    rows = {
        (instrument.progress_key, date(2026, 2, n)): row(final=True)._replace(
            item_name=instrument.progress_key, day=date(2026, 2, n), asked_through=NOW
        )
        for instrument, n in done
    }
    asked: list[tuple[Instrument, date, DayState | None]] = []

    def size_of(instrument: Instrument, day: date, state: DayState | None) -> int | None:
        asked.append((instrument, day, state))
        return None if state is None else state.size_bytes

    pairs = [(instrument, day) for day in days for instrument in (MAG, HIT)]
    decisions = list(plan(pairs, rows, size_of, NOW, Policy(), Admission(), limit))
    assert all(state is rows.get((instrument.progress_key, day)) for instrument, day, state in asked)
    return decisions


def days_of(decisions: list[Decision], *, asking: bool = False) -> list[int]:
    """The days of a plan, each once, in its order."""
    return list(dict.fromkeys(decision.day.day for decision in decisions if decision.action.asks or not asking))


def test_a_plan_keeps_the_order_given() -> None:
    assert [(d.instrument.name, d.day.day) for d in planned()[:4]] == [("mag", 1), ("hit", 1), ("mag", 2), ("hit", 2)]
    assert days_of(planned(days=FEBRUARY[::-1])) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def both(*days: int) -> list[tuple[Instrument, int]]:
    return [(instrument, n) for n in days for instrument in (MAG, HIT)]


@pytest.mark.parametrize(
    ("done", "limit", "in_plan", "asking"),
    [
        ([], 1, [1], [1]),
        ([], 3, [1, 2, 3], [1, 2, 3]),
        ([], 10, list(range(1, 11)), list(range(1, 11))),
        ([], 99, list(range(1, 11)), list(range(1, 11))),
        (both(1, 2, 3), 2, [1, 2, 3, 4, 5], [4, 5]),
        (both(2, 4), 2, [1, 2, 3, 4], [1, 3]),
        (both(*range(1, 11)), 1, list(range(1, 11)), []),
        # one calendar day counts once, however many of its instruments have something to ask for
        ([(MAG, 1), (HIT, 2)], 2, [1, 2], [1, 2]),
    ],
)
def test_limit_days(done: list[tuple[Instrument, int]], limit: int, in_plan: list[int], asking: list[int]) -> None:
    decisions = planned(done=done, limit=limit)
    assert days_of(decisions) == in_plan
    assert days_of(decisions, asking=True) == asking
    assert len(decisions) == 2 * len(in_plan)


def test_limit_days_from_the_newest() -> None:
    decisions = planned(done=both(10), days=FEBRUARY[::-1], limit=2)
    assert days_of(decisions) == [10, 9, 8]


def test_a_plan_ends_as_soon_as_its_limit_is_reached() -> None:
    years = [D + timedelta(days=n) for n in range(3650)]
    looked_at: list[date] = []

    def size_of(instrument: Instrument, day: date, state: DayState | None) -> None:
        looked_at.append(day)

    list(plan(((MAG, day) for day in years), {}, size_of, datetime(2040, 1, 1, tzinfo=UTC), Policy(), Admission(), 2))
    assert len(looked_at) == 3
