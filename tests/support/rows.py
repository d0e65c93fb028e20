"""Rows of a ledger, made up, for what reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from ialirt_backfill.plan.coverage import day_span
from ledger import DayAccess, DayState, DayStatus


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def row(day: date, *, key: str = "HIT_IALIRT", **given: Any) -> DayState:
    """A full and final day of `hit`, but for what is given."""
    whole = day_span(day)
    values: dict[str, Any] = {
        "status": DayStatus.DOWNLOADED,
        "records": 1440,
        "expected_records": 1440,
        "availability_pct": 100.0,
        "first_record": whole.start,
        "last_record": whole.end - timedelta(minutes=1),
        "gaps": (),
        "asked_through": whole.end,
        "is_final": True,
        "path": f"ialirt/{day:%Y/%m}/imap_ialirt_hit_{day:%Y%m%d}.csv",
        "size_bytes": 139_617,
        "sha256": "0" * 64,
        "attempts": 1,
        "failures": 0,
        "rejected": 0,
        "last_error": None,
        "access": DayAccess.KEY,
        "refused": None,
        "definition": None,
        "version": 2,
        "claim": None,
        "updated_at": whole.end,
    }
    return DayState(item_name=key, day=day, **(values | given))


def failed(day: date, **given: Any) -> DayState:
    """A day that never succeeded."""
    values: dict[str, Any] = {
        "status": DayStatus.FAILED,
        "records": 0,
        "expected_records": 0,
        "availability_pct": None,
        "first_record": None,
        "last_record": None,
        "asked_through": day_span(day).start,
        "is_final": False,
        "path": None,
        "size_bytes": None,
        "sha256": None,
        "failures": 1,
        "last_error": "HTTP 500 Internal Server Error (5 tries)",
    }
    return row(day, **(values | given))


def no_data(day: date, **given: Any) -> DayState:
    """A day that was asked for, and is empty."""
    whole = day_span(day)
    values: dict[str, Any] = {
        "status": DayStatus.NO_DATA,
        "records": 0,
        "availability_pct": 0.0,
        "first_record": None,
        "last_record": None,
        "gaps": ((whole.start, whole.end),),
        "path": None,
        "size_bytes": None,
        "sha256": None,
    }
    return row(day, **(values | given))
