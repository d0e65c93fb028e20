"""The options of the commands that copy the days elsewhere: mirror and export."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options.commands.groups import StoreOptions
from ialirt_backfill.options.commands.known import RangeOptions
from ialirt_backfill.options.commands.shared import action_field, open_every_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.texts import full_address, full_path

MIRROR_ACTIONS = ("load", "config", "views")
_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,19}", re.ASCII)


def parse_mirror_action(text: str) -> str:
    """What a mirror is to do. An address that stands here by mistake is not repeated: it may hold a password."""
    if text not in MIRROR_ACTIONS:
        shown = "an address is given with --database" if "://" in text else f"{text!r} is unknown"
        raise UsageError(f"{shown}; mirror has {', '.join(MIRROR_ACTIONS)}")
    return text


@dataclass(frozen=True, kw_only=True)
class MirrorOptions(StoreOptions, RangeOptions):
    """Load the daily files into a database, each day as often as its file has changed.

    config prints the configuration for those who run crump themselves; views makes views with means per minute and
    per hour.
    """

    action: str = action_field(MIRROR_ACTIONS, parse_mirror_action)
    database: Optional[str] = option(
        None,
        "where to: postgresql://user@host/database or sqlite:///path/to/mirror.sqlite",
        metavar="URL",
        env="IALIRT_MIRROR_DATABASE",
        secret=True,
    )
    table_prefix: str = option(
        "", "put before the names of the tables, ialirt_<instrument>", metavar="P", env="IALIRT_MIRROR_TABLE_PREFIX"
    )
    crump_config: Optional[str] = option(
        None,
        "load with a crump configuration of your own: the job by the file's name, into its table",
        metavar="FILE",
        env="IALIRT_MIRROR_CRUMP_CONFIG",
    )
    jobs: int = option(4, "tables loaded at once; SQLite: one", metavar="N", env="IALIRT_JOBS")
    open_every: timedelta = open_every_field("load")
    reload: bool = option(False, "load every day of the range again, whatever the ledger remembers")
    history: bool = option(False, "have crump note every load in its table _crump_history")
    dry_run: bool = option(False, "show the plan; load nothing, write nothing")

    def __post_init__(self) -> None:
        parse_mirror_action(self.action)
        if self.database is not None:
            object.__setattr__(self, "database", full_address("--database", self.database))
        good = not self.table_prefix or _PREFIX.fullmatch(self.table_prefix) is not None
        checked(
            self.table_prefix,
            good,
            f"--table-prefix {self.table_prefix}: at most 20 small letters, digits and _; name a schema in the"
            " database's URL, as ?options=-csearch_path%3Dname",
        )
        checked(self.jobs, 1 <= self.jobs <= 64, f"--jobs {self.jobs}: between 1 and 64 tables at once")
        if self.crump_config is not None:
            own = f"--crump-config {self.crump_config}: there"
            checked(self.table_prefix or None, False, f"{own} the tables have their names, without --table-prefix")
            is_load = self.action == MIRROR_ACTIONS[0]
            checked(self.action, is_load, f"{own} is no {self.action}: that is for the mirror's own tables")
        super().__post_init__()

    @property
    def database_url(self) -> str:
        """The database. UsageError where none is named."""
        if not self.database:
            raise UsageError(
                "--database is missing: postgresql://user@host/database or sqlite:///path/to/mirror.sqlite"
            )
        return self.database


EXPORT_ACTIONS = ("parquet",)


def parse_export_action(text: str) -> str:
    """What is to be written."""
    if text not in EXPORT_ACTIONS:
        raise UsageError(f"{text!r} is unknown; export has {', '.join(EXPORT_ACTIONS)}")
    return text


@dataclass(frozen=True, kw_only=True)
class ExportOptions(StoreOptions, RangeOptions):
    """Write the days into a folder, as Parquet: one file per instrument and month, as often as one of its days changes.

    parquet: <DIR>/instrument=mag/year=2026/imap_ialirt_mag_202601.parquet
    """

    action: str = action_field(EXPORT_ACTIONS, parse_export_action)
    to: Optional[str] = option(None, "folder to write into", metavar="DIR", env="IALIRT_EXPORT_TO")
    public: bool = option(
        False, "leave out the instruments and columns that not everybody is shown", env="IALIRT_PUBLIC"
    )
    open_every: timedelta = open_every_field("write")
    rewrite: bool = option(False, "write every file of the range again, whatever it holds")
    dry_run: bool = option(False, "show the plan; write nothing")

    def __post_init__(self) -> None:
        parse_export_action(self.action)
        if self.to is not None:
            checked(self.to, bool(self.to.strip()), "--to is empty: name a folder")
            object.__setattr__(self, "to", full_path("--to", self.to))
        super().__post_init__()
        if self.public and not self.takes_what_it_may and not self.is_judged_later:
            for instrument in super().instruments:
                shut = f"--instrument {instrument.name}: not everybody is shown it; leave it out, or leave out --public"
                checked(instrument, not instrument.scopes, shut)

    @property
    def folder(self) -> Path:
        """Where to, in full. UsageError where no folder is named, or one inside the datastore."""
        if self.to is None:
            raise UsageError("--to is missing: name the folder to write into")
        folder = Path(self.to).absolute()
        if folder.resolve().is_relative_to(Path(self.datastore).resolve()):
            raise UsageError(f"--to {self.to} lies in the datastore, which holds day files only: name another folder")
        return folder

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments named, in the order given; all where none is. A public folder has those it may have."""
        return tuple(it for it in super().instruments if not (self.public and it.scopes))
