"""The options of the commands that look after what there is: verify, adopt, doctor, ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.commands.groups import StoreOptions, WorkOptions
from ialirt_backfill.options.commands.known import Known, RangeOptions
from ialirt_backfill.options.commands.shared import as_of_field, catalogue_field, instrument_field
from ialirt_backfill.options.fields import option
from ialirt_backfill.options.forms import ALL, parse_duration
from ialirt_backfill.options.texts import full_path


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(WorkOptions, RangeOptions):
    """Read the files and tell which are not what the ledger recorded: missing, size, checksum, rows, order, half line;
    and which were written under another definition of their instrument.

    Exit code 1 if there is any. Without --start it begins with the launch, without --end it ends today.
    """

    fix: bool = option(False, "ask again, whole, for the days of those files; what is in them is kept")


@dataclass(frozen=True, kw_only=True)
class AdoptOptions(StoreOptions, RangeOptions):
    """Read the files of a datastore that another program has filled into the ledger, without the network."""

    dry_run: bool = option(False, "show what would be adopted; write nothing")
    as_of: Optional[datetime] = as_of_field("judge as if it were this time")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(WorkOptions, Known):
    """Tell where the server, what it sends, or this place are not what this program thinks: a line for each finding.

    At most 3 requests per instrument, in less than a minute; nothing is changed. Exit code 1 where something is wrong.
    """

    instrument: str = instrument_field(ALL)
    record: Optional[str] = option(
        None, "keep the answers as files in this folder, to attach to a report; never the key", metavar="DIR"
    )
    catalogue: Optional[str] = catalogue_field()

    def __post_init__(self) -> None:
        if self.record is not None:
            object.__setattr__(self, "record", full_path("--record", self.record))
        super().__post_init__()


LEDGER_ACTIONS = ("current", "upgrade", "prune")


@dataclass(frozen=True, kw_only=True)
class LedgerOptions(StoreOptions):
    """Look after the ledger by hand: show its version, upgrade it, or prune its history."""

    action: str = option("", f"one of {', '.join(LEDGER_ACTIONS)}", flags=["action"], parse=str, choices=LEDGER_ACTIONS)
    keep: Optional[timedelta] = option(
        None,
        "with prune: how much of the history of attempts and runs to keep, as 90d; the state of the days stays",
        parse=parse_duration,
        metavar="TIME",
    )

    def __post_init__(self) -> None:
        if self.action == "prune" and self.keep is None:
            raise UsageError("ledger prune needs --keep, as in --keep 90d")
        super().__post_init__()
