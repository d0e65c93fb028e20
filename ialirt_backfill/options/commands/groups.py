"""Groups of options that several commands have: where things are kept, where I-ALiRT is, how and what it is asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.commands.shared import as_of_field
from ialirt_backfill.options.datastore import LEDGER, is_file
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import parse_count, parse_duration, parse_percent, parse_rate
from ialirt_backfill.options.texts import full_address, full_path
from ledger.addresses import sqlite_file, sqlite_url, without_secrets

DEFAULT_URL = "https://ialirt.imap-mission.com"
LONGEST_TIMEOUT_SECONDS = 30 * 60


class Checks:
    """The end of the chain of ``__post_init__``: each group of options checks its own, then passes on."""

    def __post_init__(self) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class StoreOptions(Checks):
    """Where things are kept, and how much is said about it."""

    datastore: str = option("./ialirt-data", "folder of the daily files", metavar="DIR", env="IALIRT_DATASTORE")
    ledger: Optional[str] = option(
        None,
        "the ledger's database; default: SQLite, <datastore>/ledger.sqlite",
        metavar="URL",
        env="IALIRT_LEDGER_URL",
    )
    json: bool = option(False, "one JSON object on standard output, everything else on standard error")
    verbose: bool = option(
        False, "say more, on standard error; unfold a plan", flags=["-v", "--verbose"], env="IALIRT_VERBOSE"
    )
    quiet: bool = option(False, "say nothing but failures", flags=["-q", "--quiet"], env="IALIRT_QUIET")

    def __post_init__(self) -> None:
        checked(self.datastore, bool(self.datastore.strip()), "--datastore is empty: name a folder")
        object.__setattr__(self, "datastore", full_path("--datastore", self.datastore))
        checked(
            self.datastore,
            not is_file(self.datastore),
            f"--datastore {self.datastore} is a file: name the folder that the days lie in",
        )
        if self.ledger is not None:
            object.__setattr__(self, "ledger", full_address("--ledger", self.ledger))
        super().__post_init__()

    @property
    def ledger_url(self) -> str:
        """The ledger's database, with the default filled in."""
        return self.ledger or sqlite_url(f"{self.datastore.rstrip('/')}/{LEDGER}")

    @property
    def ledger_file(self) -> Optional[Path]:
        """The ledger's file, None where it is no SQLite."""
        return sqlite_file(self.ledger_url)

    @property
    def datastore_shown(self) -> str:
        """The datastore's path in full, for whoever is to find it."""
        return str(Path(self.datastore).absolute())

    @property
    def ledger_shown(self) -> str:
        """The ledger's address in full, without its password."""
        file = self.ledger_file
        return without_secrets(self.ledger_url if file is None else sqlite_url(file.absolute()))

    @property
    def is_own_ledger(self) -> bool:
        """Whether the ledger is the one inside the datastore."""
        file = self.ledger_file
        return file is not None and file.resolve() == (Path(self.datastore) / LEDGER).resolve()


@dataclass(frozen=True, kw_only=True)
class ReachOptions(Checks):
    """Where I-ALiRT is, the key to it, and as of when it is asked."""

    url: str = option(DEFAULT_URL, "base address of I-ALiRT", metavar="URL", env="IALIRT_DATA_ACCESS_URL")
    api_key_file: Optional[str] = option(
        None,
        "file that holds the API key (or put the key itself in the environment variable IALIRT_API_KEY)",
        metavar="FILE",
        env="IALIRT_API_KEY_FILE",
    )
    timeout: timedelta = option(
        timedelta(seconds=60),
        f"how long one request may take in all, at most {LONGEST_TIMEOUT_SECONDS // 60}m",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_TIMEOUT",
    )
    as_of: Optional[datetime] = as_of_field("plan as if it were this time")
    demo: bool = option(False, "ask a built-in simulator over HTTP on this machine: synthetic data, no network")

    def __post_init__(self) -> None:
        if self.api_key_file is not None:
            object.__setattr__(self, "api_key_file", full_path("--api-key-file", self.api_key_file))
        seconds = self.timeout.total_seconds()
        good = 0 < seconds <= LONGEST_TIMEOUT_SECONDS
        checked(
            seconds, good, f"--timeout {seconds:g}s: more than 0 and at most {LONGEST_TIMEOUT_SECONDS // 60} minutes"
        )
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class AskOptions(ReachOptions):
    """How I-ALiRT is asked, and as of when."""

    jobs: int = option(4, "requests in flight at once", parse=parse_count, metavar="N", env="IALIRT_JOBS")
    max_rate: Optional[float] = option(
        None, "requests per second, at most: 2, 0.5, 30/min", parse=parse_rate, metavar="R", env="IALIRT_MAX_RATE"
    )
    settle: timedelta = option(
        timedelta(days=1),
        "how long after its end a day may still gain records: 90s, 5m, 1h, 1d or PT5M",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_SETTLE",
    )
    overlap: timedelta = option(
        timedelta(minutes=10),
        "how long the newest records may still change, so that they are asked for again",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_OVERLAP",
    )

    def __post_init__(self) -> None:
        checked(self.jobs, 1 <= self.jobs <= 64, f"--jobs {self.jobs}: between 1 and 64 requests in flight")
        checked(self.max_rate, 0 < (self.max_rate or 0) < inf, f"--max-rate {self.max_rate}: more than 0 per second")
        for name, value, longest in (("settle", self.settle, 3650), ("overlap", self.overlap, 1)):
            good = timedelta(0) <= value <= timedelta(days=longest)
            checked(value, good, f"--{name} {value}: between 0 and {longest} day{'' if longest == 1 else 's'}")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class DecisionOptions(Checks):
    """What is asked for again, how much of it, and in which order."""

    retry_failed: bool = option(False, "ask again for days that failed", env="IALIRT_RETRY_FAILED")
    redownload: bool = option(False, "ask again for whole days, whatever is there")
    min_availability: Optional[float] = option(
        None,
        "ask again for the gaps of final days below this availability in percent",
        parse=parse_percent,
        metavar="PCT",
        env="IALIRT_MIN_AVAILABILITY",
    )
    limit_days: Optional[int] = option(
        None, "ask for at most this many days", parse=parse_count, metavar="N", env="IALIRT_LIMIT_DAYS"
    )
    newest_first: bool = option(False, "begin with the newest day", env="IALIRT_NEWEST_FIRST")
    fail_fast: bool = option(False, "stop at the first failure", env="IALIRT_FAIL_FAST")
    dry_run: bool = option(False, "show the plan; ask nothing, write nothing")

    def __post_init__(self) -> None:
        pct = self.min_availability
        checked(pct, 0 <= (pct or 0) <= 100, f"--min-availability {pct}: between 0 and 100 percent")
        checked(self.limit_days, (self.limit_days or 0) > 0, f"--limit-days {self.limit_days}: at least 1")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class WorkOptions(StoreOptions, AskOptions):
    """What every command needs that asks I-ALiRT and keeps the answers."""

    def __post_init__(self) -> None:
        if self.demo and self.ledger is not None:
            raise UsageError("--ledger does not go with --demo: a demonstration keeps its ledger in its own datastore")
        super().__post_init__()
