"""Which panels are drawn: those of a board, or as the columns of an instrument ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Column, ColumnKind, ColumnType, Field, Instrument, Shape
from ialirt_backfill.instruments.boards import (
    Board,
    BoardKind,
    LeftOut,
    Panel,
    PanelKind,
    Scale,
    energies_of,
    fields_of,
)
from ialirt_backfill.options import PlotOptions
from ialirt_backfill.plot.words import in_words, short_name
from ialirt_backfill.read.schema import unknown_column

_FULL_CIRCLE = (0.0, 360.0)
RESTRICTED = "for keys with a scope only"
"""Why ``--public`` leaves something out."""
_ROW = 0.16
"""The height of a row of flags or states."""


def board_of(options: PlotOptions) -> Board:
    """What is drawn. Raises UsageError where nothing is left of it."""
    board = options.board_drawn
    if board is None:
        names = [name.strip() for name in (options.columns or "").split(",") if name.strip()]
        title = ", ".join(short_name(instrument) for instrument in options.instruments)
        board = Board("columns", title, panels=tuple(_panels_of(options.instruments, names)))
    elif options.instrument is not None:
        board = _of_instruments(board, options.instruments)
    if options.public:
        board = _public(board)
    if board.kind is BoardKind.COVERAGE or board.panels or (board.instrument is not None and not board.left_out):
        return board
    why = f": {in_words(board.left_out)}" if board.left_out else ""
    raise UsageError(f"nothing of {options.board or options.instrument} is left to be drawn{why}")


def _of_instruments(board: Board, instruments: Sequence[Instrument]) -> Board:
    """What the board has of these."""
    names = {it.name for it in instruments}
    return replace(
        board,
        panels=tuple(it for it in board.panels if it.instrument in instruments),
        instrument=board.instrument if board.instrument in instruments else None,
        left_out=tuple(it for it in board.left_out if it.instrument in names),
    )


def columns_of(panel: Panel, names: Sequence[str]) -> list[Column]:
    """The columns that the names in a panel stand for, in their order."""
    entries = fields_of(panel.instrument)
    found = [column for name in names for column in entries[name].columns if name in {entries[name].name, column.name}]
    return list(dict.fromkeys(found))


def _public(board: Board) -> Board:
    """The board without what is shown to keys with a scope only."""
    left_out = list(board.left_out)

    def kept(panel: Panel, names: Sequence[str]) -> tuple[str, ...]:
        restricted = panel.instrument.restricted_columns
        found = tuple(it for it in names if not restricted & {column.name for column in columns_of(panel, [it])})
        left_out.extend(LeftOut(panel.instrument.name, it, RESTRICTED) for it in names if it not in found)
        return found

    panels = []
    for panel in board.panels:
        columns, right = kept(panel, panel.columns), kept(panel, panel.right)
        names = {column.name for column in columns_of(panel, columns)}
        mark = panel.mark if panel.mark is not None and panel.mark.column in names else None
        if columns:
            panels.append(replace(panel, columns=columns, right=right, mark=mark))
    if board.instrument is not None:
        entry = fields_of(board.instrument).get(board.position)
        if entry is not None and board.instrument.restricted_columns & {column.name for column in entry.columns}:
            left_out.append(LeftOut(board.instrument.name, board.position, RESTRICTED))
    return replace(board, panels=tuple(panels), left_out=tuple(dict.fromkeys(left_out)))


# --- columns of instruments -------------------------------------------------------------------------------------------


def _panels_of(instruments: Sequence[Instrument], names: Sequence[str]) -> Iterator[Panel]:
    known = {name: instrument for instrument in reversed(instruments) for name in fields_of(instrument)}
    for name in names:
        if name not in known:
            raise unknown_column(name, instruments)
    for instrument in instruments:
        entries = fields_of(instrument)
        wanted = [name for name in names if known[name] is instrument] or ([] if names else _all(instrument))
        chosen = [(entries[name], name) for name in wanted]
        yield from _grouped(
            instrument, [(entry, column, name) for entry, name in chosen for column in _kept(entry, name)]
        )


def _all(instrument: Instrument) -> list[str]:
    """The names of all fields that can be drawn."""
    return [it.name for it in instrument.fields if any(not _is_undrawn(column) for column in it.columns)]


def _is_undrawn(column: Column) -> bool:
    """What says when a record is, and with what it was made."""
    return column.kind is ColumnKind.TIME or (column.type is ColumnType.TEXT and not column.codes)


def _kept(entry: Field, name: str) -> list[Column]:
    return [column for column in entry.columns if name in {entry.name, column.name}]


def _grouped(instrument: Instrument, chosen: Sequence[tuple[Field, Column, str]]) -> Iterator[Panel]:
    """Columns of a field share a panel, those of an object where their units are the same."""

    def group(it: tuple[Field, Column, str]) -> tuple[PanelKind, str, str]:
        entry, column, name = it
        kind = _kind(entry, column, name)
        if kind is PanelKind.STATES:
            return kind, column.name if column.type is ColumnType.TEXT else "", ""
        whole = entry.shape is not Shape.OBJECT and kind is not PanelKind.FLAGS
        return kind, entry.name if whole else "", column.unit

    order = {key: place for place, key in reversed(list(enumerate(map(group, chosen))))}
    for (kind, _, _), items in groupby(sorted(chosen, key=lambda it: order[group(it)]), key=group):
        found = list(items)
        names = [found[0][0].name] if kind is PanelKind.SPECTRUM else [column.name for _, column, _ in found]
        columns = [column for _, column, _ in found]
        yield Panel(
            kind,
            instrument,
            tuple(dict.fromkeys(names)),
            label=_label(kind, instrument, found[0][0], columns),
            scale=Scale.LOG if all(it.kind is ColumnKind.COUNT for it in columns) else Scale.LINEAR,
            range=_FULL_CIRCLE if kind is PanelKind.POINTS else None,
            normal=None,
            height=max(1.0, _ROW * len(names)) if kind in {PanelKind.FLAGS, PanelKind.STATES} else 1.0,
        )


def _kind(entry: Field, column: Column, name: str) -> PanelKind:
    if energies_of(entry) is not None and name == entry.name:
        return PanelKind.SPECTRUM
    if column.kind is ColumnKind.TIME:
        raise UsageError(f"{column.name} is a time, which all panels have as their axis: it cannot be drawn")
    if column.type is ColumnType.JSON:
        raise UsageError(f"{column.name} is an array without energies: it cannot be drawn")
    if column.type is ColumnType.BOOLEAN:
        return PanelKind.FLAGS
    if column.type is ColumnType.TEXT or column.kind is ColumnKind.FLAG:
        return PanelKind.STATES
    is_azimuth = (column.valid_min, column.valid_max) == _FULL_CIRCLE and column.unit == "deg"
    return PanelKind.POINTS if is_azimuth else PanelKind.LINES


def _label(kind: PanelKind, instrument: Instrument, entry: Field, columns: Sequence[Column]) -> str:
    if kind is PanelKind.SPECTRUM:
        return ""
    if len(columns) > 1 and kind in {PanelKind.FLAGS, PanelKind.STATES}:
        return str(kind.value).capitalize()
    if entry.shape is Shape.LIST:
        return entry.label
    return columns[0].label if len(columns) == 1 else short_name(instrument)
