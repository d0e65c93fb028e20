"""Rows become bytes in one of HAPI's formats. The same values stand in all three, and the same texts in two of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ialirt_backfill.serve.datasets import Parameter, Type
from ialirt_backfill.serve.protocol import Piece
from ialirt_backfill.serve.requests import Format
from ialirt_backfill.serve.values import HapiRows, dtype_of

MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.BINARY: "application/octet-stream",
    Format.JSON: "application/json",
}
_NEEDS_QUOTES = frozenset(',"\r\n')


def written(
    format_: Format, parameters: Sequence[Parameter], rows: Iterable[HapiRows], header: bytes | None
) -> Iterator[Piece]:
    """The pieces of an answer. ``header`` is the info before the data; JSON always has it."""
    if format_ is Format.JSON:
        yield from _json(parameters, rows, header or b"{}")
        return
    if header is not None:
        yield b"".join(b"#%s\n" % line for line in header.splitlines())
    # A `map` lets go of the rows of one day before it asks for those of the next; a loop would hold them.
    yield from map(partial(_csv if format_ is Format.CSV else _binary, parameters), rows)


def _binary(parameters: Sequence[Parameter], rows: HapiRows) -> memoryview:
    found = np.empty(len(rows), [dtype_of(parameter) for parameter in parameters])
    for parameter in parameters:
        values = rows.values(parameter)
        found[parameter.name] = values.view(f"V{parameter.length}") if values.dtype.kind == "S" else values
    return found.view(np.uint8).data


def _csv(parameters: Sequence[Parameter], rows: HapiRows) -> memoryview:
    cells = [_joined(_texts(it, rows.values(it), _quoted), it.size and (it.width,)) for it in parameters]
    return _lines([*cells], ",", "\n")


def _json(parameters: Sequence[Parameter], rows: Iterable[HapiRows], header: bytes) -> Iterator[Piece]:
    yield header.rstrip()[:-1] + b', "data": [\n'
    between = b"["
    for lines in map(partial(_json_rows, parameters), rows):
        yield between
        yield lines
        between = b",\n["
    yield b"\n]}\n"


def _json_rows(parameters: Sequence[Parameter], rows: HapiRows) -> memoryview:
    """Without the bracket that the first of them begins with."""
    cells = [_bracketed(_texts(it, rows.values(it), _in_json), it.size) for it in parameters]
    return _lines(cells, ", ", "],\n[")[: -len(",\n[")]


# --- texts ------------------------------------------------------------------------------------------------------------


def _texts(parameter: Parameter, values: NDArray[Any], text_of: Callable[[str], str]) -> pa.Array:
    """Each value as it is written, one behind the other. A number is as short as reads back to the same."""
    flat = values.reshape(-1)
    if parameter.type in {Type.DOUBLE, Type.INTEGER}:
        return pa.array(flat).cast(pa.string())
    if parameter.type is Type.TIME:
        times = pa.array(flat, pa.binary(parameter.length)).cast(pa.binary()).cast(pa.string())
        return times if text_of is _quoted else pc.binary_join_element_wise('"', times, '"', "")
    different, which = np.unique(flat, return_inverse=True)
    return pa.array([text_of(text.decode()) for text in different.tolist()], pa.string()).take(pa.array(which))


def _quoted(text: str) -> str:
    """A cell of CSV."""
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES & set(text) else text


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _joined(texts: pa.Array, sizes: Sequence[int], separator: str = ",") -> pa.Array:
    """So many texts at a time as one."""
    for size in reversed(sizes):
        offsets = pa.array(np.arange(0, len(texts) + 1, size, dtype=np.int32))
        texts = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), separator)
    return texts


def _bracketed(texts: pa.Array, sizes: Sequence[int]) -> pa.Array:
    """The values as nested arrays of JSON."""
    for size in reversed(sizes):
        texts = pc.binary_join_element_wise("[", _joined(texts, (size,), ", "), "]", "")
    return texts


def _lines(cells: Sequence[pa.Array], separator: str, end: str) -> memoryview:
    """The cells of each row as a line, and the lines one behind the other: where arrow keeps them."""
    rows = pc.binary_join_element_wise(*cells, separator)
    lines = pc.binary_join_element_wise(rows, end, "")
    _, offsets, text = lines.buffers()
    return memoryview(text)[: np.frombuffer(offsets, np.int32)[len(lines)]] if len(lines) else memoryview(b"")


def header_of(info: Mapping[str, object], format_: Format) -> bytes:
    """The info that stands before data: it says which format follows."""
    return json.dumps({**info, "format": format_.value}, ensure_ascii=False).encode()
