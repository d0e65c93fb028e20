"""A day's result, recorded in the transaction that publishes its file: state, attempt, and progress of its item."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection

from ledger.claims import CLAIM_LASTS
from ledger.database import Database, database_time
from ledger.exceptions import ClaimLost
from ledger.history import insert_attempt
from ledger.progress import move_progress
from ledger.records import AttemptResult, Claim, DayResult, DayStatus
from ledger.schema import in_utc
from ledger.statements import NUMBER_CHANGE, SAVE, chosen

_RESULT_COLUMNS = [field.name for field in fields(DayResult) if field.name != "error"]


class Recording:
    """An open transaction on one claimed day; see `Ledger.recording`. `ends_claim`: what was saved gave it up.

    `sha256` is the checksum of the day's content as recorded so far.
    """

    def __init__(self, database: Database, connection: Connection, claim: Claim, sha256: str | None) -> None:
        self._database = database
        self._connection = connection
        self._claim = claim
        self._sha256 = sha256
        self.ends_claim = False

    def save(
        self,
        result: DayResult,
        attempt: AttemptResult | None,
        *,
        checked: datetime | None,
        progress: datetime | None,
        keep_claim: bool = False,
    ) -> None:
        """The day's new state, its attempt, and what other programs are told; the claim ends unless it is kept.

        `checked` is when the item was last asked for (None: it was not), `progress` the time of the newest record
        stored by this attempt, or None; the item's progress only ever moves forward. Raises ClaimLost where the claim
        was given up before, and ValueError for a datetime without a zone.
        """
        checked, progress = (moment and in_utc(moment) for moment in (checked, progress))
        with self._database.translated():
            now = database_time(self._connection)
            self._save_state(result, now, attempted=attempt is not None, keep_claim=keep_claim)
            if attempt is not None:
                insert_attempt(self._connection, self._claim.item_name, self._claim.day, self._claim.run_id, attempt)
            has_changed = result.sha256 != self._sha256
            if has_changed or checked is not None or progress is not None:
                self._save_progress(now, checked, progress)
            if has_changed:
                self._number_change(now)
                self._sha256 = result.sha256
            self.ends_claim = not keep_claim

    def _save_state(self, result: DayResult, now: datetime, *, attempted: bool, keep_claim: bool) -> None:
        saved = self._connection.execute(
            SAVE,
            {
                **chosen(self._claim),
                "of_attempts": int(attempted),
                "of_failed": int(result.status is DayStatus.FAILED),
                **{name: getattr(result, name) for name in _RESULT_COLUMNS},
                "last_error": result.error,
                "refused": None,
                "claimed_by": self._claim.claimant.text if keep_claim else None,
                "claimed_until": now + CLAIM_LASTS if keep_claim else None,
                "updated_at": now,
            },
        )
        if not saved.rowcount:
            raise ClaimLost(
                f"{self._claim.item_name} {self._claim.day} is not claimed any more: its result was saved already."
            )

    def _save_progress(self, now: datetime, checked: datetime | None, progress: datetime | None) -> None:
        """Late, for other days of the item wait for this row until the commit. Locked also where nothing moves."""
        move_progress(self._connection, self._claim.item_name, now, checked, progress)

    def _number_change(self, now: datetime) -> None:
        """After the progress, whose lock lets the days of an item be numbered one after another (see `changes`)."""
        of_day = {"of_item": self._claim.item_name, "of_day": self._claim.day}
        self._connection.execute(NUMBER_CHANGE, {**of_day, "changed_at": now})
