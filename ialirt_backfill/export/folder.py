"""The folder that is written into: where its files lie, of which kind it is, what a file holds, and how one appears.

Everything of ours but the files of the instruments lies in one folder in it, for polars reads a folder with nothing but
Parquet only: its mark, its lock, and files on their way. They become visible with one rename, whole or not at all.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ialirt_backfill.exceptions import ExportError, Interrupted, UsageError
from ialirt_backfill.export.columns import parquet_schema
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.store import disk
from ledger import locks

OWN = "_ialirt_export"
METADATA_KEY = "ialirt_export"
"""What a file says of itself stands under this name in its metadata."""

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class FolderKind:
    """What a folder holds: one kind only, so that whoever reads it or passes it on need not look closer."""

    public: bool
    synthetic: bool

    def describe(self) -> str:
        days = "synthetic days of a demonstration" if self.synthetic else "real days"
        return f"{days}, {'only what everybody is shown' if self.public else 'with all that there is'}"


@dataclass(frozen=True, slots=True)
class HeldDay:
    """A day as a file has it: the checksum of the day file that it was made of, and its records."""

    sha256: str
    records: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a file says of itself: its days, when it was written, and the fingerprint of its schema."""

    days: Mapping[date, HeldDay]
    written_at: datetime
    schema: str

    def to_json(self) -> str:
        days = {day.isoformat(): [it.sha256, it.records] for day, it in sorted(self.days.items())}
        return json.dumps({"days": days, "written_at": self.written_at.isoformat(), "schema": self.schema})

    @classmethod
    def from_json(cls, text: str | bytes) -> Held:
        """ValueError, KeyError or TypeError where it is not as we write it."""
        found = json.loads(text)
        days = {date.fromisoformat(day): HeldDay(*it) for day, it in found["days"].items()}
        return cls(days, datetime.fromisoformat(found["written_at"]), found["schema"])


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of one kind; nothing is made before it is written into."""

    root: Path
    kind: FolderKind

    @property
    def target(self) -> str:
        """The name under which the ledger remembers what went here."""
        return f"parquet:{self.root}"

    def path(self, instrument: Instrument, month: date) -> Path:
        """The file of an instrument and the month that begins with this day."""
        place = self.root / f"instrument={instrument.name}" / f"year={month:%Y}"
        return place / f"imap_ialirt_{instrument.name}_{month:%Y%m}.parquet"

    def schema(self, instrument: Instrument) -> pa.Schema:
        """That of all files of an instrument here."""
        return parquet_schema(instrument, public=self.kind.public, synthetic=self.kind.synthetic)

    # --- of which kind ------------------------------------------------------------------------------------------------

    def refuse_mixing(self) -> bool:
        """Whether the folder says of itself that it is of this kind; False where it is new.

        UsageError where it is of another kind, or holds Parquet that does not come from here.
        """
        try:
            text = (self.root / OWN / "kind.json").read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            if self.root.exists() and not self.root.is_dir():
                raise UsageError(f"--to {self.root} is a file: name a folder") from None
            if next(self.root.glob("instrument=*"), None) is not None:
                raise UsageError(
                    f"{self.root} holds folders instrument=… that this program did not make, and nothing was changed:"
                    " give another --to"
                ) from None
            return False
        try:
            found = json.loads(text)
            there = FolderKind(found["public"], found["synthetic"])
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(
                f"{self.root / OWN / 'kind.json'} cannot be understood ({error}): give another --to, or remove"
                f" {self.root} and export again"
            ) from error
        if there != self.kind:
            raise UsageError(
                f"{self.root} holds {there.describe()}; this would bring {self.kind.describe()}. Nothing was changed:"
                " give another --to"
            )
        return True

    def mark(self) -> None:
        """Let the folder say of which kind it is."""
        about = {"public": self.kind.public, "synthetic": self.kind.synthetic, "holds": self.kind.describe()}
        place = self.root / OWN / "kind.json"
        staged = disk.stage(place, [json.dumps(about, indent=2).encode() + b"\n"], secrets.token_hex(4))
        disk.publish(staged.temporary, place)

    # --- its files ----------------------------------------------------------------------------------------------------

    def held(self, path: Path) -> Held | None:
        """What a file says that it holds; None where there is none, or it is not one of ours, or not whole."""
        try:
            metadata = pq.read_metadata(path)
            held = Held.from_json((metadata.metadata or {})[METADATA_KEY.encode()])
            return held if sum(it.records for it in held.days.values()) == metadata.num_rows else None
        except FileNotFoundError:
            return None
        except (pa.ArrowException, ValueError, KeyError, TypeError):
            return None

    def publish(self, path: Path, content: pa.Buffer) -> None:
        """Put a file in its place: whoever reads sees the old one or the new one. Raises DayFileError."""
        staged = disk.stage(self._staging / path.name, [content], secrets.token_hex(4))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.publish(staged.temporary, path)
        except BaseException:
            disk.discard(staged.temporary)
            raise

    def sweep(self) -> None:
        """Remove what an earlier run that was killed has left, with the lock held."""
        shutil.rmtree(self._staging, ignore_errors=True)

    @property
    def _staging(self) -> Path:
        return self.root / OWN / "staging"

    # --- one at a time ------------------------------------------------------------------------------------------------

    @contextmanager
    def alone(self, stopped: Callable[[], bool], waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the folder's lock until the block is left; that of a process that dies is gone at once.

        While another holds it, ``waiting`` is called once, and Interrupted raised when ``stopped`` says so.
        """
        held = self._locked()
        if held is None:
            waiting()
        while held is None:
            if stopped():
                raise Interrupted
            time.sleep(_LOOK_SECONDS)
            held = self._locked()
        try:
            yield
        finally:
            held.close()

    def _locked(self) -> sqlite3.Connection | None:
        """A transaction on an empty SQLite file; None where another holds one."""
        place = self.root / OWN / "lock"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(place, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise ExportError(f"{self.root} cannot be written into: {error}") from error
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            connection.close()
            is_held = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if is_held and not locks.are_refused(error, place.parent):
                return None
            raise ExportError(
                f"{self.root} cannot be locked ({error}): name a folder on another file system"
            ) from error
        return connection
