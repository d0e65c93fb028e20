"""Which instruments and days are meant, by what is known of the instruments."""

import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import LAUNCH, PUBLIC_SINCE, Catalogue, Instrument, default_catalogue
from ialirt_backfill.options.catalogues import CATALOGUE_VARIABLE, CatalogueFiles, catalogue_files
from ialirt_backfill.options.commands.groups import Checks
from ialirt_backfill.options.commands.shared import catalogue_field, instrument_field
from ialirt_backfill.options.fields import checked, option
from ialirt_backfill.options.forms import ALL, means_all, parse_day, parse_duration, parse_instruments, parse_last_day

LAST_YEAR = 2099
"""A day later than this is a slip of the pen."""


class Known(Checks):
    """What is known of the instruments, and which of them are meant. The files are read when the options are made: who
    is given these options, in another process too, knows what they know.
    """

    instrument: Optional[str]
    catalogue: Optional[str]

    def __post_init__(self) -> None:
        if self.catalogue is not None:
            object.__setattr__(self, "catalogue", catalogue_files(self.catalogue))
        if self.instrument is not None and not self.is_judged_later:
            parse_instruments(self.instrument, self.known)
        super().__post_init__()

    @property
    def is_judged_later(self) -> bool:
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
class RangeOptions(Known):
    """Which instruments and days."""

    instrument: Optional[str] = instrument_field()
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
    catalogue: Optional[str] = catalogue_field()

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
