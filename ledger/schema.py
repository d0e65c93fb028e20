"""The tables of a ledger, and how Python values are kept in them.

`workflow_progress` is shared with other programs and stays as they made it; the others are ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)

from ledger.database import Unreadable
from ledger.records import AttemptStatus, DayAccess, DayStatus, Gaps

VERSIONS = ("0001", "0002", "0003", "0004", "0005")
"""The schema's versions, oldest first; each is a migration in `ledger/migrations/versions`."""

VERSION_TABLE = "ialirt_backfill_version"
"""Our own: the `alembic_version` of another program in the same database is not ours to touch."""


class UtcDateTime(TypeDecorator[datetime]):
    """Naive UTC in the database, aware UTC in Python; ValueError for a naive datetime."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value).replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _datetime_from_text


class GapsType(TypeDecorator[Gaps]):
    """A JSON list of ``[start, end]``, both ISO 8601 in UTC."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Gaps | None, dialect: Dialect) -> list[list[str]]:
        return [[in_utc(start).isoformat(), in_utc(end).isoformat()] for start, end in value or ()]

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Gaps]:
        return _gaps_from_text


class JsonObject(TypeDecorator[dict[str, Any]]):
    """A JSON object."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], dict[str, Any]]:
        return json.loads


# Planning reads 150,000 times and 30,000 lists of gaps, so both drivers are told to hand these types over as text
# (see `opening`), from which Python makes an aware datetime in one step, and an empty list in none.


def _datetime_from_text(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        if len(value) == _LENGTH_OF_SECONDS or value[_LENGTH_OF_SECONDS + 1 :].isdigit():
            return datetime.fromisoformat(value + "+00:00")
        return utc_of(value)
    except (ValueError, TypeError):
        return _of_another_program(value)


_LENGTH_OF_SECONDS = len("2026-02-01 10:00:00")


def utc_of(value: str) -> datetime:
    """A time in UTC as another program may have written it, with or without a zone: ``…Z``, ``…+01:00``."""
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _of_another_program(value: Any) -> datetime:
    try:
        return utc_of(value)
    except (ValueError, TypeError):
        raise Unreadable(
            f"{value!r} where a time should be, in workflow_progress most likely, which other programs write, too:"
            " set it right, or to NULL."
        ) from None


def _gaps_from_text(value: str) -> Gaps:
    if value == "[]":
        return ()
    return tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in json.loads(value))


def in_utc(value: datetime) -> datetime:
    """An aware datetime in UTC; ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError(f"the datetime {value} says no zone: the ledger takes aware ones only")
    return value.astimezone(UTC)


class ValueOf(TypeDecorator[Enum]):
    """The lower-case value of a member of an Enum, in plain text."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__(length=16)
        self.kind = kind

    def process_bind_param(self, value: Enum | None, dialect: Dialect) -> str | None:
        return None if value is None else self.kind(value).value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Enum | None]:
        return {None: None, **{member.value: member for member in self.kind}}.__getitem__


version_table = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As Alembic makes it."""

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(referred_table_name)s"},
)

workflow_progress = Table(
    "workflow_progress",
    metadata,
    Column("item_name", String(32), primary_key=True),
    Column("progress_timestamp", UtcDateTime),
    Column("last_checked_date", UtcDateTime),
)

instrument_day = Table(
    "instrument_day",
    metadata,
    Column("item_name", String(32), ForeignKey(workflow_progress.c.item_name), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("status", ValueOf(DayStatus), nullable=False),
    Column("records", Integer, nullable=False),
    Column("expected_records", Integer, nullable=False),
    Column("availability_pct", Double),
    Column("first_record", UtcDateTime),
    Column("last_record", UtcDateTime),
    Column("gaps", GapsType, nullable=False),
    Column("asked_through", UtcDateTime),
    Column("is_final", Boolean, nullable=False),
    Column("path", Text),
    Column("size_bytes", BigInteger),
    Column("sha256", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("last_error", Text),
    Column("version", Integer, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("access", ValueOf(DayAccess)),
    Column("refused", Text),
    Column("definition", String(16)),
    Column("change_number", BigInteger),
    Column("changed_at", UtcDateTime),
    Index("ix_instrument_day_item_name_change_number", "item_name", "change_number"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("item_name", String(32), nullable=False),
    Column("day", Date, nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", ValueOf(AttemptStatus), nullable=False),
    Column("records_fetched", Integer, nullable=False),
    Column("records_added", Integer, nullable=False),
    Column("availability_pct", Double),
    Column("requests", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("error_type", Text),
    Column("error", Text),
    Column("rejected", Integer, nullable=False),
    Column("rejected_sample", Text),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["item_name", "day"], [instrument_day.c.item_name, instrument_day.c.day]),
    Index("ix_attempt_item_name_day", "item_name", "day"),
    Index("ix_attempt_run_id", "run_id"),
    Index("ix_attempt_finished", "finished"),
)

mirrored_day = Table(
    "mirrored_day",
    metadata,
    Column("target", Text, primary_key=True),
    Column("item_name", String(32), ForeignKey(workflow_progress.c.item_name), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("records", Integer, nullable=False),
    Column("loaded_at", UtcDateTime, nullable=False),
)

ledger_property = Table(
    "ledger_property",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What is true of the whole ledger, and never pruned."""

run = Table(
    "run",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("command", Text, nullable=False),
    Column("options", JsonObject, nullable=False),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("counts", JsonObject, nullable=False),
    Column("exit_code", Integer),
    Index("ix_run_started", "started"),
)
