"""The options of the commands that fill the datastore: backfill and poll."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import BOARDS, INSTRUMENTS, LAUNCH
from ialirt_backfill.options.commands.groups import DecisionOptions, WorkOptions
from ialirt_backfill.options.commands.known import Known, RangeOptions
from ialirt_backfill.options.commands.shared import catalogue_field, instrument_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import ALL, parse_board, parse_day, parse_duration, parse_picture, written_board
from ialirt_backfill.options.texts import full_path


# The groups stand in reverse: a dataclass takes the fields of its last base first, and so --help begins with the range.
@dataclass(frozen=True, kw_only=True)
class BackfillOptions(WorkOptions, DecisionOptions, RangeOptions):
    """Make every day of a range complete.

    Without an API key: all instruments but mag_hk and spacecraft_status, from 2026-02-01 on. With one: since launch,
    2025-09-24. With one of scope full or read: all of it. A key stands in the environment variable IALIRT_API_KEY or in
    --api-key-file.
    """

    def __post_init__(self) -> None:
        if not self.instrument:
            raise UsageError(f"--instrument is missing: choose from {', '.join(INSTRUMENTS)}, or {ALL}")
        if self.start is None and self.last is None:
            raise UsageError("--start is missing: the first UTC day, as 2026-02-01, or --last 7d")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class PassOptions(Known):
    """Which instruments a poll watches, how often, and until when."""

    instrument: str = instrument_field(ALL)
    every: timedelta = option(
        timedelta(minutes=5), "time from pass to pass: 30s, 5m or PT5M", parse=parse_duration, metavar="TIME"
    )
    once: bool = option(False, "one pass, and the end")
    until_end_of_hour: bool = option(False, "end before the next full hour, in which another poll may begin")
    lag: timedelta = option(
        timedelta(0), "leave the newest seconds alone: 90s or PT90S", parse=parse_duration, metavar="TIME"
    )
    since: Optional[date] = option(
        None,
        "first UTC day to care for; default: that of the newest record stored, or today",
        parse=parse_day,
        metavar="DAY",
    )
    catalogue: Optional[str] = catalogue_field()

    def __post_init__(self) -> None:
        day = timedelta(days=1)
        checked(self.every, timedelta(seconds=1) <= self.every <= day, f"--every {self.every}: between 1s and 1d")
        checked(self.lag, timedelta(0) <= self.lag < day, f"--lag {self.lag}: less than a day")
        if self.since is not None and self.since < LAUNCH:
            raise UsageError(f"--since {self.since}: IMAP was launched on {LAUNCH}, there is nothing before that day")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class PollOptions(WorkOptions, DecisionOptions, PassOptions):
    """Keep today complete: pass after pass the newest records of every instrument, and in between what is missing."""

    picture: Optional[str] = option(
        None, "a picture to draw anew after each pass that changed something: FILE.png, .svg or .pdf", metavar="FILE"
    )
    board: Optional[str] = option(
        None, f"what is drawn: {', '.join(BOARDS)}; default: {next(iter(BOARDS))}", parse=written_board, metavar="NAME"
    )

    def __post_init__(self) -> None:
        if self.json and not (self.once or self.dry_run):
            raise UsageError("--json prints one object at the end of one pass: add --once")
        if self.board is not None and self.picture is None:
            raise UsageError(f"--board {self.board}: say into which file it is drawn, as --picture {self.board}.png")
        if self.board is not None:
            object.__setattr__(self, "board", written_board(self.board))
        if self.picture is not None:
            parse_picture("--picture", self.picture)
            object.__setattr__(self, "picture", full_path("--picture", self.picture))
        super().__post_init__()
        if self.board is not None and not self.is_judged_later:
            parse_board(self.board, self.known)
