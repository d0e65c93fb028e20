"""Nanoseconds of Terrestrial Time since J2000, as records have them, become times in UTC: exact to the nanosecond.

UTC = TT - 32.184 s - (TAI - UTC), and TAI - UTC grows by a second with each leap second. Source: IERS, Bulletin C, and
its list of leap seconds (https://hpiers.obspm.fr/iers/bul/bulc/Leap_Second.dat); none has come since 2017, and bulletin
72 (July 2026) announces none. When one is announced, it takes a line here.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

_INT64 = np.iinfo(np.int64)

INSTANT = pa.timestamp("ns", "UTC")
"""The type of a time to the nanosecond."""

_LEAP_SECONDS = (
    (datetime(1999, 1, 1, tzinfo=UTC), 32),
    (datetime(2006, 1, 1, tzinfo=UTC), 33),
    (datetime(2009, 1, 1, tzinfo=UTC), 34),
    (datetime(2012, 7, 1, tzinfo=UTC), 35),
    (datetime(2015, 7, 1, tzinfo=UTC), 36),
    (datetime(2017, 1, 1, tzinfo=UTC), 37),
)
"""Since when TAI - UTC is so many seconds. Before the first it is taken for the same: J2000 lies behind it."""

_SECOND = 10**9
_J2000 = 946_728_000 * _SECOND
"""2000-01-01T12:00:00 in nanoseconds since 1970, as if no second had ever been added."""
_TT_TAI = 32_184_000_000

_OFFSETS = np.array([_J2000 - _TT_TAI - seconds * _SECOND for _, seconds in _LEAP_SECONDS], np.int64)
"""What makes of a TT since J2000 a UTC since 1970, since each leap second."""
_SINCE = np.array([int(since.timestamp()) * _SECOND for since, _ in _LEAP_SECONDS], np.int64) - _OFFSETS
"""When each of these begins, in TT since J2000."""


def utc_of(epochs: pa.Array) -> pa.Array:
    """The times in UTC of nanoseconds of TT since J2000 (``int64``, or lists of it).

    A leap second itself has no number of its own in nanoseconds since 1970: it is the first second of the next day.
    Null where a time lies past what these can count (the year 2262), or is the fill value of a CDF.
    """
    if pa.types.is_list(epochs.type):
        within = utc_of(epochs.values)
        return pa.ListArray.from_arrays(epochs.offsets, within, mask=epochs.is_null() if epochs.null_count else None)
    tt = epochs.fill_null(_INT64.min).to_numpy()
    offsets = _OFFSETS[np.maximum(np.searchsorted(_SINCE, tt, side="right") - 1, 0)]
    missing = (tt == _INT64.min) | (tt > _INT64.max - offsets)
    utc = np.where(missing, 0, tt) + offsets
    return pa.array(utc, mask=missing).cast(pa.timestamp("ns")).cast(INSTANT)
