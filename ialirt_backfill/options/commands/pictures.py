"""The options of what draws: plot, and the pictures of a flow."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import BOARDS, Board
from ialirt_backfill.options.commands.groups import StoreOptions
from ialirt_backfill.options.commands.known import RangeOptions
from ialirt_backfill.options.commands.shared import as_of_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import parse_board, parse_picture, written_board
from ialirt_backfill.options.texts import full_path

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
    as_of: Optional[datetime] = as_of_field("draw as if it were this time")

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
        if not self.is_judged_later:
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
    as_of: Optional[datetime] = as_of_field("draw as if it were this time")

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", full_path("--folder", self.folder))
        if Path(self.folder).resolve().is_relative_to(Path(self.datastore).resolve()):
            raise UsageError(f"--folder {self.folder} lies in the datastore, which holds day files only")
        super().__post_init__()
        if not self.is_judged_later:
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
