"""The options of each command: at once the flags of the command line, the parameters of the flows and the Python API.

No ``from __future__ import annotations`` here: argparse-dataclass reads the types as they stand.
"""

import os
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import (
    BOARDS,
    INSTRUMENTS,
    LAUNCH,
    PUBLIC_SINCE,
    Board,
    Catalogue,
    Instrument,
    default_catalogue,
)
from ialirt_backfill.instruments.entries import complaint_about_name
from ialirt_backfill.options.catalogues import CATALOGUE_VARIABLE, CatalogueFiles, catalogue_files
from ialirt_backfill.options.datastore import LEDGER
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import (
    ALL,
    means_all,
    parse_board,
    parse_count,
    parse_day,
    parse_duration,
    parse_instruments,
    parse_last_day,
    parse_one_day,
    parse_percent,
    parse_picture,
    parse_rate,
    parse_since,
    parse_time,
    written_board,
    written_names,
)
from ialirt_backfill.options.texts import full_address, full_path
from ledger.addresses import sqlite_file, sqlite_url, without_secrets

DEFAULT_URL = "https://ialirt.imap-mission.com"
LONGEST_TIMEOUT_SECONDS = 30 * 60
LAST_YEAR = 2099
"""A day later than this is a slip of the pen."""


class _Checks:
    """The end of the chain of ``__post_init__``: each group of options checks its own, then passes on."""

    def __post_init__(self) -> None:
        pass


def _catalogue() -> Any:
    """The option of every command that knows instruments."""
    return option(
        None,
        "TOML file that adds instruments or changes what is known of them; several: separated by commas, or one by one",
        metavar="FILE",
        env=CATALOGUE_VARIABLE,
    )


