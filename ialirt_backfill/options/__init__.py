"""What a person may say: the options of each command, the forms they are written in, and settings."""

from ialirt_backfill.options.commands.copies import (
    EXPORT_ACTIONS,
    MIRROR_ACTIONS,
    ExportOptions,
    MirrorOptions,
    parse_mirror_action,
)
from ialirt_backfill.options.commands.groups import (
    DEFAULT_URL,
    AskOptions,
    DecisionOptions,
    ReachOptions,
    StoreOptions,
    WorkOptions,
)
from ialirt_backfill.options.commands.instruments import INSTRUMENTS_ACTIONS, InstrumentsOptions
from ialirt_backfill.options.commands.known import LAST_YEAR, RangeOptions
from ialirt_backfill.options.commands.pictures import PlotOptions, QuicklookOptions
from ialirt_backfill.options.commands.program import SHELLS, CompletionOptions, ConfigOptions
from ialirt_backfill.options.commands.reports import (
    ChangesOptions,
    GapsOptions,
    HistoryOptions,
    RunsOptions,
    StatusOptions,
)
from ialirt_backfill.options.commands.runs import BackfillOptions, PassOptions, PollOptions
from ialirt_backfill.options.commands.serve import ServeOptions
from ialirt_backfill.options.commands.upkeep import (
    LEDGER_ACTIONS,
    AdoptOptions,
    DoctorOptions,
    LedgerOptions,
    VerifyOptions,
)
from ialirt_backfill.options.fields import option
from ialirt_backfill.options.forms import (
    ALL,
    parse_day,
    parse_duration,
    parse_instruments,
    parse_names,
    parse_picture,
    parse_time,
    write_duration,
)

__all__ = [
    "ALL",
    "DEFAULT_URL",
    "EXPORT_ACTIONS",
    "INSTRUMENTS_ACTIONS",
    "LAST_YEAR",
    "LEDGER_ACTIONS",
    "MIRROR_ACTIONS",
    "SHELLS",
    "AdoptOptions",
    "AskOptions",
    "BackfillOptions",
    "ChangesOptions",
    "CompletionOptions",
    "ConfigOptions",
    "DecisionOptions",
    "DoctorOptions",
    "ExportOptions",
    "GapsOptions",
    "HistoryOptions",
    "InstrumentsOptions",
    "LedgerOptions",
    "MirrorOptions",
    "PassOptions",
    "PlotOptions",
    "PollOptions",
    "QuicklookOptions",
    "RangeOptions",
    "ReachOptions",
    "RunsOptions",
    "ServeOptions",
    "StatusOptions",
    "StoreOptions",
    "VerifyOptions",
    "WorkOptions",
    "option",
    "parse_day",
    "parse_duration",
    "parse_instruments",
    "parse_mirror_action",
    "parse_names",
    "parse_picture",
    "parse_time",
    "write_duration",
]
