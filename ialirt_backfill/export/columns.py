"""The schema of an instrument's Parquet files: that of its days, and their units as astropy reads them, too.

astropy finds what it needs in ``table_meta_yaml``, which is YAML; JSON is YAML as well. It makes floats of whole
numbers that have a unit, so nanoseconds of 18 digits are given none there. (Every unit is in the field's metadata.)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping

import pyarrow as pa

from ialirt_backfill.instruments import NANOSECONDS, Instrument
from ialirt_backfill.read.schema import EXTRA, schema_of
from ialirt_backfill.store.demonstration import SYNTHETIC

NOTE = "Near-real-time data of I-ALiRT, uncalibrated."

_META = "table_meta_yaml"
_ASTROPY_DIFFERS = {"degC": "deg_C"}
"""Units that VOUnit, and so the table of instruments, does not know under the name that astropy has for them."""


def parquet_schema(instrument: Instrument, *, public: bool, synthetic: bool) -> pa.Schema:
    """The schema of all files of an instrument in a folder of one kind. It says so where the days are synthetic.

    Of a public one neither the columns that not everybody is shown, nor what the columns have no room for: nobody can
    say of that who may see it.
    """
    schema = schema_of(instrument)
    hidden = {*instrument.restricted_columns, EXTRA} if public else set()
    fields = [field for field in schema if field.name not in hidden]
    about = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()} | {"note": NOTE}
    if synthetic:
        about |= {"synthetic": "yes", "note": SYNTHETIC}
    return pa.schema(fields, metadata=about | {_META: _for_astropy(fields, about)})


def fingerprint(schema: pa.Schema) -> str:
    """A text that two schemas share where their columns, types and metadata are alike, and else do not."""
    fields = [[it.name, str(it.type), _as_text(it.metadata)] for it in schema]
    return hashlib.sha256(json.dumps([fields, _as_text(schema.metadata)]).encode()).hexdigest()


def stored(schema: pa.Schema, longest: Mapping[str, int]) -> dict[str, str]:
    """The schema as a file's metadata has it for arrow. ``longest`` is the length of the longest text of each column in
    the file, known at its end: without it astropy cannot read a column of text in which one is missing."""
    lengths = {f"table::len::{name}": str(length) for name, length in longest.items()}
    whole = schema.with_metadata(
        (schema.metadata or {}) | {key.encode(): word.encode() for key, word in lengths.items()}
    )
    return {"ARROW:schema": base64.b64encode(whole.serialize()).decode()}


def _as_text(metadata: dict[bytes, bytes] | None) -> list[list[str]]:
    return sorted([key.decode(), value.decode()] for key, value in (metadata or {}).items())


def _for_astropy(fields: list[pa.Field], about: dict[str, str]) -> str:
    columns = []
    for field in fields:
        known = field.metadata or {}
        unit = known.get(b"unit", b"").decode()
        column = {
            "name": field.name,
            "datatype": str(field.type),
            "description": known.get(b"description", b"").decode(),
            "unit": "" if unit == NANOSECONDS or pa.types.is_timestamp(field.type) else astropy_unit(unit),
        }
        columns.append({key: word for key, word in column.items() if word})
    return json.dumps({"datatype": columns, "meta": about})


def astropy_unit(unit: str) -> str:
    """A unit as astropy reads it without being told which standard it is of."""
    plain = unit.replace("'", "")
    return re.sub(r"\w+", lambda word: _ASTROPY_DIFFERS.get(word[0], word[0]), plain)
