"""The instrument that a table makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ialirt_backfill.instruments.entries import forms
from ialirt_backfill.instruments.entries.axes import axis_of, coordinate_of
from ialirt_backfill.instruments.entries.fields import all_fields
from ialirt_backfill.instruments.entries.merging import written
from ialirt_backfill.instruments.entries.tables import Problem, Table
from ialirt_backfill.instruments.model import PUBLIC_SINCE, Instrument

LONGEST_NAME = 32
"""Of an instrument: its tables in a database have it in their names."""
_INSTRUMENT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def complaint_about_name(name: str) -> str:
    """What is wrong with the name of an instrument; empty: nothing."""
    if _INSTRUMENT.fullmatch(name) and name != "all" and len(name) <= LONGEST_NAME:
        return ""
    return f"write the name as the API has it: at most {LONGEST_NAME} small letters, digits and _"


def instrument_of(name: str, values: Mapping[str, Any], problems: list[Problem]) -> Instrument:
    """The instrument that an expanded table makes; what is wrong with it is added to ``problems``."""
    table = Table(values, (name,), problems)
    if wrong := complaint_about_name(name):
        table.wrong(wrong)
    for key in ("title", "cadence"):
        if key not in values:
            table.wrong(f"{key} is missing: write {key} = " + ('"…"' if key == "title" else '"4s"'))
    cadence = table.get("cadence", forms.duration, timedelta(minutes=1))
    axes = {key: axis_of(key, it) for key, it in table.tables("axes").items()}
    coordinates = [coordinate_of(key, it, axes) for key, it in table.tables("coordinates").items()]
    found = Instrument(
        name=name,
        title=table.get("title", forms.some_text, name),
        cadence=cadence,
        window=table.get("window", forms.window, timedelta(hours=1)),
        progress_key=table.get("progress_key", forms.key, f"{name.upper()}_IALIRT"),
        fields=all_fields(table, axes, [it for it in coordinates if it is not None]),
        folder=table.get("folder", forms.folder, "ialirt"),
        file_prefix=table.get("file_name", forms.prefix, f"ialirt_{name}_"),
        other_file_prefixes=table.get("other_file_names", forms.list_or_none(forms.prefix), ()),
        irregular=table.get("irregular", forms.flag, False),
        longest_pause=table.get("longest_pause", forms.duration, 2.5 * cadence),
        public_since=table.get("public_since", forms.moment, PUBLIC_SINCE),
        scopes=table.get("scopes", forms.list_or_none(forms.some_text), ()),
        optional=table.get("optional", forms.flag, False),
        sentence=table.get("sentence", forms.text, ""),
        definition=written(values),
    )
    if len(found.progress_key) > forms.LONGEST_KEY:
        table.wrong(f"progress_key is missing: {found.progress_key} has more than {forms.LONGEST_KEY} characters")
    table.refuse_unknown()
    return found
