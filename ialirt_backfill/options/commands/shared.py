"""Fields that several commands have."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Optional

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.catalogues import CATALOGUE_VARIABLE
from ialirt_backfill.options.fields import option
from ialirt_backfill.options.forms import parse_duration, parse_time, written_names


def action_field(actions: Sequence[str], parse: Callable[[str], str]) -> Any:
    """The word that says what a command of several actions is to do; the first where none stands."""
    return option(
        actions[0],
        f"one of {', '.join(actions)}",
        flags=["action"],
        parse=parse,
        choices=actions,
        nargs="?",
    )


def catalogue_field() -> Any:
    """The field of every command that knows instruments."""
    return option(
        None,
        "TOML file that adds instruments or changes what is known of them; several: separated by commas, or one by one",
        metavar="FILE",
        env=CATALOGUE_VARIABLE,
    )


def instrument_field(
    default: Optional[str] = None, says: str = "one instrument, a comma-separated list, or all"
) -> Any:
    """Which instruments are meant; ``says`` stands before their names."""
    return option(
        default,
        f"{says}: {', '.join(INSTRUMENTS)}",
        parse=written_names,
        metavar="NAME",
        env="IALIRT_INSTRUMENT",
    )


def as_of_field(says: str) -> Any:
    """The time that is taken for now; ``says`` stands before its form."""
    return option(None, f"{says}, ISO 8601 (Z or no zone: UTC)", parse=parse_time, metavar="TIME")


def open_every_field(verb: str) -> Any:
    """How often at most a day is copied that still grows; ``verb`` says how."""
    return option(
        timedelta(hours=1),
        f"{verb} a day that still grows at most so often: 0s, 10m, 1h or PT1H",
        parse=parse_duration,
        metavar="TIME",
        env="IALIRT_OPEN_EVERY",
    )
