"""The options of the commands that tell what the ledger says: status, gaps, history, changes, runs."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.commands.groups import StoreOptions
from ialirt_backfill.options.commands.known import Known, RangeOptions
from ialirt_backfill.options.commands.shared import as_of_field, catalogue_field, instrument_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import parse_count, parse_duration, parse_one_day, parse_since


@dataclass(frozen=True, kw_only=True)
class StatusOptions(StoreOptions, RangeOptions):
    """Show how complete a range is, from the ledger alone: per instrument, the longest gaps, the last run, a calendar.

    Without --start the range begins with the first day that the ledger has. A day is full when every record that the
    cadence allows is there, 100 %, and partial when there are fewer. It is final when nothing is left to ask for, with
    data or without.
    """

    as_of: Optional[datetime] = as_of_field("report as if it were this time")


@dataclass(frozen=True, kw_only=True)
class GapsOptions(StatusOptions):
    """Show the gaps of a range, longest first: stretches that were asked for and hold no record.

    A gap that goes on over midnight is one gap. Its end is the first second that is no part of it any more.
    """

    longer_than: timedelta = option(
        timedelta(0),
        "only gaps longer than this: 90s, 5m, 1h, 1d or PT5M",
        parse=parse_duration,
        metavar="TIME",
    )
    csv: bool = option(False, "CSV on standard output, everything else on standard error")

    def __post_init__(self) -> None:
        if self.csv and self.json:
            raise UsageError("--csv and --json: choose one of the two")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class HistoryOptions(StoreOptions, Known):
    """Show why a day is as it is: its state, and every attempt that changed something or failed."""

    instrument: Optional[str] = instrument_field(says="one instrument")
    day: Optional[date] = option(None, "the UTC day", parse=parse_one_day, metavar="DAY")
    catalogue: Optional[str] = catalogue_field()

    def __post_init__(self) -> None:
        if self.instrument is None or self.day is None:
            missing = "--instrument" if self.instrument is None else "--day"
            raise UsageError(f"{missing} is missing: history --instrument hit --day 2026-01-05")
        super().__post_init__()
        if len(self.instruments) > 1:
            raise UsageError(f"--instrument {self.instrument}: the history is that of one instrument")


@dataclass(frozen=True, kw_only=True)
class ChangesOptions(StoreOptions, Known):
    """Show the days whose content has changed, oldest first, and a cursor to go on from.

    Given as --since the next time, the cursor misses no change and tells none twice.
    """

    instrument: Optional[str] = instrument_field()
    since: Optional[str] = option(
        None,
        "a cursor, or a time in ISO 8601 (Z or no zone: UTC); default: all days",
        parse=parse_since,
        metavar="TIME|CURSOR",
    )
    catalogue: Optional[str] = catalogue_field()

    def __post_init__(self) -> None:
        if self.since is not None:
            object.__setattr__(self, "since", parse_since(self.since))
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class RunsOptions(StoreOptions):
    """Show the last runs, newest first."""

    limit: int = option(20, "so many at most", flags=["-n", "--limit"], parse=parse_count, metavar="N")

    def __post_init__(self) -> None:
        checked(self.limit, self.limit > 0, f"--limit {self.limit}: at least 1")
        super().__post_init__()
