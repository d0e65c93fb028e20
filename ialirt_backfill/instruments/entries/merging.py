"""Tables ahead of their reading: one put over another, and a field with what it has from the one that it is like."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any

from ialirt_backfill.instruments.entries.columns import WITHOUT_RANGE
from ialirt_backfill.instruments.entries.fields import SHAPES
from ialirt_backfill.instruments.entries.tables import Place, Problem, nearest


def merged(known: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the keys of another put over it, table by table; of the shapes of a field the newer one holds."""
    if any(shape in own for shape in SHAPES if shape != "members"):
        known = {key: value for key, value in known.items() if key not in SHAPES}
        if "cell" in own:
            known.pop("type", None)
    if own.get("type", known.get("type")) != known.get("type"):  # what was said of its numbers is not said of these
        gone = {"fill", "valid"} if own["type"] in WITHOUT_RANGE else {"fill"}
        known = {key: value for key, value in known.items() if key not in gone}
    found = dict(known)
    for key, value in own.items():
        before = found.get(key)
        found[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def check_taken_away(name: str, own: Mapping[str, Any], known: Collection[str], problems: list[Problem]) -> None:
    """Note where the table of an instrument takes a field away that is not one of the known."""
    fields = own.get("fields")
    for key, values in fields.items() if isinstance(fields, dict) else ():
        if values is False and key not in known:
            what = f"there is no field {key} to take away. {nearest(key, known)}"
            problems.append(Problem((name, "fields", key), what))


def likened(tables: Mapping[str, Any], place: Place, problems: list[Problem]) -> dict[str, Any]:
    """Fields, or members of an object, with what they have from those that they are like."""

    def full(name: str, seen: tuple[str, ...]) -> dict[str, Any]:
        own = {key: value for key, value in tables[name].items() if key != "like"}
        other = tables[name].get("like")
        if other is None:
            return own
        if not isinstance(tables.get(other) if isinstance(other, str) else None, dict) or other in seen:
            what = "itself" if other in seen else f"{other!r}, which is not here"
            near = difflib.get_close_matches(str(other), tables.keys() - {other}, n=1)
            hint = f" Did you mean {near[0]}?" if near and other not in seen else ""
            problems.append(Problem((*place, name, "like"), f"it cannot be like {what}.{hint}"))
            return own
        return merged(full(other, (*seen, other)), own)

    return {name: full(name, (name,)) if isinstance(values, dict) else values for name, values in tables.items()}


def expanded(name: str, table: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """An instrument's table without `like`, and without the fields that were taken away."""
    found = dict(table)
    fields = found.get("fields", {})
    if isinstance(fields, dict):
        fields = likened(fields, (name, "fields"), problems)
        for key, values in fields.items():
            if isinstance(values, dict) and isinstance(members := values.get("members"), dict):
                values["members"] = likened(members, (name, "fields", key, "members"), problems)
        found["fields"] = {key: values for key, values in fields.items() if values is not False}
    return found


def written(table: Mapping[str, Any]) -> str:
    """An expanded table as text, from which `instrument_of` makes the same instrument."""
    return json.dumps(table, default=lambda moment: moment.isoformat(), separators=(",", ":"), ensure_ascii=False)
