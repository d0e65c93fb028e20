"""The options of the command that tells what is known of the instruments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Optional

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Catalogue, Instrument, default_catalogue
from ialirt_backfill.instruments.entries.instrument import complaint_about_name
from ialirt_backfill.options.catalogues import catalogue_files
from ialirt_backfill.options.commands.groups import ReachOptions
from ialirt_backfill.options.commands.shared import action_field, as_of_field, catalogue_field
from ialirt_backfill.options.fields import option
from ialirt_backfill.options.forms import ALL, parse_instruments

INSTRUMENTS_ACTIONS = ("list", "show", "check", "guess")
_EXAMPLES = {"show": "hit", "check": "ours.toml", "guess": "glows"}


@dataclass(frozen=True, kw_only=True)
class InstrumentsOptions(ReachOptions):
    """Show what is known of the instruments: list them, show one with its columns, check a catalogue of your own, or
    draft an entry of it.

    show NAME tells of the columns of an instrument; check FILE reads a catalogue and tells all that is wrong with it;
    guess NAME asks I-ALiRT for an hour of an instrument and drafts its entry, on standard output.
    """

    action: str = action_field(INSTRUMENTS_ACTIONS, str)
    target: Optional[str] = option(
        None, "with show and guess: the instrument; with check: the file", flags=["target"], parse=str, nargs="?"
    )
    as_of: Optional[datetime] = as_of_field("with guess: draft from the hour before this time")
    catalogue: Optional[str] = catalogue_field()
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