class _Known(_Checks):
    """What is known of the instruments, and which of them are meant. The files are read when the options are made: who
    is given these options, in another process too, knows what they know.
    """

    instrument: Optional[str]
    catalogue: Optional[str]

    def __post_init__(self) -> None:
        if self.catalogue is not None:
            object.__setattr__(self, "catalogue", catalogue_files(self.catalogue))
        if self.instrument is not None and not self._is_judged_later:
            parse_instruments(self.instrument, self.known)
        super().__post_init__()

    @property
    def _is_judged_later(self) -> bool:
        """Whether a flow has yet to be given the catalogue of its worker's environment."""
        return self.catalogue is None and bool(os.environ.get(CATALOGUE_VARIABLE))

    @property
    def known(self) -> Catalogue:
        """What is known of the instruments."""
        return self.catalogue.known if isinstance(self.catalogue, CatalogueFiles) else default_catalogue()

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments named, in the order given; all where none is."""
        return parse_instruments(self.instrument or ALL, self.known)

    @property
    def takes_what_it_may(self) -> bool:
        """Whether all instruments are meant, which is all that the key may have; not some that are named."""
        return means_all(self.instrument)


@dataclass(frozen=True, kw_only=True)
class StoreOptions(_Checks):
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
class ReachOptions(_Checks):
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
    as_of: Optional[datetime] = option(
        None, "plan as if it were this time, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME"
    )
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
class DecisionOptions(_Checks):
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
class RangeOptions(_Known):
    """Which instruments and days."""

    instrument: Optional[str] = option(
        None,
        f"one instrument, a comma-separated list, or all: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )
    start: Optional[date] = option(
        None,
        f"first UTC day, not before {LAUNCH}; before {PUBLIC_SINCE:%Y-%m-%d} with an API key only",
        flags=["--start", "--start-date"],
        parse=parse_day,
        metavar="DAY",
        env="IALIRT_START",
    )
    end: Optional[date] = option(
        None,
        "last UTC day, included; default: today",
        flags=["--end", "--end-date"],
        parse=parse_last_day,
        metavar="DAY",
    )
    last: Optional[timedelta] = option(
        None, "instead of --start: the newest days, up to --end, as 7d", parse=parse_duration, metavar="TIME"
    )
    catalogue: Optional[str] = _catalogue()

    def __post_init__(self) -> None:
        for name, day in (("start", self.start), ("end", self.end)):
            if day is not None and day < LAUNCH:
                raise UsageError(f"--{name} {day}: IMAP was launched on {LAUNCH}, there is nothing before that day")
            if day is not None and day.year > LAST_YEAR:
                raise UsageError(f"--{name} {day}: later than {LAST_YEAR}")
        if self.last is not None and self.start is not None:
            raise UsageError("--last and --start: choose one of the two")
        checked(self.last, (self.last or timedelta()) > timedelta(), f"--last {self.last}: more than nothing")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise UsageError(f"--end {self.end} lies before --start {self.start}")
        super().__post_init__()

    def days(self, now: datetime) -> list[date]:
        """The UTC days of the range, both ends included; an open start is the launch, an open end today."""
        last = self.end or now.date()
        first = self.start or LAUNCH
        if self.last is not None:
            first = max(LAUNCH, last - timedelta(days=-(-self.last // timedelta(days=1)) - 1))
        if last < first:
            raise UsageError(f"--start {first} lies after today, {last} (UTC)")
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@dataclass(frozen=True, kw_only=True)
class WorkOptions(StoreOptions, AskOptions):
    """What every command needs that asks I-ALiRT and keeps the answers."""

    def __post_init__(self) -> None:
        if self.demo and self.ledger is not None:
            raise UsageError("--ledger does not go with --demo: a demonstration keeps its ledger in its own datastore")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(WorkOptions, RangeOptions):
    """Read the files and tell which are not what the ledger recorded: missing, size, checksum, rows, order, half line;
    and which were written under another definition of their instrument.

    Exit code 1 if there is any. Without --start it begins with the launch, without --end it ends today.
    """

    fix: bool = option(False, "ask again, whole, for the days of those files; what is in them is kept")


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
class PassOptions(_Known):
    """Which instruments a poll watches, how often, and until when."""

    instrument: str = option(
        ALL,
        f"one instrument, a comma-separated list, or all: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )
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
    catalogue: Optional[str] = _catalogue()

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
        if self.board is not None and not self._is_judged_later:
            parse_board(self.board, self.known)


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

    action: str = option(
        MIRROR_ACTIONS[0],
        f"one of {', '.join(MIRROR_ACTIONS)}",
        flags=["action"],
        parse=parse_mirror_action,
        choices=MIRROR_ACTIONS,
        nargs="?",
    )
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
    open_every: timedelta = option(
        timedelta(hours=1),
        "load a day that still grows at most so often: 0s, 10m, 1h or PT1H",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_OPEN_EVERY",
    )
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


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(WorkOptions, _Known):
    """Tell where the server, what it sends, or this place are not what this program thinks: a line for each finding.

    At most 3 requests per instrument, in less than a minute; nothing is changed. Exit code 1 where something is wrong.
    """

    instrument: str = option(
        ALL,
        f"one instrument, a comma-separated list, or all: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )
    record: Optional[str] = option(
        None, "keep the answers as files in this folder, to attach to a report; never the key", metavar="DIR"
    )
    catalogue: Optional[str] = _catalogue()

    def __post_init__(self) -> None:
        if self.record is not None:
            object.__setattr__(self, "record", full_path("--record", self.record))
        super().__post_init__()


# --- pictures ---------------------------------------------------------------------------------------------------------

USUAL_LAST = timedelta(days=3)
"""So much is drawn of columns where no range is given; a board has its own."""


@dataclass(frozen=True, kw_only=True)
class PlotOptions(StoreOptions, RangeOptions):
    """Draw a board by its name, or the columns of instruments, from the daily files.

    The end of the file's name says what is made of it: .png, .svg or .pdf. Without --start and --last a board has a
    range of its own, columns the last three days. With --board, --instrument keeps the panels of these instruments.
    """

    board: Optional[str] = option(None, f"what is drawn: {', '.join(BOARDS)}", parse=written_board, metavar="NAME")
    columns: Optional[str] = option(
        None,
        "without --board: a comma-separated list of columns, as mag_B_GSE or swapi_pseudo_proton_speed; default: all",
        metavar="NAMES",
    )
    out: Optional[str] = option(None, "the picture: FILE.png, FILE.svg or FILE.pdf", metavar="FILE")
    public: bool = option(False, "leave out what the server shows to keys with a scope only", env="IALIRT_PUBLIC")
    as_of: Optional[datetime] = option(
        None, "draw as if it were this time, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME"
    )

    def __post_init__(self) -> None:
        if self.board is not None:
            object.__setattr__(self, "board", written_board(self.board))
            checked(self.columns, False, "--columns goes with --instrument; a board has its own")
        elif not self.instrument:
            raise UsageError(f"--board is missing: choose from {', '.join(BOARDS)}, or name an --instrument")
        if self.out is not None:
            parse_picture("--out", self.out)
            object.__setattr__(self, "out", full_path("--out", self.out))
        super().__post_init__()
        if not self._is_judged_later:
            _ = self.board_drawn

    @property
    def board_drawn(self) -> Optional[Board]:
        """The board that is drawn; None where columns are."""
        return None if self.board is None else parse_board(self.board, self.known)

    def days(self, now: datetime) -> list[date]:
        """The UTC days drawn, both ends included."""
        if self.start is not None or self.last is not None:
            return super().days(now)
        usual = USUAL_LAST if self.board_drawn is None else self.board_drawn.last
        return RangeOptions(end=self.end, last=usual).days(now)


@dataclass(frozen=True, kw_only=True)
class QuicklookOptions(StoreOptions, RangeOptions):
    """Draw boards day by day into a folder, each as often as its days change: for a flow, or a program of your own."""

    boards: str = option(
        f"{next(iter(BOARDS))},coverage", f"a comma-separated list of {', '.join(BOARDS)}", metavar="NAMES"
    )
    folder: str = option(
        "./ialirt-pictures",
        "folder of the pictures, which lie below it in quicklook/; not in the datastore",
        metavar="DIR",
        env="IALIRT_QUICKLOOK_FOLDER",
    )
    address: Optional[str] = option(
        None, "address under which that folder is served, for links", metavar="URL", env="IALIRT_QUICKLOOK_ADDRESS"
    )
    public: bool = option(False, "leave out what the server shows to keys with a scope only", env="IALIRT_PUBLIC")
    as_of: Optional[datetime] = option(
        None, "draw as if it were this time, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", full_path("--folder", self.folder))
        if Path(self.folder).resolve().is_relative_to(Path(self.datastore).resolve()):
            raise UsageError(f"--folder {self.folder} lies in the datastore, which holds day files only")
        super().__post_init__()
        if not self._is_judged_later:
            _ = self.pictures

    @property
    def pictures(self) -> list[PlotOptions]:
        """What is drawn, without the days."""
        names = [written_board(name) for name in self.boards.split(",") if name.strip()]
        return [
            PlotOptions(
                board=name,
                instrument=self.instrument,
                datastore=self.datastore,
                ledger=self.ledger,
                catalogue=self.catalogue,
                public=self.public,
                as_of=self.as_of,
            )
            for name in names
        ]

    def days(self, now: datetime) -> list[date]:
        """The UTC days drawn, both ends included; the last three where nothing is said."""
        if self.start is not None or self.last is not None:
            return super().days(now)
        return RangeOptions(end=self.end, last=USUAL_LAST).days(now)


# --- serving ---------------------------------------------------------------------------------------------------------


_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ServeOptions(StoreOptions, _Known):
    """Serve the daily files by HAPI, to hapiclient, Autoplot, pySPEDAS or a browser, at /hapi.

    It answers from the files and the ledger alone, asks I-ALiRT for nothing and writes nothing.
    """

    host: str = option(
        "127.0.0.1",
        "address to listen at; with any but this machine's own, whoever reaches it can read: there is no login",
        metavar="ADDRESS",
        env="IALIRT_SERVE_HOST",
    )
    port: int = option(
        8080, "port to listen at; 0: any that is free", parse=parse_count, metavar="N", env="IALIRT_SERVE_PORT"
    )
    prefix: str = option(
        "", "path before /hapi, as a proxy in front has it: /ialirt", metavar="PATH", env="IALIRT_SERVE_PREFIX"
    )
    restricted: bool = option(
        False,
        "beyond this machine, too, serve what I-ALiRT shows to keys with a scope only: for a network of those who"
        " may see it",
        env="IALIRT_SERVE_RESTRICTED",
    )
    contact: str = option(
        "whoever runs this server", "whom to ask about this server", metavar="TEXT", env="IALIRT_SERVE_CONTACT"
    )
    instrument: Optional[str] = option(
        None,
        f"serve these only: a comma-separated list, or all: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )
    catalogue: Optional[str] = _catalogue()
    demo: bool = option(False, "fetch two days from a built-in simulator first, and serve these: synthetic data")

    def __post_init__(self) -> None:
        checked(self.host, bool(self.host.strip()), "--host is empty: name an address, as 127.0.0.1")
        checked(self.port, 0 <= self.port <= LAST_PORT, f"--port {self.port}: between 0 and {LAST_PORT}")
        object.__setattr__(self, "prefix", self.prefix.rstrip("/"))
        good = _PATH.fullmatch(self.prefix) is not None
        checked(self.prefix, good, f"--prefix {self.prefix!r}: a path that begins with /, as /ialirt")
        checked(self.contact, bool(self.contact.strip()), "--contact is empty: say whom to ask")
        if self.demo and self.ledger is not None:
            raise UsageError("--ledger does not go with --demo: a demonstration keeps its ledger in its own datastore")
        super().__post_init__()


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

    action: str = option(
        EXPORT_ACTIONS[0],
        f"one of {', '.join(EXPORT_ACTIONS)}",
        flags=["action"],
        parse=parse_export_action,
        choices=EXPORT_ACTIONS,
        nargs="?",
    )
    to: Optional[str] = option(None, "folder to write into", metavar="DIR", env="IALIRT_EXPORT_TO")
    public: bool = option(
        False, "leave out the instruments and columns that not everybody is shown", env="IALIRT_PUBLIC"
    )
    open_every: timedelta = option(
        timedelta(hours=1),
        "write a day that still grows at most so often: 0s, 10m, 1h or PT1H",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_OPEN_EVERY",
    )
    rewrite: bool = option(False, "write every file of the range again, whatever it holds")
    dry_run: bool = option(False, "show the plan; write nothing")

    def __post_init__(self) -> None:
        parse_export_action(self.action)
        if self.to is not None:
            checked(self.to, bool(self.to.strip()), "--to is empty: name a folder")
            object.__setattr__(self, "to", full_path("--to", self.to))
        super().__post_init__()
        if self.public and not self.takes_what_it_may and not self._is_judged_later:
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


# --- reports ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StatusOptions(StoreOptions, RangeOptions):
    """Show how complete a range is, from the ledger alone: per instrument, the longest gaps, the last run, a calendar.

    Without --start the range begins with the first day that the ledger has. A day is full when every record that the
    cadence allows is there, 100 %, and partial when there are fewer. It is final when nothing is left to ask for, with
    data or without.
    """

    as_of: Optional[datetime] = option(
        None, "report as if it were this time, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME"
    )


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
class HistoryOptions(StoreOptions, _Known):
    """Show why a day is as it is: its state, and every attempt that changed something or failed."""

    instrument: Optional[str] = option(
        None, f"one instrument: {', '.join(INSTRUMENTS)}", parse=written_names, metavar="NAME", env="IALIRT_INSTRUMENT"
    )
    day: Optional[date] = option(None, "the UTC day", parse=parse_one_day, metavar="DAY")
    catalogue: Optional[str] = _catalogue()

    def __post_init__(self) -> None:
        if self.instrument is None or self.day is None:
            missing = "--instrument" if self.instrument is None else "--day"
            raise UsageError(f"{missing} is missing: history --instrument hit --day 2026-01-05")
        super().__post_init__()
        if len(self.instruments) > 1:
            raise UsageError(f"--instrument {self.instrument}: the history is that of one instrument")


@dataclass(frozen=True, kw_only=True)
class ChangesOptions(StoreOptions, _Known):
    """Show the days whose content has changed, oldest first, and a cursor to go on from.

    Given as --since the next time, the cursor misses no change and tells none twice.
    """

    instrument: Optional[str] = option(
        None,
        f"one instrument, a comma-separated list, or all: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )
    since: Optional[str] = option(
        None,
        "a cursor, or a time in ISO 8601 (Z or no zone: UTC); default: all days",
        parse=parse_since,
        metavar="TIME|CURSOR",
    )
    catalogue: Optional[str] = _catalogue()

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


@dataclass(frozen=True, kw_only=True)
class ConfigOptions:
    """Show each setting's value and where it came from, secrets hidden.

    A setting is looked for on the command line, in the environment, in ./ialirt-backfill.toml and in the user's
    ialirt-backfill.toml, in this order.
    """

    json: bool = option(False, "one JSON object on standard output")


SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, kw_only=True)
class CompletionOptions:
    """Print the script that completes commands and options in a shell.

    bash: ialirt-backfill completion bash > ~/.local/share/bash-completion/completions/ialirt-backfill
    zsh:  ialirt-backfill completion zsh > a folder of your $fpath/_ialirt-backfill
    fish: ialirt-backfill completion fish > ~/.config/fish/completions/ialirt-backfill.fish
    """

    shell: Optional[str] = option(None, f"one of {', '.join(SHELLS)}", flags=["shell"], choices=SHELLS)


@dataclass(frozen=True, kw_only=True)
class AdoptOptions(StoreOptions, RangeOptions):
    """Read the files of a datastore that another program has filled into the ledger, without the network."""

    dry_run: bool = option(False, "show what would be adopted; write nothing")
    as_of: Optional[datetime] = option(
        None, "judge as if it were this time, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME"
    )


INSTRUMENTS_ACTIONS = ("list", "show", "check", "guess")
_EXAMPLES = {"show": "hit", "check": "ours.toml", "guess": "glows"}


@dataclass(frozen=True, kw_only=True)
class InstrumentsOptions(ReachOptions):
    """Show what is known of the instruments: list them, show one with its columns, check a catalogue of your own, or
    draft an entry of it.

    show NAME tells of the columns of an instrument; check FILE reads a catalogue and tells all that is wrong with it;
    guess NAME asks I-ALiRT for an hour of an instrument and drafts its entry, on standard output.
    """

    action: str = option(
        INSTRUMENTS_ACTIONS[0],
        f"one of {', '.join(INSTRUMENTS_ACTIONS)}",
        flags=["action"],
        parse=str,
        choices=INSTRUMENTS_ACTIONS,
        nargs="?",
    )
    target: Optional[str] = option(
        None, "with show and guess: the instrument; with check: the file", flags=["target"], parse=str, nargs="?"
    )
    as_of: Optional[datetime] = option(
        None,
        "with guess: draft from the hour before this time, ISO 8601 (Z or no zone: UTC)",
        parse=parse_time,
        metavar="TIME",
    )
    catalogue: Optional[str] = _catalogue()
    json: bool = option(False, "one JSON object on standard output, everything else on standard error")

    def __post_init__(self) -> None:
        if not (self.target or "").strip(" ,") and self.action != INSTRUMENTS_ACTIONS[0]:
            example = f"instruments {self.action} {_EXAMPLES[self.action]}"
            raise UsageError(f"instruments {self.action}: name one, as in: {example}")
        if self.target is not None and self.action == INSTRUMENTS_ACTIONS[0]:
            raise UsageError(f"instruments list shows all: for one, instruments show {self.target}")
        if self.catalogue is not None:
            object.__setattr__(self, "catalogue", catalogue_files(self.catalogue))
        if self.action == "show":
            parse_instruments(self.target or "", self.known)
        if self.action == "guess" and (wrong := complaint_about_name(self.target or "")):
            raise UsageError(f"instruments guess {self.target}: {wrong}")
        super().__post_init__()

    @property
    def known(self) -> Catalogue:
        """What is known of the instruments; with check, what the file makes of it. Raises CatalogueError."""
        named = [self.catalogue or "", self.target or ""] if self.action == "check" else [self.catalogue or ""]
        found = catalogue_files(",".join(filter(None, named)))
        return found.known if found is not None else default_catalogue()

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments that are shown."""
        return parse_instruments(self.target or ALL if self.action == "show" else ALL, self.known)


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
