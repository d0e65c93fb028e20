"""Each setting's value and where it came from, for a person or as JSON."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ialirt_backfill.options import ConfigOptions
from ialirt_backfill.options.settings import Configuration, Source
from ialirt_backfill.terminal.consoles import make_console, prose, show, show_table, word
from ialirt_backfill.terminal.plain import write_json


def show_config(configuration: Configuration, options: ConfigOptions, console: Console | None = None) -> None:
    """Each setting's value and where it came from."""
    if options.json:
        write_json(
            {
                "files": [{"path": path, "exists": exists} for path, exists in configuration.files],
                "settings": configuration.settings,
                "meaningless_variables": configuration.meaningless,
            }
        )
        return
    console = console or make_console()
    rows = [
        (
            it.name,
            Text(_written(it.value)),
            Text(it.place or "default", style="dim" if it.source is Source.DEFAULT else "green"),
        )
        for it in configuration.settings
    ]
    show_table(console, [word("setting"), prose("value"), prose("from")], rows)
    console.print()
    for path, exists in configuration.files:
        show(console, Text(f"{path}: {'read' if exists else 'not there'}", style="" if exists else "dim"))
    for name in configuration.meaningless:
        show(console, Text(f"{name} is set in the environment, but means nothing here", style="yellow"))


def _written(value: str | int | float | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)
