"""What is known of the instruments, for a person or as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from ialirt_backfill.instruments import Axis, Column, Instrument, default_catalogue
from ialirt_backfill.options import InstrumentsOptions
from ialirt_backfill.terminal.consoles import make_console, number, prose, show, show_table, word
from ialirt_backfill.terminal.plain import plain, write_json
from ialirt_backfill.terminal.words import counted, length
from ialirt_backfill.upkeep.drafting import Draft


def show_instruments(options: InstrumentsOptions, console: Console | None = None) -> None:
    """The instruments as a table, one of them with its columns, or what a file makes of them."""
    if options.json:
        write_json({"instruments": [as_json(it) for it in options.instruments]})
        return
    console = console or make_console()
    if options.action == "show":
        for instrument in options.instruments:
            _show_one(instrument, console)
        return
    if options.action == "check":
        _show_checked(options, console)
        return
    _show_all(options.instruments, console)


def show_draft(draft: Draft, options: InstrumentsOptions) -> None:
    """The draft on standard output, so that it can be kept as a file."""
    if options.json:
        write_json({"instrument": draft.name, "records": draft.records, "toml": draft.text})
    else:
        print(draft.text, end="")  # noqa: T201


def _show_all(instruments: tuple[Instrument, ...], console: Console) -> None:
    rows = [(it.name, _cadence(it), str(len(it.columns)), _access(it), it.sentence or it.title) for it in instruments]
    show_table(
        console, [word("instrument"), number("cadence"), number("columns"), word("for"), prose("measures")], rows
    )


def _show_checked(options: InstrumentsOptions, console: Console) -> None:
    known = default_catalogue().instruments
    added = [it.name for it in options.instruments if it.name not in known]
    changed = [it.name for it in options.instruments if it.name in known and known[it.name] is not it]
    found = [f"adds {', '.join(added)}" if added else "", f"changes {', '.join(changed)}" if changed else ""]
    says = " and ".join(filter(None, found)) or "changes nothing"
    show(console, Text(f"{options.target} is a good catalogue: it {says}"))


def _show_one(instrument: Instrument, console: Console) -> None:
    """What a person looks for: what it measures, where it lies, and what its columns mean."""
    show(console, Text(f"{instrument.name}: {instrument.title}", style="bold"))
    if instrument.sentence:
        show(console, Text(instrument.sentence))
    folder = f"{instrument.folder}/YYYY/MM/imap_{instrument.file_prefix}YYYYMMDD.csv"
    show(console, Text(f"a record every {_cadence(instrument)}, for {_access(instrument)}, in {folder}"))
    console.print()
    rows = [
        (name, column.kind.value, column.unit_shown or "-", _meaning(column))
        for name, column in sorted(instrument.columns.items())
    ]
    show_table(console, [word("column"), word("kind"), word("unit"), prose("meaning")], rows)
    axes = {axis.name: axis for entry in instrument.fields for axis in entry.axes if _is_told(axis)}
    if axes:
        console.print()
        show_table(
            console,
            [word("axis"), word("unit"), prose("its values")],
            [(it.name, it.unit or "-", _along(it)) for it in axes.values()],
        )


def _is_told(axis: Axis) -> bool:
    """Whether an axis has values of its own: the components of a vector say all by their columns' names."""
    return bool(axis.values) or bool(axis.size)


def _along(axis: Axis) -> str:
    return ", ".join(f"{value:g}" for value in axis.values) or f"{counted(axis.size, 'value')}, in {axis.field}"


def _cadence(instrument: Instrument) -> str:
    about = "~" if instrument.irregular else ""
    return f"{about}{length(instrument.cadence.total_seconds())}"


def _access(instrument: Instrument) -> str:
    return f"scope {' or '.join(instrument.scopes)}" if instrument.scopes else "everybody"


def _meaning(column: Column) -> str:
    parts = [column.description]
    if column.codes:
        parts.append(", ".join(f"{code} {name}" for code, name in column.codes.items()))
    has_range = column.valid_min is not None or column.valid_max is not None
    if has_range and not column.is_time:
        parts.append(f"{_bound(column.valid_min)} to {_bound(column.valid_max)}")
    if column.stated_fill is not None and not column.is_time:
        parts.append(f"missing: {column.fill}")
    if column.scopes:
        parts.append(f"scope {' or '.join(column.scopes)}")
    return "; ".join(filter(None, parts))


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def as_json(instrument: Instrument) -> dict[str, Any]:
    """An instrument as JSON has it: its own words, and each of its columns."""
    return {
        "name": instrument.name,
        "title": instrument.title,
        "sentence": instrument.sentence,
        "cadence_seconds": int(instrument.cadence.total_seconds()),
        "irregular": instrument.irregular,
        "progress_key": instrument.progress_key,
        "file_name": f"{instrument.folder}/YYYY/MM/imap_{instrument.file_prefix}YYYYMMDD.csv",
        "public_since": plain(instrument.public_since),
        "scopes": list(instrument.scopes),
        "columns": [_column(instrument.columns[name]) for name in sorted(instrument.columns)],
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type.value,
        "kind": column.kind.value,
        "unit": column.unit,
        "mission_unit": column.mission_unit,
        "label": column.label,
        "description": column.description,
        "valid_min": column.valid_min,
        "valid_max": column.valid_max,
        "fill": column.fill,
        "scopes": list(column.scopes),
        "codes": plain(column.codes),
    }
