"""What is asked for: the path and the query of a request become one of five questions, or are refused.

Everything that came is looked at, and nothing of it is repeated in an answer. Old request names (``id``, ``time.min``,
``time.max``) mean the same as the new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from urllib.parse import unquote_plus

from ialirt_backfill.serve.protocol import Code, Refused
from ialirt_backfill.serve.times import PreciseTime, parse

ROOT = "/hapi"
MOST_FIELDS = 32
"""So many request parameters at most are taken apart; HAPI has fewer than ten."""


class HapiPlace(Enum):
    """The places below `ROOT`."""

    LANDING = ""
    ABOUT = "about"
    CAPABILITIES = "capabilities"
    CATALOG = "catalog"
    INFO = "info"
    DATA = "data"


class Format(Enum):
    """The formats that data come in."""

    CSV = "csv"
    BINARY = "binary"
    JSON = "json"


_TAKEN = {
    HapiPlace.CATALOG: {"depth", "resolve_references"},
    HapiPlace.INFO: {"dataset", "parameters", "resolve_references"},
    HapiPlace.DATA: {"dataset", "start", "stop", "parameters", "include", "format"},
}
"""The request parameters of each place; those without any take none."""

_OLD_NAMES = {"id": "dataset", "time.min": "start", "time.max": "stop"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. ``parameters`` are the names in the order given, empty for all.

    ``start`` and ``stop`` are there for `HapiPlace.DATA`; ``is_deep`` asks for a catalog with the info of each dataset.
    """

    place: HapiPlace
    dataset: str = ""
    parameters: tuple[str, ...] = ()
    start: PreciseTime | None = None
    stop: PreciseTime | None = None
    format: Format = Format.CSV
    with_header: bool = False
    is_deep: bool = False


def place_of(path: str) -> HapiPlace:
    """The place that a path below the server's prefix names. Refused where there is none."""
    name = path.removeprefix(ROOT)
    if path.startswith(ROOT) and (not name or name.startswith("/")):
        place = next((it for it in HapiPlace if it.value == name.removeprefix("/")), None)
        if place is not None:
            return place
    raise Refused(Code.NO_SUCH_PLACE, f"there are {', '.join(f'{ROOT}/{it.value}' for it in HapiPlace if it.value)}")


def question(place: HapiPlace, query: str) -> Question:
    """The question that a query puts at a place. Refused where it puts none."""
    given = _fields(query, _TAKEN.get(place, set()))
    _one_of(given, "resolve_references", {"true", "false"}, Code.REFERENCES)  # no answer has any
    return Question(
        place=place,
        dataset=_dataset(place, given),
        parameters=_names(given.get("parameters", "")),
        start=_moment(place, given, "start", Code.START_SYNTAX),
        stop=_moment(place, given, "stop", Code.STOP_SYNTAX),
        format=_format(given),
        with_header=_one_of(given, "include", {"header"}, Code.INCLUDE) == "header",
        is_deep=_one_of(given, "depth", {"dataset", "all"}, Code.DEPTH) == "all",
    )


def _fields(query: str, taken: set[str]) -> Mapping[str, str]:
    """The request parameters by their new names, decoded."""
    parts = [part for part in query.split("&", MOST_FIELDS) if part]
    if len(parts) > MOST_FIELDS:
        raise Refused(Code.USER_ERROR, f"more than {MOST_FIELDS} request parameters")
    given: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        name = _OLD_NAMES.get(name, name)
        if name not in taken:
            known = f"known here: {', '.join(sorted(taken))}" if taken else "none are taken here"
            raise Refused(Code.UNKNOWN_REQUEST_PARAMETER, known)
        if name in given:
            raise Refused(Code.USER_ERROR, f"{name} is given twice")
        given[name] = unquote_plus(value)
    return given


def _dataset(place: HapiPlace, given: Mapping[str, str]) -> str:
    if place in {HapiPlace.INFO, HapiPlace.DATA} and not given.get("dataset"):
        raise Refused(Code.USER_ERROR, "the request parameter dataset is missing")
    return given.get("dataset", "")


def _names(value: str) -> tuple[str, ...]:
    return tuple(value.split(",")) if value else ()


def _moment(place: HapiPlace, given: Mapping[str, str], name: str, code: Code) -> PreciseTime | None:
    if place is not HapiPlace.DATA:
        return None
    if name not in given:
        raise Refused(Code.USER_ERROR, f"the request parameter {name} is missing")
    try:
        return parse(given[name])
    except ValueError:
        raise Refused(code, "write it as 2026-02-01T00:00:00Z or 2026-032T00:00:00Z, or cut off at its end") from None


def _format(given: Mapping[str, str]) -> Format:
    wanted = _one_of(given, "format", {it.value for it in Format}, Code.FORMAT)
    return Format(wanted) if wanted else Format.CSV


def _one_of(given: Mapping[str, str], name: str, known: set[str], code: Code) -> str:
    value = given.get(name)
    if value is not None and value not in known:
        raise Refused(code, f"known: {', '.join(sorted(known))}")
    return value or ""


def positions(wanted: Sequence[str], known: Sequence[str]) -> list[int]:
    """Where the wanted parameters stand among the known ones; the first, the time, is always there.

    Refused where one is unknown, twice there, or out of order.
    """
    if not wanted:
        return list(range(len(known)))
    places = {name: place for place, name in enumerate(known)}
    if any(name not in places for name in wanted):
        raise Refused(Code.UNKNOWN_PARAMETER, "info has their names")
    found = [places[name] for name in wanted]
    if any(later <= earlier for earlier, later in pairwise(found)):
        raise Refused(Code.ORDER, "name each once, in the order of info")
    return found if found[0] == 0 else [0, *found]
