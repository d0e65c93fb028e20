"""Nanoseconds of Terrestrial Time since J2000 as times in UTC."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ialirt_backfill.read.epochs import utc_of

KNOWN = [
    (823176072184000000, "2026-02-01T00:00:03.000000000"),  # a record of mag, and its time_utc
    (823176072977448541, "2026-02-01T00:00:03.793448541"),
    (536500869184000000, "2017-01-01T00:00:00.000000000"),
    (536500868184000001, "2017-01-01T00:00:00.000000001"),  # within the leap second
    (536500867184000000, "2016-12-31T23:59:59.000000000"),
    (315576066184000000, "2010-01-01T00:00:00.000000000"),  # what the mission calls the least
    (0, "2000-01-01T11:58:55.816000000"),
]


@pytest.mark.parametrize(("epoch", "utc"), KNOWN)
def test_they_are_exact(epoch: int, utc: str) -> None:
    [found] = utc_of(pa.array([epoch])).cast(pa.timestamp("ns")).cast(pa.string()).to_pylist()
    assert found.replace(" ", "T") == utc


@given(st.lists(st.none() | st.integers(-(2**62), 2**62)))
def test_differences_stay_what_they_were_between_leap_seconds(epochs: list[int | None]) -> None:
    since, seconds = 536500869184000000, datetime(2017, 1, 1, tzinfo=UTC)
    found = utc_of(pa.array(epochs, pa.int64())).cast(pa.int64()).to_pylist()
    for epoch, utc in zip(epochs, found, strict=True):
        if epoch is None:
            assert utc is None
        elif epoch >= since:
            assert utc - int(seconds.timestamp()) * 10**9 == epoch - since
        else:
            lost = utc - int(seconds.timestamp()) * 10**9 - (epoch - since)
            assert lost % 10**9 == 0
            assert timedelta(0) < timedelta(microseconds=lost // 1000) <= timedelta(seconds=5)


def test_what_cannot_be_counted_and_what_stands_for_nothing_is_missing() -> None:
    assert utc_of(pa.array([2**63 - 1, None, -(2**63), 0])).is_null().to_pylist() == [True, True, True, False]


def test_lists_of_them_stay_lists() -> None:
    found = utc_of(pa.array([[536500869184000000, None], None, []], pa.list_(pa.int64())))
    assert found.type == pa.list_(pa.timestamp("ns", "UTC"))
    assert [it if it is None else len(it) for it in found.to_pylist()] == [2, None, 0]
    assert found[0].as_py()[0].isoformat() == "2017-01-01T00:00:00+00:00"


@pytest.mark.interop
@given(st.integers(0, 2**60))
def test_astropy_comes_to_the_same(epoch: int) -> None:
    time = pytest.importorskip("astropy.time")
    seconds, rest = divmod(epoch, 10**9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of years for which leap seconds are not announced yet
        moment = time.Time(2451545.0, format="jd", scale="tt") + time.TimeDelta(seconds, rest / 1e9, format="sec")
        theirs = int(time.Time(moment, precision=9).utc.datetime64.astype("datetime64[ns]").astype(int))
    [ours] = utc_of(pa.array([epoch])).cast(pa.int64()).to_pylist()
    assert abs(ours - theirs) <= 1
