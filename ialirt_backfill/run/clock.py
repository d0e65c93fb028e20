"""What time it is for a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ialirt_backfill.options import ReachOptions

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def fixed_clock(options: ReachOptions) -> Clock:
    """A clock that stands still at ``as_of``; this machine's where there is none."""
    as_of = options.as_of
    return (lambda: as_of) if as_of else utc_now


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_pass(now: datetime, every: timedelta) -> datetime:
    """The next moment of the even grid on which passes begin."""
    return _EPOCH + ((now - _EPOCH) // every + 1) * every


def end_of_hour(now: datetime) -> datetime:
    """The next full hour."""
    return next_pass(now, timedelta(hours=1))


def running_clock(as_of: datetime | None) -> Clock:
    """This machine's clock, or one that began at ``as_of`` when it was made."""
    ahead = as_of - utc_now() if as_of else timedelta(0)
    return (lambda: utc_now() + ahead) if as_of else utc_now
