"""What a run may have: refusals, what they cover, and the words for them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from ialirt_backfill.instruments import INSTRUMENTS, PUBLIC_SINCE
from ialirt_backfill.plan.access import Admission, Refusal, Want, least
from ledger.records import DayAccess

HIT, MAG_HK, SWE = INSTRUMENTS["hit"], INSTRUMENTS["mag_hk"], INSTRUMENTS["swe"]
JANUARY, FEBRUARY = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC)

KEY = Refusal(Want.KEY, "HTTP 400 Bad Request: …", before=PUBLIC_SINCE)
SCOPE = Refusal(Want.SCOPE, "HTTP 403 Forbidden: …", "mag_hk", scopes=("full", "read"))
LOCKED_OUT = Refusal(Want.OTHER_KEY, "HTTP 403 Forbidden: Forbidden")


def test_what_a_refusal_covers() -> None:
    assert KEY.covers(HIT, JANUARY)
    assert KEY.covers(MAG_HK, JANUARY)
    assert not KEY.covers(HIT, PUBLIC_SINCE)
    assert SCOPE.covers(MAG_HK, FEBRUARY)
    assert not SCOPE.covers(HIT, JANUARY)
    assert LOCKED_OUT.covers(HIT, FEBRUARY)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (KEY, "data before 2026-02-01 need an API key: IALIRT_API_KEY or --api-key-file"),
        (
            Refusal(Want.KEY, "", before=datetime(2026, 3, 1, 12, tzinfo=UTC)),
            "data before 2026-03-01T12:00:00 need an API key: IALIRT_API_KEY or --api-key-file",
        ),
        (SCOPE, "mag_hk needs a key with scope full or read"),
        (
            LOCKED_OUT,
            "I-ALiRT refuses every request (HTTP 403 Forbidden: Forbidden): check the API key (IALIRT_API_KEY or"
            " --api-key-file) and --url",
        ),
        (
            Refusal(Want.OTHER_KEY, "HTTP 403 Forbidden", "swe"),
            "I-ALiRT refuses swe (HTTP 403 Forbidden): check the API key (IALIRT_API_KEY or --api-key-file) and --url",
        ),
        (Refusal(Want.SCOPE, "", "swe"), "swe needs a key with a scope that this one has not"),
    ],
)
def test_its_words_say_what_is_wanting(refusal: Refusal, words: str) -> None:
    assert refusal.reason == words


def test_what_is_expected_to_be_needed_before_the_server_is_asked() -> None:
    without, with_key = Admission(), Admission(has_key=True)
    assert without.needs(HIT, JANUARY) == "needs an API key"
    assert without.needs(HIT, FEBRUARY) == ""
    assert with_key.needs(HIT, JANUARY) == ""
    scoped = "needs an API key with scope full or read"
    assert {it.needs(MAG_HK, day) for it, day in product((without, with_key), (JANUARY, FEBRUARY))} == {scoped}
    assert with_key.with_shown(MAG_HK).needs(MAG_HK, FEBRUARY) == ""


def test_with_what_access_a_day_is_fetched() -> None:
    assert Admission().access(HIT) is DayAccess.NONE
    assert Admission(has_key=True).access(HIT) is DayAccess.KEY
    assert Admission(has_key=True).with_shown(HIT).access(HIT) is DayAccess.FULL
    assert Admission(has_key=True).with_shown(HIT).access(SWE) is DayAccess.KEY


def test_which_days_are_due_for_more() -> None:
    """Without a key none; with one those fetched without; once it was shown what is restricted, all with less."""
    assert Admission().lacking(HIT) == ()
    assert Admission(has_key=True).lacking(HIT) == (DayAccess.NONE,)
    assert set(Admission(has_key=True).with_shown(HIT).lacking(HIT)) == {DayAccess.NONE, DayAccess.KEY}
    assert Admission(has_key=True).with_shown(SWE).lacking(SWE) == ()
    assert Admission(has_key=True).with_shown(MAG_HK).lacking(MAG_HK) == ()


def test_a_refusal_is_remembered_once() -> None:
    admission = Admission().with_refusal(KEY).with_refusal(SCOPE).with_refusal(KEY)
    assert admission.refusals == (KEY, SCOPE)
    assert admission.refusal(HIT, JANUARY) is KEY
    assert admission.refusal(MAG_HK, FEBRUARY) is SCOPE
    assert admission.refusal(HIT, FEBRUARY) is None


@pytest.mark.parametrize("one", DayAccess)
@pytest.mark.parametrize("other", DayAccess)
def test_the_least_of_two(one: DayAccess, other: DayAccess) -> None:
    order = [DayAccess.NONE, DayAccess.KEY, DayAccess.FULL]
    assert least(one, other) is order[min(order.index(one), order.index(other))]


def test_who_may_see_which_columns_is_known() -> None:
    restricted = {
        "hit_e_a_side_low_en",
        "hit_e_b_side_low_en",
        "hit_e_a_side_high_en",
        "hit_e_b_side_high_en",
        "hit_h_a_side_high_en",
        "hit_h_b_side_high_en",
    }
    assert HIT.restricted_columns == restricted
    assert HIT.has_restricted_fields
    assert MAG_HK.restricted_columns == frozenset(MAG_HK.columns)
    assert not MAG_HK.has_restricted_fields
    assert {name for name, it in INSTRUMENTS.items() if it.restricted_columns} == {"hit", "mag_hk", "spacecraft_status"}
